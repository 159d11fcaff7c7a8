"""Leases and commands on a real database: one seat, one operator; a command is carried out once, in time or never."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ivr.domain.errors import Unavailable
from ivr.domain.transcript import Segment, Speaker, Word
from ivr.ports.desk import CommandRefused, CommandUnanswered, ExchangeCommand, SeatLost, SeatTaken
from ivr.storage.desk import PostgresCommands, PostgresSeats
from ivr.storage.live_words import PostgresLiveWords
from ivr.storage.views import PostgresViews

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def audit(pool: Pool) -> list[tuple[str, str, str]]:
    rows = await pool.fetch("SELECT actor, action, object FROM audit_event ORDER BY id")
    return [tuple(row) for row in rows]


async def age(pool: Pool) -> None:
    await pool.execute("UPDATE seat_lease SET ends_at = clock_timestamp() - interval '1 second'")


async def test_one_operator_for_each_seat_and_one_seat_for_each_operator(pool: Pool) -> None:
    seats = PostgresSeats(pool)
    assert await seats.take("east", "wang", b"1", 30)
    for seat, who in (("east", "li"), ("west", "wang")):
        with pytest.raises(SeatTaken):
            await seats.take(seat, who, b"2", 30)
    assert await seats.take("west", "li", b"2", 30)
    assert [(lease.seat, lease.holder) for lease in await seats.all()] == [("east", "wang"), ("west", "li")]
    assert await seats.give_back("wang", b"1") == "east" and await seats.give_back("wang", b"1") is None
    assert await audit(pool) == [
        ("wang", "desk.seat_taken", "east"), ("li", "desk.seat_taken", "west"), ("wang", "desk.seat_given_back", "east"),
    ]


async def test_of_ten_who_want_a_seat_at_once_one_has_it(pool: Pool) -> None:
    seats = PostgresSeats(pool)

    async def wants(number: int) -> bool:
        try:
            return await seats.take("east", f"person{number}", b"%d" % number, 30)
        except SeatTaken:
            return False

    assert sum(await asyncio.gather(*(wants(n) for n in range(10)))) == 1
    both = await asyncio.gather(*(seats.take(s, "zhao", b"z", 30) for s in ("west", "north")), return_exceptions=True)
    assert sorted(type(one) for one in both if one is not True)[:1] == [SeatTaken] and both.count(True) == 1


async def test_the_same_operator_in_another_window_takes_the_seat_along(pool: Pool) -> None:
    seats = PostgresSeats(pool)
    await seats.take("east", "wang", b"old", 30)
    assert await seats.take("east", "wang", b"new", 30) is False
    assert await seats.held("wang", b"old") is None
    with pytest.raises(SeatTaken, match="another window"):
        await seats.renew("wang", b"old", 30)
    assert await seats.give_back("wang", b"old") is None, "the old window takes nothing from the new one"
    await seats.renew("wang", b"new", 30)
    held = await seats.held("wang", b"new")
    assert held is not None and held.seat == "east"


async def test_a_lease_nobody_renews_ends_and_is_found_once(pool: Pool) -> None:
    seats = PostgresSeats(pool)
    await seats.take("east", "wang", b"1", 30)
    assert await seats.expire() == []
    await age(pool)
    assert await seats.all() == []
    with pytest.raises(SeatLost):
        await seats.renew("wang", b"1", 30)
    both = await asyncio.gather(seats.expire(), seats.expire())
    assert sorted(map(list, both)) == [[], ["east"]]
    assert (await audit(pool))[-1] == ("wang", "desk.seat_lost", "east")
    await seats.take("east", "wang", b"1", 30)
    await age(pool)
    assert await seats.take("east", "li", b"2", 30), "a lease that is over keeps nobody away"
    await age(pool)
    assert await seats.take("west", "li", b"2", 30), "nor the one who had it"


async def test_a_command_is_carried_out_once_and_answered(pool: Pool) -> None:
    commands = PostgresCommands(pool)
    asked = asyncio.create_task(commands.carry_out("pause", "east", "meal", "wang"))
    taken: list[ExchangeCommand] = []
    async with asyncio.timeout(10):
        while not taken:
            taken = [c for c in await asyncio.gather(commands.take(), commands.take()) if c is not None]
    assert [(c.kind, c.seat, c.reason) for c in taken] == [("pause", "east", "meal")]
    assert not asked.done()
    await commands.settle(taken[0], "")
    await asyncio.wait_for(asked, 10)
    assert await audit(pool) == [("wang", "desk.pause", "east")]


async def test_a_refused_command_says_what_asterisk_said(pool: Pool) -> None:
    commands = PostgresCommands(pool)
    asked = asyncio.create_task(commands.carry_out("resume", "east", "", "wang"))
    async with asyncio.timeout(10):
        while (command := await commands.take()) is None:
            pass
    await commands.settle(command, "Interface not found")
    with pytest.raises(CommandRefused, match="Interface not found"):
        await asyncio.wait_for(asked, 10)


async def test_without_a_controller_a_command_is_given_up_and_never_begun(pool: Pool) -> None:
    commands = PostgresCommands(pool, within_s=0.2)
    with pytest.raises(CommandUnanswered, match="not carried out"):
        await commands.carry_out("pause", "east", "meal", "wang")
    assert await commands.take() is None
    assert await pool.fetchval("SELECT state FROM exchange_command") == "late"


async def test_commands_do_not_pile_up(pool: Pool) -> None:
    await pool.execute(
        "INSERT INTO exchange_command (kind, seat, asked_by, ends_at)"
        " SELECT 'pause', 'east', 'x', clock_timestamp() + interval '1 minute' FROM generate_series(1, 100)"
    )
    with pytest.raises(Unavailable, match="Too many commands"):
        await PostgresCommands(pool).carry_out("pause", "east", "meal", "wang")


def spoken(speaker: Speaker, text: str, at: float) -> Segment:
    return Segment(speaker, at, at + 1, (Word(text, at, at + 1, 0.5),))


async def test_what_is_heard_during_a_call_is_shown_until_the_tracks_transcript_is_there(pool: Pool) -> None:
    words, views = PostgresLiveWords(pool), PostgresViews(pool)
    await pool.execute(
        "INSERT INTO call (linked_id, state, channel, caller_number, arrived_at, recording_name)"
        " VALUES ('t-1.1', 'talking', 'hotline', '13896719999', now(), 'r')"
    )
    await words.hear("t-1.1", 0, [spoken("caller", "您好", 1), spoken("caller", "我想咨询", 5)])
    await words.hear("t-1.1", 0, [spoken("operator", "请讲", 3)])
    await words.hear("t-1.1", 1, [spoken("caller", "我想咨询", 5)])  # told again after a failure in between
    call = await views.call("t-1.1")
    assert call is not None and [(h.speaker, h.text) for h in call.heard] == [("caller", "您好"), ("operator", "请讲"), ("caller", "我想咨询")]
    assert await pool.fetchval("SELECT count(*) FROM feed WHERE topic = 'call' AND key = 't-1.1'") == 3
    await pool.execute("UPDATE heard_segment SET heard_at = now() - interval '7 hours'")
    await words.hear("t-2.2", 0, [])
    call = await views.call("t-1.1")
    assert call is not None and not call.heard
