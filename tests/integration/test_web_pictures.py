"""Pictures over HTTP: only who talks keeps one, only of who was asked; read like the order, audited, exported and deleted in time."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from ivr.domain.retention import Terms
from ivr.pipeline.retention import Retention
from ivr.speech.shredder import RecordingShredder
from ivr.storage.audit import PostgresAudit
from ivr.storage.retention import PostgresHolds, PostgresRetention
from tests.integration.test_web_orders import NUMBER, T0, add_order, made, office, told
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import Site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
CALL = f"c-{NUMBER}"
ADDRESS = f"/api/v1/calls/{CALL}/pictures"


def png(colour: str = "#12304f", size: tuple[int, int] = (1280, 720)) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", size, colour).save(held, "PNG")
    return held.getvalue()


def wish(data: bytes) -> dict[str, str]:
    return {"picture": base64.b64encode(data).decode()}


async def village_order(s: Site, seat: aiohttp.ClientSession) -> str:
    """The order of a village's call which the operator's seat answered."""
    address = await add_order(s, owner_work_number="8001")
    await s.pool.execute("UPDATE call SET channel = 'village_video', member_interface = 'PJSIP/seat-east', device = 'v-640105001-L01-1'")
    await told(await seat.post("/api/v1/desk/seat", json={"seat": "east"}), 200)
    return address


async def ask(s: Site) -> None:
    await s.pool.execute("INSERT INTO call_fact VALUES ('cel', 'f', 1, $1, 'user:PICTURE_ASKED', $2, '{}')", CALL, T0 + timedelta(seconds=20))


async def refused(client: aiohttp.ClientSession, status: int, code: str, body: Any) -> str:
    problem = await told(await client.post(ADDRESS, json=body), status)
    assert problem["code"] == code, problem
    return str(problem["detail"])


async def test_only_who_talks_keeps_one_and_only_of_who_was_asked(web_database: WebDatabase, tmp_path: Path) -> None:
    async with office(web_database, recordings_dir=tmp_path) as (s, by):
        await village_order(s, by["seat"])
        assert "没有问过" in await refused(by["seat"], 409, "picture_refused", wish(png()))
        assert not list(tmp_path.rglob("*.png")), "nothing is kept of who was not asked"
        await ask(s)
        assert (await told(await by["chief"].post(ADDRESS, json=wish(png())), 409))["code"] == "seat_lost"
        await told(await by["chief"].post("/api/v1/desk/seat", json={"seat": "west"}), 200)
        await refused(by["chief"], 403, "denied", wish(png()))
        for name in ("desk", "root", "books", "zhao"):
            await refused(by[name], 403, "denied", wish(png()))
        async with s.machine("operator") as machine:
            await told(await machine.post(ADDRESS, json=wish(png())), 403)
        for body in ({}, {"picture": ""}, {"picture": 1}, {**wish(png()), "media_type": "image/png"}):
            await refused(by["seat"], 400, "bad_request", body)
        for data in (b"GIF89a", png() + b"more", png(size=(4, 4))):
            await refused(by["seat"], 409, "picture_refused", wish(data))
        await refused(by["seat"], 409, "picture_refused", {"picture": "not base64!"})
        assert (await by["seat"].post(ADDRESS, data=b"{" + b" " * 9_000_000, headers={"Content-Type": "application/json"})).status == 413
        assert (await told(await by["seat"].post("/api/v1/calls/none/pictures", json=wish(png())), 404))["code"] == "not_found"
        kept = await told(await by["seat"].post(ADDRESS, json=wish(png())), 201)
        assert await told(await by["seat"].post(ADDRESS, json=wish(png())), 201) == kept, "sent again it is the same one"
        assert (kept["width"], kept["height"], kept["taken_by"], kept["media_type"]) == (1280, 720, "seat", "image/png")
        assert kept["asked_at"] == "2026-11-23T09:30:20.000+08:00" and kept["sha256"] == hashlib.sha256(png()).hexdigest()
        (file,) = [p for p in tmp_path.rglob("*") if p.is_file()]
        assert file.read_bytes() == png() and file.parent.parent == tmp_path / "pictures"
        for n in range(19):
            await told(await by["seat"].post(ADDRESS, json=wish(png(f"#0000{n:02x}"))), 201)
        assert "20" in await refused(by["seat"], 409, "picture_refused", wish(png("#ffffff")))
        await s.pool.execute("UPDATE call SET channel = 'hotline', device = ''")
        await refused(by["seat"], 409, "picture_refused", wish(png("#ffffff")))
        rows = await s.pool.fetch("SELECT actor, object FROM audit_event WHERE action = 'picture.taken'")
        assert {tuple(r) for r in rows} == {("seat", CALL)} and len(rows) == 20


async def test_it_is_read_like_its_order_and_every_reading_is_audited(web_database: WebDatabase, tmp_path: Path) -> None:
    async with office(web_database, recordings_dir=tmp_path) as (s, by):
        order = await village_order(s, by["seat"])
        await ask(s)
        kept = await told(await by["seat"].post(ADDRESS, json=wish(png())), 201)
        listed = await told(await by["seat"].get(f"{order}/pictures"), 200)
        assert listed == {"pictures": [kept]} and kept["gone"] is False
        picture = f"{order}/pictures/{kept['id']}"
        assert "理由" in (await told(await by["seat"].get(picture), 403))["detail"], "an identity card in it cannot be covered"
        await told(await by["seat"].post(f"{order}/unmasking", json={"reason": "核对材料"}), 200)
        for _ in range(2):
            async with by["seat"].get(picture) as shown:
                assert shown.status == 200 and shown.content_type == "image/png" and await shown.read() == png()
                assert shown.headers["Cache-Control"] == "private, no-store" and shown.headers["X-Content-Type-Options"] == "nosniff"
        for name, status in (("zhao", 404), ("books", 403), ("chief", 403)):
            await told(await by[name].get(picture), status)
        await told(await by["chief"].post(f"{order}/unmasking", json={"reason": "核对材料"}), 200)
        assert (await by["chief"].get(picture)).status == 200, "with a reason"
        for wrong in ("0", "2", "x", "1e1", "9" * 30):
            await told(await by["seat"].get(f"{order}/pictures/{wrong}"), 404)
        await made(by["seat"], order, move="conceal", reason="当事人要求")
        for address in (picture, f"{order}/pictures"):
            await told(await by["desk"].get(address), 403)
        readings = await s.pool.fetch("SELECT actor FROM audit_event WHERE action = 'picture.read' AND object = $1 ORDER BY id", NUMBER)
        assert [r["actor"] for r in readings] == ["seat", "seat", "chief"] and await PostgresAudit(s.pool).first_broken() is None
        (file,) = tmp_path.rglob("*.png")
        file.write_bytes(png("#ffffff"))
        assert "not what was kept" in (await told(await by["seat"].get(picture), 404))["detail"]


async def test_it_goes_with_the_case_and_when_its_time_is_over(web_database: WebDatabase, tmp_path: Path) -> None:
    async with office(web_database, recordings_dir=tmp_path) as (s, by):
        order = await village_order(s, by["seat"])
        await ask(s)
        kept = await told(await by["seat"].post(ADDRESS, json=wish(png())), 201)
        name = f"pictures/{kept['id']}.png"

        async def case() -> zipfile.ZipFile:
            async with by["chief"].post(f"{order}/case", json={"reason": "法院调卷"}) as answer:
                return zipfile.ZipFile(io.BytesIO(await answer.read()))

        covered = await case()
        assert name not in covered.namelist() and name in covered.read("about.json").decode(), "nothing in a picture can be covered"
        await told(await by["chief"].post(f"{order}/unmasking", json={"reason": "法院调卷"}), 200)
        whole = await case()
        assert whole.read(name) == png() and kept["sha256"] in whole.read("pictures.json").decode()
        assert "picture.taken" in whole.read("audit.json").decode()
        now = datetime.now(UTC)
        late = now + timedelta(days=31)
        gone = Retention(PostgresRetention(s.pool), RecordingShredder(tmp_path), Terms({"picture": 30, "order": 1}), clock=late.timestamp)
        assert (await gone.once())["picture"] == 0, "its order is open"
        await s.pool.execute("UPDATE work_order SET state = 'closed'")
        holds = PostgresHolds(s.pool)
        hold = await holds.hold(f"call:{CALL}", "诉讼", now + timedelta(days=900), "chief")
        assert (await gone.once())["picture"] == 0 and list(tmp_path.rglob("*.png")), "held"
        await holds.lift(hold, "结案", "chief")
        early = Retention(PostgresRetention(s.pool), RecordingShredder(tmp_path), Terms({"order": 1}), clock=late.timestamp)
        assert (await early.once())["order"] == 0, "an order is emptied only when its pictures are gone"
        assert {k: v for k, v in (await gone.once()).items() if v} == {"picture": 1, "order": 1} and not list(tmp_path.rglob("*.png"))
        (proof,) = [p for p in await PostgresRetention(s.pool).proofs(9) if p.kind == "picture"]
        assert proof.sha256.hex() == kept["sha256"] and proof.size_bytes == len(png())
        (left,) = (await told(await by["seat"].get(f"{order}/pictures"), 200))["pictures"]
        assert left["gone"] is True
        await told(await by["chief"].get(f"{order}/pictures/{kept['id']}"), 404)
        again = await told(await by["seat"].post(ADDRESS, json=wish(png())), 201)
        await Retention(PostgresRetention(s.pool), RecordingShredder(tmp_path), Terms({}), clock=now.timestamp).once()
        assert again["id"] != kept["id"] and list(tmp_path.rglob("*.png")), "kept anew under the same name, and left alone"
