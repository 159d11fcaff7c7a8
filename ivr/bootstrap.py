"""The one place where adapters meet the core: settings in, running parts out."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog

from ivr.china_holidays import working_days
from ivr.domain.errors import BadSetting, Unavailable
from ivr.domain.evidence import Thresholds
from ivr.domain.menu import Surroundings
from ivr.domain.reconciliation import Difference
from ivr.intake_tables import CodeNames, load_intake, shipped_tables
from ivr.pipeline.collect_recordings import RecordingCollector
from ivr.pipeline.follow_recordings import RecordingFollower
from ivr.pipeline.reconcile import Reconciler
from ivr.pipeline.track_calls import LedgerTracker, LiveTracker
from ivr.pipeline.transcribe import TranscriptionWorker
from ivr.pipeline.watch_volumes import Volume, VolumeWatch, watched_volumes
from ivr.ports.web import WebOptions, WebServices
from ivr.settings import PROJECT_ROOT, Settings, default_state_dir
from ivr.speech.archive import RecordingArchive
from ivr.speech.models import ModelChoice, resolve_model
from ivr.speech.recognizer import VoskRecognizer
from ivr.speech.spool import RecordingSpool
from ivr.state_folder import make_folder
from ivr.storage.accounts import LoginPolicy, PostgresAccounts
from ivr.storage.alarms import PostgresAlarms
from ivr.storage.audit import PostgresAudit
from ivr.storage.database import connect, open_pool, transaction
from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.feed import PostgresFeed, prune
from ivr.storage.ledger import PostgresLedger
from ivr.storage.queue_live import PostgresQueueLive
from ivr.storage.reconciliation import PostgresBooks
from ivr.storage.recordings import PostgresTracks
from ivr.storage.views import PostgresViews
from ivr.storage.work_orders import WorkOrders
from ivr.telephony.ami import AmiClient
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.credentials import Credentials, load_credentials
from ivr.telephony.dialplan import ExchangePlan, SecureWebSocket, render, write
from ivr.telephony.embedded import Console
from ivr.telephony.exchange import AsteriskExchange
from ivr.telephony.ledger import LedgerReader
from ivr.telephony.ledger_source import LedgerFiles, LedgerShelf
from ivr.telephony.menu_files import load_plan
from ivr.telephony.prompts import build_prompts, read_manifest
from ivr.volume_probe import FolderProbe
from ivr.web.app import create_app
from ivr.web.server import serve
from ivr.web.tls import ServerCertificate, given_certificate, local_certificate, server_context

if TYPE_CHECKING:
    from ivr.storage.database import Pool

log = structlog.get_logger(__name__)

PROMPTS = PROJECT_ROOT / "dialplans/prompts/prompts.yaml"
_CALENDAR_AHEAD = timedelta(days=400)
_SWEEP_EVERY_S = 10.0
_PRUNE_EVERY = 360


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie under the state folder."""

    state: Path

    @property
    def asterisk(self) -> Path:
        """Asterisk's run directory."""
        return self.state / "run/asterisk"

    @property
    def prompts(self) -> Path:
        """Spoken prompts."""
        return self.state / "run/prompts"

    @property
    def credentials(self) -> Path:
        """Secrets made at first start."""
        return self.state / "credentials.json"

    @property
    def postgres(self) -> Path:
        """The embedded server's folder."""
        return self.state / "pg"

    def holds_database(self, url: str) -> bool:
        """Whether this address is the embedded server's socket: `ivr run` tells its processes the address either way."""
        return quote(str(self.postgres / "socket"), safe="") in url

    @property
    def logs(self) -> Path:
        """Logs of the product's own processes."""
        return self.state / "log"


def cache_folder() -> Path:
    """What every install on this machine shares: the unpacked Asterisk that `make setup` fetched."""
    return default_state_dir() / "cache"


def database_url(settings: Settings) -> str:
    """The configured server, else the embedded one's socket."""
    return settings.database_url or EmbeddedPostgres(Places(settings.state_dir).postgres).url


def credentials(settings: Settings) -> Credentials:
    """The install's secrets, made when missing."""
    return load_credentials(Places(settings.state_dir).credentials, [f"seat-{s.name}" for s in settings.seats])


