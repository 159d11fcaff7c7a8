"""Two real calls through the real product: one answered and transcribed, one abandoned; both end in a work order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from ivr.demo.client import HotlineClient
from ivr.demo.phone import PhoneAccount, ScriptedPhone
from ivr.demo.script import CALLER_NUMBER, IMPATIENT_NUMBER, Line
from ivr.settings import Settings

Json = dict[str, Any]
Told = Callable[[str, str], None]

_PATIENCE_S = 3.0
_PAUSE_S = 0.4


class Demonstration:
    """Plays both calls and gathers what the product made of them. ``told`` hears (heading, text) of each step."""

    def __init__(
        self, settings: Settings, seat_secret: str, client: HotlineClient, lines: list[Line], silence: Path,
        folder: Path, told: Told,
    ) -> None:
        self._settings = settings
        self._secret = seat_secret
        self._client = client
        self._lines = lines
        self._silence = silence
        self._folder = folder
        self._told = told
        self._server = f"{settings.asterisk.sip_host}:{settings.asterisk.sip_port}"
        self.seconds: dict[str, float] = {}
        self.queue_while_waiting: Json = {}

    async def play(self) -> Json:
        """Both calls, one after the other; the machine-readable summary without set-up time."""
        async with AsyncExitStack() as phones:
            operator = await phones.enter_async_context(ScriptedPhone(
                "operator", PhoneAccount(f"seat-{self._settings.seats[0].name}", self._server, secret=self._secret),
                self._folder, self._silence,
            ))
            await self._client.queue_until(lambda q: q["members"]["available"] >= 1)
            self._told("坐席上线", f"话机已注册，队列 {self._settings.hotline.queue} 有 1 个空闲坐席")
            answered = await self._answered_call(phones, operator)
        async with AsyncExitStack() as phones:
            abandoned = await self._abandoned_call(phones)
        return await self._summary([answered, abandoned])

    async def _answered_call(self, phones: AsyncExitStack, operator: ScriptedPhone) -> str:
        caller = await phones.enter_async_context(self._caller("caller", CALLER_NUMBER, "马建国"))
        before = set(self._client.calls)
        await caller.dial(self._settings.hotline.number)
        linked_id = await self._arrival(before, CALLER_NUMBER)
        await self._state(linked_id, "queued")
        self._told("排队", "听完问候和录音告知，没有按键，已进入队列，坐席话机同时振铃")
        await operator.wait_for("CALL_INCOMING")
        queue = await self._client.queue_until(lambda q: q["waiting"] == 1 and q["members"]["ringing"] == 1)
        self.queue_while_waiting = {
            k: queue[k] for k in ("queue", "waiting", "longest_wait_s", "members", "stale")
        }
        names = {"available": "空闲", "ringing": "振铃", "talking": "通话", "paused": "小休", "offline": "离线"}
        members = "、".join(f"{names[k]} {v}" for k, v in queue["members"].items())
        waited = f"等待 {queue['waiting']} 人，最长 {queue['longest_wait_s']:.1f} 秒"
        self._told("队列状态", f"HTTP 查询：{waited}；坐席 {members}")
        await operator.answer()
        await self._state(linked_id, "talking")
        self._told("接通", "坐席应答，双轨录音开始")
        for line in self._lines:
            phone = caller if line.speaker == "caller" else operator
            await phone.say(line.wav)
            self._told("  " + ("市民" if line.speaker == "caller" else "坐席"), line.text)
            await asyncio.sleep(line.seconds + _PAUSE_S)
        hung_up = await caller.hang_up()
        call = await self._state(linked_id, "ended")
        self._told("结束", f"市民挂机，通话 {call['talk_s']:.1f} 秒")
        number = await self._order(linked_id)
        self.seconds["hangup_to_order"] = round(self._client.orders[number]["first_seen"] - hung_up, 3)
        self._told("工单", f"{number} 已生成，挂机后 {self.seconds['hangup_to_order']:.2f} 秒")
        await self._client.until(
            "the transcript", lambda: self._client.orders[number] if self._client.orders[number]["filled_at"] else None, 60
        )
        self.seconds["hangup_to_transcript"] = round(self._client.orders[number]["seen"] - hung_up, 3)
        self._told("转写", f"两路转写完成，工单已填写，挂机后 {self.seconds['hangup_to_transcript']:.2f} 秒")
        return linked_id

    async def _abandoned_call(self, phones: AsyncExitStack) -> str:
        caller = await phones.enter_async_context(self._caller("impatient", IMPATIENT_NUMBER, ""))
        before = set(self._client.calls)
        await caller.dial(self._settings.hotline.number)
        linked_id = await self._arrival(before, IMPATIENT_NUMBER)
        await self._state(linked_id, "queued")
        self._told("排队", f"无人应答，市民等了 {_PATIENCE_S:.0f} 秒后放弃")
        await asyncio.sleep(_PATIENCE_S)
        await caller.hang_up()
        await self._state(linked_id, "ended")
        self._told("工单", f"放弃的来电也有工单：{await self._order(linked_id)}")
        return linked_id

    def _caller(self, name: str, number: str, display_name: str) -> ScriptedPhone:
        return ScriptedPhone(name, PhoneAccount(number, self._server, display_name), self._folder, self._silence)

    async def _arrival(self, before: set[str], number: str) -> str:
        call = await self._client.until("the call to arrive", lambda: next(
            (c for k, c in self._client.calls.items() if k not in before and c["caller_number"] == number), None))
        self._told("来电", f"{call['caller_number']} 呼入 {call['called_number']}")
        return str(call["linked_id"])

    async def _state(self, linked_id: str, state: str) -> Json:
        order = ["arrived", "queued", "talking", "ended"]
        return await self._client.until(f"the call to be {state}", lambda: (
            self._client.calls[linked_id]
            if order.index(self._client.calls[linked_id]["state"]) >= order.index(state) else None))

    async def _order(self, linked_id: str) -> str:
        order = await self._client.until("the work order", lambda: next(
            (o for o in self._client.orders.values() if linked_id in o["calls"]), None))
        return str(order["number"])

    async def _summary(self, linked_ids: list[str]) -> Json:
        summary: Json = {"calls": [], "recordings": [], "transcripts": [], "orders": []}
        for linked_id in linked_ids:
            call = await self._client.get(f"/calls/{linked_id}")
            summary["calls"].append({"linked_id": linked_id, "outcome": call["outcome"], "order": call["order"]})
            for track in call["recordings"]:
                found = sorted(self._settings.recordings_dir.glob(f"*/{linked_id}-*-{track['track']}.wav"))
                summary["recordings"].append({
                    "linked_id": linked_id, "track": track["track"], "path": str(found[0]) if found else "",
                    "seconds": track["seconds"],
                })
            segments = [{k: s[k] for k in ("speaker", "start_s", "end_s", "text")} for s in call["transcript"]["segments"]]
            summary["transcripts"].append({"linked_id": linked_id, "segments": segments})
            order = await self._client.get(f"/work-orders/{call['order']}")
            summary["orders"].append({
                "number": order["number"], "linked_id": linked_id, "channel": order["channel"],
                "category": order["category"]["name"] if order["category"] else "",
                "matter": order["matter"]["name"] if order["matter"] else "",
                "evidence": [
                    {"field": f["field"], **{k: f["evidence"][k] for k in ("text", "start_s", "end_s", "confidence")}}
                    for f in order["fields"] if f["evidence"]
                ],
                "fields": order["fields"], "caller_number": order["caller_number"], "note": order["note"],
            })
        summary["queue_while_waiting"] = self.queue_while_waiting
        summary["seconds"] = self.seconds
        return summary
