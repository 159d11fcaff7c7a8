"""A third side asked into a village's call: whom the exchange rings, with what, why nobody comes; and the words of its row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from ivr.domain.call import fold
from ivr.domain.errors import Unavailable
from ivr.domain.events import BridgeEntered, ChannelEnded, ChannelStarted, Fact, LiveEvent, OriginateFinished
from ivr.domain.room_film import FilmProblem, FilmState
from ivr.domain.video_room import RoomProblem, channel_id, is_invitation, why_ended
from ivr.domain.witness import LiveWitness
from ivr.pipeline.keep_rooms import RoomKeeper
from ivr.ports.callbacks import OutgoingLine
from ivr.ports.rooms import Guest, Invitation, NobodyToAsk
from ivr.telephony.ami import AmiClient
from ivr.telephony.rooms import AsteriskRoomDoor, Mediation, OutsideTelephone
from ivr.telephony.supervision import AsteriskListeningPost

CALL, LAWYER, DEVICE, STATION = "t-1-1764000000.1", "PJSIP/seat-web-00000001", "v-640105001-L01-1", "v-640105001-1"
T0 = datetime(2026, 11, 23, tzinfo=UTC)
KNOWN = {
    "DEVICE": DEVICE, "STATION": STATION, "ADVISER": "8003", f"CONFBRIDGE_INFO(parties,{CALL})": "", f"DEVICE_STATE(PJSIP/{STATION})": "NOT_INUSE",
    "DEVICE_STATE(PJSIP/seat-two)": "NOT_INUSE", "QUEUE_MEMBER(lawyer-8002,paused,PJSIP/seat-two)": "0",
    "CHANNEL(rtcp,rxcount,video)": "12", "CHANNEL(videonativeformat)": "(vp8)",
}


class Ami:
    """Answers Getvar from a table, and keeps what was originated."""

    def __init__(self, **changed: str) -> None:
        self.known = KNOWN | changed
        self.originated: list[dict[str, Any]] = []
        self.in_room: list[str] = []
        self.acts: list[tuple[str, str]] = []

    async def request(self, action: str, within_s: float = 5.0, **fields: Any) -> list[dict[str, str]]:
        if action == "Originate":
            self.originated.append(fields)
            return [{}]
        if action == "ConfbridgeList":
            return [{"channel": channel} for channel in self.in_room]
        if action in ("Setvar", "Hangup"):
            self.acts.append((action, fields.get("Variable", fields.get("Channel", ""))))
            return [{}]
        return [{"value": self.known.get(fields["Variable"], "")}]


class Post:
    """A lawyer in the village's call, or in none."""

    def __init__(self, talks: bool = True) -> None:
        self.talks = talks
        self.hung_up: list[str] = []

    async def hang_up(self, channel_id: str) -> None:
        self.hung_up.append(channel_id)

    async def talking_channel(self, interface: str) -> tuple[str, str] | None:
        return (LAWYER, CALL) if self.talks and interface == "PJSIP/seat-web" else None


def door(ami: Ami, *, talks: bool = True, free: int = 1, lines: bool = True) -> AsteriskRoomDoor:
    async def room(line: OutgoingLine) -> int:
        return free

    async def phone(work_number: str) -> str:
        return {"7003": "13909510003", "8002": "13909510004", "7004": "13909510004&PJSIP/x"}.get(work_number, "")

    line = OutgoingLine("carrier", "12348", 2)
    return AsteriskRoomDoor(
        cast(AmiClient, ami), cast(AsteriskListeningPost, Post(talks)),
        {"8003": ("seat-web", "lawyer-8003"), "8002": ("seat-two", "lawyer-8002")}, {"9001": OutsideTelephone("0951600001", line)}, room,
        Mediation(phone, line if lines else None), shown="12348", ring_s=20,
    )


