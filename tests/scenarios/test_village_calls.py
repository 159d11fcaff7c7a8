"""Calls of village video phones, down the ladder; tables as in test_calls.py. The first line names the phone: device=."""

from __future__ import annotations

import pytest

from ivr.domain.call import fold
from tests.scenarios.call_table import facts_of
from tests.scenarios.test_calls import PREFIXES, seen

RINGS = """
 0.0   caller  CHAN_START     context=from-village exten=1 num=640105001011 name=康庄社区 device=v-640105001-L01-1
 0.0   caller  ENTERED        village
 0.1   caller  ANSWER
 0.1   caller  NOTICE         2026-11
"""
ENDS = """
 60.0  caller  BRIDGE_EXIT    bridge_id=A
 60.0  one     HANGUP         by=caller cause=16
 60.0  caller  HANGUP         by=caller cause=16
 60.0  caller  LINKEDID_END
"""
FROM_DEVICE = "channel=village_video village=640105001-L01 device=v-640105001-L01-1 caller_number= trunk= "
CASES: dict[str, tuple[str, str]] = {
    "the adviser answers": (RINGS + """
 7.0   caller  LADDER         adviser:ring
 7.1   caller  QUEUE_ENTERED  lawyer-8001
 7.2   one     CHAN_START     context=from-seat
 9.0   one     BRIDGE_ENTER   bridge_id=A
 9.0   caller  BRIDGE_ENTER   bridge_id=A
""" + ENDS, FROM_DEVICE + "outcome=answered queue=lawyer-8001 member_interface=PJSIP/seat-one answered_at=9 hangup_by=caller"),
    "the adviser does not come, an operator does": (RINGS + """
 7.0   caller  LADDER         adviser:ring
 7.1   caller  QUEUE_ENTERED  lawyer-8001
 32.1  caller  QUEUE_LEFT     TIMEOUT
 32.1  caller  LADDER         adviser:late
 35.0  caller  LADDER         duty:off
 35.0  caller  LADDER         any:queue
 38.0  caller  QUEUE_ENTERED  hotline
 38.1  one     CHAN_START     context=from-seat
 40.0  one     BRIDGE_ENTER   bridge_id=A
 40.0  caller  BRIDGE_ENTER   bridge_id=A
""" + ENDS, FROM_DEVICE + "outcome=answered queue=hotline queued_at=7.1 answered_at=40 notice_version=2026-11"),
    "nobody is there, a message is left and stays the village's": (RINGS + """
 7.0   caller  LADDER         adviser:absent
 9.0   caller  LADDER         duty:none
 9.0   caller  LADDER         any:queue
 9.0   caller  LADDER         any:nobody
 12.0  caller  LADDER         message:left
 20.0  caller  RECORDING      20261124/t-1-1795506589.0-00000000-0000-4000-8000-000000000001
 20.0  caller  MESSAGE        180
 40.0  caller  HANGUP         by=caller cause=16
 40.0  caller  LINKEDID_END
""", FROM_DEVICE + "outcome=message recording_expected=True queue="),
    "a key told of somebody who helps": (RINGS + """
 3.0   caller  HELPER         key-5
 7.0   caller  LADDER         any:queue
 9.0   caller  HANGUP         by=caller cause=16
 9.0   caller  LINKEDID_END
""", FROM_DEVICE + "outcome=abandoned helper_present=True"),
    "the line fails while an operator talks, and the village's telephone is owed a call": (RINGS + """
 7.0   caller  LADDER         any:queue
 7.1   caller  QUEUE_ENTERED  hotline
 7.2   one     CHAN_START     context=from-seat
 9.0   one     BRIDGE_ENTER   bridge_id=A
 9.0   caller  BRIDGE_ENTER   bridge_id=A
 60.0  caller  BRIDGE_EXIT    bridge_id=A
 60.0  caller  LADDER         line:lost
 60.0  caller  RINGBACK       hotline:13895112348
 60.0  caller  HANGUP         cause=44
 60.0  caller  LINKEDID_END
""", FROM_DEVICE + "outcome=answered ringback=hotline:13895112348 hangup_by=system hangup_cause=44 callback_number="),
    "the line fails before anybody answers: the place is kept": (RINGS + """
 7.0   caller  LADDER         any:queue
 7.1   caller  QUEUE_ENTERED  hotline
 40.0  caller  LADDER         line:lost
 40.0  caller  RINGBACK       hotline:13895112348
 40.0  caller  HANGUP         cause=44
 40.0  caller  LINKEDID_END
""", FROM_DEVICE + "outcome=callback queue=hotline"),
    "a telephone that may not be dialled is owed nothing": (RINGS + """
 7.0   caller  RINGBACK       hotline:110
 40.0  caller  HANGUP         cause=44
 40.0  caller  LINKEDID_END
""", FROM_DEVICE + "outcome=abandoned ringback="),
    "given up in the notice": (RINGS + """
 3.0   caller  HANGUP         by=caller cause=16
 3.0   caller  LINKEDID_END
""", FROM_DEVICE + "outcome=abandoned hangup_by=caller ladder= helper_present=False"),
    "a second call of one phone at once": (RINGS.splitlines()[1] + """
 0.0   caller  OVERFLOW       device-cap
 0.0   caller  HANGUP         by=dialplan/builtin cause=34
 0.0   caller  LINKEDID_END
""", FROM_DEVICE + "outcome=overflow hangup_by=system hangup_cause=34"),
    "the town's station answers and ends it": (RINGS + """
 7.0   caller  LADDER         station:ring
 7.1   station CHAN_START     context=from-village
 9.0   station BRIDGE_ENTER   bridge_id=A
 9.0   caller  BRIDGE_ENTER   bridge_id=A
 30.0  station BRIDGE_EXIT    bridge_id=A
 30.0  caller  BRIDGE_EXIT    bridge_id=A
 30.0  station HANGUP         by=station cause=16
 31.0  caller  HANGUP         by=caller cause=16
 31.0  caller  LINKEDID_END
""", FROM_DEVICE + "outcome=answered member_interface=PJSIP/v-640105001-1 hangup_by=operator ladder=station:ring"),
}


@pytest.mark.parametrize("title", CASES)
def test_a_call_is_what_its_rows_tell(title: str) -> None:
    table, expected = CASES[title]
    facts = facts_of(table)
    call = fold(facts, PREFIXES)
    assert call is not None and fold(reversed(facts), PREFIXES) == call == fold([*facts, *facts], PREFIXES)
    wanted = dict(word.split("=", 1) for word in expected.split())
    assert {field: seen(call, field) for field in wanted} == wanted


def test_the_ladder_is_told_in_order_and_bounded() -> None:
    call = fold(facts_of(CASES["the adviser does not come, an operator does"][0]), PREFIXES)
    assert call is not None and call.ladder == "adviser:ring adviser:late duty:off any:queue"
    endless = fold(facts_of(RINGS + " 1.0 caller LADDER adviser:ring\n" * 500), PREFIXES)
    assert endless is not None and 300 < len(endless.ladder) <= 401


def test_a_line_that_calls_itself_a_device_is_none() -> None:
    """Only the context a call came in by makes it a village's: a carrier may send any name."""
    call = fold(facts_of(RINGS.replace("context=from-village", "context=from-trunk-carrier")), PREFIXES)
    assert call is not None and (call.channel, call.village, call.device) == ("hotline", "", "")
