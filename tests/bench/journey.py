"""Two hundred callers of every kind in one run against a real Asterisk: does every call end, once, and do the books balance?

Some talk and are left by the operator, some give up in the greeting or the queue, refuse the recording, leave a message, ask
how their order stands, or keep their place and are called back. Keys go by SIP INFO. Four seats are too few for them all, so
that a queue forms. The promised rule (docs/explanation): for each number answered + abandoned + call-back + message +
self-service + overflow + failed = arrived, and each call has exactly one order; whoever was promised a call-back got one.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from tests.bench.exchange import Exchange, exchange
from tests.bench.figure import Figure, absolute, quick
from tests.bench.sip_load import OPTIONAL, SDP, STREAM, SipLoad, request
from tests.fakes.free_ports import free_ports

SEATS, TALK_S, STAYS_S, WITHIN_S = 4, 8.0, 60.0, 300.0
_KEY_S = 0.4
_HUNG_UP_ON = """<recv request="BYE" timeout="240000"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Callers who do the same: keys as (seconds to wait first, key), then seconds until they hang up; 0: they are hung up on."""

    name: str
    share: float
    keys: tuple[tuple[float, str], ...]
    stays_s: float
    may_end: frozenset[str]


def kinds(order: str) -> list[Kind]:
    """Every kind of caller; ``order`` is the 13 digits of an order to ask about. ``menu`` is the plan they meet."""
    skip = (0.6, "1")  # in the greeting, no choice yet: it leads to the menu at once
    queue = (skip, (0.8, "1"))
    number = ((0.8 if n == 0 else _KEY_S, digit) for n, digit in enumerate(order))
    return [
        Kind("talks", 0.30, queue, 0, frozenset({"answered"})),
        Kind("gives up in the greeting", 0.10, (), 3, frozenset({"abandoned"})),
        Kind("gives up waiting", 0.15, queue, 6, frozenset({"answered", "abandoned"})),
        Kind("refuses the recording", 0.10, ((0.6, "9"), (4.5, "1")), 0, frozenset({"answered"})),
        Kind("leaves a message", 0.13, (skip, (0.8, "#")), 12, frozenset({"message"})),
        Kind("asks for progress", 0.10, (skip, (0.8, "8"), *number), 7, frozenset({"self_service"})),
        Kind("keeps the place", 0.12, (*queue, (1.5, "7"), (1.5, "1")), 0, frozenset({"callback", "answered"})),
    ]


def script(kind: Kind, sound: Path) -> str:
    """SIPp's scenario of one kind; who may wait long sends sound, because a silent line is a dead one after half a minute."""
    steps = request("INVITE", 1, SDP, "Content-Type: application/sdp\n", in_dialog=False) + OPTIONAL
    steps += '<recv response="200"/>\n' + request("ACK", 1)
    if not kind.stays_s:
        steps += STREAM.format(sound=sound)
    sequence = 2
    for wait_s, key in kind.keys:
        steps += f'<pause milliseconds="{round(wait_s * 1000)}"/>\n'
        steps += request("INFO", sequence, f"Signal={key}\nDuration=120\n", "Content-Type: application/dtmf-relay\n")
        steps += '<recv response="200"/>\n'
        sequence += 1
    if kind.stays_s:
        steps += f'<pause milliseconds="{round(kind.stays_s * 1000)}"/>\n' + request("BYE", sequence) + '<recv response="200"/>\n'
    else:
        steps += _HUNG_UP_ON
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="caller">\n{steps}</scenario>\n'


def measure(full: bool = False) -> list[Figure]:
    """The run's figures; ``full`` doubles the callers."""
    with tempfile.TemporaryDirectory(prefix="ivr-bench-", dir="/var/tmp") as name:
        return asyncio.run(_measure(Path(name), 20 if quick() else 400 if full else 200))


async def _measure(folder: Path, count: int) -> list[Figure]:
    load = SipLoad(folder, core=None)
    citizens = free_ports(1)[0]

    def line(name: str, text: str) -> str:
        """Citizens are called back elsewhere than operators; both answer calls, not OPTIONS, so neither is asked."""
        if name != "pjsip.conf":
            return text
        return re.sub(
            r"(\[trunk-carrier\]\ntype = aor\n)(?:\w+ = .*\n)+", rf"\1contact = sip:127.0.0.1:{citizens}\nqualify_frequency = 0\n", text
        )

    async with (
        exchange("journey", worker=True, seats=SEATS, core=None, menu="menu", adjust=line) as ours,
        load.desk(ours.desk_port, talk_s=TALK_S), load.desk(citizens, talk_s=STAYS_S, media_port=53_000),
    ):
        database = await asyncpg.connect(ours.database_url)
        try:
            await load.call(ours.port, calls=1, rate=1.0, seconds=2, callers=[("13990000000", "x")])
            order = str((await _until(database, "SELECT number FROM work_order WHERE caller_number = '13990000000'", 1))[0]["number"])
            placed = {k: [f"1399{n:03}{c:04}" for c in range(max(1, round(count * k.share)))] for n, k in enumerate(kinds(order[6:]), 1)}
            began = time.monotonic()
            failed = sum(await asyncio.gather(*(_place(load, ours, kind, numbers, n) for n, (kind, numbers) in enumerate(placed.items()))))
            figures = await _judge(database, ours, placed, failed)
            took = time.monotonic() - began
        finally:
            await database.close()
    callers = sum(map(len, placed.values()))
    return [absolute("journey", f"{callers} callers of {len(placed)} kinds, first call to last order", "s", took), *figures]


