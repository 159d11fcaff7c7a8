"""Changes of the roster on the live stream."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from ivr.storage.migrate import run_sql

revision = "0034"
down_revision = "0046"


def upgrade() -> None:
    """Forward only: a hotline's record is never migrated backwards."""
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql"))
