"""Looking after a running product: doctor, reload during a call, logs without secrets, an alarm when space runs out."""

from __future__ import annotations

import asyncio

import pytest

from ivr.demo.client import HotlineClient
from ivr.exchange_setup import credentials
from ivr.settings import PROJECT_ROOT
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import arrival, filled_order, state

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_the_doctor_finds_a_running_product_well(hotline: RunningHotline, client: HotlineClient) -> None:
    told = await hotline.cli("doctor")
    for subject in ("Asterisk", "AMI", "数据库", "语音合成", "磁盘", "端口", "网页", "坐席与中继"):
        line = next(row for row in told.splitlines() if f" {subject} " in row)
        assert line.startswith("✓"), line
    assert "! 语音模型" in told and "ivr models fetch" in told
    assert "两个用户都不能执行命令" in told


async def test_a_seat_added_by_reload_takes_calls_while_another_call_goes_on(
    hotline: RunningHotline, client: HotlineClient
) -> None:
    before = hotline.file.read_text()
    async with hotline.operator() as operator, hotline.caller("13895130001") as caller:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        await caller.dial("12348")
        linked_id = await arrival(client, "13895130001")
        await operator.wait_for("CALL_INCOMING")
        await operator.answer()
        await state(client, linked_id, "talking")
        hotline.file.write_text(before + '\n[[seats]]\nname = "three"\noperator = "丁律师"\nqueues = ["hotline"]\n')
        try:
            assert "不受影响" in await hotline.cli("reload")
            async with hotline.operator("three"):
                await client.queue_until(lambda q: any(
                    m["name"] == "丁律师" and m["state"] == "available" for m in q["member_list"]))
                assert client.calls[linked_id]["state"] == "talking"
        finally:
            hotline.file.write_text(before)
            await hotline.cli("reload")
        await client.queue_until(lambda q: len(q["member_list"]) == 2)
        assert client.calls[linked_id]["state"] == "talking"
        await caller.hang_up()
        await filled_order(client, linked_id)
    assert (await client.get(f"/calls/{linked_id}"))["outcome"] == "answered"


async def test_a_reload_with_a_fault_changes_nothing(hotline: RunningHotline) -> None:
    before = hotline.file.read_text()
    rendered = hotline.folder / "state/run/asterisk/etc/queues.conf"
    was = rendered.read_text()
    hotline.file.write_text(before + '\n[[seats]]\nname = "four"\nqueues = ["nowhere"]\n')
    try:
        told = await hotline.cli("reload", succeed=False)
    finally:
        hotline.file.write_text(before)
    assert "nowhere" in told and "Traceback" not in told
    assert rendered.read_text() == was


async def test_no_secret_reaches_a_log(hotline: RunningHotline) -> None:
    held = credentials(hotline.settings)
    secrets = [held.ami_controller, held.ami_probe, *held.endpoints.values(), hotline.token]
    for log in [*(hotline.folder / "state/log").glob("*"), hotline.folder / "run.out",
                *(hotline.folder / "state/run/asterisk/log").rglob("*.log")]:
        text = log.read_text(errors="replace")
        assert not [s for s in secrets if s in text], log
    assert not list(PROJECT_ROOT.glob("*.json"))


async def test_the_books_fit_and_a_deleted_recording_is_found(hotline: RunningHotline, client: HotlineClient) -> None:
    said, seconds = hotline.speech("我要投诉")
    async with hotline.operator() as operator, hotline.caller("13895130002") as caller:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        await caller.dial("12348")
        linked_id = await arrival(client, "13895130002")
        await operator.wait_for("CALL_INCOMING")
        await operator.answer()
        await state(client, linked_id, "talking")
        await caller.say(said)
        await asyncio.sleep(seconds)
        await caller.hang_up()
        await filled_order(client, linked_id)
    assert "全部相符" in await hotline.cli("reconcile")
    gone = next(hotline.recordings.rglob(f"{linked_id}-*-operator.wav"))
    aside = gone.rename(gone.with_suffix(".aside"))
    try:
        told = await hotline.cli("reconcile", succeed=False)
        assert "track_file_missing" in told and "不在磁盘上" in told
        await client.until("the alarm on the stream", lambda: client.alarms.get("reconciliation"))
    finally:
        aside.rename(gone)
    assert "全部相符" in await hotline.cli("reconcile")
