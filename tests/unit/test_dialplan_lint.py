"""The lint sees each hazard by itself, and nothing in a safe dialplan."""

from __future__ import annotations

import re

import pytest

from ivr.telephony.dialplan_lint import lint

SAFE = """
[hotline]
exten => s,1,Set(NUMBER=${FILTER(0-9,${CALLERID(num)})})
 same => n,GotoIf($["${NUMBER}" = ""]?end)
 same => n(again),Goto(queue,s,1)
 same => n(end),Hangup()
exten => *,1,AGI(agi://127.0.0.1:4573/progress,${KEYED},${CALLER},${TRUNK})
 same => n,Goto(hotline,s,again)
exten => i,1,Goto(s,1)
[listed]
exten => s,1,Set(NUISANCE_KEY=${FILTER(0-9,${CALLERID(num)})})
 same => n,Set(NUISANCE_KEY=${NUISANCE_KEY:-11})
 same => n,Set(UNTIL=${DB(nuisance/${NUISANCE_KEY})})
 same => n,Set(LANGUAGE_KEY=${FILTER(0-9,${CALLERID(num)})})
 same => n,Set(LANGUAGE_KEY=${LANGUAGE_KEY:-11})
 same => n,Set(CALLER_LANGUAGE=${DB(language/${LANGUAGE_KEY})})
 same => n,Return()
[spoken]
exten => s,1,Set(TICKET=${UUID()})
 same => n,AGI(agi://127.0.0.1:4573/listen,${TICKET},main,confirm)
 same => n,TryExec(AudioSocket(${TICKET},127.0.0.1:4574))
 same => n,Hangup()
[queue]
exten => s,1,MixMonitor(,br(${RECORDINGS}/${RECORDING}-caller.wav)t(${RECORDINGS}/${RECORDING}-operator.wav),touch ${RECORDINGS}/${RECORDING}.done)
 same => n,Hangup()
"""


def test_a_safe_dialplan_has_no_complaint() -> None:
    assert lint(SAFE) == []


