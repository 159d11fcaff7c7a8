"""How a device fetches its own configuration: which file it asks for, and what proves that it may.

The address holds a random token and nothing of the device. Whoever has it has the device's secret, so it is shown once, like the
secret, ends with it, and only its digest is kept.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""256 bits as URL-safe Base64 without padding."""
MOST_FETCHES: Final = 100
"""A phone asks at each start; what asks more often than this in an address's life is no phone."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one maker's phones understand. ``asked`` is what the phone is told after the token, '' where it adds a name itself.

    ``files`` are the names it then asks for (with its MAC address or not), ``models`` how the register's model begins.
    """

    name: str
    asked: str
    files: re.Pattern[str]
    media_type: str
    models: re.Pattern[str]


_NEVER: Final = re.compile(r"(?!)")
SOFT_CLIENT: Final = Dialect("linphone", "linphone.xml", re.compile(r"linphone\.xml"), "application/xml", re.compile("linphone"))
GENERIC: Final = Dialect("generic", "phone.txt", re.compile(r"phone\.txt"), "text/plain", _NEVER)
DIALECTS: Final = (
    Dialect(
        "grandstream", "", re.compile(r"cfg([0-9a-f]{12})?\.xml"), "application/xml", re.compile(r"(grandstream )?(gxv|gxp|grp)")
    ),
    Dialect(
        "yealink", "phone.cfg", re.compile(r"(phone|[0-9a-f]{12})\.cfg"), "text/plain",
        re.compile(r"yealink|(sip-)?(vp|t)[0-9]{2}"),
    ),
    SOFT_CLIENT,
    GENERIC,
)


def dialect_of(model: str) -> Dialect:
    """What a phone of this model understands; plain text, to be typed in, for a model that is not known."""
    return next((d for d in DIALECTS if d.models.match(model.casefold())), GENERIC)


def dialect_asked(file: str) -> Dialect | None:
    """Whose file this is; None for a name that no phone asks for."""
    return next((d for d in DIALECTS if d.files.fullmatch(file.casefold())), None)


def digest_of(token: str) -> bytes | None:
    """What is kept of a token, 32 bytes; None for what is no token. Random 256 bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).digest() if TOKEN.fullmatch(token) else None
