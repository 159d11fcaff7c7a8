"""Retention over HTTP: the preview, holds with a reason, and who may see and do what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.test_web_orders import NUMBER, add_order, office, told
from tests.integration.web_database import WebDatabase, web_database

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
RETENTION = "/api/v1/retention"


async def test_holds_are_set_and_lifted_with_reasons_and_shown(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        await add_order(s)
        tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
        good = {"order": NUMBER, "reason": "行政复议", "until": tomorrow}
        for name in ("seat", "desk", "zhao", "books"):
            await told(await by[name].post("/api/v1/holds", json=good), 403)
        for name in ("seat", "desk", "zhao"):
            await told(await by[name].get(RETENTION), 403)
        for body, status in (
            ({**good, "call": "a"}, 400), ({**good, "order": ""}, 400), ({**good, "until": "2020-01-01"}, 400), ({**good, "until": "9999-12-31"}, 400),
            ({**good, "until": 5}, 400), ({**good, "reason": ""}, 400), ({**good, "x": 1}, 400), ({**good, "order": "6" * 19}, 404),
        ):
            await told(await by["chief"].post("/api/v1/holds", json=body), status)
        async with by["chief"].post("/api/v1/holds", json=good) as answer:
            assert answer.status == 204, await answer.text()
        for name in ("chief", "root", "books"):
            shown = await told(await by[name].get(RETENTION), 200)
            assert [(h["order"], h["call"], h["reason"], h["set_by"]) for h in shown["holds"]] == [(NUMBER, "", "行政复议", "chief")]
            assert shown["holds"][0]["until"].endswith("T00:00:00.000+08:00") and shown["next_run"].endswith("T04:00:00.000+08:00")
            assert {k["kind"]: (k["days"], k["due"]) for k in shown["kinds"]} == dict.fromkeys(
                ("recording", "video", "film", "picture", "transcript", "order", "log"), (0, 0))
        address = f"/api/v1/holds/{shown['holds'][0]['id']}/lift"
        await told(await by["books"].post(address, json={"reason": "不归我管"}), 403)
        await told(await by["chief"].post(address, json={"reason": ""}), 400)
        for wrong in ("0", "x", "9" * 30):
            await told(await by["chief"].post(f"/api/v1/holds/{wrong}/lift", json={"reason": "没有"}), 404)
        async with by["root"].post(address, json={"reason": "复议已结"}) as answer:
            assert answer.status == 204
        await told(await by["chief"].post(address, json={"reason": "再来"}), 404)
        assert (await told(await by["chief"].get(RETENTION), 200))["holds"] == []
        rows = await s.pool.fetch("SELECT actor, action, object FROM audit_event WHERE action LIKE 'retention.%' ORDER BY id")
        assert [tuple(r) for r in rows] == [("chief", "retention.held", NUMBER), ("root", "retention.hold_lifted", NUMBER)]
