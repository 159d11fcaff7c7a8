"""What happened on the line, as Asterisk writes it, and the call that must come out of it.

The cases are in call_cases.py; a telephony person can paste one there.
"""

from __future__ import annotations

import random
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.call import Call, fold
from ivr.domain.events import Fact
from ivr.telephony.ledger import LedgerReader
from tests.scenarios.call_cases import parsed
from tests.scenarios.call_table import LINKED, T0, facts_of

PREFIXES = {"carrier": {"+86": "", "0086": ""}}

def seen(call: Call, field: str) -> str:
    value = getattr(call, field)
    if field.endswith("_at") and value is not None:
        return f"{round(value - T0, 3):g}"
    return str(value)


@pytest.mark.parametrize(("table", "expected"), parsed())
def test_a_call_is_what_its_rows_tell(table: str, expected: str) -> None:
    call = fold(facts_of(table), PREFIXES)
    if expected == "no call":
        assert call is None
        return
    assert call is not None and call.linked_id == LINKED
    wanted = dict(word.split("=", 1) for word in expected.split())
    assert {field: seen(call, field) for field in wanted} == wanted


LEDGERS = {  # files a real Asterisk wrote, for calls made with real phones
    "answered": "outcome=answered hangup_by=operator queue=hotline member_interface=PJSIP/seat-one recording_expected=True",
    "abandoned_greeting": "outcome=abandoned hangup_by=caller queue= caller_number=13800000001 caller_name_raw=马建国",
    "abandoned_queue": "outcome=abandoned hangup_by=caller queue=hotline answered_at=None",
    "queue_timeout": "outcome=failed hangup_by=system queue=hotline answered_at=None hangup_cause=16",
    "refused": "outcome=answered hangup_by=caller recording_refused=True recording_expected=False",
    "hold": "outcome=answered hangup_by=caller recording_expected=True",
    "second_answers": "outcome=answered hangup_by=caller member_interface=PJSIP/seat-one",
    "blind_transfer": "outcome=answered hangup_by=caller member_interface=PJSIP/seat-one",
    "killed": "state=talking outcome=None member_interface=PJSIP/seat-one",
    "overflow": "outcome=overflow hangup_by=system hangup_cause=34 caller_number=13800000005",
    "echo": "no call",
}


def real_calls(name: str) -> list[list[Fact]]:
    """The facts of one real file, by linked id."""
    batch = LedgerReader("cel", Path(__file__).parent / "ledgers", f"{name}.csv", "t").read({})
    assert batch is not None
    by_call: dict[str, list[Fact]] = {}
    for fact in batch.facts:
        by_call.setdefault(fact.linked_id, []).append(fact)
    return list(by_call.values())


@pytest.mark.parametrize("name", LEDGERS)
def test_a_real_ledger_gives_the_call_that_was_made(name: str) -> None:
    calls = [fold(facts, PREFIXES) for facts in real_calls(name)]
    call = calls[-1]
    if LEDGERS[name] == "no call":
        assert call is None
        return
    assert call is not None
    wanted = dict(word.split("=", 1) for word in LEDGERS[name].split())
    assert {field: seen(call, field) for field in wanted} == wanted
    times = [t for t in (call.arrived_at, call.queued_at, call.answered_at, call.ended_at) if t is not None]
    assert times == sorted(times)


ALL_FACTS = [facts_of(p.values[0]) for p in parsed()] + [f for name in LEDGERS for f in real_calls(name)]


@given(facts=st.sampled_from(ALL_FACTS), chance=st.randoms(use_true_random=False), repeats=st.integers(0, 10))
@settings(max_examples=300, deadline=None)
def test_order_and_repetition_change_nothing(facts: list[Fact], chance: random.Random, repeats: int) -> None:
    mixed = [*facts, *chance.choices(facts, k=repeats)]
    chance.shuffle(mixed)
    assert fold(mixed, PREFIXES) == fold(facts, PREFIXES)


@given(facts=st.sampled_from(ALL_FACTS), clock=st.lists(st.floats(-1e6, 1e6), min_size=30, max_size=30))
@settings(max_examples=300, deadline=None)
def test_no_clock_makes_a_time_negative_or_another_outcome(facts: list[Fact], clock: list[float]) -> None:
    wandering = [
        Fact(f.source, f.file_id, f.position, f.linked_id, f.kind, f.at + step, f.data)
        for f, step in zip(facts, clock, strict=False)
    ]
    call, steady = fold(wandering, PREFIXES), fold(facts[: len(wandering)], PREFIXES)
    assert (call is None) == (steady is None)
    if call is not None and steady is not None:
        times = [t for t in (call.arrived_at, call.queued_at, call.answered_at, call.ended_at) if t is not None]
        assert times == sorted(times)
        without_times = [{k: v for k, v in asdict(c).items() if not k.endswith(("_at", "_s"))} for c in (call, steady)]
        assert without_times[0] == without_times[1]


@given(facts=st.sampled_from(ALL_FACTS), data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_call_only_ever_moves_forwards(facts: list[Fact], data: st.DataObject) -> None:
    order = ["arrived", "queued", "talking", "ended"]
    cut = data.draw(st.integers(0, len(facts)))
    early, late = fold(facts[:cut], PREFIXES), fold(facts, PREFIXES)
    if early is not None:
        assert late is not None and order.index(early.state) <= order.index(late.state)
        assert early.answered_at in (None, late.answered_at) and early.arrived_at == late.arrived_at


def test_a_rotation_in_the_middle_of_a_call_is_no_other_call() -> None:
    table = next(p.values[0] for p in parsed() if p.id.startswith("answered, the citizen"))
    facts = facts_of(table)
    halves = [Fact(f.source, "b" if n < 6 else "a", n if n < 6 else n - 6, f.linked_id, f.kind, f.at, f.data) for n, f in enumerate(facts)]
    assert fold(halves, PREFIXES) == fold(facts, PREFIXES)
