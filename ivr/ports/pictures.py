"""Pictures of documents held to a village's camera; ``ivr.domain.errors.Unavailable`` when the record or the disk is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ivr.domain.picture import Picture


class PictureDesk(Protocol):
    """Kept with the call they were taken in, and so with its order."""

    async def keep(self, linked_id: str, data: bytes, by: str) -> Picture:
        """Keep one, whole or not at all, with its audit row; the same bytes again are the same picture.

        Raises PictureRefused when the bytes are no picture, the call has too many, or its villager was not asked; NotFound.
        """
        ...

    async def of_order(self, number: str) -> Sequence[Picture]:
        """Of all calls of an order, the oldest first, those whose time was over too."""
        ...

    async def read(self, picture: Picture) -> bytes:
        """The file as it was kept. NotFound when it is gone or is not what it was."""
        ...
