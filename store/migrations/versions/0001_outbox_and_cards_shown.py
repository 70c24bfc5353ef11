"""The outbox, and the cards that were shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables and the indexes that their questions need."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("next_attempt_at", UtcDateTime, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("posted_at", UtcDateTime, nullable=True),
        sa.Column("done_at", UtcDateTime, nullable=True),
    )
    op.create_index(
        "outbox_waiting",
        "outbox",
        ["next_attempt_at"],
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "cards_shown",
        sa.Column("card_uuid", sa.String(36), primary_key=True),
        sa.Column("hook_instance", sa.String(64), nullable=False),
        sa.Column("hook", sa.String(32), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("ehr_id", sa.String(64), nullable=False),
        sa.Column("patient_fingerprint", sa.String(64), nullable=False),
        sa.Column("checks", sa.JSON, nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("rules_version", sa.String(32), nullable=False),
        sa.Column("shown_at", UtcDateTime, nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
    )
    op.create_index("cards_shown_patient", "cards_shown", ["ehr_id", "patient_fingerprint"])


def downgrade() -> None:
    """Give both up, with what they hold."""
    op.drop_table("cards_shown")
    op.drop_table("outbox")
