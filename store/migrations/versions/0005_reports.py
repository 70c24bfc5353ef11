"""Reports of the nights, and how far each night's run is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.database import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "report_runs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("ehr_id", sa.String(64), nullable=False),
        sa.Column("night", sa.Date, nullable=False),
        sa.Column("group_id", sa.String(128), nullable=True),
        sa.Column("export_id", sa.String(64), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.Text, nullable=True),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.Column("next_look_at", UtcDateTime, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("released_at", UtcDateTime, nullable=True),
        sa.UniqueConstraint("ehr_id", "night", name="report_runs_night"),
    )
    op.create_table(
        "reports",
        sa.Column("ehr_id", sa.String(64), primary_key=True),
        sa.Column("night", sa.Date, primary_key=True),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
        sa.Column("worklist", sa.LargeBinary, nullable=False),
        sa.Column("compared", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Give the tables up, with what they hold."""
    for table in ("reports", "report_runs"):
        op.drop_table(table)
