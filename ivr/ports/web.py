"""What the HTTP edge needs of the world: the read side, accounts, the feed, the audit trail, stored sound.

Every time here is timezone-aware; every duration is seconds as float. Implementations raise
``ivr.domain.errors.Unavailable`` when what they stand on (PostgreSQL, the disk) is away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from ivr.domain.counted_call import Limits
from ivr.domain.errors import CallerFault, Unavailable
from ivr.domain.intake import Draft
from ivr.domain.transcript import Speaker, Transcript
from ivr.ports.advisers import AdviserDesk
from ivr.ports.analysis import AnalysisServices
from ivr.ports.appointments import AppointmentDesk
from ivr.ports.corrections import Corrections
from ivr.ports.desk import DeskServices
from ivr.ports.devices import DeviceDesk
from ivr.ports.films import FilmDesk
from ivr.ports.knowledge import KnowledgeServices
from ivr.ports.orders import OrderDesk
from ivr.ports.partners import PartnerServices
from ivr.ports.pictures import PictureDesk
from ivr.ports.privacy import PrivacyServices
from ivr.ports.provisioning import ProvisioningDesk
from ivr.ports.quality import QualityDesk
from ivr.ports.risk import RiskDesk
from ivr.ports.roster import RosterServices
from ivr.ports.search import Search
from ivr.ports.sessions import FactorState, Origin, SecondFactors, SessionList
from ivr.ports.statistics import Statistics
from ivr.ports.supervision import SupervisionServices
from ivr.ports.tasks import TaskDesk
from ivr.ports.user_accounts import UserDesk
from ivr.ports.views import Views

Topic = Literal["queue", "call", "order", "alarm", "seat", "risk", "task", "roster"]
DatabaseState = Literal["away", "full", "read_only"]
Track = Literal["caller", "operator", "both"]
Tones = Mapping[Speaker, Sequence[tuple[float, float]]]
"""Seconds of each track in which a tone is heard instead of what was said, in order and apart from one another."""


class LoginRefused(CallerFault):
    """Name and password, or the ticket, do not open a session. One text for every reason, so it names nobody.

    ``known_name`` is the account's name when there is one: for the audit trail only, never for the answer.
    """

    code = "login_refused"

    def __init__(self, known_name: str | None = None) -> None:
        super().__init__("The name or password is wrong, or the login link was used or has expired.")
        self.known_name = known_name


class LockedOut(CallerFault):
    """Too many failed logins under this name, known or not; ``retry_after_s`` is when it opens again."""

    code = "locked_out"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many failed logins under this name. Try again later, or ask for a login link.")
        self.retry_after_s = retry_after_s


class Busy(Unavailable):
    """More work of this kind is waiting than this process takes on; ``retry_after_s`` says when to come back."""

    code = "busy"
    retry_after_s: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: a person's session or a machine's token. ``credential`` is the sha256 of the secret, never the secret.

    ``second_factor`` "missing": nothing is served but setting one up.
    """

    kind: Literal["session", "token"]
    name: str
    display_name: str
    roles: frozenset[str]
    credential: bytes
    second_factor: FactorState = "off"

    @property
    def actor(self) -> str:
        """The name in the audit trail; a token's cannot be mistaken for a person's."""
        return self.name if self.kind == "session" else f"token:{self.name}"


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session just opened; ``secret`` goes into the cookie and is stored nowhere. Lives ``lifetime_s`` at most."""

    identity: Identity
    secret: str
    lifetime_s: int


class Accounts(Protocol):
    """People's sessions and machines' tokens."""

    async def sign_in(self, name: str, password: str, *, code: str | None, origin: Origin) -> OpenedSession:
        """Open a session, or raise LoginRefused, LockedOut or Busy; takes the same time for every unknown name.

        With a second factor ``code`` is one of its codes: CodeNeeded without, CodeRefused with a wrong one.
        """
        ...

    async def redeem_ticket(self, ticket: str, *, code: str | None, origin: Origin) -> OpenedSession:
        """Open a session with a one-time ticket, or raise LoginRefused; codes as in ``sign_in``, the ticket then stays good."""
        ...

    async def session(self, secret: str, *, activity: bool) -> Identity | None:
        """Whose session this is, None when unknown, revoked, idle or over; ``activity`` restarts the idle clock."""
        ...

    async def token(self, secret: str) -> Identity | None:
        """Whose API token this is, None when unknown, revoked or expired."""
        ...

    async def end_session(self, secret: str) -> None:
        """Revoke one session; ending it twice is no error."""
        ...

    async def still_valid(self, credentials: Collection[bytes]) -> frozenset[bytes]:
        """Those of the credentials that would still be accepted, in one query; restarts no idle clock."""
        ...


class AuditTrail(Protocol):
    """The append-only, hash-chained record of who did what."""

    async def append(self, actor: str, action: str, object_name: str, detail: Mapping[str, str | int | bool]) -> None:
        """Write one row before the act it speaks of is answered; raise rather than lose it."""
        ...


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One numbered change: something about ``key`` is different now. What, is read from its table."""

    seq: int
    topic: Topic
    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """Entries after the asked number, in order. ``head`` is the last number given, ``complete`` is false when
    numbers in between were pruned (or the database is another one): the reader must take a new snapshot."""

    head: int
    complete: bool
    entries: Sequence[FeedEntry]


