"""The table of moves: random walks stay inside it, clocks never go back, and each rule of the desk holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.china_holidays import working_days
from ivr.domain.work_order import (
    MOVES,
    STATES,
    Actor,
    Life,
    MoveIncomplete,
    MoveRefused,
    OrderRules,
    Wish,
    card,
    choices,
    decision_by,
    may_read,
    move,
)
from ivr.domain.worktime import SHANGHAI, WorkTime

RULES = OrderRules(WorkTime(working_days([], [])))
NOW = datetime(2026, 11, 23, 9, tzinfo=SHANGHAI)  # Monday
CHIEF = Actor("chief", frozenset({"supervisor"}))
DISPATCHER = Actor("desk", frozenset({"dispatcher"}))
SEAT = Actor("seat", frozenset({"operator"}), "8001", "热线")
ZHAO = Actor("zhao", frozenset({"handler"}), "7001", "司法所")
QIAN = Actor("qian", frozenset({"handler"}), "7002", "司法所")
EVERYBODY = (CHIEF, DISPATCHER, SEAT, ZHAO, QIAN, Actor("root", frozenset({"administrator"})), Actor("nobody", frozenset()))
ROLES = {"operator", "supervisor", "dispatcher", "handler", "adviser", "administrator", "auditor"}


def wish(name: str, **given: object) -> Wish:
    """A move with everything it needs."""
    needs = {
        "reason": {"reason": "因为"}, "assignee": {"to": "7001"}, "days": {"days": 10},
        "into": {"into": "6401051261123000018"}, "person": {"to": "7009"},
    }
    told: dict[str, object] = {}
    for need in MOVES[name].needs:  # type: ignore[index]
        told |= needs[need]
    return Wish(name, **{**told, **given})  # type: ignore[arg-type]


def walk(life: Life, *steps: tuple[str, Actor], at: datetime = NOW) -> Life:
    for name, actor in steps:
        life, _ = move(life, wish(name), actor, at, RULES)
    return life


ASSIGNED = walk(Life(owner="8001"), ("assign", DISPATCHER))
ACCEPTED = walk(ASSIGNED, ("accept", ZHAO))


def test_the_table_is_sound() -> None:
    for name, row in MOVES.items():
        assert set(row.sources) <= set(STATES) and row.sources, name
        assert row.target is None or row.target in STATES, name
        assert set(row.roles) <= ROLES and row.roles, name
    reached = {"draft"} | {row.target for row in MOVES.values() if row.target}
    assert reached == set(STATES), "every state can be reached, and none is reached that is not one"


def test_the_straight_road() -> None:
    life = walk(
        Life(owner="8001", category="consultation"), ("submit", SEAT), ("assign", DISPATCHER), ("accept", ZHAO), ("start", ZHAO),
        ("resolve", ZHAO), ("ask_citizen", SEAT), ("close", SEAT), ("archive", CHIEF),
    )
    assert (life.state, life.owner, life.due_at) == ("archived", "7001", RULES.worktime.due(NOW, 3))


STEPS = st.lists(
    st.tuples(st.sampled_from(list(MOVES)), st.sampled_from(EVERYBODY), st.integers(0, 60 * 24 * 9), st.sampled_from(["7001", "7002"])),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.datetimes(datetime(2025, 1, 1), datetime(2026, 9, 1), timezones=st.just(SHANGHAI)), st.sampled_from(["", "consultation"]))
def test_no_walk_leaves_the_table_and_no_clock_goes_back(
    steps: list[tuple[str, Actor, int, str]], now: datetime, category: str
) -> None:
    life = Life(owner="8001", category=category)
    for name, actor, minutes, person in steps:
        now += timedelta(minutes=minutes)
        told = wish(name, to=person) if "assignee" in MOVES[name].needs else wish(name)  # type: ignore[index]
        allowed = {c.move: c for c in choices(life, actor, now, RULES)}[name]  # type: ignore[index]
        try:
            moved, event = move(life, told, actor, now, RULES)
        except MoveRefused as refused:
            assert not allowed.allowed and allowed.why in str(refused)
            assert set(refused.possible) == {c.move for c in choices(life, actor, now, RULES) if c.allowed}
            continue
        row = MOVES[name]  # type: ignore[index]
        assert allowed.allowed and life.state in row.sources and moved.state == (row.target or life.state)
        assert event.role in row.roles and event.role in actor.roles
        assert (event.from_state, event.to_state) == (life.state, moved.state)
        if moved.due_at != life.due_at:
            assert row.clock, "only moves the table names touch the clock"
            assert moved.due_at is None or (life.due_at is None and moved.due_at > now) or moved.due_at > life.due_at  # type: ignore[operator]
        if moved.owner != life.owner:
            assert name == "accept" and moved.owner == actor.work_number
        assert moved.owner, "an order stays somebody's"
        assert moved.returns <= RULES.most_returns
        life = moved


@given(st.sampled_from(STATES), st.sampled_from(EVERYBODY), st.sampled_from(list(MOVES)))
def test_what_is_refused_has_a_reason_and_what_is_allowed_none(state: str, actor: Actor, name: str) -> None:
    choice = {c.move: c for c in choices(Life(state=state, due_at=NOW), actor, NOW, RULES)}[name]  # type: ignore[index]
    assert choice.allowed == (choice.why == "")


def test_the_clock_runs_from_dispatch_and_only_the_first_time() -> None:
    later = NOW + timedelta(days=1)
    reassigned, _ = move(ACCEPTED, wish("reassign", to="7002"), DISPATCHER, later, RULES)
    assert ASSIGNED.due_at == reassigned.due_at == RULES.worktime.due(NOW, 5)
    message = Life(due_at=NOW + timedelta(hours=9))
    assert walk(message, ("assign", DISPATCHER)).due_at == message.due_at, "a message keeps the term of its opening"
    returned = walk(ASSIGNED, ("return", ZHAO))
    again, _ = move(returned, wish("assign", to="7002"), DISPATCHER, later, RULES)
    assert again.due_at == ASSIGNED.due_at, "the citizen waits while offices return it"


def test_the_owner_stays_until_another_accepts() -> None:
    assert ASSIGNED.owner == "8001" and ACCEPTED.owner == "7001"
    reassigned, _ = move(ACCEPTED, wish("reassign", to="7002"), DISPATCHER, NOW, RULES)
    assert reassigned.owner == "7001"
    taken, event = move(reassigned, wish("accept"), QIAN, NOW, RULES)
    assert taken.owner == "7002" and event.detail == {"owner_before": "7001"}


def test_only_who_it_is_assigned_to_accepts_and_anybody_of_a_unit_may() -> None:
    with pytest.raises(MoveRefused, match="7001，不是您"):
        move(ASSIGNED, wish("accept"), QIAN, NOW, RULES)
    unit, _ = move(Life(), Wish("assign", unit="司法所"), DISPATCHER, NOW, RULES)
    taken, _ = move(unit, wish("accept"), QIAN, NOW, RULES)
    assert (taken.owner, taken.assigned_to) == ("7002", "7002")
    with pytest.raises(MoveRefused, match="司法所"):
        move(unit, wish("accept"), SEAT, NOW, RULES)
    with pytest.raises(MoveRefused, match="没有登记工号"):
        move(unit, wish("accept"), DISPATCHER, NOW, RULES)


def test_one_extension_before_it_is_due() -> None:
    longer, event = move(ACCEPTED, wish("extend"), DISPATCHER, NOW, RULES)
    assert ACCEPTED.due_at is not None and longer.due_at == RULES.worktime.due(ACCEPTED.due_at, 10)
    assert event.detail["days"] == 10
    with pytest.raises(MoveRefused, match="已经延期一次"):
        move(longer, wish("extend"), DISPATCHER, NOW, RULES)
    with pytest.raises(MoveRefused, match="已经超期"):
        move(ACCEPTED, wish("extend"), DISPATCHER, ACCEPTED.due_at + timedelta(seconds=1), RULES)
    for days in (11, -1):
        with pytest.raises(MoveIncomplete, match="1 至 10"):
            move(ACCEPTED, wish("extend", days=days), DISPATCHER, NOW, RULES)


def test_a_return_is_in_time_and_the_third_goes_to_a_named_person() -> None:
    end = RULES.worktime.due(NOW, 2)
    assert move(ASSIGNED, wish("return"), ZHAO, end, RULES)[0].state == "returned"
    with pytest.raises(MoveRefused, match="2 个工作日内"):
        move(ASSIGNED, wish("return"), ZHAO, end + timedelta(seconds=1), RULES)
    life = ASSIGNED
    for returns in (1, 2, 3):
        life, event = move(life, wish("return"), ZHAO, NOW, RULES)
        assert life.returns == returns and event.detail.get("decision_by") == ("supervisor" if returns == 3 else None)
        if returns < 3:
            life = walk(life, ("assign", DISPATCHER))
    with pytest.raises(MoveRefused, match="须由班长决定"):
        move(life, wish("assign"), DISPATCHER, NOW, RULES)
    named = replace(RULES, decider="9001")
    assert decision_by(life, named) == "9001"
    with pytest.raises(MoveRefused, match="须由9001 决定"):
        move(life, wish("assign"), CHIEF, NOW, named)
    decider = Actor("director", frozenset({"dispatcher"}), "9001", "局")
    decided, _ = move(life, wish("assign"), decider, NOW, named)
    with pytest.raises(MoveRefused, match="并经决定"):
        move(decided, wish("return"), ZHAO, NOW, named)


def test_a_chosen_person_needs_a_reason_and_who_is_in_conflict_gets_nothing() -> None:
    with pytest.raises(MoveIncomplete, match="理由"):
        move(Life(), Wish("assign", to="7001", chosen=True), DISPATCHER, NOW, RULES)
    _, event = move(Life(), Wish("assign", to="7001", chosen=True, reason="当事人点名"), DISPATCHER, NOW, RULES)
    assert event.detail["chosen"] is True and event.reason == "当事人点名"
    recused = walk(Life(), ("recuse", SEAT))
    with pytest.raises(MoveIncomplete, match="回避"):
        move(recused, wish("assign", to="7009"), DISPATCHER, NOW, RULES)


@pytest.mark.parametrize(("given", "told"), [
    (Wish("void"), "理由"), (Wish("assign"), "to 或 unit"), (Wish("merge", reason="同一件"), "into"), (Wish("submit", to="7001"), "不用 to"),
    (Wish("void", reason="  "), "理由"), (Wish("void", reason="x", days=3, into="1"), "不用 days、into"),
])  # fmt: skip
def test_a_move_says_what_it_lacks_and_what_it_does_not_take(given: Wish, told: str) -> None:
    boss = Actor("boss", frozenset({"supervisor", "dispatcher"}))
    with pytest.raises(MoveIncomplete, match=told):
        move(Life(), given, boss, NOW, RULES)


def test_reopening_stops_the_clock_and_the_next_assignment_starts_another() -> None:
    closed = walk(ACCEPTED, ("resolve", ZHAO), ("close", SEAT))
    reopened, _ = move(closed, wish("reopen"), CHIEF, NOW + timedelta(days=30), RULES)
    assert (reopened.state, reopened.due_at, reopened.owner) == ("pending_review", None, "7001")
    again, _ = move(reopened, wish("assign"), DISPATCHER, NOW + timedelta(days=30), RULES)
    assert again.due_at == RULES.worktime.due(NOW + timedelta(days=30), 5)


def test_cards_are_for_clocks_that_run() -> None:
    late = NOW + timedelta(days=60)
    assert card(ACCEPTED, late, RULES.worktime) == "red"
    assert card(walk(ACCEPTED, ("resolve", ZHAO)), late, RULES.worktime) == ""
    assert card(Life(), late, RULES.worktime) == ""


def test_who_may_read_a_confidential_order() -> None:
    concealed = walk(ACCEPTED, ("conceal", SEAT))
    assert [may_read(concealed, a) for a in EVERYBODY] == [True, False, False, True, False, False, False]
    with pytest.raises(MoveRefused, match="supervisor"):
        move(concealed, wish("reveal"), ZHAO, NOW, RULES)
    assert all(may_read(walk(concealed, ("reveal", CHIEF)), a) for a in EVERYBODY)