def certificate(settings: Settings) -> ServerCertificate | None:
    """The certificate of pages, secure WebSocket and SIP over TLS; None for plain http on loopback."""
    web = settings.web
    if web.tls == "off":
        return None
    if web.tls == "files" and web.certificate and web.key:
        return given_certificate(web.certificate, web.key)
    return local_certificate(settings.state_dir / "tls", list(dict.fromkeys(["localhost", "127.0.0.1", web.host, *web.names])))


def check_files(settings: Settings) -> None:
    """Refuse, before anything is started, files and folders the settings name that cannot be used. Blocking."""
    make_folder(settings.recordings_dir, "IVR_RECORDINGS_DIR")
    certificate(settings)
    for trunk in settings.trunks:
        _trunk_secret(trunk.secret_file)
    authorities = settings.asterisk.sip_tls_ca
    if settings.asterisk.sip_tls_port and not os.access(authorities, os.R_OK):
        raise BadSetting(f"asterisk.sip_tls_ca {authorities} cannot be read; name the PEM file of your carrier's authority")


def plan_exchange(settings: Settings, boot: int) -> ExchangePlan:
    """Asterisk's configuration as data. Blocking: looks for Asterisk, reads the prompt manifest, makes secrets."""
    places = Places(settings.state_dir)
    secrets = credentials(settings)
    held = certificate(settings)
    manifest = read_manifest(PROMPTS)
    today = date.today()
    days = working_days(settings.calendar.days_off, settings.calendar.days_on)
    special = {
        worked: [f"{d:%Y%m%d}" for d in days.between(today, today + _CALENDAR_AHEAD, worked=worked)] for worked in (True, False)
    }
    asterisk = settings.asterisk
    wss = None
    if asterisk.wss_port and held:
        wss = SecureWebSocket(asterisk.sip_host, asterisk.wss_port, held.certificate, held.key)
    return ExchangePlan(
        run=places.asterisk, root=find_asterisk(asterisk.root, cache_folder()), system_name=f"{asterisk.name}-{boot}",
        recordings=settings.recordings_dir, prompts=places.prompts,
        notice_version=manifest.version, menus=load_plan(settings.hotline.menu, *menu_sources(settings)),
        opening_hours={o.name: o.hours for o in settings.opening_hours}, days_off=special[False], days_on=special[True],
        hotline=settings.hotline.model_dump(), queues=[q.model_dump() for q in settings.queues],
        seats=[
            s.model_dump() | {"endpoint": f"seat-{s.name}", "secret": secrets.endpoints[f"seat-{s.name}"]}
            for s in settings.seats
        ],
        trunks=[t.model_dump() | {"secret": _trunk_secret(t.secret_file)} for t in settings.trunks],
        duty_numbers=[d.model_dump() for d in settings.duty_numbers],
        credentials={"ami_controller": secrets.ami_controller, "ami_probe": secrets.ami_probe},
        sip={
            "host": asterisk.sip_host, "port": asterisk.sip_port, "tls_port": asterisk.sip_tls_port,
            "tls_ca": asterisk.sip_tls_ca,
        },
        rtp_first=asterisk.rtp_first, rtp_last=asterisk.rtp_last, ami_port=asterisk.ami_port, wss=wss,
        tls_certificate=held.certificate if held else None, tls_key=held.key if held else None,
        extra_modules=asterisk.extra_modules,
    )


def menu_sources(settings: Settings) -> tuple[list[Path], str, Surroundings]:
    """Where menu plans lie, the queue their default is, and what they may refer to. Blocking."""
    folders = [PROJECT_ROOT / "dialplans/menus", *([settings.menus_dir] if settings.menus_dir else [])]
    known = Surroundings(
        frozenset(q.name for q in settings.queues), frozenset(read_manifest(PROMPTS).prompts),
        frozenset(o.name for o in settings.opening_hours),
    )
    return folders, settings.hotline.queue, known


def prepare_exchange(settings: Settings, *, new_boot: bool = True) -> ExchangePlan:
    """Render, lint and write Asterisk's configuration and speak its prompts. Blocking; nothing is written on error."""
    places = Places(settings.state_dir)
    counter = settings.state_dir / "asterisk-boots.json"
    boot = int(json.loads(counter.read_text())["boots"]) if counter.exists() else 0
    if new_boot:
        boot += 1
    plan = plan_exchange(settings, boot)
    files = render(plan, PROJECT_ROOT / "dialplans/templates")
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    make_folder(settings.recordings_dir, "IVR_RECORDINGS_DIR")
    build_prompts(read_manifest(PROMPTS), PROJECT_ROOT / "dialplans/prompts/recorded", places.prompts)
    fresh = counter.with_suffix(".new")
    fresh.write_text(json.dumps({"boots": boot, "fixed_at_start": plan.fixed_at_start}))
    fresh.rename(counter)
    write(plan, files)
    return plan


