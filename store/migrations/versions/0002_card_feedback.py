"""What users did with the cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table. No foreign key: feedback may come before its card is recorded."""
    op.create_table(
        "card_feedback",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("card_uuid", sa.String(36), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("outcome_at", UtcDateTime, nullable=False),
        sa.Column("accepted_suggestions", sa.JSON, nullable=False),
        sa.Column("reason_system", sa.String(256), nullable=True),
        sa.Column("reason_code", sa.String(128), nullable=True),
        sa.Column("words", sa.LargeBinary, nullable=True),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
    )
    op.create_index("card_feedback_card", "card_feedback", ["card_uuid"])


def downgrade() -> None:
    """Give the table up, with what it holds."""
    op.drop_table("card_feedback")
