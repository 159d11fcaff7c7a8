"""The dialplan of menus that are spoken to: every answer leads somewhere, every wait ends, and nothing depends on a process of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from ivr.cli import app
from ivr.telephony.dialplan import render
from ivr.telephony.dialplan_lint import Step, lint, steps
from ivr.telephony.spoken_answers import spoken_answers
from tests.unit.test_dialplan_rendering import CARRIER, SEATS, TEMPLATES, plan

SPOKEN = replace(plan(seats=SEATS, trunks=[CARRIER], hotline={"menu": "menu"}), audiosocket_port=4600, spoken_longest_s=7)
MAIN = SPOKEN.menus.menus["main"]


def rendered() -> list[Step]:
    text = render(SPOKEN, TEMPLATES)["extensions.conf"]
    assert lint(text) == []
    return list(steps(text))


def run(found: list[Step], context: str, extension: str = "s") -> list[tuple[str, str]]:
    return [(s.application, s.arguments) for s in found if (s.context, s.extension) == (context, extension)]


def test_the_live_leg_goes_to_one_place_within_a_time_limit() -> None:
    found = rendered()
    legs = [s for s in found if "AudioSocket" in s.arguments]
    assert {(s.context, s.extension, s.application, s.arguments) for s in legs} == {
        (context, extension, "TryExec", "AudioSocket(${TICKET},127.0.0.1:4600)")
        for context, extension in (("speak-main", "s"), ("confirm-main", "listen"))
    }
    for leg in legs:
        way = run(found, leg.context, leg.extension)
        at = way.index((leg.application, leg.arguments))
        assert way[at - 1] == ("Set", f"TIMEOUT(absolute)={MAIN.timeout_s + 7 + 4}") and way[at + 1] == ("Gosub", "call-limit,s,1")
        assert run(found, leg.context, "T") == [("Gosub", "call-limit,s,1"), ("Goto", "speak-main,none,1")], "who hangs is left for a human"


def test_without_an_answer_the_menu_is_as_without_speech() -> None:
    found = rendered()
    assert run(found, "ask-listen-main")[-1] == ("Goto", "menu-main,keys,1")
    assert run(found, "menu-main", "keys") == [("WaitExten", "4"), ("Goto", "menu-main,t,1")]
    assert run(found, "ask-heard-main")[-1] == ("Goto", "speak-main,none,1") == run(found, "ask-meant-main")[-1]
    assert run(found, "speak-main", "none")[-1] == ("Goto", "queue-hotline,s,1")
    assert ("GotoIf", '$["${REFUSED}" = "1"]?keys,1') in run(found, "menu-main"), "who refused recording is not heard"
    asked = {s.context: s.arguments for s in found if s.application == "AGI" and "TICKET" in s.arguments}
    assert asked == {
        "ask-listen-main": "agi://127.0.0.1:4573/listen,${TICKET},main", "ask-heard-main": "agi://127.0.0.1:4573/heard,${TICKET}",
        "ask-listen-again-main": "agi://127.0.0.1:4573/listen,${TICKET},main,confirm", "ask-meant-main": "agi://127.0.0.1:4573/heard,${TICKET}",
    }


def test_every_answer_leads_to_what_the_key_does() -> None:
    first, confirming = spoken_answers(MAIN), spoken_answers(MAIN, confirming=True)
    for key, name in (("2", "2"), ("#", "hash"), ("0", "0")):
        assert first[f"key_{name}"] == f"menu-main,{key},1" and first[f"said_{name}"] == confirming[f"said_{name}"] == f"speak-main,said_{name},1"
        assert run(rendered(), "speak-main", f"said_{name}") == [("CELGenUserEvent", f"SPOKEN,{key}"), ("Goto", f"menu-main,{key},1")]
    assert first["key_star"] == "menu-main,*,1" and first["key_9"] == "menu-main,9,1" and first["key_other"] == "menu-main,i,1"
    assert confirming["yes"] == confirming["key_1"] == "confirm-main,1,1" and confirming["key_2"] == "confirm-main,i,1"
    assert not any(name.startswith("ask_") for name in confirming), "nothing is asked back twice"
    assert {f"key_{k}" for k in ("1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "hash", "star", "other")} <= first.keys() & confirming.keys()


def test_a_menu_that_is_not_spoken_to_has_none_of_it() -> None:
    quiet = replace(SPOKEN.menus, menus={name: replace(menu, spoken=False) for name, menu in SPOKEN.menus.menus.items()})
    text = render(replace(SPOKEN, menus=quiet), TEMPLATES)["extensions.conf"]
    assert lint(text) == [] and "AudioSocket" not in text and "TICKET" not in text


@pytest.mark.parametrize(("say", "words"), [
    ("我想申请法律援助", "→ 队列 hotline"), ("查进度", "→ 查询办理进度"), ("救命", "→ 紧急提示，然后人工"), ("留言", "→ 语音留言"), ("苹果", "→ 队列 hotline"),
    ("离婚公证", "您是要公证吗？"),
])
def test_a_walk_takes_what_is_said(say: str, words: str) -> None:
    ended = CliRunner().invoke(app, ["menu", "try", "menu", "--say", say, "--keys", ""])
    assert ended.exit_code == 0 and words in ended.output, ended.output


def test_a_walk_says_which_menu_hears_nothing_and_a_check_which_phrase_the_model_does_not_know() -> None:
    ended = CliRunner().invoke(app, ["menu", "try", "human-first", "--say", "公证"])
    assert ended.exit_code != 0 and "does not hear speech" in ended.output + (ended.stderr if ended.stderr_bytes else "")
    typed = CliRunner().invoke(app, ["menu", "try", "menu"], input="\n我要公证\n")
    assert typed.exit_code == 0 and "说了 我要公证" in typed.output and "按了 4" in typed.output
    checked = CliRunner().invoke(app, ["menu", "check", "menu"])
    assert checked.exit_code == 0 and "不认识" in checked.output and "欠薪" in checked.output