def running_as_planned(settings: Settings) -> bool:
    """Whether an Asterisk left running was started with settings a reload can bring up to date. Blocking."""
    try:
        started = json.loads((settings.state_dir / "asterisk-boots.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(started.get("fixed_at_start") == plan_exchange(settings, int(started["boots"])).fixed_at_start)


def _trunk_secret(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text().strip()
    except OSError as wrong:
        raise BadSetting(f"the trunk's secret_file {file} cannot be read: {wrong.strerror}") from wrong


def choose_model(settings: Settings) -> ModelChoice:
    """The Vosk model to hear with."""
    return resolve_model(
        settings.speech.model, settings.state_dir, PROJECT_ROOT / "models/tiny/vosk-model-tiny-cn-hotline"
    )


async def work_orders(settings: Settings, pool: Pool) -> WorkOrders:
    """Orders with the rules, thresholds and the gazetteer in force."""
    intake = await load_intake(pool, Thresholds(**settings.intake.model_dump()))
    return WorkOrders(intake.compose, intake.version)


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
        ledger, tracks, alarms = PostgresLedger(pool, orders), PostgresTracks(pool, orders), PostgresAlarms(pool)
        log_folder = places.asterisk / "log"
        calls = LedgerTracker(
            LedgerFiles(LedgerReader("cel", log_folder / "cel-custom", "ledger.csv", instance)), ledger, prefixes
        )
        queue_log = LedgerTracker(
            LedgerFiles(LedgerReader("queue_log", log_folder, "queue_log", instance), reopen_queue_log), ledger, prefixes
        )
        ami_port = settings.asterisk.ami_tunnel_port or settings.asterisk.ami_port
        client = AmiClient("127.0.0.1", ami_port, "controller", secret)
        titles = {q.name: q.title for q in settings.queues}
        live = LiveTracker(AsteriskExchange(client), PostgresQueueLive(pool), calls, titles)
        collector = RecordingCollector(RecordingSpool(settings.recordings_dir), tracks)
        reconciler = Reconciler(
            PostgresBooks(pool, orders), RecordingSpool(settings.recordings_dir), ledger_shelf(settings), alarms,
            lambda: live.live_calls, longest_call_s=settings.hotline.longest_call_s,
        )
        async with asyncio.TaskGroup() as tasks:
            for part in (client, calls, queue_log, live, collector, reconciler):
                tasks.create_task(part.run(), name=type(part).__name__)
            for volume in volumes(settings):
                tasks.create_task(VolumeWatch(volume, FolderProbe(Path(volume.folder)), alarms).run(), name=volume.name)
            tasks.create_task(_sweep(pool, tracks), name="sweep")


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
        tracks = PostgresTracks(pool, await work_orders(settings, pool))
        name = f"{socket.gethostname()}:{os.getpid()}"
        follower = RecordingFollower(name, tracks, ears, settings.recordings_dir, settings.speech.followed_tracks)
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
    async with patient_pool(settings, "web", size=16) as pool:
        services = WebServices(
            views=PostgresViews(pool),
            accounts=PostgresAccounts(pool, LoginPolicy(idle=timedelta(minutes=settings.web.session_idle_minutes))),
            audit=PostgresAudit(pool),
            feed=PostgresFeed(pool, lambda: connect(url, application="web-feed")),
            audio=RecordingArchive(),
            codes=CodeNames(shipped_tables()),
        )
        wss = settings.asterisk.wss_port
        options = WebOptions(
            recordings_dir=settings.recordings_dir, static_dir=PROJECT_ROOT / "ivr/web/static", tls=held is not None,
            connect_sources=(f"wss://{{host}}:{wss}",) if wss else (),
        )
        context = server_context(held) if held else None
        await serve(create_app(services, options), settings.web.host, settings.web.port, context, stop)


def describe(settings: Settings) -> dict[str, Any]:
    """The settings in force, for `ivr settings`; nothing in them is secret."""
    shown = settings.model_dump(mode="json")
    if shown.get("database_url"):
        shown["database_url"] = shown["database_url"].split("@")[-1]
    return shown
