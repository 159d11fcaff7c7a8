"""The live view alone makes the same call as the ledger; with any part of the ledger it fills what is missing."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ivr.domain.call import Call, fold
from ivr.domain.events import ChannelEnded, ExchangeSnapshot, Fact
from ivr.domain.witness import LiveWitness
from ivr.telephony.ami_events import WANTED, read_event
from ivr.telephony.ami_framing import FrameReader
from tests.scenarios.call_table import LINKED, T0, facts_of
from tests.scenarios.live_view import live_view
from tests.scenarios.test_calls import ALL_FACTS, PREFIXES, parsed

ENDED = [
    facts for facts in ALL_FACTS
    if (call := fold(facts, PREFIXES)) is not None and call.outcome not in (None, "interrupted", "message", "self_service")
]
UNTOLD = {"notice_version", "recording_refused", "recording_name", "talk_ended_at", "menu_choice", "rating", "asked_about", "appointment", "recorded_s"}


def witnessed(facts: list[Fact]) -> list[Fact]:
    """The would-be facts of the call whose ledger this is."""
    witness = LiveWitness()
    ended = [call for event in live_view(facts) for call in witness.apply(event)]
    assert len(ended) == 1 and ended[0].ended
    return list(ended[0].told(0.0))


def compared(call: Call | None, *, times: bool = True) -> dict[str, Any]:
    assert call is not None
    told = {k: v for k, v in asdict(call).items() if k not in UNTOLD and (times or not k.endswith("_at"))}
    return {k: pytest.approx(v, abs=0.05) if isinstance(v, float) else v for k, v in told.items()}


def steady(facts: list[Fact]) -> bool:
    """Whether no clock was set back during the call."""
    return [f.at for f in facts] == sorted(f.at for f in facts)


@pytest.mark.parametrize("facts", ENDED, ids=lambda facts: f"{facts[0].linked_id}, {len(facts)} facts")
def test_the_live_view_alone_makes_the_same_call(facts: list[Fact]) -> None:
    live, ledger = fold(witnessed(facts), PREFIXES), fold(facts, PREFIXES)
    assert compared(live, times=steady(facts)) == compared(ledger, times=steady(facts))


@given(facts=st.sampled_from(ENDED), data=st.data())
@settings(max_examples=500, deadline=None)
def test_with_any_part_of_the_ledger_the_outcome_is_right(facts: list[Fact], data: st.DataObject) -> None:
    """Facts before, after and around a gap of any place and length."""
    gap = sorted(data.draw(st.tuples(st.integers(0, len(facts)), st.integers(0, len(facts)))))
    part = facts[: gap[0]] + facts[gap[1] :]
    truth, alone, call = (fold(f, PREFIXES) for f in (facts, part, [*part, *witnessed(facts)]))
    assert call is not None and truth is not None and call.state == "ended"
    # A gap that swallows who left a bridge makes two people talk who did not: the ledger's word stands.
    assume(alone is None or alone.answered_at is None or truth.answered_at is not None)
    # A gap that swallows a QUEUE_LEFT or OVERFLOW only, in a ledger that tells the end, is not seen as one.
    if not (truth.outcome in ("failed", "overflow") and any(f.kind == "LINKEDID_END" for f in part)):
        assert call.outcome == truth.outcome
    assert (call.caller_number, call.queue, call.member_interface) == (truth.caller_number, truth.queue, truth.member_interface)
    assert (call.answered_at is None) == (truth.answered_at is None)
    times = [t for t in (call.arrived_at, call.queued_at, call.answered_at, call.ended_at) if t is not None]
    assert times == sorted(times)
    if steady(facts):
        assert compared(call)["answered_at"] == truth.answered_at and compared(call)["ended_at"] == truth.ended_at


def mistaken(facts: list[Fact]) -> list[Fact]:
    """What a witness says who got everything wrong but that two people talked: times, names, numbers and causes."""
    wrong = {"num": "000", "name": "x", "extra": "x", "exten": "0", "hangupcause": "99", "hangupsource": "PJSIP/seat-x"}
    return [
        Fact(f.source, f.file_id, f.position, f.linked_id, f.kind, f.at + 5000, {k: wrong.get(k, v) for k, v in f.data.items()})
        for f in facts
    ]


@given(facts=st.sampled_from(ENDED), chance=st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_a_whole_ledger_is_not_changed_by_the_witness(facts: list[Fact], chance: Any) -> None:
    for seen in (witnessed(facts), mistaken(witnessed(facts))):
        mixed = [*facts, *seen, *seen]
        chance.shuffle(mixed)
        call, truth = fold(mixed, PREFIXES), fold(facts, PREFIXES)
        assert call is not None and truth is not None
        if not any(f.kind == "user:RECORDING" for f in facts):
            assert call.recording_name in ("", truth.linked_id, "x")
            call = replace(call, recording_name="")
        assert call == truth


def test_an_end_that_was_seen_counts_more_than_one_that_was_concluded() -> None:
    facts = table("answered, the citizen hangs up")
    concluded = Fact("controller", LINKED, 0, LINKED, "INTERRUPTED", T0 - 10, {})
    assert fold([concluded, *witnessed(facts)], PREFIXES) == fold(witnessed(facts), PREFIXES)


def table(title: str) -> list[Fact]:
    return facts_of(next(p.values[0] for p in parsed() if p.id.startswith(title)))


def test_a_call_whose_end_nobody_saw_is_interrupted() -> None:
    witness = LiveWitness()
    for event in live_view(table("still talking")):
        assert witness.apply(event) == []
    assert witness.apply(ExchangeSnapshot((), frozenset({LINKED}), T0 + 50)) == [], "it is alive"
    (gone,) = witness.apply(ExchangeSnapshot((), frozenset(), T0 - 3600))  # whatever the clock says
    assert witness.apply(ExchangeSnapshot((), frozenset(), T0 + 70)) == []
    call = fold(gone.told(T0 + 65), PREFIXES)
    assert call is not None and (call.outcome, call.answered_at, call.ended_at) == ("interrupted", T0 + 9.5, T0 + 65)


def test_an_end_seen_after_all_is_its_end() -> None:
    """A call that ended while the snapshot was taken: its Hangup follows the snapshot."""
    witness = LiveWitness()
    for event in live_view(table("still talking")):
        witness.apply(event)
    witness.apply(ExchangeSnapshot((), frozenset(), T0 + 60))
    (ended,) = witness.apply(ChannelEnded(LINKED, LINKED, "16", T0 + 60.1))
    call = fold(ended.told(T0 + 99), PREFIXES)
    assert call is not None and (call.outcome, call.ended_at) == ("answered", T0 + 60.1)


def test_calls_that_are_no_citizens_are_not_kept() -> None:
    witness = LiveWitness()
    for title in ("an operator's echo test", "an end without a beginning"):
        for event in live_view(table(title)):
            assert witness.apply(event) == []
    assert witness.calls == {}


def test_memory_is_bounded_and_an_end_always_finds_its_place() -> None:
    witness = LiveWitness(most_calls=10)
    facts = table("answered, the citizen hangs up")
    for n in range(50):
        moved = [
            Fact(f.source, "f", 0, f"c-{n}", f.kind, f.at, {
                **f.data, "uniqueid": f"c-{n}" if f.unique_id == LINKED else f"s-{n}"})
            for f in facts if f.kind not in ("HANGUP", "LINKEDID_END")
        ]
        for event in live_view(moved[:5] + moved[5:] * 200):
            witness.apply(event)
    assert len(witness.calls) == 10 and witness.forgotten == 40
    assert max(len(call.facts) for call in witness.calls.values()) <= 200
    (ended,) = witness.apply(ChannelEnded("c-49", "c-49", "16", T0 + 50))
    call = fold(ended.told(0.0), PREFIXES)
    assert call is not None and call.outcome == "answered"
    witness.forget("c-49")
    assert "c-49" not in witness.calls and witness.apply(ChannelEnded("c-49", "c-49", "16", T0 + 51)) == []


@pytest.mark.parametrize("capture", ["bench/captured_call.ami", "fakes/captures/ami_queue_call.txt"])
def test_a_real_calls_bytes_are_witnessed(capture: str) -> None:
    data = (Path(__file__).parents[1] / capture).read_bytes()
    witness = LiveWitness()
    ended = []
    for n, frame in enumerate(FrameReader(WANTED).feed(data)):
        event = read_event(frame, T0 + n)
        ended += witness.apply(event) if event is not None else []
    call = fold(ended[-1].told(0.0), PREFIXES)
    assert call is not None and (call.outcome, call.queue, call.trunk, call.called_number) == ("answered", "hotline", "carrier", "12348")
    assert call.member_interface.startswith("PJSIP/seat-") and call.hangup_by in ("caller", "operator") and call.recording_expected
    assert call.caller_number.startswith("138") and call.arrived_at < call.queued_at < call.answered_at < call.ended_at  # type: ignore[operator]
