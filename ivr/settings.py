"""Every setting of the product, with its default and its reason; read from the environment and one TOML file.

The environment wins over the file: ``IVR_WEB__PORT=8443`` sets ``[web] port``. The file is ``IVR_CONFIG``, else
``/etc/ivr/ivr.toml``, else ``<state_dir>/ivr.toml`` when one of them exists. A wrong value is a BadSetting that names
the setting and the remedy; nothing is started with half a configuration.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from ivr.domain.errors import BadSetting
from ivr.domain.working_days import OpeningHours, OpeningSpan

PROJECT_ROOT = Path(__file__).resolve().parent.parent

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Digits = Annotated[str, Field(pattern=r"^[0-9]{2,20}$")]
Port = Annotated[int, Field(ge=1, le=65535)]


def default_state_dir() -> Path:
    """Where everything but the clone lives: /var/lib/ivr for root, else the home's state folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/ivr")
    return Path(os.environ.get("XDG_STATE_HOME", str(Path.home() / ".local/state"))) / "ivr"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WebSettings(_Section):
    """The pages and the API."""

    host: str = Field("127.0.0.1", description="Address to listen on; anything but loopback needs tls")
    port: Port = Field(12348, description="TCP port of pages and API")
    tls: Literal["off", "files", "local_ca"] = Field(
        "off", description="off (loopback only), files (certificate and key given), local_ca (generated)"
    )
    certificate: Path | None = Field(None, description="PEM certificate chain, for tls = files")
    key: Path | None = Field(None, description="PEM private key, for tls = files")
    names: list[str] = Field(default_factory=list, description="Host names and addresses the certificate is for")
    session_idle_minutes: int = Field(15, ge=1, le=720, description="A session unused for this long ends")

    @model_validator(mode="after")
    def _plain_http_stays_home(self) -> WebSettings:
        if self.tls == "off" and not is_loopback(self.host):
            raise ValueError(
                f"web.host {self.host} is reachable from other machines, where plain http gives browsers no "
                "microphone and shows passwords; set web.tls to files or local_ca"
            )
        if self.tls == "files" and not (self.certificate and self.key):
            raise ValueError("web.tls = files needs web.certificate and web.key")
        return self


class AsteriskSettings(_Section):
    """The telephone exchange this product drives."""

    root: Path | None = Field(None, description="Unpacked Asterisk 22 tree; default: the system's, else the cache")
    name: Name = Field("ivr", description="System name, first part of every call's id; one per Asterisk")
    sip_host: str = Field(
        "127.0.0.1", description="This machine's own address for SIP and RTP, as phones and carriers reach it"
    )
    sip_port: Port = Field(5060, description="UDP and TCP port for SIP")
    sip_tls_port: Port | None = Field(None, description="TCP port for SIP over TLS (needs web.tls)")
    sip_tls_ca: Path = Field(
        Path("/etc/ssl/certs/ca-certificates.crt"),
        description="PEM file of the authorities a carrier's certificate must come from",
    )
    rtp_first: Port = Field(20000, description="First UDP port for RTP")
    rtp_last: Port = Field(21999, description="Last UDP port for RTP")
    ami_port: Port = Field(5038, description="TCP port of AMI, always on loopback")
    ami_tunnel_port: Port | None = Field(
        None, description="TCP port the controller connects to instead when a tunnel or relay stands before AMI"
    )
    wss_port: Port | None = Field(None, description="TCP port of the secure WebSocket for browsers (needs web.tls)")
    extra_modules: list[str] = Field(default_factory=list, description="Further Asterisk modules to load")

    @field_validator("sip_host")
    @classmethod
    def _one_address(cls, value: str) -> str:
        try:
            if not ipaddress.ip_address(value).is_unspecified:
                return value
        except ValueError:
            pass
        raise ValueError(
            f"asterisk.sip_host must be one address of this machine, not {value}: phones are told to send sound there"
        )

    @model_validator(mode="after")
    def _rtp_range(self) -> AsteriskSettings:
        if self.rtp_last - self.rtp_first < 9:
            raise ValueError("asterisk.rtp_last must be at least rtp_first + 9: each call leg needs two ports")
        return self


