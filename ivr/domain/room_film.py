"""The recorded picture of a room of three sides: when there is one, why there is none, and where it lies.

Nobody is recorded who was not told: the dialplan says it before the room, and the ledger keeps who heard it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from ivr.domain.errors import CallerFault
from ivr.domain.stored_video import Codec

FilmState = Literal["", "none", "asked", "on", "stopping", "over"]
"""Of an invitation: '' the office records no pictures, ``none`` not of this room, ``asked`` the people are told, ``on`` it is."""

FilmProblem = Literal["", "refused", "no_picture", "open", "no_space", "full", "failed", "stopped", "unreadable", "not_told"]
FILM_PROBLEMS: Final[tuple[FilmProblem, ...]] = get_args(FilmProblem)
"""Why there is no picture, or no more of it: ``refused`` the villager wants no recording at all, ``no_picture`` its call has none,
``open`` the room was open before anybody was told, ``no_space`` the disk's reserve, ``full`` the office's own bound, ``failed`` the
exchange did not record, ``stopped`` the lawyer ended it, ``unreadable`` nothing in the file can be shown, ``not_told`` the villager
had not heard the whole notice, so that what was recorded was deleted.
"""

TOLD: Final = "user:FILM_TOLD"
"""The ledger's fact (CELGenUserEvent of dialplan/room.j2) that somebody heard the notice; ``extra``: ``villager``, or the third."""
VILLAGER: Final = "villager"
SPOOL: Final = "filming"
ENDINGS: Final[dict[str, str]] = {"video/webm": "webm", "video/mp4": "mp4"}
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SPOOLED = re.compile(rf"([A-Za-z0-9][A-Za-z0-9-]{{0,60}}-[0-9]+\.[0-9]+)-({_UUID})", re.ASCII)
_PATH = re.compile(rf"films/[0-9]{{8}}/[A-Za-z0-9][A-Za-z0-9.-]{{1,120}}-{_UUID}\.(?:webm|mp4)", re.ASCII)


class FilmUnreadable(CallerFault):
    """Nothing in the file can be shown."""

    code = "film_unreadable"


@dataclass(frozen=True, slots=True)
class Spooled:
    """What Asterisk wrote of one room, finished: ``name`` of its two files; ``codec`` None when no picture ever came."""

    name: str
    linked_id: str
    codec: Codec | None
    began_at: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Film:
    """The kept picture and sound of one room. ``told_at`` is when the villager had heard that it would be.

    ``path`` is relative to the recordings folder, '' where ``problem`` says why there is no file; ``seconds`` and ``frames`` are
    of the file; ``deleted_at`` is set once its time was over.
    """

    id: int
    linked_id: str
    name: str
    path: str
    media_type: str
    width: int
    height: int
    frames: int
    seconds: float
    size_bytes: int
    sha256: bytes
    began_at: datetime
    told_at: datetime | None
    third_told: str
    third_told_at: datetime | None
    problem: FilmProblem
    deleted_at: datetime | None


def linked_id_of(name: str) -> str:
    """Whose room a file of the spool is; '' for a name that is not ours."""
    found = _SPOOLED.fullmatch(name)
    return found[1] if found else ""


def path_of(name: str, day: str, media_type: str) -> str:
    """Where a film lies; its name is Asterisk's ids only, and each is kept once."""
    return f"films/{day}/{name}.{ENDINGS[media_type]}"


def is_film_path(path: str) -> bool:
    """Whether this is a path of ours."""
    return _PATH.fullmatch(path) is not None and "/." not in path