HAZARDS = [
    ("exten => _X.,1,Hangup()", "matches what nobody listed"),
    ("exten => _.,1,Hangup()", "matches what nobody listed"),
    ("EXTEN => _00X!,1,Hangup()", "matches what nobody listed"),
    ("exten => s,1,System(touch /tmp/x)\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,TrySystem(x)\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,AGI(x.py)\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,AGI(agi://10.0.0.1:4573/progress)\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,AGI(agi://127.0.0.1.evil:4573/progress)\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,AGI(agi://localhost/progress)\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,AGI(agi://127.0.0.1:4573/${KEYED})\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,AGI(agi://127.0.0.1:${PORT}/progress)\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,AGI(agi://127.0.0.1:4573/progress,${ANYTHING})\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,AGI(agi://127.0.0.1:4573/progress,${CALLERID(num)})\n same => n,Hangup()", "text the caller controls"),
    ("exten => s,1,AGI(agi://127.0.0.1:4573/progress\n,x)\n same => n,Hangup()", "not understood"),
    ("exten => s,1,AudioSocket(${TICKET},127.0.0.1:4574)\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,TryExec(AudioSocket(${TICKET},10.0.0.1:4574))\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,TryExec(AudioSocket(${UNIQUEID},127.0.0.1:4574))\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,TryExec(AudioSocket(${CALLERID(num)},127.0.0.1:4574))\n same => n,Hangup()", "text the caller controls"),
    ("exten => s,1,TryExec(System(id))\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,Set(TICKET=${UNIQUEID})\n same => n,Hangup()", "from UUID\\(\\) only"),
    ("exten => s,1,Read(TICKET,x,5)\n same => n,Hangup()", "from UUID\\(\\) only"),
    ("exten => s,1,AGI(agi://127.0.0.1:4573/listen,Main)\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,AGI(agi:async)\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,EAGI(agi://127.0.0.1:4573/progress)\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,Exec(System(x))\n same => n,Hangup()", "reaches the operating system"),
    ("exten => s,1,Set(X=${SHELL(id)})\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,Set(X=${shell(id)})\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,Set(X=${FILE(/etc/passwd)})\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,Set(FILE(/tmp/x)=1)\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,Set(DB(a/b)=1)\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,Set(X=${DB(nuisance/${CALLERID(num)})})\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,Set(X=${DB(nuisance/${OTHER})})\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,Set(DB(nuisance/${NUISANCE_KEY})=1)\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,Set(NUISANCE_KEY=${UNIQUEID})\n same => n,Hangup()", "from the caller's digits only"),
    ("exten => s,1,Set(X=${DB(language/${NUISANCE_KEY})})\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,Set(X=${DB(nuisance/${LANGUAGE_KEY})})\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,Set(DB(language/${LANGUAGE_KEY})=1)\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,Set(LANGUAGE_KEY=${NUISANCE_KEY})\n same => n,Hangup()", "from the caller's digits only"),
    ("exten => s,1,Read(LANGUAGE_KEY,x,5)\n same => n,Hangup()", "from the caller's digits only"),
    ("exten => s,1,Read(NUISANCE_KEY,x,5)\n same => n,Hangup()", "from the caller's digits only"),
    ("exten => s,1,Set(X=${DB(a/b)})\n same => n,Hangup()", "reaches files, programs or databases"),
    ("exten => s,1,MixMonitor(${CALLERID(num)}.wav)\n same => n,Hangup()", "text the caller controls"),
    ("exten => s,1,MixMonitor(${RECORDINGS}/${ANYTHING}.wav)\n same => n,Hangup()", "may hold \\${RECORDINGS}"),
    ("exten => s,1,Record(${UNIQUEID}.wav)\n same => n,Hangup()", "may hold \\${RECORDINGS}"),
    ("exten => s,1,Set(X=${CALLERID(name)})\n same => n,Hangup()", "text the caller controls"),
    ("exten => s,1,Set(X=${callerid(name)})\n same => n,Hangup()", "text the caller controls"),
    ("exten => s,1,Dial(PJSIP/${EXTEN}@trunk-carrier)\n same => n,Hangup()", "text the caller controls"),
    ("exten => s,1,Set(X=${PJSIP_HEADER(read,X-Name)})\n same => n,Hangup()", "text the caller controls"),
    ("exten => s,1,Dial(PJSIP/${FILTER(0-9,${CALLBACK_NUMBER})}@t)\n same => n,Hangup()", "Set\\(\\) of its own"),
    ("exten => s,1,Answer()", "runs off its end"),
    ("exten => s,1,NoOp()", "runs off its end"),
    ("exten => s,1,Goto(nowhere,s,1)", "leads nowhere"),
    ("exten => s,1,Goto(a,t,1)", "leads nowhere"),
    ("exten => s,1,Goto(a,s,lost)", "leads nowhere"),
    ("exten => s,1,Goto(lost)", "leads nowhere"),
    ("exten => s,1,Goto(t,1)", "leads nowhere"),
    ("exten => s,1,Goto()", "leads nowhere"),
    ("exten => s,1,GotoIf($[1]?lost)\n same => n,Hangup()", "leads nowhere"),
    ("exten => s,1,GotoIf($[1]?s,1:lost)\n same => n,Hangup()", "leads nowhere"),
    ("exten => s,1,Answer", "not understood"),
    ("exten = s,1,Hangup()", "not understood"),
    ("include => default", "not understood"),
    ("switch => Realtime/x@y", "not understood"),
    ("#include /tmp/more.conf", "not understood"),
    ("#exec /tmp/x", "not understood"),
]


@pytest.mark.parametrize(("text", "complaint"), HAZARDS)
def test_each_hazard_is_seen_and_its_line_named(text: str, complaint: str) -> None:
    found = lint(f"{SAFE}[a]\n{text}\n")
    line = len(SAFE.splitlines()) + 2
    assert any(re.search(complaint, c) for c in found), found
    assert all(line <= int(c.split()[1].rstrip(":")) <= line + 1 for c in found), found


@pytest.mark.parametrize(("lines", "told"), [
    ("exten => s,1,NoOp()", ""), ("exten => s,1,Hangup()", "let it end with NoOp()"), ("exten => s,1,Return()", "let it end with NoOp()"),
    ("exten => T,1,NoOp()", "runs off its end"),
])
def test_what_a_rooms_menu_runs_gives_the_channel_back(lines: str, told: str) -> None:
    complaints = lint(f"[room-keys]\n{lines}\n")
    assert bool(complaints) == bool(told) and told in "".join(complaints)
