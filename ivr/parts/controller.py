"""The controller: follows Asterisk and the spool, keeps the books, steers what only one may steer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ivr.analysis_setup import rise_watch
from ivr.bootstrap import callback_rules, ledger_shelf, may_call, patient_pool, volumes
from ivr.desk_setup import command_carrier, lost_seat_watch, seat_keeper
from ivr.device_watch_setup import device_tasks, device_tester
from ivr.domain.errors import Unavailable
from ivr.domain.events import LiveEvent
from ivr.exchange_setup import Places, cache_folder, credentials, waiting_lines
from ivr.order_setup import work_orders
from ivr.partner_setup import VoiceRoad, partner_tasks
from ivr.pipeline.call_back import CallBackDialler
from ivr.pipeline.carry_records import RecordCarrier, languages_of, listed
from ivr.pipeline.collect_recordings import RecordingCollector
from ivr.pipeline.keep_holds import HoldKeeper
from ivr.pipeline.keep_seat_times import SeatTimekeeper
from ivr.pipeline.reconcile import Reconciler
from ivr.pipeline.renew_recordings import RecordingRenewer
from ivr.pipeline.tell_waits import WaitTeller
from ivr.pipeline.track_calls import LedgerTracker, LiveTracker
from ivr.pipeline.watch_volumes import VolumeWatch
from ivr.ports.callbacks import OutgoingLine
from ivr.privacy_setup import retention
from ivr.quality_setup import quality_checker
from ivr.question_setup import questions, spoken_choice
from ivr.room_setup import film_keeper, room_keeper
from ivr.settings import Settings
from ivr.speech.spool import RecordingSpool
from ivr.storage.accounts import PostgresAccounts
from ivr.storage.alarms import PostgresAlarms
from ivr.storage.call_holds import PostgresHolds
from ivr.storage.callbacks import CallbackJobs, PostgresCallbacks
from ivr.storage.caller_languages import PostgresCallerLanguages
from ivr.storage.database import transaction
from ivr.storage.feed import prune
from ivr.storage.ledger import PostgresLedger
from ivr.storage.nuisance import PostgresListings
from ivr.storage.queue_live import PostgresQueueLive
from ivr.storage.reconciliation import PostgresBooks
from ivr.storage.recordings import PostgresTracks
from ivr.storage.seat_time import PostgresSeatTimes
from ivr.storage.talk_times import PostgresTalkTimes
from ivr.supervision_setup import watch_keeper
from ivr.telephony.ami import AmiClient
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.embedded import Console
from ivr.telephony.exchange import AsteriskExchange
from ivr.telephony.exchange_table import AsteriskTable
from ivr.telephony.ledger import LedgerReader
from ivr.telephony.ledger_source import LedgerFiles
from ivr.telephony.log_keeper import LogKeeper
from ivr.telephony.recorder import AsteriskRecorder
from ivr.telephony.supervision import AsteriskListeningPost
from ivr.volume_probe import FolderProbe

if TYPE_CHECKING:
    from ivr.storage.database import Pool

log = structlog.get_logger(__name__)

_SWEEP_EVERY_S = 10.0
_PRUNE_EVERY = 360


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
        seats, lost_seats = seat_keeper(settings, exchange), lost_seat_watch(settings, exchange)
        recorder = AsteriskRecorder(client, console)
        renewer = RecordingRenewer(recorder)
        post = AsteriskListeningPost(client, recorder)
        watches, watch_hints = watch_keeper(settings, pool, post)
        lines = outgoing_lines(settings)
        rooms, room_hints = room_keeper(settings, pool, client, post, lines, exchange.room)

        times, holds = SeatTimekeeper(PostgresSeatTimes(pool)), HoldKeeper(PostgresHolds(pool))
        tester, test_line = device_tester(settings, pool, client, lambda: live.board.link_up and not live.board.anybody_waits)

        def also(event: LiveEvent) -> None:
            seats.see(event)
            lost_seats.see(event)
            test_line.see(event)
            watches.see(event)
            rooms.see(event)
            times.see(event)
            holds.see(event)
            renewer.see(event)

        live = LiveTracker(exchange, PostgresQueueLive(pool), calls, titles, also=also)
        dialler = CallBackDialler(
            PostgresCallbacks(pool, rules), exchange, lambda: live.board, calls.read_to_end, lines, instance,
            rules, ring_s=settings.callback.ring_s, in_hours=partial(may_call, settings),
            village_ring_s=settings.village.called_s, shown=settings.hotline.number,
        )
        usual = {q["name"]: float(q["talk_s"]) for q in waiting_lines(settings)}
        waits = WaitTeller(lambda: live.board, PostgresTalkTimes(pool), exchange, usual)
        collector = RecordingCollector(RecordingSpool(settings.recordings_dir), tracks)
        reconciler = Reconciler(
            PostgresBooks(pool, orders), RecordingSpool(settings.recordings_dir), ledger_shelf(settings), alarms,
            lambda: live.live_calls, longest_call_s=settings.hotline.longest_call_s,
        )
        spoken, ears = await asyncio.to_thread(spoken_choice, settings)
        road = VoiceRoad(exchange, calls.read_to_end, outgoing_lines(settings), lambda: live.board.link_up)
        async with partner_tasks(settings, pool, alarms, road) as for_partners, asyncio.TaskGroup() as tasks:
            for ear in (*ears, *for_partners):
                tasks.create_task(ear.run(), name=type(ear).__name__)
            commands = command_carrier(settings, pool, exchange, lost_seats.suspect)
            for desk_part in (seats, lost_seats, *commands, watches, watch_hints, rooms, room_hints):
                tasks.create_task(desk_part.run(), name=type(desk_part).__name__)
            answers = questions(settings, pool, spoken)
            for part in (client, calls, queue_log, live, renewer, collector, reconciler, dialler, waits, answers):
                tasks.create_task(part.run(), name=type(part).__name__)
            for device_task in (*await device_tasks(settings, pool, console), tester, test_line):
                tasks.create_task(device_task.run(), name=type(device_task).__name__)
            tasks.create_task(LogKeeper(log_folder / "messages.log", reopen_queue_log).run(), name="log")
            carried = {"nuisance": listed(PostgresListings(pool)), "language": languages_of(PostgresCallerLanguages(pool))}
            for family, wanted in carried.items():
                tasks.create_task(RecordCarrier(family, wanted, AsteriskTable(console, family)).run(), name=family)
            for volume in volumes(settings):
                tasks.create_task(VolumeWatch(volume, FolderProbe(Path(volume.folder)), alarms).run(), name=volume.name)
            tasks.create_task(rise_watch(settings, pool).run(), name="rises")
            tasks.create_task(times.run(), name="seat-times")
            tasks.create_task(holds.run(), name="holds")
            tasks.create_task(film_keeper(settings, pool).run(), name="films")
            tasks.create_task(retention(settings, pool).run(), name="retention")
            tasks.create_task(quality_checker(settings, pool).run(), name="quality")
            tasks.create_task(_sweep(pool, tracks), name="sweep")


def outgoing_lines(settings: Settings) -> dict[str, OutgoingLine]:
    """The lines call-backs may leave by, with the number citizens see."""
    number = settings.hotline.number
    return {t.name: OutgoingLine(t.name, t.outbound_caller_id or number, t.channel_cap) for t in settings.trunks}


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
