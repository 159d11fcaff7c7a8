"""Listings: what may be listed, what the exchange keeps, and how it is brought up to date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from ivr.domain.errors import CallerFault, Unavailable
from ivr.domain.exchange_table import corrections
from ivr.domain.nuisance import Listing, checked_listing, exchange_table
from ivr.pipeline.carry_records import RecordCarrier, listed
from ivr.telephony.embedded import Console
from ivr.telephony.exchange_table import AsteriskTable

NOW = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)


def listing(number: str, hours: int = 1) -> Listing:
    return checked_listing(number, "骚扰", "督导", NOW, NOW + timedelta(hours=hours))


@pytest.mark.parametrize(("number", "reason", "owner", "hours", "told"), [
    ("", "x", "y", 1, "no telephone number"), ("+8613800000001", "x", "y", 1, "no telephone number"),
    ("１３８００００００００１", "x", "y", 1, "no telephone number"), ("138 database", "x", "y", 1, "no telephone number"),
    ("12", "x", "y", 1, "no telephone number"), ("1" * 21, "x", "y", 1, "no telephone number"),
    ("13800000001", " ", "y", 1, "needs its reason"), ("13800000001", "x", "", 1, "needs its owner"),
    ("13800000001", "x\n", "y", 1, "needs its reason"), ("13800000001", "x" * 201, "y", 1, "needs its reason"),
    ("13800000001", "x", "y", 0, "which is past"),
])
def test_an_unfit_listing_is_refused(number: str, reason: str, owner: str, hours: int, told: str) -> None:
    with pytest.raises(CallerFault, match=told):
        checked_listing(number, reason, owner, NOW, NOW + timedelta(hours=hours))


def test_the_exchange_keeps_the_last_eleven_digits_and_the_later_end() -> None:
    table = exchange_table([listing("13800000001", 2), listing("8613800000001", 5), listing("12345", 1)])
    assert table == {"13800000001": str(int(NOW.timestamp()) + 5 * 3600), "12345": str(int(NOW.timestamp()) + 3600)}


def test_corrections_make_one_table_of_the_other() -> None:
    held, wanted = {"1": "5", "2": "6", "3": "7"}, {"2": "6", "3": "8", "4": "9"}
    write, delete = corrections(held, wanted)
    assert {k: v for k, v in (held | write).items() if k not in delete} == wanted
    assert corrections(wanted, wanted) == ({}, [])


class _Side:
    """Both sides in memory; ``away`` makes the next call fail."""

    def __init__(self) -> None:
        self.listings: list[Listing] = []
        self.table: dict[str, str] = {"999": "1"}
        self.asked = 0
        self.away = False

    async def in_force(self) -> Sequence[Listing]:
        return list(self.listings)

    async def held(self) -> dict[str, str]:
        self.asked += 1
        if self.away:
            raise Unavailable("Asterisk is away")
        return dict(self.table)

    async def put(self, key: str, value: str) -> None:
        self.table[key] = value

    async def delete(self, key: str) -> None:
        del self.table[key]


async def test_the_exchange_follows_the_listings_and_is_put_right() -> None:
    side = _Side()
    carrier = RecordCarrier("nuisance", listed(side), side)
    side.listings = [listing("13800000001")]
    await carrier.once()
    assert side.table == exchange_table(side.listings)
    await carrier.once()
    assert side.asked == 2, "what was deleted is looked at again"
    await carrier.once()
    assert side.asked == 2, "nothing changed, nobody is asked"
    side.away, side.listings = True, []
    with pytest.raises(Unavailable):
        await carrier.once()
    side.away = False
    await carrier.once()
    assert side.table == {}
    side.table["5"] = "6"  # edited by hand, or restored from a backup
    for _ in range(15):
        await carrier.once()
    assert side.table == {}


class _Console(Console):
    """A console that remembers its lines and answers with what Asterisk 22 prints."""

    def __init__(self, answer: str = "") -> None:
        self.lines: list[str] = []
        self.answer = answer

    async def command(self, line: str) -> str:
        self.lines.append(line)
        return self.answer


async def test_the_exchanges_table_is_read_as_asterisk_prints_it() -> None:
    console = _Console(
        "/nuisance/13800000001                             : 1795600000               \n"
        "/nuisance/odd;key                                 :                          \n2 results found.\n"
    )
    assert await AsteriskTable(console, "nuisance").held() == {"13800000001": "1795600000", "odd;key": ""}


@pytest.mark.parametrize(("key", "value"), [("1 2", "3"), ("1;core stop now", "3"), ("1", "3\ncore stop now"), ("", "3"), ("１", "3"), ("1", "X"), ("1", "x y"), ("1", "")])
async def test_nothing_but_digits_and_names_becomes_a_console_line(key: str, value: str) -> None:
    console = _Console()
    with pytest.raises(ValueError, match="no entry of nuisance"):
        await AsteriskTable(console, "nuisance").put(key, value)
    assert console.lines == []


async def test_a_key_nobody_here_wrote_is_never_put_into_a_line() -> None:
    console = _Console()
    await AsteriskTable(console, "nuisance").delete("13800000001")
    await AsteriskTable(console, "nuisance").delete("odd;key")
    assert console.lines == ["database del nuisance 13800000001", "database deltree nuisance"]
