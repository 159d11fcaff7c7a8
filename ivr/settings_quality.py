"""The settings of quality review."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class QualitySettings(BaseModel):
    """Which calls people hear again (docs/reference/quality.md). What they are judged by is a scorecard."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_share: float = Field(
        0.05, ge=0, le=1, description="Share of each operator's calls in each month that people hear; 0: none by share"
    )
    sample_silence_s: int = Field(60, ge=5, le=3600, description="A call with a silence of this length is heard by people")
