"""A telephone that is gone while its operator talks is found by its silence alone, and its leg is ended as a lost one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import chain, count, repeat

import pytest

from ivr.domain.errors import Unavailable
from ivr.domain.events import ContactLost, ExchangeSnapshot, LiveEvent, QueueMember, QueueSnapshot
from ivr.pipeline.watch_seats import LostSeatWatch
from ivr.telephony.ami_events import read_event

SEAT, LEG = "PJSIP/seat-web", "PJSIP/seat-web-0000001f"


class Legs:
    """One leg of one seat; ``heard`` gives the packets counted at each look."""

    def __init__(self, heard: Callable[[], int | None]) -> None:
        self.heard = heard
        self.asked: list[str] = []
        self.ended: list[str] = []
        self.done = asyncio.Event()

    async def legs_of(self, interface: str) -> list[str]:
        self.asked.append(interface)
        return [LEG]

    async def packets_heard(self, channel: str) -> int | None:
        now = self.heard()
        if now is None:
            self.done.set()
        return now

    async def end_lost(self, channel: str) -> None:
        self.ended.append(channel)
        self.done.set()


async def looked_at(legs: Legs, event: LiveEvent, look_s: float = 60.0) -> list[str]:
    watch = LostSeatWatch(frozenset({SEAT}), legs, silent_s=0.05, look_s=look_s, every_s=0.001)
    task = asyncio.create_task(watch.run())
    watch.see(event)
    watch.see(event)
    try:
        async with asyncio.timeout(20):
            await legs.done.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return legs.ended


def snapshot(device: int) -> ExchangeSnapshot:
    member = QueueMember(SEAT, "王律师", device, False)
    return ExchangeSnapshot(tuple(QueueSnapshot(q, (member,), ()) for q in ("hotline", "village")), frozenset(), 0.0)


@pytest.mark.parametrize("event", [ContactLost("seat-web"), snapshot(2)], ids=["registration", "snapshot"])
async def test_a_leg_by_which_nothing_comes_is_ended_once(event: LiveEvent) -> None:
    legs = Legs(lambda: 117)
    assert await looked_at(legs, event) == [LEG]
    assert legs.asked == [SEAT], "what is looked at already is not looked at twice"


async def test_the_last_packets_on_their_way_do_not_save_it() -> None:
    packets = chain(range(5), repeat(5))
    assert await looked_at(Legs(lambda: next(packets)), ContactLost("seat-web")) == [LEG]


async def test_a_page_whose_socket_alone_broke_talks_on() -> None:
    packets = count()
    legs = Legs(lambda: next(packets))
    watch = LostSeatWatch(frozenset({SEAT}), legs, silent_s=0.05, look_s=0.2, every_s=0.001)
    async with asyncio.timeout(20):
        assert not await watch._is_silent(LEG)
    assert next(packets) > 1 and legs.ended == []


async def test_a_leg_that_ended_meanwhile_is_left_alone() -> None:
    assert await looked_at(Legs(lambda: None), ContactLost("seat-web")) == []


async def test_desk_telephones_and_lines_are_asterisks_own_care() -> None:
    legs = Legs(lambda: 0)
    watch = LostSeatWatch(frozenset({SEAT}), legs)
    for event in (ContactLost("seat-one"), ContactLost("trunk-carrier"), snapshot(1)):
        watch.see(event)
    assert watch._suspects.empty()


async def test_an_exchange_that_gives_no_answer_is_asked_again_by_the_next_event() -> None:
    tries = count()

    def heard() -> int:
        if next(tries) == 0:
            raise Unavailable("Asterisk is away")
        return 3

    legs = Legs(heard)
    watch = LostSeatWatch(frozenset({SEAT}), legs, silent_s=0.01, every_s=0.001)
    task = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(20):
            while not legs.ended:
                watch.see(ContactLost("seat-web"))
                await asyncio.sleep(0.001)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(legs.asked) == 2


@pytest.mark.parametrize(("status", "lost"), [("Removed", True), ("Unreachable", True), ("Reachable", False), ("NonQualified", False)])
def test_asterisks_word_for_it(status: str, lost: bool) -> None:
    frame = {"event": "ContactStatus", "contactstatus": status, "endpointname": "seat-web", "uri": "sip:x@192.0.2.2:1;transport=ws"}
    assert read_event(frame, 0.0) == (ContactLost("seat-web") if lost else None)
