"""Village phones over HTTP: who sees them, who may act, what is refused, and what the audit trail says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.domain.device import DeviceFile
from ivr.ports.devices import DeviceContact
from ivr.storage.devices import PostgresDevices
from ivr.storage.places import seed_places
from tests.integration.test_storage_devices import PLACES, TOWN, A
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import site

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
__all__ = ["web_database"]


async def test_devices_are_shown_by_town_blocked_with_a_reason_and_never_with_their_secret(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("administrator") as admin, s.machine("dispatcher") as reader, s.machine("operator") as other:
        await seed_places(s.pool, PLACES)
        devices = PostgresDevices(s.pool)
        await devices.apply(DeviceFile((A, TOWN), ()), actor="cli:test")
        told = await (await reader.get("/api/v1/devices")).json()
        assert told["stale"] is True and told["as_of"] is None
        await devices.saw([DeviceContact(A.id, "reachable", "GXV3480", 12.5)])
        text = await (await reader.get("/api/v1/devices")).text()
        salt = await s.pool.fetchval("SELECT salt FROM device WHERE id = $1", A.id)
        assert salt not in text
        told = await (await reader.get("/api/v1/devices")).json()
        (town,) = told["towns"]
        rows = {d["device"]: d for d in town["devices"]}
        assert (told["stale"], town["name"], rows[A.id]["use"], rows[TOWN.id]["use"], rows[TOWN.id]["reason"]) == (
            False, "西花园路街道", "unused", "unusable", "从未注册")
        wall = (await (await reader.get("/api/v1/statistics/wall")).json())["terminals"]
        assert wall == {"stale": False, "phones": [
            {"device": d, "name": rows[d]["village_name"] or town["name"], "use": rows[d]["use"]} for d in rows
        ]}
        path = f"/api/v1/devices/{A.id}"
        for client, act in ((reader, "block"), (other, "rotate")):
            assert (await client.post(f"{path}/{act}", json={"reason": "试"})).status == 403
        assert (await other.get("/api/v1/devices")).status == 403
        for bad in ({}, {"reason": ""}, {"reason": " "}, {"reason": "好", "more": 1}, {"reason": 1}, {"reason": "x" * 201}, {"reason": "a\u0000b"}):
            assert (await admin.post(f"{path}/block", json=bad)).status == 400, bad
        for strange in ("v-640105001-L77-1", "seat-one", "x" * 300):
            assert (await admin.post(f"/api/v1/devices/{strange}/block", json={"reason": "试"})).status == 404
            assert (await admin.get(f"/api/v1/devices/{strange}/history")).status == 404
        blocked = await (await admin.post(f"{path}/block", json={"reason": "终端丢失"})).json()
        row = next(d for d in blocked["towns"][0]["devices"] if d["device"] == A.id)
        assert (row["state"], row["use"], row["reason"]) == ("blocked", "unusable", "已停用：终端丢失") and row["since"]
        assert (await admin.post(f"{path}/unblock", json={"reason": "找到了"})).status == 200
        assert (await admin.post(f"{path}/rotate", json={"reason": "换人"})).status == 200
        assert await s.pool.fetchval("SELECT salt FROM device WHERE id = $1", A.id) != salt
        history = await (await reader.get(f"{path}/history")).json()
        assert [(e["kind"], e["reason"]) for e in history["events"]] == [
            ("rotated", "换人"), ("unblocked", "找到了"), ("blocked", "终端丢失"), ("reachable", ""), ("imported", "")]
        acts = await s.pool.fetch("SELECT action FROM audit_event WHERE object = $1 ORDER BY id", A.id)
        assert [r["action"] for r in acts] == ["device.blocked", "device.unblocked", "device.rotated"]


async def test_a_self_test_is_asked_for_with_a_reason_by_who_may_and_shown_with_its_sentence(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("administrator") as admin, s.machine("dispatcher") as reader:
        await seed_places(s.pool, PLACES)
        devices = PostgresDevices(s.pool)
        await devices.apply(DeviceFile((replace(A, self_test=True), TOWN), ()), actor="cli:test")
        path = f"/api/v1/devices/{A.id}"
        assert (await reader.post(f"{path}/test", json={"reason": "试"})).status == 403
        for bad in ({}, {"reason": " "}, {"reason": "好", "more": 1}):
            assert (await admin.post(f"{path}/test", json=bad)).status == 400, bad
        assert (await admin.post(f"/api/v1/devices/{TOWN.id}/test", json={"reason": "试"})).status == 400, "it does not answer by itself"
        assert (await admin.post("/api/v1/devices/v-640105001-L77-1/test", json={"reason": "试"})).status == 404
        asked = await (await admin.post(f"{path}/test", json={"reason": "上门"})).json()
        await s.pool.execute(
            "UPDATE device_test SET state = 'done', ended_at = now(), outcome = 'passed', reason = '接通', delay_ms = 120.04, level_db = -12 WHERE id = $1",
            asked["test"])
        (told,) = (await (await reader.get(f"{path}/history")).json())["tests"]
        assert (told["outcome"], told["delay_ms"], told["level_db"], bool(told["asked_by"])) == ("passed", 120.0, -12.0, True)
        rows = {d["device"]: d for t in (await (await reader.get("/api/v1/devices")).json())["towns"] for d in t["devices"]}
        assert rows[A.id]["self_test"] is True and rows[TOWN.id]["self_test"] is False
        assert rows[A.id]["sentence"].startswith("不可用：自 ") and "因为从未注册" in rows[A.id]["sentence"] and "自检" in rows[A.id]["sentence"]
