"""Menu plans: what is wrong with them is said, all of it and in words, and a walk tells what a caller meets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.errors import BadSetting
from ivr.domain.menu import Menu, MenuPlan, Step, Surroundings, Target, check_plan, walk
from ivr.domain.menu_reading import read_plan
from ivr.exchange_setup import PROMPTS, menu_sources
from ivr.menu_chart import mermaid
from ivr.settings import PROJECT_ROOT, Settings
from ivr.telephony.menu_files import load_plan, open_plan, plan_files
from ivr.telephony.prompts import read_manifest

KNOWN = Surroundings(frozenset({"hotline", "aid"}), frozenset({"menu-main", "menu-sub"}), frozenset({"office"}))
GOOD: dict[str, Any] = {
    "name": "two", "title": "两级", "start": "main", "human": {"queue": "hotline"},
    "menus": {
        "main": {"prompt": "menu-main", "keys": {1: {"queue": "aid", "topic": "法律援助"}, 2: {"menu": "sub"}}, "times": 2},
        "sub": {"prompt": "menu-sub", "keys": {"#": {"message": True}}, "otherwise": {"queue": "aid"}, "hours": "office",
                "closed": {"message": True}},
    },
}


def plan_of(**changes: Any) -> MenuPlan:
    plan, complaints = read_plan(GOOD | changes, "two.yaml")
    assert complaints == []
    return plan


def told(data: Any) -> str:
    plan, complaints = read_plan(data, "two.yaml")
    return "\n".join(map(str, complaints or check_plan(plan, KNOWN)))


def test_a_good_plan_has_no_complaints() -> None:
    assert told(GOOD) == ""


def _changed(path: str, value: Any) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(yaml.safe_dump(GOOD, allow_unicode=True))
    *way, last = path.split("/")
    place: Any = data
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    if value is KeyError:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return data


@pytest.mark.parametrize(("path", "value", "complaint"), [
    ("start", "nowhere", "there is no menu nowhere"),
    ("human", {"message": True}, "a human is reached in a queue"),
    ("human", None, "names 0 places to go to"),
    ("extra", 1, "extra is not known here"),
    ("name", "Über", "is no name"),
    ("language", "fr", "is not spoken here"),
    ("menus", {}, "has no menus"),
    ("menus/main/prompt", "unheard", "the prompt unheard is missing"),
    ("menus/main/prompt", KeyError, "is no name"),
    ("menus/main/keys/1", {"queue": "nobody"}, "there is no queue nobody; there is aid, hotline"),
    ("menus/main/keys/1", {"queue": "aid", "menu": "sub"}, "names 2 places to go to"),
    ("menus/main/keys/1", "aid", "write its entries below it"),
    ("menus/main/keys/1", {"message": "yes"}, "write message: true"),
    ("menus/main/keys/1", {"enquiry": "yes"}, "write enquiry: true"),
    ("menus/main/keys/1", {"appointment": "notary"}, "there is no service with appointments notary; there is legal-aid, mediation"),
    ("menus/main/keys/0", {"queue": "aid"}, "means 人工 in every menu"),
    ("menus/main/keys/9", {"queue": "aid"}, "means 不录音 in every menu"),
    ("menus/main/keys/*", {"queue": "aid"}, "means 重听 in every menu"),
    ("menus/main/keys/12", {"queue": "aid"}, "is no key"),
    ("menus/main/keys/2", {"queue": "aid"}, "menu sub: no key leads here"),
    ("menus/main/keys/1", {"queue": "aid", "topic": "a${SHELL(id)}"}, "holds one of"),
    ("menus/main/keys/1", {"queue": "aid", "topic": "很" * 21}, "is longer than 20"),
    ("menus/main/spoken", True, "nothing can be said here"),
    ("menus/main/spoken", "yes", "'yes' is neither true nor false"),
    ("menus/main/keys/1", {"queue": "aid", "says": ["援助"]}, "says is not heard here; write spoken: true"),
    ("menus/main/keys/1", {"queue": "aid", "says": "援助"}, "is no list of phrases"),
    ("menus/main/keys/1", {"queue": "aid", "says": ["legal aid"]}, "is no list of phrases"),
    ("menus/main/keys/1", {"queue": "aid", "says": ["很" * 11]}, "is no list of phrases"),
    ("menus/main/keys/1", {"queue": "aid", "named": "topic-x"}, "key 1: the prompt topic-x is missing"),
    ("menus/main/timeout_s", 0, "is no whole number from 1 to 30"),
    ("menus/main/times", True, "is no whole number from 1 to 5"),
    ("menus/main/invalid_limit", "3", "is no whole number from 1 to 10"),
    ("menus/main/otherwise", {"menu": "main"}, "silence goes round main → main for ever"),
    ("menus/sub/hours", "night", "there are no opening hours night"),
    ("menus/sub/hours", KeyError, "hours and closed belong together"),
    ("menus/sub/heard_in", "aid", "only the first menu of those heard in a queue can have hours"),
    ("menus/main/heard_in", "nobody", "heard_in: there is no queue nobody"),
])
def test_what_is_wrong_is_said(path: str, value: Any, complaint: str) -> None:
    assert complaint in told(_changed(path, value))


def test_a_menu_of_those_who_wait_needs_no_key_that_leads_to_it() -> None:
    waiting = {"prompt": "menu-sub", "heard_in": "aid", "keys": {7: {"callback": True}}}
    data = GOOD | {"menus": GOOD["menus"] | {"waiting": waiting}}
    assert told(data) == ""
    assert "menu waiting: no key leads here" in told(data | {"menus": data["menus"] | {"waiting": waiting | {"heard_in": "hotline"}, "main": {
        "prompt": "menu-main", "keys": {2: {"menu": "sub"}}, "otherwise": {"queue": "aid"}}}, "human": {"queue": "aid"}})
    twice = data | {"menus": data["menus"] | {"also": waiting}}
    assert "another menu is heard in aid already" in told(twice)


def test_a_menu_that_is_spoken_to() -> None:
    data = _changed("menus/main/spoken", True)
    data["menus"]["main"]["keys"][1]["says"] = ["援助", "律师"]
    assert told(data) == ""
    plan, _ = read_plan(data, "two.yaml")
    assert plan.menus["main"].spoken and plan.menus["main"].keys["1"].says == ("援助", "律师") and not plan.menus["sub"].spoken
    data["menus"]["main"]["keys"][2]["says"] = ["律师"]
    assert "律师 is said for 2 keys" in told(data)
    data["menus"]["main"]["keys"][2]["says"] = []
    data["menus"]["main"]["heard_in"] = "aid"
    assert "who waits in a queue speaks to nobody" in told(data)


def test_every_complaint_is_told_at_once() -> None:
    data = _changed("menus/main/times", 0)
    data["menus"]["main"]["keys"][3] = {"fax": True}
    data["menus"]["sub"]["prompt"] = "a b"
    assert len(told(data).splitlines()) == 4


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["menus", "main", "start", "human", "queue", "keys", "prompt", "name", "1", "otherwise"]), inner, max_size=4),
    max_leaves=12,
))
def test_no_data_at_all_is_more_than_a_complaint(data: Any) -> None:
    plan, complaints = read_plan(data, "x.yaml")
    assert complaints or isinstance(check_plan(plan, KNOWN), list)


def goes(plan: MenuPlan, keys: str, **more: Any) -> str:
    return walk(plan, keys, **more)[-1].text


def test_nothing_pressed_reaches_a_human() -> None:
    assert walk(plan_of(), "") == [Step("heard", "menu-main"), Step("heard", "menu-main"), Step("goes", "queue:hotline")]
    for shipped in ("human-first", "menu", "lawyers"):
        plan = load_plan(shipped, *menu_sources(Settings()))
        assert goes(plan, "") == "queue:hotline"


@pytest.mark.parametrize(("keys", "end"), [
    ("0", "queue:hotline"), ("1", "queue:aid"), ("  1", "queue:hotline"), (" 1", "queue:aid"), ("2#", "message"), ("2 ", "queue:aid"),
    ("20", "queue:hotline"), ("77", "queue:hotline"), ("9*1", "queue:aid"), ("99999*****1", "queue:aid"), ("7*2#", "message"),
])
def test_keys_lead_where_the_plan_says(keys: str, end: str) -> None:
    assert goes(plan_of(), keys) == end


def test_outside_the_hours_the_other_way_is_taken() -> None:
    assert walk(plan_of(), "2", open_now=False)[-1] == Step("goes", "message")
    assert Step("heard", "menu-sub") not in walk(plan_of(), "2", open_now=False)


def test_who_waits_already_is_moved_by_a_key_alone() -> None:
    menu = Menu("main", "menu-main", {"1": Target("queue", "aid")}, heard_in="hotline")
    plan = MenuPlan("p", "", "main", Target("queue", "hotline"), {"main": menu})
    assert check_plan(plan, KNOWN) == []
    assert (goes(plan, ""), goes(plan, "5"), goes(plan, "1"), goes(plan, "0")) == ("queue:hotline", "queue:hotline", "queue:aid", "queue:hotline")


SHIPPED = [load_plan(name, *menu_sources(Settings())) for name in ("human-first", "menu", "lawyers")]


@given(st.text("0123456789*# ABCD", max_size=40))
def test_every_walk_ends(keys: str) -> None:
    for plan in SHIPPED:
        steps = walk(plan, keys)
        assert steps[-1].kind == "goes" and steps[-1].text != "nowhere"


def test_an_administrators_plan_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "menu.yaml").write_text(
        "name: menu\nstart: main\nhuman: {queue: default}\nmenus:\n  main: {prompt: menu-main, keys: {'1': {queue: default}}}\n"
    )
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "twice.yaml").write_text("name: twice\nname: twice\n")
    (tmp_path / "other.yaml").write_text((tmp_path / "menu.yaml").read_text())
    sources = menu_sources(Settings(menus_dir=tmp_path))
    assert plan_files(sources[0])["menu"] == tmp_path / "menu.yaml"
    assert list(load_plan("menu", *sources).menus["main"].keys) == ["1"]
    for name, words in (("broken", "cannot be read"), ("twice", "written twice"), ("absent", "there is no menu plan absent")):
        with pytest.raises(BadSetting, match=words):
            open_plan(name, *sources)
    with pytest.raises(BadSetting, match="must be the file's, other"):
        load_plan("other", *sources)


def test_the_pictures_in_the_reference_are_the_shipped_plans() -> None:
    page = (PROJECT_ROOT / "docs/reference/menus.md").read_text("utf-8")
    texts = read_manifest(PROMPTS).prompts
    for name in ("human-first", "menu"):
        chart = mermaid(load_plan(name, *menu_sources(Settings())), texts)
        assert f"```mermaid\n{chart}```" in page, f"put the output of `ivr menu show {name}` there"
