"""The sections of the settings: each value with its default, its bounds and its reason (read by ivr.settings)."""

from __future__ import annotations

import ipaddress
from datetime import date, time
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from ivr.domain.roles import Role
from ivr.domain.working_days import OpeningHours, OpeningSpan

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Digits = Annotated[str, Field(pattern=r"^[0-9]{2,20}$")]
Road = Annotated[str, Field(pattern=r"^(end|message|callback|(queue|duty):[a-z][a-z0-9-]{0,30})$")]
WaitingRoad = Annotated[str, Field(pattern=r"^(wait|end|message|callback|(queue|duty):[a-z][a-z0-9-]{0,30})$")]
Port = Annotated[int, Field(ge=1, le=65535)]
_REFUSED_BY_BROWSERS: Final = frozenset((
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113,
    115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556,
    563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665,
    6670), 6679, 6697, 10080,
))
"""The fetch standard's bad ports: no browser opens a page or a WebSocket there, and it does not say why."""


def _opened_by_browsers(port: int) -> int:
    if port in _REFUSED_BY_BROWSERS:
        raise ValueError(f"browsers refuse to connect to port {port}, whatever answers there; take another one")
    return port


BrowserPort = Annotated[Port, AfterValidator(_opened_by_browsers)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WebSettings(_Section):
    """The pages and the API."""

    host: str = Field("127.0.0.1", description="Address to listen on; anything but loopback needs tls")
    port: BrowserPort = Field(12348, description="TCP port of pages and API")
    tls: Literal["off", "files", "local_ca"] = Field(
        "off", description="off (loopback only), files (certificate and key given), local_ca (generated)"
    )
    certificate: Path | None = Field(None, description="PEM certificate chain, for tls = files")
    key: Path | None = Field(None, description="PEM private key, for tls = files")
    names: list[str] = Field(default_factory=list, description="Host names and addresses the certificate is for")
    session_idle_minutes: int = Field(15, ge=1, le=720, description="A session unused for this long ends")
    second_factor_roles: list[Role] = Field(
        default_factory=list, description="Roles that log in with a code of an authenticator app too; who has none sets it up first"
    )
    token_requests_a_minute: int = Field(
        6000, ge=0, le=1_000_000, description="Most requests of one token to a web process; more are told to wait; 0: any"
    )

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
    fastagi_port: Port = Field(4573, description="TCP port on loopback where the controller answers questions of the dialplan")
    audiosocket_port: Port = Field(4574, description="TCP port on loopback where the controller hears callers who speak to a menu")
    wss_port: BrowserPort | None = Field(None, description="TCP port of the secure WebSocket for browsers (needs web.tls)")
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
    talk_s: int = Field(
        360, ge=10, le=7200, description="Usual length of a conversation, for the expected wait until enough calls tell"
    )
    wrap_up_s: int = Field(
        30, ge=0, le=3600,
        description="Longest time after a conversation in which an operator's browser is not rung, for the order; 0: none",
    )
    strategy: Literal["rrmemory", "ringall", "leastrecent", "fewestcalls", "linear"] = Field(
        "rrmemory", description="Who is rung first"
    )
    most_waiting: int = Field(50, ge=1, le=1000, description="Callers who may wait at once; further ones take the road full")
    full: Road = Field(
        "message", description="Where a caller goes when too many wait: message, callback, queue:NAME, duty:NAME, end"
    )
    nobody: WaitingRoad = Field("message", description="The same when no operator is signed in; wait: stays in the queue")
    paused: WaitingRoad = Field("wait", description="The same when every operator who is signed in is paused")
    late: Road = Field("message", description="The same after wait_limit_s")

    @property
    def roads(self) -> dict[str, str]:
        """Where callers go whom nobody of this queue answered, by reason."""
        return {"full": self.full, "nobody": self.nobody, "paused": self.paused, "late": self.late}


class SeatSettings(_Section):
    """One operator's phone. Its SIP user is ``seat-<name>``; the secret is made at first start and never configured."""

    name: Name = Field(description="Name of the seat")
    operator: str = Field("", max_length=40, description="Shown name of the operator, for example 王律师")
    work_number: str = Field("", pattern=r"^([0-9]{3,6})?$", description="Work number, as callers and colleagues key it")
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
    spoken_choice: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Menus may be spoken to; auto: when a speech model is installed, for the tiny one does not understand people",
    )
    rating: bool = Field(True, description="Ask for a rating by key when the operator hung up first")
    longest_call_s: int = Field(7200, ge=60, description="A call is ended after this long, so none hangs for ever")
    transfer_ring_s: int = Field(
        20, ge=5, le=120, description="How long a transfer's target rings, and then the operator it comes back to"
    )
    lost_seat_hold_s: int = Field(
        30, ge=5, le=300, description="How long a citizen whose operator was lost waits for the same one, before any other"
    )
    emergency_duty: str = Field(
        "", pattern=r"^([a-z][a-z0-9-]{0,30})?$",
        description="Duty number offered by key after the emergency advice; empty: only a human in the queue",
    )
    longest_message_s: int = Field(180, ge=10, le=1800, description="Longest voice message")
    language_wait_s: int = Field(
        60, ge=10, le=7200,
        description="Longest wait for a seat that speaks the caller's language, before any seat; a queue's own wait_limit_s wins",
    )


class LanguageSettings(_Section):
    """One dialect or language that some seats speak, and callers can ask for."""

    name: Name = Field(description="Name, for example ningxia or mongolian")
    title: str = Field(
        min_length=1, max_length=12, pattern=r"^[\w\- ]+$",
        description="What people call it, for example 宁夏方言; spoken with its key",
    )
    queue: Name = Field(description="Queue of the seats that speak it; every road of it leads to hotline.queue")
    key: str = Field("", pattern=r"^[1-8#]?$", description="Key of the first menu that chooses it; empty: menu plans may name it")
    remembered: bool = Field(True, description="Who chose it by key is led there at once the next time")


