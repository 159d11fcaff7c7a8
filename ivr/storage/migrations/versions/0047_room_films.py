"""The recorded picture of rooms of three sides."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from ivr.storage.migrate import run_sql

revision = "0047"
down_revision = "0050"


def upgrade() -> None:
    """Forward only: a hotline's record is never migrated backwards."""
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql"))
