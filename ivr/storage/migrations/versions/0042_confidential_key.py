"""Which callers asked for confidence, told by a key."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from ivr.storage.migrate import run_sql

revision = "0042"
down_revision = "0039"


def upgrade() -> None:
    """Forward only: a hotline's record is never migrated backwards."""
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql"))
