"""Search on a real PostgreSQL: the index says what reading every text says, and is true whoever writes."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ivr.domain.search_text import fold, words_of
from ivr.ports.search import SearchFilter, SearchHit
from ivr.ports.views import PageMark
from ivr.storage.search import PostgresSearch
from tests.integration.storage_world import World, heard, linked, tracks

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
T0 = datetime(2026, 11, 24, 8, tzinfo=UTC)
LETTERS = "工资欠条借利息拖ＡａＢb１12，,　 𠮷ß%_\\'"


async def find(pool: Pool, query: str, **more: object) -> list[SearchHit]:
    return list(await PostgresSearch(pool).find(SearchFilter(words_of(query), **more)))  # type: ignore[arg-type]


async def put(pool: Pool, texts: list[str], step: timedelta = timedelta(hours=7)) -> None:
    """One order each, the text its note; the later in the list, the older."""
    await pool.executemany(
        "INSERT INTO work_order (number, channel, note, opened_at) VALUES ($1, 'hotline', $2, $3)",
        [(f"n-{n}", text, T0 - n * step) for n, text in enumerate(texts)],
    )


async def test_the_index_finds_what_reading_every_text_finds(pool: Pool) -> None:
    chance = random.Random(12348)
    texts = ["".join(chance.choices(LETTERS, k=chance.randint(0, 40))) for _ in range(400)]
    await put(pool, texts)
    found_some = 0
    for _ in range(300):
        whole = chance.choice(texts)
        start, length = chance.randint(0, max(0, len(whole) - 2)), chance.randint(2, 8)
        query = whole[start : start + length] if chance.random() < 0.7 else "".join(chance.choices(LETTERS, k=length))
        if chance.random() < 0.3:
            query += " " + "".join(chance.choices(LETTERS, k=2))
        words = fold(query).split()
        if not words or any(len(word) < 2 for word in words):
            continue
        expected = [f"n-{n}" for n, text in enumerate(texts) if all(word in fold(text) for word in words)]
        found = await find(pool, query, limit=1000)
        assert [hit.order_number for hit in found] == expected, query
        found_some += bool(expected)
    assert found_some > 50


async def test_sql_folds_as_the_core_does(pool: Pool) -> None:
    every = "".join(chr(c) for c in [*range(1, 0x3000 + 2), *range(0xFE00, 0xFFFE)])
    assert await pool.fetchval("SELECT search_fold($1)", every) == fold(every)


async def test_pages_neither_repeat_nor_skip(pool: Pool) -> None:
    await put(pool, ["老板拖欠工资"] * 23, timedelta(0))
    await put_older(pool, 40)
    seen: list[str] = []
    mark = None
    while True:
        page = await find(pool, "工资", limit=7, after=mark)
        seen += [hit.order_number for hit in page]
        if len(page) < 7:
            break
        mark = PageMark(page[-1].at, str(page[-1].id))
    assert len(seen) == len(set(seen)) == 63
    assert seen[23:] == [f"old-{n}" for n in range(40)]


async def test_common_and_rare_words_page_by_page_in_any_span(pool: Pool) -> None:
    """The newest two hundred texts are read, the others are found by the index: nobody sees where the one ends."""
    chance = random.Random(7)
    often = [("工资", 0.9), ("借条", 0.3), ("离婚", 0.02), ("公证处", 0.005), ("借条离婚", 0.01)]
    texts = ["，".join(word for word, share in often if chance.random() < share) + f"第{n}" for n in range(900)]
    await put(pool, texts, timedelta(hours=2))
    for number in range(60):
        words = [chance.choice(often)[0] for _ in range(chance.choice([1, 1, 2]))]
        start, end = sorted(T0 - timedelta(hours=chance.randint(0, 1800)) for _ in range(2))
        span = {"start": start, "end": end} if number % 3 else {}
        expected = [
            f"n-{n}" for n, text in enumerate(texts)
            if all(word in text for word in words) and (not span or start <= T0 - n * timedelta(hours=2) < end)
        ]
        seen: list[str] = []
        mark = None
        while True:
            page = await find(pool, " ".join(words), limit=45, after=mark, **span)
            seen += [hit.order_number for hit in page]
            if len(page) < 45:
                break
            mark = PageMark(page[-1].at, str(page[-1].id))
        assert seen == expected, (words, span)


async def put_older(pool: Pool, count: int) -> None:
    await pool.executemany(
        "INSERT INTO work_order (number, channel, note, opened_at) VALUES ($1, 'hotline', '工资', $2)",
        [(f"old-{n}", T0 - timedelta(days=9 * (n + 1))) for n in range(count)],
    )


async def test_a_transcript_is_found_with_its_call_order_and_seconds(pool: Pool) -> None:
    world = World(pool)
    await world.call(1)
    await world.tracks.add(tracks(1))
    while (job := await world.tracks.take("w", 60)) is not None:
        assert await world.tracks.finish(job, "w", heard(job, "老板拖欠工资" if job.track == "caller" else "您好"))
    (hit,) = await find(pool, "拖欠")
    order = await world.order(1)
    assert (hit.part, hit.track, hit.linked_id, hit.order_number) == ("segment", "caller", linked(1), order["number"])
    assert (hit.start_s, hit.end_s, hit.words_at_s, hit.text) == (1.0, 2.0, 1.0, "老板拖欠工资")
    assert hit.at == await pool.fetchval("SELECT arrived_at FROM call")
    await pool.execute("UPDATE work_order SET confidential = true")
    assert await find(pool, "拖欠") == [] and len(await find(pool, "拖欠", confidential=True)) == 1
    await pool.execute("DELETE FROM recording_track")  # as retention will: the words go with the sound
    assert await find(pool, "拖欠", confidential=True) == [] and await world.count("search_text", "track_id IS NOT NULL") == 0


async def test_a_transcript_that_came_before_its_call_takes_the_calls_time(pool: Pool) -> None:
    world = World(pool)
    await world.tracks.add(tracks(2))
    job = await world.tracks.take("w", 60)
    assert job is not None and await world.tracks.finish(job, "w", heard(job, "土地承包合同"))
    early = (await find(pool, "承包"))[0]
    assert early.order_number == ""
    await world.call(2)
    (hit,) = await find(pool, "承包")
    assert hit.at == await pool.fetchval("SELECT arrived_at FROM call") != early.at and hit.order_number


async def test_what_is_rolled_back_or_overwritten_is_not_found(pool: Pool) -> None:
    await put(pool, ["借条利息"])
    async with pool.acquire() as connection:
        change = connection.transaction()
        await change.start()
        await connection.execute("UPDATE work_order SET note = '彩礼返还'")
        await change.rollback()
    assert len(await find(pool, "借条")) == 1 and await find(pool, "彩礼") == []
    await pool.execute("UPDATE work_order SET note = '彩礼返还', version = version + 1")
    assert await find(pool, "借条") == [] and len(await find(pool, "彩礼")) == 1
    await pool.execute("UPDATE work_order SET note = ''")
    assert await find(pool, "彩礼") == []


async def test_fields_by_category_town_and_date(pool: Pool) -> None:
    await put(pool, ["", ""])
    await pool.execute("UPDATE work_order SET category = 'consult' WHERE number = 'n-0'")
    await pool.execute(
        "INSERT INTO place (code, name, kind, town_code, status) VALUES ('v9', '泾华村', 'village', 't9', 'confirmed')"
    )
    for number in ("n-0", "n-1"):
        for field, value, display in (("place", "v9", "兴泾镇泾华村"), ("caller_name", "马建国", "马建国")):
            await pool.execute(
                "INSERT INTO work_order_field (order_id, field, value, display, source)"
                " SELECT id, $2, $3, $4, 'human' FROM work_order WHERE number = $1", number, field, value, display,
            )
    assert [(h.order_number, h.part) for h in await find(pool, "建国")] == [("n-0", "caller_name"), ("n-1", "caller_name")]
    assert [h.order_number for h in await find(pool, "建国", category="consult")] == ["n-0"]
    assert [h.part for h in await find(pool, "泾华村", town="t9")] == ["place", "place"]
    assert len(await find(pool, "建国", town="v9")) == 2 and await find(pool, "建国", town="t8") == []
    assert [h.order_number for h in await find(pool, "建国", start=T0)] == ["n-0"]
    assert [h.order_number for h in await find(pool, "建国", end=T0)] == ["n-1"]
    await pool.execute("UPDATE work_order_field SET display = '马国庆' WHERE field = 'caller_name'")
    assert await find(pool, "建国") == [] and len(await find(pool, "国庆")) == 2
    await pool.execute("DELETE FROM work_order_field")
    assert await find(pool, "国庆") == []


async def test_the_index_is_used_and_what_was_there_is_taken_in(pool: Pool) -> None:
    """The step's own fill, run again over emptied rows, makes the same rows as the triggers did."""
    await put(pool, [f"第{n}号借条" for n in range(50)])
    before = await pool.fetch("SELECT at, week, order_id, part, ordinal, text FROM search_text ORDER BY order_id")
    step = (Path(__file__).parents[2] / "ivr/storage/migrations/versions/0013_search.sql").read_text("utf-8")
    fill = step[step.index("INSERT INTO search_text") : step.index("SET LOCAL maintenance_work_mem")]
    await pool.execute("TRUNCATE search_text")
    await pool.execute(fill)
    assert await pool.fetch("SELECT at, week, order_id, part, ordinal, text FROM search_text ORDER BY order_id") == before
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetch(
            "EXPLAIN SELECT 1 FROM search_text t WHERE search_keys(t.week, t.text) @> search_keys(2970, '借条')"
        )
    assert any("search_text_keys" in row[0] for row in plan)
