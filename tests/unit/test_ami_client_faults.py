"""The AMI client against a fake Asterisk that misbehaves: deadlines, lost links, floods, nothing sent twice."""

from __future__ import annotations

import asyncio

import pytest

from ivr.domain.errors import Unavailable
from ivr.domain.events import (
    ChannelEnded,
    ExchangeSnapshot,
    LinkLost,
    OriginateFinished,
)
from ivr.telephony.ami import AmiLost
from tests.fakes.ami_listener import linked
from tests.fakes.ami_wire import Seat, event, listing, refusal, success
from tests.fakes.asterisk import Action, FakeAsterisk

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


async def test_a_link_lost_during_an_action_is_told_and_the_action_never_sent_again() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        fake.replies["originate"] = lambda a: None
        with pytest.raises(AmiLost, match="whether the action was done is unknown"):
            await link.client.request("Originate", Channel="Local/1", Async="true")
        assert await link.lost()
        with pytest.raises(AmiLost, match="not connected"):
            await link.client.request("Originate", Channel="Local/2", Async="true")
        await link.snapshot()
        await link.client.request("Ping")
        assert [a["channel"] for a in fake.named("Originate")] == ["Local/1"]


async def test_a_link_lost_in_the_middle_of_a_list_is_made_again() -> None:
    async with FakeAsterisk() as fake:
        await_drop = iter([True])

        def half(action: Action) -> list[bytes] | None:
            if next(await_drop, False):
                fake.world.seats["hotline"].append(Seat("PJSIP/seat-two", "李律师"))
                return None
            return listing(action["actionid"], "Queue status will follow", "QueueStatusComplete", fake.world.queue_status())

        fake.replies["queuestatus"] = half
        async with linked(fake) as link:
            assert await link.lost()
            (queue,) = (await link.snapshot()).queues
            assert len(queue.members) == 2


async def test_an_endless_list_is_given_up() -> None:
    async with FakeAsterisk() as fake:
        first = iter([True])

        def endless(action: Action) -> list[bytes]:
            whole = listing(action["actionid"], "Queue status will follow", "QueueStatusComplete", fake.world.queue_status())
            return [whole[0], whole[1] * 60_000] if next(first, False) else whole

        fake.replies["queuestatus"] = endless
        async with linked(fake) as link:
            assert "a list of more than" in await link.lost()
            await link.snapshot()


async def test_a_list_that_never_ends_runs_into_the_deadline() -> None:
    async with FakeAsterisk() as fake:
        fake.replies["devicestatelist"] = lambda a: listing(
            a["actionid"], "Device State Changes will follow", "DeviceStateListComplete", fake.world.device_states())[:-1]
        async with linked(fake, answer_within_s=0.1) as link:
            assert await link.lost()


async def test_a_half_open_link_is_seen_by_its_pings() -> None:
    async with FakeAsterisk() as fake, linked(fake, ping_every_s=0.05, answer_within_s=0.3) as link:
        await link.snapshot()
        await fake.until(lambda f: len(f.named("Ping")) >= 2)
        fake.mute = True
        assert await link.lost()
        assert not link.client.connected
        fake.mute = False
        await link.snapshot()
        await fake.until(lambda _: link.client.connected)


async def test_a_refused_login_is_told_and_tried_again_with_pauses() -> None:
    async with FakeAsterisk() as fake, linked(fake, "wrong") as link:
        for _ in range(3):
            assert await link.lost() == "Asterisk refused Login: Authentication failed"
        with pytest.raises(AmiLost):
            await link.client.request("Ping")
        assert [a["action"] for a in fake.actions] == ["Login"] * len(fake.actions) and not fake.named("QueueStatus")


async def test_no_server_is_told_and_waited_for() -> None:
    async with FakeAsterisk() as fake:
        await fake.stop()
        async with linked(fake) as link:
            assert "Connect" in await link.lost()
            await fake.start()
            while isinstance(found := await link.next(), LinkLost):
                pass
            assert isinstance(found, ExchangeSnapshot)


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_a_foreign_server_is_named(banner: bytes) -> None:
    async with FakeAsterisk(banner=banner) as fake, linked(fake) as link:
        assert "not an AMI server" in await link.lost()
        assert not fake.named("Login")


async def test_a_server_that_never_greets_runs_into_the_deadline() -> None:
    async with FakeAsterisk(banner=b"") as fake, linked(fake, greeting_within_s=0.1) as link:
        assert await link.lost()


async def test_other_versions_are_spoken_too() -> None:
    async with FakeAsterisk(banner=b"Asterisk Call Manager/12.3.4\r\n") as fake, linked(fake) as link:
        await link.snapshot()


async def test_an_endless_header_ends_the_link_and_the_next_one_works() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        sending = asyncio.create_task(fake.send(b"Event: X\r\nName: " + b"a" * (10 << 20)))
        assert "more than 1048576 bytes" in await link.lost()
        await sending
        await link.snapshot()


async def test_events_nobody_takes_end_in_a_new_snapshot() -> None:
    async with FakeAsterisk() as fake, linked(fake, queue_size=50) as link:
        await link.snapshot()
        await fake.send(b"".join(event("Hangup", Uniqueid=f"f-1.{n}") for n in range(200)))
        await fake.until(lambda f: f.links == 0)
        taken = [await link.next() for _ in range(50)]
        assert [e.unique_id for e in taken if isinstance(e, ChannelEnded)] == [f"f-1.{n}" for n in range(50)]
        assert "a new snapshot will follow" in await link.lost()
        await link.snapshot()


