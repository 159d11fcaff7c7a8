"""The shape of every error's answer (RFC 9457)."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from ivr.web.models import Wire


class ProblemError(Wire):
    where: Literal["query", "body"]
    name: str
    problem: str


class Problem(Wire):
    """RFC 9457 problem document; ``code`` is stable, ``detail`` is for people."""

    model_config = ConfigDict(
        frozen=True, extra="allow", json_schema_extra={"required": ["type", "title", "status", "code", "detail"]}
    )
    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[ProblemError] = []
