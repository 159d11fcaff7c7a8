"""What a video call costs: one that is passed on by Asterisk against a call of sound alone, and how many two cores hold.

No frame is decoded: VP8 and H.264 are bytes that go from leg to leg. Both kinds of call go through the same Asterisk, which does
nothing but dial; they take turns. Asterisk is pinned to core 0 while its cost is measured and to none while calls are added;
the other ends of all calls run beside it, on the same two cores.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path

from tests.bench.exchange import Exchange, exchange
from tests.bench.figure import Figure, absolute, compared, quick
from tests.bench.process_cost import cpu_seconds_so_far
from tests.bench.video_load import Counted, Media, Party, parties

_DIAL = "[from-trunk-carrier]\nexten => 12348,1,Dial(PJSIP/seat-n0,30)\n same => n,Hangup()\n"
_KINDS = {"audio": "", "VP8": "VP8", "H.264": "H264"}
_LOSS = 0.01
_SENT = 0.9  # when the other ends are too slow for what they should send, nothing is said of Asterisk
_SETTLES_S = 1.0


def measure(full: bool = False) -> list[Figure]:
    """CPU of a video call relayed against one of sound, by codec; video calls held at once with less than 1 % loss."""
    kept = os.sched_getaffinity(0)
    try:
        return asyncio.run(_measure(full))
    finally:
        os.sched_setaffinity(0, kept)


def _adjusted(name: str, text: str) -> str:
    if name == "extensions.conf":
        return _DIAL
    return text.replace("allow = alaw,ulaw\n", "allow = alaw,ulaw,h264,vp8\nmax_video_streams = 1\n") if name == "pjsip.conf" else text


async def _measure(full: bool) -> list[Figure]:
    calls, seconds, rounds = (2, 1.0, 1) if quick() else (20, 10.0, 7 if full else 5)
    figures = []
    async with exchange("video", bare=True, adjust=_adjusted, rtp=34000, core=0) as relay:
        if (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(0, {1})
        async with parties(relay.port, relay.desk_port) as (media, callers, desk):
            share: dict[str, list[float]] = {kind: [] for kind in _KINDS}
            lost: dict[str, float] = dict.fromkeys(_KINDS, 0.0)
            for number in range(rounds):
                for kind in reversed(_KINDS) if number % 2 else _KINDS:
                    used, counted = await _cost(relay, media, callers, desk, kind, calls, seconds)
                    share[kind].append(100 * used / seconds / calls)
                    lost[kind] = max(lost[kind], counted.loss())
            for kind in ("VP8", "H.264"):
                figures.append(compared(
                    "video", f"{kind} call passed on vs a call of sound", "% of a core", list(zip(share[kind], share["audio"], strict=True)),
                    better="less", remark=f"{calls} calls at once for {seconds:g} s, {rounds} rounds in turn; 440 kbit/s of video each way;"
                    f" worst loss {100 * lost[kind]:.2f} %, of sound alone {100 * lost['audio']:.2f} %",
                ))
            os.sched_setaffinity(0, range(os.cpu_count() or 1))
            for thread in Path(f"/proc/{relay.asterisk.process.pid}/task").iterdir():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread.name), range(os.cpu_count() or 1))
            held, why = await _most_held(media, callers, desk, (2,) if quick() else (25, 35, 50, 65, 80, 100, 125, 150, 200))
    figures.append(absolute("video", f"VP8 calls passed on at once, less than {_LOSS:.0%} lost", "calls", held, remark=f"{os.cpu_count()} cores, with both ends of each call on them; {why}"))
    return figures


async def _cost(
    relay: Exchange, media: Media, callers: Party, desk: Party, kind: str, calls: int, seconds: float
) -> tuple[float, Counted]:
    """Asterisk's CPU-seconds while so many calls of a kind talk, and what arrived."""
    callers.video = desk.video = _KINDS[kind]
    callers.pictures = 0
    dialogues = [await callers.call(n) for n in range(calls)]
    if callers.pictures != (calls if _KINDS[kind] else 0):
        raise RuntimeError(f"{callers.pictures} of {calls} {kind} calls had a picture")
    await asyncio.sleep(_SETTLES_S)
    counted = Counted()
    media.count(counted)
    before = cpu_seconds_so_far([relay.asterisk.process.pid])
    await asyncio.sleep(seconds)
    used = cpu_seconds_so_far([relay.asterisk.process.pid]) - before
    media.count(None)
    await _end(media, callers, dialogues)
    return used, counted


async def _most_held(media: Media, callers: Party, desk: Party, steps: tuple[int, ...]) -> tuple[int, str]:
    """The greatest of these numbers of VP8 calls at once at which less than 1 % was lost, and what ended it."""
    callers.video = desk.video = "VP8"
    dialogues: list[str] = []
    held, why = 0, "every step held"
    try:
        for wanted in steps:
            while len(dialogues) < wanted:
                dialogues.append(await callers.call(len(dialogues)))
            await asyncio.sleep(2 * _SETTLES_S)
            counted, seconds = Counted(), 2 if quick() else 8
            media.count(counted)
            began = time.monotonic()
            await asyncio.sleep(seconds)
            media.count(None)
            due = wanted * 4 * 50 * (time.monotonic() - began)  # two legs, sound and picture, a packet of each every 20 ms
            if counted.loss() >= _LOSS or sum(counted.sent.values()) < _SENT * due:
                why = f"at {wanted}: {100 * counted.loss():.1f} % lost, the ends sent {100 * sum(counted.sent.values()) / due:.0f} % of what was due"
                break
            held = wanted
    except (TimeoutError, RuntimeError) as failed:
        why = f"after {len(dialogues)} calls a further one failed: {str(failed) or 'no answer'}"
    await _end(media, callers, dialogues)
    return held, why


async def _end(media: Media, callers: Party, dialogues: list[str]) -> None:
    media.clear()
    for dialogue in dialogues:
        try:
            await callers.hang_up(dialogue)
        except TimeoutError:
            continue
