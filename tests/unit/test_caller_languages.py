"""Languages callers ask for: settings, menus, what is kept of a number, and the ledger's word for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from ivr.domain.caller_language import CallerLanguage, Language, checked_choice, exchange_table, told_language
from ivr.domain.errors import BadSetting, CallerFault
from ivr.domain.menu import MenuPlan, Step, Target, walk
from ivr.exchange_setup import PROMPTS, manifest, menu_sources, spoken_languages, waiting_lines
from ivr.menu_chart import mermaid
from ivr.pipeline.carry_records import RecordCarrier, languages_of
from ivr.settings import Settings
from ivr.telephony.menu_files import load_plan
from ivr.telephony.prompts import read_manifest

NOW = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
NINGXIA = {"name": "ningxia", "title": "宁夏方言", "queue": "dialect", "key": "4"}
MONGOLIAN = {"name": "mongolian", "title": "蒙古语", "queue": "dialect"}


def settings(*languages: dict[str, Any], **dialect: Any) -> Settings:
    return Settings.model_validate({
        "queues": [{"name": "hotline"}, {"name": "other"}, {"name": "dialect", **dialect}], "languages": list(languages),
    })


def lines(found: Settings) -> dict[str, dict[str, Any]]:
    return {q["name"]: q for q in waiting_lines(found)}


def test_from_a_languages_queue_every_road_leads_to_any_seat_after_a_short_wait() -> None:
    found = lines(settings(NINGXIA, MONGOLIAN))
    roads = [found["dialect"][why] for why in ("full", "nobody", "paused", "late")]
    assert roads == ["queue:hotline"] * 4 and found["dialect"]["wait_limit_s"] == 60
    assert found["dialect"]["title"] == "宁夏方言" and found["dialect"]["speaks"], "operators see what rings"
    assert "speaks" not in found["hotline"] and found["other"]["nobody"] == "message" and found["other"]["wait_limit_s"] == 300


def test_what_is_set_of_a_languages_queue_stands_where_it_may() -> None:
    found = lines(settings(NINGXIA, wait_limit_s=20, title="方言坐席", nobody="queue:hotline"))
    assert (found["dialect"]["wait_limit_s"], found["dialect"]["title"]) == (20, "方言坐席")


@pytest.mark.parametrize(("languages", "dialect", "told"), [
    ([NINGXIA | {"queue": "nowhere"}], {}, "must be one beside hotline.queue, not nowhere; there is dialect, other"),
    ([NINGXIA | {"queue": "hotline"}], {}, "must be one beside hotline.queue, not hotline"),
    ([NINGXIA], {"nobody": "message"}, "goes on to any seat; remove it"),
    ([NINGXIA], {"late": "end"}, "goes on to any seat; remove it"),
    ([NINGXIA, NINGXIA | {"key": "5"}], {}, "the name ningxia is used twice"),
    ([NINGXIA, MONGOLIAN | {"key": "4"}], {}, "the name 4 is used twice"),
    ([NINGXIA | {"key": "0"}], {}, "languages.0.key"), ([NINGXIA | {"key": "9"}], {}, "languages.0.key"),
    ([NINGXIA | {"title": "a;b"}], {}, "languages.0.title"), ([NINGXIA | {"title": ""}], {}, "languages.0.title"),
])
def test_settings_that_would_leave_a_caller_worse_off_are_refused(languages: list[dict[str, Any]], dialect: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        settings(*languages, **dialect)


def test_the_hotlines_queue_may_not_lead_back() -> None:
    with pytest.raises(ValidationError, match="lead back to it"):
        Settings.model_validate({
            "queues": [{"name": "hotline", "late": "queue:dialect"}, {"name": "dialect"}], "languages": [NINGXIA],
        })


def plan(found: Settings, name: str = "human-first") -> MenuPlan:
    return load_plan(name, *menu_sources(found))


def test_the_first_menu_gains_the_key_and_says_so() -> None:
    found = settings(NINGXIA, MONGOLIAN)
    waiting = plan(found).menus["waiting"]
    assert waiting.keys["4"] == Target("language", "ningxia", "宁夏方言") and waiting.heard == ("menu-waiting", "choose-ningxia")
    assert walk(plan(found), "4")[-2:] == [Step("key", "4"), Step("goes", "language:ningxia")]
    texts = manifest(found).prompts
    assert texts["choose-ningxia"] == "说宁夏方言请按四。" and "choose-mongolian" not in texts, "no key, nothing to say"
    chart = mermaid(plan(found), texts)
    assert '-- "4 宁夏方言" --> language_ningxia' in chart and "说宁夏方言请按四。" in chart


def test_without_languages_nothing_changes() -> None:
    assert manifest(Settings()) == read_manifest(PROMPTS) and spoken_languages(Settings()) == ()
    assert plan(Settings()).menus["waiting"].heard == ("menu-waiting",)


def test_a_key_that_means_something_already_is_refused_with_the_free_ones() -> None:
    with pytest.raises(BadSetting, match=r"key 7: means callback already.*free: 4 5 6\b"):
        plan(settings(NINGXIA | {"key": "7"}))
    with pytest.raises(BadSetting, match="free: none"):
        plan(settings(NINGXIA), "menu")


def test_a_plan_may_name_a_language_but_only_a_known_one(tmp_path: Any) -> None:
    (tmp_path / "own.yaml").write_text(
        'name: own\nstart: main\nhuman: {queue: default}\nmenus:\n  main: {prompt: menu-main, keys: {"1": {language: mongolian}}}\n'
    )
    known = settings(MONGOLIAN).model_copy(update={"menus_dir": tmp_path})
    assert plan(known, "own").menus["main"].keys["1"] == Target("language", "mongolian")
    with pytest.raises(BadSetting, match="there is no language mongolian; there is none"):
        plan(settings().model_copy(update={"menus_dir": tmp_path}), "own")


@pytest.mark.parametrize(("number", "language", "by", "told"), [
    ("+86138", "ningxia", "督导", "no telephone number"), ("12", "ningxia", "督导", "no telephone number"),
    ("13800000001", "french", "督导", "there is no language 'french'; there is mongolian, ningxia"),
    ("13800000001", "ningxia", " ", "say who decided it"), ("13800000001", "ningxia", "x\n", "say who decided it"),
])
def test_an_unfit_choice_is_refused(number: str, language: str, by: str, told: str) -> None:
    with pytest.raises(CallerFault, match=told):
        checked_choice(number, language, by, ["ningxia", "mongolian"])
    checked_choice("13800000001", "ningxia", "督导", ["ningxia", "mongolian"])


@pytest.mark.parametrize(("extra", "told"), [
    ("ningxia:key", ("ningxia", "key")), ("ningxia:record", ("ningxia", "record")), ("ningxia", ("", "")), ("", ("", "")),
    ("ningxia:other", ("", "")), ("Ning xia:key", ("", "")), (":key", ("", "")),
])
def test_the_ledgers_word_is_read_strictly(extra: str, told: tuple[str, str]) -> None:
    assert told_language(extra) == told


def record(number: str, language: str, minutes: int) -> CallerLanguage:
    return CallerLanguage(number, language, "caller", NOW + timedelta(minutes=minutes))


def test_the_exchange_keeps_the_last_word_for_each_key() -> None:
    records = [record("8613800000001", "ningxia", 1), record("13800000001", "mongolian", 2), record("13800000002", "ningxia", 1)]
    assert exchange_table(records) == {"13800000001": "mongolian", "13800000002": "ningxia"}
    assert exchange_table([*records, record("013800000001", "", 3)]) == {"13800000002": "ningxia"}, "what was taken back is not carried"


class _Sides:
    """Records and the exchange's table in memory."""

    def __init__(self) -> None:
        self.records = [record("13800000001", "ningxia", 1)]
        self.table: dict[str, str] = {}

    async def latest(self) -> Sequence[CallerLanguage]:
        return self.records

    async def held(self) -> dict[str, str]:
        return dict(self.table)

    async def put(self, key: str, value: str) -> None:
        self.table[key] = value

    async def delete(self, key: str) -> None:
        del self.table[key]


async def test_the_exchange_follows_the_records() -> None:
    sides = _Sides()
    carrier = RecordCarrier("language", languages_of(sides), sides)
    await carrier.once()
    assert sides.table == {"13800000001": "ningxia"}
    sides.records = [record("13800000001", "", 2)]
    await carrier.once()
    assert sides.table == {}


def test_a_languages_prompt_is_named_after_it() -> None:
    assert Language("english", "English", "dialect", "#").offer == "说English请按井号。"