class QueueSettings(_Section):
    """One waiting line."""

    name: Name = Field(description="Name of the queue")
    title: str = Field("", max_length=20, description="Name shown on the pages, for example 法律服务热线")
    ring_s: int = Field(15, ge=5, le=120, description="How long one operator's phone rings before the next is tried")
    retry_s: int = Field(1, ge=1, le=60, description="Pause between two rounds of ringing")
    wait_limit_s: int = Field(300, ge=10, le=7200, description="Longest wait before the caller is told and released")
    place_every_s: int = Field(
        45, ge=0, le=600, description="Seconds after which a waiting caller is told the place in the queue again; 0: never"
    )
    strategy: Literal["rrmemory", "ringall", "leastrecent", "fewestcalls", "linear"] = Field(
        "rrmemory", description="Who is rung first"
    )


class SeatSettings(_Section):
    """One operator's phone. Its SIP user is ``seat-<name>``; the secret is made at first start and never configured."""

    name: Name = Field(description="Name of the seat")
    operator: str = Field("", max_length=40, description="Shown name of the operator, for example 王律师")
    queues: list[Name] = Field(default_factory=list, description="Queues whose calls this seat takes")
    browser: bool = Field(False, description="The seat is a browser (WebRTC), not a desk phone")

    @field_validator("operator")
    @classmethod
    def _printable(cls, value: str) -> str:
        if any(ord(c) < 32 or c in ',;"\\|[]' for c in value):
            raise ValueError("seats.operator may not hold control characters or any of , ; \" \\ | [ ]")
        return value


class TrunkSettings(_Section):
    """One line to the telephone network."""

    name: Name = Field(description="Name of the trunk")
    host: str = Field(pattern=r"^[A-Za-z0-9.:\-\[\]]+$", description="The carrier's SIP host")
    port: Port = Field(5060, description="The carrier's SIP port")
    mode: Literal["ip", "registration"] = Field("ip", description="How we are known: by address, or by registering")
    user: str = Field("", pattern=r"^[A-Za-z0-9._+\-]*$", description="SIP user, for registration")
    secret_file: Path | None = Field(None, description="File that holds the SIP password alone, mode 0600")
    match: list[str] = Field(default_factory=list, description="Addresses calls come from; default: host")
    transport: Literal["udp", "tcp", "tls"] = Field("udp", description="SIP transport")
    srtp: bool = Field(False, description="Encrypt sound (SDES); needs transport = tls")
    called_numbers: list[Digits] = Field(default_factory=lambda: ["12348"], description="Numbers this trunk may reach")
    caller_prefixes: dict[str, str] = Field(
        default_factory=lambda: {"+86": "", "0086": ""}, description="Prefix of the caller's number → its replacement"
    )
    outbound_caller_id: str = Field("", pattern=r"^[0-9]*$", description="Number shown to whom we call")
    channel_cap: int = Field(30, ge=1, le=1000, description="Calls at once, both ways")

    @model_validator(mode="after")
    def _complete(self) -> TrunkSettings:
        if self.mode == "registration" and not (self.user and self.secret_file):
            raise ValueError(f"trunk {self.name}: registration needs user and secret_file")
        if self.srtp and self.transport != "tls":
            raise ValueError(f"trunk {self.name}: srtp without transport = tls would send its keys in the clear")
        for address in self.match:
            try:
                ipaddress.ip_network(address, strict=False)
            except ValueError:
                raise ValueError(f"trunk {self.name}: match holds {address}, which is no address and no network") from None
        return self


