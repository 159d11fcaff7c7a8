"""Promised call-backs and the calls that keep them, as Asterisk writes them down; tables as in test_calls.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.domain.call import Call, fold
from ivr.domain.callback import DIALLED
from ivr.domain.events import Fact
from ivr.domain.order_notes import note_at_opening
from tests.scenarios.call_cases import QUEUES
from tests.scenarios.call_table import LINKED, T0, facts_of

OURS = "t-cb-1795506589.101"
ASKS = QUEUES + """
 20.0  caller  MENU             waiting:7
 20.1  caller  CALLBACK_ASKED   confirm
"""
PROMISED = ASKS + """
 30.0  caller  CALLBACK         hotline:13895112348
"""
RINGS = """
 0.0  caller  CHAN_START  context=from-trunk-carrier num=12348
"""
PICKS_UP = RINGS + """
 9.0  caller  ANSWER
 9.1  caller  NOTICE      2026-11
"""
WAITS = PICKS_UP + """
 17.0  caller  RECORDING      20261124/t-cb-1795506589.101-d4632ef1-7834-4f9a-8fed-687385b99146
 17.0  caller  QUEUE_ENTERED  hotline
"""


def called(table: str, *, dialled: bool = True) -> Call:
    """The call-back these rows tell, under an id of ours, after the controller's own fact."""
    facts = [
        replace(f, linked_id=OURS, data={**f.data, "uniqueid": OURS if f.unique_id == LINKED else f.unique_id}) for f in facts_of(table)
    ]
    if dialled:
        facts.append(Fact("controller", OURS, 1, OURS, DIALLED, T0 - 1, {"number": "13895112348", "queue": "hotline", "kind": "kept_place"}))
    call = fold(facts, {})
    assert call is not None and fold(reversed(facts), {}) == call == fold([*facts, *facts], {})
    return call


@pytest.mark.parametrize(("ends", "outcome"), [
    (" 33.0 caller HANGUP by=dialplan/builtin cause=16\n 33.0 caller LINKEDID_END", "callback"),
    (" 31.0 caller HANGUP by=caller cause=16\n 31.0 caller LINKEDID_END", "callback"),
    (" 31.0 caller INTERRUPTED", "callback"),
])
def test_a_promise_stands_however_its_call_ended(ends: str, outcome: str) -> None:
    call = fold(facts_of(PROMISED + ends), {})
    assert call is not None and (call.outcome, call.callback_number, call.queue) == (outcome, "13895112348", "hotline")
    assert call.channel == "hotline" and "13895112348" in note_at_opening(call)


def test_what_was_only_asked_is_not_promised() -> None:
    call = fold(facts_of(ASKS + " 22.0 caller HANGUP by=caller cause=16\n 22.0 caller LINKEDID_END"), {})
    assert call is not None and (call.outcome, call.callback_number) == ("abandoned", "")


@pytest.mark.parametrize("number", ["hotline:110", "hotline:", "hotline", "hotline:0013895112348", ":"])
def test_a_number_that_is_never_dialled_is_no_promise(number: str) -> None:
    call = fold(facts_of(ASKS + f" 30.0 caller CALLBACK {number}\n 33.0 caller HANGUP by=caller\n 33.0 caller LINKEDID_END"), {})
    assert call is not None and (call.outcome, call.callback_number) == ("abandoned", "")


@pytest.mark.parametrize(("table", "outcome", "state"), [
    (RINGS + " 20.0 caller HANGUP cause=17\n 20.0 caller LINKEDID_END", "failed", "ended"),
    (RINGS + " 20.0 caller INTERRUPTED", "interrupted", "ended"),
    (PICKS_UP + " 12.0 caller HANGUP by=caller cause=16\n 12.0 caller LINKEDID_END", "abandoned", "ended"),
    (WAITS + " 40.0 caller HANGUP by=caller cause=16\n 40.0 caller LINKEDID_END", "abandoned", "ended"),
    (WAITS + " 99.0 caller QUEUE_LEFT TIMEOUT\n 99.5 caller HANGUP cause=16\n 99.5 caller LINKEDID_END", "failed", "ended"),
    (WAITS + " 20.0 one CHAN_START context=from-seat\n 24.0 one BRIDGE_ENTER\n 24.0 caller BRIDGE_ENTER\n"
     " 60.0 caller HANGUP by=caller cause=16\n 60.0 caller LINKEDID_END", "answered", "ended"),
    (RINGS, None, "arrived"),
    (WAITS, None, "queued"),
])
def test_a_call_back_is_ours_and_the_citizens(table: str, outcome: str | None, state: str) -> None:
    call = called(table)
    assert (call.linked_id, call.channel, call.outcome, call.state) == (OURS, "callback", outcome, state)
    assert (call.caller_number, call.caller_number_raw, call.queue, call.trunk) == ("13895112348", "", "hotline", "carrier")
    assert call.recording_expected is (outcome == "answered")


def test_a_call_to_a_villages_phone_is_the_villages_and_a_call_back() -> None:
    """Whether its phone was rung or its telephone; minutes with the village count for the adviser."""
    for context, number in (("from-village", ""), ("from-trunk-carrier", "13895112348")):
        table = WAITS.replace("context=from-trunk-carrier num=12348", f"context={context} num=") + (
            " 20.0 one CHAN_START context=from-seat\n 24.0 one BRIDGE_ENTER\n 24.0 caller BRIDGE_ENTER\n 60.0 caller HANGUP by=caller cause=16\n"
            " 60.0 caller LINKEDID_END")
        facts = [replace(f, linked_id=OURS, data={**f.data, "uniqueid": OURS if f.unique_id == LINKED else f.unique_id}) for f in facts_of(table)]
        told = {"number": number, "queue": "lawyer-8001", "kind": "asked", "device": "v-640105001-L01-1"}
        call = fold([*facts, Fact("controller", OURS, 1, OURS, DIALLED, T0 - 1, told)], {})
        assert call is not None and (call.channel, call.outcome, call.caller_number) == ("callback", "answered", number)
        assert (call.device, call.village) == ("v-640105001-L01-1", "640105001-L01")


def test_without_the_controllers_fact_it_is_a_call_back_to_nobody_known() -> None:
    call = called(RINGS + " 20.0 caller HANGUP cause=17\n 20.0 caller LINKEDID_END", dialled=False)
    assert (call.channel, call.caller_number, call.outcome) == ("callback", "", "failed")
