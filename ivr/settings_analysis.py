"""The settings of analysis: early warning and the forecast."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class AnalysisSettings(BaseModel):
    """Early warning by place, and the forecast of calls and seats (docs/reference/analysis.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    warn_by: Literal["category", "matter"] = Field("category", description="What is counted in each place: categories, or matters")
    warn_least: int = Field(3, ge=2, le=1000, description="Fewer matters a day than this are no rise")
    warn_weeks: int = Field(8, ge=2, le=52, description="Weeks before a day whose median is what is usual")
    seats_goal: float = Field(
        0.9, ge=0.5, le=0.999, description="Share of calls to be answered within figures.answered_within_s, for the seats needed"
    )
