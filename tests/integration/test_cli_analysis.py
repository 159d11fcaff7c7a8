"""`ivr warnings`, `ivr forecast` and `ivr report` on a real database, as a newcomer types them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from ivr.cli import app
from ivr.storage.database import open_pool
from ivr.storage.migrate import migrate
from tests.integration.analysis_world import TODAY, add_calls, add_orders, add_quiet_past

pytestmark = pytest.mark.timeout(120)


async def run(*arguments: str) -> Result:
    """The command in a thread: it has an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env={"COLUMNS": "180"})


@pytest_asyncio.fixture
async def weeks(empty_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ten weeks of orders and calls in a database the commands find."""
    monkeypatch.setenv("IVR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("IVR_DATABASE_URL", empty_url)
    await migrate(empty_url)
    pool = await open_pool(empty_url, application="test", size=1)
    try:
        await add_quiet_past(pool)
        await add_orders(pool, TODAY, 8)
        for n in range(1, 70):
            await add_calls(pool, TODAY - timedelta(days=n), 6)
    finally:
        await pool.close()


@pytest.mark.usefixtures("weeks")
async def test_a_rise_is_listed_signed_and_gone_from_the_list() -> None:
    assert "没有待签发的预警" in (await run("warnings", "list")).stdout
    assert "新增或升级 1 条" in (await run("warnings", "look")).stdout
    listed = await run("warnings", "list")
    assert listed.exit_code == 0 and "康庄社区" in listed.stdout and "法律咨询" in listed.stdout and "严重" in listed.stdout
    assert "ivr warnings confirm" in listed.stdout
    missing = await run("warnings", "confirm", "99", "--reason", "试")
    assert missing.exit_code == 1 and "there is no warning 99" in missing.stderr
    assert (await run("warnings", "confirm", "1")).exit_code == 2  # a reason is not optional
    signed = await run("warnings", "confirm", "1", "--reason", "工地欠薪")
    assert signed.exit_code == 0 and "已签发" in signed.stdout and "cli:" in signed.stdout
    assert "没有待签发的预警" in (await run("warnings", "list")).stdout
    assert "工地欠薪" in (await run("warnings", "list", "--state", "signed")).stdout
    assert (await run("audit", "verify")).exit_code == 0


@pytest.mark.usefixtures("weeks")
async def test_the_forecast_of_a_day_is_a_table_with_its_rule() -> None:
    told = await run("forecast", "--day", str(TODAY - timedelta(days=1)))
    line = next(line for line in told.stdout.splitlines() if "10:00–10:30" in line)
    assert told.exit_code == 0 and "6.0" in line and "│ 6 " in line and "Erlang C" in told.stdout and "半小时误差" in told.stdout
    assert (await run("forecast", "--day", "tomorrow")).exit_code == 2


@pytest.mark.usefixtures("weeks")
async def test_the_report_is_written_and_what_is_wrong_is_one_message(tmp_path: Path) -> None:
    for kind in ("xlsx", "docx", "pdf"):
        file = tmp_path / f"report.{kind}"
        told = await run("report", "month", f"{TODAY:%Y-%m}", "--out", str(file))
        assert told.exit_code == 0, told.output
        assert file.read_bytes()[:2] == (b"%P" if kind == "pdf" else b"PK")
    assert "审计记录 3 行，前后相符" in (await run("audit", "verify")).stdout
    for arguments, why in (
        (("2026-13", "--out", "a.xlsx"), "write it like 2026-10"), (("2026-10", "--out", "a.odt"), ".xlsx, .docx or .pdf"),
        (("2199-01", "--out", "a.xlsx"), "has not begun"), (("2026-10", "--out", "/nowhere/a.xlsx"), "cannot be written"),
    ):
        wrong = await run("report", "month", *arguments)
        assert wrong.exit_code == 1 and why in wrong.stderr and "Traceback" not in wrong.output
