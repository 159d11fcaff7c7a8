"""Words in transcripts: our index of character pairs against ILIKE and pg_trgm, on the same texts in one PostgreSQL.

``BENCH_TRANSCRIPTS`` says how many (100,000; a million with ``--full``). The server is Debian's PostgreSQL 15 where it is
installed, which has pg_trgm; else the embedded one, and that peer is left out. ILIKE may walk the texts newest first and stop
early; pg_trgm has its own index alone, because with both PostgreSQL takes the walk. Ours is the product's own ``PostgresSearch.find``, with all it reads for the page.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import random
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from rich.progress import Progress

from ivr.domain.search_text import words_of
from ivr.ports.search import SearchFilter
from ivr.storage.database import open_pool
from ivr.storage.embedded import OWNER, EmbeddedPostgres
from ivr.storage.migrate import migrate
from ivr.storage.search import PostgresSearch
from ivr.storage.views import like_literal
from tests.bench.figure import Figure, absolute, compared, quick, rounded

_DEBIAN = Path("/usr/lib/postgresql/15/bin")
_TRIGRAMS = Path("/usr/share/postgresql/15/extension/pg_trgm.control")
_SAID = (
    "老板 拖欠 工资 三个月 劳动合同 工伤认定 社会保险 离婚 财产 抚养权 彩礼 借条 利息 起诉 法院 调解 仲裁 公证 继承 遗产 土地 承包 流转 邻居 "
    "漏水 交通事故 赔偿 保险公司 律师 法律援助 低保 证明 房屋 租赁 押金 物业 合同 违约 定金 欠钱 不还 报警 家庭暴力 人身保护令 我想 咨询 一下 "
    "你好 请问 怎么办 多少钱 什么时候 材料 身份证 户口本 电话 地址 知道了 谢谢 可以 不可以 他们 我们 没有 现在 已经 这个 那个 问题 情况"
).split()
_PAGE = 20
_A_DAY = 600
"""Transcripts a day: the two sides of the 300 calls a district plans for."""


@dataclass(frozen=True, slots=True)
class _Arm:
    """One way to find the newest texts with a word; gives their ids."""

    name: str
    find: Callable[[str], Awaitable[list[int]]]


def measure(full: bool = False) -> list[Figure]:
    """Milliseconds of a search, and how many times as many searches each second as the peers."""
    size = int(os.environ.get("BENCH_TRANSCRIPTS", "500" if quick() else "1000000" if full else "100000"))
    folder = Path(tempfile.mkdtemp(prefix="ivr-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        return asyncio.run(_measure(folder, size))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(folder: Path, size: int) -> list[Figure]:
    async with _server(folder) as (url, told, trigrams):
        await migrate(url)
        connection = await asyncpg.connect(url)
        for statement in ("ALTER SYSTEM SET autovacuum = off", "ALTER SYSTEM SET jit = off", "SELECT pg_reload_conf()"):
            await connection.execute(statement)
        chance = random.Random(12348)
        words = _vocabulary(chance)
        bytes_of = await _fill(connection, size, words, chance, trigrams)
        queries = _queries(words, await _samples(connection, chance, size), chance, 3 if quick() else 10)
        await connection.close()
        pool = await open_pool(url, application="bench", size=2)
        try:
            return await _compare(pool, size, queries, told, trigrams, bytes_of)
        finally:
            await pool.close()


async def _compare(
    pool: asyncpg.Pool[asyncpg.Record], size: int, queries: dict[str, list[str]], told: str, trigrams: bool, bytes_of: dict[str, int]
) -> list[Figure]:
    search = PostgresSearch(pool)

    async def ours(word: str) -> list[int]:
        return [hit.id for hit in await search.find(SearchFilter(words_of(word), limit=_PAGE))]

    def like(table: str) -> Callable[[str], Awaitable[list[int]]]:
        async def find(word: str) -> list[int]:
            rows = await pool.fetch(
                f"SELECT id, at, text FROM {table} WHERE text ILIKE $1 ORDER BY at DESC, id DESC LIMIT {_PAGE}", like_literal(word),
                timeout=120,
            )
            return [row["id"] for row in rows]
        return find

    arms = [_Arm("ours", ours), _Arm("ILIKE", like("plain"))] + ([_Arm("pg_trgm", like("trigrams"))] if trigrams else [])
    everything = [word for some in queries.values() for word in some]
    same = True
    for word in everything:  # warms all of them up, too
        found = [await arm.find(word) for arm in arms]
        same = same and all(one == found[0] for one in found)
    rounds = 1 if quick() else 3
    took = {arm.name: {word: [] for word in everything} for arm in arms}
    for number in range(rounds):
        for word in everything:
            for arm in reversed(arms) if number % 2 else arms:
                began = time.perf_counter()
                await arm.find(word)
                took[arm.name][word].append(time.perf_counter() - began)
    again = []
    for _ in range(1 if quick() else 20):
        for word in everything:
            began = time.perf_counter()
            await ours(word)
            again.append(time.perf_counter() - began)
    said = f"{told}, {size:,} transcripts of 30 to 130 characters, {_A_DAY} a day, {len(everything)} words of 2 to 8 characters"
    figures = [
        absolute("search", "one search, p99", "ms", statistics.quantiles(again, n=100)[98] * 1000, at_most=50.0, remark=said),
        absolute("search", "one search, median", "ms", statistics.median(again) * 1000),
        Figure("search", "same texts by every way", "1 = yes", float(same), goal="= 1", met=same),
    ]
    for arm in arms[1:]:
        for label, some in (("all", everything), *queries.items()):
            pairs = [
                (len(some) / sum(took["ours"][w][n] for w in some), len(some) / sum(took[arm.name][w][n] for w in some))
                for n in range(rounds)
            ]
            goal = 100.0 if (arm.name, label) == ("ILIKE", "all") else None
            figures.append(compared("search", f"against {arm.name}: {label}", "searches/s", pairs, better="more", goal=goal))
    figures.append(Figure(
        "search", "size of the index", "× its texts", rounded(bytes_of["ours"] / bytes_of["text"]),
        rounded(bytes_of["trigrams"] / bytes_of["text"]) if trigrams else None,
    ))
    figures.append(absolute(
        "search", "writing one transcript of 16 segments, index included", "ms", await _writing(pool, size), at_most=15.0
    ))
    return figures


async def _writing(pool: asyncpg.Pool[asyncpg.Record], size: int) -> float:
    """Median milliseconds of the product's own statement for a transcript's segments, with its triggers."""
    chance, took = random.Random(7), []
    words = _vocabulary(chance)
    for n in range(3 if quick() else 30):
        track = size + 1 + n
        await pool.execute(
            "INSERT INTO recording_track (id, linked_id, base_name, track, path, seconds, bytes, sample_rate, state)"
            " OVERRIDING SYSTEM VALUE VALUES ($1, $2, $2, 'caller', $2, 60, 960044, 8000, 'transcribed')", track, f"new-{n}",
        )
        rows = [(track, ordinal, f"new-{n}", _text(words, chance, 20, 40)) for ordinal in range(16)]
        async with pool.acquire() as connection:
            began = time.perf_counter()
            async with connection.transaction():
                await connection.executemany(
                    "INSERT INTO transcript_segment (track_id, ordinal, linked_id, speaker, start_s, end_s, text, confidence, words)"
                    " VALUES ($1, $2, $3, 'caller', 1, 2, $4, 1, '[]')", rows,
                )
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def _vocabulary(chance: random.Random) -> list[str]:
    """What is said on the telephone, and five thousand further words of two to four characters; the earlier, the more often."""
    characters = [chr(0x4E00 + n) for n in chance.sample(range(8000), 2500)]
    made = {"".join(chance.choices(characters, k=chance.choice((2, 2, 2, 3, 4)))) for _ in range(5000)}
    return [*_SAID, *sorted(made)]


def _text(words: Sequence[str], chance: random.Random, shortest: int, longest: int) -> str:
    """Words by Zipf's law, as long as a character count drawn between the two."""
    length, parts, so_far = chance.randint(shortest, longest), [], 0
    while so_far < length:
        word = words[int(len(words) ** chance.random()) - 1]
        parts.append(word)
        so_far += len(word)
    return "".join(parts)


