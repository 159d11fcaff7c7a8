"""Whose stretch of a call is whose, from what Asterisk wrote; tables as in test_calls.py."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ivr.domain.call_holds import HoldSpan
from ivr.domain.seat_talks import CallTalks, read_talks, within, without
from tests.scenarios.call_table import T0, facts_of
from tests.scenarios.test_transferred_calls import ASKED, BLIND, TALKS

ONE, THREE, AGENCY = "PJSIP/seat-one", "PJSIP/seat-three", "PJSIP/trunk-carrier"
JOINS = BLIND + """
 25.1  three   BRIDGE_ENTER    bridge_id=B name=转接 num=8003
 60.0  caller  BRIDGE_EXIT     bridge_id=B
 60.0  three   HANGUP          by=caller cause=16
 60.0  caller  HANGUP          by=caller cause=16
 60.0  caller  LINKEDID_END
"""
ENDS = """
 70.0  caller  BRIDGE_EXIT     bridge_id=A
 70.0  one     HANGUP          by=caller cause=16
 70.0  caller  HANGUP          by=caller cause=16
 70.0  caller  LINKEDID_END
"""


def hold(interface: str, began: float, ended: float) -> HoldSpan:
    return HoldSpan(interface, T0 + began, T0 + ended)


def near(spans: object) -> object:
    return [pytest.approx(one, abs=0.01) for one in spans]  # type: ignore[attr-defined]


def talks(table: str, *holds: HoldSpan) -> CallTalks:
    """Facts at times of floats near T0 are exact to a few microseconds."""
    return read_talks(facts_of(table), holds)


def test_who_is_alone_with_the_citizen_has_all_of_the_recording() -> None:
    found = talks(TALKS + ENDS)
    (one,) = found.talks
    assert (one.interface, one.since, one.spans, one.opened, one.closed) == (ONE, T0 + 9.5, ((0.0, math.inf),), True, True)
    assert one.talked_s == pytest.approx(60.5) and found.judged(ONE) == one


def test_a_transferred_call_is_cut_where_it_was_handed_on() -> None:
    found = talks(JOINS)
    first, second = found.talks
    assert (first.interface, first.opened, first.closed, first.talked_s) == (ONE, True, False, pytest.approx(10.5, abs=0.01))
    assert first.spans is not None and list(first.spans) == near([(0.0, 10.5)])
    # While the colleague's telephone rings the citizen is joined with a Local channel, and is recorded.
    assert second.spans is not None and second.spans[0][0] == pytest.approx(15.5, abs=0.1) and second.spans[0][1] == math.inf
    assert (second.interface, second.opened, second.closed, second.talked_s) == (THREE, False, True, pytest.approx(34.9, abs=0.01))
    assert found.judged(ONE) == second and found.judged(ONE, known=ONE) == first
    held = talks(JOINS, hold(THREE, 30.0, 58.0))
    assert held.judged(ONE) == held.talks[0], "a seat that holds the citizen does not talk"


def test_a_consultation_is_nobodys_and_a_call_by_three_is_both_seats() -> None:
    found = talks(ASKED + """
 30.0  agency  BRIDGE_EXIT     bridge_id=B
 30.0  agency  HANGUP          by=agency cause=16
 30.0  one     BRIDGE_EXIT     bridge_id=B
 30.0  one     BRIDGE_ENTER    bridge_id=A num=12348
""" + ENDS)
    (one,) = found.talks
    assert one.spans is not None and list(one.spans) == [pytest.approx((0.0, 10.5), abs=0.01), (pytest.approx(20.5, abs=0.01), math.inf)]
    joined = talks(ASKED + """
 30.0  one     BRIDGE_EXIT     bridge_id=B
 30.0  one     BRIDGE_ENTER    bridge_id=A num=12348
 30.4  agency  BRIDGE_EXIT     bridge_id=B
 30.4  agency  BRIDGE_ENTER    bridge_id=A name=转接 num=9001
 40.0  one     BRIDGE_EXIT     bridge_id=A
 40.0  one     HANGUP          by=one cause=16
""" + ENDS.replace("one ", "agency "))
    operator, agency = joined.talks
    assert (operator.interface, operator.closed, agency.interface, agency.closed) == (ONE, False, AGENCY, True)
    assert agency.talked_s > operator.talked_s and joined.judged(ONE) == operator, "an outside agency is nobody's to judge"


def test_holds_lie_where_they_are_heard() -> None:
    paused = TALKS + """
 20.0  caller  RECORDING_PAUSED  key-8
 30.0  caller  RECORDING_RESUMED key-8
""" + ENDS
    found = talks(paused, hold(ONE, 15.0, 18.0), hold(ONE, 25.0, 35.0), hold(THREE, 40.0, 41.0), hold(ONE, 69.0, 90.0))
    assert list(found.holds) == near([(5.5, 8.5), (10.5, 15.5), (20.5, 21.5), (49.5, 50.5)])
    assert list(found.talks[0].holds) == near([(5.5, 8.5), (10.5, 15.5), (49.5, 50.5)])
    assert talks(paused.replace("RECORDING  ", "ENTERED  "), hold(ONE, 15.0, 18.0)).holds == (), "and nowhere when nothing is recorded"


def test_a_video_rooms_announcer_is_nobody() -> None:
    facts = facts_of(TALKS + " 12.0  room  BRIDGE_ENTER bridge_id=A\n" + ENDS)
    facts = [replace(f, data={**f.data, "channame": "CBAnn/r-00000001"}) if "seat-room" in str(f.data["channame"]) else f for f in facts]
    assert [t.interface for t in read_talks(facts).talks] == [ONE]


def test_a_call_of_a_killed_asterisk_ends_with_what_it_wrote_last() -> None:
    (one,) = talks(TALKS + " 30.0  caller  CONFIDENTIAL key-6\n").talks
    assert one.talked_s == pytest.approx(20.5, abs=0.01)
    assert read_talks([]) == CallTalks() and CallTalks().judged(ONE) is None


def test_spans_are_cut_by_spans() -> None:
    assert without([(0, 10), (20, math.inf)], [(2, 3), (8, 25), (30, 31)]) == [(0, 2), (3, 8), (25, 30), (31, math.inf)]
    assert within([(0, 10), (20, 30)], [(5, 22), (29, math.inf)]) == [(5, 10), (20, 22), (29, 30)]
