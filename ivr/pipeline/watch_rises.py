"""Rises of matters are looked for all day, so that a warning stands within a minute of the order that made it one."""

from __future__ import annotations

import asyncio
from datetime import date

import structlog

from ivr.domain.early_warning import WarningRules, rises
from ivr.domain.errors import IvrError
from ivr.domain.working_days import WorkingDays
from ivr.ports.analysis import RiseStore
from ivr.ports.statistics import HeatKind

log = structlog.get_logger(__name__)

JUDGED_DAYS = 3
"""Today and two days before: places and categories of orders are confirmed and corrected in the days after the call."""


class RiseWatch:
    """One task of the controller; a second controller finds and writes the same."""

    def __init__(
        self, store: RiseStore, kind: HeatKind, rules: WarningRules, calendar: WorkingDays, *, look_every_s: float = 20.0
    ) -> None:
        self._store = store
        self._kind = kind
        self._rules = rules
        self._calendar = calendar
        self._look_every_s = look_every_s

    async def run(self) -> None:
        """Ends only when cancelled; a database that is away only delays it."""
        while True:
            try:
                await self.look()
            except IvrError as away:
                log.warning("rises_wait", reason=str(away))
            await asyncio.sleep(self._look_every_s)

    async def look(self) -> int:
        """Judge the last days once; how many warnings are new or grew."""
        record = await self._store.counted(self._kind, JUDGED_DAYS, self._rules.weeks, self._rules.least)
        first = date.fromordinal(record.today.toordinal() - JUDGED_DAYS + 1)
        found = [] if record.since is None else [
            rise for n in range(JUDGED_DAYS)
            for rise in rises(record.counts, date.fromordinal(first.toordinal() + n), record.since, self._rules, self._calendar)
        ]
        raised = await self._store.keep(self._kind, first, found, record.versions)
        if raised:
            log.warning("early_warnings", new=raised)
        return raised
