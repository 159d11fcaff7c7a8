"""A recording is renewed when somebody new is heard by the citizen, and only then."""

from __future__ import annotations

import asyncio

import pytest

from ivr.domain.errors import Unavailable
from ivr.domain.events import BridgeEntered, ChannelEnded, ExchangeSnapshot, LiveEvent
from ivr.domain.new_voices import NewVoices
from ivr.pipeline.renew_recordings import RecordingRenewer

CITIZEN, OPERATOR, COLLEAGUE, LOCAL, ANNOUNCER, THIRD = "t-1.0", "t-1.1", "t-1.2", "t-1.3", "t-1.4", "t-room7-1.7"
CHANNELS = {LOCAL: "Local/8003@consult-0;1", ANNOUNCER: "CBAnn/t-1.0-0;2"}


def enters(who: str, bridge: str, linked_id: str = CITIZEN) -> BridgeEntered:
    return BridgeEntered(CHANNELS.get(who, "PJSIP/x"), who, linked_id, bridge, 2, 1.0)


def found(*who: str) -> ExchangeSnapshot:
    return ExchangeSnapshot((), frozenset({CITIZEN}), 1.0, tuple(enters(one, "a") for one in who))


TALK: list[LiveEvent] = [enters(OPERATOR, "a"), enters(CITIZEN, "a")]


@pytest.mark.parametrize(("events", "told"), [
    (TALK, []),
    ([*TALK, enters(COLLEAGUE, "a")], [CITIZEN]),
    # asks a colleague first: what is joined in the citizen's bridge is a channel without a telephone, then the telephone
    ([*TALK, enters(OPERATOR, "b"), enters(LOCAL, "b"), enters(LOCAL, "a"), enters(COLLEAGUE, "a")], [CITIZEN]),
    ([*TALK, enters(OPERATOR, "b"), enters(COLLEAGUE, "b"), enters(OPERATOR, "a")], []),
    ([*TALK, enters(COLLEAGUE, "a"), enters(OPERATOR, "a")], [CITIZEN, CITIZEN]),
    # a transfer by the dialplan leads to another bridge, and the dialplan has renewed the recording
    ([*TALK, enters(LOCAL, "c"), enters(CITIZEN, "c"), enters(COLLEAGUE, "c")], []),
    # a video room: its announcer is no voice, and who was asked in, with a linked id of its own, no citizen
    ([enters(CITIZEN, "r"), enters(ANNOUNCER, "r"), enters(OPERATOR, "r"), enters(THIRD, "r", THIRD)], []),
    ([enters(CITIZEN, "r"), enters(OPERATOR, "r"), enters(THIRD, "r", THIRD), enters(COLLEAGUE, "r")], [CITIZEN]),
    # two desk calls joined by REFER: the colleague's channel may still have the linked id of its own call
    ([*TALK, enters(COLLEAGUE, "a", "t-9.0")], [CITIZEN]),
    ([*TALK, ChannelEnded(CITIZEN, CITIZEN), enters(COLLEAGUE, "a")], []),
    ([*TALK, ExchangeSnapshot((), frozenset(), 1.0), enters(COLLEAGUE, "a")], []),
    ([*TALK, ExchangeSnapshot((), frozenset({CITIZEN}), 1.0), enters(COLLEAGUE, "a")], [CITIZEN]),
    # a controller that is new knows who is there, and so who is new
    ([found(CITIZEN, OPERATOR)], []),
    ([found(CITIZEN, OPERATOR), enters(COLLEAGUE, "a")], [CITIZEN]),
    ([found(OPERATOR), enters(COLLEAGUE, "a")], []),
    # what happened while the link was down
    ([*TALK, found(CITIZEN, COLLEAGUE)], [CITIZEN]),
    ([*TALK, found(CITIZEN, COLLEAGUE), enters(COLLEAGUE, "a")], [CITIZEN]),
    ([*TALK, found(COLLEAGUE, CITIZEN, OPERATOR)], []),
    ([*TALK, found(CITIZEN, LOCAL), found(CITIZEN)], []),
    ([*TALK, found(CITIZEN)], []),
])
def test_who_is_new_in_the_citizens_bridge(events: list[LiveEvent], told: list[str]) -> None:
    voices = NewVoices()
    assert [linked_id for event in events for linked_id in voices.apply(event)] == told


class Recorder:
    """Asterisk's recorders, away for the first ``away`` renewals."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.renewed: list[str] = []
        self.told = asyncio.Event()

    async def renew(self, linked_id: str) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("no console")
        self.renewed.append(linked_id)
        self.told.set()


async def test_a_renewal_that_fails_is_not_the_last() -> None:
    recorder = Recorder(away=1)
    renewer = RecordingRenewer(recorder)
    task = asyncio.create_task(renewer.run())
    try:
        for event in (*TALK, enters(COLLEAGUE, "a"), enters(OPERATOR, "a")):
            renewer.see(event)
        async with asyncio.timeout(10):
            await recorder.told.wait()
        assert recorder.renewed == [CITIZEN]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
