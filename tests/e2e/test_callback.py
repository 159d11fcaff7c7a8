"""Call-backs with real calls: a place kept by a key, a number said back, one call to the citizen, one order for all of it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from ivr import bootstrap
from ivr.demo.client import HotlineClient
from ivr.exchange_setup import database_url
from ivr.storage.outbox import record
from tests.e2e.call_backs import (
    ask_for_call_back,
    asked,
    called,
    citizen_of,
    heard,
    incoming,
    job,
    promised,
    rows,
    talk,
    told,
    until_rows,
)
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import filled_order, into_the_queue, state
from tests.e2e.test_menus import facts
from tests.faults.witness import kill, pid_of, pid_returns

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

SETTINGS = """
[callback]
hours = ["00:00-24:00"]
attempts = 2
spacing_s = 1
ring_s = 20
dissatisfied_delay_s = 1

[notices]
voice = "all"
voice_retry_s = 1
quiet_from = "00:00"
quiet_until = "00:00"

[[seats]]
name = "three"
operator = "孙律师"
work_number = "8003"
queues = ["hotline"]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hotline() -> AsyncIterator[RunningHotline]:
    """A product that calls back again after a second."""
    async with running_hotline(SETTINGS) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(hotline: RunningHotline) -> AsyncIterator[HotlineClient]:
    """The live stream and the API."""
    async with hotline.client() as connected:
        yield connected


async def test_a_kept_place_is_called_back_into_one_order(hotline: RunningHotline, client: HotlineClient) -> None:
    number = "13896100001"
    async with citizen_of(hotline, number, keep_sound=True) as citizen:
        linked_id = await into_the_queue(client, citizen, number)
        await ask_for_call_back(hotline, citizen, linked_id)
        await heard(hotline, citizen, "callback-number", "callback-confirm")
        await citizen.press("1")
        await state(client, linked_id, "ended", within_s=30)
        await heard(hotline, citizen, "callback-promised")
        order = await filled_order(client, linked_id)
        assert (order["outcome"], order["calls"]) == ("callback", [linked_id]) and number in order["note"]
        assert (await client.get(f"/calls/{linked_id}"))["outcome"] == "callback"
        async with hotline.operator(keep_sound=True) as operator:
            await citizen.wait_for("CALL_INCOMING", within_s=40)
            assert (await job(hotline, number, "calling"))["attempts"] == 0
            await citizen.answer()
            await operator.wait_for("CALL_INCOMING", within_s=40)
            await operator.answer()
            back = await client.until("the call-back", lambda: next(
                (c for c in client.calls.values() if c["channel"] == "callback" and c["caller_number"] == number), None))
            await state(client, back["linked_id"], "talking")
            said, seconds = hotline.speech("老板拖欠工资三个月了")
            await asyncio.sleep(1)
            await citizen.say(said)
            await asyncio.sleep(seconds + 1)
            await citizen.hang_up()
            await client.until("the order's blanks filled", lambda: next(
                (o for o in client.orders.values() if o["number"] == order["number"] and o["matter"]["name"]), None), 60)
            await heard(hotline, citizen, "callback-hello", "notice")
            await heard(hotline, operator, "callback-operator")
    whole = await client.get(f"/work-orders/{order['number']}")
    assert whole["calls"] == [linked_id, back["linked_id"]] and whole["matter"]["name"] == "劳动争议"
    call = await client.get(f"/calls/{back['linked_id']}")
    assert (call["outcome"], call["order"], call["queue"]) == ("answered", order["number"], "hotline")
    assert "".join(g["text"] for g in call["transcript"]["segments"] if g["speaker"] == "caller") == "老板拖欠工资三个月了"
    assert (await job(hotline, number, "done"))["attempts"] == 1


