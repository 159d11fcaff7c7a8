"""Appointment times and who comes: a place is held under the slot's lock, booked and cancelled by what the ledger tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.domain.appointment import Booking, CannotBook, Slot, SlotFile, read_told
from ivr.domain.call import Call
from ivr.domain.errors import NotFound
from ivr.storage.database import transaction

if TYPE_CHECKING:
    import asyncpg

    from ivr.storage.database import Connection, Pool

_HELD = "interval '30 minutes'"
_TAKEN = (
    "(SELECT count(*) FROM appointment a WHERE a.slot_id = s.id"
    f" AND (a.state = 'booked' OR a.state = 'held' AND a.changed_at > now() - {_HELD}))"
)
_SLOT = "s.id, s.service, s.starts_at, s.ends_at, s.places"


class PostgresAppointments:
    """ivr.ports.enquiry.AppointmentStore, and the import of times."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open_times(self, service: str, limit: int) -> Sequence[Slot]:
        """See the port: from an hour ahead on, so that nobody books a time that cannot be reached."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"SELECT {_SLOT} FROM appointment_slot s WHERE s.service = $1 AND s.starts_at > now() + interval '1 hour'"
                f" AND {_TAKEN} < s.places ORDER BY s.starts_at LIMIT $2", service, limit,
            )
        return [_slot(r) for r in rows]

    async def booked_by(self, service: str, caller_number: str) -> Slot | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                f"SELECT {_SLOT} FROM appointment_slot s JOIN appointment a ON a.slot_id = s.id WHERE s.service = $1"
                " AND a.caller_number = $2 AND a.state = 'booked' AND s.starts_at > now() ORDER BY s.starts_at LIMIT 1",
                service, caller_number,
            )
        return _slot(row) if row else None

    async def hold(self, slot_id: int, caller_number: str, linked_id: str) -> Slot | None:
        """See the port: the slot's row is locked, so that of two callers for the last place one gets it."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "UPDATE appointment SET state = 'lapsed', changed_at = now() WHERE linked_id = $1 AND state = 'held'", linked_id
            )
            found = await connection.fetchval(
                "SELECT id FROM appointment_slot WHERE id = $1 AND starts_at > now() FOR UPDATE", slot_id
            )
            row = await connection.fetchrow(
                f"SELECT {_SLOT} FROM appointment_slot s WHERE s.id = $1 AND {_TAKEN} < s.places", found
            )
            if row is None:
                return None
            await connection.execute(
                "INSERT INTO appointment (slot_id, caller_number, linked_id, state) VALUES ($1, $2, $3, 'held')"
                " ON CONFLICT (linked_id, slot_id) DO UPDATE SET state = 'held', changed_at = now()",
                slot_id, caller_number, linked_id,
            )
        return _slot(row)

    async def offer(self, file: SlotFile) -> int:
        """Store times; one that is known gets the new end and number of places. Returns how many were new."""
        async with transaction(self._pool) as connection:
            new = [
                await connection.fetchval(
                    "INSERT INTO appointment_slot (service, starts_at, ends_at, places) VALUES ($1, $2, $3, $4)"
                    " ON CONFLICT (service, starts_at) DO UPDATE SET ends_at = excluded.ends_at, places = excluded.places"
                    " RETURNING xmax = 0", s.service, s.starts_at, s.ends_at, s.places,
                )
                for s in file.slots
            ]
        return sum(new)

    async def book(self, slot_id: int, number: str, linked_id: str) -> Booking:
        """Book a place for a number at the desk; ``linked_id`` is the call it is done in, '' at the counter.

        Raises NotFound for no such time to come, CannotBook when it is full or the number comes already.
        """
        async with transaction(self._pool) as connection:
            await connection.execute("SELECT 1 FROM appointment_slot WHERE id = $1 FOR UPDATE", slot_id)
            slot = await connection.fetchrow(
                f"SELECT {_SLOT}, {_TAKEN} AS taken FROM appointment_slot s WHERE s.id = $1 AND s.starts_at > now()", slot_id
            )
            if slot is None:
                raise NotFound(f"There is no time {slot_id} to come; look at the list of times.")
            known = await connection.fetchrow(
                f"SELECT {_SLOT} FROM appointment_slot s JOIN appointment a ON a.slot_id = s.id"
                " WHERE s.service = $1 AND a.caller_number = $2 AND a.state = 'booked' AND s.starts_at > now() LIMIT 1",
                slot["service"], number,
            )
            if known is not None:
                raise CannotBook(f"{number} comes on {_slot(known).words} already; cancel that first.")
            if slot["taken"] >= slot["places"]:
                raise CannotBook(f"No place is left on {_slot(slot).words}; choose another time.")
            booked = await connection.fetchval(
                "INSERT INTO appointment (slot_id, caller_number, linked_id, state) VALUES ($1, $2, $3, 'booked')"
                " ON CONFLICT (linked_id, slot_id) DO UPDATE SET state = 'booked', caller_number = excluded.caller_number,"
                " changed_at = now() WHERE appointment.state <> 'booked' RETURNING id",
                slot_id, number, linked_id or f"desk-{number}",
            )
            if booked is None:
                raise CannotBook(f"This call has booked {_slot(slot).words} already, for another number.")
        return Booking(booked, _slot(slot), number)

    async def cancel(self, booking_id: int) -> Booking:
        """Take a booking back at the desk; raises NotFound when there is none to come."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                "UPDATE appointment SET state = 'cancelled', changed_at = now() FROM appointment_slot s WHERE appointment.id = $1"
                f" AND s.id = slot_id AND state = 'booked' AND s.starts_at > now() RETURNING {_SLOT}, caller_number", booking_id,
            )
        if row is None:
            raise NotFound(f"There is no booking {booking_id} to come.")
        return Booking(booking_id, _slot(row), row["caller_number"])

    async def coming(self, limit: int = 500) -> Sequence[tuple[Slot, Sequence[Booking]]]:
        """Times still to come with who booked them, the earliest first."""
        async with transaction(self._pool) as connection:
            slots = await connection.fetch(
                f"SELECT {_SLOT} FROM appointment_slot s WHERE s.ends_at > now() ORDER BY s.starts_at, s.service LIMIT $1", limit
            )
            booked = await connection.fetch(
                "SELECT id, slot_id, caller_number FROM appointment WHERE state = 'booked' AND slot_id = ANY($1) ORDER BY id",
                [r["id"] for r in slots],
            )
        found = [_slot(r) for r in slots]
        return [(s, [Booking(r["id"], s, r["caller_number"]) for r in booked if r["slot_id"] == s.id]) for s in found]


async def settle(connection: Connection, call: Call) -> None:
    """Carry out what the call's ledger tells of an appointment; twice is once. Inside the caller's transaction.

    What a caller heard confirmed is kept, even if the ledger was read so late that the place was no longer held.
    """
    told = read_told(call.appointment)
    if told is not None and told.act == "booked":
        await connection.execute(
            "UPDATE appointment SET state = 'booked', changed_at = now()"
            " WHERE linked_id = $1 AND slot_id = $2 AND state IN ('held', 'lapsed')", call.linked_id, told.slot_id,
        )
    elif told is not None and told.act == "cancelled" and call.caller_number:
        await connection.execute(
            "UPDATE appointment SET state = 'cancelled', changed_at = now() WHERE slot_id = $1 AND caller_number = $2"
            " AND state = 'booked' AND (EXISTS (SELECT 1 FROM call WHERE call.linked_id = appointment.linked_id"
            " AND call.arrived_at < to_timestamp($3::float8))"
            " OR (linked_id LIKE 'desk-%' AND changed_at < to_timestamp($3::float8)))",
            told.slot_id, call.caller_number, call.arrived_at,
        )
    if call.state == "ended":
        await connection.execute(
            "UPDATE appointment SET state = 'lapsed', changed_at = now() WHERE linked_id = $1 AND state = 'held'", call.linked_id
        )


def _slot(row: asyncpg.Record) -> Slot:
    return Slot(row["starts_at"], row["ends_at"], row["service"], row["places"], row["id"])
