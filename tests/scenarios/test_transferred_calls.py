"""Transfers, three-way calls and the nuisance rule as Asterisk writes them down; tables as in test_calls.py.

``b=`` is the bridge: people talk when they share one. Whom an operator reached is named 转接, with the number keyed.
"""

from __future__ import annotations

from typing import Any

import pytest

from ivr.domain.call import fold
from ivr.domain.events import Fact
from ivr.domain.order_notes import note_at_opening
from tests.scenarios.call_cases import ARRIVES, QUEUES
from tests.scenarios.call_table import facts_of
from tests.scenarios.test_calls import PREFIXES, real_calls, seen

TALKS = QUEUES + """
 7.1  one     CHAN_START     context=from-seat num=12348
 9.4  one     ANSWER
 9.4  one     BRIDGE_ENTER   bridge_id=A num=12348
 9.5  caller  BRIDGE_ENTER   bridge_id=A
"""
BLIND = TALKS + """
 20.0  one     BLINDTRANSFER   extension=8003
 20.0  one     BRIDGE_EXIT     bridge_id=A
 20.0  caller  BRIDGE_EXIT     bridge_id=A
 20.0  caller  TRANSFER        8003
 20.0  one     HANGUP          cause=16
 20.1  local   BRIDGE_ENTER    bridge_id=B
 20.1  caller  BRIDGE_ENTER    bridge_id=B
"""
ASKED = TALKS + """
 20.0  one     BRIDGE_EXIT     bridge_id=A
 20.0  local   BRIDGE_ENTER    bridge_id=B
 20.0  one     BRIDGE_ENTER    bridge_id=B num=12348
 24.0  agency  ANSWER
 24.0  agency  TRANSFER_ANSWERED  9001
 24.0  agency  BRIDGE_ENTER    bridge_id=B name=转接 num=9001
"""

ROOM = TALKS + """
 20.0  one     BRIDGE_EXIT     bridge_id=A
 20.0  caller  BRIDGE_EXIT     bridge_id=A
 20.0  caller  QUEUE_LEFT      CONTINUE
 20.0  caller  ROOM            v-640105001-1
 23.0  caller  BRIDGE_ENTER    bridge_id=R
 23.1  one     BRIDGE_ENTER    bridge_id=R
 40.0  one     BRIDGE_EXIT     bridge_id=R
 40.0  one     HANGUP          by=one cause=16
"""

