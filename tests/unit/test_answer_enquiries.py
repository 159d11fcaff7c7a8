"""Who asks how a matter stands, and what may be learned by trying: nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from ivr.domain.order_number import compose
from ivr.domain.progress import LastFour, OrderProgress
from ivr.pipeline.answer_enquiries import ProgressDesk

OPEN, SECRET, NONE = (compose("hotline", date(2026, 11, 24), n) for n in (17, 18, 19))
KNOWN = {
    str(OPEN): OrderProgress(str(OPEN), "assigned", "8001", datetime(2026, 12, 3, 10, tzinfo=UTC)),
    str(SECRET): OrderProgress(str(SECRET), "assigned", "8001", confidential=True),
}


class Orders:
    """Two orders of 13896200001, and what was asked of them, in order."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, Any]] = []
        self.misses: dict[str, int] = {}

    async def find(self, asked: str | LastFour, caller_number: str) -> OrderProgress | None:
        self.steps.append(("find", asked if isinstance(asked, LastFour) else "number"))
        if isinstance(asked, LastFour):
            return next((o for n, o in KNOWN.items() if n.endswith(asked.digits) and caller_number == "13896200001"), None)
        return KNOWN.get(asked)

    async def misses_today(self, caller_number: str) -> int:
        self.steps.append(("misses", caller_number))
        return self.misses.get(caller_number, 0)

    async def count_miss(self, caller_number: str) -> None:
        self.steps.append(("miss", caller_number))
        self.misses[caller_number] = self.misses.get(caller_number, 0) + 1


def desk(orders: Orders, **limits: int) -> ProgressDesk:
    return ProgressDesk(orders, {"carrier": {"+86": ""}}, **({"wrong_a_day": 3, "wrong_withheld_a_day": 5} | limits))


async def test_the_number_is_enough_from_any_telephone() -> None:
    told = await desk(Orders()).answer(OPEN.short, "", "carrier")
    assert told == {
        "FOUND": "yes", "ORDER": str(OPEN),
        "PIECES": "progress-assigned&progress-owner&digits/8&digits/0&digits/0&digits/1&progress-until&digits/10&digits/2&month&digits/3&day&progress-due",
    }


@pytest.mark.parametrize(("caller", "found"), [("+8613896200001", "yes"), ("13896200001", "yes"), ("13896200002", "unknown"), ("", "unknown"), ("+1#", "unknown")])
async def test_four_digits_count_with_the_own_number_alone(caller: str, found: str) -> None:
    assert (await desk(Orders()).answer(str(OPEN)[-4:], caller, "carrier"))["FOUND"] == found


async def test_a_confidential_order_takes_the_way_of_none() -> None:
    ways = []
    for number in (SECRET, NONE):
        orders = Orders()
        assert await desk(orders).answer(number.short, "13896200001", "carrier") == {"FOUND": "unknown"}
        ways.append(orders.steps)
    assert ways[0] == ways[1] == [("find", "number"), ("misses", "13896200001"), ("miss", "13896200001")]


async def test_a_wrong_digit_is_caught_before_anything_is_looked_up_or_counted() -> None:
    orders = Orders()
    for keyed in ("", "12", OPEN.short[:-1] + str((int(OPEN.short[-1]) + 1) % 10), "1" * 40, "x"):
        assert await desk(orders).answer(keyed, "13896200001", "carrier") == {"FOUND": "check"}
    assert orders.steps == []


async def test_trying_ends_for_the_day_also_for_a_right_number() -> None:
    orders = Orders()
    tried = [(await desk(orders).answer(NONE.short, "13896200001", "carrier"))["FOUND"] for _ in range(5)]
    assert tried == ["unknown"] * 3 + ["limit"] * 2
    assert (await desk(orders).answer(OPEN.short, "13896200001", "carrier")) == {"FOUND": "limit"}
    assert (await desk(orders).answer(OPEN.short, "13896200002", "carrier"))["FOUND"] == "yes"
    withheld = [(await desk(orders).answer(NONE.short, "anonymous", "carrier"))["FOUND"] for _ in range(6)]
    assert withheld == ["unknown"] * 5 + ["limit"], "all who withhold their number share one allowance"
