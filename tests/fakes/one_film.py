"""Films without a database: every order has the same one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ivr.domain.errors import NotFound
from ivr.domain.room_film import Film
from ivr.ports.films import OpenFilm

T0 = datetime(2026, 11, 23, tzinfo=UTC)
WEBM = b"\x1aE\xdf\xa3" + bytes(60)
_NAME = "b1-1764000000.1-00000000-0000-0000-0000-000000000000"
_ONE = Film(
    1, "b1-1764000000.1", _NAME, f"films/20261123/{_NAME}.webm", "video/webm", 640, 360, 250, 10.0, len(WEBM), b"x" * 32, T0, T0,
    "v-640105001-1", T0, "", None,
)


class _Open:
    size = len(WEBM)

    async def read(self, offset: int, length: int) -> bytes:
        return WEBM[offset:offset + length]

    async def close(self) -> None:
        return None


class OneFilm:
    """ivr.ports.films.FilmDesk."""

    async def of_order(self, number: str) -> Sequence[Film]:
        return [_ONE]

    async def open(self, film: Film) -> OpenFilm:
        if film.id != 1:
            raise NotFound("The film is not on disk.")
        return _Open()