async def test_another_number_is_checked_read_back_and_called(hotline: RunningHotline, client: HotlineClient) -> None:
    number, other = "13896100002", "13896100003"
    async with hotline.caller(number) as caller, citizen_of(hotline, other) as citizen:
        linked_id = await into_the_queue(client, caller, number)
        await ask_for_call_back(hotline, caller, linked_id)
        await caller.press("2")
        for times, wrong in enumerate(("110#", "12348#"), 1):
            await asked(hotline, linked_id, "number", times)
            await caller.press(wrong)
        await asked(hotline, linked_id, "number", 3)
        await caller.press(f"{other}#")
        await asked(hotline, linked_id, "confirm", 2)
        await caller.press("1")
        await state(client, linked_id, "ended", within_s=30)
        order = await filled_order(client, linked_id)
        assert other in order["note"] and number not in order["note"]
        async with hotline.operator() as operator:
            await called(citizen, 1)
            back = await talk(hotline, client, citizen, operator, other)
        assert (await job(hotline, other, "done"))["caller_number"] == number
        assert (await client.get(f"/work-orders/{order['number']}"))["calls"] == [linked_id, back]
    assert not await rows(hotline, "SELECT 1 FROM callback_job WHERE number IN ('110', '12348', $1)", number)


async def test_who_keys_no_fit_number_waits_on_at_the_same_place(hotline: RunningHotline, client: HotlineClient) -> None:
    async with hotline.caller("13896100004") as first, hotline.caller("13896100005") as second:
        early = await into_the_queue(client, first, "13896100004")
        late = await into_the_queue(client, second, "13896100005")
        await ask_for_call_back(hotline, first, early)
        await first.press("2")
        for times in (1, 2, 3):
            await asked(hotline, early, "number", times)
            await first.press("999#")
        await until_rows(hotline, "SELECT 1 FROM call_fact WHERE linked_id = $1 AND kind = 'user:QUEUE_ENTERED' HAVING count(*) = 2", early)
        await client.queue_until(lambda q: [c["linked_id"] for c in q["callers"]] == [early, late])
        # Silence leads back as well, and hanging up in the dialogue is an abandoned call.
        await ask_for_call_back(hotline, first, early, 2)
        await first.press("2")
        await until_rows(hotline, "SELECT 1 FROM call_fact WHERE linked_id = $1 AND kind = 'user:QUEUE_ENTERED' HAVING count(*) = 3", early)
        await ask_for_call_back(hotline, second, late)
        await second.hang_up()
        await filled_order(client, late)
        await first.hang_up()
        await filled_order(client, early)
    for linked_id in (early, late):
        assert (await client.get(f"/calls/{linked_id}"))["outcome"] == "abandoned"
    assert not await rows(hotline, "SELECT 1 FROM callback_job WHERE number IN ('13896100004', '13896100005')")


async def test_a_busy_citizen_is_called_again_and_one_who_never_answers_is_given_up(hotline: RunningHotline, client: HotlineClient) -> None:
    number = "13896100006"
    async with citizen_of(hotline, number) as citizen:
        linked_id = await promised(hotline, client, citizen, number)
        async with hotline.operator() as operator:
            await called(citizen, 1)
            await citizen.hang_up()
            await called(citizen, 2)
            await talk(hotline, client, citizen, operator, number)
        assert (await job(hotline, number, "done"))["attempts"] == 2
        again = await promised(hotline, client, citizen, number)
        async with hotline.operator():
            for times in (3, 4):
                await called(citizen, times)
                await citizen.hang_up()
            assert (await job(hotline, number, "failed"))["attempts"] == 2
        order = await filled_order(client, again)
        assert "未完成：已拨打 2 次" in (await client.get(f"/work-orders/{order['number']}"))["note"]
        assert incoming(citizen) == 4, "no call after the last attempt"
    results = await rows(hotline, "SELECT result FROM callback_attempt a JOIN callback_job j ON j.id = a.job_id"
                         " WHERE number = $1 ORDER BY started_at", number)
    assert [r["result"] for r in results] == ["unreached", "answered", "unreached", "unreached"]
    first = await filled_order(client, linked_id)
    assert len(first["calls"]) == 3 and "未完成" not in first["note"]


