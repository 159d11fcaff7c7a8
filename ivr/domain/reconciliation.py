"""Compare what Asterisk wrote down, what lies on disk and what the database says; every difference has a reason.

Pure: the rows are gathered elsewhere (ivr.storage.reconciliation, ivr.speech.spool, ivr.telephony.ledger_source). A
difference is a fact to act on, not a guess: what may still be on its way is left out until ``settled_after_s`` has passed.
Each neighbour on the road of a call is compared with the next, both ways: ledger, call, recording, file, transcript, order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ivr.domain.recording import OPEN_STATES, TRACKS, RecordingName, TrackState
from ivr.domain.transcript import Speaker

DifferenceKind = Literal[
    "ledger_unread", "ledger_beyond_file", "facts_without_call", "call_without_facts", "call_end_unseen", "call_never_ended",
    "call_without_order", "order_without_call", "order_outcome_differs", "order_unfilled", "order_filled_early",
    "recording_missing", "track_missing", "track_without_call", "recorded_though_refused", "length_differs", "track_waits",
    "track_quarantined", "track_file_missing", "file_differs", "file_without_track", "file_name_unknown", "not_a_file",
    "file_outlived", "segment_astray", "transcript_missing", "transcript_unexpected", "transcript_beyond_sound",
]

REASONS: dict[DifferenceKind, str] = {
    "ledger_unread": "账本文件里有还没有读入数据库的记录",
    "ledger_beyond_file": "数据库记下的读取位置超出了账本文件，文件可能被截短或换过",
    "facts_without_call": "账本里有这通来电，数据库里没有",
    "call_without_facts": "数据库里有这通来电，账本里没有",
    "call_end_unseen": "账本里来电已结束，数据库里还没有结束",
    "call_never_ended": "来电早该结束，账本里没有结束记录",
    "call_without_order": "通话已结束，却没有工单",
    "order_without_call": "工单由来电生成，却找不到这通来电",
    "order_outcome_differs": "工单上的来电结果与来电记录不一致",
    "order_unfilled": "录音都已处理完，工单却没有填写",
    "order_filled_early": "工单填写之后才有录音处理完，工单里缺这段内容",
    "recording_missing": "双方通过话，也没有拒绝录音，却找不到录音",
    "track_missing": "只登记了一方的录音，另一方的没有",
    "track_without_call": "录音登记过，账本和数据库里都没有这通来电",
    "recorded_though_refused": "来电人不同意录音，却有录音",
    "length_differs": "录音长度与通话时长不符",
    "track_waits": "录音等待转写太久",
    "track_quarantined": "录音无法转写，已隔离，需人工收听",
    "track_file_missing": "录音登记过，文件却不在磁盘上",
    "file_differs": "录音文件的大小与登记时不同",
    "file_without_track": "磁盘上有录音文件，却没有登记",
    "file_name_unknown": "文件名不是本系统产生的，已原样保留",
    "not_a_file": "录音的位置上不是普通文件（链接、管道或文件夹），没有打开",
    "file_outlived": "录音到期已登记删除，文件却还在磁盘上；下一次删除时会清掉",
    "segment_astray": "转写片段不属于它所在来电的任何一条录音",
    "transcript_missing": "录音标为已转写，却没有转写内容",
    "transcript_unexpected": "录音标为无人说话或已隔离，却有转写内容",
    "transcript_beyond_sound": "转写的时间超出了录音长度",
}

NO_FILE = -1
"""In ``Books.files``: what lies there is no plain file."""

_LENGTH_SLACK_S = 2.5
_LENGTH_SHARE = 0.05
_HEADER_BYTES = 44
_FILLED_SLACK_S = 40.0
"""Times are those at which transactions began, and one may wait for another for as long as a statement may take."""


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
    """One call as stored. Times are Unix seconds; ``order_filled_at`` is None while the order waits for its transcript."""

    linked_id: str
    ended_at: float | None
    arrived_at: float
    talk_s: float | None
    recording_expected: bool
    order_number: str
    order_filled_at: float | None
    recording_refused: bool = False
    outcome: str = ""
    order_outcome: str = ""


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """One registered track: ``segments`` of its own in the transcript, the last of which ends at ``heard_until_s``."""

    linked_id: str
    path: str
    track: Speaker
    seconds: float
    bytes: int
    state: TrackState
    ready_at: float
    finished_at: float | None = None
    problem: str = ""
    segments: int = 0
    heard_until_s: float = 0.0
    call_known: bool = True
    deleted: bool = False
    transcript_deleted: bool = False


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """A ledger file on disk: its name, bytes and last change (Unix seconds)."""

    name: str
    bytes: int
    changed_at: float


@dataclass(frozen=True, slots=True)
class Books:
    """Everything compared, of one stretch of time.

    ``files`` maps a path to its bytes of sound, or NO_FILE. ``ledger_files`` and ``ledger_positions`` share file ids.
    """

    calls: Mapping[str, CallFacts]
    tracks: tuple[TrackFacts, ...]
    ledger_calls: frozenset[str]
    files: Mapping[str, int] = field(default_factory=dict)
    ended_in_ledger: frozenset[str] = frozenset()
    orders_without_call: tuple[str, ...] = ()
    segments_astray: tuple[str, ...] = ()
    facts_deleted: frozenset[str] = frozenset()
    ledger_files: Mapping[str, LedgerFile] = field(default_factory=dict)
    ledger_positions: Mapping[str, int] = field(default_factory=dict)
    live: frozenset[str] = field(default_factory=frozenset)


def compare(books: Books, now: float, *, settled_after_s: float = 60.0, longest_call_s: float = 7200.0) -> list[Difference]:
    """Every difference, ordered by kind and subject, so that two runs over the same books say the same."""
    found = [
        *_of_ledger(books, now, settled_after_s), *_of_calls(books, now, settled_after_s, longest_call_s),
        *_of_tracks(books, now, settled_after_s), *_of_files(books, now, settled_after_s),
        *(Difference("segment_astray", linked_id) for linked_id in books.segments_astray),
    ]
    return sorted(found, key=lambda d: (d.kind, d.subject, d.detail))


def _of_ledger(books: Books, now: float, settled_after_s: float) -> Iterator[Difference]:
    for file_id, file in books.ledger_files.items():
        read = books.ledger_positions.get(file_id, 0)
        if read > file.bytes:
            yield Difference("ledger_beyond_file", file.name, f"{read} / {file.bytes}")
        elif read < file.bytes and now - file.changed_at > settled_after_s:
            yield Difference("ledger_unread", file.name, f"{read} / {file.bytes}")
    for linked_id in books.ledger_calls - set(books.calls):
        yield Difference("facts_without_call", linked_id)
    for linked_id in set(books.calls) - books.ledger_calls - books.facts_deleted:
        yield Difference("call_without_facts", linked_id)


def _of_calls(books: Books, now: float, settled_after_s: float, longest_call_s: float) -> Iterator[Difference]:
    tracks: dict[str, list[TrackFacts]] = {}
    for track in books.tracks:
        tracks.setdefault(track.linked_id, []).append(track)
    for number in books.orders_without_call:
        yield Difference("order_without_call", number)
    for call in books.calls.values():
        own = tracks.get(call.linked_id, [])
        if call.recording_refused and own:
            yield Difference("recorded_though_refused", call.linked_id, printable(own[0].path))
        if call.ended_at is None:
            if call.linked_id in books.ended_in_ledger:
                yield Difference("call_end_unseen", call.linked_id)
            elif now - call.arrived_at > longest_call_s + settled_after_s and call.linked_id not in books.live:
                yield Difference("call_never_ended", call.linked_id)
            continue
        if not call.order_number:
            yield Difference("call_without_order", call.linked_id)
        elif call.order_outcome != call.outcome:
            yield Difference("order_outcome_differs", call.linked_id, f"{call.order_outcome} / {call.outcome}")
        if now - call.ended_at > settled_after_s:
            yield from _of_settled(call, own)


def _of_settled(call: CallFacts, own: list[TrackFacts]) -> Iterator[Difference]:
    """What must be there once a call has been over for a while."""
    waiting = any(t.state in OPEN_STATES for t in own)
    if call.recording_expected and not own:
        yield Difference("recording_missing", call.linked_id)
    elif call.order_number and call.order_filled_at is None and not waiting:
        yield Difference("order_unfilled", call.linked_id)
    elif call.order_filled_at is not None and (
        waiting or any(t.finished_at and t.finished_at > call.order_filled_at + _FILLED_SLACK_S for t in own)
    ):
        yield Difference("order_filled_early", call.linked_id, call.order_number)
    sides = {t.track for t in own}
    if own and len(sides) < len(TRACKS):
        yield Difference("track_missing", call.linked_id, printable(own[0].path))
    for track in own:
        if call.talk_s is not None and track.state != "quarantined" and length_differs(track.seconds, call.talk_s):
            yield Difference("length_differs", call.linked_id, f"{track.path}: {track.seconds:.1f} s / {call.talk_s:.1f} s")


def length_differs(recorded_s: float, talked_s: float) -> bool:
    """Whether a track is shorter or longer than its conversation by more than MixMonitor's own slack."""
    return abs(recorded_s - talked_s) > max(_LENGTH_SLACK_S, _LENGTH_SHARE * talked_s)


