"""The AMI client against a fake Asterisk over TCP: snapshots, events in order, answers that find their request."""

from __future__ import annotations

import asyncio

import pytest

from ivr.domain.events import (
    CallerJoined,
    CallerLeft,
    ChannelEnded,
    HoldChanged,
    MemberChanged,
)
from ivr.domain.queue import QueueBoard
from ivr.telephony.ami import AmiRefused
from tests.fakes.ami_listener import linked
from tests.fakes.ami_wire import Seat, Waiting, event, listing, member_event, packet, success
from tests.fakes.asterisk import Action, FakeAsterisk

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


async def test_a_snapshot_comes_first_and_holds_everything() -> None:
    async with FakeAsterisk() as fake:
        fake.world.seats["hotline"].append(Seat("PJSIP/seat-two", "李律师", status=1, device="UNAVAILABLE"))
        fake.world.waiting["hotline"] = [Waiting("f-1.1", "13800000001", wait=7)]
        fake.world.channels = {"f-1.1": "f-1.1", "f-1.2": "f-1.1"}
        async with linked(fake) as link:
            found = await link.snapshot()
    (queue,) = found.queues
    assert [(m.name, m.state) for m in queue.members] == [("王律师", "available"), ("李律师", "offline")]
    assert [(c.unique_id, c.linked_id, c.number) for c in queue.callers] == [("f-1.1", "f-1.1", "13800000001")]
    assert queue.callers[0].joined_at == pytest.approx(found.at - 7)
    assert found.linked_ids == {"f-1.1"}
    assert [a["action"] for a in fake.actions] == ["Login", "QueueStatus", "CoreShowChannels", "DeviceStateList"]


@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
async def test_everything_works_a_few_bytes_at_a_time(chunk: int) -> None:
    async with FakeAsterisk() as fake:
        fake.chunk = chunk
        async with linked(fake) as link:
            (queue,) = (await link.snapshot()).queues
            assert queue.members[0].name == "王律师"
            await fake.tell("QueueCallerJoin", Queue="hotline", Uniqueid="f-1.1", CallerIDNum="张三李四")
            joined = await link.next()
            assert isinstance(joined, CallerJoined) and joined.caller.number == "张三李四"


async def test_events_keep_their_order() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        await fake.send(b"".join(event("Hangup", Uniqueid=f"f-1.{n}") for n in range(2000)))
        assert [e.unique_id for e in [await link.next() for _ in range(2000)] if isinstance(e, ChannelEnded)] == [
            f"f-1.{n}" for n in range(2000)
        ]


async def test_events_are_typed_and_others_left_out() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        await fake.tell("VarSet", Variable="x", Value="y")
        await fake.send(packet(("Event", "UserEvent"), ("UserEvent", "x"), ("Event", "QueueMemberRemoved"), ("Queue", "hotline")))
        await fake.send(b"Event: Hold\r\nChannel:PJSIP/seat-one-1\r\nUniqueid:f-1.2\r\nLinkedid: f-1.1\r\n\r\n")
        await fake.send(member_event("QueueMemberStatus", "hotline", Seat("PJSIP/seat-one", "王律师", status=6)))
        await fake.tell("QueueCallerLeave", Queue="hotline", Uniqueid="f-1.1")
        assert await link.next() == HoldChanged("PJSIP/seat-one-1", "f-1.2", "f-1.1", True)
        changed = await link.next()
        assert isinstance(changed, MemberChanged) and changed.member.state == "ringing"
        assert await link.next() == CallerLeft("hotline", "f-1.1")


async def test_events_during_the_snapshot_follow_it() -> None:
    async with FakeAsterisk() as fake:
        join = event("QueueCallerJoin", Queue="hotline", Uniqueid="f-1.9", Linkedid="f-1.9", CallerIDNum="139", Position="1")

        def interrupted(action: Action) -> list[bytes]:
            lists = listing(action["actionid"], "Queue status will follow", "QueueStatusComplete", fake.world.queue_status())
            return [lists[0], join, *lists[1:], event("QueueCallerLeave", Queue="hotline", Uniqueid="f-1.9")]

        fake.replies["queuestatus"] = interrupted
        async with linked(fake) as link:
            await link.snapshot()
            assert isinstance(await link.next(), CallerJoined)
            assert await link.next() == CallerLeft("hotline", "f-1.9")


async def test_an_event_told_twice_by_snapshot_and_event_counts_once() -> None:
    async with FakeAsterisk() as fake:
        fake.world.waiting["hotline"] = [Waiting("f-1.9", "139")]
        fake.replies["coreshowchannels"] = lambda a: [
            event("QueueCallerJoin", Queue="hotline", Uniqueid="f-1.9", CallerIDNum="139", Position="1"),
            *listing(a["actionid"], "Channels will follow", "CoreShowChannelsComplete", [])]
        board = QueueBoard()
        async with linked(fake) as link:
            board.apply(await link.snapshot())
            assert board.apply(await link.next()) == set()
    assert list(board.queues["hotline"].callers) == ["f-1.9"]


@pytest.mark.parametrize("bad", ["a\r\n\r\nAction: Command", "a\nb", "a\rb", "a\0b"])
async def test_a_line_break_in_a_header_is_refused(bad: str) -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        before = len(fake.actions)
        with pytest.raises(ValueError, match="line break or NUL"):
            await link.client.request("QueuePause", Reason=bad)
        with pytest.raises(ValueError, match="line break or NUL"):
            await link.client.request("Originate", Variable=["A=1", bad])
        with pytest.raises(ValueError, match="line break or NUL"):
            await link.client.request("Ping", **{bad: "x"})
        with pytest.raises(ValueError, match="line break or NUL"):
            await link.client.request(bad)
        await link.client.request("Ping")
        assert [a["action"] for a in fake.actions[before:]] == ["Ping"]


async def test_a_refusal_is_asterisks_own_word() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        with pytest.raises(AmiRefused, match="Asterisk refused MixMonitorMute: No such channel"):
            await link.client.request("MixMonitorMute", Channel="nobody")


async def test_a_late_answer_is_for_nobody() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        fake.replies["queuepause"] = lambda a: []
        with pytest.raises(TimeoutError):
            await link.client.request("QueuePause", within_s=0.05, Interface="PJSIP/seat-one")
        (action,) = fake.named("QueuePause")
        await fake.send(success(action["actionid"], ("Message", "late")))
        (answer,) = await link.client.request("Ping")
        assert answer["ping"] == "Pong" and not link.client._protocol.pending  # type: ignore[union-attr]


async def test_answers_find_their_own_request() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        waiting: list[Action] = []
        fake.replies["getvar"] = lambda a: waiting.append(a) or []  # type: ignore[func-returns-value]
        asked = [asyncio.create_task(link.client.request("Getvar", Variable=f"v{n}")) for n in range(20)]
        await fake.until(lambda f: len(waiting) == 20)
        for action in reversed(waiting):
            await fake.send(success(action["actionid"], ("Value", action["variable"])))
        assert [a[0]["value"] for a in await asyncio.gather(*asked)] == [f"v{n}" for n in range(20)]
