"""The one place where adapters meet the core: settings in, running parts out."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from ivr.analysis_setup import analysis_services, rise_watch
from ivr.desk_setup import command_carrier, desk_services, seat_keeper
from ivr.device_setup import adviser_desk, device_tasks, provisioning_desk
from ivr.domain.callback import CallbackRules
from ivr.domain.counted_call import Limits
from ivr.domain.errors import Unavailable
from ivr.domain.events import LiveEvent
from ivr.domain.reconciliation import Difference
from ivr.domain.worktime import SHANGHAI
from ivr.exchange_setup import (
    Places,
    cache_folder,
    certificate,
    choose_model,
    credentials,
    database_url,
    waiting_lines,
)
from ivr.intake_tables import CodeNames, shipped_risks, shipped_tables
from ivr.order_setup import order_desk, work_orders, work_time
from ivr.partner_setup import partner_services, partner_tasks
from ivr.pipeline.call_back import CallBackDialler
from ivr.pipeline.carry_records import RecordCarrier, languages_of, listed
from ivr.pipeline.collect_recordings import RecordingCollector
from ivr.pipeline.follow_recordings import RecordingFollower
from ivr.pipeline.keep_seat_times import SeatTimekeeper
from ivr.pipeline.reconcile import Reconciler
from ivr.pipeline.renew_recordings import RecordingRenewer
from ivr.pipeline.tell_waits import WaitTeller
from ivr.pipeline.track_calls import LedgerTracker, LiveTracker
from ivr.pipeline.transcribe import TranscriptionWorker
from ivr.pipeline.watch_volumes import Volume, VolumeWatch, watched_volumes
from ivr.ports.callbacks import OutgoingLine
from ivr.ports.web import WebOptions, WebServices
from ivr.question_setup import questions, spoken_choice
from ivr.settings import PROJECT_ROOT, Settings
from ivr.speech.archive import RecordingArchive
from ivr.speech.recognizer import VoskRecognizer
from ivr.speech.spool import RecordingSpool
from ivr.storage.accounts import LoginPolicy, PostgresAccounts
from ivr.storage.alarms import PostgresAlarms
from ivr.storage.appointments import PostgresAppointments
from ivr.storage.audit import PostgresAudit
from ivr.storage.callbacks import CallbackJobs, PostgresCallbacks
from ivr.storage.caller_languages import PostgresCallerLanguages
from ivr.storage.corrections import PostgresCorrections
from ivr.storage.database import connect, open_pool, transaction
from ivr.storage.devices import PostgresDevices
from ivr.storage.feed import PostgresFeed, prune
from ivr.storage.ledger import PostgresLedger
from ivr.storage.live_words import PostgresLiveWords
from ivr.storage.nuisance import PostgresListings
from ivr.storage.queue_live import PostgresQueueLive
from ivr.storage.reconciliation import PostgresBooks
from ivr.storage.recordings import PostgresTracks
from ivr.storage.risk import PostgresRisks
from ivr.storage.search import PostgresSearch
from ivr.storage.seat_time import PostgresSeatTimes
from ivr.storage.second_factor import FactorVault
from ivr.storage.sessions import PostgresSessions
from ivr.storage.statistics import PostgresStatistics
from ivr.storage.talk_times import PostgresTalkTimes
from ivr.storage.views import PostgresViews
from ivr.supervision_setup import supervision_services, watch_keeper
from ivr.telephony.ami import AmiClient
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.devices import load_key
from ivr.telephony.embedded import Console
from ivr.telephony.exchange import AsteriskExchange
from ivr.telephony.exchange_table import AsteriskTable
from ivr.telephony.ledger import LedgerReader
from ivr.telephony.ledger_source import LedgerFiles, LedgerShelf
from ivr.telephony.recorder import AsteriskRecorder
from ivr.telephony.supervision import AsteriskListeningPost
from ivr.volume_probe import FolderProbe
from ivr.web.app import create_app
from ivr.web.server import serve
from ivr.web.tls import server_context

if TYPE_CHECKING:
    from ivr.storage.database import Pool

log = structlog.get_logger(__name__)

_SWEEP_EVERY_S = 10.0
_PRUNE_EVERY = 360


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


async def run_controller(settings: Settings) -> None:
    """Follow Asterisk and the spool until cancelled."""
    places = Places(settings.state_dir)
    prefixes: Mapping[str, Mapping[str, str]] = {t.name: t.caller_prefixes for t in settings.trunks}
    root = find_asterisk(settings.asterisk.root, cache_folder())
    console = Console(root, places.asterisk)
    secret = credentials(settings).ami_controller
    instance = settings.asterisk.name

    async def reopen_queue_log() -> None:
        await console.command("logger reload")

    async with patient_pool(settings, "controller") as pool:
        orders = await work_orders(settings, pool)
        rules = callback_rules(settings)
        remembered = frozenset(one.name for one in settings.languages if one.remembered)
        ledger = PostgresLedger(pool, orders, CallbackJobs(rules), remembered)
        tracks, alarms = PostgresTracks(pool, orders), PostgresAlarms(pool)
        log_folder = places.asterisk / "log"
        calls = LedgerTracker(
            LedgerFiles(LedgerReader("cel", log_folder / "cel-custom", "ledger.csv", instance)), ledger, prefixes
        )
        queue_log = LedgerTracker(
            LedgerFiles(LedgerReader("queue_log", log_folder, "queue_log", instance), reopen_queue_log), ledger, prefixes
        )
        ami_port = settings.asterisk.ami_tunnel_port or settings.asterisk.ami_port
        client = AmiClient("127.0.0.1", ami_port, "controller", secret)
        titles = {q["name"]: q["title"] for q in waiting_lines(settings)}
        exchange = AsteriskExchange(client)
        seats = seat_keeper(settings, exchange)
        recorder = AsteriskRecorder(client, console)
        renewer = RecordingRenewer(recorder)
        watches, watch_hints = watch_keeper(settings, pool, AsteriskListeningPost(client, recorder))

        times = SeatTimekeeper(PostgresSeatTimes(pool))

        def also(event: LiveEvent) -> None:
            seats.see(event)
            watches.see(event)
            times.see(event)
            renewer.see(event)

        live = LiveTracker(exchange, PostgresQueueLive(pool), calls, titles, also=also)
        dialler = CallBackDialler(
            PostgresCallbacks(pool, rules), exchange, lambda: live.board, calls.read_to_end, outgoing_lines(settings), instance,
            rules, ring_s=settings.callback.ring_s, in_hours=partial(may_call, settings),
        )
        usual = {q["name"]: float(q["talk_s"]) for q in waiting_lines(settings)}
        waits = WaitTeller(lambda: live.board, PostgresTalkTimes(pool), exchange, usual)
        collector = RecordingCollector(RecordingSpool(settings.recordings_dir), tracks)
        reconciler = Reconciler(
            PostgresBooks(pool, orders), RecordingSpool(settings.recordings_dir), ledger_shelf(settings), alarms,
            lambda: live.live_calls, longest_call_s=settings.hotline.longest_call_s,
        )
        spoken, ears = await asyncio.to_thread(spoken_choice, settings)
        async with partner_tasks(settings, pool, alarms) as for_partners, asyncio.TaskGroup() as tasks:
            for ear in (*ears, *for_partners):
                tasks.create_task(ear.run(), name=type(ear).__name__)
            for desk_part in (seats, *command_carrier(settings, pool, exchange), watches, watch_hints):
                tasks.create_task(desk_part.run(), name=type(desk_part).__name__)
            answers = questions(settings, pool, spoken)
            for part in (client, calls, queue_log, live, renewer, collector, reconciler, dialler, waits, answers):
                tasks.create_task(part.run(), name=type(part).__name__)
            for device_task in await device_tasks(settings, pool, console):
                tasks.create_task(device_task.run(), name=type(device_task).__name__)
            carried = {"nuisance": listed(PostgresListings(pool)), "language": languages_of(PostgresCallerLanguages(pool))}
            for family, wanted in carried.items():
                tasks.create_task(RecordCarrier(family, wanted, AsteriskTable(console, family)).run(), name=family)
            for volume in volumes(settings):
                tasks.create_task(VolumeWatch(volume, FolderProbe(Path(volume.folder)), alarms).run(), name=volume.name)
            tasks.create_task(rise_watch(settings, pool).run(), name="rises")
            tasks.create_task(times.run(), name="seat-times")
            tasks.create_task(_sweep(pool, tracks), name="sweep")


def callback_rules(settings: Settings) -> CallbackRules:
    """The limits of call-backs in force."""
    callback = settings.callback
    return CallbackRules(
        attempts=callback.attempts, spacing_s=callback.spacing_s, kept_s=callback.kept_h * 3600,
        dissatisfied=callback.dissatisfied, dissatisfied_delay_s=callback.dissatisfied_delay_s,
    )


def outgoing_lines(settings: Settings) -> dict[str, OutgoingLine]:
    """The lines call-backs may leave by, with the number citizens see."""
    number = settings.hotline.number
    return {t.name: OutgoingLine(t.name, t.outbound_caller_id or number, t.channel_cap) for t in settings.trunks}


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


async def _sweep(pool: Pool, tracks: PostgresTracks) -> None:
    """What a crash may have left undone, every ten seconds; the feed's old rows, every hour."""
    round_number = 0
    while True:
        try:
            filled = await tracks.sweep()
            if filled:
                log.warning("orders_filled_late", count=filled)
            if round_number % _PRUNE_EVERY == 0:
                async with transaction(pool) as connection:
                    await prune(connection, timedelta(hours=24))
                await PostgresAccounts(pool).prune()
        except Unavailable as away:
            log.warning("sweep_waits", reason=str(away))
        round_number += 1
        await asyncio.sleep(_SWEEP_EVERY_S)


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Transcribe until ``stop`` is set; tracks in hand are finished first."""
    choice = choose_model(settings)
    log.info("model_chosen", model=choice.name, tiny=choice.is_tiny)
    slots = settings.speech.slots
    async with patient_pool(settings, "worker", size=slots + 3) as pool, VoskRecognizer(choice.path, slots=slots) as ears:
        risks = shipped_risks()
        tracks = PostgresTracks(pool, await work_orders(settings, pool), risks)
        name = f"{socket.gethostname()}:{os.getpid()}"
        follower = RecordingFollower(
            name, tracks, ears, settings.recordings_dir, settings.speech.followed_tracks, words=PostgresLiveWords(pool, risks),
        )
        worker = TranscriptionWorker(name, tracks, ears, settings.recordings_dir, slots, follower=follower)
        running = asyncio.create_task(worker.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        worker.drain()
        stopping.cancel()
        await running


async def run_web(settings: Settings, stop: asyncio.Event) -> None:
    """Serve pages, API and live stream until ``stop`` is set."""
    held = await asyncio.to_thread(certificate, settings)
    url = database_url(settings)
    policy = LoginPolicy(idle=timedelta(minutes=settings.web.session_idle_minutes))
    vault = FactorVault(await asyncio.to_thread(load_key, second_factor_key(settings)), settings.web.second_factor_roles)
    async with patient_pool(settings, "web", size=16) as pool:
        accounts = PostgresAccounts(pool, policy, vault=vault)
        services = WebServices(
            views=PostgresViews(pool),
            accounts=accounts,
            audit=PostgresAudit(pool),
            feed=PostgresFeed(pool, lambda: connect(url, application="web-feed")),
            audio=RecordingArchive(),
            codes=CodeNames(shipped_tables()),
            search=PostgresSearch(pool),
            partners=partner_services(settings, pool),
            appointments=PostgresAppointments(pool),
            statistics=statistics(settings, pool),
            orders=order_desk(settings, pool),
            desk=await desk_services(settings, pool),
            devices=PostgresDevices(pool),
            supervision=supervision_services(settings, pool),
            risks=PostgresRisks(pool, shipped_risks()),
            corrections=PostgresCorrections(pool),
            analysis=analysis_services(settings, pool),
            advisers=adviser_desk(settings, pool),
            provisioning=await provisioning_desk(settings, pool),
            second_factors=accounts.second_factors,
            sessions=PostgresSessions(pool, policy.idle),
        )
        wss = settings.asterisk.wss_port
        options = WebOptions(
            recordings_dir=settings.recordings_dir, static_dir=PROJECT_ROOT / "ivr/web/static", tls=held is not None,
            connect_sources=(f"wss://{{host}}:{wss}",) if wss else (), figure_limits=figure_limits(settings),
            connection_goal=settings.figures.connection_goal, token_requests_a_minute=settings.web.token_requests_a_minute,
        )
        context = server_context(held) if held else None
        await serve(create_app(services, options), settings.web.host, settings.web.port, context, stop)


def second_factor_key(settings: Settings) -> Path:
    """What the secrets of second factors are sealed with; every machine that serves pages needs the same one."""
    return settings.state_dir / "second-factor.key"


def describe(settings: Settings) -> dict[str, Any]:
    """The settings in force, for `ivr settings`; nothing in them is secret."""
    shown = settings.model_dump(mode="json")
    if shown.get("database_url"):
        shown["database_url"] = shown["database_url"].split("@")[-1]
    return shown
