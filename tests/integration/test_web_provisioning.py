"""A device's own configuration over HTTP: one address, shown once, for its maker's file, and a 404 for all that is not there."""

from __future__ import annotations

import base64
import configparser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from xml.etree import ElementTree

import aiohttp
import pytest

from ivr.domain.device import DeviceFile
from ivr.storage.devices import PostgresDevices
from ivr.storage.places import seed_places
from ivr.telephony.devices import secret_of
from tests.integration.test_storage_devices import PLACES, TOWN, A, B
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import ADVISER_SEATS, ORIGIN, Site, site

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
__all__ = ["web_database"]
WHY = {"reason": "新装终端"}
YEALINK = replace(B, model="SIP-T58W")


@asynccontextmanager
async def village(database: WebDatabase, **options: int) -> AsyncIterator[tuple[Site, PostgresDevices]]:
    async with site(database, **{"fetches_a_minute": 0} | options) as s:
        await seed_places(s.pool, PLACES)
        devices = PostgresDevices(s.pool)
        await devices.apply(DeviceFile((replace(A, model="GXV3480"), YEALINK, TOWN), ()), actor="cli:test")
        yield s, devices


async def issued(s: Site, device: str) -> dict[str, str]:
    async with s.machine("administrator") as admin, admin.post(f"/api/v1/devices/{device}/provision", json=WHY) as made:
        assert made.status == 200, await made.text()
        told: dict[str, str] = await made.json()
        return told


async def secret(s: Site, device: str) -> str:
    return secret_of(b"k" * 32, device, await s.pool.fetchval("SELECT salt FROM device WHERE id = $1", device))


def path(address: str, file: str = "") -> str:
    return address.removeprefix(ORIGIN) + (f"/{file}" if file else "")


async def status(client: aiohttp.ClientSession, where: str) -> int:
    async with client.get(where) as found:
        return found.status


async def test_each_makers_phone_fetches_its_own_secret_in_its_own_words_and_a_picture_leads_an_app_there(web_database: WebDatabase) -> None:
    async with village(web_database) as (s, _), s.browser() as phone:
        told = await issued(s, A.id)
        first = await secret(s, A.id)
        assert first not in str(told), "an address stands for the secret, the answer does not hold it"
        async with phone.get(path(told["address"], "cfg000b82aabbcc.xml")) as found:
            assert found.status == 200 and found.content_type == "application/xml" and found.headers["Cache-Control"] == "no-store"
            config = {e.tag: e.text for e in ElementTree.fromstring(await found.read()).iter()}
        assert (config["P47"], config["P35"], config["P34"], config["P90"], config["P270"]) == ("10.1.2.3:5060", A.id, first, "0", "康庄社区")
        async with phone.get(path(told["soft_client"])) as found:
            tree = ElementTree.fromstring(await found.read())
        entries = {e.get("name"): e.text or "" for e in tree.iter("{http://www.linphone.org/xsds/lpconfig.xsd}entry")}
        assert (entries["username"], entries["passwd"], entries["automatically_accept"]) == (A.id, first, "0")
        assert entries["reg_identity"] == f'"康庄社区" <sip:{A.id}@10.1.2.3:5060>'
        assert base64.b64decode(told["qr"].removeprefix("data:image/svg+xml;base64,")).startswith(b"<svg")

        other = await issued(s, YEALINK.id)
        async with phone.get(path(other["address"])) as found:
            assert other["address"].endswith("/phone.cfg") and found.content_type == "text/plain"
            parser = configparser.ConfigParser()
            parser.read_string("[phone]\n" + await found.text())
        assert parser["phone"]["account.1.password"] == await secret(s, YEALINK.id) != first
        async with phone.get(path(other["address"]).replace("phone.cfg", "phone.txt")) as found:
            lines = dict(line.split(" ", 1) for line in (await found.text()).splitlines())
        assert (lines["user"], lines["secret"], lines["auto_answer"]) == (YEALINK.id, await secret(s, YEALINK.id), "no")
        rows = await s.pool.fetch("SELECT actor, action, detail->>'file' AS file FROM audit_event WHERE object = $1 ORDER BY id", A.id)
        assert [tuple(r) for r in rows] == [
            (rows[0]["actor"], "device.shown", None), (f"device:{A.id}", "device.fetched", "cfg000b82aabbcc.xml"),
            (f"device:{A.id}", "device.fetched", "linphone.xml")]
        token = path(told["address"]).rsplit("/", 1)[-1]
        for table in ("device_provisioning", "device_event", "audit_event"):
            assert token not in str(await s.pool.fetch(f"SELECT * FROM {table}")), "only a digest is kept"


