"""What one more call costs the control side when the database already holds many: slope per decade.

A call's facts go through the true store (PostgresLedger.commit, then its two tracks through PostgresTracks.add, take and
finish), in the five portions in which the ledger's tail sees them. Counted are our process and its PostgreSQL backend.
The calls that are already there are written by SQL, with facts, tracks, segments, orders and fields as of a real call.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import asyncpg

from ivr.domain.call import fold
from ivr.domain.events import Fact, LedgerBatch
from ivr.domain.evidence import Thresholds
from ivr.domain.recording import RecordingName, Track
from ivr.domain.transcript import Segment, TrackTranscript, Word
from ivr.intake_tables import load_intake
from ivr.storage.database import open_pool
from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.ledger import PostgresLedger
from ivr.storage.migrate import migrate
from ivr.storage.recordings import PostgresTracks
from ivr.storage.work_orders import WorkOrders
from tests.bench.figure import Figure, absolute, quick, rounded
from tests.bench.process_cost import thread_cpu_seconds

_SAID = ("我", "想", "咨询", "一下", "劳动", "争议", "我", "叫", "马", "建国", "老板", "拖欠", "工资", "三", "个", "月", "了")


def measure(full: bool = False) -> list[Figure]:
    """CPU per call at 1 k, 10 k, 100 k (with ``full`` 1 M) calls in the database, and the growth per decade."""
    folder = Path(tempfile.mkdtemp(prefix="ivr-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        sizes = (20, 200) if quick() else (1_000, 10_000, 100_000, 1_000_000) if full else (1_000, 10_000, 100_000)
        return asyncio.run(_measure(folder, sizes))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(folder: Path, sizes: tuple[int, ...]) -> list[Figure]:
    rounds, calls = (1, 3) if quick() else (9, 60)
    server = EmbeddedPostgres(folder / "pg", durable=False)
    url = await server.start()
    try:
        await migrate(url)
        admin = await asyncpg.connect(url)
        await admin.execute("ALTER SYSTEM SET autovacuum = off")
        await admin.execute("SELECT pg_reload_conf()")
        databases: dict[int, str] = {}
        before = 0
        for size in sizes:
            await _fill(admin, before, size)
            before = size
            if size == sizes[-1]:
                databases[size] = url
                break
            # A copy for each size, so that all sizes can be measured in turns.
            name = f"calls_{size}"
            await admin.close()
            maintenance = await asyncpg.connect(url.replace("/postgres?", "/template1?"))
            await maintenance.execute(f"CREATE DATABASE {name} TEMPLATE postgres STRATEGY file_copy")
            await maintenance.close()
            admin = await asyncpg.connect(url)
            databases[size] = url.replace("/postgres?", f"/{name}?")
        await admin.close()
        cost: dict[int, list[float]] = {size: [] for size in sizes}
        waited: dict[int, list[float]] = {size: [] for size in sizes}
        for number in range(rounds + 1):
            for size in reversed(sizes) if number % 2 else sizes:
                cpu_s, latencies = await _replay(databases[size], number, calls)
                if number or quick():  # the first round warms caches
                    cost[size].append(1000 * cpu_s / calls)
                    waited[size] += latencies
    finally:
        await server.stop()
    figures = [
        absolute(
            "growth", f"control CPU per call, {size:,} calls in the database", "ms", statistics.median(cost[size]),
            remark=f"p99 of a commit {1000 * sorted(waited[size])[round(0.99 * (len(waited[size]) - 1))]:.1f} ms",
        )
        for size in sizes
    ]
    for smaller, larger in itertools.pairwise(sizes):
        ratios = sorted(b / a for a, b in zip(cost[smaller], cost[larger], strict=True))
        ratio = statistics.median(ratios)
        figures.append(Figure(
            "growth", f"{larger:,} over {smaller:,} calls", "ms", rounded(statistics.median(cost[larger])),
            rounded(statistics.median(cost[smaller])), rounded(ratio), (rounded(ratios[0]), rounded(ratios[-1])), "≤ 1.1× a decade",
            ratio <= 1.10, "peer: the same code at the smaller database",
        ))
    return figures


async def _fill(connection: asyncpg.Connection[asyncpg.Record], first: int, last: int) -> None:
    """Calls number first+1 … last with all that hangs on them, a few minutes apart, ending yesterday.

    Triggers are off and the texts for the search are written in bulk, their indexes built at the end: row by row a million calls
    would take most of a day. What the triggers would have written is written all the same.
    """
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'search_text' AND indexname <> 'search_text_pkey'"
    )
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['indexname']}")
    await connection.execute("SET session_replication_role = replica")
    for begin in range(first, last, 50_000):
        span = begin + 1, min(begin + 50_000, last)
        for statement in _CALLS:
            await connection.execute(statement.replace(":first", str(span[0])).replace(":last", str(span[1])))
    await connection.execute("SET session_replication_role = origin")
    await connection.execute("SET maintenance_work_mem = '1GB'")
    for index in indexes:
        await connection.execute(index["indexdef"])
    await connection.execute("UPDATE feed_head SET seq = (SELECT coalesce(max(seq), 0) FROM feed)")
    await connection.execute("VACUUM ANALYZE")


async def _replay(url: str, number: int, calls: int) -> tuple[float, list[float]]:
    """Processor seconds of ``calls`` fresh calls, ours and the backend's, and how long each commit took."""
    pool = await open_pool(url, application="bench", size=1)
    try:
        intake = await load_intake(pool, Thresholds())
        orders = WorkOrders(intake.compose, intake.version)
        ledger, tracks = PostgresLedger(pool, orders), PostgresTracks(pool, orders)
        folding = partial(fold, prefixes={})
        backend: int = await pool.fetchval("SELECT pg_backend_pid()")
        file_id, position, waited = f"bench-{os.getpid()}-{number}", 0, []
        began, cpu = thread_cpu_seconds(backend), time.process_time()
        for serial in range(calls):
            linked_id = f"bench-{number}-{serial}.0"
            base = f"20261124/{linked_id}-6b1f7c1e-0b5f-4f7e-9d5c-0e6a1c{serial:06}"
            for portion in _portions(linked_id, base, 1_790_000_000.0 + 60 * serial):
                facts = tuple(
                    Fact("cel", file_id, position + n, linked_id, kind, at, data) for n, (kind, at, data) in enumerate(portion)
                )
                at = time.perf_counter()
                await ledger.commit(LedgerBatch("cel", file_id, position, position + len(facts), facts), folding)
                waited.append(time.perf_counter() - at)
                position += len(facts)
            await _transcribe(tracks, base)
        return time.process_time() - cpu + thread_cpu_seconds(backend) - began, waited
    finally:
        await pool.close()


