"""The settings of privacy: how long an unmasking holds, and how long what is kept."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PrivacySettings(BaseModel):
    """Masked numbers and names (docs/reference/privacy.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unmask_minutes: int = Field(
        15, ge=1, le=240, description="So long a person sees one matter's numbers and names after giving a reason"
    )
