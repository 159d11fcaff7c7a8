"""Where adapters meet the core for commands and for every part alike: settings in, adapters out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from ivr.domain.callback import CallbackRules
from ivr.domain.counted_call import Limits
from ivr.domain.errors import Unavailable
from ivr.domain.reconciliation import Difference
from ivr.domain.worktime import SHANGHAI
from ivr.exchange_setup import Places, database_url
from ivr.order_setup import work_orders, work_time
from ivr.pipeline.reconcile import Reconciler
from ivr.pipeline.watch_volumes import Volume, watched_volumes
from ivr.settings import Settings
from ivr.speech.spool import RecordingSpool
from ivr.storage.alarms import PostgresAlarms
from ivr.storage.database import open_pool
from ivr.storage.reconciliation import PostgresBooks
from ivr.storage.statistics import PostgresStatistics
from ivr.storage.tasks import PostgresTasks
from ivr.telephony.ledger import LedgerReader
from ivr.telephony.ledger_source import LedgerShelf

if TYPE_CHECKING:
    from ivr.storage.database import Pool

log = structlog.get_logger(__name__)


def figure_limits(settings: Settings) -> Limits:
    """The limits figures are told with."""
    figures = settings.figures
    return Limits(figures.answered_within_s, figures.also_within_s, figures.short_s)


def statistics(settings: Settings, pool: Pool) -> PostgresStatistics:
    """Counting the record, with the limits and the calendar in force."""
    return PostgresStatistics(pool, figure_limits(settings), work_time(settings))


@asynccontextmanager
async def patient_pool(settings: Settings, application: str, size: int = 8) -> AsyncIterator[Pool]:
    """A pool, waiting up to a minute for a database that is still starting."""
    url = database_url(settings)
    deadline = asyncio.get_running_loop().time() + 60
    while True:
        try:
            pool = await open_pool(url, application=application, size=size)
            break
        except Unavailable as away:
            if asyncio.get_running_loop().time() > deadline:
                raise
            log.warning("database_awaited", reason=str(away))
            await asyncio.sleep(0.5)
    try:
        yield pool
    finally:
        try:
            async with asyncio.timeout(5):
                await pool.close()
        except TimeoutError:
            pool.terminate()


def volumes(settings: Settings) -> list[Volume]:
    """The volumes of this machine that must stay writable."""
    places, url = Places(settings.state_dir), settings.database_url
    own = url is None or places.holds_database(url)
    ledger, database = places.asterisk / "log/cel-custom", places.postgres / "data" if own else None
    return watched_volumes(settings.recordings_dir, ledger, database, settings.disk_reserve_mb << 20)


def callback_rules(settings: Settings) -> CallbackRules:
    """The limits of call-backs in force."""
    callback = settings.callback
    return CallbackRules(
        attempts=callback.attempts, spacing_s=callback.spacing_s, kept_s=callback.kept_h * 3600,
        dissatisfied=callback.dissatisfied, dissatisfied_delay_s=callback.dissatisfied_delay_s,
        asked_s=callback.asked_s, task_hold_s=callback.task_hold_minutes * 60,
    )


def task_desk(settings: Settings, pool: Pool) -> PostgresTasks:
    """What waits for people. Whoever has a work number is put through to their own seat; anybody else to the hotline's."""
    lines = {seat.work_number: f"lawyer-{seat.work_number}" for seat in settings.seats if seat.work_number}
    return PostgresTasks(pool, callback_rules(settings), lines, settings.hotline.queue, settings.orders.most_returns)


def may_call(settings: Settings, now: float) -> bool:
    """Whether citizens may be called at this Unix time."""
    return settings.callback.called_hours.open_at(True, f"{datetime.fromtimestamp(now, SHANGHAI):%H%M}")


def ledger_shelf(settings: Settings) -> LedgerShelf:
    """The files Asterisk writes, as the comparison of the books sees them."""
    log_folder, instance = Places(settings.state_dir).asterisk / "log", settings.asterisk.name
    return LedgerShelf(
        LedgerReader("cel", log_folder / "cel-custom", "ledger.csv", instance),
        LedgerReader("queue_log", log_folder, "queue_log", instance),
    )


async def reconcile(settings: Settings, days: float) -> list[Difference]:
    """One comparison of the books, now."""
    async with patient_pool(settings, "reconcile", size=2) as pool:
        reconciler = Reconciler(
            PostgresBooks(pool, await work_orders(settings, pool)), RecordingSpool(settings.recordings_dir),
            ledger_shelf(settings), PostgresAlarms(pool), frozenset, longest_call_s=settings.hotline.longest_call_s,
        )
        return await reconciler.once(days)


def describe(settings: Settings) -> dict[str, Any]:
    """The settings in force, for `ivr settings`; nothing in them is secret."""
    shown = settings.model_dump(mode="json")
    if shown.get("database_url"):
        shown["database_url"] = shown["database_url"].split("@")[-1]
    return shown
