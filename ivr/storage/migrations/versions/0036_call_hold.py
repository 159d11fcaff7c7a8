"""Holds of calls, and whose stretch of a call was checked."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from ivr.storage.migrate import run_sql

revision = "0036"
down_revision = "0043"


def upgrade() -> None:
    """Forward only: a hotline's record is never migrated backwards."""
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql"))
