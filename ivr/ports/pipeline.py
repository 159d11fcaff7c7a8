"""What the road of a call needs of the exchange, the database and the files; every method may raise Unavailable."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ivr.domain.call import Call
from ivr.domain.caller_language import CallerLanguage
from ivr.domain.events import Fact, LedgerBatch, LiveEvent, Source
from ivr.domain.nuisance import Listing
from ivr.domain.reconciliation import Books, Difference, LedgerFile
from ivr.domain.recording import RecordingName, Track, TrackJob
from ivr.domain.transcript import Segment, TrackTranscript

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

    async def witness(self, linked_id: str, facts: Sequence[Fact], fold: FoldCall) -> Call | None:
        """Commit facts the controller saw live, when the stored ones do not tell the call's end or not its outcome.

        Call, order and facts in one transaction, as ``commit`` does it. None when nothing had to be stored.
        """
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

    async def closed(self, name: RecordingName) -> bool:
        """Whether the files' headers tell their length, as their writer leaves them."""
        ...

    async def still(self, name: RecordingName, for_s: float) -> bool:
        """Whether nothing was written to the files for so long."""
        ...

    async def check(self, name: RecordingName, repair: bool) -> tuple[list[Track], str]:
        """The tracks that hold sound, and a problem in plain words or ''. ``repair`` mends a header of zeros."""
        ...

    async def settle(self, name: RecordingName) -> None:
        """Remember on disk that the recording was taken in; doing it twice is harmless."""
        ...

    async def discard(self, name: RecordingName) -> None:
        """Remove a recording without sound, header and all: nobody was heard, or nobody wanted to be."""
        ...


class LiveWords(Protocol):
    """What is heard of calls while they go on, told to pages; never the transcript."""

    async def hear(self, linked_id: str, first: int, segments: Sequence[Segment]) -> None:
        """Keep segments of one speaker, numbered from ``first``, and tell that there are some."""
        ...


class TrackStore(Protocol):
    """Recorded tracks, their work and their transcripts."""

    async def add(self, tracks: Sequence[Track]) -> int:
        """Take tracks in, all in one transaction; those already known are left alone. Returns how many were new."""
        ...

    async def call_over(self, linked_id: str) -> bool | None:
        """Whether the call this recording belongs to has ended, as far as the ledger tells; None when it told of no such call."""
        ...

    async def take(
        self, worker: str, lease_s: float, follower: str = "", longest_s: float | None = None
    ) -> TrackJob | None:
        """Lease an open track, of at most ``longest_s``, and count the attempt; None when there is none.

        Tracks that ``follower`` has followed come first, then the oldest; what others follow is left to them.
        """
        ...

    async def being_recorded(self, limit: int) -> Sequence[RecordingName]:
        """Recordings of calls in conversation, the longest conversation first."""
        ...

    async def follow(self, paths: Sequence[str], follower: str, lease_s: float) -> frozenset[str]:
        """Claim tracks that are still being recorded, or keep the claim; those of ``paths`` that are ours now."""
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
    """The database's side of a reconciliation; times are Unix seconds."""

    async def read(self, since: float, paths: Sequence[str]) -> Books:
        """Everything stored since then, and tracks of these paths whenever they were taken in, as of one moment."""
        ...

    async def recordings_awaited(self, ended_before: float) -> Sequence[tuple[str, str]]:
        """Calls whose order waits for a recording of which no track is known: (linked id, recording's base name)."""
        ...

    async def give_up_recording(self, linked_id: str) -> None:
        """Fill the order of a call whose recording will not come, and say so in its note."""
        ...

    async def remember(self, at: float, differences: Sequence[Difference]) -> None: ...


class SoundFiles(Protocol):
    """The disk's side of a reconciliation."""

    async def changed(self, since: float, until: float) -> dict[str, int]:
        """Bytes of sound by path relative to the recordings folder, of files last changed between these Unix times.

        ``ivr.domain.reconciliation.NO_FILE`` stands for what is there and no plain file.
        """
        ...

    async def sizes(self, paths: Sequence[str]) -> dict[str, int]:
        """The same of these paths, whenever they changed; those where nothing lies are left out."""
        ...

    async def waits(self, name: RecordingName) -> bool:
        """Whether files of this recording lie there that were not taken in yet."""
        ...


class LedgerBooks(Protocol):
    """The ledger's files, as a reconciliation sees them."""

    async def files(self) -> dict[str, LedgerFile]:
        """Every ledger file that holds a whole line, by its file id."""
        ...


VolumeFault = Literal["full", "no_inodes", "read_only", "hung", "refused"]


@dataclass(frozen=True, slots=True)
class VolumeLook:
    """What one look at a volume found; ``fault`` is None when a small file was written, synced and removed.

    ``seconds`` is how long that took, ``free_bytes`` what an unprivileged writer has left, ``detail`` the system's word.
    """

    fault: VolumeFault | None
    free_bytes: int
    seconds: float
    detail: str = ""


class VolumeProbe(Protocol):
    """Looks at one volume."""

    async def look(self) -> VolumeLook:
        """Never raises, and never takes longer than its own limit, whatever the volume does."""
        ...


class Alarms(Protocol):
    """Conditions people must see, on the page and in the log."""

    async def raised(self, name: str, text: str) -> None: ...

    async def cleared(self, name: str) -> None: ...


class Listings(Protocol):
    """Numbers under the nuisance rule."""

    async def in_force(self) -> Sequence[Listing]:
        """Neither removed nor ended."""
        ...


class CallerLanguages(Protocol):
    """Which language a caller is known to want."""

    async def latest(self) -> Sequence[CallerLanguage]:
        """Every number's last word, also those taken back; of very many the latest."""
        ...


class ExchangeTable(Protocol):
    """The exchange's own copy of records: keys of digits (ivr.domain.exchange_table), values of lower-case letters and digits."""

    async def held(self) -> dict[str, str]: ...

    async def put(self, key: str, value: str) -> None: ...

    async def delete(self, key: str) -> None: ...