class HotlineSettings(_Section):
    """What 12348 does with a call."""

    number: Digits = Field("12348", description="The number citizens dial")
    queue: Name = Field("hotline", description="Queue a caller enters who presses nothing")
    menu: Name = Field("human-first", description="Menu plan callers meet (`ivr menu list`)")
    rating: bool = Field(True, description="Ask for a rating by key when the operator hung up first")
    longest_call_s: int = Field(7200, ge=60, description="A call is ended after this long, so none hangs for ever")
    longest_message_s: int = Field(180, ge=10, le=1800, description="Longest voice message")


class OpeningHoursSettings(_Section):
    """When something is open; a menu plan names it by ``hours``. Spans like 08:30-12:00, by Shanghai's clock."""

    name: Name = Field(description="Name, for menu plans")
    workdays: list[str] = Field(default_factory=list, description="Spans on worked days, worked weekends included")
    days_off: list[str] = Field(default_factory=list, description="Spans on weekends and holidays")

    @property
    def hours(self) -> OpeningHours:
        """The same as the core knows it."""
        return OpeningHours((
            *(OpeningSpan.parse(text, workdays=True) for text in self.workdays),
            *(OpeningSpan.parse(text, workdays=False) for text in self.days_off),
        ))

    @model_validator(mode="after")
    def _readable(self) -> OpeningHoursSettings:
        self.hours  # noqa: B018 - raises ValueError for a span that cannot be read
        return self


class CalendarSettings(_Section):
    """Days that differ from the state's calendar; what is set here wins."""

    days_off: list[date] = Field(default_factory=list, description="Days not worked")
    days_on: list[date] = Field(default_factory=list, description="Days worked")


class DutyNumber(_Section):
    """A named outside telephone that may be dialled (a duty mobile); no other outside number ever is, but call-backs."""

    name: Name = Field(description="Name")
    number: Digits = Field(description="Digits to dial")


class SpeechSettings(_Section):
    """Transcription."""

    model: str = Field("", description="Folder or name of a Vosk model; empty: the installed one, else the tiny one")
    slots: int = Field(2, ge=1, le=64, description="Recordings decoded at once by one worker")
    followed_tracks: int = Field(
        16, ge=0, le=512, description="Tracks (two for each call) heard while they are being recorded; 0: only after the call"
    )


