"""Listings on a real PostgreSQL: one open listing for each number, ended by time or by people, kept on record."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr.domain.nuisance import checked_listing
from ivr.storage.database import transaction
from ivr.storage.nuisance import PostgresListings

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def put(listings: PostgresListings, number: str, hours: int = 1, owner: str = "督导") -> None:
    now = await listings.now()
    await listings.add(checked_listing(number, "骚扰", owner, now, now + timedelta(hours=hours)))


async def test_a_listing_is_in_force_until_it_is_removed(pool: Pool) -> None:
    listings = PostgresListings(pool)
    await put(listings, "13800000001", 2)
    await put(listings, "13800000002", 1)
    assert [listing.number for listing in await listings.in_force()] == ["13800000002", "13800000001"], "the next to end first"
    assert await listings.remove("13800000001", "主任") and not await listings.remove("13800000001", "主任")
    assert [listing.number for listing in await listings.in_force()] == ["13800000002"]
    async with transaction(pool) as connection:
        assert await connection.fetchval("SELECT removed_by FROM nuisance_listing WHERE number = '13800000001'") == "主任"


async def test_to_list_a_number_again_changes_its_end_and_keeps_the_old_listing(pool: Pool) -> None:
    listings = PostgresListings(pool)
    await put(listings, "13800000001", 1)
    await put(listings, "13800000001", 5, "主任")
    [listing] = await listings.in_force()
    assert listing.owner == "主任" and listing.ends_at - listing.listed_at >= timedelta(hours=4)
    async with transaction(pool) as connection:
        assert await connection.fetchval("SELECT count(*) FROM nuisance_listing") == 2


async def test_an_ended_listing_counts_for_nothing_and_cannot_be_removed(pool: Pool) -> None:
    listings = PostgresListings(pool)
    async with transaction(pool) as connection:
        await connection.execute(
            "INSERT INTO nuisance_listing (number, reason, owner, listed_at, ends_at)"
            " VALUES ('13800000001', 'x', 'y', now() - interval '2 days', now() - interval '1 day')"
        )
    assert await listings.in_force() == [] and not await listings.remove("13800000001", "主任")
    await put(listings, "13800000001")
    assert len(await listings.in_force()) == 1


@pytest.mark.parametrize("values", [
    "('138x', 'x', 'y', now(), now() + interval '1 day')", "('13800000001', '', 'y', now(), now() + interval '1 day')",
    "('13800000001', 'x', '', now(), now() + interval '1 day')", "('13800000001', 'x', 'y', now(), now())",
])
async def test_the_table_itself_takes_no_listing_without_number_reason_owner_and_end(pool: Pool, values: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        async with transaction(pool) as connection:
            await connection.execute(f"INSERT INTO nuisance_listing (number, reason, owner, listed_at, ends_at) VALUES {values}")
