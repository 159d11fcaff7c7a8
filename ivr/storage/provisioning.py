"""Addresses of devices' configurations: one for each device, its digest alone, void with the secret it was made for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ivr.domain.device import Device, checked_reason
from ivr.domain.idle_page import UNNAMED, IdleFacts
from ivr.domain.provisioning import MOST_FETCHES
from ivr.ports.provisioning import DeviceSecret, NoAddress
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.devices import note, take_secret

if TYPE_CHECKING:
    from ivr.storage.database import Pool


# What of a seat was not confirmed for a minute is not believed any more.
_IDLE = """
SELECT d.*, coalesce(p.name, '') AS village_name, clock_timestamp() AS now,
    (SELECT u.name FROM duty u WHERE u.work_number = d.adviser ORDER BY u.starts_at DESC LIMIT 1) AS adviser_name,
    (SELECT t.activity FROM seat_time t JOIN unnest($2::text[], $3::text[]) AS s (interface, number) USING (interface)
        WHERE s.number = d.adviser AND t.ended_at IS NULL AND t.seen_at > clock_timestamp() - interval '1 minute'
        ORDER BY t.activity = 'ready' DESC, t.activity <> 'paused' DESC LIMIT 1) AS activity,
    (SELECT max(e.ended_at) FROM device_test e WHERE e.device = d.id AND e.outcome = 'passed') AS tested_at
FROM device d LEFT JOIN place p ON p.code = d.village WHERE d.id = $1 AND d.state = 'active'
"""
_DUTIES = """
SELECT DISTINCT starts_at, ends_at FROM duty WHERE work_number = $1 AND ends_at > now()
    AND (starts_at AT TIME ZONE 'Asia/Shanghai')::date = (now() AT TIME ZONE 'Asia/Shanghai')::date ORDER BY 1 LIMIT 4
"""


class PostgresProvisioning:
    """ivr.ports.provisioning.ProvisioningStore; an address lives for ``hours``, ``seats`` are {member interface: work number}.

    ``filmed``: whether the office keeps the picture of rooms of three sides, which the page at rest says.
    """

    def __init__(self, pool: Pool, hours: int, seats: Mapping[str, str] | None = None, *, filmed: bool = False) -> None:
        self._pool = pool
        self._seats = seats or {}
        self._lives = timedelta(hours=hours)
        self._filmed = filmed

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

    async def idle(self, device: str) -> tuple[DeviceSecret, IdleFacts] | None:
        """See the port; a device that the exchange does not reach counts as not connected."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(_IDLE, device, list(self._seats), list(self._seats.values()))
            if row is None:
                return None
            duties = await connection.fetch(_DUTIES, row["adviser"]) if row["adviser"] else []
        found = Device(**{name: row[name] for name in Device.__slots__})
        return DeviceSecret(found, row["salt"], row["village_name"]), IdleFacts(
            row["village_name"], found.helper, (row["adviser_name"] or UNNAMED) if found.adviser else "", row["activity"],
            [(d["starts_at"], d["ends_at"]) for d in duties], row["reach"] == "reachable", row["tested_at"], row["now"],
            self._filmed,
        )
