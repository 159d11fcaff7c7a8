"""One mono track on disk, whole or still being recorded, read in blocks that do not depend on when they were read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ivr.domain.errors import AudioUnreadable
from ivr.speech.audio import Samples, WavInfo, inspect_mono, open_sound, read_frames


class TrackFile:
    """The samples of a track. Blocking; for decoder children.

    ``wait_for_more`` is None for a finished recording. For one that still grows it waits a moment and returns True once
    the recording is closed. ``on_grown`` is told the seconds known so far, before they are read. Raises AudioUnreadable
    as ``inspect_mono`` does, for a growing file only when it is closed or more than a header is wrong.
    """

    def __init__(
        self, path: Path, wait_for_more: Callable[[], bool] | None = None, on_grown: Callable[[float], None] | None = None
    ) -> None:
        self._path = path
        self._wait = wait_for_more
        self._on_grown = on_grown or (lambda _: None)
        self._info = self._first_look()

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return self._info.sample_rate

    @property
    def seconds(self) -> float:
        """How much is known so far."""
        return self._info.seconds

    def blocks(self, frames: int) -> Iterator[Samples]:
        """All samples in blocks of ``frames``, the last one shorter; a growing track's blocks come as it grows."""
        at = 0
        while True:
            known = self._info.frames - at
            if known >= frames or (known > 0 and self._wait is None):
                block = self.read(at, min(known, frames))
                if len(block) < min(known, frames):
                    raise AudioUnreadable(f"{self._path.name}: became shorter while it was read")
                yield block
                at += len(block)
            elif self._wait is None:
                return
            else:
                self._look_again()

    def read(self, first: int, count: int) -> Samples:
        """Samples ``first … first + count``, fewer at the end of what is known."""
        with open_sound(self._path) as stream:
            return read_frames(stream, self._info, first, count)

    def _first_look(self) -> WavInfo:
        while True:
            try:
                info = inspect_mono(self._path)
            except AudioUnreadable:
                # The recorder writes the header with the first two seconds of sound: until then there is nothing to judge.
                if self._wait is None or (self._path.is_file() and self._path.stat().st_size > _HEADER_BYTES):
                    raise
                self._note_end()
                continue
            self._on_grown(info.seconds)
            return info

    def _look_again(self) -> None:
        self._note_end()
        grown = inspect_mono(self._path)
        if grown.frames < self._info.frames or grown.data_offset != self._info.data_offset:
            raise AudioUnreadable(f"{self._path.name}: became another file while it was recorded")
        self._info = grown
        self._on_grown(grown.seconds)

    def _note_end(self) -> None:
        if self._wait is not None and self._wait():
            self._wait = None


_HEADER_BYTES = 44