def _queries(words: Sequence[str], texts: Sequence[str], chance: random.Random, each: int) -> dict[str, list[str]]:
    """Words everybody says, words few say, phrases cut from texts, and what nobody ever said."""
    cut = []
    for text in texts:
        length = chance.randint(4, 8)
        start = chance.randint(0, len(text) - length)
        cut.append(text[start : start + length])
    return {
        "common words": list(words[:each]), "two characters": [w for w in words[200:] if len(w) == 2][: each * 40 : 40],
        "rare words": [w for w in words[-2000:] if len(w) > 2][: each * 40 : 40], "phrases": cut[:each],
        "never said": ["".join(chr(0x6C00 + chance.randrange(2000)) for _ in range(2 + n % 5)) for n in range(each)],
    }


async def _samples(connection: asyncpg.Connection[asyncpg.Record], chance: random.Random, size: int) -> list[str]:
    wanted = [chance.randint(1, size) for _ in range(30)]
    rows = await connection.fetch("SELECT text FROM transcript_segment WHERE track_id = ANY($1::bigint[]) ORDER BY track_id", wanted)
    return [row["text"] for row in rows]


async def _fill(
    connection: asyncpg.Connection[asyncpg.Record], size: int, words: Sequence[str], chance: random.Random, trigrams: bool
) -> dict[str, int]:
    """One segment a call, the texts as the migration takes them in; the same texts for the peers. Bytes of texts and indexes."""
    step = f"interval '{86_400 / _A_DAY} seconds'"
    stages = [
        ("calls and orders", (
            "INSERT INTO work_order (number, channel, opened_at) SELECT 'old-' || n, 'hotline', now() FROM generate_series(1, :n) AS n",
            "INSERT INTO work_order_call (linked_id, order_id) SELECT 'old-' || substr(number, 5), id FROM work_order",
        )),
        ("texts", (
            "INSERT INTO search_text (at, week, linked_id, track_id, ordinal, text) SELECT at, search_week(at), linked_id, track_id, 0,"
            f" text FROM transcript_segment, LATERAL (SELECT now() - track_id * {step} AS at) AS t ORDER BY track_id DESC",
        )),
        ("our index", (
            "SET maintenance_work_mem = '512MB'",
            "CREATE INDEX search_text_keys ON search_text USING gin (search_keys(week, text)) WITH (fastupdate = off)",
        )),
        ("ILIKE's table", (
            "CREATE TABLE plain AS SELECT id, at, text FROM search_text", "CREATE INDEX ON plain (at DESC, id DESC)",
        )),
    ]
    if trigrams:
        stages.append(("pg_trgm's table", (
            "CREATE EXTENSION pg_trgm", "CREATE TABLE trigrams AS SELECT id, at, text FROM search_text",
            "CREATE INDEX trigrams_text ON trigrams USING gin (text gin_trgm_ops)",
        )))
    with Progress(transient=True) as progress:
        bar = progress.add_task("transcripts", total=size + len(stages) * size // 2)
        await connection.execute("SET session_replication_role = replica; DROP INDEX search_text_keys")
        for rows in _portions(size, words, chance):
            await connection.copy_records_to_table(
                "transcript_segment", records=rows, columns=[
                    "track_id", "ordinal", "linked_id", "speaker", "start_s", "end_s", "text", "confidence", "words",
                ],
            )
            progress.advance(bar, len(rows))
        for name, statements in stages:
            progress.update(bar, description=name)
            for statement in statements:
                await connection.execute(statement.replace(":n", str(size)), timeout=7200)
            progress.advance(bar, size // 2)
        await connection.execute("SET session_replication_role = origin")
        await connection.execute("VACUUM ANALYZE", timeout=7200)
    return {
        "text": await connection.fetchval("SELECT sum(octet_length(text)) FROM plain"),
        "ours": await connection.fetchval("SELECT pg_relation_size('search_text_keys')"),
        "trigrams": await connection.fetchval("SELECT pg_relation_size('trigrams_text')") if trigrams else 0,
    }


def _portions(size: int, words: Sequence[str], chance: random.Random) -> Iterator[list[tuple[Any, ...]]]:
    for first in range(1, size + 1, 10_000):
        yield [
            (n, 0, f"old-{n}", "caller", 1.0, 9.0, _text(words, chance, 30, 130), 1.0, "[]")
            for n in range(first, min(first + 10_000, size + 1))
        ]


@asynccontextmanager
async def _server(folder: Path) -> AsyncIterator[tuple[str, str, bool]]:
    """(address, what it is, whether it has pg_trgm): a server of this bench alone; no system cluster is started or touched."""
    if not (_DEBIAN / "postgres").exists() or not _TRIGRAMS.exists() or os.geteuid() != 0:
        embedded = EmbeddedPostgres(folder / "pg", durable=False)
        try:
            yield await embedded.start(), "embedded PostgreSQL 18, pg_trgm is not there (make setup-bench as root)", False
        finally:
            await embedded.stop()
        return
    user = pwd.getpwnam(OWNER)
    own: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": folder}
    os.chown(folder, user.pw_uid, user.pw_gid)
    data = folder / "data"
    subprocess.run(
        [_DEBIAN / "initdb", "-D", data, "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-sync", "-U", OWNER],
        check=True, capture_output=True, **own,
    )
    options = {
        "listen_addresses": "", "unix_socket_directories": folder, "fsync": "off", "synchronous_commit": "off", "shared_buffers": "512MB",
        "max_wal_size": "8GB", "full_page_writes": "off",
    }
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [_DEBIAN / "postgres", "-D", data, *(part for name, value in options.items() for part in ("-c", f"{name}={value}"))],
            stdout=log, stderr=log, **own,
        )
    url = f"postgresql://{OWNER}@/postgres?host={folder}"
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    await (await asyncpg.connect(url)).close()
                    break
                except (OSError, asyncpg.CannotConnectNowError):
                    await asyncio.sleep(0.1)
        yield url, "PostgreSQL 15 of Debian", True
    finally:
        server.send_signal(signal.SIGINT)
        await asyncio.to_thread(server.wait, 60)