async def _place(load: SipLoad, ours: Exchange, kind: Kind, numbers: Sequence[str], n: int) -> int:
    """All callers of a kind, spread over about a hundred seconds; how many of them SIP failed."""
    rate = max(0.05, len(numbers) / (10 if quick() else 100))
    done = await load.call(
        ours.port, calls=len(numbers), rate=rate, seconds=260, callers=[(x, "x") for x in numbers], scenario=script(kind, load.sound),
        media_port=40_000 + 1_000 * n,
    )
    return done.failed


async def _judge(database: asyncpg.Connection[asyncpg.Record], ours: Exchange, placed: dict[Kind, list[str]], failed: int) -> list[Figure]:
    numbers = [n for group in placed.values() for n in group]
    calls = await _until(
        database, "SELECT caller_number, outcome, recording_refused, linked_id FROM call WHERE state = 'ended' AND channel <> 'callback'"
        " AND caller_number = ANY($1)", len(numbers), numbers,
    )
    await _until_none(database, "SELECT * FROM callback_job WHERE state NOT IN ('done', 'failed', 'withdrawn')")
    await _until_none(database, "SELECT * FROM work_order WHERE filled_at IS NULL")
    orders = await database.fetch(
        "SELECT oc.linked_id, o.state, o.asked_about FROM work_order_call oc JOIN work_order o ON o.id = oc.order_id"
        " WHERE oc.linked_id = ANY($1)", [c["linked_id"] for c in calls],
    )
    order_of = {o["linked_id"]: o for o in orders}
    outcomes = Counter(c["outcome"] for c in calls)
    of_number = {c["caller_number"]: c for c in calls}
    astray = [
        f"{kind.name}: {of_number[n]['outcome']}" for kind, group in placed.items() for n in group
        if n not in of_number or of_number[n]["outcome"] not in kind.may_end
    ]
    astray += [
        "an enquiry's order is open or names none" for c in calls
        if c["outcome"] == "self_service" and (order_of[c["linked_id"]]["state"] != "closed" or not order_of[c["linked_id"]]["asked_about"])
    ]
    promised = outcomes["callback"]
    kept = int(await database.fetchval("SELECT count(*) FROM callback_job WHERE state = 'done'"))
    refused = sum(c["recording_refused"] for c in calls)
    sound = await database.fetch("SELECT linked_id FROM recording_track WHERE linked_id = ANY($1)",
                                 [c["linked_id"] for c in calls if c["recording_refused"]])
    answered = outcomes["answered"] + int(await database.fetchval(
        "SELECT count(*) FROM call WHERE channel = 'callback' AND outcome = 'answered'"))
    connects = len(re.findall(r"\|CONNECT\|", (ours.settings.state_dir / "run/asterisk/log/queue_log").read_text()))
    told = ", ".join(f"{k} {v}" for k, v in sorted(outcomes.items()))
    return [
        absolute("journey", "callers whose SIP dialogue failed", "calls", failed, at_most=0),
        absolute("journey", "arrived less all outcomes (the balance rule)", "calls", abs(len(numbers) - len(calls)), at_most=0, remark=told),
        absolute("journey", "calls without exactly one order", "calls", len(calls) - len(order_of) + len(orders) - len(order_of), at_most=0),
        absolute("journey", "calls that ended as their callers could not have meant", "calls", len(astray), at_most=0, remark="; ".join(astray[:5])),
        absolute("journey", "answered calls less Asterisk's own CONNECT lines", "calls", abs(answered - connects), at_most=0),
        absolute("journey", "promised call-backs not kept", "calls", promised - kept, at_most=0, remark=f"{promised} promised, {kept} kept"),
        absolute("journey", "recordings of callers who refused", "files", len(sound), at_most=0, remark=f"{refused} refused"),
    ]


async def _until(database: asyncpg.Connection[asyncpg.Record], sql: str, count: int, *values: Any) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = []
    try:
        async with asyncio.timeout(WITHIN_S):
            while len(rows := await database.fetch(sql, *values)) < count:
                await asyncio.sleep(0.5)
    except TimeoutError:
        raise RuntimeError(f"after {WITHIN_S:.0f} s only {len(rows)} of {count} are there: {sql}") from None
    return list(rows)


async def _until_none(database: asyncpg.Connection[asyncpg.Record], sql: str) -> None:
    try:
        async with asyncio.timeout(WITHIN_S):
            while await database.fetchval(f"SELECT count(*) FROM ({sql}) open"):
                await asyncio.sleep(0.5)
    except TimeoutError:
        left = [dict(row) for row in await database.fetch(f"{sql} LIMIT 3")]
        raise RuntimeError(f"after {WITHIN_S:.0f} s there is still {left}") from None