async def test_too_many_events_during_a_snapshot_begin_it_anew() -> None:
    async with FakeAsterisk() as fake:
        first = iter([True])

        def flood(action: Action) -> list[bytes]:
            many = [event("Hangup", Uniqueid=f"f-1.{n}") for n in range(200)] if next(first, False) else []
            return [*many, *listing(action["actionid"], "Channels will follow", "CoreShowChannelsComplete", [])]

        fake.replies["coreshowchannels"] = flood
        async with linked(fake, queue_size=50) as link:
            assert "during the snapshot" in await link.lost()
            await link.snapshot()


async def test_a_reload_is_followed_by_a_snapshot() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        fake.world.seats["village"] = [Seat("PJSIP/seat-nine", "赵律师")]
        await fake.tell("Reload", Module="app_queue", Status="0")
        assert [q.queue for q in (await link.snapshot()).queues] == ["hotline", "village"]


async def test_what_became_of_a_started_call_is_delivered() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        (answer,) = await link.client.request("Originate", Channel="PJSIP/seat-one", Async="true")
        assert answer["message"] == "Originate successfully queued"
        assert await link.next() == OriginateFinished(answer["actionid"], "PJSIP/seat-one", "<unknown>", False, "0")


async def test_nothing_connects_after_the_end() -> None:
    async with FakeAsterisk() as fake:
        async with linked(fake) as link:
            await link.snapshot()
            await fake.until(lambda f: f.links == 1)
        await fake.until(lambda f: f.links == 0)
        assert link.task.cancelled() and not link.client.connected
        with pytest.raises(AmiLost):
            await link.client.request("Ping")
        assert fake.logins == 1


async def test_cancelled_while_waiting_to_reconnect_it_stays_away() -> None:
    async with FakeAsterisk() as fake:
        async with linked(fake, longest_pause_s=30.0) as link:
            await link.snapshot()
            fake.drop()
            await link.lost()
        assert link.task.cancelled() and fake.logins == 1


async def test_too_many_requests_at_once_are_refused() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        fake.mute = True
        asked = [asyncio.create_task(link.client.request("Getvar", Variable=str(n))) for n in range(256)]
        await fake.until(lambda f: len(f.named("Getvar")) == 256)
        with pytest.raises(Unavailable, match="too many AMI actions"):
            await link.client.request("Ping")
        fake.drop()
        assert {type(r) for r in await asyncio.gather(*asked, return_exceptions=True)} == {AmiLost}


async def test_answers_with_unknown_or_repeated_ids_are_for_nobody() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        fake.replies["getvar"] = lambda a: [
            success("of-somebody-else", ("Value", "wrong")), success("", ("Value", "wrong")),
            *[success(a["actionid"], ("Value", v)) for v in ("right", "again", "again")],
            event("UserEvent", ActionID=a["actionid"], UserEvent="x"),
        ]
        for _ in range(3):
            (answer,) = await link.client.request("Getvar", Variable="v")
            assert answer["value"] == "right"
        assert not link.client._protocol.pending  # type: ignore[union-attr]
        assert fake.logins == 1, "the link was not given up"


async def test_what_is_no_list_is_answered_at_once_whatever_its_name() -> None:
    """A client that takes QueueAdd or Originate for a list waits for its end for ever."""
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        for name in ("QueueAdd", "QueueStatus", "Originate", "Getvar"):
            fake.replies[name.lower()] = lambda a: [success(a["actionid"], ("Message", "done"))]
            (answer,) = await link.client.request(name)
            assert answer["message"] == "done"


async def test_a_shutdown_in_the_middle_of_a_list_ends_in_a_new_snapshot() -> None:
    async with FakeAsterisk() as fake:
        first = iter([True])

        def cut_short(action: Action) -> list[bytes] | None:
            whole = listing(action["actionid"], "Channels will follow", "CoreShowChannelsComplete", fake.world.core_show_channels())
            if not next(first, False):
                return whole
            asyncio.get_running_loop().call_soon(fake.drop)
            return [whole[0], event("Shutdown", privilege="system,all", Shutdown="Cleanly", Restart="True")]

        fake.replies["coreshowchannels"] = cut_short
        async with linked(fake) as link:
            assert await link.lost()
            await link.snapshot()


@pytest.mark.parametrize("name", ["QueueStatus", "CoreShowChannels", "DeviceStateList"])
async def test_a_user_without_the_right_to_look_is_told(name: str) -> None:
    async with FakeAsterisk() as fake:
        fake.replies[name.lower()] = lambda a: [refusal(a["actionid"], "Permission denied")]
        async with linked(fake) as link:
            assert await link.lost() == f"Asterisk refused {name}: Permission denied"
            del fake.replies[name.lower()]
            while isinstance(found := await link.next(), LinkLost):
                pass
            assert isinstance(found, ExchangeSnapshot)


async def test_a_greeting_that_is_missing_is_named() -> None:
    async with FakeAsterisk(banner=event("FullyBooted")) as fake, linked(fake) as link:
        assert "not an AMI server" in await link.lost()


async def test_a_reader_that_stops_reading_is_cut_off_and_comes_back() -> None:
    async with FakeAsterisk() as fake, linked(fake) as link:
        await link.snapshot()
        fake.write_within_s = 0.1
        link.client._protocol.transport.pause_reading()  # type: ignore[union-attr]
        while fake.links:
            await fake.send(event("VarSet", Variable="x", Value="y" * 60_000))
        link.client._protocol.transport.resume_reading()  # type: ignore[union-attr]
        assert await link.lost()
        await link.snapshot()
