"""`ivr statistics` on a real database: the table, the warning, and a CSV that no spreadsheet runs."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from ivr.cli import app
from ivr.domain.csv_cells import FORMULA_STARTS, csv_text, harmless
from ivr.domain.intervals import SHANGHAI
from ivr.storage.database import open_pool
from ivr.storage.migrate import migrate
from tests.fakes.web_world import add_call

DAY = datetime(2026, 11, 23, 10, tzinfo=SHANGHAI)


@pytest.mark.parametrize("cell", ["=1+1", "+8613900000000", "-2", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\u3000=1", "\ufeff=1"])
def test_a_cell_that_looks_like_a_formula_is_text(cell: str) -> None:
    assert harmless(cell) == "'" + cell
    (row,) = list(csv.reader(io.StringIO(csv_text([cell], []).removeprefix("\ufeff"), newline="")))
    assert row == ["'" + cell]


@given(st.text(max_size=20))
def test_no_text_becomes_a_formula_and_honest_text_stays(text: str) -> None:
    found = harmless(text)
    assert not found.strip(" \u3000\ufeff").startswith(FORMULA_STARTS)
    assert found in (text.replace("\0", ""), "'" + text.replace("\0", ""))


def test_numbers_stay_numbers() -> None:
    assert [harmless(cell) for cell in (-1, 0.5, None, "热线")] == ["-1", "0.5", "", "热线"]


async def _day(url: str) -> None:
    pool = await open_pool(url, application="test", size=1)
    try:
        await add_call(pool, "a", DAY, state="ended", outcome="answered", queue="=cmd|'/C calc'!A0", queued_at=DAY,
                       answered_at=DAY + timedelta(seconds=9), ended_at=DAY + timedelta(seconds=69))  # fmt: skip
        await add_call(pool, "b", DAY, state="ended", outcome="abandoned", ended_at=DAY + timedelta(seconds=30))
        await add_call(pool, "odd", DAY, state="ended", outcome="answered", ended_at=DAY)
    finally:
        await pool.close()


async def run(*arguments: str) -> Result:
    """The command in a thread: it has an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, ["statistics", *arguments], env={"COLUMNS": "200"})


@pytest_asyncio.fixture
async def day(empty_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Three calls of one day in a database the command finds."""
    monkeypatch.setenv("IVR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("IVR_DATABASE_URL", empty_url)
    await migrate(empty_url)
    await _day(empty_url)


@pytest.mark.usefixtures("day")
async def test_the_table_tells_figures_formulas_and_what_does_not_add_up() -> None:
    result = await run("--from", "2026-11-23", "--by", "interval", "--interval", "1h")
    assert result.exit_code == 0, result.output
    hour = next(line for line in result.stdout.splitlines() if "11-23 10:00" in line)
    assert "33.33%" in hour and "9.0 s" in hour and "差 1" in hour
    assert "11-23 11:00" not in result.stdout and "合计" in result.stdout
    assert "接通率 = 人工接通 ÷ 到达（除进行中）" in result.stdout and "坐席占用率 –" in result.stdout
    assert "12348：1 个来电的记录自相矛盾" in result.stderr


@pytest.mark.usefixtures("day")
async def test_the_csv_has_every_figure_with_its_numbers_and_no_formula(tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    result = await run("--from", "2026-11-23", "--by", "queue", "--csv", str(file))
    assert result.exit_code == 0, result.output
    total, queue = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"), newline="")))
    assert (total["key"], total["arrived"], total["connection_rate_numerator"], total["difference"]) == ("total", "3", "1", "1")
    assert float(total["connection_rate"]) == pytest.approx(1 / 3) and total["satisfaction"] == ""
    assert queue["key"] == queue["title"] == "'=cmd|'/C calc'!A0"


@pytest.mark.usefixtures("day")
async def test_too_much_at_once_is_one_message() -> None:
    result = await run("--from", "2026-01-01", "--to", "2026-11-01", "--interval", "15m")
    assert result.exit_code == 1 and "Ask for longer intervals" in result.stderr and "Traceback" not in result.output
    result = await run("--from", "2026-11-23", "--csv", "/nowhere/day.csv")
    assert result.exit_code == 1 and "cannot be written" in result.stderr
