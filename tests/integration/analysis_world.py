"""Weeks of orders and calls for the tests of analysis."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ivr.domain.intervals import SHANGHAI

if TYPE_CHECKING:
    from ivr.storage.database import Pool

HOME = "640105001-L01"
TODAY = datetime.now(SHANGHAI).date()


async def add_orders(
    pool: Pool, day: date, number: int, *, place: str = HOME, category: str = "consultation", matter: str = "labour",
    confidential: bool = False, state: str = "draft", hour: int = 0,
) -> None:
    """So many orders of this day, at its first minutes unless told otherwise, so that today's are over."""
    at = datetime(day.year, day.month, day.day, hour, tzinfo=SHANGHAI)
    await pool.execute(
        "INSERT INTO place (code, name, kind, town_code, status) VALUES ($1, '康庄社区', 'village', '640105001', 'confirmed')"
        " ON CONFLICT DO NOTHING", place,
    )
    for n in range(number):
        order = await pool.fetchval(
            "INSERT INTO work_order (number, channel, category, matter, category_table_version, confidential, state, opened_at)"
            " VALUES (gen_random_uuid()::text, 'hotline', $1, $2, '2026.1', $3, $4, $5) RETURNING id",
            category, matter, confidential, state, at + timedelta(microseconds=n),
        )
        await pool.execute(
            "INSERT INTO work_order_field (order_id, field, value, display, source) VALUES ($1, 'place', $2, '', 'machine')", order, place
        )


async def add_quiet_past(pool: Pool, days: int = 70, **changes: str) -> None:
    """An order every day before today."""
    for n in range(1, days):
        await add_orders(pool, TODAY - timedelta(days=n), 1, **changes)  # type: ignore[arg-type]


async def add_calls(pool: Pool, day: date, number: int, hour: int = 10, minute: int = 0, *, talk_s: float = 200) -> None:
    """So many answered calls of one half-hour, each queued after 8 s and answered after 12."""
    at = datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI)
    await pool.executemany(
        "INSERT INTO call (linked_id, state, outcome, channel, called_number, queue, arrived_at, queued_at, answered_at, ended_at, rating)"
        " VALUES ($1, 'ended', 'answered', 'hotline', '12348', 'hotline', $2, $3, $4, $5, 1)",
        [
            (f"c-{day}-{hour}-{minute}-{n}", at + timedelta(seconds=n), at + timedelta(seconds=n + 8), at + timedelta(seconds=n + 12),
             at + timedelta(seconds=n + 12 + talk_s))
            for n in range(number)
        ],
    )
