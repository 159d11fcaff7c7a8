"""Call-backs decided: which numbers, whose turn, what an attempt makes of a job."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.callback import (
    DIALABLE,
    CallbackJob,
    CallbackRules,
    QueueNow,
    attempt_id,
    dialable,
    is_attempt,
    note_on_failure,
    parse_promise,
    result_of,
    startable,
    state_after,
)
from ivr.domain.recording import RecordingName

NOW = 1_795_506_589.0
RULES = CallbackRules()


@pytest.mark.parametrize("number", ["13895112348", "19900000000", "01012345678", "02012345678", "09512048000", "095112345678", "2048000", "86543210"])
def test_numbers_that_may_be_promised(number: str) -> None:
    assert dialable(number) and parse_promise(f"hotline:{number}") == ("hotline", number)


@pytest.mark.parametrize("number", [
    "", "110", "119", "120", "12348", "95588", "10086", "0013800000000", "12345678901", "138951123488", "1389511234", "0951204800", "00", "4008001234",
    "１３８９５１１２３４８", "138951 12348", "13895112348\n", "+8613895112348", "*#06#", "1380000000a", "96110", "1234567",
])
def test_numbers_that_are_never_dialled(number: str) -> None:
    assert not dialable(number) and parse_promise(f"hotline:{number}")[1] == ""


@given(st.text(alphabet="0123456789", max_size=14))
def test_the_dialplan_applies_the_same_rule(digits: str) -> None:
    """A POSIX expression knows no (?: and no lazy repeat; without them both read it alike."""
    assert "?" not in DIALABLE and "\\" not in DIALABLE
    assert dialable(digits) == (re.search(DIALABLE, digits) is not None)


def test_an_attempts_id_is_told_from_asterisks_own_and_names_a_recording() -> None:
    ours = attempt_id("ivr", 12, 3, NOW)
    assert ours == "ivr-cb-1795506589.1203" and is_attempt(ours)
    for theirs in ("ivr-7-1795506589.1203", "x-cb-7-1795506589.12", "1795506589.12", ""):
        assert not is_attempt(theirs)
    name = RecordingName.parse(f"20261124/{ours}-d4632ef1-7834-4f9a-8fed-687385b99146")
    assert name is not None and name.linked_id == ours


def job(n: int = 1, **given: object) -> CallbackJob:
    fields: dict[str, object] = {
        "id": n, "kind": "kept_place", "queue": "hotline", "number": f"1389511{n:04}", "trunk": "carrier", "arrived_at": NOW - 600 + n,
        "promised_at": NOW - 500,
    }
    return CallbackJob(**fields | given)  # type: ignore[arg-type]


def ids(jobs: list[CallbackJob]) -> list[int]:
    return [j.id for j in jobs]


FREE = {"hotline": QueueNow(frozenset({"one", "two"}))}


def test_as_many_are_called_as_seats_are_free_the_earliest_first() -> None:
    three = [job(3), job(1), job(2)]
    assert ids(startable(three, [], FREE, NOW, True, RULES)) == [1, 2]
    assert ids(startable(three, ["hotline"], FREE, NOW, True, RULES)) == [1], "a seat is kept for the citizen whose telephone rings"
    assert startable(three, ["hotline", "hotline"], FREE, NOW, True, RULES) == []
    assert startable(three, [], {"hotline": QueueNow()}, NOW, True, RULES) == [] == startable(three, [], {}, NOW, True, RULES)


def test_nobody_who_came_earlier_is_passed() -> None:
    for since, wanted in ((NOW - 700, []), (NOW - 1, [1])):
        assert ids(startable([job(1)], [], {"hotline": QueueNow(frozenset({"one"}), (since,))}, NOW, True, RULES)) == wanted
    late = QueueNow(frozenset({"one"}), (NOW - 1,))
    assert startable([job(1, kind="dissatisfied")], [], {"hotline": late}, NOW, True, RULES) == [], "who waits goes before those we owe a visit"


def test_while_later_callers_take_every_seat_the_next_in_turn_is_called_alone() -> None:
    busy = {"hotline": QueueNow(frozenset(), (NOW - 1,), at_work=2)}
    assert ids(startable([job(1), job(2)], [], busy, NOW, True, RULES)) == [1]
    assert startable([job(2)], ["hotline"], busy, NOW, True, RULES) == [], "one at a time"
    assert startable([job(1, kind="dissatisfied")], [], busy, NOW, True, RULES) == []
    for others in (QueueNow(frozenset(), (NOW - 700,), at_work=2), QueueNow(frozenset(), (), at_work=2), QueueNow(frozenset(), (NOW - 1,))):
        assert startable([job(1)], [], {"hotline": others}, NOW, True, RULES) == []


def test_one_seat_of_two_queues_is_promised_once() -> None:
    queues = {"hotline": QueueNow(frozenset({"one"})), "aid": QueueNow(frozenset({"one"}))}
    assert ids(startable([job(1), job(2, queue="aid")], [], queues, NOW, True, RULES)) == [1]


def test_outside_the_hours_only_a_fresh_promise_is_kept_for_the_first_time() -> None:
    jobs = [job(1), job(2, attempts=1), job(3, promised_at=NOW - 7200), job(4, kind="dissatisfied")]
    many = {"hotline": QueueNow(frozenset("abcdef"))}
    assert ids(startable(jobs, [], many, NOW, False, RULES)) == [1]
    assert ids(startable(jobs, [], many, NOW, True, RULES)) == [1, 2, 3, 4]


def test_what_is_not_due_waits_and_one_number_is_called_once_at_a_time() -> None:
    jobs = [job(1, due=False), job(2), job(3, kind="dissatisfied", number=job(2).number)]
    assert ids(startable(jobs, [], FREE, NOW, True, RULES)) == [2]


@given(
    st.lists(st.builds(
        job, st.integers(1, 9), queue=st.sampled_from(["hotline", "aid"]), due=st.booleans(), attempts=st.integers(0, 2),
        kind=st.sampled_from(["kept_place", "dissatisfied"]), arrived_at=st.floats(NOW - 1000, NOW),
    ), max_size=8),
    st.dictionaries(st.sampled_from(["hotline", "aid"]), st.builds(
        QueueNow, st.frozensets(st.sampled_from("abc")), st.lists(st.floats(NOW - 1000, NOW), max_size=2).map(tuple),
        st.integers(0, 2))),
    st.lists(st.sampled_from(["hotline", "aid"]), max_size=3), st.booleans(),
)
def test_never_more_calls_than_seats_and_never_before_an_earlier_caller(
    jobs: list[CallbackJob], queues: dict[str, QueueNow], ringing: list[str], in_hours: bool
) -> None:
    chosen = startable(jobs, ringing, queues, NOW, in_hours, RULES)
    seats = frozenset[str]().union(*(q.free for q in queues.values())) if queues else frozenset()
    in_turn = sum(bool(q.waiting_since and q.at_work) for q in queues.values())
    assert len(chosen) <= len(seats) + in_turn and len({j.number for j in chosen}) == len(chosen)
    for one in chosen:
        now = queues[one.queue]
        assert one.due and (now.free or (now.waiting_since and now.at_work)) and all(since >= one.arrived_at for since in queues[one.queue].waiting_since)


@pytest.mark.parametrize(("outcome", "answered", "picked_up", "attempts", "result", "state", "then"), [
    ("answered", True, True, 0, "answered", "done", 1),
    ("interrupted", True, True, 0, "answered", "done", 1),
    ("failed", False, False, 0, "unreached", "waiting", 1),
    ("failed", False, False, 2, "unreached", "failed", 3),
    ("abandoned", False, True, 2, "gave_up", "failed", 3),
    ("failed", False, True, 0, "gave_up", "waiting", 1),
    ("interrupted", False, False, 2, "interrupted", "waiting", 2),
])
def test_what_an_attempt_makes_of_its_job(
    outcome: str, answered: bool, picked_up: bool, attempts: int, result: str, state: str, then: int
) -> None:
    came_to = result_of(outcome, answered, picked_up)
    assert (came_to, state_after("kept_place", came_to, attempts, RULES)) == (result, (state, then))


def test_what_a_person_asked_for_goes_first_and_at_any_hour() -> None:
    jobs = [job(1), job(2, kind="asked", asked=True), job(3, kind="dissatisfied", attempts=1)]
    free = {"hotline": QueueNow(frozenset({"PJSIP/a"}))}
    assert [j.id for j in startable(jobs, [], free, NOW, False, RULES)] == [2]
    late = {"hotline": QueueNow(frozenset({"PJSIP/a"}), (NOW,))}
    assert [j.id for j in startable(jobs[1:], [], late, NOW, True, RULES)] == [], "not before those who wait in the same queue"


def test_what_never_was_a_call_costs_no_attempt() -> None:
    assert state_after("kept_place", "not_placed", 2, RULES) == ("waiting", 2)
    assert state_after("asked", "not_placed", 0, RULES) == ("failed", 0), "who asked for it sees it, and asks again"
    assert state_after("asked", "unreached", 0, RULES) == ("failed", 1)


def test_the_order_says_what_was_not_kept() -> None:
    assert note_on_failure("kept_place", "13895112348", 3, "unreached") == "预约回电 13895112348 未完成：已拨打 3 次，最后一次无人接听、占线或无法接通，请人工联系。"
    assert "没有可回拨的号码" in note_on_failure("dissatisfied", "", 0, "")
    assert "未能在时限内拨出" in note_on_failure("kept_place", "13895112348", 0, "unreached")
