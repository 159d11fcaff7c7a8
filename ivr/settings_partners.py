"""The settings of partners: who is told of orders, who may file tasks, and how long it is tried."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from ivr.domain.delivery import EVENTS, EventName
from ivr.domain.notices import checked_text
from ivr.domain.voice_notice import VOICE, VoiceEvent
from ivr.settings_sections import is_loopback


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _safe(url: str) -> bool:
    """Whether an address, if any, keeps what is sent to itself."""
    parts = urlsplit(url)
    return not url or bool(parts.hostname and parts.username is None and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    ))


class PartnerSettings(_Section):
    """One platform work orders are shared with."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")] = Field(description="Name, also in its messages to us")
    secret: SecretStr = Field(
        min_length=32, max_length=200, description="Shared secret that signs both ways; at least 32 characters, unlike any other"
    )
    url: str = Field("", max_length=500, description="Where events are sent, https; empty: none are")
    events: list[EventName] = Field(default_factory=lambda: list(EVENTS), description="Which events are sent")
    own_only: bool = Field(False, description="Only events of orders this partner filed")
    inbound: bool = Field(True, description="Whether this partner may file tasks")

    @model_validator(mode="after")
    def _safe_address(self) -> PartnerSettings:
        if self.name in ("notices", VOICE):
            raise ValueError(f"no partner may be called {self.name}: that is how citizens are told by [notices]")
        if not _safe(self.url):
            raise ValueError(f"partner {self.name}: url must be https://… without a password in it (http only on loopback)")
        return self


_TEXTS: dict[EventName, str] = {
    "order.assigned": "【12348】您咨询的事项（编号 {short}）已交专人办理。拨打 12348 可查询进度。",
    "order.resolved": "【12348】您咨询的事项（编号 {short}）已办结。如有疑问请拨打 12348。",
}


class NoticeSettings(_Section):
    """Notices to citizens about their orders, by a message gateway and by a call that speaks them."""

    url: str = Field("", max_length=500, description="The message gateway, https; empty: citizens get no messages")
    secret: SecretStr | None = Field(None, description="Shared secret that signs what the gateway gets; at least 32 characters")
    quiet_from: time = Field(time(21), description="Time in Shanghai from which nobody is told")
    quiet_until: time = Field(time(8), description="Time in Shanghai until which nobody is told")
    texts: dict[EventName, Annotated[str, AfterValidator(checked_text)]] = Field(
        default_factory=lambda: dict(_TEXTS),
        description="Text by event, with {number} or {short}, what a caller keys; an event without a text is told to nobody",
    )
    voice: Literal["off", "landlines", "all"] = Field(
        "off", description="Who is told by a call: nobody, those whose telephone takes no messages, everybody with a telephone"
    )
    voice_events: list[VoiceEvent] = Field(
        default_factory=lambda: list[VoiceEvent](["order.resolved"]), description="Events told by a call"
    )
    voice_tries: int = Field(3, ge=1, le=10, description="Calls in all for one notice, until its words were heard to the end")
    voice_retry_s: float = Field(900.0, ge=1, le=86_400, description="Wait after the first call in vain; it doubles with each one")
    voice_ring_s: int = Field(30, ge=5, le=120, description="Seconds the telephone rings")
    voice_at_once: int = Field(2, ge=1, le=20, description="Most calls of notices at once; half of a line stays free in any case")

    @model_validator(mode="after")
    def _complete(self) -> NoticeSettings:
        if self.url and (self.secret is None or len(self.secret.get_secret_value()) < 32):
            raise ValueError("notices.url needs notices.secret of at least 32 characters")
        if not _safe(self.url):
            raise ValueError("notices.url must be https://… without a password in it (http only on loopback)")
        return self


class DeliverySettings(_Section):
    """How events reach partners."""

    timeout_s: float = Field(10.0, ge=0.1, le=60, description="Longest that a partner may take to answer")
    first_retry_s: float = Field(5.0, ge=0.01, le=3600, description="Wait after the first failure; it doubles with each one")
    longest_retry_s: float = Field(3600.0, ge=0.01, le=86_400, description="Longest wait between two tries")
    tries: int = Field(24, ge=1, le=100, description="Tries in all, then the event is held until it is replayed by hand")
    keep_days: int = Field(30, ge=1, le=3650, description="Days that delivered events are kept")
    urgent_accept_minutes: float = Field(
        10.0, gt=0, le=1440, description="Minutes after which an urgent task of a partner that nobody accepted is escalated"
    )
