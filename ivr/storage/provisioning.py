"""Addresses of devices' configurations: one for each device, its digest alone, void with the secret it was made for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ivr.domain.device import Device, checked_reason
from ivr.domain.provisioning import MOST_FETCHES
from ivr.ports.provisioning import DeviceSecret, NoAddress
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.devices import note, take_secret

if TYPE_CHECKING:
    from ivr.storage.database import Pool


class PostgresProvisioning:
    """ivr.ports.provisioning.ProvisioningStore; an address lives for ``hours``."""

    def __init__(self, pool: Pool, hours: int) -> None:
        self._pool = pool
        self._lives = timedelta(hours=hours)

    async def issue(self, device: str, digest: bytes, actor: str, reason: str) -> tuple[DeviceSecret, datetime]:
        """See the port."""
        reason = checked_reason(reason)
        async with transaction(self._pool) as connection:
            found, salt = await take_secret(connection, device)
            if found.state != "active":
                raise NoAddress(f"{device} is blocked; free it first")
            expires_at = await connection.fetchval(
                "INSERT INTO device_provisioning (device, digest, salt, expires_at) VALUES ($1, $2, $3, now() + $4::interval)"
                " ON CONFLICT (device) DO UPDATE SET digest = $2, salt = $3, made_at = now(), expires_at = excluded.expires_at,"
                " fetches = 0 RETURNING expires_at", device, digest, salt, self._lives,
            )
            name = await connection.fetchval("SELECT name FROM place WHERE code = $1", found.village)
            await note(connection, device, "shown", actor, reason)
            await append_row(connection, actor, "device.shown", device, {"reason": reason, "address": True})
        return DeviceSecret(found, salt, name or ""), expires_at

    async def fetched(self, digest: bytes, file: str, remote: str) -> DeviceSecret | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                "UPDATE device_provisioning a SET fetches = fetches + 1 FROM device d LEFT JOIN place p ON p.code = d.village"
                " WHERE d.id = a.device AND a.digest = $1 AND a.expires_at > now() AND a.salt = d.salt AND d.state = 'active'"
                f" AND a.fetches < {MOST_FETCHES} RETURNING d.*, coalesce(p.name, '') AS village_name", digest,
            )
            if row is None:
                return None
            device = Device(**{name: row[name] for name in Device.__slots__})
            await note(connection, device.id, "fetched", "", f"{file} {remote}")
            await append_row(connection, f"device:{device.id}", "device.fetched", device.id, {"file": file, "from": remote})
        return DeviceSecret(device, row["salt"], row["village_name"])
