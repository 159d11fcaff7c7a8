"""From the settings to privacy: what the pages are served with, and what deletes at night."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.domain.retention import Terms
from ivr.pipeline.retention import Retention
from ivr.ports.privacy import PrivacyServices
from ivr.settings import Settings
from ivr.speech.shredder import RecordingShredder
from ivr.storage.cases import PostgresCases
from ivr.storage.retention import PostgresHolds, PostgresRetention
from ivr.storage.unmasking import PostgresUnmaskings

if TYPE_CHECKING:
    from ivr.storage.database import Pool


def retention_terms(settings: Settings) -> Terms:
    """How long each kind is kept."""
    privacy = settings.privacy
    return Terms({
        "recording": privacy.recording_days, "video": privacy.video_days, "film": privacy.film_days,
        "picture": privacy.picture_days, "transcript": privacy.transcript_days,
        "order": privacy.order_days, "log": privacy.log_days,
    })


def retention(settings: Settings, pool: Pool, actor: str = "retention") -> Retention:
    """What deletes at night, and shows what it would."""
    return Retention(PostgresRetention(pool, actor), RecordingShredder(settings.recordings_dir), retention_terms(settings))


def privacy_services(settings: Settings, pool: Pool) -> PrivacyServices:
    """What the web process needs."""
    return PrivacyServices(
        PostgresUnmaskings(pool), PostgresCases(pool), retention(settings, pool), PostgresHolds(pool),
        settings.privacy.unmask_minutes,
    )
