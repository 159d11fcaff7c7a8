"""Pictures without a database: every order has the same one, and every call takes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ivr.domain.errors import NotFound
from ivr.domain.picture import Picture

T0 = datetime(2026, 11, 23, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"
_ONE = Picture(1, "b1-1.1", "pictures/20261123/b1-1.1-" + "0" * 32 + ".png", "image/png", 640, 360, len(PNG), b"x" * 32, T0, T0, "chen")


class OnePicture:
    """ivr.ports.pictures.PictureDesk."""

    async def keep(self, linked_id: str, data: bytes, by: str) -> Picture:
        return _ONE

    async def of_order(self, number: str) -> Sequence[Picture]:
        return [_ONE]

    async def read(self, picture: Picture) -> bytes:
        if picture.id != 1:
            raise NotFound("The picture is not on disk.")
        return PNG