CASES: dict[str, tuple[str, str]] = {
    "three sides, the lawyer leaves, the citizen ends it": (ROOM + """
 60.0  caller  BRIDGE_EXIT     bridge_id=R
 60.0  caller  HANGUP          by=caller cause=16
 60.0  caller  LINKEDID_END
""", "outcome=answered answered_at=9.5 member_interface=PJSIP/seat-one transferred_to=v-640105001-1 talk_ended_at=60 hangup_by=caller"),
    "three sides, the lawyer leaves, the third ends it": (ROOM + """
 60.0  caller  BRIDGE_EXIT     bridge_id=R
 60.0  caller  ROOM            over
 60.0  caller  RATING_ASKED    1
 68.0  caller  HANGUP          by=dialplan/builtin cause=16
 68.0  caller  LINKEDID_END
""", "outcome=answered transferred_to=v-640105001-1 talk_ended_at=60 hangup_by=operator"),
    "transferred, and talked on": (BLIND + """
 25.0  three   TRANSFER_ANSWERED  8003
 25.0  three   BRIDGE_ENTER    bridge_id=C name=转接 num=8003
 25.1  three   BRIDGE_EXIT     bridge_id=C
 25.1  local   BRIDGE_EXIT     bridge_id=B
 25.1  three   BRIDGE_ENTER    bridge_id=B name=转接 num=8003
 60.0  caller  BRIDGE_EXIT     bridge_id=B
 60.0  three   HANGUP          by=caller cause=16
 60.0  caller  HANGUP          by=caller cause=16
 60.0  caller  LINKEDID_END
""", "outcome=answered member_interface=PJSIP/seat-one transferred_to=8003 talk_ended_at=60 hangup_by=caller answered_at=9.5"),
    "transferred, and the colleague hangs up": (BLIND + """
 25.1  three   BRIDGE_ENTER    bridge_id=B name=转接 num=8003
 60.0  three   BRIDGE_EXIT     bridge_id=B
 60.0  caller  BRIDGE_EXIT     bridge_id=B
 60.0  three   HANGUP          by=three cause=16
 60.0  caller  RATING_ASKED    1
 66.0  caller  RATING          1
 68.0  caller  HANGUP          by=dialplan/builtin cause=16
 68.0  caller  LINKEDID_END
""", "outcome=answered transferred_to=8003 talk_ended_at=60 hangup_by=operator rating=1"),
    "transferred, and given up while it rang": (BLIND + """
 23.0  caller  BRIDGE_EXIT     bridge_id=B
 23.0  caller  HANGUP          by=caller cause=16
 23.0  caller  LINKEDID_END
""", "outcome=answered transferred_to= talk_ended_at=23 hangup_by=caller"),
    "nobody answered, back to the operator": (BLIND + """
 26.0  local   TRANSFER_FAILED 8003
 29.0  local   BRIDGE_EXIT     bridge_id=B
 29.0  oneagain  BRIDGE_ENTER  bridge_id=B num=s
 60.0  caller  HANGUP          by=caller cause=16
 60.0  caller  LINKEDID_END
""", "outcome=answered transferred_to= hangup_by=caller member_interface=PJSIP/seat-one"),
    "nobody answered, back to the queue, and given up there": (BLIND + """
 26.0  local   TRANSFER_FAILED   8003
 28.0  caller  BRIDGE_EXIT       bridge_id=B
 28.0  caller  TRANSFER_RETURNED queue
 31.0  caller  QUEUE_ENTERED     hotline
 90.0  caller  QUEUE_LEFT        TIMEOUT
 95.0  caller  HANGUP            by=dialplan/builtin cause=16
 95.0  caller  LINKEDID_END
""", "outcome=answered queued_at=7 transferred_to= talk_ended_at=28 hangup_by=system"),
    "asked an agency, which did not join": (ASKED + """
 30.0  agency  BRIDGE_EXIT     bridge_id=B
 30.0  agency  HANGUP          by=agency cause=16
 30.0  one     BRIDGE_EXIT     bridge_id=B
 30.0  one     BRIDGE_ENTER    bridge_id=A num=12348
 50.0  caller  BRIDGE_EXIT     bridge_id=A
 50.0  caller  HANGUP          by=caller cause=16
 50.0  caller  LINKEDID_END
""", "outcome=answered transferred_to= hangup_by=caller talk_ended_at=50"),
    "three of them, and the operator leaves first": (ASKED + """
 30.0  one     BRIDGE_EXIT     bridge_id=B
 30.0  one     BRIDGE_ENTER    bridge_id=A num=12348
 30.1  one     ATTENDEDTRANSFER
 30.4  agency  BRIDGE_EXIT     bridge_id=B
 30.4  agency  BRIDGE_ENTER    bridge_id=A name=转接 num=9001
 40.0  one     BRIDGE_EXIT     bridge_id=A
 40.0  one     HANGUP          by=one cause=16
 70.0  caller  BRIDGE_EXIT     bridge_id=A
 70.0  agency  HANGUP          by=caller cause=16
 70.0  caller  HANGUP          by=caller cause=16
 70.0  caller  LINKEDID_END
""", "outcome=answered transferred_to=9001 hangup_by=caller talk_ended_at=70 member_interface=PJSIP/seat-one"),
    "the agency that was left with the citizen hangs up": (ASKED + """
 30.4  agency  BRIDGE_EXIT     bridge_id=B
 30.4  agency  BRIDGE_ENTER    bridge_id=A name=转接 num=9001
 40.0  one     HANGUP          by=one cause=16
 70.0  agency  BRIDGE_EXIT     bridge_id=A
 70.0  caller  BRIDGE_EXIT     bridge_id=A
 70.0  agency  HANGUP          by=agency cause=16
 75.0  caller  HANGUP          by=caller cause=16
 75.0  caller  LINKEDID_END
""", "outcome=answered transferred_to=9001 hangup_by=operator talk_ended_at=70"),
    "two warnings, then the end": (TALKS + """
 20.0  caller  NUISANCE        warning-1
 30.0  caller  NUISANCE        warning-2
 40.0  caller  NUISANCE        ended
 45.0  caller  BRIDGE_EXIT     bridge_id=A
 45.0  caller  HANGUP          by=dialplan/builtin cause=16
 45.0  caller  LINKEDID_END
""", "outcome=answered nuisance=ended hangup_by=operator rating=None"),
    "one warning was enough": (TALKS + """
 20.0  caller  NUISANCE        warning-1
 45.0  caller  HANGUP          by=caller cause=16
 45.0  caller  LINKEDID_END
""", "outcome=answered nuisance=warning-1 hangup_by=caller"),
    "the recording is paused twice, and on again once": (TALKS + """
 10.0  caller  RECORDING       20261124/t-1-1795506589.0-00000000-0000-4000-8000-000000000001
 20.0  caller  RECORDING_PAUSED  key-8
 20.5  caller  RECORDING_PAUSED  key-8
 35.5  caller  RECORDING_RESUMED key-8
 36.0  caller  RECORDING_RESUMED key-8
 40.0  caller  RECORDING_PAUSED  key-8
 45.0  caller  HANGUP          by=caller cause=16
 45.0  caller  LINKEDID_END
""", "outcome=answered recording_gaps=10.0+15.5,14.5+ recorded_s=14.5"),
    "the wait for an answer is not in the recording, and moves no pause": (TALKS + """
 20.0  caller  RECORDING_PAUSED  key-8
 35.5  caller  RECORDING_RESUMED key-8
 45.0  caller  BRIDGE_EXIT     bridge_id=A
 45.0  caller  HANGUP          by=caller cause=16
 45.0  caller  LINKEDID_END
""", "outcome=answered recording_gaps=10.5+15.5 recorded_s=20.0"),
    "words of the exchange in the middle are not recorded, and nothing of the talk is missing": (TALKS + """
 20.0  caller  BRIDGE_EXIT     bridge_id=A
 33.0  caller  BRIDGE_ENTER    bridge_id=B
 45.0  caller  BRIDGE_EXIT     bridge_id=B
 45.0  caller  HANGUP          by=caller cause=16
 45.0  caller  LINKEDID_END
""", "outcome=answered recording_gaps= recorded_s=22.5"),
    "the citizen asks for confidence": (TALKS + """
 20.0  caller  CONFIDENTIAL      key-6
 45.0  caller  HANGUP          by=caller cause=16
 45.0  caller  LINKEDID_END
""", "outcome=answered confidential_asked=True"),
    "nobody pauses": (TALKS + """
 45.0  caller  HANGUP          by=caller cause=16
 45.0  caller  LINKEDID_END
""", "recording_gaps= confidential_asked=False"),
    "a listed number hears the advice": (ARRIVES + """
 0.1  caller  NUISANCE         listed
 20.0 caller  HANGUP           by=dialplan/builtin cause=16
 20.0 caller  LINKEDID_END
""", "outcome=self_service nuisance=listed queue= answered_at=None"),
    "a listed number hangs up during the advice": (ARRIVES + """
 0.1  caller  NUISANCE         listed
 3.0  caller  HANGUP           by=caller cause=16
 3.0  caller  LINKEDID_END
""", "outcome=self_service nuisance=listed hangup_by=caller"),
    "a listed number wants a human and gives up": (ARRIVES + """
 0.1  caller  NUISANCE         listed
 9.0  caller  EMERGENCY        listed
 16.0 caller  QUEUE_ENTERED    hotline
 30.0 caller  HANGUP           by=caller cause=16
 30.0 caller  LINKEDID_END
""", "outcome=abandoned nuisance=listed queue=hotline queued_at=16"),
}