async def test_two_promises_to_one_number_are_one_call(hotline: RunningHotline, client: HotlineClient) -> None:
    number = "13896100007"
    async with citizen_of(hotline, number) as citizen:
        first = await promised(hotline, client, citizen, number)
        one = await filled_order(client, first)
        second = await promised(hotline, client, citizen, number)
        two = await filled_order(client, second)
        assert one["number"] != two["number"] and one["number"] in two["note"]
        assert len(await rows(hotline, "SELECT 1 FROM callback_job WHERE number = $1", number)) == 1
        async with hotline.operator() as operator:
            await called(citizen, 1)
            back = await talk(hotline, client, citizen, operator, number)
        await job(hotline, number, "done")
    assert (await client.get(f"/work-orders/{one['number']}"))["calls"] == [first, back]
    assert (await client.get(f"/work-orders/{two['number']}"))["calls"] == [second]


async def test_who_calls_again_and_is_answered_is_not_called_back(hotline: RunningHotline, client: HotlineClient) -> None:
    number, blocker = "13896100008", "13896100009"
    async with citizen_of(hotline, number) as citizen, hotline.caller(blocker) as other:
        before = await into_the_queue(client, other, blocker)  # arrived earlier: the call-back's turn comes after
        await promised(hotline, client, citizen, number)
        again = await into_the_queue(client, citizen, number)
        async with hotline.operator() as operator:
            for calls, linked_id, phone in ((1, before, other), (2, again, citizen)):
                await called(operator, calls)
                await operator.answer()
                await state(client, linked_id, "talking")
                await phone.hang_up()
                await state(client, linked_id, "ended")
            assert (await job(hotline, number, "withdrawn"))["tries"] == 0
        assert incoming(citizen) == 0


async def test_the_dissatisfied_are_called_back(hotline: RunningHotline, client: HotlineClient) -> None:
    number = "13896100010"
    async with citizen_of(hotline, number) as citizen, hotline.operator() as operator:
        linked_id = await into_the_queue(client, citizen, number)
        await called(operator, 1)
        await operator.answer()
        await state(client, linked_id, "talking")
        await asyncio.sleep(2)
        await operator.hang_up()
        await until_rows(hotline, "SELECT 1 FROM call_fact WHERE linked_id = $1 AND kind = 'user:RATING_ASKED'", linked_id)
        await citizen.press("5")
        await state(client, linked_id, "ended", within_s=30)
        await called(citizen, 1)
        back = await talk(hotline, client, citizen, operator, number, calls=2)
        done = await job(hotline, number, "done")
        order = await filled_order(client, linked_id)
    assert done["kind"] == "dissatisfied" and order["calls"] == [linked_id, back]


async def test_a_notice_is_spoken_to_the_citizen_and_belongs_to_the_order(hotline: RunningHotline, client: HotlineClient) -> None:
    number = "13896100013"
    async with citizen_of(hotline, number, keep_sound=True) as citizen:
        linked_id = await into_the_queue(client, citizen, number)
        await citizen.hang_up()
        order = await filled_order(client, linked_id)
        connection = await asyncpg.connect(database_url(hotline.settings))
        try:
            async with connection.transaction():
                await record(connection, "order.resolved", order["number"])
        finally:
            await connection.close()
        await called(citizen, 1)
        await citizen.hang_up()  # engaged
        await called(citizen, 2)
        await citizen.answer()
        await heard(hotline, citizen, "notice-hello", "progress-resolved", "notice-after")
        await until_rows(hotline, "SELECT 1 FROM outbox_delivery WHERE partner = 'notices-voice' AND state = 'delivered'")
        async with hotline.operator() as operator:
            await citizen.press("0")
            await operator.wait_for("CALL_INCOMING", within_s=40)
            await operator.answer()
            (talk_of,) = await until_rows(
                hotline, "SELECT linked_id FROM call WHERE channel = 'callback' AND caller_number = $1 AND state = 'talking'", number)
            await citizen.hang_up()
            await state(client, talk_of["linked_id"], "ended")
        await heard(hotline, citizen, "callback-hello-asked")
    made = await until_rows(hotline, "SELECT linked_id, result FROM notice_call WHERE result IS NOT NULL AND ended_at IS NOT NULL"
                            " ORDER BY started_at")
    assert [r["result"] for r in made] == ["busy", "human"] and incoming(citizen) == 2
    whole = await client.get(f"/work-orders/{order['number']}")
    assert whole["calls"] == [linked_id, *(r["linked_id"] for r in made)]
    (told_so,) = whole["spoken_notices"]
    assert (told_so["event"], told_so["state"], told_so["calls"], told_so["result"]) == ("order.resolved", "delivered", 2, "human")
    assert not await rows(hotline, "SELECT 1 FROM work_order WHERE caller_number = $1 AND number <> $2", number, order["number"])


