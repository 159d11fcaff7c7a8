"""What happened on the line, as Asterisk writes it, and the call that must come out of it.

To add a case, paste a table under CASES: a title, the events, and after the arrow what is expected. Names after the
arrow are fields of ``ivr.domain.call.Call``; times are seconds after the first line; "no call" means nothing citizen's.
"""

from __future__ import annotations

import random
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.call import Call, fold
from ivr.domain.events import Fact
from ivr.telephony.ledger import LedgerReader
from tests.scenarios.call_table import LINKED, T0, facts_of

PREFIXES = {"carrier": {"+86": "", "0086": ""}}

ARRIVES = """
 0.0  caller  CHAN_START  context=from-trunk-carrier exten=12348 num=13895112348 name=马建国
 0.0  caller  ENTERED     hotline
 0.0  caller  ANSWER
 0.0  caller  NOTICE      2026-11
"""
QUEUES = ARRIVES + """
 7.0  caller  RECORDING      20261124/t-1-1795506589.0-d4632ef1-7834-4f9a-8fed-687385b99146
 7.0  caller  QUEUE_ENTERED  hotline
 7.0  caller  APP_START      appname=Queue
"""
TALKS = QUEUES + """
 7.1  one     CHAN_START     context=from-seat
 9.4  one     ANSWER
 9.4  one     BRIDGE_ENTER
 9.5  caller  BRIDGE_ENTER
"""

