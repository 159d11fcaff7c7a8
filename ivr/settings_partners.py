"""The settings of partners: who is told of orders, who may file tasks, and how long it is tried."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from ivr.domain.delivery import EVENTS, EventName
from ivr.settings_sections import is_loopback


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
        parts = urlsplit(self.url)
        if self.url and not (parts.hostname and parts.username is None and (
            parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
        )):
            raise ValueError(f"partner {self.name}: url must be https://… without a password in it (http only on loopback)")
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
