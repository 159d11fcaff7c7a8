"""From the settings to quality review: the rules of sampling, whose seats are whose, the card that came with the program."""

from __future__ import annotations

from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING

from ivr.domain.quality_sample import SampleRules
from ivr.domain.worktime import SHANGHAI
from ivr.pipeline.check_quality import QualityChecker
from ivr.settings import Settings
from ivr.storage.quality_checks import PostgresQualityQueue

if TYPE_CHECKING:
    from ivr.storage.database import Pool

_SHIPPED = "scorecard-2026.1.toml"


def shipped_scorecard() -> str:
    """The file of the card that comes with the program."""
    return (resources.files("ivr.domain") / "tables" / _SHIPPED).read_text("utf-8")


def sample_rules(settings: Settings) -> SampleRules:
    """Which calls people hear."""
    return SampleRules(settings.quality.sample_share, settings.quality.sample_silence_s)


def quality_checker(settings: Settings, pool: Pool) -> QualityChecker:
    """What the controller runs."""
    seats = {f"PJSIP/seat-{seat.name}": seat.work_number for seat in settings.seats}
    queue = PostgresQualityQueue(pool, sample_rules(settings), seats)
    return QualityChecker(queue, shipped_scorecard, lambda: datetime.now(SHANGHAI).date())
