"""Appointments: times as an office writes them, as they are spoken, and what a desk answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.appointment import SERVICES, BadSlots, Slot, Told, offer_pieces, parse_slots, read_told, time_pieces
from ivr.domain.worktime import SHANGHAI
from ivr.exchange_setup import PROMPTS
from ivr.pipeline.answer_appointments import AppointmentDesk
from ivr.telephony.prompts import read_manifest

HEAD = "service,from,to,places\n"


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 12, 3, hour, minute, tzinfo=SHANGHAI)


def spoken(pieces: Sequence[str]) -> str:
    texts = read_manifest(PROMPTS).spoken
    return "".join(texts[p] for p in pieces)


@pytest.mark.parametrize(("moment", "words"), [
    (at(9), "十二月三日上午九点"), (at(9, 30), "十二月三日上午九点三十分"), (at(12, 5), "十二月三日下午十二点零五分"),
    (at(15, 45), "十二月三日下午三点四十五分"), (at(0), "十二月三日上午零点"),
])
def test_a_time_in_words(moment: datetime, words: str) -> None:
    assert spoken(time_pieces(moment)) == words


@given(st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)))
def test_every_time_can_be_spoken(moment: datetime) -> None:
    assert spoken(time_pieces(moment.replace(tzinfo=SHANGHAI)))


def test_an_offer_names_the_keys() -> None:
    slots = [Slot(at(9 + n), at(10 + n), "mediation", 1, n + 1) for n in range(5)]
    assert spoken(offer_pieces(slots)) == "十二月三日上午九点请按一十二月三日上午十点请按二十二月三日上午十一点请按三"


def test_what_the_ledger_tells_is_read_or_refused() -> None:
    told = read_told("booked:legal-aid:17-202612030930")
    assert told == Told("booked", "legal-aid", 17, "202612030930") and told.words == "来电人自助预约：法律援助 2026-12-03 09:30。"
    assert Slot(at(9, 30), at(10), "legal-aid", 1, 17).reference == "17-202612030930"
    for wrong in ("", "booked", "booked:legal-aid:17", "stolen:legal-aid:17-202612030930", "booked:legal-aid:x-202612030930", "booked:legal-aid:17-2026120309300"):
        assert read_told(wrong) is None


def test_slots_are_read() -> None:
    read = parse_slots("\ufeff" + HEAD + "法律援助,2026-12-03 09:00,2026-12-03 10:00,2\nmediation,2026-12-03T15:00,2026-12-03 16:30,1\n\n")
    assert read.bad == () and read.slots == (Slot(at(9), at(10), "legal-aid", 2), Slot(at(15), at(16, 30), "mediation", 1))


@pytest.mark.parametrize(("row", "reason"), [
    ("公证,2026-12-03 09:00,2026-12-03 10:00,1", "没有服务 公证，可用：法律援助、人民调解"), ("法律援助,明天,2026-12-03 10:00,1", "from 应如"),
    ("法律援助,2026-12-03 11:00,2026-02-30 10:00,1", "to 应如"), ("法律援助,2026-12-03 11:00,2026-12-03 10:00,1", "to 应在 from 之后"),
    ("法律援助,2026-12-03 11:00,2026-12-05 10:00,1", "不超过一天"), ("法律援助,2026-12-03 11:00,2026-12-03 12:00,0", "places 应为"),
    ("法律援助,2026-12-03 11:00,2026-12-03 12:00,٣", "places 应为"), ("法律援助,2026-12-03 11:00", "应有 4 列"),
    ("legal-aid,2026-12-03 09:00,2026-12-03 09:30,5", "同一时段"),
])
def test_a_bad_row_is_told_with_its_line(row: str, reason: str) -> None:
    (bad,) = parse_slots(HEAD + "法律援助,2026-12-03 09:00,2026-12-03 10:00,2\n" + row + "\n").bad
    assert bad.line == 3 and reason in bad.reason


@given(st.text(max_size=200))
def test_no_text_at_all_is_more_than_a_complaint(text: str) -> None:
    for given_text in (text, HEAD + text):
        try:
            read = parse_slots(given_text)
        except BadSlots:
            continue
        assert read.bad or all(s.service in SERVICES for s in read.slots)


class Office:
    """Two times; 139 has one of them."""

    def __init__(self, *slots: Slot) -> None:
        self.slots = slots
        self.held: list[tuple[int, str, str]] = []

    async def open_times(self, service: str, limit: int) -> Sequence[Slot]:
        return [s for s in self.slots if s.service == service][:limit]

    async def booked_by(self, service: str, caller_number: str) -> Slot | None:
        return self.slots[0] if caller_number == "139" else None

    async def hold(self, slot_id: int, caller_number: str, linked_id: str) -> Slot | None:
        self.held.append((slot_id, caller_number, linked_id))
        return next((s for s in self.slots if s.id == slot_id), None)


async def test_the_desk_offers_holds_and_tells() -> None:
    office = Office(Slot(at(9), at(10), "legal-aid", 1, 17), Slot(at(9) + timedelta(days=1), at(10) + timedelta(days=1), "legal-aid", 1, 18))
    desk = AppointmentDesk(office, {"carrier": {"+86": ""}})
    offer = await desk.times("legal-aid", "+86138", "carrier")
    assert (offer["FOUND"], offer["SLOTS"]) == ("yes", "17&18") and spoken(offer["PIECES"].split("&")).startswith("十二月三日上午九点请按一")
    assert await desk.times("mediation", "138", "carrier") == {"FOUND": "none"}
    assert await desk.times("legal-aid", "anonymous", "carrier") == {"FOUND": "withheld"} == await desk.times("notary", "138", "carrier")
    mine = await desk.times("legal-aid", "139", "carrier")
    assert (mine["FOUND"], mine["SLOT"]) == ("mine", "17-202612030900")
    assert (await desk.hold("18", "+86138", "carrier", "t-1.0"))["SLOT"] == "18-202612040900" and office.held == [(18, "138", "t-1.0")]
    for slot, caller, linked_id in (("19", "138", "t"), ("", "138", "t"), ("x", "138", "t"), ("9" * 40, "138", "t"), ("17", "", "t"), ("17", "138", "")):
        assert await desk.hold(slot, caller, "carrier", linked_id) == {"FOUND": "taken"}
