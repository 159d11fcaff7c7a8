"""A ZIP written while it is sent, stored and not compressed, with a list of sha256 as its last file; never whole in memory.

zipfile writes to anything that has ``write``: what it wrote is taken out and sent on after each piece.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from ivr.domain.case_file import CHECKSUMS, checksum_lines

Entry = tuple[str, AsyncIterator[bytes]]


class _Outlet(io.RawIOBase):
    """Keeps what was written until it is taken; cannot be sought, so that zipfile writes sizes after each file."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._sent = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._held += piece
        return len(piece)

    def tell(self) -> int:
        return self._sent + len(self._held)

    def take(self) -> bytes:
        piece = bytes(self._held)
        self._sent += len(piece)
        self._held.clear()
        return piece


async def zip_pieces(entries: Iterable[Entry], at: datetime) -> AsyncIterator[bytes]:
    """The archive's bytes in order; every file in it bears the time ``at``."""
    outlet, digests = _Outlet(), dict[str, str]()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, pieces in entries:
            digest = hashlib.sha256()
            with archive.open(_info(name, at), "w", force_zip64=True) as file:
                async for piece in pieces:
                    digest.update(piece)
                    file.write(piece)
                    yield outlet.take()
            digests[name] = digest.hexdigest()
            yield outlet.take()
        archive.writestr(_info(CHECKSUMS, at), checksum_lines(digests))
    yield outlet.take()


def _info(name: str, at: datetime) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
    info.external_attr = 0o644 << 16
    return info
