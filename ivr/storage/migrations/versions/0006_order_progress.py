"""What a citizen may hear of an order: whose it is, when it is due, whether it is confidential."""

from __future__ import annotations

from pathlib import Path

from alembic import op

from ivr.storage.migrate import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward only: a hotline's record is never migrated backwards."""
    run_sql(op.get_bind(), Path(__file__).with_suffix(".sql"))
