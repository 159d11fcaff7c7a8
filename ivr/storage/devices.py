"""The register of village phones: imported whole or not at all, its acts audited, what was seen of each kept as its history."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from ivr.domain.device import Device, DeviceDiff, DeviceFile, checked_reason, diff_devices, stations_of
from ivr.domain.device_fallbacks import fallbacks
from ivr.domain.device_test import DeviceTest, standing
from ivr.domain.device_use import USED_WITHIN
from ivr.domain.errors import CallerFault, NotFound
from ivr.domain.media_quality import MediaQuality, line_is_poor, parse_media
from ivr.ports.devices import (
    DeviceCall,
    DeviceContact,
    DeviceEvent,
    DeviceHistory,
    DeviceLine,
    DeviceRecord,
    DeviceRegister,
)
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.device_tests import ask_test, count_tests, ended_test, last_tests

if TYPE_CHECKING:
    import asyncpg

    from ivr.storage.database import Connection, Pool

_ROW = "SELECT id, village, town, helper, adviser, place, model, speciality, state, self_test, telephone FROM device"
_LONGEST_HISTORY = 200
# A device that asks to register every two minutes is missed for one round before it counts as gone.
_GONE_AFTER = timedelta(seconds=20)


class AlreadyShown(CallerFault):
    """A secret is shown once: whoever lost it rotates it."""

    code = "secret_already_shown"


class PostgresDevices:
    """ivr.ports.devices.DeviceDesk and DeviceStore, and the import. A device without a call for ``used_within`` is unused."""

    def __init__(self, pool: Pool, used_within: timedelta = USED_WITHIN) -> None:
        self._pool = pool
        self._used_within = used_within

    async def apply(self, file: DeviceFile, *, actor: str, dry_run: bool = False) -> DeviceDiff:
        """Write what the file says in one transaction, its audit row too; ``dry_run`` only tells what would change."""
        async with transaction(self._pool) as connection:
            await connection.execute("LOCK TABLE device IN SHARE ROW EXCLUSIVE MODE")
            diff = diff_devices(await _devices(connection), file)
            if dry_run:
                return diff
            for device in diff.added:
                await connection.execute(
                    "INSERT INTO device (id, village, town, helper, adviser, place, model, speciality, self_test, telephone, salt)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)", *_columns(device), _salt(),
                )
                await note(connection, device.id, "imported", actor)
            await connection.executemany(
                "UPDATE device SET village = $2, town = $3, helper = $4, adviser = $5, place = $6, model = $7, speciality = $8,"
                " self_test = $9, telephone = $10 WHERE id = $1", [_columns(after) for _, after in diff.changed],
            )
            told = {"added": len(diff.added), "changed": len(diff.changed)}
            await append_row(connection, actor, "device.import", "device", told)
        return diff

    async def block(self, device: str, actor: str, reason: str) -> None:
        """See the port; blocking a blocked device only changes the reason."""
        await self._act(
            device, "blocked", actor, reason,
            "UPDATE device SET state = 'blocked', blocked_at = coalesce(blocked_at, now()), blocked_why = $2,"
            " cuts_asked = cuts_asked + 1 WHERE id = $1 RETURNING true", checked_reason(reason),
        )

    async def unblock(self, device: str, actor: str, reason: str) -> None:
        """Let it register again, with the secret it had."""
        await self._act(
            device, "unblocked", actor, reason,
            "UPDATE device SET state = 'active', blocked_at = NULL, blocked_why = '', reach_since = now()"
            " WHERE id = $1 AND $2::text <> '' RETURNING true", checked_reason(reason),
        )

    async def rotate(self, device: str, actor: str, reason: str) -> None:
        """See the port."""
        checked_reason(reason)
        await self._act(
            device, "rotated", actor, reason,
            "UPDATE device SET salt = $2, shown_at = NULL, cuts_asked = cuts_asked + 1 WHERE id = $1 RETURNING true", _salt(),
        )

    async def test(self, device: str, actor: str, reason: str) -> int:
        """See the port."""
        async with transaction(self._pool) as connection:
            return await ask_test(connection, device, actor, reason)

    async def tested(self, number: int) -> DeviceTest | None:
        """What became of a test that was asked for; None while it is not over."""
        async with transaction(self._pool) as connection:
            return await ended_test(connection, number)

    async def test_counts(self, start: date, end: date) -> dict[str, tuple[int, int]]:
        """{village: (self-tests passed, those that told something)} of the nights from ``start`` to before ``end``."""
        async with transaction(self._pool) as connection:
            return await count_tests(connection, start, end)

    async def _act(self, device: str, kind: str, actor: str, reason: str, change: str, value: str) -> None:
        async with transaction(self._pool) as connection:
            if not await connection.fetchval(change, device, value):
                raise NotFound(f"there is no device {device[:40]}; `ivr devices list` shows those there are")
            if kind != "unblocked":  # the address of its configuration ends with the secret, or with the device
                await connection.execute("DELETE FROM device_provisioning WHERE device = $1", device)
            await note(connection, device, kind, actor, reason.strip())
            await append_row(connection, actor, f"device.{kind}", device, {"reason": reason.strip()})

    async def show(self, device: str, actor: str) -> tuple[Device, str]:
        """The device and the salt of its secret, once: afterwards AlreadyShown until it is rotated. Audited."""
        async with transaction(self._pool) as connection:
            shown = await take_secret(connection, device)
            await note(connection, device, "shown", actor)
            await append_row(connection, actor, "device.shown", device, {})
        return shown

    async def lines(self) -> Sequence[DeviceLine]:
        """See the port."""
        async with transaction(self._pool) as connection:
            stations = stations_of(await _devices(connection))
            rows = await connection.fetch(
                "SELECT d.id, d.village, d.town, d.helper, d.adviser, d.place, d.model, d.speciality, d.state,"
                " d.self_test, d.telephone, d.salt, coalesce(p.name, '') AS name FROM device d"
                " LEFT JOIN place p ON p.code = d.village"
                " WHERE d.state = 'active' ORDER BY d.id"
            )
        return [
            DeviceLine(_device(r), r["salt"], r["name"], stations.get(r["town"], "")) for r in rows
        ]

    async def to_cut(self) -> Mapping[str, int]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch("SELECT id, cuts_asked FROM device WHERE cuts_asked > cuts_done ORDER BY id")
        return {r["id"]: r["cuts_asked"] for r in rows}

    async def cut_done(self, device: str, request: int) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await connection.execute("UPDATE device SET cuts_done = greatest(cuts_done, $2) WHERE id = $1", device, request)

    async def saw(self, contacts: Sequence[DeviceContact]) -> int:
        """See the port: one row of history for each change, none while all stays as it is."""
        seen = {c.device: c for c in contacts}
        changed = 0
        async with transaction(self._pool) as connection:
            await connection.execute("UPDATE device_watch SET as_of = now()")
            rows = await connection.fetch(
                "SELECT id, reach, registered_at < now() - $1::interval AS long_gone FROM device ORDER BY id FOR UPDATE",
                _GONE_AFTER,
            )
            for row in rows:
                contact = seen.get(row["id"])
                if contact is None:
                    if row["reach"] in ("reachable", "silent") and row["long_gone"]:
                        await _reached(connection, row["id"], "gone")
                        changed += 1
                    continue
                if contact.reach != row["reach"]:
                    await _reached(connection, row["id"], contact.reach)
                    changed += 1
                await connection.execute(
                    "UPDATE device SET registered_at = now(), user_agent = $2, round_trip_ms = $3 WHERE id = $1",
                    row["id"], contact.user_agent, contact.round_trip_ms,
                )
        return changed

    async def register(self) -> DeviceRegister:
        """See the port."""
        async with transaction(self._pool) as connection:
            places = await connection.fetch("SELECT code, name, kind, town_code, status FROM place ORDER BY code")
            names = {r["code"]: r["name"] for r in places}
            rows = await connection.fetch(
                "SELECT d.*, c.last_call, coalesce(c.calls, 0) AS calls FROM device d LEFT JOIN LATERAL"
                " (SELECT max(arrived_at) AS last_call, count(*) FILTER (WHERE arrived_at > now() - $1::interval) AS calls"
                "  FROM call WHERE device = d.id) c ON true ORDER BY d.id", self._used_within,
            )
            now = await connection.fetchval("SELECT now()")
            as_of = await connection.fetchval("SELECT as_of FROM device_watch")
            media = await connection.fetch(
                "SELECT d.id, m.told FROM device d CROSS JOIN LATERAL (SELECT linked_id, arrived_at FROM call WHERE device = d.id"
                f" AND arrived_at > now() - $1::interval ORDER BY arrived_at DESC LIMIT {_JUDGED_CALLS}) c"
                f" CROSS JOIN LATERAL ({_MEDIA}) m ORDER BY d.id, c.arrived_at", USED_WITHIN,
            )
            ladders = await connection.fetch(
                "SELECT d.id, array(SELECT ladder FROM call WHERE device = d.id AND arrived_at > now() - $1::interval"
                f" AND state = 'ended' ORDER BY arrived_at DESC LIMIT {_JUDGED_CALLS}) AS told FROM device d", USED_WITHIN,
            )
            tests = await last_tests(connection)
        went = {r["id"]: r["told"][::-1] for r in ladders}
        heard: dict[str, list[list[MediaQuality]]] = {}
        for m in media:
            heard.setdefault(m["id"], []).append(_media(m["told"]))
        return DeviceRegister(
            [
                DeviceRecord(
                    device=_device(r), village_name=names.get(r["village"], r["village"]),
                    town_name=names.get(r["town"], r["town"]), last_call=r["last_call"], calls=r["calls"],
                    poor_line=line_is_poor(heard.get(r["id"], ())), tests=standing(tests.get(r["id"], ())),
                    fallbacks=fallbacks(went[r["id"]]),
                    **{name: r[name] for name in _KNOWN},
                ) for r in rows
            ],
            [(p["code"], p["name"]) for p in places if p["kind"] == "town"],
            [(p["code"], p["name"], p["town_code"]) for p in places if p["kind"] == "village" and p["status"] == "confirmed"],
            now, as_of, self._used_within,
        )

    async def history(self, device: str) -> DeviceHistory:
        """See the port."""
        async with transaction(self._pool) as connection:
            if not await connection.fetchval("SELECT true FROM device WHERE id = $1", device):
                raise NotFound(f"there is no device {device[:40]}")
            events = await connection.fetch(
                "SELECT at, kind, actor, reason FROM device_event WHERE device = $1 ORDER BY id DESC LIMIT $2",
                device, _LONGEST_HISTORY,
            )
            calls = await connection.fetch(
                "SELECT c.linked_id, c.arrived_at, c.outcome, c.ladder, coalesce(o.number, '') AS \"order\", m.told FROM call c"
                f" CROSS JOIN LATERAL ({_MEDIA}) m"
                " LEFT JOIN work_order_call oc ON oc.linked_id = c.linked_id LEFT JOIN work_order o ON o.id = oc.order_id"
                " WHERE c.device = $1 ORDER BY c.arrived_at DESC LIMIT 50", device,
            )
            tests = await last_tests(connection, device)
        return DeviceHistory([DeviceEvent(**dict(r)) for r in events], [
            DeviceCall(r["linked_id"], r["arrived_at"], r["outcome"], r["ladder"], r["order"], _media(r["told"])) for r in calls
        ], tests.get(device, [])[::-1])


_JUDGED_CALLS = 10
# What the dialplan told of a call's media at its end; the array is empty for a call that ended before it had any, or in a crash.
_MEDIA = (
    "SELECT array(SELECT data->>'extra' FROM call_fact WHERE linked_id = c.linked_id AND kind = 'user:MEDIA' ORDER BY at) AS told"
)
_KNOWN = ("reach", "reach_since", "registered_at", "blocked_at", "blocked_why", "shown_at", "user_agent", "round_trip_ms")


async def _devices(connection: Connection) -> list[Device]:
    return [Device(**dict(r)) for r in await connection.fetch(f"{_ROW} ORDER BY id")]


def _media(told: Sequence[str]) -> list[MediaQuality]:
    return [m for m in map(parse_media, told) if m is not None]


def _device(row: asyncpg.Record) -> Device:
    return Device(**{name: row[name] for name in Device.__slots__})


def _columns(device: Device) -> tuple[str | bool, ...]:
    return (
        device.id, device.village, device.town, device.helper, device.adviser, device.place, device.model, device.speciality,
        device.self_test, device.telephone,
    )


def _salt() -> str:
    return secrets.token_urlsafe(24)


async def take_secret(connection: Connection, device: str) -> tuple[Device, str]:
    """The device and the salt of its secret, which counts as shown from now on; NotFound, AlreadyShown."""
    row = await connection.fetchrow("SELECT * FROM device WHERE id = $1 FOR UPDATE", device)
    if row is None:
        raise NotFound(f"there is no device {device[:40]}; `ivr devices list` shows those there are")
    if row["shown_at"] is not None:
        raise AlreadyShown(
            f"the secret of {device} was shown on {row['shown_at']:%Y-%m-%d}, and is shown once; give it another one with"
            f" `ivr devices rotate {device} --reason …`"
        )
    await connection.execute("UPDATE device SET shown_at = now() WHERE id = $1", device)
    return _device(row), str(row["salt"])


async def _reached(connection: Connection, device: str, reach: str) -> None:
    await connection.execute("UPDATE device SET reach = $2, reach_since = now() WHERE id = $1", device, reach)
    await note(connection, device, reach, "")


async def note(connection: Connection, device: str, kind: str, actor: str, reason: str = "") -> None:
    """One row of a device's history."""
    await connection.execute(
        "INSERT INTO device_event (device, kind, actor, reason) VALUES ($1, $2, $3, $4)", device, kind, actor, reason
    )
