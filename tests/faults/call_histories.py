"""Random calls and what must become of each: a small model that shares nothing with the fold or the stores.

A history says what happened on the line. From it come the ledger's lines (some of them lost, when the ledger was full),
what was seen live, the recorded tracks, and what each attempt to hear a track will meet.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from ivr.domain.events import Fact, LedgerBatch
from ivr.domain.recording import RecordingName, Track
from ivr.domain.transcript import Speaker
from ivr.domain.witness import LiveWitness
from tests.scenarios.live_view import live_view

T0 = 1795506589.0
Kind = Literal[
    "answered", "abandoned early", "abandoned waiting", "refused", "overflow", "no answer", "second answers", "transferred",
    "interrupted waiting", "interrupted talking", "taken for lost", "unwritten", "half written", "gap", "echo",
]
KINDS: tuple[Kind, ...] = (
    "answered", "answered", "answered", "abandoned early", "abandoned waiting", "refused", "overflow", "no answer",
    "second answers", "transferred", "interrupted waiting", "interrupted talking", "taken for lost", "unwritten",
    "half written", "gap", "echo",
)
OUTCOMES: dict[str, str] = {
    "abandoned early": "abandoned", "abandoned waiting": "abandoned", "overflow": "overflow", "no answer": "failed",
    "interrupted waiting": "interrupted", "interrupted talking": "interrupted",
}
Attempt = Literal["finish", "fail", "hopeless", "crash"]
MOST_ATTEMPTS = 3


@dataclass(slots=True)
class TrackPlan:
    """One recorded track: how many segments it holds, and what attempts 1, 2, 3 to hear it meet."""

    track: Track
    segments: int
    attempts: tuple[Attempt, ...]

    @property
    def end(self) -> str:
        """The state it must end in."""
        for attempt in self.attempts[:MOST_ATTEMPTS]:
            if attempt == "finish":
                return "transcribed" if self.segments else "no_speech"
            if attempt == "hopeless":
                return "quarantined"
        return "quarantined"


@dataclass(slots=True)
class History:
    """One call. ``lines``: what the ledger holds of it; ``live``: what was seen, when somebody must say it."""

    linked_id: str
    kind: Kind
    lines: list[Fact]
    live: tuple[Fact, ...] = ()
    interrupted: bool = False
    plans: list[TrackPlan] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """'' for what is no citizen's call."""
        return "" if self.kind == "echo" else OUTCOMES.get(self.kind, "answered")

    @property
    def texts(self) -> list[str]:
        """Every segment of its transcript, caller's and operator's."""
        return [
            f"{plan.track.track} {n}" for plan in self.plans if plan.end == "transcribed" for n in range(plan.segments)
        ]

    @property
    def filled(self) -> bool:
        """Whether its order ends filled: one whose recording is still awaited does not."""
        talked = self.outcome in ("answered", "interrupted") and self.kind not in ("refused", "interrupted waiting")
        return not talked or bool(self.plans)


def histories(count: int, chance: random.Random) -> list[History]:
    """Calls that overlap in time, each with its own linked id."""
    return [_history(n, chance.choice(KINDS), chance) for n in range(count)]


def _history(n: int, kind: Kind, chance: random.Random) -> History:
    linked_id = f"t-1-1795506589.{n}"
    lines = list(_lines(linked_id, kind, T0 + n * 3 + chance.random(), chance))
    history = History(linked_id, kind, lines, interrupted=kind.startswith("interrupted") or kind == "taken for lost")
    recording = any(f.kind == "user:RECORDING" for f in lines) and any(f.kind == "BRIDGE_ENTER" for f in lines)
    if kind in ("unwritten", "half written", "gap"):
        witness = LiveWitness()
        for event in live_view(lines):
            witness.apply(event)
        history.live = witness.calls[linked_id].told(0.0)
        first = {"unwritten": 0, "half written": chance.randrange(1, len(lines) - 1), "gap": chance.randrange(4, 6)}[kind]
        last = len(lines) if kind != "gap" else chance.randrange(7, len(lines))
        history.lines = lines[:first] + lines[last:]
    if recording:
        history.plans = _plans(linked_id, chance)
    return history


