"""What is known of a caller's language, on a real PostgreSQL: set by people, learnt from the ledger, the later word stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg
import pytest

from ivr.domain.events import Fact
from ivr.storage.caller_languages import PostgresCallerLanguages
from ivr.storage.ledger import PostgresLedger
from tests.integration.storage_world import FOLD, T0, World, batch, linked

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
NUMBER = "13800000001"


def call(n: int, *told: str, number: str = NUMBER) -> list[Fact]:
    """A caller who hung up after asking for these languages, 100 s after the call before."""
    data = {"uniqueid": linked(n), "channame": "PJSIP/trunk-carrier-00000000"}
    rows = [("CHAN_START", data | {"context": "from-trunk-carrier", "exten": "12348", "num": number})]
    rows += [("user:LANGUAGE", data | {"extra": extra}) for extra in told]
    rows += [("HANGUP", data | {"hangupcause": 16}), ("LINKEDID_END", data)]
    return [Fact("cel", f"f{n}", i, linked(n), kind, T0 + n * 100 + i, row) for i, (kind, row) in enumerate(rows)]


async def commit(pool: Pool, rows: list[Fact]) -> None:
    ledger = PostgresLedger(pool, World(pool).orders, remembered=frozenset({"ningxia", "mongolian"}))
    await ledger.commit(batch(rows, file_id=rows[0].file_id), FOLD)


async def known(pool: Pool) -> dict[str, str]:
    return {r.number: r.language for r in await PostgresCallerLanguages(pool).latest()}


async def test_who_chose_by_key_is_known_and_the_call_shows_it(pool: Pool) -> None:
    await commit(pool, call(1, "ningxia:key", "mongolian:key"))
    assert await known(pool) == {NUMBER: "mongolian"}
    [record] = await PostgresCallerLanguages(pool).latest()
    assert (record.set_by, record.set_at) == ("caller", datetime.fromtimestamp(T0 + 100, UTC))
    row = await pool.fetchrow("SELECT language, language_by FROM call WHERE linked_id = $1", linked(1))
    assert tuple(row) == ("mongolian", "key")


@pytest.mark.parametrize(("told", "number"), [
    ("ningxia:record", NUMBER), ("english:key", NUMBER), ("ningxia:key", ""), ("ningxia:key", "12"), ("ningxia", NUMBER),
])
async def test_nothing_else_is_learnt(pool: Pool, told: str, number: str) -> None:
    await commit(pool, call(1, told, number=number))
    assert await known(pool) == {}


async def test_the_later_word_stands_however_late_a_ledger_is_read(pool: Pool) -> None:
    await commit(pool, call(2, "ningxia:key"))
    await commit(pool, call(1, "mongolian:key"))
    assert await known(pool) == {NUMBER: "ningxia"}
    await commit(pool, call(3, "mongolian:key"))
    assert await known(pool) == {NUMBER: "mongolian"}


async def test_people_set_and_take_back_and_an_older_call_does_not_undo_it(pool: Pool) -> None:
    languages = PostgresCallerLanguages(pool)
    await commit(pool, call(1, "ningxia:key")[:2])
    await pool.execute("UPDATE caller_language SET set_at = set_at - interval '1 day'")
    await languages.set(NUMBER, "mongolian", "督导")
    assert await known(pool) == {NUMBER: "mongolian"}
    assert await languages.unset(NUMBER, "督导") and not await languages.unset(NUMBER, "督导")
    assert not await languages.unset("13800000009", "督导")
    await pool.execute("UPDATE caller_language SET set_at = to_timestamp($1::float8)", T0 + 150)
    rows = call(1, "ningxia:key")[2:]
    ledger = PostgresLedger(pool, World(pool).orders, remembered=frozenset({"ningxia"}))
    await ledger.commit(batch(rows, file_id="f1"), FOLD)
    assert await pool.fetchval("SELECT state FROM call") == "ended" and await known(pool) == {NUMBER: ""}
    await commit(pool, call(2, "mongolian:key"))
    assert await known(pool) == {NUMBER: "mongolian"}, "a later call counts again"


@pytest.mark.parametrize("values", ["('138x', 'ningxia', 'x')", "('13800000001', 'ning xia', 'x')", "('13800000001', 'ningxia', '')"])
async def test_the_table_itself_takes_nothing_that_could_not_be_carried(pool: Pool, values: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(f"INSERT INTO caller_language (number, language, set_by) VALUES {values}")