CASES = f"""
# answered, the citizen hangs up
{TALKS}
 40.0  caller  BRIDGE_EXIT
 40.0  one     BRIDGE_EXIT
 40.1  one     HANGUP        by=caller cause=16
 40.1  caller  HANGUP        by=caller cause=16
 40.1  caller  LINKEDID_END
→ outcome=answered state=ended queue=hotline queued_at=7 answered_at=9.5 ended_at=40.1 member_interface=PJSIP/seat-one hangup_by=caller
  hangup_cause=16 notice_version=2026-11 recording_expected=True caller_number=13895112348 called_number=12348 trunk=carrier

# answered, the operator hangs up
{TALKS}
 40.0  one     BRIDGE_EXIT
 40.0  one     HANGUP        by=one cause=16
 40.0  caller  HANGUP        by=one cause=16
 40.0  caller  LINKEDID_END
→ outcome=answered hangup_by=operator ended_at=40

# the operator hangs up, the citizen rates
{TALKS}
 40.0  one     BRIDGE_EXIT
 40.0  caller  BRIDGE_EXIT
 40.0  one     HANGUP        by=one cause=16
 40.0  caller  QUEUE_LEFT    CONTINUE
 40.1  caller  RATING_ASKED  1
 46.0  caller  RATING        2
 48.0  caller  HANGUP        by=dialplan/builtin cause=16
 48.0  caller  LINKEDID_END
→ outcome=answered hangup_by=operator talk_ended_at=40 ended_at=48 rating=2

# the operator hangs up, the citizen does not rate
{TALKS}
 40.0  one     BRIDGE_EXIT
 40.0  caller  BRIDGE_EXIT
 40.0  one     HANGUP        by=one cause=16
 40.1  caller  RATING_ASKED  1
 42.0  caller  RATING        7
 43.0  caller  HANGUP        by=caller cause=16
 43.0  caller  LINKEDID_END
→ outcome=answered hangup_by=operator talk_ended_at=40 ended_at=43 rating=None

# a voice message is left from the queue
{QUEUES}
 9.0   caller  MENU          waiting:#
 15.0  caller  RECORDING     20261124/t-1-1795506589.0-00000000-0000-4000-8000-000000000001
 15.0  caller  MESSAGE       180
 40.0  caller  HANGUP        by=caller cause=16
 40.0  caller  LINKEDID_END
→ outcome=message channel=voicemail menu_choice=waiting:# answered_at=None recording_expected=True

# who asks how a matter stands, hears it and hangs up, was served by the machine, and is not among those who entered the queue
{QUEUES}
 9.0   caller  MENU            waiting:8
 30.0  caller  ENQUIRY_FAILED  check
 50.0  caller  ENQUIRY         6401056261120900019
 60.0  caller  HANGUP          by=caller cause=16
 60.0  caller  LINKEDID_END
→ outcome=self_service asked_about=6401056261120900019 queue= queued_at=None answered_at=None recording_expected=False channel=hotline

# heard how it stands, and then talks to a human
{ARRIVES}
 9.0   caller  MENU            main:8
 30.0  caller  ENQUIRY         6401056261120900019
 40.0  caller  QUEUE_ENTERED   hotline
 50.0  one     BRIDGE_ENTER
 50.0  caller  BRIDGE_ENTER
 90.0  caller  HANGUP          by=caller cause=16
 90.0  caller  LINKEDID_END
→ outcome=answered asked_about=6401056261120900019 queue=hotline queued_at=40 answered_at=50

# heard how it stands, wants a human, and gives up waiting
{ARRIVES}
 30.0  caller  ENQUIRY         6401056261120900019
 40.0  caller  QUEUE_ENTERED   hotline
 90.0  caller  HANGUP          by=caller cause=16
 90.0  caller  LINKEDID_END
→ outcome=abandoned asked_about=6401056261120900019 queue=hotline queued_at=40

# three wrong numbers lead to a human
{ARRIVES}
 20.0  caller  ENQUIRY_FAILED  check
 30.0  caller  ENQUIRY_FAILED  unknown
 36.0  caller  ENQUIRY_FAILED  silence
 36.1  caller  ENQUIRY_FAILED  tries
 38.0  caller  QUEUE_ENTERED   hotline
 40.0  caller  HANGUP          by=caller cause=16
 40.0  caller  LINKEDID_END
→ outcome=abandoned asked_about= queue=hotline

# hung up before any answer
{ARRIVES}
 20.0  caller  ENQUIRY_FAILED  unknown
 22.0  caller  HANGUP          by=caller cause=16
 22.0  caller  LINKEDID_END
→ outcome=abandoned asked_about= queue= queued_at=None

# Asterisk was killed while the answer was heard
{ARRIVES}
 30.0  caller  ENQUIRY         6401056261120900019
 90.0  caller  INTERRUPTED
→ outcome=interrupted asked_about=6401056261120900019

# chose a lawyer, waited in vain, and was answered in the hotline's queue: counted there
{QUEUES}
 9.0    caller  MENU           waiting:4
 20.0   caller  MENU           lawyer:8001
 20.0   caller  QUEUE_ENTERED  lawyer-8001
 140.0  caller  QUEUE_LEFT     TIMEOUT
 142.0  caller  QUEUE_ENTERED  hotline
 150.0  one     BRIDGE_ENTER
 150.0  caller  BRIDGE_ENTER
 190.0  caller  HANGUP         by=caller cause=16
 190.0  caller  LINKEDID_END
→ outcome=answered queue=hotline queued_at=7 answered_at=150

# chose a lawyer and reached that person
{QUEUES}
 20.0   caller  MENU           lawyer:8001
 20.0   caller  QUEUE_ENTERED  lawyer-8001
 25.0   one     BRIDGE_ENTER
 25.0   caller  BRIDGE_ENTER
 50.0   caller  HANGUP         by=caller cause=16
 50.0   caller  LINKEDID_END
→ outcome=answered menu_choice=lawyer:8001 queue=lawyer-8001 queued_at=7 answered_at=25

# chose a lawyer, waited in vain, and gave up in the hotline's queue
{ARRIVES}
 20.0   caller  QUEUE_ENTERED  lawyer-8001
 140.0  caller  QUEUE_LEFT     TIMEOUT
 142.0  caller  QUEUE_ENTERED  hotline
 150.0  caller  HANGUP         by=caller cause=16
 150.0  caller  LINKEDID_END
→ outcome=abandoned queue=hotline queued_at=20

# booked a time by key: served by the machine
{QUEUES}
 9.0    caller  MENU         waiting:5
 50.0   caller  APPOINTMENT  booked:legal-aid:17-202612030900
 60.0   caller  HANGUP       by=caller cause=16
 60.0   caller  LINKEDID_END
→ outcome=self_service appointment=booked:legal-aid:17-202612030900 queue= queued_at=None menu_choice=waiting:5

# heard the own appointment, cancelled it, and then talked to a human
{ARRIVES}
 20.0   caller  APPOINTMENT    told:legal-aid:17-202612030900
 30.0   caller  APPOINTMENT    cancelled:legal-aid:17-202612030900
 40.0   caller  QUEUE_ENTERED  hotline
 50.0   one     BRIDGE_ENTER
 50.0   caller  BRIDGE_ENTER
 60.0   caller  HANGUP         by=caller cause=16
 60.0   caller  LINKEDID_END
→ outcome=answered appointment=cancelled:legal-aid:17-202612030900 queue=hotline

# what is said counts as the key it means
{ARRIVES}
 25.0  caller  SPOKEN_ASKED  main
 27.9  caller  SPOKEN        2
 27.9  caller  MENU          main:2
 28.0  caller  QUEUE_ENTERED hotline
 29.0  caller  HANGUP        by=caller cause=16
 29.0  caller  LINKEDID_END
→ outcome=abandoned menu_choice=main:2 queued_at=28

# asked back, not understood, and so with a human
{ARRIVES}
 25.0  caller  SPOKEN_ASKED  main
 27.9  caller  SPOKEN        unsure
 31.0  caller  SPOKEN_ASKED  confirm
 33.0  caller  SPOKEN        none
 33.0  caller  MENU          main:none
 34.0  caller  QUEUE_ENTERED hotline
 35.0  one     BRIDGE_ENTER
 35.0  caller  BRIDGE_ENTER
 90.0  caller  HANGUP        by=caller cause=16
 90.0  caller  LINKEDID_END
→ outcome=answered menu_choice= queued_at=34 answered_at=35

# who is in danger says so
{ARRIVES}
 25.0  caller  SPOKEN_ASKED  main
 26.9  caller  SPOKEN        emergency
 26.9  caller  MENU          main:emergency
 26.9  caller  EMERGENCY     advice
 33.0  caller  HANGUP        by=caller cause=16
 33.0  caller  LINKEDID_END
→ outcome=abandoned menu_choice=main:emergency

# silence in the menu is no choice
{ARRIVES}
 7.0   caller  MENU          main:none
 8.0   caller  QUEUE_ENTERED hotline
 9.0   caller  HANGUP        by=caller cause=16
 9.0   caller  LINKEDID_END
→ outcome=abandoned menu_choice=

# given up during the greeting
{ARRIVES}
 3.2  caller  HANGUP        by=caller cause=0
 3.2  caller  LINKEDID_END
→ outcome=abandoned queue= queued_at=None answered_at=None ended_at=3.2 hangup_by=caller recording_expected=False

# given up while waiting
{QUEUES}
 7.1  one     CHAN_START    context=from-seat
 19.0 one     HANGUP        cause=0
 19.0 caller  HANGUP        by=caller cause=0
 19.0 caller  LINKEDID_END
→ outcome=abandoned queue=hotline queued_at=7 answered_at=None hangup_by=caller recording_expected=False

# the first operator does not answer, the second does
{QUEUES}
 7.1   one     CHAN_START   context=from-seat
 22.1  one     HANGUP       cause=0
 23.1  two     CHAN_START   context=from-seat
 25.0  two     ANSWER
 25.1  two     BRIDGE_ENTER
 25.1  caller  BRIDGE_ENTER
 60.0  caller  HANGUP       by=caller cause=16
 60.0  two     HANGUP       by=caller cause=16
 60.0  two     LINKEDID_END
→ outcome=answered answered_at=25.1 member_interface=PJSIP/seat-two hangup_by=caller

# the citizen refuses the recording and is answered
{ARRIVES}
 4.0   caller  RECORDING_REFUSED  key-9
 6.0   caller  QUEUE_ENTERED      hotline
 8.0   one     BRIDGE_ENTER
 8.0   caller  BRIDGE_ENTER
 30.0  caller  HANGUP             by=caller cause=16
 30.0  caller  LINKEDID_END
→ outcome=answered recording_refused=True recording_name= recording_expected=False

# nobody answers until the queue's limit
{QUEUES}
 307.0  caller  QUEUE_LEFT    TIMEOUT
 313.0  caller  HANGUP        by=dialplan/builtin cause=16
 313.0  caller  LINKEDID_END
→ outcome=failed queued_at=7 answered_at=None hangup_by=system ended_at=313

# the citizen hangs up during the words after the queue's limit
{QUEUES}
 307.0  caller  QUEUE_LEFT    TIMEOUT
 309.0  caller  HANGUP        by=caller cause=16
 309.0  caller  LINKEDID_END
→ outcome=failed hangup_by=caller

# all channels of the line are taken
 0.0  caller  CHAN_START  context=from-trunk-carrier exten=12348 num=+8613895112348
 0.0  caller  OVERFLOW    trunk-cap
 0.0  caller  HANGUP      by=dialplan/builtin cause=34
 0.0  caller  LINKEDID_END
→ outcome=overflow hangup_cause=34 hangup_by=system queued_at=None ended_at=0 caller_number=13895112348 caller_number_raw=+8613895112348

# Asterisk was killed during the talk
{TALKS}
 90.0  caller  INTERRUPTED
→ outcome=interrupted state=ended answered_at=9.5 ended_at=90 recording_expected=True hangup_by=

# Asterisk was killed while the citizen waited
{QUEUES}
 90.0  caller  INTERRUPTED
→ outcome=interrupted answered_at=None

# taken for lost, but the ledger had its end after all
{TALKS}
 40.0  caller  HANGUP        by=caller cause=16
 40.0  caller  LINKEDID_END
 90.0  caller  INTERRUPTED
→ outcome=answered ended_at=40 hangup_by=caller

# still waiting
{QUEUES}
→ state=queued outcome=None queued_at=7 ended_at=None

# still talking
{TALKS}
→ state=talking outcome=None answered_at=9.5 member_interface=PJSIP/seat-one

# only just arrived
 0.0  caller  CHAN_START  context=from-trunk-carrier exten=12348 num=anonymous
→ state=arrived outcome=None caller_number= caller_number_raw=anonymous

# transferred to another place by the operator, and ended there
{TALKS}
 20.0  one     BLINDTRANSFER  extension=echo
 20.0  caller  BRIDGE_EXIT
 20.0  one     BRIDGE_EXIT
 20.0  one     HANGUP         cause=16
 25.0  caller  HANGUP         by=caller cause=16
 25.0  caller  LINKEDID_END
→ outcome=answered answered_at=9.5 ended_at=25 member_interface=PJSIP/seat-one hangup_by=caller

# the clock was set back during the talk
{TALKS}
 -3600.0  caller  HANGUP        by=caller cause=16
 -3600.0  caller  LINKEDID_END
→ outcome=answered answered_at=9.5 ended_at=9.5

# the clock was set back before the queue
{ARRIVES}
 -100.0  caller  QUEUE_ENTERED  hotline
 -90.0   one     BRIDGE_ENTER
 -90.0   caller  BRIDGE_ENTER
 -80.0   caller  HANGUP         by=caller cause=16
 -80.0   caller  LINKEDID_END
→ outcome=answered queued_at=0 answered_at=0 ended_at=0

# an operator's echo test
 0.0  one  CHAN_START    context=from-seat exten=echo
 0.0  one  ANSWER
 5.0  one  LINKEDID_END
→ no call

# an end without a beginning: its first lines lie in a file long deleted
 5.0  caller  HANGUP        by=caller cause=16
 5.0  caller  LINKEDID_END
→ no call

# one party alone in a bridge is nobody talking
{QUEUES}
 8.0  one     BRIDGE_ENTER
 8.1  one     BRIDGE_EXIT
 8.2  caller  BRIDGE_ENTER
 9.0  caller  HANGUP        by=caller cause=16
 9.0  caller  LINKEDID_END
→ outcome=abandoned answered_at=None member_interface=
"""


def parsed() -> list[Any]:
    found = []
    for case in re.split(r"(?m)^# ", CASES)[1:]:
        title, _, rest = case.partition("\n")
        table, _, expected = rest.partition("→")
        found.append(pytest.param(table, expected.strip(), id=title))
    return found


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
        without_times = [{k: v for k, v in asdict(c).items() if not k.endswith("_at")} for c in (call, steady)]
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
