"""From the settings to privacy: what the pages are served with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.ports.privacy import PrivacyServices
from ivr.settings import Settings
from ivr.storage.unmasking import PostgresUnmaskings

if TYPE_CHECKING:
    from ivr.storage.database import Pool


def privacy_services(settings: Settings, pool: Pool) -> PrivacyServices:
    """What the web process needs."""
    return PrivacyServices(PostgresUnmaskings(pool), settings.privacy.unmask_minutes)
