"""From the settings to village phones: the key of their secrets, and who carries them into the exchange and back."""

from __future__ import annotations

import asyncio
import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.pipeline.provision_devices import Provisioner
from ivr.settings import Settings
from ivr.storage.advisers import PostgresAdvisers
from ivr.storage.devices import PostgresDevices
from ivr.storage.provisioning import PostgresProvisioning
from ivr.telephony.devices import load_key
from ivr.telephony.provisioning import PhoneFiles

if TYPE_CHECKING:
    from ivr.storage.database import Pool


def key_file(settings: Settings) -> Path:
    """Where the key lies that makes devices' secrets; it belongs into the backup beside credentials.json."""
    return settings.state_dir / "devices.key"


def device_desk(settings: Settings, pool: Pool) -> PostgresDevices:
    """The register of village phones, with the limits in force."""
    return PostgresDevices(pool, timedelta(days=settings.village.silent_days))


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
    store = PostgresProvisioning(pool, settings.village.address_hours, seats_of_advisers(settings), filmed=settings.village.film)
    return Provisioner(store, writer, pages_for_devices(settings))


def adviser_desk(settings: Settings, pool: Pool) -> PostgresAdvisers:
    """Advisers' hours; which seat is whose is the settings'."""
    return PostgresAdvisers(pool, seats_of_advisers(settings))


def seats_of_advisers(settings: Settings) -> dict[str, str]:
    """{member interface: work number of who sits there}."""
    return {f"PJSIP/seat-{s.name}": s.work_number for s in settings.seats if s.work_number}
