"""From the settings to village phones: the key of their secrets, and who carries them into the exchange and back."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.domain.device_test import TestNights
from ivr.exchange_setup import Places
from ivr.pipeline.carry_devices import DeviceCarrier, DeviceWatch
from ivr.pipeline.provision_devices import Provisioner
from ivr.pipeline.self_test_devices import DeviceTester
from ivr.pipeline.watch_devices import DeviceAlarms
from ivr.pipeline.watch_registrations import RegistrationWatch
from ivr.settings import PROJECT_ROOT, Settings
from ivr.storage.advisers import PostgresAdvisers
from ivr.storage.alarms import PostgresAlarms
from ivr.storage.device_tests import PostgresDeviceTests
from ivr.storage.devices import PostgresDevices
from ivr.storage.provisioning import PostgresProvisioning
from ivr.telephony.devices import AsteriskDevices, AsteriskSight, load_key
from ivr.telephony.provisioning import PhoneFiles
from ivr.telephony.self_test import AsteriskTestLine

if TYPE_CHECKING:
    from ivr.storage.database import Pool
    from ivr.telephony.ami import AmiClient
    from ivr.telephony.embedded import Console


def key_file(settings: Settings) -> Path:
    """Where the key lies that makes devices' secrets; it belongs into the backup beside credentials.json."""
    return settings.state_dir / "devices.key"


def device_desk(settings: Settings, pool: Pool) -> PostgresDevices:
    """The register of village phones, with the limits in force."""
    return PostgresDevices(pool, timedelta(days=settings.village.silent_days))


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
        settings.asterisk.sip_host, PROJECT_ROOT / "dialplans/templates",
    )
    alarms = PostgresAlarms(pool)
    watch = DeviceWatch(AsteriskSight(console), store, RegistrationWatch(alarms))
    return DeviceCarrier(store, exchange), watch, DeviceAlarms(store, alarms)


def pages_for_devices(settings: Settings) -> str:
    """https://host:port of the pages as devices reach them; '' where they are not served over HTTPS."""
    web = settings.web
    if web.tls == "off":
        return ""
    host = web.names[0] if web.names else settings.asterisk.sip_host if _is_every_address(web.host) else web.host
    return f"https://{f'[{host}]' if ':' in host else host}:{web.port}"


def _is_every_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


async def provisioning_desk(settings: Settings, pool: Pool) -> Provisioner:
    """Addresses of devices' configurations."""
    writer = PhoneFiles(
        await asyncio.to_thread(load_key, key_file(settings)), settings.asterisk.sip_host, settings.asterisk.sip_port
    )
    return Provisioner(PostgresProvisioning(pool, settings.village.address_hours), writer, pages_for_devices(settings))


def adviser_desk(settings: Settings, pool: Pool) -> PostgresAdvisers:
    """Advisers' hours; which seat is whose is the settings'."""
    return PostgresAdvisers(pool, {f"PJSIP/seat-{s.name}": s.work_number for s in settings.seats if s.work_number})
