"""A hold is the seat's that set it, is told once, and ends however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ivr.domain.call_holds import CallHolds, HoldTurned
from ivr.domain.errors import Unavailable
from ivr.domain.events import BridgeEntered, ChannelEnded, ExchangeSnapshot, HoldChanged, LiveEvent
from ivr.pipeline.keep_holds import HoldKeeper
from ivr.ports.holds import HoldAt

CITIZEN, OPERATOR, COLLEAGUE = "t-1.0", "t-1.1", "t-1.2"
ONE, TWO = "PJSIP/seat-one", "PJSIP/seat-two"


def enters(who: str, bridge: str) -> BridgeEntered:
    return BridgeEntered("PJSIP/x", who, CITIZEN, bridge, 2, 1.0)


def held(who: str, held: bool = True) -> HoldChanged:
    return HoldChanged({OPERATOR: f"{ONE}-0000001a", COLLEAGUE: f"{TWO}-0000001b"}.get(who, "PJSIP/trunk-x-00000001"), who, CITIZEN, held)


def ends(who: str) -> ChannelEnded:
    return ChannelEnded(who, CITIZEN)


TALK: list[LiveEvent] = [enters(OPERATOR, "a"), enters(CITIZEN, "a")]
HELD: list[LiveEvent] = [*TALK, held(OPERATOR)]
ON, OFF, OVER = HoldTurned(CITIZEN, ONE, True), HoldTurned(CITIZEN, ONE, False), HoldTurned(CITIZEN, "", False)


@pytest.mark.parametrize(("events", "told"), [
    (TALK, []),
    ([*TALK, held(CITIZEN), held(CITIZEN, False)], []),  # the citizen's own telephone
    ([*HELD, held(OPERATOR, False), held(OPERATOR), held(OPERATOR, False)], [ON, OFF, ON, OFF]),
    ([*HELD, held(OPERATOR), held(OPERATOR, False)], [ON, OFF]),  # told twice
    ([*HELD, enters(OPERATOR, "b"), enters(COLLEAGUE, "b")], [ON]),  # a consultation: the citizen hears music on
    ([*HELD, enters(OPERATOR, "b"), enters(COLLEAGUE, "a"), enters(OPERATOR, "a")], [ON, OVER]),
    ([*HELD, enters(COLLEAGUE, "c"), enters(CITIZEN, "c")], [ON, OVER]),
    ([*HELD, ends(OPERATOR), ends(CITIZEN)], [ON, OFF, OVER]),
    ([*HELD, ends(CITIZEN), ends(OPERATOR)], [ON, OVER]),
    ([*HELD, held(COLLEAGUE), held(OPERATOR, False)], [ON, HoldTurned(CITIZEN, TWO, True), OFF]),
    # a controller that was started again in the middle of a hold
    ([ExchangeSnapshot((), frozenset({CITIZEN}), 1.0), held(OPERATOR, False)], [OFF]),
    ([ExchangeSnapshot((), frozenset({CITIZEN}), 1.0, (enters(CITIZEN, "a"),)), enters(OPERATOR, "b"), enters(OPERATOR, "a")], [OVER]),
    # and one that lost its link for a moment
    ([*HELD, ExchangeSnapshot((), frozenset({CITIZEN}), 1.0), held(OPERATOR, False)], [ON, OFF]),
    ([*HELD, ExchangeSnapshot((), frozenset(), 1.0), ends(OPERATOR)], [ON]),  # its end is the call's
])
def test_what_is_told_of_holds(events: list[LiveEvent], told: list[HoldTurned]) -> None:
    holds = CallHolds()
    assert [turned for event in events if (turned := holds.apply(event)) is not None] == told


class Store:
    """ivr.ports.holds.HoldStore; away as often as it is told."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.noted: list[HoldTurned] = []
        self.done = asyncio.Event()

    async def note(self, turns: Sequence[HoldAt]) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("PostgreSQL is away")
        assert [one.at for one in turns] == sorted(one.at for one in turns)
        self.noted += [one.turned for one in turns]
        if self.noted[-1] == OVER:
            self.done.set()


@pytest.mark.asyncio
@pytest.mark.timeout(30)
async def test_what_cannot_be_written_yet_is_kept_in_its_order() -> None:
    store = Store(away=3)
    keeper = HoldKeeper(store, again_s=0.01)
    task = asyncio.create_task(keeper.run())
    for event in [*HELD, *[held(OPERATOR, on) for _ in range(250) for on in (False, True)], ends(CITIZEN)]:
        keeper.see(event)
    async with asyncio.timeout(20):
        await store.done.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert store.noted == [ON, *[OFF, ON] * 250, OVER], "more than are written at once"
