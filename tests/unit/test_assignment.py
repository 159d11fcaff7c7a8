"""Who is offered an order: the order of the list, who is never in it, and the settings of its terms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.assignment import COLUMNS, Person, diff_people, parse_people, rank
from ivr.domain.errors import BadSetting, CallerFault
from ivr.order_setup import order_rules
from ivr.settings import Settings
from ivr.settings_sections import OrderSettings

VILLAGE, TOWN = "640105001-L01", "640105001"
CODES = st.lists(st.sampled_from(["labour", "tort", "family"]), max_size=3, unique=True).map(tuple)
PLACES = st.lists(st.sampled_from([VILLAGE, TOWN, "640105100"]), max_size=3, unique=True).map(tuple)
PEOPLE = st.lists(
    st.builds(Person, st.from_regex(r"[1-8][0-9]{3}", fullmatch=True), st.just("某"), st.just("所"), st.just(""), CODES, PLACES, st.booleans()),
    max_size=12, unique_by=lambda p: p.work_number,
)


@given(PEOPLE, st.data())
def test_nobody_away_or_in_conflict_is_offered_and_nearer_stands_first(people: list[Person], data: st.DataObject) -> None:
    conflicts = data.draw(st.sets(st.sampled_from([p.work_number for p in people]))) if people else set()
    loads = {p.work_number: data.draw(st.integers(0, 5)) for p in people}
    found = rank(people, loads, conflicts, village=VILLAGE, town=TOWN, matter="tort.traffic")
    assert {c.person.work_number for c in found} == {p.work_number for p in people if p.enabled} - conflicts
    keys = [
        (VILLAGE not in c.person.places, TOWN not in c.person.places if VILLAGE not in c.person.places else False,
         "tort" not in c.person.specialities, c.load, c.person.work_number) for c in found
    ]  # fmt: skip
    assert keys == sorted(keys)
    for c in found:
        assert c.reasons[-1] == f"在办 {loads[c.person.work_number]} 件"
        assert ("负责本村居" in c.reasons) == (VILLAGE in c.person.places) and ("专长相符" in c.reasons) == ("tort" in c.person.specialities)


def test_an_order_that_tells_nothing_is_offered_by_load() -> None:
    people = [Person("7001", "甲", "所", places=("",)), Person("7002", "乙", "所", specialities=("",))]
    assert [c.person.work_number for c in rank(people, {"7001": 1}, (), village="", town="", matter="")] == ["7002", "7001"]


@given(st.text(max_size=300))
def test_any_text_is_a_file_or_a_clear_refusal(text: str) -> None:
    try:
        read = parse_people(",".join(COLUMNS) + "\n" + text, {}, {})
    except CallerFault:
        return
    assert not (read.people and read.bad)


def test_what_an_import_would_change() -> None:
    before = [Person("7001", "甲", "一所"), Person("7002", "乙", "一所")]
    read = parse_people(",".join(COLUMNS) + "\n7001,甲,二所,,,,,\n7003,丙,一所,,,,,\n", {}, {})
    diff = diff_people(before, ["一所"], read)
    assert [p.work_number for p in diff.added] == ["7003"] and diff.changed[0][1].unit == "二所"
    assert (diff.new_units, diff.unchanged, diff.missing) == (("二所",), 0, (before[1],))


def test_a_file_of_the_older_columns_leaves_mediators_as_they_are() -> None:
    before = [Person("7001", "甲", "所", mediator_phone="13909510003")]
    older, row = ",".join(COLUMNS[:-1]) + "\n", "7001,甲,所,,,,"
    assert diff_people(before, ["所"], parse_people(f"{older}{row}\n", {}, {})).unchanged == 1
    newer = parse_people(",".join(COLUMNS) + f"\n{row},\n", {}, {})
    assert diff_people(before, ["所"], newer).changed[0][1].mediator_phone == "", "who is told to be none is none"
    assert not parse_people(f"{older}{row},13909510003\n", {}, {}).people


@pytest.mark.parametrize("phone", ["10086", "110", "13909510003&x", "+8613909510003", "139 0951 0003", "0013909510003", "9001"])
def test_only_a_whole_number_is_a_mediators(phone: str) -> None:
    read = parse_people(",".join(COLUMNS) + f"\n7001,甲,所,,,,,{phone}\n", {}, {})
    assert read.people == () and "调解员电话" in read.bad[0].reason


def test_a_term_of_no_category_is_refused() -> None:
    assert order_rules(Settings()).term("consultation") == 3 and order_rules(Settings()).term("mediation") == 5
    with pytest.raises(BadSetting, match="consultatoin; there are .*consultation"):
        order_rules(Settings(orders=OrderSettings(terms={"consultatoin": 2})))
