"""Places are held one by one, booked and cancelled by what the ledger tells, once however often it tells it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ivr.domain.appointment import CannotBook, Slot, SlotFile
from ivr.domain.errors import NotFound
from ivr.domain.events import Fact
from ivr.storage.appointments import PostgresAppointments
from tests.integration.storage_world import FOLD, T0, World, batch, linked

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
SOON = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)


def slot(hours: int = 0, places: int = 1, service: str = "legal-aid") -> Slot:
    start = SOON + timedelta(hours=hours)
    return Slot(start, start + timedelta(hours=1), service, places)


async def states(pool: Pool) -> list[tuple[str, str]]:
    return [(r["linked_id"], r["state"]) for r in await pool.fetch("SELECT linked_id, state FROM appointment ORDER BY id")]


def call(n: int, told: str = "", number: str = "138") -> list[Fact]:
    """A call that was over as soon as the machine had answered."""
    data = {"uniqueid": linked(n), "channame": "PJSIP/trunk-carrier-00000000"}
    rows = [("CHAN_START", data | {"context": "from-trunk-carrier", "exten": "12348", "num": number})]
    rows += [("user:APPOINTMENT", data | {"extra": told})] if told else []
    rows += [("HANGUP", data | {"hangupcause": 16}), ("LINKEDID_END", data)]
    return [Fact("cel", f"f{n}", i, linked(n), kind, T0 + n * 100 + i, row) for i, (kind, row) in enumerate(rows)]


async def tell(world: World, rows: list[Fact], start: int = 0, end: int = 50) -> None:
    assert await world.ledger.commit(batch(rows, start, end, rows[0].file_id), FOLD)


async def offered(pool: Pool, *slots: Slot) -> tuple[PostgresAppointments, list[Slot]]:
    store = PostgresAppointments(pool)
    await store.offer(SlotFile(slots, ()))
    return store, [s for s, _ in await store.coming()]


async def test_an_import_adds_and_changes_times(pool: Pool) -> None:
    store, _ = await offered(pool, slot(), slot(1))
    assert await store.offer(SlotFile((slot(places=4), slot(2)), ())) == 1
    assert [(s.starts_at, s.places) for s, _ in await store.coming()] == [(SOON, 4), (SOON + timedelta(hours=1), 1), (SOON + timedelta(hours=2), 1)]


async def test_of_many_for_the_last_place_one_gets_it(pool: Pool) -> None:
    store, (last,) = await offered(pool, slot())
    held = await asyncio.gather(*(store.hold(last.id, f"13{n}", linked(n)) for n in range(8)))
    assert sum(h is not None for h in held) == 1 and await store.open_times("legal-aid", 3) == []
    await pool.execute("UPDATE appointment SET changed_at = now() - interval '31 minutes'")
    assert [s.id for s in await store.open_times("legal-aid", 3)] == [last.id], "a place is not held for ever"


async def test_who_chooses_again_holds_one_place_only(pool: Pool) -> None:
    store, (first, second) = await offered(pool, slot(), slot(1))
    for chosen in (first, second, first):
        assert await store.hold(chosen.id, "138", linked(1)) is not None
    assert sorted(await states(pool)) == [(linked(1), "held"), (linked(1), "lapsed")]
    assert await store.hold(second.id, "139", linked(2)) is not None


async def test_times_gone_by_and_unknown_ones_are_not_held(pool: Pool) -> None:
    store, _ = await offered(pool, slot())
    await pool.execute("UPDATE appointment_slot SET starts_at = now() - interval '1 minute', ends_at = now() + interval '1 hour'")
    for slot_id in (1, 2, 10**17):
        assert await store.hold(slot_id, "138", linked(1)) is None
    assert await store.open_times("legal-aid", 3) == []


async def test_confirmed_it_is_booked_once_and_its_order_says_when(pool: Pool) -> None:
    world = World(pool)
    store, (place,) = await offered(pool, slot())
    held = await store.hold(place.id, "138", linked(1))
    assert held is not None
    rows = call(1, f"booked:legal-aid:{held.reference}")
    await tell(world, rows[:2], 0, 20)
    assert await states(pool) == [(linked(1), "booked")], "as soon as it is told, before the call ends"
    await tell(world, rows[2:], 20, 50)
    await tell(world, [Fact("cel", "f1", 50, linked(1), "ANSWER", T0 + 100, rows[0].data)], 50, 60)
    order = await world.order(1)
    assert order["outcome"] == "self_service" and order["state"] == "draft" and order["note"].startswith("来电人自助预约：法律援助 ")
    assert await store.booked_by("legal-aid", "138") == held and await store.booked_by("mediation", "138") is None
    assert await store.booked_by("legal-aid", "139") is None
    assert [[b.number for b in who] for _, who in await store.coming()] == [["138"]]


async def test_what_was_confirmed_is_kept_when_the_ledger_is_read_late(pool: Pool) -> None:
    world = World(pool)
    store, (place,) = await offered(pool, slot())
    held = await store.hold(place.id, "138", linked(1))
    assert held is not None
    await pool.execute("UPDATE appointment SET changed_at = now() - interval '2 hours'")
    assert await store.hold(place.id, "139", linked(2)) is not None
    await tell(world, call(1, f"booked:legal-aid:{held.reference}"))
    assert await states(pool) == [(linked(1), "booked"), (linked(2), "held")]


async def test_hung_up_without_confirming_the_place_is_free_at_once(pool: Pool) -> None:
    world = World(pool)
    store, (place,) = await offered(pool, slot())
    assert await store.hold(place.id, "138", linked(1)) is not None
    await tell(world, call(1))
    assert await states(pool) == [(linked(1), "lapsed")] and len(await store.open_times("legal-aid", 3)) == 1


async def test_a_later_call_cancels_and_never_what_was_booked_after_it(pool: Pool) -> None:
    world = World(pool)
    store, (place,) = await offered(pool, slot())
    held = await store.hold(place.id, "138", linked(1))
    assert held is not None
    await tell(world, call(1, f"booked:legal-aid:{held.reference}"))
    await tell(world, call(2, f"cancelled:legal-aid:{held.reference}", number="139"))
    assert await states(pool) == [(linked(1), "booked")], "nobody cancels for another"
    await tell(world, call(3, f"cancelled:legal-aid:{held.reference}"))
    assert await states(pool) == [(linked(1), "cancelled")]
    assert await store.hold(place.id, "138", linked(4)) is not None
    await tell(world, call(4, f"booked:legal-aid:{held.reference}"))
    again = Fact("cel", "f3", 50, linked(3), "ANSWER", T0 + 300, call(3)[0].data)
    await tell(world, [again], 50, 60)
    assert await states(pool) == [(linked(1), "cancelled"), (linked(4), "booked")], "the old call told again cancels nothing new"


async def test_the_desk_books_a_place_like_any_caller_and_the_citizen_cancels_it_by_calling(pool: Pool) -> None:
    store, (first, second) = await offered(pool, slot(), slot(1))
    world = World(pool)
    made = await store.book(first.id, "138", "")
    assert (made.number, made.slot.id) == ("138", first.id) and await store.booked_by("legal-aid", "138") is not None
    with pytest.raises(CannotBook, match="No place is left"):
        await store.book(first.id, "139", linked(9))
    with pytest.raises(CannotBook, match="comes on"):
        await store.book(second.id, "138", linked(9))
    for unknown in (second.id + 1000, 0):
        with pytest.raises(NotFound):
            await store.book(unknown, "140", "")
    await pool.execute("UPDATE appointment SET changed_at = to_timestamp($1::float8)", T0)
    await tell(world, call(3, f"cancelled:legal-aid:{first.reference}"))
    assert await states(pool) == [("desk-138", "cancelled")]
    with pytest.raises(NotFound):
        await store.cancel(made.id)
    again = await store.book(first.id, "138", "")
    assert again.id == made.id and (await store.cancel(again.id)).number == "138"


async def test_of_many_desks_for_the_last_place_one_books_it(pool: Pool) -> None:
    store, (last,) = await offered(pool, slot())
    told = await asyncio.gather(*(store.book(last.id, f"13{n}", linked(n)) for n in range(8)), return_exceptions=True)
    assert sum(isinstance(t, CannotBook) for t in told) == 7 and [len(who) for _, who in await store.coming()] == [1]