def _portions(linked_id: str, base: str, at: float) -> list[list[tuple[str, float, dict[str, str]]]]:
    """A call's facts as the tail of the ledger finds them."""
    caller = {"uniqueid": linked_id, "channame": "PJSIP/trunk-carrier-00000001", "context": "from-trunk-carrier",
              "num": "13895112348", "name": "马建国", "exten": "12348"}
    seat = {"uniqueid": f"{linked_id[:-2]}.1", "channame": "PJSIP/seat-one-00000002", "context": "from-seat"}

    def extra(text: str) -> dict[str, str]:
        return caller | {"extra": text, "appname": "CELGenUserEvent"}

    return [
        [("CHAN_START", at, caller), ("user:ENTERED", at, extra("hotline")), ("ANSWER", at, caller), ("user:NOTICE", at, extra("2026-11"))],
        [("user:RECORDING", at + 7, extra(base)), ("user:QUEUE_ENTERED", at + 7, extra("hotline")), ("APP_START", at + 7, caller),
         ("CHAN_START", at + 7, seat)],
        [("ANSWER", at + 12, seat), ("BRIDGE_ENTER", at + 12, seat), ("BRIDGE_ENTER", at + 12, caller)],
        [("BRIDGE_EXIT", at + 180, caller), ("BRIDGE_EXIT", at + 180, seat),
         ("HANGUP", at + 180, caller | {"hangupcause": "16", "hangupsource": caller["channame"]}), ("CHAN_END", at + 180, caller)],
        [("HANGUP", at + 180, seat | {"hangupcause": "16"}), ("LINKEDID_END", at + 180, seat)],
    ]


async def _transcribe(tracks: PostgresTracks, base: str) -> None:
    name = RecordingName.parse(base)
    assert name is not None
    await tracks.add([Track(name, who, 168.0, 2_688_044, 8_000) for who in ("caller", "operator")])
    while (job := await tracks.take("bench", 60)) is not None:
        words = [Word(text, n * 0.4, n * 0.4 + 0.3, 1.0) for n, text in enumerate(_SAID)]
        heard = [Segment(job.track, words[0].start_s, words[-1].end_s, tuple(words)) for _ in range(8)]
        assert await tracks.finish(job, "bench", TrackTranscript(job.track, "bench", 168.0, 60.0, tuple(heard)))