@pytest.mark.parametrize(("who", "changed", "guest"), [
    ("station", {}, (f"PJSIP/{STATION}", STATION, "opus,alaw,ulaw,vp8", "")),
    ("station", {"CHANNEL(videonativeformat)": "(h264)"}, (f"PJSIP/{STATION}", STATION, "opus,alaw,ulaw,h264", "")),
    # what would have been a picture has no session: sound alone is offered
    ("station", {"CHANNEL(rtcp,rxcount,video)": ""}, (f"PJSIP/{STATION}", STATION, "opus,alaw,ulaw", "")),
    ("8002", {}, ("PJSIP/seat-two", "8002", "opus,alaw,ulaw,vp8", "")),
    ("adviser", {"ADVISER": "8002"}, ("PJSIP/seat-two", "8002", "opus,alaw,ulaw,vp8", "")),
    ("9001", {}, ("PJSIP/0951600001@trunk-carrier", "9001", "alaw,ulaw", "carrier")),
    ("mediator:7003", {}, ("PJSIP/13909510003@trunk-carrier", "7003", "alaw,ulaw", "carrier")),
    # a seat and a mediator of one work number are told apart
    ("mediator:8002", {}, ("PJSIP/13909510004@trunk-carrier", "8002", "alaw,ulaw", "carrier")),
])
async def test_whom_the_exchange_rings_and_what_is_offered(who: str, changed: dict[str, str], guest: tuple[str, str, str, str]) -> None:
    ami = Ami(**changed)
    found = await door(ami).find("web", who)
    assert (found.address, found.invited, found.codecs, found.line) == guest and (found.lawyer, found.linked_id) == (LAWYER, CALL)
    await door(ami).ring(found, "t-room1-1764000009.1")
    (asked,) = ami.originated
    assert (asked["Context"], asked["Channel"], asked["Codecs"]) == ("room-third", guest[0], guest[2])
    assert {f"ENTRY={CALL}", f"LAWYER={LAWYER}", f"INVITED={guest[1]}"} <= set(asked["Variable"])
    pictures = [v.partition("=")[2] for v in asked["Variable"] if v.startswith("PJSIP_MEDIA_OFFER(video)=")]
    assert pictures == [codec for codec in guest[2].split(",") if codec in ("h264", "vp8")], "the village's codec, and no other"
    assert "answer-after" not in str(asked)


@pytest.mark.parametrize(("who", "changed", "more", "problem"), [
    ("station", {}, {"talks": False}, "no_call"), ("station", {"DEVICE": ""}, {}, "no_call"), ("station", {"STATION": ""}, {}, "none"),
    ("station", {"STATION": DEVICE}, {}, "none"), ("station", {f"DEVICE_STATE(PJSIP/{STATION})": "UNAVAILABLE"}, {}, "absent"),
    ("station", {f"DEVICE_STATE(PJSIP/{STATION})": "INUSE"}, {}, "busy"), ("adviser", {}, {}, "none"), ("adviser", {"ADVISER": ""}, {}, "none"),
    ("8002", {"QUEUE_MEMBER(lawyer-8002,paused,PJSIP/seat-two)": "1"}, {}, "paused"), ("10086", {}, {}, "none"), ("9001", {}, {"free": 0}, "absent"),
    ("mediator:7003", {}, {"free": 0}, "absent"), ("mediator:7003", {}, {"lines": False}, "none"), ("mediator:7009", {}, {}, "none"), ("mediator:", {}, {}, "none"),
    ("mediator:7004", {}, {}, "none"), ("7003", {}, {}, "none"), ("13909510003", {}, {}, "none"), ("mediator:13909510003", {}, {}, "none"),
    ("station", {f"CONFBRIDGE_INFO(parties,{CALL})": "3"}, {}, "in_room"),
])
async def test_why_there_is_nobody_to_ask(who: str, changed: dict[str, str], more: dict[str, Any], problem: str) -> None:
    with pytest.raises(NobodyToAsk) as nobody:
        await door(Ami(**changed), **more).find("web", who)
    assert nobody.value.problem == problem


@pytest.mark.parametrize(("cause", "answered", "problem"), [
    ("16", True, "gone"), ("17", False, "refused"), ("21", False, "refused"), ("20", False, "absent"), ("16", False, "late"), ("19", False, "late"),
])
def test_why_somebody_who_was_rung_did_not_come(cause: str, answered: bool, problem: str) -> None:
    assert why_ended(cause, answered=answered) == problem


def test_who_is_asked_in_is_no_call_of_a_village() -> None:
    third = channel_id("b1", 7, 1764000009)
    assert third == "b1-room7-1764000009.7" and is_invitation(third) and not is_invitation(CALL)
    start = Fact("cel", "ledger", 0, third, "CHAN_START", 1.0, {"uniqueid": third, "channame": f"PJSIP/{STATION}-00000002", "context": "from-village"})
    assert fold([start], {}) is None
    assert fold([replace(start, linked_id=CALL, data=start.data | {"uniqueid": CALL})], {}) is not None
    witness = LiveWitness()
    witness.apply(ChannelStarted(f"PJSIP/{STATION}-00000002", third, third, "from-village", "", "", "s", 1.0))
    assert witness.calls == {}


THIRD = "b1-room7-1764000009.7"


