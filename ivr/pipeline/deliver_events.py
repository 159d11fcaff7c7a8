"""Tell partners what happened to orders: each partner has a task of its own, so that one who hangs holds up nobody else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from ivr.domain.delivery import RetryRules
from ivr.domain.errors import IvrError
from ivr.ports.partners import Delivery, Outbox, Partner, PartnerPost
from ivr.ports.pipeline import Alarms

log = structlog.get_logger(__name__)

_OVERDUE_EVERY = 20
_HELD_EVERY = 30
_PRUNE_EVERY = 3600


@dataclass(frozen=True, slots=True)
class Lane:
    """How one partner is told: ``at_once`` deliveries, each ends within ``attempt_s``, ``rules`` say when it is tried again.

    ``later_s`` after an attempt that was postponed. ``told_held``: what was given up is an alarm, because a person can cure it.
    """

    rules: RetryRules
    attempt_s: float
    at_once: int = 4
    later_s: float = 60.0
    told_held: bool = True


class EventDeliverer:
    """One task of the controller; looks every ``look_every_s``. Nothing of it waits inside a transaction of a fact.

    An attempt must end within ``attempt_s`` (the post sees to that); its lease is longer, so that only a controller that
    died loses one. What was told before a crash and not written down is told again, under the same key. ``quiet`` says of a
    partner whether nothing is sent to it now, new or again. ``lanes`` names the partners that are told in another way.
    """

    def __init__(
        self, outbox: Outbox, post: PartnerPost, partners: Sequence[Partner], rules: RetryRules, alarms: Alarms, *,
        attempt_s: float, keep_days: int = 30, look_every_s: float = 1.0, quiet: Callable[[str], bool] = lambda _: False,
        lanes: Mapping[str, Lane] | None = None,
    ) -> None:
        self._outbox = outbox
        self._post = post
        self._partners = tuple(partners)
        self._usual = Lane(rules, attempt_s)
        self._lanes = lanes or {}
        self._alarms = alarms
        self._keep_days = keep_days
        self._look_every_s = look_every_s
        self._quiet = quiet

    async def run(self) -> None:
        """Ends only when cancelled; a database that is away only delays it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._spread(), name="outbox")
            for partner in self._partners:
                tasks.create_task(self._serve(partner), name=f"partner {partner.name}")

    async def _spread(self) -> None:
        rounds = 0
        while True:
            try:
                if rounds % _OVERDUE_EVERY == 0:
                    await self._outbox.note_overdue()
                if rounds % _PRUNE_EVERY == 0:
                    await self._outbox.prune(self._keep_days)
                while await self._outbox.spread(self._partners):
                    await asyncio.sleep(0)
            except IvrError as away:
                log.warning("outbox_waits", reason=str(away))
            rounds += 1
            await asyncio.sleep(self._look_every_s)

    async def _serve(self, partner: Partner) -> None:
        rounds = 0
        while True:
            taken = 0
            try:
                if not self._quiet(partner.name):
                    taken = await self.deliver(partner.name)
                if rounds % _HELD_EVERY == 0:
                    await self._tell_held(partner.name)
            except* IvrError as away:
                log.warning("deliveries_wait", partner=partner.name, reason=str(away.exceptions[0]))
            rounds += 1
            if not taken:
                await asyncio.sleep(self._look_every_s)

    async def deliver(self, partner: str) -> int:
        """One round for one partner: a few deliveries at once; how many were tried."""
        lane = self._lanes.get(partner, self._usual)
        due = await self._outbox.take(partner, lane.at_once, 2 * lane.attempt_s + 30)
        async with asyncio.TaskGroup() as tasks:
            for delivery in due:
                tasks.create_task(self._attempt(partner, delivery))
        return len(due)

    async def _attempt(self, partner: str, delivery: Delivery) -> None:
        receipt = await self._post.send(partner, delivery)
        lane = self._lanes.get(partner, self._usual)
        retry_s = lane.rules.wait_s(delivery.attempt, random.random()) if receipt.problem else 0.0
        if receipt.postponed:
            retry_s = lane.later_s
        elif receipt.problem:
            log.warning(
                "delivery_failed", partner=partner, event_id=delivery.event_id, attempt=delivery.attempt, problem=receipt.problem,
                held=retry_s is None,
            )
        await self._outbox.settle(delivery, receipt, retry_s)
        if retry_s is None:
            await self._tell_held(partner)

    async def _tell_held(self, partner: str) -> None:
        if not self._lanes.get(partner, self._usual).told_held:
            return
        held = await self._outbox.held(partner)
        if held:
            await self._alarms.raised(f"partner-{partner}", f"{held} 条消息未能送达 {partner}，处理后用 ivr outbox replay 重发")
        else:
            await self._alarms.cleared(f"partner-{partner}")
