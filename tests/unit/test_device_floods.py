"""A phone that registers again and again is told apart from one that does its duty; and the log it fills stays bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.pipeline.watch_registrations import TO_BAD, TO_GOOD, RegistrationWatch
from ivr.ports.devices import DeviceContact
from ivr.telephony.devices import renewals
from ivr.telephony.log_keeper import LogKeeper

A, B = "v-640105001-L01-1", "v-640105001-L01-2"


class Told:
    """ivr.ports.pipeline.Alarms that remembers what stands."""

    def __init__(self) -> None:
        self.standing: dict[str, str] = {}

    async def raised(self, name: str, text: str) -> None:
        self.standing[name] = text

    async def cleared(self, name: str) -> None:
        self.standing.pop(name, None)


def at(look: int, every: int) -> str:
    """Until when the registration holds of a phone that asks again at every so many looks."""
    return str(1764000000 + look // every * every * 5)


@pytest.mark.asyncio
async def test_who_registers_at_every_look_is_told_and_who_does_at_every_third_is_not() -> None:
    told = Told()
    watch = RegistrationWatch(told)
    for look in range(TO_BAD + 1):
        assert told.standing == {}
        floods = await watch.see([DeviceContact(A, "reachable", renewed=at(look, 1)), DeviceContact(B, "reachable", renewed=at(look, 3))])
    assert floods == (A,) and A in told.standing["village_registrations"] and B not in told.standing["village_registrations"]
    for look in range(TO_GOOD):
        assert told.standing
        await watch.see([DeviceContact(A, "reachable", renewed="x"), DeviceContact(B, "reachable", renewed=at(look, 3))])
        if look == 0:
            assert told.standing, "one quiet look ends nothing"
    await watch.see([DeviceContact(A, "reachable", renewed="x")])
    assert told.standing == {}


@pytest.mark.asyncio
async def test_a_flood_that_is_gone_ends_and_is_forgotten() -> None:
    told = Told()
    watch = RegistrationWatch(told)
    for look in range(TO_BAD + 1):
        await watch.see([DeviceContact(A, "reachable", renewed=str(look))])
    for _ in range(TO_GOOD + 1):
        await watch.see([])
    assert told.standing == {} and watch._states == {}


def test_renewals_are_read_as_asterisk_keeps_them() -> None:
    assert renewals(f'/registrar/contact/{A};@b702 : {{"expiration_time":"1764000120","user_agent":"x"}}\n') == {A: "1764000120"}


@pytest.mark.asyncio
async def test_a_log_that_is_too_large_is_turned_over_and_two_are_kept(tmp_path: Path) -> None:
    file, opened = tmp_path / "messages.log", 0

    async def reopen() -> None:
        nonlocal opened
        opened += 1
        file.write_text("")

    keeper = LogKeeper(file, reopen, limit_bytes=100)
    assert not await keeper.look(), "there is no log yet"
    for round_number in (1, 2):
        file.write_text("x" * 100)
        assert not await keeper.look()
        file.write_text(f"{round_number}" * 101)
        assert await keeper.look() and opened == round_number
    assert sorted(p.name for p in tmp_path.iterdir()) == ["messages.log", "messages.log.1"]
    assert (tmp_path / "messages.log.1").read_text().startswith("2")
