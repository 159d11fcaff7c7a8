"""What a call costs: our dialplan and controller against a bare answer, play, hang-up on the same Asterisk.

SIPp makes calls at a fixed rate. Asterisk and the controller are pinned to core 0, SIPp to core 1; PostgreSQL is pinned
nowhere and not counted. Both Asterisks run all the time, an arm is who gets the calls. Idle time of the controller while
calls are made counts as ours.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.exchange import Exchange, exchange
from tests.bench.figure import Figure, absolute, compared, quick
from tests.bench.process_cost import cpu_seconds_so_far
from tests.bench.sip_load import SipLoad

_AGAIN = "Goto(from-trunk-carrier,12348,2)"
_SEATS = 60
_SETTLES_S = 2.0


@dataclass(slots=True)
class _Tally:
    """Calls made and failed over the whole bench, ours only."""

    made: int = 0
    failed: int = 0


def measure(full: bool = False) -> list[Figure]:
    """CPU per call without and with recording, calls held at once, calls failed."""
    with tempfile.TemporaryDirectory(prefix="ivr-bench-", dir="/var/tmp") as name:
        return asyncio.run(_measure(Path(name), full))


async def _measure(folder: Path, full: bool) -> list[Figure]:
    calls, pairs, rate = (2, 1, 2.0) if quick() else (60, 7 if full else 5, 5.0)
    load = SipLoad(folder, core=1 if (os.cpu_count() or 1) > 1 else None)
    tally = _Tally()
    figures = []
    async with (
        exchange("ours", seats=_SEATS, rtp=22000) as ours, load.desk(ours.desk_port),
        exchange("bare", bare=True, then=_AGAIN, rtp=26000) as bare,
        exchange("dial", bare=True, then="Dial(PJSIP/seat-n0,30)", rtp=30000) as dial, load.desk(dial.desk_port, media_port=52_000),
    ):
        async def cost(who: Exchange, seconds: float, key: str, speaking: bool) -> float:
            """CPU-seconds per call of Asterisk and controller, from the first call to the last fact stored."""
            before = cpu_seconds_so_far(who.pids)
            made = await load.call(who.port, calls=calls, rate=rate, seconds=seconds, key=key, speaking=speaking)
            await asyncio.sleep(_SETTLES_S)
            if who is ours:
                tally.made += made.calls
                tally.failed += made.failed
            elif made.failed:
                raise RuntimeError(f"{made.failed} of {made.calls} calls to the bare Asterisk failed")
            return (cpu_seconds_so_far(who.pids) - before) / made.calls

        greeted = 2.0 if quick() else 6.5
        one_leg: dict[str, list[float]] = {"ours": [], "bare": []}
        await _rounds(pairs, one_leg, {
            "ours": lambda: cost(ours, greeted, "", False), "bare": lambda: cost(bare, greeted, "", False)})
        talked = 3.0 if quick() else 15.0
        two_legs: dict[str, list[float]] = {"ours": [], "bare": [], "dial": []}
        await _rounds(pairs, two_legs, {
            "ours": lambda: cost(ours, talked, "0", True), "bare": lambda: cost(bare, talked, "", True),
            "dial": lambda: cost(dial, talked, "0", True)})
        tracks = [p for p in ours.settings.recordings_dir.rglob("*.wav") if p.stat().st_size > 16_000]
        at = f"{rate:g} calls/s, {calls} calls an arm"
        figures += [
            _milliseconds("greeting and notice, no recording", one_leg, "bare", 1.15, f"{at} of {greeted:g} s; peer plays the same sound"),
            _milliseconds("queue, operator, two tracks vs play", two_legs, "bare", 1.45,
                          f"{at} of {talked:g} s; ours has two legs and a bridge, the peer one leg; {len(tracks)} tracks written"),
            _milliseconds("queue, operator, two tracks vs bare Dial", two_legs, "dial", 1.45,
                          "the peer dials the same desk: equal legs, no queue, no recording, no ledger"),
        ]
        steps = (3,) if quick() else (100, 200, 300, 400, 600)
        held = [await _most_held(load, who, steps, tally if who is ours else _Tally()) for who in (ours, bare)]
        figures.append(compared(
            "calls", "calls held at once, none failed", "calls", [(held[0], max(held[1], 1))], better="more",
            remark=f"greeting, then the queue's music; tried {', '.join(map(str, steps))} on one core",
        ))
    figures.append(absolute(
        "calls", "failed calls", "%", 100 * tally.failed / tally.made, at_most=0.1, remark=f"{tally.failed} of {tally.made} in all arms of ours"
    ))
    return figures


async def _rounds(pairs: int, cost: dict[str, list[float]], arms: dict[str, Callable[[], Awaitable[float]]]) -> None:
    for number in range(pairs):
        for name in reversed(arms) if number % 2 else arms:
            cost[name].append(await arms[name]())


def _milliseconds(figure: str, cost: dict[str, list[float]], peer: str, goal: float, remark: str) -> Figure:
    pairs = [(1000 * a, 1000 * b) for a, b in zip(cost["ours"], cost[peer], strict=True)]
    return compared("calls", figure, "CPU-ms/call", pairs, better="less", goal=goal, remark=remark)


async def _most_held(load: SipLoad, who: Exchange, steps: tuple[int, ...], tally: _Tally) -> int:
    """The greatest of these numbers of calls up at the same time of which none failed; stops at the first failure."""
    held = 0
    for wanted in steps:
        ramp = min(25.0, wanted)
        made = await load.call(who.port, calls=wanted, rate=ramp, seconds=wanted / ramp + 12, most=wanted)
        if made.failed > wanted * 0.001:
            break
        tally.made += made.calls
        held = wanted
    return held
