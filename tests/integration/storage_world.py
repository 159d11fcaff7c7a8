"""Calls, batches and tracks for the storage tests, made as the ledger and the spool make them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from ivr.domain.call import fold
from ivr.domain.events import Fact, LedgerBatch
from ivr.domain.intake import Draft
from ivr.domain.recording import RecordingName, Track, TrackJob
from ivr.domain.transcript import Segment, Speaker, TrackTranscript, Transcript, Word
from ivr.storage.ledger import PostgresLedger
from ivr.storage.recordings import PostgresTracks
from ivr.storage.work_orders import WorkOrders

if TYPE_CHECKING:
    from datetime import date

    from ivr.storage.database import Pool

T0 = 1795506589.0
UUID = "d4632ef1-7834-4f9a-8fed-687385b99146"
DUE = datetime(2026, 11, 25, 10, tzinfo=UTC)
FOLD = partial(fold, prefixes={})


def linked(n: int) -> str:
    return f"t-1-1795506589.{n}"


def base(n: int) -> str:
    return f"20261124/{linked(n)}-{UUID}"


def facts(n: int, *, answered: bool = True, ended: bool = True, file_id: str = "f", first: int = 0) -> list[Fact]:
    """The facts of call ``n``; positions count from ``first``."""
    caller = {"uniqueid": linked(n), "channame": "PJSIP/trunk-carrier-00000000"}
    seat = {"uniqueid": linked(n) + "9", "channame": "PJSIP/seat-one-00000001"}
    rows = [
        ("CHAN_START", caller | {"context": "from-trunk-carrier", "exten": "12348", "num": "13800000001", "name": "马\"建国'"}),
        ("user:QUEUE_ENTERED", caller | {"extra": "hotline"}),
    ]
    if answered:
        rows += [("user:RECORDING", caller | {"extra": base(n)}), ("BRIDGE_ENTER", seat), ("BRIDGE_ENTER", caller)]
    if ended:
        rows += [("HANGUP", caller | {"hangupcause": 16, "hangupsource": "PJSIP/trunk-carrier-00000000"}), ("LINKEDID_END", caller)]
    return [Fact("cel", file_id, first + i, linked(n), kind, T0 + n + i, data) for i, (kind, data) in enumerate(rows)]


def batch(rows: Sequence[Fact], start: int | None = None, end: int | None = None, file_id: str = "f") -> LedgerBatch:
    """A batch that begins at its first fact (or ``start``) and ends after its last."""
    begin = rows[0].position if start is None else start
    return LedgerBatch("cel", file_id, begin, (rows[-1].position + 1) if end is None else end, tuple(rows))


class Composer:
    """Drafts nothing, and counts how often it was asked for each call."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.texts: dict[str, str] = {}

    def __call__(self, transcript: Transcript, caller_number: str, called_on: date) -> Draft:
        self.asked.append(transcript.linked_id)
        self.texts[transcript.linked_id] = "|".join(s.text for s in transcript.segments)
        return Draft("test", (), ())


class World:
    """The stores over one pool."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.composer = Composer()
        self.orders = WorkOrders(self.composer, "test", lambda call: DUE if call.outcome == "message" else None)
        self.ledger = PostgresLedger(pool, self.orders)
        self.tracks = PostgresTracks(pool, self.orders)

    async def call(self, n: int, *, answered: bool = True, ended: bool = True) -> None:
        """A whole call through the ledger, in a file of its own."""
        rows = facts(n, answered=answered, ended=ended, file_id=f"call-{n}")
        await self.ledger.commit(batch(rows, file_id=f"call-{n}"), FOLD)

    async def count(self, table: str, where: str = "true") -> int:
        return int(await self.pool.fetchval(f"SELECT count(*) FROM {table} WHERE {where}"))

    async def order(self, n: int) -> dict[str, object]:
        """The one order of call ``n``."""
        rows = await self.pool.fetch("SELECT * FROM work_order WHERE opened_by_call = $1", linked(n))
        assert len(rows) == 1
        return dict(rows[0])


def tracks(n: int) -> list[Track]:
    name = RecordingName.parse(base(n))
    assert name is not None
    return [Track(name, speaker, 30.0, 480_044, 8000) for speaker in ("caller", "operator")]


def heard(job: TrackJob, text: str = "您好") -> TrackTranscript:
    """One segment of one word, or silence for an empty text."""
    speaker: Speaker = job.track
    said = (Segment(speaker, 1.0, 2.0, (Word(text, 1.0, 2.0, 0.9),)),) if text else ()
    return TrackTranscript(speaker, "scripted", 30.0, 1.0, said)
