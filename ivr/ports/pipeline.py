"""What the road of a call needs of the exchange, the database and the files; every method may raise Unavailable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

from ivr.domain.call import Call
from ivr.domain.events import Fact, LedgerBatch, LiveEvent, Source
from ivr.domain.reconciliation import CallFacts, Difference, TrackFacts
from ivr.domain.recording import RecordingName, Track, TrackJob
from ivr.domain.transcript import TrackTranscript

FoldCall = Callable[[Sequence[Fact]], Call | None]


class LedgerSource(Protocol):
    """One kind of ledger file, read across rotation."""

    source: Source

    async def read(self, positions: dict[str, int]) -> LedgerBatch | None:
        """The next facts after these positions, or None when everything is read."""
        ...


class LedgerStore(Protocol):
    """Facts and file positions, committed together."""

    async def positions(self, source: Source) -> dict[str, int]: ...

    async def commit(self, batch: LedgerBatch, fold: FoldCall) -> Sequence[Call]:
        """Store the facts, the position, the calls they make and the orders those open, in one transaction.

        Returns the calls that changed. A batch that does not begin at the stored position stores nothing: another
        controller was faster.
        """
        ...

    async def open_calls(self, before: float) -> Sequence[str]:
        """Linked ids of calls that arrived before this time (Unix seconds) and have not ended."""
        ...

    async def interrupt(self, linked_id: str, at: float, fold: FoldCall) -> None:
        """Close a call whose Asterisk is gone."""
        ...


class Exchange(Protocol):
    """The live side of Asterisk."""

    def events(self) -> AsyncIterator[LiveEvent]:
        """Snapshots and events in order; one consumer."""
        ...

    async def mute_recording(self, channel: str, track: str, muted: bool) -> None:
        """Keep hold music off one track while keeping its time; ``track`` is caller or operator."""
        ...


class QueueLiveStore(Protocol):
    """The queue board that pages read."""

    async def save(self, boards: dict[str, dict[str, Any]], link_up: bool, changed: Sequence[str]) -> None:
        """Write every board with the time of writing, and announce the queues that changed."""
        ...


class Spool(Protocol):
    """The folder Asterisk records into."""

    async def finished(self) -> Sequence[RecordingName]:
        """Recordings whose done mark says that both files are closed."""
        ...

    async def unfinished(self, older_than_s: float) -> Sequence[RecordingName]:
        """Recordings without a done mark whose files have not grown for so long: a killed Asterisk leaves these."""
        ...

    async def check(self, name: RecordingName, repair: bool) -> tuple[list[Track], str]:
        """The tracks that hold sound, and a problem in plain words or ''. ``repair`` mends a header of zeros."""
        ...

    async def settle(self, name: RecordingName) -> None:
        """Remember on disk that the recording was taken in; doing it twice is harmless."""
        ...

    async def free_bytes(self) -> int:
        """Space left on the recordings volume."""
        ...


class TrackStore(Protocol):
    """Recorded tracks, their work and their transcripts."""

    async def add(self, tracks: Sequence[Track]) -> int:
        """Take tracks in, all in one transaction; those already known are left alone. Returns how many were new."""
        ...

    async def call_over(self, linked_id: str) -> bool:
        """Whether the call this recording belongs to has ended, as far as the ledger tells."""
        ...

    async def take(self, worker: str, lease_s: float) -> TrackJob | None:
        """Lease the oldest open track and count the attempt; None when there is none."""
        ...

    async def extend(self, track_id: int, worker: str, lease_s: float) -> bool:
        """Keep a lease; False when it was lost, and the work with it."""
        ...

    async def finish(self, job: TrackJob, worker: str, transcript: TrackTranscript) -> bool:
        """Store a transcript, end the job and fill the order when it was the call's last; False when not ours."""
        ...

    async def fail(self, job: TrackJob, worker: str, problem: str, hopeless: bool) -> bool:
        """Give a track back, or quarantine it when its attempts are used up or it is hopeless; its file stays."""
        ...

    async def wait_for_work(self, within_s: float) -> None:
        """Return when work may have come, at the latest after this time."""
        ...


class BookStore(Protocol):
    """The database's side of a reconciliation; ``since`` is Unix time in seconds."""

    async def calls(self, since: float) -> dict[str, CallFacts]: ...

    async def tracks(self, since: float) -> Sequence[TrackFacts]: ...

    async def ledger_calls(self, since: float) -> frozenset[str]: ...

    async def orders_without_call(self, since: float) -> tuple[str, ...]: ...

    async def give_up_recording(self, linked_id: str) -> None:
        """Fill the order of a call whose recording will not come, and say so in its note."""
        ...

    async def remember(self, at: float, differences: Sequence[Difference]) -> None: ...


class SoundFiles(Protocol):
    """The disk's side of a reconciliation."""

    async def sizes(self, since: float) -> dict[str, int]:
        """Bytes of sound by path relative to the recordings folder, of files changed since then."""
        ...


class Alarms(Protocol):
    """Conditions people must see, on the page and in the log."""

    async def raised(self, name: str, text: str) -> None: ...

    async def cleared(self, name: str) -> None: ...
