"""`ivr orders`, `ivr people` and `ivr audit verify` on a real database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from typer.testing import CliRunner, Result

from ivr.cli import app
from ivr.storage.migrate import migrate

NUMBER = "6401051261123000018"
HEAD = "work_number,name,unit,account,specialities,places,enabled,mediator_phone\n"


async def run(*arguments: str) -> Result:
    """The command in a thread: it has an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env={"COLUMNS": "200", "USER": "root"})


@pytest_asyncio.fixture
async def database(empty_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A database the commands find, with one order."""
    monkeypatch.setenv("IVR_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("IVR_DATABASE_URL", empty_url)
    await migrate(empty_url)
    await execute(
        empty_url, "INSERT INTO work_order (number, channel, caller_number, note) VALUES ($1, 'hotline', '13800000001', '说明')", NUMBER
    )
    return empty_url


async def execute(url: str, statement: str, *values: object) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


async def people(tmp_path: Path, rows: str, *options: str) -> Result:
    file = tmp_path / "people.csv"
    await asyncio.to_thread(file.write_text, HEAD + rows, "utf-8")
    return await run("people", "import", str(file), *options)


async def test_people_are_tried_first_and_every_bad_row_is_shown(database: str, tmp_path: Path) -> None:
    good = "7001,赵律师,司法所,zhao,劳动争议|family,康庄社区,,\n7002,钱律师,司法所,,,640105001,no,13909510003\n"
    tried = await people(tmp_path, good, "--dry-run")
    assert tried.exit_code == 0 and "新增 2" in tried.output and "试运行" in tried.output
    assert "赵律师" not in (await run("people", "list")).output, "a dry run changes nothing"
    bad = await people(tmp_path, good + "7001,孙,所,,,,,\n70,=cmd,,a b,看相,火星,maybe,110\nx,y\n7009,周,所,zhao,,,,\n")
    assert bad.exit_code == 1
    for line, word in ((4, "重复"), (5, "3 至 6 位"), (5, "姓名"), (5, "单位"), (5, "账号"), (5, "没有专长 看相"), (5, "没有镇街或村居 火星"),
                       (5, "enabled"), (5, "调解员电话"), (6, "有 2 列"), (7, "已属于 7001")):  # fmt: skip
        assert any(f"第 {line} 行" in told and word in told for told in bad.output.splitlines()), (line, word, bad.output)
    assert "赵律师" not in (await run("people", "list")).output
    assert (await people(tmp_path, good)).exit_code == 0
    listed = (await run("people", "list")).output
    assert "赵律师" in listed and "labour family" in listed and "640105001-L01" in listed and "13909510003" in listed and "停用" in listed
    exported = (await run("people", "export")).stdout
    again = await people(tmp_path, "".join(exported.lstrip("\ufeff").splitlines(keepends=True)[1:]))
    assert again.exit_code == 0 and "不变 2" in again.output
    wrong = tmp_path / "wrong.csv"
    await asyncio.to_thread(wrong.write_text, "a,b\n1,2\n")
    assert "the columns must be" in (await run("people", "import", str(wrong))).output


async def test_an_order_is_listed_shown_and_moved(database: str, tmp_path: Path) -> None:
    await people(tmp_path, "7001,赵律师,司法所,zhao,,,,\n")
    assert NUMBER in (await run("orders", "list", "--state", "draft")).output
    refused = await run("orders", "move", NUMBER, "archive")
    assert refused.exit_code == 1 and "现在可以" in refused.output and "指派 (assign)" in refused.output
    assert (await run("orders", "move", NUMBER, "fly")).exit_code == 2
    assert (await run("orders", "list", "--state", "gone")).exit_code == 2
    moved = await run("orders", "move", NUMBER, "assign", "--to", "7001")
    assert moved.exit_code == 0 and "已指派" in moved.output
    assert "已接单" in (await run("orders", "move", NUMBER, "accept", "--as", "7001")).output
    assert (await run("orders", "move", NUMBER, "start", "--as", "9999")).exit_code == 1
    shown = (await run("orders", "show", NUMBER)).output
    assert "说明" in shown and "cli:" in shown and "指派" in shown and "负责  7001" in shown
    await run("orders", "move", NUMBER, "conceal")
    hidden = await run("orders", "list", "--owner", "7001")
    assert "保密" in hidden.output
    assert (await run("orders", "show", NUMBER)).exit_code == 0
    connection = await asyncpg.connect(database)
    try:
        assert await connection.fetchval("SELECT count(*) FROM audit_event WHERE action = 'order.read_confidential'") == 1
    finally:
        await connection.close()
    assert (await run("orders", "show", "1")).exit_code == 1


@pytest.mark.parametrize("tampering", [
    "UPDATE audit_event SET actor = 'somebody' WHERE id = 2", "UPDATE audit_event SET at = at + interval '1 microsecond' WHERE id = 2",
    "UPDATE audit_event SET detail = '{}' WHERE id = 2", "UPDATE audit_event SET previous = digest WHERE id = 2",
])  # fmt: skip
async def test_an_altered_audit_row_is_named(database: str, tampering: str) -> None:
    await run("orders", "move", NUMBER, "submit")
    for _ in range(4):
        await run("orders", "move", NUMBER, "conceal")
        await run("orders", "move", NUMBER, "reveal", "--reason", "x")
    whole = await run("audit", "verify")
    assert whole.exit_code == 0 and "9 行" in whole.output, whole.output
    await execute(database, tampering)
    found = await run("audit", "verify")
    assert found.exit_code == 1 and "第 2 行" in found.output


async def test_a_removed_audit_row_shows_at_the_next_one(database: str) -> None:
    for move in ("conceal", "submit", "void"):
        await run("orders", "move", NUMBER, move, "--reason", "x")
    await execute(database, "DELETE FROM audit_event WHERE id = 2")
    found = await run("audit", "verify")
    assert found.exit_code == 1 and "第 3 行" in found.output, found.output
