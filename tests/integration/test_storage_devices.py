"""The register of village phones on a real PostgreSQL: imports, acts with their audit rows, what was seen, and the order's place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ivr.domain.device import Device, DeviceFile
from ivr.domain.errors import CallerFault, NotFound
from ivr.domain.events import Fact
from ivr.domain.places import Place
from ivr.pipeline.carry_devices import DeviceCarrier
from ivr.ports.devices import DeviceContact, DeviceLine
from ivr.storage.devices import AlreadyShown, PostgresDevices
from ivr.storage.places import seed_places
from tests.integration.storage_world import FOLD, T0, World, batch, linked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

A, B, TOWN = (
    Device("v-640105001-L01-1", "640105001-L01", "640105001", "马秀兰", "8001", "", "", "labour"),
    Device("v-640105001-L01-2", "640105001-L01", "640105001"), Device("v-640105001-1", "640105001", "640105001"),
)
PLACES = [Place("640105001", "西花园路街道", "town", "640105001"), Place("640105001-L01", "康庄社区", "village", "640105001")]


async def stored(pool: Pool) -> PostgresDevices:
    devices = PostgresDevices(pool)
    await seed_places(pool, PLACES)
    await devices.apply(DeviceFile((A, B, TOWN), ()), actor="cli:test")
    return devices


class Exchange:
    """Remembers what it was given, in order."""

    def __init__(self) -> None:
        self.acts: list[str] = []

    async def take(self, lines: Sequence[DeviceLine]) -> bool:
        self.acts.append("take " + " ".join(line.device.id for line in lines))
        return True

    async def cut(self, device: str) -> int:
        self.acts.append(f"cut {device}")
        return 1


async def test_an_import_is_whole_and_a_dry_run_writes_nothing(pool: Pool) -> None:
    devices = PostgresDevices(pool)
    diff = await devices.apply(DeviceFile((A, B), ()), actor="cli:test", dry_run=True)
    assert len(diff.added) == 2 and await pool.fetchval("SELECT count(*) FROM device") == 0
    await stored(pool)
    salts = [r["salt"] for r in await pool.fetch("SELECT salt FROM device")]
    assert len(set(salts)) == 3
    diff = await devices.apply(DeviceFile((replace(A, helper="王芳"), B), ()), actor="cli:test")
    assert (len(diff.changed), diff.unchanged, diff.missing) == (1, 1, (TOWN,))
    assert sorted(salts) == sorted(r["salt"] for r in await pool.fetch("SELECT salt FROM device")), "secrets outlive an import"
    assert await pool.fetchval("SELECT count(*) FROM audit_event WHERE action = 'device.import'") == 2


async def test_the_exchange_hears_of_active_devices_with_their_station_and_ends_blocked_ones_after_it_took_the_rest(pool: Pool) -> None:
    devices, exchange = await stored(pool), Exchange()
    lines = {line.device.id: line for line in await devices.lines()}
    assert {line.station for line in lines.values()} == {TOWN.id} and lines[A.id].name == "康庄社区"
    carrier = DeviceCarrier(devices, exchange)
    await carrier.once()
    await devices.block(A.id, "admin", "终端丢失")
    await carrier.once()
    await carrier.once()
    assert exchange.acts == [f"take {TOWN.id} {A.id} {B.id}", f"take {TOWN.id} {B.id}", f"cut {A.id}"]
    await devices.rotate(B.id, "admin", "换人")
    await DeviceCarrier(devices, exchange).once()
    assert exchange.acts[3:] == [f"take {TOWN.id} {B.id}", f"cut {B.id}"], "a controller that starts anew ends what is still to be ended"
    await devices.unblock(A.id, "admin", "找到了")
    assert A.id in {line.device.id for line in await devices.lines()}


async def test_a_request_that_came_while_the_last_was_fulfilled_is_kept(pool: Pool) -> None:
    devices = await stored(pool)
    await devices.rotate(A.id, "admin", "一")
    (request,) = (await devices.to_cut()).values()
    await devices.rotate(A.id, "admin", "二")
    await devices.cut_done(A.id, request)
    assert await devices.to_cut() == {A.id: request + 1}


async def test_acts_need_a_device_and_a_reason_and_leave_nothing_without(pool: Pool) -> None:
    devices = await stored(pool)
    before = await pool.fetchval("SELECT count(*) FROM audit_event")
    for act in (devices.block, devices.unblock, devices.rotate):
        with pytest.raises(NotFound):
            await act("v-640105001-L09-1", "admin", "无此终端")
        with pytest.raises(CallerFault):
            await act(A.id, "admin", " ")
    assert await pool.fetchval("SELECT count(*) FROM audit_event") == before and await devices.to_cut() == {}


async def test_a_secret_is_shown_once_for_each_rotation(pool: Pool) -> None:
    devices = await stored(pool)
    _, first = await devices.show(A.id, "cli:test")
    with pytest.raises(AlreadyShown, match="rotate"):
        await devices.show(A.id, "cli:test")
    await devices.rotate(A.id, "cli:test", "丢了")
    _, second = await devices.show(A.id, "cli:test")
    assert first != second


async def test_history_has_a_row_for_each_change_and_none_while_nothing_changes(pool: Pool) -> None:
    devices = await stored(pool)
    here = [DeviceContact(A.id, "reachable", "baresip", 1.5), DeviceContact("v-640105001-L44-1", "reachable")]
    assert (await devices.register()).as_of is None
    assert [await devices.saw(here), await devices.saw(here)] == [1, 0]
    assert await devices.saw([DeviceContact(A.id, "silent")]) == 1
    assert await devices.saw([]) == 0, "one round without it is no loss yet"
    await pool.execute("UPDATE device SET registered_at = now() - interval '1 minute' WHERE id = $1", A.id)
    assert await devices.saw([]) == 1
    assert [e.kind for e in (await devices.history(A.id)).events] == ["gone", "silent", "reachable", "imported"]
    found = {r.device.id: r for r in (await devices.register()).devices}
    assert (found[A.id].reach, found[B.id].reach) == ("gone", "never")
    with pytest.raises(NotFound):
        await devices.history("v-640105001-L44-1")


def call(n: int, *more: tuple[str, str]) -> list[Fact]:
    data = {"uniqueid": linked(n), "channame": f"PJSIP/{A.id}-0000000{n}"}
    told = [(f"user:{kind}", data | {"extra": extra}) for kind, extra in more]
    rows = [("CHAN_START", data | {"context": "from-village", "exten": "1", "num": A.number}), *told]
    rows += [("HANGUP", data | {"hangupcause": 16}), ("LINKEDID_END", data)]
    return [Fact("cel", f"f{n}", i, linked(n), kind, T0 + n * 100 + i, row) for i, (kind, row) in enumerate(rows)]


async def test_a_devices_call_makes_one_order_of_its_village_however_often_it_is_read(pool: Pool) -> None:
    devices, world = await stored(pool), World(pool)
    rows = call(1, ("NOTICE", "2026-11"), ("LADDER", "adviser:absent"), ("LADDER", "any:queue"))
    await world.ledger.commit(batch(rows, file_id="f1"), FOLD)
    await world.ledger.commit(batch(rows, file_id="f1"), FOLD)
    order = await world.order(1)
    assert order["channel"] == "village_video" and str(order["number"]).startswith("6401052")
    field = await pool.fetchrow("SELECT value, display, source, rule FROM work_order_field WHERE order_id = $1 AND field = 'place'", order["id"])
    assert tuple(field) == ("640105001-L01", "西花园路街道康庄社区", "machine", "device")
    row = await pool.fetchrow("SELECT village, device, ladder, caller_number FROM call WHERE linked_id = $1", linked(1))
    assert tuple(row) == ("640105001-L01", A.id, "adviser:absent any:queue", "")
    (told,) = (await devices.history(A.id)).calls
    assert (told.order, told.ladder) == (order["number"], "adviser:absent any:queue")
    assert {r.device.id: r.last_call is not None for r in (await devices.register()).devices} == {A.id: True, B.id: False, TOWN.id: False}


async def test_a_village_nobody_knows_any_more_still_has_its_order(pool: Pool) -> None:
    world = World(pool)
    await world.ledger.commit(batch(call(2), file_id="f2"), FOLD)
    assert (await world.order(2))["channel"] == "village_video"
    assert await world.count("work_order_field") == 0


async def test_a_call_without_a_picture_and_a_line_that_failed_are_on_the_maintenance_list_until_later_calls_had_them(pool: Pool) -> None:
    devices, world = await stored(pool), World(pool)
    told = []
    for n, steps in enumerate((("picture:device",), ("adviser:ring", "line:lost"), (), (), ()), 1):
        rows = call(n, ("ENTERED", "village"), *(("LADDER", step) for step in steps))
        await world.ledger.commit(batch(rows, file_id=f"f{n}"), FOLD)
        await pool.execute("UPDATE call SET arrived_at = now() - make_interval(hours => $1) WHERE linked_id = $2", 9 - n, linked(n))
        told.append({r.device.id: r.fallbacks for r in (await devices.register()).devices}[A.id])
    assert ["没有画面" in "".join(t) for t in told] == [True, False, False, False, False]
    assert ["线路断了 1 次" in "".join(t) for t in told] == [False, True, True, True, False]


async def test_a_telephone_is_kept_by_a_file_that_does_not_name_it_and_carried_to_the_exchange(pool: Pool) -> None:
    devices = await stored(pool)
    await devices.apply(DeviceFile((replace(A, telephone="13895112348"), B, TOWN), ()), actor="cli:test")
    await devices.apply(DeviceFile((A, B, TOWN), (), tells_telephone=False), actor="cli:test")
    assert {line.device.id: line.device.telephone for line in await devices.lines()}[A.id] == "13895112348"


async def test_how_calls_travelled_is_told_for_each_and_two_poor_ones_are_a_poor_line(pool: Pool) -> None:
    devices, world = await stored(pool), World(pool)
    good, poor = "audio 3000 0 3000 3 0.002 0.003 0.040", "audio 3000 400 3000 3 0.002 0.003 0.040"
    for n, told in enumerate((good, poor, poor), 1):
        video = [("MEDIA", "video 900 0 900 0 0.001 0 0.01")] if n == 3 else []
        rows = call(n, ("ENTERED", "village"), ("MEDIA", told), *video, ("MEDIA", "nothing"))
        await world.ledger.commit(batch(rows, file_id=f"f{n}"), FOLD)
        await pool.execute("UPDATE call SET arrived_at = now() - make_interval(hours => $1) WHERE linked_id = $2", 9 - n, linked(n))
        assert {r.device.id: r.poor_line for r in (await devices.register()).devices}[A.id] is (n == 3)
    last, *_, first = (await devices.history(A.id)).calls
    assert [(m.medium, m.poor) for m in last.media] == [("audio", True), ("video", False)]
    assert [(m.medium, round(m.loss, 3)) for m in first.media] == [("audio", 0.001)]