def _of_tracks(books: Books, now: float, settled_after_s: float) -> Iterator[Difference]:
    for track in books.tracks:
        if not track.call_known and track.linked_id not in books.ledger_calls and now - track.ready_at > settled_after_s:
            yield Difference("track_without_call", track.linked_id, track.path)
        if track.state == "quarantined":
            yield Difference("track_quarantined", track.linked_id, printable(track.problem))
        elif track.state in OPEN_STATES:
            if now - track.ready_at > settled_after_s + 5 * track.seconds:
                yield Difference("track_waits", track.linked_id, track.path)
            continue
        yield from _of_transcript(track)
        lies = books.files.get(track.path)
        if track.deleted:  # its time was over, and there is proof of it
            if lies is not None:
                yield Difference("file_outlived", track.linked_id, track.path)
        elif lies is None:
            yield Difference("track_file_missing", track.linked_id, track.path)
        elif lies != NO_FILE and lies != max(0, track.bytes - _HEADER_BYTES):
            yield Difference("file_differs", track.linked_id, f"{track.path}: {track.bytes} / {lies + _HEADER_BYTES}")


def _of_transcript(track: TrackFacts) -> Iterator[Difference]:
    if track.state == "transcribed" and not track.segments and not track.transcript_deleted:
        yield Difference("transcript_missing", track.linked_id, track.path)
    elif track.state != "transcribed" and track.segments:
        yield Difference("transcript_unexpected", track.linked_id, f"{track.path}: {track.segments} ({track.state})")
    elif track.heard_until_s > track.seconds + _LENGTH_SLACK_S:
        yield Difference(
            "transcript_beyond_sound", track.linked_id, f"{track.path}: {track.heard_until_s:.1f} s / {track.seconds:.1f} s"
        )


def _of_files(books: Books, now: float, settled_after_s: float) -> Iterator[Difference]:
    registered = {t.path for t in books.tracks}
    for path, sound_bytes in books.files.items():
        if sound_bytes == NO_FILE:
            yield Difference("not_a_file", printable(path))
        if path in registered or sound_bytes in (0, NO_FILE):
            continue
        name = RecordingName.parse(path.rpartition("-")[0])
        if name is None:
            yield Difference("file_name_unknown", printable(path))
        elif (call := books.calls.get(name.linked_id)) is None or (
            call.ended_at is not None and now - call.ended_at > settled_after_s
        ):
            yield Difference("file_without_track", name.linked_id, path)


def printable(text: str) -> str:
    """Text from a file name, fit for one line: what is unseen, turns the writing direction or is no UTF-8 stands as its code."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
