"""A wall clock that a test sets while the product runs, in every process of it; monotonic time is left alone."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.e2e.hotline import RunningHotline
from tests.faults.small_volume import build_preload


class SteppedClock:
    """Prepares a product that has not started; ``set_to`` moves its wall clock, Asterisk's and PostgreSQL's included."""

    def __init__(self, product: RunningHotline) -> None:
        self._file = product.folder / "clock"
        self._file.write_bytes(struct.pack("q", 0))
        self._file.chmod(0o644)
        library = build_preload(Path(__file__).with_name("stepped_clock.c"), product.folder)
        product.environment |= {"LD_PRELOAD": str(library), "STEPPED_CLOCK": str(self._file)}

    def set_to(self, offset_s: int) -> None:
        """Seconds from the true time; the processes have the file mapped, so it is written in place and at once."""
        with self._file.open("r+b", buffering=0) as file:
            file.write(struct.pack("q", offset_s * 10**9))
