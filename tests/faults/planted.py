"""Calls that a test makes up: their facts in the ledger and their files in the spool, as Asterisk leaves them."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.domain.recording import TRACKS, RecordingName
from ivr.exchange_setup import Places
from tests.e2e.hotline import RunningHotline
from tests.fakes.ledger_lines import cel
from tests.faults.witness import pid_of, rows

Put = Callable[[Path], object]
"""Makes whatever is to lie at a track's path."""

_count = itertools.count(1)
_SEAT = "PJSIP/seat-one-00000001"


@dataclass(frozen=True, slots=True)
class PlantedCall:
    """One call between a citizen and seat one, over before the product hears of it."""

    product: RunningHotline
    name: RecordingName
    ended_at: float
    talk_s: float

    @classmethod
    def new(cls, product: RunningHotline, *, talk_s: float = 3.0, ended_at: float | None = None) -> PlantedCall:
        """An id that Asterisk's own never meet: another system name."""
        ended = time.time() if ended_at is None else ended_at
        linked_id = f"planted-1-{int(ended - talk_s)}.{next(_count)}"
        base = f"{time.strftime('%Y%m%d', time.localtime(ended))}/{linked_id}-{uuid.uuid4()}"
        return cls(product, RecordingName(base, linked_id), ended, talk_s)

    @property
    def linked_id(self) -> str:
        """The call's id."""
        return self.name.linked_id

    def file(self, track: str) -> Path:
        """Where a track's file lies."""
        return self.product.recordings / f"{self.name.base}-{track}.wav"

    def record(self, caller: Put, operator: Put, *, done: bool = True) -> None:
        """Make both files, then Asterisk's done mark."""
        self.file("caller").parent.mkdir(parents=True, exist_ok=True)
        for track, put in zip(TRACKS, (caller, operator), strict=True):
            put(self.file(track))
        if done:
            self.finish()

    def finish(self) -> None:
        """Put the done mark there."""
        (self.product.recordings / f"{self.name.base}.done").touch()

    def tell(self, **values: str) -> None:
        """Write the whole call into the ledger, each record in one append as Asterisk does."""
        start, answered, end = self.ended_at - self.talk_s - 1, self.ended_at - self.talk_s, self.ended_at
        facts: list[tuple[str, float, Mapping[str, str]]] = [
            ("CHAN_START", start, values), ("user:QUEUE_ENTERED", start, {"eventextra": '{"extra":"hotline"}'}),
            ("user:RECORDING", start, {"eventextra": f'{{"extra":"{self.name.base}"}}'}),
            ("BRIDGE_ENTER", answered, {"uniqueid": f"{self.linked_id}9", "channame": _SEAT}), ("BRIDGE_ENTER", answered, {}),
            ("HANGUP", end, {"eventextra": '{"hangupcause":16,"hangupsource":"PJSIP/trunk-carrier-00000000"}'}),
            ("LINKEDID_END", end, {}),
        ]
        ledger = Places(self.product.folder / "state").asterisk / "log/cel-custom/ledger.csv"
        for kind, at, more in facts:
            handle = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(handle, cel(kind, at, self.linked_id, **more))
            finally:
                os.close(handle)

    async def tracks(self) -> dict[str, dict[str, Any]]:
        """The call's tracks as stored, by side, with their text."""
        found = await rows(
            self.product, "SELECT t.*, (SELECT string_agg(s.text, '' ORDER BY s.ordinal) FROM transcript_segment s"
            " WHERE s.track_id = t.id) AS text FROM recording_track t WHERE linked_id = $1", self.linked_id,
        )
        return {t["track"]: dict(t) for t in found}

    async def settled(self, within_s: float) -> dict[str, dict[str, Any]]:
        """Wait until the one order of the call is filled; its tracks then."""
        async with asyncio.timeout(within_s):
            while not await self.order_filled():
                await asyncio.sleep(0.1)
        return await self.tracks()

    async def order_filled(self) -> bool:
        """Whether the order waits for nothing more."""
        return bool(await rows(
            self.product, "SELECT true FROM work_order WHERE opened_by_call = $1 AND filled_at IS NOT NULL", self.linked_id))

    async def order(self) -> dict[str, Any]:
        """The one order; fails when there are more or none."""
        [order] = await rows(
            self.product, "SELECT o.* FROM work_order_call oc JOIN work_order o ON o.id = oc.order_id WHERE oc.linked_id = $1",
            self.linked_id,
        )
        return dict(order)


    async def leased(self, within_s: float = 30) -> None:
        """Wait until a worker has taken one of its tracks and the ledger has told of it."""
        async with asyncio.timeout(within_s):
            while not await rows(
                self.product, "SELECT true FROM recording_track t JOIN call c USING (linked_id) WHERE t.state = 'leased'"
                " AND c.state = 'ended' AND t.linked_id = $1", self.linked_id,
            ):
                await asyncio.sleep(0.02)


async def differences(product: RunningHotline) -> set[tuple[str, str]]:
    """Kind and subject of everything `ivr reconcile` finds."""
    process = await product.cli("reconcile", "--days", "1", succeed=None)
    assert "Traceback" not in process, process
    [kept] = await rows(product, "SELECT differences FROM reconciliation ORDER BY id DESC LIMIT 1")
    return {(d["kind"], d["subject"]) for d in json.loads(kept["differences"])}


def family(product: RunningHotline) -> list[int]:
    """The worker, its decoder host and the decoders, in this order."""
    found = [pid_of(product, "worker")]
    for pid in found:
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                found += [int(child) for child in (thread / "children").read_text().split() if int(child) not in found]
    return found


def rss_kb(pids: list[int]) -> int:
    """Resident memory of the largest of them, in KiB."""
    most = 0
    for pid in pids:
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            most = max([most, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))])
    return most