async def test_a_promise_outlives_a_dead_controller_and_a_dead_asterisk(hotline: RunningHotline, client: HotlineClient) -> None:
    number = "13896100011"
    async with citizen_of(hotline, number) as citizen:
        linked_id = await into_the_queue(client, citizen, number)
        pid = pid_of(hotline, "controller")
        kill(pid, signal.SIGSTOP)
        before = told(hotline, "CALLBACK_ASKED")
        await citizen.press("7")
        async with asyncio.timeout(20):
            while told(hotline, "CALLBACK_ASKED") == before:
                await asyncio.sleep(0.05)
        await citizen.press("1")
        await citizen.wait_for("CALL_CLOSED", within_s=30)
        assert not await rows(hotline, "SELECT 1 FROM callback_job WHERE number = $1", number)
        kill(pid, signal.SIGKILL)
        await job(hotline, number, "waiting")
        await pid_returns(hotline, "controller", pid)
        kill(int((hotline.folder / "state/run/asterisk/run/asterisk.pid").read_text()), signal.SIGKILL)
        async with hotline.operator() as operator:
            await called(citizen, 1, within_s=90)
            # A controller that dies while the citizen's telephone rings: the next one finds the call, and makes no other.
            pid = pid_of(hotline, "controller")
            kill(pid, signal.SIGKILL)
            await pid_returns(hotline, "controller", pid)
            await until_rows(hotline, "SELECT 1 FROM callback_attempt a JOIN call c USING (linked_id) WHERE a.ended_at IS NULL"
                             " AND now() - a.started_at > interval '13 seconds' AND c.caller_number = $1", number)
            back = await talk(hotline, client, citizen, operator, number)
        done = await job(hotline, number, "done")
        order = await filled_order(client, linked_id)
        assert incoming(citizen) == 1 and (done["tries"], done["attempts"]) == (1, 1)
        assert order["calls"] == [linked_id, back] and order["outcome"] == "callback"


async def test_who_left_a_message_is_called_from_the_task_into_ones_own_seat(hotline: RunningHotline, client: HotlineClient) -> None:
    """The citizen hangs up while told who calls, then talks; both calls join the message's order, the task stays until it is done."""
    number = "13896100031"
    async with citizen_of(hotline, number, keep_sound=True) as citizen, bootstrap.patient_pool(hotline.settings, "test", size=2) as pool:
        linked_id = await into_the_queue(client, citizen, number)
        await citizen.press("#")
        await facts(hotline, linked_id, lambda seen: any(kind == "MESSAGE" for kind, _ in seen))
        await citizen.hang_up()
        order = await filled_order(client, linked_id)
        tasks, task = bootstrap.task_desk(hotline.settings, pool), f"message-{order['number']}"
        await tasks.take(task, "sun")
        async with hotline.operator("three", keep_sound=True) as own, hotline.operator() as other:
            await client.queue_until(lambda q: q["queue"] == "hotline" and q["members"]["available"] == 2)
            await tasks.call(task, "sun", "8003")
            await called(citizen, 1)
            await citizen.answer()
            await heard(hotline, citizen, "callback-hello-asked")
            await citizen.hang_up()
            first = await job(hotline, number, "failed")
            assert (first["kind"], first["reason"], (await tasks.task(task)).last_result) == ("asked", "gave_up", "gave_up")
            await tasks.call(task, "sun", "8003")
            await called(citizen, 2)
            back = await talk(hotline, client, citizen, own, number)
            assert incoming(other) == 0, "it is the seat of who asked"
            await heard(hotline, own, "callback-operator-asked")
            await heard(hotline, citizen, "notice")
        await job(hotline, number, "done")
        assert (await tasks.task(task)).state == "open"
        await tasks.finish(task, "talked", "周五来窗口", "sun", "孙律师")
        order = await filled_order(client, linked_id)
        assert order["calls"][0] == linked_id and order["calls"][-1] == back and len(order["calls"]) == 3
        assert "语音留言任务办结（孙律师）：已联系上，周五来窗口。" in order["note"]


