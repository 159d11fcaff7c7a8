"""The operator's track is closed during a hold and never longer."""

from __future__ import annotations

import pytest

from ivr.domain.events import BridgeEntered, ChannelEnded, ExchangeSnapshot, HoldChanged, LiveEvent
from ivr.domain.hold_music import HoldMusic

CITIZEN, OPERATOR, COLLEAGUE = "t-1.0", "t-1.1", "t-1.2"


def enters(who: str, bridge: str) -> BridgeEntered:
    return BridgeEntered("PJSIP/x", who, CITIZEN, bridge, 2, 1.0)


def held(who: str, held: bool = True) -> HoldChanged:
    return HoldChanged("PJSIP/x", who, CITIZEN, held)


def found(who: str, bridge: str) -> ExchangeSnapshot:
    return ExchangeSnapshot((), frozenset({CITIZEN}), 1.0, (enters(who, bridge),))


TALK: list[LiveEvent] = [enters(OPERATOR, "a"), enters(CITIZEN, "a")]


@pytest.mark.parametrize(("events", "told"), [
    (TALK, []),
    ([*TALK, held(OPERATOR), held(OPERATOR, False)], [True, False]),
    ([*TALK, held(CITIZEN)], []),
    # asks a colleague by key: no Unhold comes when all three talk, or when the operator comes back alone
    ([*TALK, held(OPERATOR), enters(OPERATOR, "b"), enters(COLLEAGUE, "b")], [True]),
    ([*TALK, held(OPERATOR), enters(OPERATOR, "b"), enters(COLLEAGUE, "b"), enters(COLLEAGUE, "a")], [True, False]),
    ([*TALK, held(OPERATOR), enters(OPERATOR, "b"), enters(OPERATOR, "a")], [True, False]),
    # holds on a desk phone, then sends the citizen elsewhere
    ([*TALK, held(OPERATOR), enters(COLLEAGUE, "c"), enters(CITIZEN, "c")], [True, False]),
    # a controller that was started again in the middle of a hold
    ([ExchangeSnapshot((), frozenset({CITIZEN}), 1.0), enters(OPERATOR, "a"), enters(OPERATOR, "a")], [False]),
    ([found(CITIZEN, "a"), enters(OPERATOR, "b"), enters(OPERATOR, "a")], [False]),
    ([*TALK, held(OPERATOR), ChannelEnded(CITIZEN, CITIZEN), enters(OPERATOR, "a")], [True]),
])
def test_a_hold_ends_when_the_citizen_is_joined_with_somebody(events: list[LiveEvent], told: list[bool]) -> None:
    music = HoldMusic()
    found = [answer for event in events if (answer := music.apply(event)) is not None]
    assert found == [(CITIZEN, closed) for closed in told]
