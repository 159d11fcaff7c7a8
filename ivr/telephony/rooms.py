"""Whom a lawyer asks into a village's call: found, and rung by AMI Originate into dialplan/room.j2."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from ivr.domain.callback_number import is_dialable
from ivr.domain.device import village_of
from ivr.domain.room_film import FilmProblem
from ivr.domain.video_room import ADVISER, STATION, mediator_of
from ivr.ports.callbacks import OutgoingLine
from ivr.ports.rooms import Guest, NobodyToAsk
from ivr.telephony.ami import AmiClient, AmiRefused
from ivr.telephony.supervision import AsteriskListeningPost

_NAME = "法律服务热线"
_SOUND = "opus,alaw,ulaw"
_PICTURE = re.compile(r"\b(h264|vp8)\b")
_AWAY = ("UNAVAILABLE", "INVALID", "")
_MOST_IN = 3
_RECORDING_LEG = "Local/s@room-film-"


@dataclass(frozen=True, slots=True)
class OutsideTelephone:
    """A duty number that may be asked in over a line, by sound."""

    number: str
    line: OutgoingLine


@dataclass(frozen=True, slots=True)
class Mediation:
    """How mediators are rung: ``phone`` tells the number listed for a work number or ''; without a line there are none."""

    phone: Callable[[str], Awaitable[str]]
    line: OutgoingLine | None


class AsteriskRoomDoor:
    """ivr.ports.rooms.RoomDoor over the controller's AMI link.

    ``seats`` is {work number: (endpoint, a queue of its own or '')}, ``outside`` {extension: telephone}; ``free`` tells how many
    channels of a line are.
    """

    def __init__(
        self, client: AmiClient, post: AsteriskListeningPost, seats: Mapping[str, tuple[str, str]],
        outside: Mapping[str, OutsideTelephone], free: Callable[[OutgoingLine], Awaitable[int]], mediation: Mediation,
        *, shown: str, ring_s: int, films: bool = False,
    ) -> None:
        self._client = client
        self._post = post
        self._seats = seats
        self._outside = outside
        self._free = free
        self._mediation = mediation
        self._shown = shown
        self._ring_s = ring_s
        self._films = films

    async def find(self, seat: str, who: str) -> Guest:
        """See the port. The village's own two are variables of its phone's endpoint, which nothing a caller sends can set."""
        guest = await self._find(seat, who)
        if not self._films:
            return guest
        film, problem = await self._film_of(guest.linked_id)
        return replace(guest, film=film, film_problem=problem)

    async def _find(self, seat: str, who: str) -> Guest:
        found = await self._post.talking_channel(f"PJSIP/seat-{seat}")
        if found is None:
            raise NobodyToAsk("no_call")
        lawyer, linked_id = found
        device = await self._variable("DEVICE", linked_id)
        if not village_of(device):
            raise NobodyToAsk("no_call")
        if await self._people_in(linked_id) >= _MOST_IN:
            raise NobodyToAsk("in_room")
        if who == STATION:
            station = await self._variable("STATION", linked_id)
            if not station or station == device:
                raise NobodyToAsk("none")
            return await self._ours(station, station, "", lawyer, linked_id)
        number = await self._variable("ADVISER", linked_id) if who == ADVISER else who
        if number in self._outside:
            return await self._over_line(self._outside[number], number, lawyer, linked_id)
        if mediator := mediator_of(number):
            phone = await self._mediation.phone(mediator)
            # Looked at once more where it becomes a dial string: whatever wrote the row, no free number leaves by a line.
            if self._mediation.line is None or not is_dialable(phone):
                raise NobodyToAsk("none")
            return await self._over_line(OutsideTelephone(phone, self._mediation.line), mediator, lawyer, linked_id)
        if number not in self._seats or self._seats[number][0] == f"seat-{seat}":
            raise NobodyToAsk("none")
        endpoint, queue = self._seats[number]
        return await self._ours(endpoint, number, queue, lawyer, linked_id)

    async def _over_line(self, there: OutsideTelephone, invited: str, lawyer: str, linked_id: str) -> Guest:
        if await self._free(there.line) < 1:
            raise NobodyToAsk("absent")
        return Guest(f"PJSIP/{there.number}@trunk-{there.line.name}", invited, lawyer, linked_id, "alaw,ulaw", there.line.name)

    async def _ours(self, endpoint: str, invited: str, queue: str, lawyer: str, linked_id: str) -> Guest:
        state = await self._variable(f"DEVICE_STATE(PJSIP/{endpoint})")
        if state in _AWAY:
            raise NobodyToAsk("absent")
        if queue and await self._variable(f"QUEUE_MEMBER({queue},paused,PJSIP/{endpoint})") == "1":
            raise NobodyToAsk("paused")
        if state != "NOT_INUSE":
            raise NobodyToAsk("busy")
        # Asterisk transcodes no pictures: all three speak the one the village's phone does, else the third comes by sound.
        codec = await self._picture_of(linked_id)
        return Guest(f"PJSIP/{endpoint}", invited, lawyer, linked_id, _SOUND + (f",{codec}" if codec else ""))

    async def _picture_of(self, linked_id: str) -> str:
        seen = await self._variable("CHANNEL(rtcp,rxcount,video)", linked_id)
        codec = _PICTURE.search(await self._variable("CHANNEL(videonativeformat)", linked_id)) if seen else None
        return codec[1] if codec else ""

    async def _film_of(self, linked_id: str) -> tuple[str, FilmProblem]:
        """The codec to record the room in, or why it is not: all three are told, or nobody is recorded."""
        if await self._variable("REFUSED", linked_id) == "1":
            return "", "refused"
        codec = await self._picture_of(linked_id)
        if not codec:
            return "", "no_picture"
        if await self._people_in(linked_id) and not await self._variable(f"FILM_{linked_id}"):
            return "", "open"
        return codec, ""

    async def _people_in(self, linked_id: str) -> int:
        """Who is in the room, without the recording's own leg."""
        parties = int("0" + await self._variable(f"CONFBRIDGE_INFO(parties,{linked_id})", linked_id))
        return parties - len(await self._recording_legs(linked_id)) if parties else 0

    async def _recording_legs(self, linked_id: str) -> list[str]:
        try:
            rows = await self._client.request("ConfbridgeList", Conference=linked_id)
        except AmiRefused:  # there is no such room
            return []
        return [row["channel"] for row in rows if row.get("channel", "").startswith(_RECORDING_LEG)]

    async def films(self, linked_id: str) -> bool:
        """See the port."""
        return bool(await self._recording_legs(linked_id))

    async def stop_film(self, linked_id: str) -> None:
        """See the port: what asks for a later guest's words is cleared first."""
        await self._client.request("Setvar", Variable=f"FILM_{linked_id}", Value="")
        for channel in await self._recording_legs(linked_id):
            await self._post.hang_up(channel)

    async def ring(self, guest: Guest, channel_id: str) -> None:
        """See the port: a normal ring, with nothing that asks a telephone to answer by itself."""
        # An endpoint would add its other codec to what it is offered, and the phone might take that one.
        picture = [f"PJSIP_MEDIA_OFFER(video)={found[1]}"] if (found := _PICTURE.search(guest.codecs)) else []
        group = [f"GROUP(trunk)={guest.line}"] if guest.line else [
            f"PJSIP_HEADER(add,X-Ivr-Call)={guest.linked_id}", "PJSIP_HEADER(add,X-Ivr-Third)=yes",
        ]
        await self._client.request(
            "Originate", within_s=10, Channel=guest.address, ChannelId=channel_id, Context="room-third", Exten="s", Priority="1",
            Timeout=str(self._ring_s * 1000), CallerID=f"{_NAME} <{self._shown}>", Codecs=guest.codecs, Async="true",
            Variable=[
                f"ENTRY={guest.linked_id}", f"LAWYER={guest.lawyer}", f"INVITED={guest.invited}", f"FILM={guest.film}", *picture,
                *group,
            ],
        )

    async def hang_up(self, channel_id: str) -> None:
        """See the port."""
        await self._post.hang_up(channel_id)

    async def is_up(self, channel_id: str) -> bool:
        """See the port."""
        return await self._post.is_up(channel_id)

    async def _variable(self, name: str, channel: str = "") -> str:
        if channel:
            return (await self._client.request("Getvar", Channel=channel, Variable=name))[0].get("value", "")
        return (await self._client.request("Getvar", Variable=name))[0].get("value", "")