async def test_the_kept_place_is_before_those_who_came_later(hotline: RunningHotline, client: HotlineClient) -> None:
    number, talker, later = "13896100013", "13896100014", "13896100015"
    async with (
        hotline.operator() as operator, citizen_of(hotline, number) as citizen, hotline.caller(talker) as other, hotline.caller(later) as last,
    ):
        first = await into_the_queue(client, other, talker)
        await called(operator, 1)
        await operator.answer()
        await state(client, first, "talking")
        await promised(hotline, client, citizen, number)
        waiting = await into_the_queue(client, last, later)
        await called(citizen, 1)  # the only seat still talks
        await citizen.answer()
        await until_rows(hotline, "SELECT 1 FROM call WHERE channel = 'callback' AND caller_number = $1 AND state = 'queued'", number)
        await other.hang_up()
        await called(operator, 2)
        await operator.answer()
        await until_rows(hotline, "SELECT 1 FROM call WHERE channel = 'callback' AND caller_number = $1 AND state = 'talking'", number)
        assert (await client.get(f"/calls/{waiting}"))["state"] == "queued"
        await last.hang_up()
        await citizen.hang_up()
        await job(hotline, number, "done")
        await filled_order(client, waiting)


async def test_a_prefix_is_no_part_of_the_number_and_who_withholds_it_is_asked(hotline: RunningHotline, client: HotlineClient) -> None:
    number, other = "13896100012", "09512048000"
    async with hotline.caller(f"+86{number}") as prefixed, hotline.caller("anonymous") as withheld:
        await promised(hotline, client, prefixed, number)
        linked_id = await into_the_queue(client, withheld, "")
        await withheld.press("7")
        await asked(hotline, linked_id, "number")
        await withheld.press(f"{other}#")
        await asked(hotline, linked_id, "confirm")
        await withheld.press("1")
        await state(client, linked_id, "ended", within_s=30)
        order = await filled_order(client, linked_id)
    assert other in order["note"] and order["caller_number"] == ""
    wanted = [await job(hotline, n, "waiting") for n in (number, other)]
    listed = await client.get("/callbacks")
    assert {(c["id"], c["number"], c["state"]) for c in listed["callbacks"]} == {(j["id"], j["number"], "waiting") for j in wanted}
    shown = await hotline.cli("callbacks", "list")
    assert all(str(j["id"]) in shown for j in wanted)
    for j in wanted:
        await hotline.cli("callbacks", "withdraw", str(j["id"]), "--reason", "来电人不再需要")
        await hotline.cli("callbacks", "withdraw", str(j["id"]), "--reason", "again", succeed=False)
    assert "没有需要回拨的电话" in await hotline.cli("callbacks", "list")
    assert "回电已取消：来电人不再需要。" in (await client.get(f"/work-orders/{order['number']}"))["note"]


async def test_afterwards_the_books_agree(hotline: RunningHotline, client: HotlineClient) -> None:
    listed = await hotline.cli("reconcile", "--days", "1", succeed=None)
    assert "✗" not in listed, listed
    assert "ERROR" not in hotline.asterisk_log, hotline.asterisk_log[-3000:]
