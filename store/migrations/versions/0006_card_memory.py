"""What a card stood on, whether it was settled, and the follow-ups that were promised."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.database import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables and the indexes that their questions need."""
    op.create_table(
        "card_memory",
        sa.Column("card_uuid", sa.String(36), primary_key=True),
        sa.Column("ehr_id", sa.String(64), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("patient_fingerprint", sa.String(64), nullable=False),
        sa.Column("patient", sa.LargeBinary, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("shown_at", UtcDateTime, nullable=False),
        sa.Column("settled_at", UtcDateTime, nullable=True),
        sa.Column("settled_on", sa.Date, nullable=True),
        sa.Column("quiet_until", sa.Date, nullable=True),
        sa.Column("outcome", sa.String(16), nullable=True),
        sa.Column("reason_code", sa.String(128), nullable=True),
        sa.Column("kept_until", UtcDateTime, nullable=False),
    )
    op.create_index(
        "card_memory_settled",
        "card_memory",
        ["patient_fingerprint", "service"],
        sqlite_where=sa.text("settled_at IS NOT NULL"),
        postgresql_where=sa.text("settled_at IS NOT NULL"),
    )
    op.create_index("card_memory_expiry", "card_memory", ["kept_until"])
    op.create_table(
        "follow_ups",
        sa.Column("card_uuid", sa.String(36), primary_key=True),
        sa.Column("ehr_id", sa.String(64), nullable=False),
        sa.Column("patient_fingerprint", sa.String(64), nullable=False),
        sa.Column("patient", sa.LargeBinary, nullable=False),
        sa.Column("checks", sa.JSON, nullable=False),
        sa.Column("reason_code", sa.String(128), nullable=False),
        sa.Column("promised_on", sa.Date, nullable=False),
        sa.Column("due_on", sa.Date, nullable=False),
        sa.Column("kept_until", UtcDateTime, nullable=False),
    )
    op.create_index("follow_ups_patient", "follow_ups", ["patient_fingerprint"])
    op.create_index("follow_ups_due", "follow_ups", ["ehr_id", "due_on"])
    op.create_index("follow_ups_expiry", "follow_ups", ["kept_until"])


def downgrade() -> None:
    """Give both up, with what they hold."""
    for table in ("follow_ups", "card_memory"):
        op.drop_table(table)
