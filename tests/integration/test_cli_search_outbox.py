"""`ivr search` and `ivr outbox` on a real database, audited like any search and any replay."""

from __future__ import annotations

import asyncio

import pytest
from typer.testing import CliRunner, Result

from ivr.cli import app
from ivr.domain.delivery import EVENTS
from ivr.ports.partners import Partner, Receipt
from ivr.storage.database import open_pool
from ivr.storage.migrate import migrate
from ivr.storage.outbox import PostgresOutbox
from tests.integration.storage_world import World, heard, linked, tracks

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def run(*arguments: str) -> Result:
    """The command in a thread: it has an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env={"COLUMNS": "250"})


async def test_search_and_outbox(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_DATABASE_URL", empty_url)
    await migrate(empty_url)
    pool = await open_pool(empty_url, application="test", size=2)
    try:
        world, outbox = World(pool), PostgresOutbox(pool)
        await world.call(1)
        await world.tracks.add(tracks(1))
        while (job := await world.tracks.take("w", 60)) is not None:
            await world.tracks.finish(job, "w", heard(job, "[red]老板拖欠工资[/red]"))
        number = str((await world.order(1))["number"])
        found = await run("search", "拖欠", "工资", "--from", "2026-11-01", "--limit", "1")
        assert found.exit_code == 0 and number in found.output and linked(1) in found.output
        assert "[red]老板拖欠工资[/red]" in found.output, "shown as it was said"
        assert "没有找到" in (await run("search", "彩礼")).output
        short = await run("search", "钱")
        assert short.exit_code == 1 and "at least 2 characters" in short.output
        rows = await pool.fetch("SELECT actor, object, detail FROM audit_event WHERE action = 'search' ORDER BY id")
        assert [(r["object"], r["detail"]["hits"]) for r in rows] == [("拖欠 工资", 1), ("彩礼", 0)]
        assert all(r["actor"].startswith("cli:") for r in rows)

        assert "没有消息" in (await run("outbox", "list")).output
        await outbox.spread([Partner("region", frozenset(EVENTS))])
        (delivery,) = await outbox.take("region", 1, 60)
        busy = await run("outbox", "replay", str(delivery.id))
        assert busy.exit_code == 1 and "being sent" in busy.output
        await outbox.settle(delivery, Receipt(500, "answered [bold]500"), None)
        listed = await run("outbox", "list", "--held", "--partner", "region")
        assert number in listed.output and "已搁置" in listed.output and "answered [bold]500" in listed.output
        assert (await run("outbox", "replay")).exit_code == 1
        assert (await run("outbox", "replay", "--held", "region")).exit_code == 0
        assert [d.attempt for d in await outbox.take("region", 4, 60)] == [1]
        await outbox.settle(delivery, Receipt(204, ""), 0)
        again = await run("outbox", "replay", str(delivery.id))
        assert again.exit_code == 0 and len(await outbox.take("region", 4, 60)) == 1, "what was delivered can be sent again"
        rows = await pool.fetch("SELECT object, detail FROM audit_event WHERE action = 'outbox.replay' ORDER BY id")
        assert [(r["object"], r["detail"]) for r in rows] == [("region", {"deliveries": 1}), (str(delivery.id), {"deliveries": 1})]
    finally:
        await pool.close()
