"""A supervisor on an operator's call: what the citizen, the operator, the supervisor and the two tracks hold, with real phones."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.exchange_setup import database_url
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import state
from tests.e2e.listening import hears_prompt, share_heard
from tests.e2e.supervision import hears, most_heard, person, speaks
from tests.e2e.test_transfer import kinds, registered, settled, talking, track

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]
NOBODY, HEARD = 0.1, 0.5  # a mixture, and a loaded machine, cost some of a line's half seconds
# ChanSpy whispers at two telephones' clocks: on a machine with too much to do it drops what comes late.
STUTTERED = 0.15
MORE = """
[[seats]]
name = "three"
operator = "班长"

[[seats]]
name = "one-more"
operator = "赵律师"
queues = ["hotline"]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[RunningHotline]:
    async with running_hotline(MORE) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(office: RunningHotline) -> AsyncIterator[HotlineClient]:
    async with office.client() as connected:
        yield connected


async def audited(office: RunningHotline) -> list[tuple[str, str, str, str]]:
    """Actor, action, object and reason of the supervisors' acts."""
    connection = await asyncpg.connect(database_url(office.settings))
    try:
        rows = await connection.fetch(
            "SELECT actor, action, object, coalesce(detail->>'reason', '') FROM audit_event WHERE action LIKE 'supervision.%' ORDER BY id"
        )
        return [tuple(row) for row in rows]
    finally:
        await connection.close()


async def test_listen_whisper_join_and_take_over_are_heard_by_whom_they_should_be(office: RunningHotline, client: HotlineClient) -> None:
    citizens = office.speech("我想问一下劳动合同到期以后单位不续签怎么办")
    operators = office.speech("您好请问您在这个单位一共工作了几年", "cmn-latn-pinyin+f2")
    said = {
        mode: office.speech(text, "cmn-latn-pinyin+m1") for mode, text in (
            ("listen", "这一句只有班长自己听得到不应该传出去"), ("whisper", "请提醒他先申请劳动仲裁不要超过一年"),
            ("barge", "您好我是值班班长我来补充说明一下情况"), ("take_over", "接下来由我为您继续解答这个问题请您放心"),
        )
    }
    async with (
        person(office, "ban", "supervisor") as ban, office.operator("three", answers_itself=True, keep_sound=True) as three,
        talking(office, client, "13896500001", keep_sound=True) as (citizen, operator, linked_id),
    ):
        await registered(office, "three")
        await ban.ask("POST", "supervision/watches", {"seat": "one", "mode": "listen", "reason": " ", "phone": "three"}, status=400)
        first = await ban.watch("listen", "新人带教")
        assert (first["linked_id"], first["watcher"], first["seat"]) == (linked_id, "ban", "one")
        await speaks(citizen, citizens)
        await hears(three, citizens)
        await speaks(operator, operators)
        await hears(three, operators)
        await speaks(three, said["listen"])
        await ban.watch("whisper", "提示时效")
        await speaks(three, said["whisper"])
        await hears(operator, said["whisper"], at_least=STUTTERED)
        await ban.watch("barge", "当事人情绪激动")
        await speaks(three, said["barge"])
        await hears(citizen, said["barge"])
        await hears(operator, said["barge"])
        last = await ban.watch("take_over", "本人要求班长处理")
        await operator.wait_for("CALL_CLOSED", within_s=20)
        await speaks(three, said["take_over"])
        await hears(citizen, said["take_over"])
        assert client.calls[linked_id]["state"] == "talking", "the citizen talks on, with the supervisor"
        assert max(most_heard(phone, said["listen"]) for phone in (citizen, operator)) < NOBODY
        assert most_heard(citizen, said["whisper"]) < NOBODY, "whispered words are the operator's alone"
        assert most_heard(operator, said["take_over"]) < NOBODY, "the operator is gone"
        await hears_prompt(office, operator, "taken-over")
        await three.hang_up()
        await kinds(office, linked_id, ("RATING_ASKED", "1"))
        await ban.watched(last["id"], "over")
        await citizen.hang_up()
        call = await settled(office, client, linked_id)
    assert (call["outcome"], call["operator"]) == ("answered", "PJSIP/seat-one")
    tracks = {speaker: await track(office, linked_id, speaker) for speaker in ("caller", "operator")}
    assert share_heard(tracks["caller"], *citizens) > HEARD and share_heard(tracks["operator"], *operators) > HEARD
    for mode, line in said.items():
        assert share_heard(tracks["caller"], *line) < NOBODY, "the caller's track is the caller's alone"
        share = share_heard(tracks["operator"], *line)
        assert share > HEARD if mode in ("barge", "take_over") else share < NOBODY, (mode, share)
    assert await audited(office) == [
        ("ban", "supervision.listen", "one", "新人带教"), ("ban", "supervision.whisper", "one", "提示时效"),
        ("ban", "supervision.barge", "one", "当事人情绪激动"), ("ban", "supervision.take_over", "one", "本人要求班长处理"),
    ]


