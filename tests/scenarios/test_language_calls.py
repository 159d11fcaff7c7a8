"""Callers who ask for a language, by key or by what is known of their number; tables as in test_calls.py."""

from __future__ import annotations

import pytest

from ivr.domain.call import fold
from tests.scenarios.call_cases import ARRIVES, QUEUES
from tests.scenarios.call_table import facts_of
from tests.scenarios.test_calls import PREFIXES, seen

ANSWERED = """
 20.0  three   CHAN_START     context=from-seat num=12348
 22.0  three   BRIDGE_ENTER   bridge_id=A num=12348
 22.0  caller  BRIDGE_ENTER   bridge_id=A
 60.0  caller  BRIDGE_EXIT    bridge_id=A
 60.0  caller  HANGUP         by=caller cause=16
 60.0  caller  LINKEDID_END
"""
CASES: dict[str, tuple[str, str]] = {
    "a key leads to a seat that speaks it": (QUEUES + """
 12.0  caller  MENU           waiting:4
 12.0  caller  LANGUAGE       ningxia:key
 12.1  caller  QUEUE_ENTERED  dialect
""" + ANSWERED, "language=ningxia language_by=key queue=dialect outcome=answered member_interface=PJSIP/seat-three answered_at=22"),
    "nobody speaks it, any seat at once": (QUEUES + """
 12.0  caller  LANGUAGE       ningxia:key
 12.1  caller  ROAD           dialect:nobody
 15.0  caller  QUEUE_ENTERED  hotline
""" + ANSWERED, "language=ningxia queue=hotline outcome=answered"),
    "who speaks it was busy for too long": (ARRIVES + """
 0.1   caller  LANGUAGE       mongolian:record
 6.0   caller  QUEUE_ENTERED  dialect
 16.0  caller  QUEUE_LEFT     TIMEOUT
 16.0  caller  ROAD           dialect:late
 18.0  caller  QUEUE_ENTERED  hotline
""" + ANSWERED, "language=mongolian language_by=record queue=hotline queued_at=6 outcome=answered"),
    "a known caller chooses another": (ARRIVES + """
 0.1   caller  LANGUAGE       mongolian:record
 6.0   caller  QUEUE_ENTERED  dialect
 9.0   caller  LANGUAGE       ningxia:key
 9.1   caller  QUEUE_ENTERED  dialect
 12.0  caller  HANGUP         by=caller cause=16
 12.0  caller  LINKEDID_END
""", "language=ningxia language_by=key queue=dialect outcome=abandoned"),
    "an event that says nothing is none": (ARRIVES + """
 0.1   caller  LANGUAGE       mongolian
 12.0  caller  HANGUP         by=caller cause=16
 12.0  caller  LINKEDID_END
""", "language= language_by= outcome=abandoned"),
}


@pytest.mark.parametrize("title", CASES)
def test_a_call_is_what_its_rows_tell(title: str) -> None:
    table, expected = CASES[title]
    facts = facts_of(table)
    call = fold(facts, PREFIXES)
    assert call is not None and fold(reversed(facts), PREFIXES) == call == fold([*facts, *facts], PREFIXES)
    wanted = dict(word.split("=", 1) for word in expected.split())
    assert {field: seen(call, field) for field in wanted} == wanted