class IntakeSettings(_Section):
    """When the machine fills a field of an order, and when it leaves it to a person (docs/reference/intake.md)."""

    word: float = Field(0.5, ge=0, le=1, description="Least confidence of every word a field rests on")
    digit: float = Field(0.6, ge=0, le=1, description="The same for each spoken digit of a number")
    score: float = Field(2.0, ge=0, description="Least total of cue weights for a category or matter")
    lead: float = Field(1.0, ge=0, description="By how much it must lead the next one")
    operator_share: float = Field(0.5, ge=0, le=1, description="What an operator's cue counts, against 1 for the caller's")


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        env_prefix="IVR_", env_nested_delimiter="__", extra="forbid", frozen=True, nested_model_default_partial_update=True
    )

    state_dir: Path = Field(default_factory=default_state_dir, description="Everything that outlives a start")
    recordings_dir: Path = Field(PROJECT_ROOT / "recordings", description="Spool and store of recordings")
    menus_dir: Path | None = Field(None, description="Folder of further menu plans; one of a shipped name takes its place")
    database_url: str | None = Field(None, description="postgresql://…; empty: an embedded server")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe line that is logged")
    disk_reserve_mb: int = Field(
        512, ge=1, description="Free space on a volume of ours (recordings, ledger, database) below which an alarm is raised"
    )
    web: WebSettings = Field(default_factory=WebSettings)
    asterisk: AsteriskSettings = Field(default_factory=AsteriskSettings)
    hotline: HotlineSettings = Field(default_factory=HotlineSettings)
    speech: SpeechSettings = Field(default_factory=SpeechSettings)
    intake: IntakeSettings = Field(default_factory=IntakeSettings)
    queues: list[QueueSettings] = Field(default_factory=lambda: [QueueSettings(name="hotline", title="法律服务热线")])
    seats: list[SeatSettings] = Field(default_factory=list)
    trunks: list[TrunkSettings] = Field(default_factory=list)
    duty_numbers: list[DutyNumber] = Field(default_factory=list)
    opening_hours: list[OpeningHoursSettings] = Field(default_factory=list)
    calendar: CalendarSettings = Field(default_factory=CalendarSettings)

    @field_validator("state_dir", "recordings_dir")
    @classmethod
    def _plain_path(cls, value: Path) -> Path:
        path = value.expanduser().absolute()
        if not all(c.isalnum() or c in "/._-" for c in str(path)):
            raise ValueError(f"{path}: Asterisk reads this path; use letters, digits and / . _ - only")
        return path

    @model_validator(mode="after")
    def _names_fit(self) -> Settings:
        for kind, names in (
            ("queues", [q.name for q in self.queues]), ("seats", [s.name for s in self.seats]),
            ("trunks", [t.name for t in self.trunks]), ("duty_numbers", [d.name for d in self.duty_numbers]),
            ("opening_hours", [o.name for o in self.opening_hours]),
        ):
            twice = {n for n in names if names.count(n) > 1}
            if twice:
                raise ValueError(f"{kind}: the name {sorted(twice)[0]} is used twice")
        known = {q.name for q in self.queues}
        if self.hotline.queue not in known:
            raise ValueError(f"hotline.queue {self.hotline.queue} is not among queues {sorted(known)}")
        for seat in self.seats:
            for queue in seat.queues:
                if queue not in known:
                    raise ValueError(f"seat {seat.name} names the queue {queue}, known are {sorted(known)}")
        if (self.asterisk.wss_port or self.asterisk.sip_tls_port) and self.web.tls == "off":
            raise ValueError("asterisk.wss_port and sip_tls_port need web.tls: they use the same certificate")
        for trunk in self.trunks:
            if trunk.transport == "tls" and not self.asterisk.sip_tls_port:
                raise ValueError(f"trunk {trunk.name}: transport = tls needs asterisk.sip_tls_port (and web.tls)")
        return self

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = config_file()
        toml = (TomlConfigSettingsSource(settings_cls, toml_file=file),) if file else ()
        return (init_settings, env_settings, *toml)


def is_loopback(host: str) -> bool:
    """True when the host can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def config_file() -> Path | None:
    """The TOML file in force, or None; an IVR_CONFIG that does not exist is an error, not a silent default."""
    named = os.environ.get("IVR_CONFIG")
    if named:
        if not Path(named).is_file():
            raise BadSetting(f"IVR_CONFIG names {named}, which is not a file; correct the path or unset it")
        return Path(named)
    state = Path(os.environ.get("IVR_STATE_DIR") or default_state_dir())
    for candidate in (Path("/etc/ivr/ivr.toml"), state / "ivr.toml"):
        if candidate.is_file():
            return candidate
    return None


def load_settings(**given: Any) -> Settings:
    """Read the settings in force; every wrong value is told at once in one BadSetting."""
    unknown = sorted(
        key for key in os.environ
        if key.startswith("IVR_") and key not in {"IVR_CONFIG"}
        and key[4:].split("__")[0].lower() not in Settings.model_fields
    )
    if unknown:
        raise BadSetting(f"unknown settings in the environment: {', '.join(unknown)}; `ivr settings` lists the known ones")
    try:
        return Settings(**given)
    except ValidationError as wrong:
        lines = [f"  {'.'.join(str(p) for p in e['loc']) or 'settings'}: {e['msg']}" for e in wrong.errors()]
        where = config_file()
        raise BadSetting("wrong settings" + (f" (file {where})" if where else "") + ":\n" + "\n".join(lines)) from wrong
    except SettingsError as wrong:
        raise BadSetting(f"{wrong}: in the environment a list or table is written as JSON; better set it in the file") from wrong
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise BadSetting(f"{config_file()} is not TOML: {wrong}") from wrong