class Feed(Protocol):
    """The numbered feed of changes, read by one reader per web process."""

    async def after(self, seq: int, limit: int) -> FeedBatch: ...

    async def wait_hint(self, timeout_s: float) -> bool:
        """Return early (True) when the database hints at news, at ``timeout_s`` (False) otherwise; never raises."""
        ...

    async def write_probe(self) -> DatabaseState | None:
        """Write next to nothing and commit it: None when that went well, else what is wrong; may wait for ever."""
        ...

    async def listen(self) -> None:
        """Keep the hint connection alive until cancelled; reconnects with jitter and only logs its failures."""
        ...


class DraftComposer(Protocol):
    """The rules of intake with the tables of this process's start."""

    def compose(self, transcript: Transcript, caller_number: str, called_on: date) -> Draft:
        """What an order would be filled with; ``called_on`` is the call's day in Asia/Shanghai."""
        ...


class CodeTables(Protocol):
    """Names of the versioned category and matter codes."""

    def name(self, version: str, kind: Literal["category", "matter"], code: str) -> str | None:
        """The name in this version, or in the one in force for ''; None when it is not known."""
        ...

    def codes(self, version: str, kind: Literal["category", "matter"]) -> Sequence[tuple[str, str]]:
        """Every code of this version with its name, '' for the one in force; nothing for a version that is not known."""
        ...


class SoundView(Protocol):
    """One stored sound as the bytes of a WAV file, read piecewise, never whole in memory."""

    @property
    def size(self) -> int:
        """Bytes of the whole WAV, header included."""
        ...

    async def read(self, offset: int, length: int) -> bytes:
        """Exactly the bytes [offset, offset + length), fewer only at the end; raises AudioUnreadable."""
        ...

    async def close(self) -> None: ...


class AudioArchive(Protocol):
    """Stored recordings as something playable. ``paths`` are absolute and already confined to the recordings folder.

    Raises NotFound when a file is gone, AudioUnreadable when it is no sound.
    """

    async def open(self, paths: Mapping[Speaker, Path], track: Track, tones: Tones) -> SoundView:
        """``both`` is stereo, caller left and operator right, also when only one of the two exists (silence).

        With ``tones`` the same range of bytes is the same bytes at every reading; the files are never changed.
        """
        ...

    async def peaks(self, paths: Mapping[Speaker, Path], points: int, tones: Tones) -> Mapping[Speaker, Sequence[float]]:
        """``points`` peak values 0…1 per existing track, over the length of the longest track; of a tone the tone's."""
        ...


@dataclass(frozen=True)
class WebServices:
    """Everything the HTTP edge is given; wired in ivr.parts.web."""

    views: Views
    accounts: Accounts
    audit: AuditTrail
    feed: Feed
    audio: AudioArchive
    codes: CodeTables
    search: Search
    partners: PartnerServices
    appointments: AppointmentDesk
    statistics: Statistics
    orders: OrderDesk
    desk: DeskServices
    devices: DeviceDesk
    supervision: SupervisionServices
    risks: RiskDesk
    corrections: Corrections
    analysis: AnalysisServices
    advisers: AdviserDesk
    provisioning: ProvisioningDesk
    quality: QualityDesk = field(kw_only=True)
    tasks: TaskDesk = field(kw_only=True)
    knowledge: KnowledgeServices = field(kw_only=True)
    roster: RosterServices = field(kw_only=True)
    composer: DraftComposer = field(kw_only=True)
    second_factors: SecondFactors
    sessions: SessionList
    users: UserDesk = field(kw_only=True)
    privacy: PrivacyServices
    pictures: PictureDesk = field(kw_only=True)
    films: FilmDesk = field(kw_only=True)


@dataclass(frozen=True)
class WebOptions:
    """How the HTTP edge behaves. ``tls`` says whether browsers reach it by https (directly or through a proxy)."""

    recordings_dir: Path
    static_dir: Path
    tls: bool = False
    public_origins: frozenset[str] = field(default_factory=frozenset)
    """Further origins pages may come from, e.g. ``https://12348.example`` behind a proxy that changes Host."""
    connect_sources: tuple[str, ...] = ()
    """Further CSP connect-src entries, e.g. ``wss://{host}:8089`` for the secure WebSocket of the PBX; ``{host}`` becomes
    the name under which the browser reached the page, which a listening address such as 0.0.0.0 cannot say."""
    stale_after_s: float = 6.0
    live_clients: int = 1500
    live_poll_s: float = 1.0
    live_heartbeat_s: float = 5.0
    live_recheck_s: float = 10.0
    live_send_timeout_s: float = 10.0
    play_audit_window_s: float = 600.0
    body_limit_bytes: int = 64 * 1024
    figure_limits: Limits = field(default_factory=Limits)
    connection_goal: float = 0.95
    fetches_a_minute: int = 30
    """The most requests of one network address for configurations of devices."""
    token_requests_a_minute: int = 0
    """The most requests of one token; 0: no limit."""
