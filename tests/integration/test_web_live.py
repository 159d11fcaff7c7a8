"""The live stream on a real database: snapshot, changes, resume, gaps, ends."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta

import pytest

from ivr.storage.feed import append, prune
from ivr.web.live import HUB
from tests.fakes.web_world import add_call
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, Events, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


async def _change(s: Site, linked_id: str, state: str) -> int:
    """One change of a call and its feed entry, in one transaction."""
    async with s.pool.acquire() as connection, connection.transaction():
        await connection.execute("UPDATE call SET state = $2 WHERE linked_id = $1", linked_id, state)
        return await append(connection, "call", linked_id)


async def test_snapshot_change_and_resume(web_database: WebDatabase) -> None:
    async with site(web_database, live_poll_s=30.0) as s, s.machine("supervisor") as client:
        await add_call(s.pool, "a", T0)
        await add_call(s.pool, "b", T0 + timedelta(seconds=1))
        async with client.get("/api/v1/live") as stream:
            assert stream.status == 200 and stream.content_type == "text/event-stream"
            events = Events(stream)
            name, seen, data = await events.next()
            assert (name, seen) == ("snapshot", 0)
            assert [c["linked_id"] for c in data["calls"]] == ["b", "a"] and data["orders"] == [] == data["alarms"]
            for _ in range(50):  # the hint, not the poll of 30 s, must bring it; listening may still be starting
                if await s.pool.fetchval("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%' LIMIT 1"):
                    break
                await asyncio.sleep(0.05)
            number = await _change(s, "a", "talking")
            async with asyncio.timeout(5):
                name, seen, data = await events.next()
            assert (name, seen, data["linked_id"], data["state"]) == ("call", number, "a", "talking")
            clock = (await events.next("clock"))[2]
            assert clock["fresh"] is True and clock["now"].endswith("+08:00")
        await _change(s, "b", "talking")
        await _change(s, "a", "ended")
        last = await _change(s, "b", "ended")
        async with client.get("/api/v1/live", headers={"Last-Event-ID": str(number)}) as stream:
            events = Events(stream)
            first, second = await events.next(), await events.next()
            assert [(e[0], e[1], e[2]["linked_id"], e[2]["state"]) for e in (first, second)] == [
                ("call", last - 1, "a", "ended"),
                ("call", last, "b", "ended"),
            ], "changes are folded per thing and come in order"
        async with client.get("/api/v1/live", headers={"Last-Event-ID": str(last)}) as stream:
            assert (await Events(stream).next("snapshot", "call", "clock"))[0] == "clock", "nothing missed"


@pytest.mark.parametrize("last_seen", ["0", "999", "x", "-1", "9" * 30])
async def test_what_the_feed_no_longer_has_becomes_a_snapshot(web_database: WebDatabase, last_seen: str) -> None:
    async with site(web_database) as s, s.machine("supervisor") as client:
        await add_call(s.pool, "a", T0)
        await _change(s, "a", "talking")
        await s.pool.execute("UPDATE feed SET at = now() - interval '2 days'")
        await _change(s, "a", "ended")
        async with s.pool.acquire() as connection:
            assert await prune(connection, timedelta(0)) == 0, "the newest are always kept"
            assert await prune(connection, timedelta(0), newest=0) == 1, "an hour is always kept"
        async with client.get("/api/v1/live", headers={"Last-Event-ID": last_seen}) as stream:
            name, seen, _ = await Events(stream).next()
            assert (name, seen) == ("snapshot", 2)


async def test_numbers_are_visible_in_order_and_without_gaps(web_database: WebDatabase) -> None:
    async with web_database.pool() as pool:

        async def write(n: int) -> None:
            async with pool.acquire() as connection:
                try:
                    async with connection.transaction():
                        await append(connection, "call", f"c-{n}")
                        if n % 3 == 0:
                            raise RuntimeError  # rolled back: its number is given again
                except RuntimeError:
                    pass

        await asyncio.gather(*(write(n) for n in range(30)))
        assert [row["seq"] for row in await pool.fetch("SELECT seq FROM feed ORDER BY seq")] == list(range(1, 21))


async def test_a_board_going_stale_is_told_though_nobody_writes(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("dispatcher") as client:
        await s.pool.execute(
            "INSERT INTO queue_live VALUES ('legal', ($1::text)::jsonb, true, now())",
            json.dumps({"callers": [], "members": []}),
        )
        async with client.get("/api/v1/live") as stream:
            events = Events(stream)
            assert (await events.next())[2]["queues"][0]["stale"] is False
            await s.pool.execute("UPDATE queue_live SET as_of = now() - interval '1 minute'")
            async with asyncio.timeout(5):
                name, seen, data = await events.next()
                while data["stale"] is False:  # what the hub saw before
                    name, seen, data = await events.next()
            assert (name, seen) == ("queue", None) and data["stale_since"] is not None


async def test_alarms_come_and_go(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("dispatcher") as client, client.get("/api/v1/live") as stream:
        events = Events(stream)
        await events.next()
        for sql, active in (
            ("INSERT INTO alarm (name, text) VALUES ('disk', '磁盘将满')", True),
            ("UPDATE alarm SET cleared_at = now()", False),
        ):
            async with s.pool.acquire() as connection, connection.transaction():
                await connection.execute(sql)
                await append(connection, "alarm", "disk")
            name, _, data = await events.next()
            assert (name, data["name"], data["text"], data["active"]) == ("alarm", "disk", "磁盘将满", active)


@pytest.mark.parametrize("how", ["logout", "disable", "idle"])
async def test_a_revoked_session_ends_its_stream(web_database: WebDatabase, how: str) -> None:
    async with site(web_database) as s:
        await s.accounts.add_user("a", roles=["operator"], password=PASSWORD)
        async with s.browser("a") as client, client.get("/api/v1/live") as stream:
            events = Events(stream)
            await events.next()
            if how == "logout":
                await client.delete("/api/v1/session")
            elif how == "disable":
                await s.accounts.set_disabled("a", True)
            else:
                await s.pool.execute("UPDATE app_session SET last_seen_at = now() - interval '1 hour'")
            with pytest.raises(EOFError):
                async with asyncio.timeout(5):
                    await events.next()


async def test_the_stream_outlives_the_database(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("supervisor") as client:
        await add_call(s.pool, "a", T0)
        async with client.get("/api/v1/live") as stream:
            events = Events(stream)
            await events.next()
            web_database.stop_in_loop()
            try:
                async with asyncio.timeout(20):
                    while (await events.next("clock"))[2]["fresh"]:
                        pass
                async with client.get("/api/v1/live") as refused:
                    assert refused.status == 503
            finally:
                await web_database.start_in_loop()
            number = await _change(s, "a", "ended")
            async with asyncio.timeout(20):
                name, seen, _ = await events.next("call", "snapshot")
            assert (name, seen) == ("call", number)


async def test_more_pages_than_allowed_are_told_to_come_back(web_database: WebDatabase) -> None:
    async with site(web_database, live_clients=1) as s, s.machine("supervisor") as client:
        first = await client.get("/api/v1/live")
        second = await client.get("/api/v1/live")
        assert (first.status, second.status) == (200, 503) and second.headers["Retry-After"] == "2"


async def test_a_page_that_does_not_read_is_dropped_and_others_are_served(web_database: WebDatabase) -> None:
    async with site(web_database, live_send_timeout_s=0.5) as s, s.machine("supervisor") as client:
        for n in range(10):
            await s.pool.execute(
                "INSERT INTO work_order (number, channel, note) VALUES ($1, 'hotline', $2)", f"n-{n}", "长" * 12_000
            )
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", s.server.port))
        head = f"GET /api/v1/live HTTP/1.1\r\nHost: x\r\nAuthorization: {client.headers['Authorization']}\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(narrow, head.encode())
        await asyncio.get_running_loop().sock_recv(narrow, 100)  # begun, and never read again
        async with client.get("/api/v1/live") as stream:
            events = Events(stream)
            await events.next()
            pages = s.server.app[HUB]._clients
            async with asyncio.timeout(30):
                while len(pages) > 1:
                    async with s.pool.acquire() as connection, connection.transaction():
                        for n in range(10):
                            await append(connection, "order", f"n-{n}")
                    await events.next()
        narrow.close()
