"""Compare what Asterisk wrote down, what lies on disk and what the database says; every difference has a reason.

Pure: the rows are gathered elsewhere (ivr.storage.reconciliation, ivr.speech.spool). A difference is a fact to act on,
not a guess: what may still be on its way is left out until ``settled_after_s`` has passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ivr.domain.recording import OPEN_STATES, RecordingName, TrackState

DifferenceKind = Literal[
    "call_without_order", "facts_without_call", "order_without_call", "call_never_ended", "recording_missing",
    "track_file_missing", "file_without_track", "file_name_unknown", "length_differs", "track_waits", "order_unfilled",
    "track_quarantined",
]

REASONS: dict[DifferenceKind, str] = {
    "call_without_order": "通话已结束，却没有工单",
    "facts_without_call": "账本里有这通来电，数据库里没有",
    "order_without_call": "工单由来电生成，却找不到这通来电",
    "call_never_ended": "来电早该结束，账本里没有结束记录",
    "recording_missing": "双方通过话，也没有拒绝录音，却找不到录音",
    "track_file_missing": "录音登记过，文件却不在磁盘上",
    "file_without_track": "磁盘上有录音文件，却没有登记",
    "file_name_unknown": "文件名不是本系统产生的，已原样保留",
    "length_differs": "录音长度与通话时长不符",
    "track_waits": "录音等待转写太久",
    "order_unfilled": "录音都已处理完，工单却没有填写",
    "track_quarantined": "录音无法转写，已隔离，需人工收听",
}

_LENGTH_SLACK_S = 2.5
_LENGTH_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that does not fit; ``subject`` is a linked id, an order number or a path."""

    kind: DifferenceKind
    subject: str
    detail: str = ""

    @property
    def reason(self) -> str:
        """What it means, for people."""
        return REASONS[self.kind]


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call as stored. Times are Unix seconds."""

    linked_id: str
    ended_at: float | None
    arrived_at: float
    talk_s: float | None
    recording_expected: bool
    order_number: str
    order_filled: bool


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """One registered track."""

    linked_id: str
    path: str
    seconds: float
    state: TrackState
    ready_at: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Books:
    """Everything compared, of one stretch of time. ``files`` maps a path to its bytes of sound."""

    calls: Mapping[str, CallFacts]
    tracks: tuple[TrackFacts, ...]
    files: Mapping[str, int]
    ledger_calls: frozenset[str]
    orders_without_call: tuple[str, ...] = ()
    live: frozenset[str] = field(default_factory=frozenset)


def compare(books: Books, now: float, *, settled_after_s: float = 60.0, longest_call_s: float = 7200.0) -> list[Difference]:
    """Every difference, ordered by kind and subject, so that two runs over the same books say the same."""
    found = [*_of_calls(books, now, settled_after_s, longest_call_s), *_of_tracks(books, now, settled_after_s), *_of_files(books)]
    return sorted(found, key=lambda d: (d.kind, d.subject))


def _of_calls(books: Books, now: float, settled_after_s: float, longest_call_s: float) -> Iterator[Difference]:
    tracks: dict[str, list[TrackFacts]] = {}
    for track in books.tracks:
        tracks.setdefault(track.linked_id, []).append(track)
    for linked_id in books.ledger_calls - set(books.calls):
        yield Difference("facts_without_call", linked_id)
    for number in books.orders_without_call:
        yield Difference("order_without_call", number)
    for call in books.calls.values():
        if call.ended_at is None:
            if now - call.arrived_at > longest_call_s + settled_after_s and call.linked_id not in books.live:
                yield Difference("call_never_ended", call.linked_id)
            continue
        if not call.order_number:
            yield Difference("call_without_order", call.linked_id)
        own = tracks.get(call.linked_id, [])
        if now - call.ended_at <= settled_after_s:
            continue
        if call.recording_expected and not own:
            yield Difference("recording_missing", call.linked_id)
        elif call.order_number and not call.order_filled and not any(t.state in OPEN_STATES for t in own):
            yield Difference("order_unfilled", call.linked_id)
        for track in own:
            if call.talk_s is not None and _differs(track.seconds, call.talk_s):
                yield Difference("length_differs", call.linked_id, f"{track.path}: {track.seconds:.1f} s / {call.talk_s:.1f} s")


def _differs(recorded_s: float, talked_s: float) -> bool:
    return abs(recorded_s - talked_s) > max(_LENGTH_SLACK_S, _LENGTH_SHARE * talked_s)


def _of_tracks(books: Books, now: float, settled_after_s: float) -> Iterator[Difference]:
    for track in books.tracks:
        if track.path not in books.files:
            yield Difference("track_file_missing", track.linked_id, track.path)
        if track.state == "quarantined":
            yield Difference("track_quarantined", track.linked_id, track.problem)
        elif track.state in OPEN_STATES and now - track.ready_at > settled_after_s + 5 * track.seconds:
            yield Difference("track_waits", track.linked_id, track.path)


def _of_files(books: Books) -> Iterator[Difference]:
    registered = {t.path for t in books.tracks}
    for path, sound_bytes in books.files.items():
        if path in registered or not sound_bytes:
            continue
        name = RecordingName.parse(path.rpartition("-")[0])
        if name is None:
            yield Difference("file_name_unknown", path)
        elif (call := books.calls.get(name.linked_id)) is None or call.ended_at is not None:
            yield Difference("file_without_track", name.linked_id, path)
