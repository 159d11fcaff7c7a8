"""What seats do, from live events: pasted days, and what must hold for any events at all."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.counted_call import CountedCall, Limits, tally
from ivr.domain.errors import Unavailable
from ivr.domain.events import ExchangeSnapshot, LinkLost, LiveEvent, MemberChanged, MemberRemoved, QueueMember, QueueSnapshot
from ivr.domain.figures import figures, occupancy
from ivr.domain.intervals import SHANGHAI
from ivr.domain.seat_time import SeatActivities, SeatTime, activity_of
from ivr.pipeline.keep_seat_times import SeatTimekeeper
from ivr.ports.seat_time import ActivityAt

ONE = "PJSIP/seat-one"


def member(device: int = 1, reason: str = "", interface: str = ONE) -> QueueMember:
    return QueueMember(interface, "甲", device, bool(reason), "" if reason == "paused" else reason)


@pytest.mark.parametrize(
    ("members", "activity"),
    [
        ([member()], "ready"), ([member(6)], "ready"), ([member(2)], "talking"), ([member(8)], "talking"), ([member(2, "meal")], "talking"),
        ([member(1, "wrap-up")], "wrap_up"), ([member(1, "meal")], "paused"), ([member(1, "paused")], "paused"), ([member(1, "ring-out")], "paused"),
        ([member(1, "signed-out")], None), ([member(1, "lost")], None), ([member(5)], None), ([member(5, "meal")], None), ([], None),
        ([member(1, "meal"), member()], "ready"), ([member(1, "wrap-up"), member(1, "wrap-up")], "wrap_up"), ([member(5), member(2)], "talking"),
    ],
)  # fmt: skip
def test_a_seat_does_one_thing(members: list[QueueMember], activity: str | None) -> None:
    assert activity_of(members) == activity


def snapshot(*members: QueueMember, queue: str = "hotline") -> ExchangeSnapshot:
    return ExchangeSnapshot((QueueSnapshot(queue, members, ()),), frozenset(), 0.0)


def told(activities: SeatActivities, *events: LiveEvent) -> list[str | None]:
    return [changed.activity for event in events for changed in activities.apply(event)]


def test_a_conversation_its_wrap_up_and_a_link_that_is_lost() -> None:
    activities = SeatActivities()
    assert told(activities, MemberRemoved("hotline", ONE), snapshot(member()), MemberChanged("hotline", member(2))) == ["ready", "talking"]
    assert told(activities, MemberChanged("hotline", member(8)), MemberChanged("hotline", member(1, "wrap-up"))) == ["wrap_up"]
    assert told(activities, LinkLost("gone", 0.0), LinkLost("gone", 0.0)) == [None] and dict(activities.now) == {}
    assert told(activities, snapshot(member(1, "wrap-up"))) == ["wrap_up"]
    assert told(activities, snapshot()) == [None]  # a seat that was taken from its queue


seats = st.sampled_from([ONE, "PJSIP/seat-two"])
members = st.builds(member, st.integers(0, 8), st.sampled_from(["", "paused", "meal", "wrap-up", "signed-out", "lost"]), seats)
queues = st.sampled_from(["hotline", "legal"])
events = st.one_of(
    st.builds(MemberChanged, queues, members), st.builds(MemberRemoved, queues, seats), st.just(LinkLost("x", 0.0)),
    st.builds(snapshot, members, queue=queues), st.just(snapshot()),
)


@settings(deadline=None)
@given(st.lists(events, max_size=30))
def test_what_was_told_is_what_is_and_nothing_is_told_twice(stream: list[LiveEvent]) -> None:
    activities, believed = SeatActivities(), {}
    for event in stream:
        for changed in activities.apply(event):
            assert believed.get(changed.interface) != changed.activity
            believed[changed.interface] = changed.activity
        assert {seat: a for seat, a in believed.items() if a is not None} == dict(activities.now)
        assert activities.apply(event) == []  # applied twice, it changes nothing


def test_occupancy_and_aht_have_their_formulas() -> None:
    at = datetime(2026, 11, 23, 9, tzinfo=SHANGHAI)
    calls = [
        CountedCall(f"{n}", at, outcome="answered", answered_at=at, ended_at=at.replace(minute=5), wrap_up_s=wrap_up_s)
        for n, wrap_up_s in enumerate((60.0, 0.0, None))
    ]
    busy = occupancy([SeatTime(300, 600, 60, 999), SeatTime(40)])
    assert (busy.value, busy.numerator, busy.denominator) == (0.66, 660, 1000)
    for seats_seen in ([], [SeatTime(paused_s=50)]):
        assert occupancy(seats_seen).value is None
    aht = {f.name: f for f in figures(tally(calls, Limits()))}["aht"]
    assert (aht.value, aht.numerator, aht.denominator) == (330, 660, 2), "a seat nobody saw is in neither number"


class Shelf:
    """Keeps what is noted; away for the first tries."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.noted: list[tuple[list[str | None], list[str], list[str]]] = []

    async def note(self, changes: Sequence[ActivityAt], seen: Collection[str], at: datetime, held: Collection[str] = ()) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        assert all(c.at <= at for c in changes)
        self.noted.append(([c.activity for c in changes], list(seen), list(held)))


@pytest.mark.timeout(30)
async def test_changes_wait_for_a_database_that_is_away_and_keep_their_order() -> None:
    shelf = Shelf(1)
    keeper = SeatTimekeeper(shelf, every_s=0.05)
    running = asyncio.create_task(keeper.run())
    for event in (snapshot(member()), MemberChanged("hotline", member(2)), MemberChanged("hotline", member(1, "wrap-up"))):
        keeper.see(event)
    async with asyncio.timeout(20):
        while len(shelf.noted) < 2:
            await asyncio.sleep(0.01)
    running.cancel()
    assert shelf.noted[0] == (["ready", "talking", "wrap_up"], [ONE], []) and shelf.noted[1] == ([], [ONE], [ONE])
