"""What a village phone, or whoever stole its secret, cannot do; and a whole district that comes back at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest
import pytest_asyncio

from ivr.bootstrap import patient_pool
from ivr.device_setup import key_file
from ivr.exchange_setup import Places, cache_folder, database_url
from ivr.storage.devices import PostgresDevices
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.devices import load_key
from ivr.telephony.devices import secret_of as made
from ivr.telephony.embedded import EmbeddedAsterisk
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import command, filled_order
from tests.e2e.village import (
    HEAD,
    PlainPhone,
    carrier_listens,
    device_phone,
    eventually,
    registered,
    rows,
    secret_of,
    village_call,
)

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

DEVICE, OTHER = "v-640105001-L01-1", "v-640105001-L01-2"
MORE = """
[[duty_numbers]]
name = "mobile"
number = "13800000001"
extension = "9001"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product() -> AsyncIterator[RunningHotline]:
    async with running_hotline(MORE) as running:
        (running.folder / "devices.csv").write_text(HEAD + f"{DEVICE},康庄社区,,,,,\n{OTHER},康庄社区,,,,,\n")
        await running.cli("devices", "import", str(running.folder / "devices.csv"))
        yield running


async def test_a_stolen_secret_calls_nobody_outside_and_nobody_inside_but_people(product: RunningHotline) -> None:
    secret = await secret_of(product, OTHER)
    assert "shown once" in await product.cli("devices", "provision", OTHER, succeed=False)
    async with carrier_listens(product) as carrier, PlainPhone(product.sip, OTHER, secret) as thief:
        await asyncio.wait_for(carrier.asked.wait(), 40)
        await eventually(lambda: _is(thief.register(), 200))
        tried = ["13800000001", "013895112348", "0013895112348", "110", "9001", "mobile", "echo", "seat-one", "8001", "0", "hotline", "i", "T",
                 "village", "ladder", DEVICE, "+8613895112348", "*1", "12348-1"]
        assert {number: await thief.call(number) for number in tried} == dict.fromkeys(tried, 404)
        assert carrier.invites == []
    assert "0 active calls" in await command(product, "core show channels count")


async def _is(asked: object, wanted: int) -> bool:
    return await asked == wanted  # type: ignore[misc]


async def test_a_blocked_phone_loses_its_call_and_comes_back_only_when_freed_or_with_the_new_secret(product: RunningHotline) -> None:
    secret = await secret_of(product, DEVICE)
    async with product.client() as client:
        async with device_phone(product, DEVICE, secret) as phone:
            await phone.dial("1")
            await phone.wait_for("CALL_ESTABLISHED")
            linked_id = await village_call(client, set())
            await product.cli("devices", "block", DEVICE, "--reason", "终端丢失")
            await phone.wait_for("CALL_CLOSED", within_s=10)
            await registered(product, DEVICE, yes=False)
        order = await filled_order(client, linked_id)
        assert order["channel"] == "village_video"
        async with PlainPhone(product.sip, DEVICE, secret) as plain:
            assert await plain.register() in (401, 403, 404)
            assert await plain.call("1") == 401, "as for a name that never was"
            assert "已停用：终端丢失；上次通话" in await product.cli("devices", "doctor")
            await product.cli("devices", "unblock", DEVICE, "--reason", "找到了")
            await eventually(lambda: _is(plain.register(), 200))
            await product.cli("devices", "rotate", DEVICE, "--reason", "密码给错了人")
            await registered(product, DEVICE, yes=False)
            assert await plain.register() in (401, 403)
        async with PlainPhone(product.sip, DEVICE, await secret_of(product, DEVICE)) as fresh:
            assert await fresh.register() == 200
    connection = await asyncpg.connect(database_url(product.settings))
    try:
        audited = await connection.fetch("SELECT action, detail->>'reason' AS reason FROM audit_event WHERE object = $1 ORDER BY id", DEVICE)
    finally:
        await connection.close()
    assert [tuple(r) for r in audited] == [
        ("device.shown", None), ("device.blocked", "终端丢失"), ("device.unblocked", "找到了"), ("device.rotated", "密码给错了人"), ("device.shown", None)]


async def test_ninety_phones_register_and_again_all_at_once_and_each_is_known_to_be_there(product: RunningHotline) -> None:
    wanted = dict(rows(90))
    (product.folder / "ninety.csv").write_text(HEAD + "".join(wanted.values()))
    assert "新增 90" in await product.cli("devices", "import", str(product.folder / "ninety.csv"))
    key = load_key(key_file(product.settings))
    async with patient_pool(product.settings, "tests", size=2) as pool, AsyncExitStack() as phones:
        store = PostgresDevices(pool)
        secrets = {line.device.id: made(key, line.device.id, line.salt) for line in await store.lines()}
        plain = [await phones.enter_async_context(PlainPhone(product.sip, device, secrets[device])) for device in wanted]
        await eventually(lambda: _is(plain[-1].register(), 200))
        for _ in range(2):
            began = time.monotonic()
            assert set(await asyncio.gather(*(p.register() for p in plain))) == {200}
            print(f"90 registrations at once: {time.monotonic() - began:.2f} s")

        async def all_there() -> bool:
            register = await store.register()
            return sum(r.reach == "reachable" for r in register.devices if r.device.id in wanted) == 90

        await eventually(all_there, within_s=60)


async def test_an_asterisk_that_is_started_again_alone_still_knows_its_phones(product: RunningHotline) -> None:
    """Last, because the product is stopped: no controller, no database, only the file that was written before."""
    await product.cli("devices", "rotate", OTHER, "--reason", "换机")
    secret = await secret_of(product, OTHER)
    async with PlainPhone(product.sip, OTHER, secret) as phone:
        await eventually(lambda: _is(phone.register(), 200))
        await product.stop()
        root = find_asterisk(product.settings.asterisk.root, cache_folder())
        alone = EmbeddedAsterisk(root, Places(product.folder / "state").asterisk)
        await alone.start()
        try:
            assert await phone.register() == 200
            assert await phone.call("13800000001") == 404
        finally:
            await alone.stop()