def _lines(linked_id: str, kind: Kind, at: float, chance: random.Random) -> Iterator[Fact]:
    caller = {"uniqueid": linked_id, "channame": f"PJSIP/trunk-carrier-{chance.getrandbits(32):08x}"}
    seats = [
        {"uniqueid": f"{linked_id}{n}9", "channame": f"PJSIP/seat-{name}-{chance.getrandbits(32):08x}"}
        for n, name in ((1, "one"), (2, "two"))
    ]

    def line(name: str, channel: dict[str, str] = caller, **data: object) -> Fact:
        nonlocal at
        at += chance.uniform(0.001, 4.0)
        return Fact("cel", "", 0, linked_id, name, at, {**channel, **data})

    if kind == "echo":
        yield line("CHAN_START", context="from-seat", exten="echo", num="seat-one")
        yield line("LINKEDID_END")
        return
    yield line("CHAN_START", context="from-trunk-carrier", exten="12348", num=f"138{int(linked_id.rpartition('.')[2]):08}")
    if kind == "overflow":
        yield line("user:OVERFLOW", extra="trunk-cap")
        yield line("HANGUP", hangupcause=34, hangupsource="dialplan/builtin")
        yield line("LINKEDID_END")
        return
    yield line("user:NOTICE", extra="2026-11")
    if kind != "abandoned early":
        if kind == "refused":
            yield line("user:RECORDING_REFUSED", extra="key-9")
        else:
            yield line("user:RECORDING", extra=base_of(linked_id))
        yield line("user:QUEUE_ENTERED", extra="hotline")
    if kind == "second answers":
        yield line("CHAN_START", seats[1], context="from-seat")
        yield line("HANGUP", seats[1], hangupcause=0)
    if kind not in ("abandoned early", "abandoned waiting", "no answer", "interrupted waiting"):
        yield line("BRIDGE_ENTER", seats[0])
        yield line("BRIDGE_ENTER")
        if kind == "interrupted talking":
            return
        if kind == "transferred":
            yield line("BLINDTRANSFER", seats[0], extension="echo")
        yield line("BRIDGE_EXIT", seats[0])
        yield line("BRIDGE_EXIT")
        yield line("HANGUP", seats[0], hangupcause=16, hangupsource=caller["channame"])
    if kind == "interrupted waiting":
        return
    if kind == "no answer":
        yield line("user:QUEUE_LEFT", extra="TIMEOUT")
    source = "dialplan/builtin" if kind == "no answer" else caller["channame"]
    yield line("HANGUP", hangupcause=16, hangupsource=source)
    yield line("LINKEDID_END")


def base_of(linked_id: str) -> str:
    """The recording's name of a call."""
    return f"20261124/{linked_id}-d4632ef1-7834-4f9a-8fed-687385b99146"


def _plans(linked_id: str, chance: random.Random) -> list[TrackPlan]:
    """Mostly both tracks, sometimes one, sometimes none that was found."""
    name = RecordingName.parse(base_of(linked_id))
    assert name is not None
    speakers: list[Speaker] = chance.choice([["caller", "operator"], ["caller", "operator"], ["caller"], ["operator"], []])
    plans = []
    for speaker in speakers:
        attempts: list[Attempt] = chance.choices(["finish", "fail", "crash", "hopeless"], weights=(12, 3, 3, 1), k=MOST_ATTEMPTS)
        plans.append(TrackPlan(Track(name, speaker, 30.0, 480_044, 8000), chance.choice((0, 1, 1, 2, 3)), tuple(attempts)))
    return plans


def ledger_files(calls: list[History], chance: random.Random) -> dict[str, list[Fact]]:
    """Every line of every call by time, rotated into files now and then; positions are places in the file."""
    files: dict[str, list[Fact]] = {}
    name = ""
    for one in sorted((f for call in calls for f in call.lines), key=lambda f: f.at):
        if not name or (len(files[name]) > 20 and chance.random() < 0.01):
            name = f"file-{len(files):04}"
            files[name] = []
        lines = files[name]
        lines.append(Fact(one.source, name, len(lines), one.linked_id, one.kind, one.at, one.data))
    return files


def batch(name: str, lines: list[Fact], start: int, end: int) -> LedgerBatch:
    """The lines from ``start`` to before ``end``."""
    return LedgerBatch("cel", name, start, end, tuple(lines[start:end]))
