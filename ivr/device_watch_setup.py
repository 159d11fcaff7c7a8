"""From the settings to what the controller does for village phones: carry, watch, test."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr.device_setup import device_desk, key_file
from ivr.domain.device_test import TestNights
from ivr.exchange_setup import Places
from ivr.pipeline.carry_devices import DeviceCarrier, DeviceWatch
from ivr.pipeline.self_test_devices import DeviceTester
from ivr.pipeline.watch_devices import DeviceAlarms
from ivr.pipeline.watch_registrations import RegistrationWatch
from ivr.settings import PROJECT_ROOT, Settings
from ivr.storage.alarms import PostgresAlarms
from ivr.storage.device_tests import PostgresDeviceTests
from ivr.telephony.devices import AsteriskDevices, AsteriskSight, load_key
from ivr.telephony.self_test import AsteriskTestLine

if TYPE_CHECKING:
    from ivr.storage.database import Pool
    from ivr.telephony.ami import AmiClient
    from ivr.telephony.embedded import Console


def device_tester(
    settings: Settings, pool: Pool, client: AmiClient, quiet: Callable[[], bool]
) -> tuple[DeviceTester, AsteriskTestLine]:
    """Who makes the self-tests, and the line they are made by; both run, and the line sees live events."""
    village = settings.village
    line = AsteriskTestLine(client)
    nights = TestNights(village.self_test_at.hour * 60 + village.self_test_at.minute, village.self_test_minutes)
    tester = DeviceTester(
        PostgresDeviceTests(pool), line, nights, most_at_once=village.self_tests_at_once, quiet=quiet,
        seed=lambda: secrets.randbits(64),
    )
    return tester, line


async def device_tasks(
    settings: Settings, pool: Pool, console: Console
) -> tuple[DeviceCarrier, DeviceWatch, DeviceAlarms]:
    """What the controller runs for village phones."""
    store = device_desk(settings, pool)
    exchange = AsteriskDevices(
        console, Places(settings.state_dir).asterisk, await asyncio.to_thread(load_key, key_file(settings)),
        settings.asterisk.sip_host, PROJECT_ROOT / "dialplans/templates", settings.village.silence_s,
    )
    alarms = PostgresAlarms(pool)
    watch = DeviceWatch(AsteriskSight(console), store, RegistrationWatch(alarms))
    return DeviceCarrier(store, exchange), watch, DeviceAlarms(store, alarms)
