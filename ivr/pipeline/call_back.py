"""Keep promised call-backs: when a seat is free and it is the citizen's turn, dial; look up what became of it.

One controller does it at a time. An attempt is written down under the linked id its call will have, then dialled: a
controller that dies in between leaves an attempt whose call never was, and the next one finds that out from the ledger and
from Asterisk before it dials again. So nobody is called twice for one promise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from ivr.domain.callback import KEEPS_PLACE, CallbackJob, CallbackRules, QueueNow, attempt_id, startable
from ivr.domain.errors import IvrError, Unavailable
from ivr.domain.queue import QueueBoard
from ivr.ports.callbacks import (
    CallbackDesk,
    CallbackStore,
    CallRefused,
    CitizenCall,
    CitizenCalls,
    OpenAttempt,
    OutgoingLine,
)

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_LOOK_UP_AFTER_S = 10.0
_LEDGER_WITHIN_S = 30.0


class CallBackDialler:
    """``board`` is the live view, ``in_hours`` tells of a Unix time whether citizens may be called.

    ``read_ledger`` returns when all that Asterisk wrote so far is committed. ``lines`` are the lines by name, the first of
    which serves promises whose own line is gone.
    """

    def __init__(
        self, store: CallbackStore, calls: CitizenCalls, board: Callable[[], QueueBoard],
        read_ledger: Callable[[float], Awaitable[None]], lines: Mapping[str, OutgoingLine], system: str, rules: CallbackRules, *,
        ring_s: int, in_hours: Callable[[float], bool], look_up_after_s: float = _LOOK_UP_AFTER_S,
        village_ring_s: int = 60, shown: str = "12348",
    ) -> None:
        self._store = store
        self._calls = calls
        self._board = board
        self._read_ledger = read_ledger
        self._lines = lines
        self._system = system
        self._rules = rules
        self._ring_s = ring_s
        self._village_ring_s = village_ring_s
        self._shown = shown
        self._in_hours = in_hours
        self._look_up_after_s = look_up_after_s

    async def run(self) -> None:
        """Ends only when cancelled; what it stands on being away only delays it."""
        while True:
            try:
                async with self._store.leading() as desk:
                    while desk is not None:
                        await self.look(desk)
                        await asyncio.sleep(_LOOK_EVERY_S)
            except (IvrError, TimeoutError, OSError) as away:
                log.warning("callbacks_wait", reason=str(away) or type(away).__name__)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def look(self, desk: CallbackDesk) -> None:
        """One look at everything that is owed."""
        await desk.tidy()
        attempts = await desk.open_attempts()
        await self._look_up(desk, attempts)
        jobs = await desk.waiting()
        board = self._board()
        if not self._lines:
            jobs = [job for job in jobs if job.device]
        if not jobs or not board.link_up:
            return
        now = await desk.now()
        queues = await self._queues(desk, board)
        ringing = [a.queue for a in attempts if a.ringing]
        for job in startable(jobs, ringing, queues, now, self._in_hours(now), self._rules):
            await self._start(desk, job, now)

    async def _queues(self, desk: CallbackDesk, board: QueueBoard) -> dict[str, QueueNow]:
        waiting = {c.linked_id for view in board.queues.values() for c in view.callers.values()}
        arrived = await desk.arrivals(waiting) if waiting else {}
        return {
            name: QueueNow(
                frozenset(m.interface for m in view.members.values() if m.state == "available"),
                tuple(arrived.get(c.linked_id, c.joined_at) for c in view.callers.values()),
                sum(m.state in ("ringing", "talking") for m in view.members.values()),
            )
            for name, view in board.queues.items()
        }

    async def _start(self, desk: CallbackDesk, job: CallbackJob, now: float) -> None:
        line = self._lines.get(job.trunk) or next(iter(self._lines.values()), None)
        there = job.device != "" and await self._calls.reaches(job.device)
        number = job.telephone if job.device else job.number
        if not there and line is not None and number and await self._calls.room(line) < 1:
            log.info("callback_line_full", job=job.id, line=line.name)
            return
        linked_id = attempt_id(self._system, job.id, job.tries + 1, now)
        if not await desk.begin(job, linked_id, "" if there else number):
            return
        if not there and (line is None or not number):
            log.info("callback_not_placed", job=job.id, linked_id=linked_id, reason="phone away, no telephone known")
            await desk.not_placed(linked_id)
            return
        # Who complained has no place to keep: it is the turn of the moment.
        arrived_at = job.arrived_at if job.kind in KEEPS_PLACE else now
        log.info("callback_dialled", job=job.id, linked_id=linked_id, kind=job.kind, queue=job.queue)
        try:
            await self._calls.call(
                CitizenCall(
                    linked_id, job.kind, "", job.queue, None, arrived_at, self._village_ring_s, job.device, self._shown
                ) if there else CitizenCall(linked_id, job.kind, number, job.queue, line, arrived_at, self._ring_s)
            )
        except (CallRefused, ValueError) as refused:
            log.warning("callback_not_placed", job=job.id, linked_id=linked_id, reason=str(refused))
            await desk.not_placed(linked_id)

    async def _look_up(self, desk: CallbackDesk, attempts: Sequence[OpenAttempt]) -> None:
        """Close attempts that never became a call: Asterisk has no such channel, and its ledger, read to its end, no word of it."""
        lost = [a for a in attempts if not a.told and a.age_s > self._look_up_after_s]
        lost = [a for a in lost if not await self._calls.is_live(a.linked_id)]
        if not lost:
            return
        await self._until_read()
        known = {a.linked_id for a in await desk.open_attempts() if not a.told}
        for attempt in lost:
            if attempt.linked_id in known:
                log.warning("callback_not_placed", linked_id=attempt.linked_id, reason="no call came of it")
                await desk.not_placed(attempt.linked_id)

    async def _until_read(self) -> None:
        try:
            await self._read_ledger(_LEDGER_WITHIN_S)
        except TimeoutError:
            raise Unavailable("the ledger cannot be read to its end") from None
