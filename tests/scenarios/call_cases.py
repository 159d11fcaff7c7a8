"""The cases of test_calls: what happened on the line, and the call that must come out of it.

To add one, paste a table under CASES: a title, the events, and after the arrow what is expected. Names after the arrow are
fields of ``ivr.domain.call.Call``; times are seconds after the first line; "no call" means nothing citizen's.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

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