class EnquirySettings(_Section):
    """Questions the dialplan asks the controller during a call: how a matter stands, who is on duty."""

    wait_s: int = Field(4, ge=2, le=15, description="A question not answered within this time leads the caller to a human")
    tries: int = Field(3, ge=1, le=9, description="Wrong or missing numbers keyed in one call before it leads to a human")
    wrong_a_day: int = Field(9, ge=1, le=100, description="Numbers that name no order, keyed from one calling number in a day")
    wrong_withheld_a_day: int = Field(100, ge=1, le=10000, description="The same of all who withhold their number, together")
    lawyer_wait_s: int = Field(120, ge=10, le=7200, description="Longest wait for a chosen lawyer before the hotline's queue")


class CallbackSettings(_Section):
    """Call-backs: promised to callers who keep their place, and owed to those who rated a call 4 or 5."""

    attempts: int = Field(3, ge=1, le=10, description="How often a citizen who is not reached is called in all")
    spacing_s: int = Field(900, ge=1, le=86400, description="Least time between two attempts")
    ring_s: int = Field(30, ge=5, le=120, description="How long the citizen's telephone rings")
    kept_h: float = Field(24, gt=0, le=168, description="A promise not kept by then is given up, and its order says so")
    hours: list[str] = Field(
        default_factory=lambda: ["08:30-21:00"],
        description="When citizens are called, every day, by Shanghai's clock; a promise just made is kept at any hour",
    )
    dissatisfied: bool = Field(True, description="Call back who rated a call 4 or 5 by key")
    dissatisfied_delay_s: int = Field(3600, ge=0, le=604800, description="How long after such a call")
    asked_s: int = Field(600, ge=10, le=3600, description="A call somebody asked for that no free seat got by then is not made")
    task_hold_minutes: int = Field(30, ge=1, le=720, description="How long a task stays with who took it")

    @property
    def called_hours(self) -> OpeningHours:
        """The hours as the core knows them, alike on worked days and others."""
        return OpeningHours(tuple(OpeningSpan.parse(text, workdays=True) for text in self.hours))

    @model_validator(mode="after")
    def _readable(self) -> CallbackSettings:
        self.called_hours  # noqa: B018 - raises ValueError for a span that cannot be read
        return self


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
    closes: time = Field(time(18), description="Closing time in Shanghai, when a term of working days ends")
    message_days: int = Field(1, ge=1, le=30, description="Working days within which a voice message is answered")


class FigureSettings(_Section):
    """The limits figures are told with (docs/reference/figures.md)."""

    answered_within_s: int = Field(15, ge=1, le=600, description="Answered within this is in time (GB/T 33358-2016)")
    also_within_s: int = Field(20, ge=1, le=600, description="A second share of answer times that is shown")
    short_s: int = Field(5, ge=1, le=60, description="Callers who leave earlier are shown apart from the abandoned")
    connection_goal: float = Field(0.95, ge=0, le=1, description="Least connection rate over any 24 hours")


class OrderSettings(_Section):
    """The terms of work orders, in working days (docs/reference/orders.md)."""

    terms: dict[str, Annotated[int, Field(ge=1, le=365)]] = Field(
        default_factory=lambda: {"consultation": 3}, description="Working days from dispatch by category code"
    )
    term_days: int = Field(5, ge=1, le=365, description="The same for every other category")
    extension_days: int = Field(10, ge=1, le=365, description="The most one extension may add; an order has one")
    return_days: int = Field(2, ge=1, le=30, description="Within this after its assignment an order may be returned")
    most_returns: int = Field(3, ge=1, le=20, description="A return of this number goes to decider")
    decider: str = Field(
        "", pattern=r"^([0-9]{3,6})?$", description="Work number of who decides then; empty: any supervisor"
    )


class DutyNumber(_Section):
    """A named outside telephone that may be dialled (a duty mobile); no other outside number ever is, but call-backs."""

    name: Name = Field(description="Name")
    number: Digits = Field(description="Digits to dial")
    extension: str = Field("", pattern=r"^([0-9]{3,6})?$", description="What an operator keys to reach it during a call")


class PromptSettings(_Section):
    """What callers hear: who speaks it, and where people's own recordings lie."""

    command: list[str] = Field(
        default_factory=list,
        description="Program and arguments that write a WAV: {wav}, {text}, {voice}, {words_per_minute}; empty: espeak-ng",
    )
    recorded_dir: Path = Field(
        Path(__file__).resolve().parent.parent / "dialplans/prompts/recorded",
        description="Human recordings, by the prompts' names; slower ones in slow/",
    )


class SpeechSettings(_Section):
    """Transcription."""

    model: str = Field("", description="Folder or name of a Vosk model; empty: the installed one, else the tiny one")
    slots: int = Field(2, ge=1, le=64, description="Recordings decoded at once by one worker")
    spoken_slots: int = Field(4, ge=1, le=64, description="Callers heard at once in menus; the next one has the keys alone")
    spoken_silence_s: float = Field(0.6, ge=0.3, le=1.2, description="Silence that ends what such a caller says")
    spoken_longest_s: int = Field(6, ge=2, le=15, description="Longest that such a caller is heard")
    spoken_sure: float = Field(0.8, ge=0, le=1, description="Least confidence of words that choose without asking back")
    spoken_doubtful: float = Field(0.4, ge=0, le=1, description="The same of words that are asked back; below, a human")
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


def is_loopback(host: str) -> bool:
    """True when the host can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
