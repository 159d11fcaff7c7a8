"""When a room's picture is recorded: only where the office wants it, everybody can be told, and the disk has room; who stops it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import pytest

from ivr.domain.room_film import FilmProblem, is_film_path, linked_id_of, path_of
from ivr.pipeline.keep_rooms import RoomKeeper
from ivr.ports.callbacks import OutgoingLine
from ivr.telephony.ami import AmiClient
from ivr.telephony.rooms import AsteriskRoomDoor, Mediation
from ivr.telephony.supervision import AsteriskListeningPost
from tests.unit.test_video_room import ANSWERS, CALL, ENDS, JOINS, THIRD, Ami, Door, Inbox, Post

NAME = "e2e-1-1795743911.0-52b22089-d5eb-4550-83a1-5c01fb3e6d3b"
LEG = "Local/s@room-film-00000000;2"


def door(ami: Ami, post: Post | None = None, *, films: bool = True) -> AsteriskRoomDoor:
    async def none(line: OutgoingLine) -> int:
        return 0

    async def nobody(work_number: str) -> str:
        return ""

    return AsteriskRoomDoor(
        cast(AmiClient, ami), cast(AsteriskListeningPost, post or Post()), {}, {}, none, Mediation(nobody, None), shown="12348", ring_s=20, films=films,
    )


@pytest.mark.parametrize(("changed", "in_room", "film", "problem"), [
    ({}, [], "vp8", ""), ({"CHANNEL(videonativeformat)": "(h264)"}, [], "h264", ""), ({"REFUSED": "1"}, [], "", "refused"),
    ({"CHANNEL(rtcp,rxcount,video)": ""}, [], "", "no_picture"), ({f"CONFBRIDGE_INFO(parties,{CALL})": "2"}, ["PJSIP/a", "PJSIP/b"], "", "open"),
    # the recording's own leg is nobody: two people and it are no full room, and a later third is told as the first was
    ({f"CONFBRIDGE_INFO(parties,{CALL})": "3", f"FILM_{CALL}": "vp8"}, ["PJSIP/a", "PJSIP/b", LEG], "vp8", ""),
])
async def test_when_a_room_can_be_recorded(changed: dict[str, str], in_room: list[str], film: str, problem: str) -> None:
    ami = Ami(**changed)
    ami.in_room = in_room
    guest = await door(ami).find("web", "station")
    assert (guest.film, guest.film_problem) == (film, problem)
    await door(ami).ring(guest, THIRD)
    assert f"FILM={film}" in ami.originated[0]["Variable"]


async def test_where_the_office_records_no_pictures_nobody_is_told_of_any() -> None:
    ami = Ami()
    guest = await door(ami, films=False).find("web", "station")
    await door(ami, films=False).ring(guest, THIRD)
    assert (guest.film, guest.film_problem) == ("", "") and "FILM=" in ami.originated[0]["Variable"]


async def test_to_stop_is_to_end_the_recordings_own_leg_alone() -> None:
    ami, post = Ami(), Post()
    ami.in_room = ["PJSIP/seat-web-1", LEG, "PJSIP/v-1"]
    assert await door(ami, post).films(CALL)
    await door(ami, post).stop_film(CALL)
    assert post.hung_up == [LEG] and ami.acts == [("Setvar", f"FILM_{CALL}")]


@asynccontextmanager
async def kept(disk: list[FilmProblem], *, film: str = "vp8") -> AsyncIterator[tuple[RoomKeeper, Inbox, Door]]:
    """A keeper that rings a third; ``disk`` is what the disk says, its last word for ever."""
    async def problem() -> FilmProblem:
        return disk.pop(0) if len(disk) > 1 else disk[0]

    inbox, there = Inbox(), Door()
    there.guest = replace(there.guest, film=film)
    keeper = RoomKeeper(inbox, there, "b1", lambda: 1764000009.4, disk=problem)
    running = asyncio.create_task(keeper.run())
    try:
        async with asyncio.timeout(30):
            assert await inbox.told.get() == ("ringing", THIRD)
            yield keeper, inbox, there
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def joins(keeper: RoomKeeper, inbox: Inbox) -> None:
    for event in (ANSWERS, JOINS):
        keeper.see(event)
    assert await inbox.told.get() == ("joined", "")
    inbox.open[7] = replace(inbox.open[7], state="joined", joined_at=datetime(2026, 11, 23, tzinfo=UTC))


@pytest.mark.parametrize("disk", ["no_space", "full"])
async def test_without_room_on_the_disk_the_third_comes_and_nobody_is_recorded(disk: FilmProblem) -> None:
    async with kept([disk]) as (_, inbox, there):
        assert there.rung[0].film == "" and (inbox.open[7].film, inbox.open[7].film_problem) == ("none", disk)


async def test_it_is_told_that_it_is_on_and_the_lawyer_stops_it_while_the_room_goes_on() -> None:
    async with kept([""]) as (keeper, inbox, there):
        assert there.rung[0].film == "vp8" and inbox.open[7].film == "asked"
        await joins(keeper, inbox)
        there.filming = True
        assert await inbox.told.get() == ("film on", "")
        inbox.open[7] = replace(inbox.open[7], film="stopping")
        assert await inbox.told.get() == ("film over", "") and not there.filming
        assert inbox.open[7].state == "joined" and there.hung_up == []


async def test_while_a_further_third_rings_the_rooms_recording_is_told_and_stopped_as_well() -> None:
    async with kept([""]) as (_, inbox, there):
        there.filming = True
        assert await inbox.told.get() == ("film on", "") and inbox.open[7].joined_at is None
        inbox.open[7] = replace(inbox.open[7], film="stopping")
        assert await inbox.told.get() == ("film over", "") and not there.filming and there.hung_up == []


async def test_it_is_stopped_when_the_disk_fills_up_meanwhile() -> None:
    async with kept(["", "", "no_space"]) as (keeper, inbox, there):
        await joins(keeper, inbox)
        there.filming = True
        assert await inbox.told.get() == ("film on", "") and await inbox.told.get() == ("film over", "no_space")
        assert not there.filming and there.hung_up == []


async def test_one_that_never_began_says_so_and_the_room_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.pipeline.keep_rooms._LOOKS_FOR_FILM", 2)
    async with kept([""]) as (keeper, inbox, there):
        await joins(keeper, inbox)
        assert await inbox.told.get() == ("film over", "failed") and there.hung_up == []
        keeper.see(ENDS)
        assert (await inbox.told.get())[0] == "over"


def test_names_are_asterisks_own() -> None:
    assert linked_id_of(NAME) == "e2e-1-1795743911.0" and is_film_path(path_of(NAME, "20261127", "video/webm"))
    for wrong in ("", "x", NAME + "x", "../" + NAME, NAME.replace("e2e", "e/e"), NAME.replace("1795743911.0", "1795743911")):
        assert linked_id_of(wrong) == ""
    for path in ("films/20261127/../../etc/passwd.webm", f"films/x/{NAME}.webm", f"/films/20261127/{NAME}.webm", f"films/20261127/{NAME}.exe"):
        assert not is_film_path(path)


