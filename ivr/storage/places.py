"""The gazetteer table: seeded once with the shipped list, then kept by import."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.domain.places import Place, PlacesDiff
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Pool


async def load_places(pool: Pool) -> list[Place]:
    """Every place, by code."""
    async with transaction(pool) as connection:
        rows = await connection.fetch("SELECT code, name, kind, town_code, aliases, status FROM place ORDER BY code")
    return [Place(r["code"], r["name"], r["kind"], r["town_code"], tuple(r["aliases"]), r["status"]) for r in rows]


async def seed_places(pool: Pool, shipped: Sequence[Place]) -> None:
    """Put the shipped places into an empty table; a table that holds anything is the administrator's."""
    async with transaction(pool) as connection:
        await connection.execute("LOCK TABLE place IN SHARE ROW EXCLUSIVE MODE")
        if not await connection.fetchval("SELECT exists(SELECT 1 FROM place)"):
            await connection.executemany(_UPSERT, [_row(p) for p in shipped])


async def apply_places(pool: Pool, diff: PlacesDiff) -> None:
    """Carry out an import in one transaction: all of it or nothing."""
    async with transaction(pool) as connection:
        await connection.execute("LOCK TABLE place IN SHARE ROW EXCLUSIVE MODE")
        await connection.execute("DELETE FROM place WHERE code = ANY($1)", [p.code for p in diff.replaced_placeholders])
        await connection.executemany(_UPSERT, [_row(p) for p in (*diff.added, *(after for _, after in diff.changed))])


_UPSERT = (
    "INSERT INTO place (code, name, kind, town_code, aliases, status) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (code) DO UPDATE SET name = excluded.name, kind = excluded.kind, town_code = excluded.town_code,"
    " aliases = excluded.aliases, status = excluded.status"
)


def _row(place: Place) -> tuple[str, str, str, str, list[str], str]:
    return (place.code, place.name, place.kind, place.town_code, list(place.aliases), place.status)