async def test_what_is_not_there_is_one_404_and_an_address_ends_with_its_secret_its_device_and_its_time(web_database: WebDatabase) -> None:
    async with village(web_database) as (s, devices), s.browser() as phone, s.machine("administrator") as admin:
        folder = path((await issued(s, A.id))["address"])
        good = f"{folder}/phone.txt"
        assert await status(phone, good) == 200
        bodies = set()
        for wrong in (f"{folder}/passwd", f"{folder}/..%2Fphone.txt", f"{folder}/phone.txt%0a", folder[:-1] + "~/phone.txt",
                      "/api/v1/provision/" + "x" * 43 + "/phone.txt", "/api/v1/provision/1/phone.txt", good.replace("txt", "cfg.bak")):
            async with phone.get(wrong) as found:
                bodies.add((found.status, await found.text()))
        assert len(bodies) == 1 and bodies.pop()[0] == 404
        async with admin.post(f"/api/v1/devices/{A.id}/provision", json=WHY) as again:
            assert (again.status, (await again.json())["code"]) == (400, "secret_already_shown")
        await devices.block(A.id, "admin", "丢失")
        assert await status(phone, good) == 404
        await devices.unblock(A.id, "admin", "找到")
        assert await status(phone, good) == 404, "who stole the phone may have its address too"
        await devices.rotate(A.id, "admin", "换人")
        assert await status(phone, good) == 404
        second = path((await issued(s, A.id))["address"], "phone.txt")
        assert second != good and await status(phone, second) == 200 and await status(phone, good) == 404
        await s.pool.execute("UPDATE device_provisioning SET fetches = 100 WHERE device = $1", A.id)
        assert await status(phone, second) == 404, "no phone asks so often"
        await s.pool.execute("UPDATE device_provisioning SET fetches = 0, expires_at = now() WHERE device = $1", A.id)
        assert await status(phone, second) == 404
        await devices.block(B.id, "admin", "未装")
        async with admin.post(f"/api/v1/devices/{B.id}/provision", json=WHY) as blocked:
            assert (blocked.status, (await blocked.json())["code"]) == (400, "no_address")
        async with s.machine("dispatcher") as reader, reader.post(f"/api/v1/devices/{TOWN.id}/provision", json=WHY) as denied:
            assert denied.status == 403
        async with admin.post("/api/v1/devices/v-640105001-L77-1/provision", json=WHY) as strange:
            assert strange.status == 404


async def test_a_network_address_that_tries_tokens_is_told_to_wait(web_database: WebDatabase) -> None:
    async with village(web_database, fetches_a_minute=3) as (s, _), s.browser() as phone:
        seen = [await status(phone, "/api/v1/provision/" + str(n) * 43 + "/phone.txt") for n in range(6)]
        assert seen[:3] == [404, 404, 404] and 429 in seen[3:]
        async with phone.get("/healthz") as other:
            assert other.status == 200


async def test_a_phones_own_page_tells_who_is_there_and_ends_with_the_secret(web_database: WebDatabase) -> None:
    async with village(web_database) as (s, devices), s.machine("administrator") as admin, s.browser() as phone:
        async with admin.get(f"/api/v1/devices/{A.id}/idle-page") as told:
            address = path((await told.json())["address"])
        assert await secret(s, A.id) not in address

        async def page() -> str:
            async with phone.get(address) as shown:
                assert shown.status == 200 and shown.content_type == "text/html" and shown.headers["Cache-Control"] == "no-store"
                assert "script-src 'self'" in shown.headers["Content-Security-Policy"]
                return await shown.text()

        assert "话机没有连上" in await page(), "the exchange has not reached it yet"
        await s.pool.execute("UPDATE device SET reach = 'reachable' WHERE id = $1", A.id)
        assert "驻村律师现在不在" in await page()
        await s.pool.execute(
            "INSERT INTO duty (work_number, speciality, name, starts_at, ends_at)"
            " VALUES ($1, '1', '<b>马律师', now() - interval '1 hour', now() + interval '1 hour')", A.adviser,
        )
        await s.pool.execute(
            "INSERT INTO seat_time (interface, activity, began_at, seen_at) VALUES ($1, 'ready', now(), now())", next(iter(ADVISER_SEATS))
        )
        assert "&lt;b&gt;马律师在" in await page()
        await s.pool.execute("UPDATE seat_time SET seen_at = now() - interval '2 minutes', began_at = now() - interval '1 hour'")
        assert "&lt;b&gt;马律师现在不在" in await page(), "a seat nobody looked at for two minutes is not believed"

        folder, _, token = address.rpartition("/")
        for wrong in (f"{folder}/{token[:-1]}_", f"{folder}/x", address.replace(A.id, B.id), address.replace(A.id, "v-nobody")):
            assert await status(phone, wrong) == 404, wrong
        await devices.block(A.id, "cli:test", "检修")
        assert await status(phone, address) == 404
        await devices.unblock(A.id, "cli:test", "修好")
        assert await status(phone, address) == 200
        await devices.rotate(A.id, "cli:test", "换人")
        assert await status(phone, address) == 404
        async with s.machine("operator") as operator, operator.get(f"/api/v1/devices/{A.id}/idle-page") as refused:
            assert refused.status == 403


async def test_a_configuration_leads_to_the_page_at_rest_which_ends_with_the_secret_and_the_device(web_database: WebDatabase) -> None:
    async with village(web_database) as (s, devices), s.machine("administrator") as admin, s.browser() as phone:
        for ends in ("block", "rotate"):
            await devices.rotate(A.id, "cli:test", "新装")
            told = await issued(s, A.id)
            async with phone.get(path(told["soft_client"]).replace("linphone.xml", "phone.txt")) as found:
                lines = dict(line.split(" ", 1) for line in (await found.text()).splitlines())
            assert lines["browser_start_page"] == told["idle_page"]
            async with admin.get(f"/api/v1/devices/{A.id}/idle-page") as asked:
                assert (await asked.json())["address"] == told["idle_page"]
            assert told["address"].rsplit("/", 1)[-1] not in told["idle_page"], "who reads the screen's address fetches no configuration"
            assert await status(phone, path(told["idle_page"])) == 200
            await getattr(devices, ends)(A.id, "cli:test", "丢失")
            assert [await status(phone, path(told[kind])) for kind in ("idle_page", "soft_client")] == [404, 404]
            if ends == "block":
                await devices.unblock(A.id, "cli:test", "找到")
