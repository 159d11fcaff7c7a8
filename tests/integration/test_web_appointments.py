"""The desk books and cancels appointments over HTTP: who may, what is refused, and what the audit trail says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ivr.domain.appointment import Slot, SlotFile
from ivr.storage.appointments import PostgresAppointments
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import site

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
__all__ = ["web_database"]
SOON = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)


async def test_a_place_is_booked_shown_and_taken_back(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("operator") as client, s.machine("dispatcher") as reader:
        await PostgresAppointments(s.pool).offer(SlotFile((Slot(SOON, SOON + timedelta(hours=1), "mediation", 1),), ()))
        (time,) = (await (await client.get("/api/v1/appointments")).json())["times"]
        assert (time["title"], time["free"], time["bookings"]) == ("人民调解", 1, [])
        wanted = {"time": time["id"], "number": "13800000001", "linked_id": "e2e-1.1"}
        async with client.post("/api/v1/appointments", json=wanted) as made:
            booking = await made.json()
            assert (made.status, booking["number"]) == (201, "13800000001") and "人民调解" in booking["words"]
        async with client.post("/api/v1/appointments", json=wanted | {"number": "13800000002"}) as full:
            assert (full.status, (await full.json())["code"]) == (409, "cannot_book")
        (time,) = (await (await client.get("/api/v1/appointments")).json())["times"]
        assert (time["free"], [b["number"] for b in time["bookings"]]) == (0, ["13800000001"])
        for bad in ({}, wanted | {"number": "=1+1"}, wanted | {"time": "1"}, wanted | {"time": 0}, wanted | {"more": 1}, wanted | {"linked_id": "';--"}):
            assert (await client.post("/api/v1/appointments", json=bad)).status == 400
        assert (await client.post("/api/v1/appointments", json=wanted | {"time": 2**53 - 1})).status == 404
        for asked in (reader.get("/api/v1/appointments"), reader.post("/api/v1/appointments", json=wanted)):
            assert (await asked).status == 403
        assert (await client.delete(f"/api/v1/appointments/{booking['id']}")).status == 204
        for gone in (booking["id"], 10**14, "x", "1" * 30):
            assert (await client.delete(f"/api/v1/appointments/{gone}")).status == 404
        acts = await s.pool.fetch("SELECT action, detail->>'number' AS number FROM audit_event WHERE action LIKE 'appointment.%' ORDER BY id LIMIT 1")
        assert [(r["action"], r["number"]) for r in acts] == [("appointment.book", "13800000001")]
