"""Pictures of documents that were held to a village's camera: what may be kept, and where it lies.

A picture is taken by the operator's page from the video it decoded, so it is as sharp as what came, and no sharper.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from ivr.domain.errors import CallerFault

MediaType = Literal["image/png", "image/jpeg"]
ENDINGS: Final[dict[MediaType, str]] = {"image/png": "png", "image/jpeg": "jpg"}
MOST_BYTES: Final = 6 * 1024 * 1024
LEAST_SIDE: Final = 16
MOST_SIDE: Final = 4096
MOST_A_CALL: Final = 20
ASKED: Final = "user:PICTURE_ASKED"
"""The ledger's fact (CELGenUserEvent of dialplan/village_picture.j2) that the villager was asked."""
_PATH = re.compile(r"pictures/[0-9]{8}/[A-Za-z0-9._-]{1,120}-[0-9a-f]{32}\.(?:png|jpg)", re.ASCII)


class PictureRefused(CallerFault):
    """It is no picture, too large, one too many, or nobody was asked; the text says which, for the operator."""

    code = "picture_refused"


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the bytes were found to be, whatever was said of them; sides in pixels."""

    media_type: MediaType
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A kept picture. ``asked_at`` is when the villager was asked for consent, ``taken_by`` the account that heard it given.

    ``path`` is relative to the recordings folder; ``deleted_at`` is set once its time was over.
    """

    id: int
    linked_id: str
    path: str
    media_type: MediaType
    width: int
    height: int
    size_bytes: int
    sha256: bytes
    asked_at: datetime
    taken_at: datetime
    taken_by: str
    deleted_at: datetime | None = None


def path_of(linked_id: str, day: str, sha256: bytes, media_type: MediaType) -> str:
    """Where a picture lies: named from Asterisk's id and its own content only, so that the same one is kept once."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "_" for c in linked_id)[:120]
    return f"pictures/{day}/{plain}-{sha256.hex()[:32]}.{ENDINGS[media_type]}"


def is_picture_path(path: str) -> bool:
    """Whether this is a path of ours."""
    return _PATH.fullmatch(path) is not None and "/." not in path


def demand_sides(width: int, height: int) -> None:
    """Raise PictureRefused for sides no camera of a village has."""
    if not (LEAST_SIDE <= min(width, height) and max(width, height) <= MOST_SIDE):
        raise PictureRefused(f"图片的边长须在 {LEAST_SIDE} 到 {MOST_SIDE} 像素之间。")
