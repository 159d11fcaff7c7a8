"""Where an install's things lie, and what its settings make of Asterisk: folders, secrets, certificate, configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog

from ivr.china_holidays import working_days
from ivr.domain.caller_language import Language
from ivr.domain.errors import BadSetting
from ivr.domain.menu import MenuPlan, Surroundings
from ivr.settings import PROJECT_ROOT, Settings, default_state_dir
from ivr.settings_sections import QueueSettings, SeatSettings
from ivr.speech.models import ModelChoice, resolve_model
from ivr.state_folder import make_folder
from ivr.storage.embedded import EmbeddedPostgres
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.credentials import Credentials, load_credentials
from ivr.telephony.dialplan import ExchangePlan, SecureWebSocket, render, write
from ivr.telephony.menu_files import load_plan
from ivr.telephony.prompts import BuiltPrompt, PromptManifest, build_prompts, read_manifest
from ivr.telephony.speaking import ESPEAK
from ivr.web.tls import ServerCertificate, given_certificate, local_certificate

log = structlog.get_logger(__name__)

PROMPTS = PROJECT_ROOT / "dialplans/prompts/prompts.yaml"
_CALENDAR_AHEAD = timedelta(days=400)


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
        notice_version=read_manifest(PROMPTS).version, menus=menus_in_force(settings),
        opening_hours={o.name: o.hours for o in settings.opening_hours}, days_off=special[False], days_on=special[True],
        hotline=settings.hotline.model_dump(), queues=waiting_lines(settings),
        seats=[
            seat_line(s) | {"endpoint": f"seat-{s.name}", "secret": secrets.endpoints[f"seat-{s.name}"]} for s in settings.seats
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
        extra_modules=asterisk.extra_modules, fastagi_port=asterisk.fastagi_port, enquiry=settings.enquiry.model_dump(),
        languages=spoken_languages(settings), audiosocket_port=asterisk.audiosocket_port,
        spoken_longest_s=settings.speech.spoken_longest_s, village=settings.village.model_dump(),
    )


def menus_in_force(settings: Settings) -> MenuPlan:
    """The menu plan callers meet; its menus hear speech only where the settings and the speech model allow it. Blocking."""
    plan = load_plan(settings.hotline.menu, *menu_sources(settings))
    if not any(menu.spoken for menu in plan.menus.values()) or _speech_is_heard(settings):
        return plan
    return replace(plan, menus={name: replace(menu, spoken=False) for name, menu in plan.menus.items()})


def _speech_is_heard(settings: Settings) -> bool:
    """A model that cannot be used keeps nobody from calling: menus then have keys alone."""
    wanted = settings.hotline.spoken_choice
    if wanted == "off":
        return False
    try:
        model = choose_model(settings)
    except BadSetting as wrong:
        log.warning("spoken_choice_off", reason=str(wrong))
        return False
    return wanted == "on" or not model.is_tiny


def choose_model(settings: Settings) -> ModelChoice:
    """The Vosk model to hear with. Blocking."""
    return resolve_model(settings.speech.model, settings.state_dir, PROJECT_ROOT / "models/tiny/vosk-model-tiny-cn-hotline")


def waiting_lines(settings: Settings) -> list[dict[str, Any]]:
    """Every queue of Asterisk's: those of the settings, and one for each seat with a work number, whose lawyer callers may choose.

    From a lawyer's queue every road leads to the hotline's queue: whoever cannot be reached, somebody can. The same holds for
    queues of seats that speak a language (``Settings.waiting_queues``).
    """
    speaking = {language.queue for language in settings.languages}
    onward = f"queue:{settings.hotline.queue}"
    lawyers = [
        QueueSettings(
            name=f"lawyer-{s.work_number}", title=f"{(s.operator or s.name)[:10]}（{s.work_number}）",
            wait_limit_s=settings.enquiry.lawyer_wait_s, full=onward, nobody=onward, paused=onward, late=onward,
        ).model_dump() | {"lawyer": s.work_number}
        for s in settings.seats if s.work_number
    ]
    return [q.model_dump() | ({"speaks": True} if q.name in speaking else {}) for q in settings.waiting_queues] + lawyers


def spoken_languages(settings: Settings) -> tuple[Language, ...]:
    """The languages callers can ask for, as the core knows them."""
    return tuple(Language(one.name, one.title, one.queue, one.key) for one in settings.languages)


def manifest(settings: Settings) -> PromptManifest:
    """What is said: the shipped manifest, and an offer of each language that has a key. Blocking."""
    shipped = read_manifest(PROMPTS)
    offers = {language.prompt: language.offer for language in spoken_languages(settings) if language.key}
    return replace(shipped, prompts=shipped.prompts | offers)


def seat_line(seat: SeatSettings) -> dict[str, Any]:
    """The seat with the queue of its own that its work number gives it."""
    own = [f"lawyer-{seat.work_number}"] if seat.work_number else []
    return seat.model_dump() | {"queues": [*seat.queues, *own]}


def menu_sources(settings: Settings) -> tuple[list[Path], str, Surroundings]:
    """Where menu plans lie, the queue their default is, and what they may refer to. Blocking."""
    folders = [PROJECT_ROOT / "dialplans/menus", *([settings.menus_dir] if settings.menus_dir else [])]
    known = Surroundings(
        frozenset(q.name for q in settings.queues), frozenset(manifest(settings).prompts),
        frozenset(o.name for o in settings.opening_hours), spoken_languages(settings),
    )
    return folders, settings.hotline.queue, known


def prepare_exchange(settings: Settings, *, new_boot: bool = True) -> ExchangePlan:
    """Render, lint and write Asterisk's configuration and speak its prompts. Blocking; nothing is written on error."""
    counter = settings.state_dir / "asterisk-boots.json"
    boot = int(json.loads(counter.read_text())["boots"]) if counter.exists() else 0
    if new_boot:
        boot += 1
    plan = plan_exchange(settings, boot)
    files = render(plan, PROJECT_ROOT / "dialplans/templates")
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    make_folder(settings.recordings_dir, "IVR_RECORDINGS_DIR")
    speak_prompts(settings)
    fresh = counter.with_suffix(".new")
    fresh.write_text(json.dumps({"boots": boot, "fixed_at_start": plan.fixed_at_start}))
    fresh.rename(counter)
    write(plan, files)
    return plan


def speak_prompts(settings: Settings, told: Callable[[BuiltPrompt], None] = lambda _: None) -> None:
    """Speak what is missing and check every prompt; ``told`` hears of each. Blocking."""
    build_prompts(
        manifest(settings), settings.prompts.recorded_dir, Places(settings.state_dir).prompts,
        command=settings.prompts.command or ESPEAK, spoken=cache_folder() / "prompts", told=told,
    )


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