class Inbox:
    """One invitation that waits, and what became of it."""

    def __init__(self) -> None:
        self.waits = [Invitation(7, "web", "station", "shi", "waiting", "", "", "", T0, None, None)]
        self.open: dict[int, Invitation] = {}
        self.told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def wait_hint(self, timeout_s: float) -> bool:
        await asyncio.Event().wait()
        return False

    async def take(self) -> Invitation | None:
        return self.waits.pop() if self.waits else None

    async def begun(
        self, invitation: int, channel_id: str, linked_id: str, film: FilmState = "", film_problem: FilmProblem = ""
    ) -> None:
        self.open[invitation] = replace(
            Invitation(invitation, "web", "station", "shi", "ringing", "", "", "", T0, None, None, film, film_problem),
            channel_id=channel_id, linked_id=linked_id)
        await self.told.put(("ringing", channel_id))

    async def joined(self, invitation: int) -> None:
        await self.told.put(("joined", ""))

    async def settle(self, invitation: int, problem: RoomProblem) -> None:
        self.open.pop(invitation, None)
        await self.told.put(("over", problem))

    async def filmed(self, invitation: int, film: FilmState, problem: FilmProblem = "") -> None:
        self.open[invitation] = replace(self.open[invitation], film=film)
        await self.told.put((f"film {film}", problem))

    async def unsettled(self) -> Sequence[Invitation]:
        return list(self.open.values())


class Door:
    """Rings whoever is asked for; ``wrong`` is raised instead; ``up`` are the channels that are there."""

    def __init__(self, wrong: Exception | None = None) -> None:
        self.wrong = wrong
        self.up = {CALL, THIRD}
        self.hung_up: list[str] = []
        self.guest = Guest(f"PJSIP/{STATION}", STATION, LAWYER, CALL, "alaw")
        self.rung: list[Guest] = []
        self.filming = False

    async def films(self, linked_id: str) -> bool:
        return self.filming and linked_id == CALL

    async def stop_film(self, linked_id: str) -> None:
        self.filming = False

    async def find(self, seat: str, who: str) -> Guest:
        if self.wrong:
            raise self.wrong
        return self.guest

    async def ring(self, guest: Guest, channel_id: str) -> None:
        self.rung.append(guest)

    async def hang_up(self, channel_id: str) -> None:
        self.hung_up.append(channel_id)
        self.up.discard(channel_id)

    async def is_up(self, channel_id: str) -> bool:
        return channel_id in self.up


ANSWERS = OriginateFinished("", "PJSIP/x", THIRD, True, "4")
JOINS, ENDS = BridgeEntered("PJSIP/x", THIRD, CALL, "room", 3, 1.0), ChannelEnded(THIRD, THIRD, "16", 2.0)


@pytest.mark.parametrize(("events", "told"), [
    ([ANSWERS, JOINS, ENDS], [("ringing", THIRD), ("joined", ""), ("over", "gone")]),  # of one that was joined the row keeps no problem
    ([ANSWERS, ENDS], [("ringing", THIRD), ("over", "gone")]),
    ([replace(ENDS, cause="17")], [("ringing", THIRD), ("over", "refused")]),
    ([BridgeEntered("PJSIP/x", "b1-watch-7", CALL, "room", 3, 1.0), replace(ENDS, cause="20")], [("ringing", THIRD), ("over", "absent")]),
])
async def test_what_becomes_of_an_invitation(events: list[LiveEvent], told: list[tuple[str, str]]) -> None:
    inbox = Inbox()
    keeper = RoomKeeper(inbox, Door(), "b1", lambda: 1764000009.4)
    running = asyncio.create_task(keeper.run())
    try:
        async with asyncio.timeout(20):
            seen = [await inbox.told.get()]
            for event in events:
                keeper.see(event)
            seen += [await inbox.told.get() for _ in told[1:]]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert seen == told


@pytest.mark.parametrize(("wrong", "problem"), [(NobodyToAsk("absent"), "absent"), (Unavailable("away"), "failed"), (TimeoutError(), "failed")])
async def test_nobody_is_rung_and_the_row_says_why(wrong: Exception, problem: str) -> None:
    inbox = Inbox()
    running = asyncio.create_task(RoomKeeper(inbox, Door(wrong), "b1").run())
    try:
        async with asyncio.timeout(20):
            assert await inbox.told.get() == ("over", problem)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(("taken_back", "over"), [(True, "late"), (False, "gone")])
async def test_one_that_is_taken_back_or_whose_call_is_over_rings_no_more(taken_back: bool, over: str) -> None:
    inbox, there = Inbox(), Door()
    running = asyncio.create_task(RoomKeeper(inbox, there, "b1", lambda: 1764000009.4).run())
    try:
        async with asyncio.timeout(20):
            await inbox.told.get()
            if taken_back:
                inbox.open[7] = replace(inbox.open[7], state="ending")
            else:
                there.up.discard(CALL)
            assert await inbox.told.get() == ("over", over) and there.hung_up == [THIRD]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