@pytest.mark.parametrize("title", CASES)
def test_a_call_is_what_its_rows_tell(title: str) -> None:
    table, expected = CASES[title]
    facts = facts_of(table)
    call = fold(facts, PREFIXES)
    assert call is not None and fold(reversed(facts), PREFIXES) == call == fold([*facts, *facts], PREFIXES)
    wanted = dict(word.split("=", 1) for word in expected.split())
    assert {field: seen(call, field) for field in wanted} == wanted


LEDGERS: dict[str, dict[str, Any]] = {  # written by a real Asterisk for real phones, keys and REFERs
    "transfer_back_to_operator": {"outcome": "answered", "transferred_to": "", "hangup_by": "operator", "rating": None},
    "transfer_back_to_queue": {"outcome": "answered", "transferred_to": "", "hangup_by": "caller", "member_interface": "PJSIP/seat-one"},
    "three_with_agency": {"outcome": "answered", "transferred_to": "9001", "hangup_by": "caller", "member_interface": "PJSIP/seat-one"},
    "consultation_unanswered": {"outcome": "answered", "transferred_to": "", "hangup_by": "operator"},
    "transfer_by_refer": {"outcome": "answered", "transferred_to": "8003", "hangup_by": "operator", "member_interface": "PJSIP/seat-one"},
    "nuisance_ended": {"outcome": "answered", "nuisance": "ended", "hangup_by": "operator", "rating": None},
    "nuisance_listed": {"outcome": "self_service", "nuisance": "listed", "queue": "", "answered_at": None},
}


@pytest.mark.parametrize("name", LEDGERS)
def test_a_real_ledger_gives_the_call_that_was_made(name: str) -> None:
    calls = [call for facts in real_calls(name) if (call := fold(facts, PREFIXES)) is not None]
    assert len(calls) == 1, "a desk phone's own second call is no citizen's"
    assert {field: getattr(calls[0], field) for field in LEDGERS[name]} == LEDGERS[name]


@pytest.mark.parametrize(("title", "note"), [
    ("two warnings, then the end", "骚扰来电规则"), ("a listed number hears the advice", "骚扰名单"), ("one warning was enough", ""),
    ("a listed number wants a human and gives up", "接通前挂断"),
])
def test_the_order_says_what_the_nuisance_rule_did(title: str, note: str) -> None:
    call = fold(facts_of(CASES[title][0]), PREFIXES)
    assert call is not None and note in note_at_opening(call) and bool(note) == bool(note_at_opening(call))


def test_who_was_only_named_so_by_a_citizen_is_no_transfer() -> None:
    forged: list[Fact] = facts_of(TALKS.replace("name=马建国", "name=转接"))
    call = fold(forged, PREFIXES)
    assert call is not None and call.transferred_to == ""
