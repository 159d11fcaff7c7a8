"""The one root of every error this product raises on purpose, each with a stable code and the side at fault."""

from __future__ import annotations

from typing import ClassVar


class IvrError(Exception):
    """Root of all expected errors: ``code`` is stable for machines, the text says what happened and what to do."""

    code: ClassVar[str] = "error"


class CallerFault(IvrError):
    """What was asked for cannot be done as asked: web/ answers 4xx."""

    code = "bad_request"


class NotFound(CallerFault):
    """The thing named does not exist, or the asker may not know that it does."""

    code = "not_found"


class Denied(CallerFault):
    """The asker is known and lacks the role."""

    code = "denied"


class Unauthenticated(CallerFault):
    """No valid session or token came with the request."""

    code = "unauthenticated"


class BadSetting(CallerFault):
    """A setting, file or table given by an administrator is wrong; the text names it and the remedy."""

    code = "bad_setting"


class Unavailable(IvrError):
    """Something this product stands on (Asterisk, PostgreSQL, the model, the disk) is away for now: web/ answers 503."""

    code = "unavailable"


class AudioUnreadable(IvrError):
    """The bytes are no sound this product can decode; trying again will not help."""

    code = "audio_unreadable"


class RecognizerFailed(IvrError):
    """The decoder died, hung or passed its CPU budget on this file; it may be tried again, a bounded number of times."""

    code = "recognizer_failed"