async def test_a_watch_ends_with_the_call_or_when_told_to_and_harms_neither(office: RunningHotline, client: HotlineClient) -> None:
    async with person(office, "chen", "supervisor") as chen, office.operator("three", answers_itself=True) as three:
        await registered(office, "three")
        wish = {"seat": "one", "mode": "listen", "reason": "抽查", "phone": "three"}
        told = await chen.ask("POST", "supervision/watches", wish, status=409)
        assert told["code"] == "watch_refused" and "nobody" in told["detail"]
        async with talking(office, client, "13896500002") as (citizen, _, linked_id):
            first = await chen.watch("barge", "抽查")
            await chen.ask("POST", "supervision/watches", wish | {"seat": "two"}, status=409)
            await chen.ask("DELETE", f"supervision/watches/{first['id']}", status=204)
            await chen.watched(first["id"], "over")
            await chen.ask("DELETE", f"supervision/watches/{first['id']}", status=404)
            assert client.calls[linked_id]["state"] == "talking", "citizen and operator talk on"
            second = await chen.watch("barge", "抽查")
            async with person(office, "du", "supervisor") as other:
                told = await other.ask("POST", "supervision/watches", wish, status=409)
                assert "Another supervisor" in told["detail"]
            await chen.watch("listen", "只听不说")
            third = (await chen.ask("GET", "supervision"))["watches"]
            assert [w["mode"] for w in third] == ["listen"] and third[0]["id"] > second["id"]
            assert client.calls[linked_id]["state"] == "talking", "who leaves the bridge leaves two behind"
            await citizen.hang_up()
            await state(client, linked_id, "ended")
            await chen.watched(third[0]["id"], "over")
            await three.wait_for("CALL_CLOSED")
            await settled(office, client, linked_id)


async def test_a_take_over_from_outside_the_call(office: RunningHotline, client: HotlineClient) -> None:
    async with (
        person(office, "feng", "supervisor") as feng, office.operator("three", answers_itself=True),
        talking(office, client, "13896500003") as (citizen, operator, linked_id),
    ):
        await registered(office, "three")
        await feng.watch("take_over", "坐席身体不适")
        await operator.wait_for("CALL_CLOSED", within_s=20)
        assert client.calls[linked_id]["state"] == "talking"
        await citizen.hang_up()
        await settled(office, client, linked_id)


async def test_a_telephone_that_does_not_answer_is_told_and_leaves_the_operator_alone(office: RunningHotline, client: HotlineClient) -> None:
    async with (
        person(office, "gao", "supervisor") as gao, office.operator("three") as three,
        talking(office, client, "13896500004") as (citizen, _, linked_id),
    ):
        await registered(office, "three")
        wish = {"seat": "one", "mode": "take_over", "reason": "抽查", "phone": "three"}
        asked = await gao.ask("POST", "supervision/watches", wish, status=201)
        await three.wait_for("CALL_INCOMING")
        await three.hang_up()
        over = await gao.watched(asked["id"], "refused")
        assert "did not answer" in over["problem"]
        assert client.calls[linked_id]["state"] == "talking"
        await citizen.hang_up()
        await settled(office, client, linked_id)


async def test_who_may_not_supervise_hears_nothing(office: RunningHotline, client: HotlineClient) -> None:
    wish = {"seat": "one", "mode": "listen", "reason": "好奇", "phone": "three"}
    async with person(office, "wang", "operator") as wang, person(office, "admin", "administrator") as admin:
        for nobody in (wang, admin):
            await nobody.ask("POST", "supervision/watches", wish, status=403)
            await nobody.ask("GET", "supervision", status=403)


async def test_no_error_in_asterisks_log(office: RunningHotline) -> None:
    assert not [line for line in office.asterisk_log.splitlines() if "ERROR" in line or "WARNING" in line]