_NUMBERS = "FROM generate_series(:first, :last) AS n"
_OLD = "(SELECT 'old-' || n FROM generate_series(:first, :last) AS n)"
_AT = "now() - interval '1 day' - n * interval '1 minute'"
_CALLS = (
    "INSERT INTO call (linked_id, state, outcome, channel, called_number, caller_number, caller_number_raw, trunk, queue,"
    " member_interface, notice_version, recording_name, arrived_at, queued_at, answered_at, ended_at, hangup_cause, hangup_by)"
    " SELECT 'old-' || n, 'ended', 'answered', 'hotline', '12348', '138' || lpad(n::text, 8, '0'), '138' || lpad(n::text, 8, '0'),"
    f" 'carrier', 'hotline', 'PJSIP/seat-one', '2026-11', '20261101/old-' || n, {_AT}, {_AT}, {_AT}, {_AT}, 16, 'caller' {_NUMBERS}",
    "INSERT INTO call_fact (source, file_id, position, linked_id, kind, at, data) SELECT 'cel', 'old-file-' || n / 20000, n * 20 + f,"
    f" 'old-' || n, 'BRIDGE_ENTER', {_AT}, jsonb_build_object('uniqueid', 'old-' || n, 'channame', 'PJSIP/trunk-carrier-00000001',"
    " 'context', 'queue-hotline', 'num', '13895112348', 'exten', 's', 'appname', 'Queue', 'appdata', 'hotline,c,,,300')"
    f" {_NUMBERS}, generate_series(1, 17) AS f",
    "INSERT INTO recording_track (linked_id, base_name, track, path, seconds, bytes, sample_rate, state, attempts, finished_at, model)"
    " SELECT 'old-' || n, '20261101/old-' || n, t, '20261101/old-' || n || '-' || t || '.wav', 168, 2688044, 8000, 'transcribed', 1,"
    f" {_AT}, 'bench' {_NUMBERS}, unnest(ARRAY['caller', 'operator']) AS t",
    "INSERT INTO transcript_segment (track_id, ordinal, linked_id, speaker, start_s, end_s, text, confidence, words)"
    " SELECT r.id, s, r.linked_id, r.track, s * 10, s * 10 + 7, '我想咨询一下劳动争议我叫马建国老板拖欠工资三个月了', 1,"
    " (SELECT jsonb_agg(jsonb_build_object('text', w, 'start_s', 1.5, 'end_s', 1.8, 'confidence', 1)) FROM"
    " unnest(ARRAY['我','想','咨询','一下','劳动','争议','我','叫','马','建国']) AS w)"
    f" FROM recording_track r, generate_series(0, 7) AS s WHERE r.linked_id IN {_OLD}",
    "INSERT INTO search_text (at, week, linked_id, track_id, ordinal, text) SELECT c.arrived_at, search_week(c.arrived_at), s.linked_id,"
    f" s.track_id, s.ordinal, s.text FROM transcript_segment s JOIN call c USING (linked_id) WHERE s.linked_id IN {_OLD}",
    "INSERT INTO work_order (number, opened_by_call, channel, state, outcome, caller_number, category, matter, opened_at, filled_at)"
    f" SELECT 'old-' || n, 'old-' || n, 'hotline', 'draft', 'answered', '13895112348', '1', '1', {_AT}, {_AT} {_NUMBERS}",
    "INSERT INTO work_order_call (linked_id, order_id) SELECT opened_by_call, id FROM work_order WHERE opened_by_call IN"
    f" {_OLD}",
    "INSERT INTO work_order_field (order_id, field, value, display, source, linked_id, speaker, text, start_s, end_s, confidence)"
    " SELECT o.order_id, f, '1', '一', 'machine', o.linked_id, 'caller', '劳动争议', 1, 2, 1 FROM work_order_call o,"
    " unnest(ARRAY['category', 'matter', 'caller_name', 'callback_number', 'place']) AS f WHERE o.linked_id IN"
    f" {_OLD}",
    "INSERT INTO search_text (at, week, order_id, part, ordinal, text) SELECT o.opened_at, search_week(o.opened_at), o.id, f.field,"
    f" f.ordinal, f.display FROM work_order_field f JOIN work_order o ON o.id = f.order_id WHERE o.opened_by_call IN {_OLD}",
    "INSERT INTO feed (seq, topic, key, at) SELECT n * 8 + f, 'call', 'old-' || n, now() - interval '1 day' - n * interval '1 minute'"
    f" {_NUMBERS}, generate_series(0, 7) AS f WHERE n <= 20000",
)
