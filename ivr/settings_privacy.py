"""The settings of privacy: how long an unmasking holds, and how long what is kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

LEAST_LOG_DAYS = 184


class PrivacySettings(BaseModel):
    """Masked numbers and names, and how long what is kept (docs/reference/privacy.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recording_days: int = Field(0, ge=0, le=36500, description="Days recordings are kept after the call; 0: for ever")
    video_days: int = Field(0, ge=0, le=36500, description="The same for the recordings of village video calls")
    film_days: int = Field(
        0, ge=0, le=36500, description="Days recorded pictures of rooms of three sides are kept (village.film); 0: for ever"
    )
    picture_days: int = Field(
        0, ge=0, le=36500, description="Days pictures of documents are kept that were taken in village video calls; 0: for ever"
    )
    transcript_days: int = Field(0, ge=0, le=36500, description="Days transcripts are kept after the call; 0: for ever")
    order_days: int = Field(
        0, ge=0, le=36500, description="Days the content of an order is kept after the last thing done to it; 0: for ever"
    )
    log_days: int = Field(0, ge=0, le=36500, description="Days a call's ledger facts are kept in the database; 0: for ever")
    unmask_minutes: int = Field(
        15, ge=1, le=240, description="So long a person sees one matter's numbers and names after giving a reason"
    )

    @field_validator("log_days")
    @classmethod
    def _long_enough(cls, value: int) -> int:
        if 0 < value < LEAST_LOG_DAYS:
            raise ValueError(f"records of what happened are kept for {LEAST_LOG_DAYS} days or more (0: for ever)")
        return value
