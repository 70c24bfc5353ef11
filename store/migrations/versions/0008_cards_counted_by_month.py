"""Of which month and EHR the card is that a report is about, and what was counted of a month."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Reports that were bound to no card when they came may be so by now."""
    op.add_column("card_feedback", sa.Column("card_ehr_id", sa.String(64), nullable=True))
    op.add_column("card_feedback", sa.Column("card_month", sa.String(7), nullable=True))
    op.execute(
        "UPDATE card_feedback SET card_ehr_id = c.ehr_id, card_month = c.shown_month "
        "FROM cards_shown AS c "
        "WHERE c.card_uuid = card_feedback.card_uuid AND c.service = card_feedback.service "
        "AND (card_feedback.ehr_id IS NULL OR card_feedback.ehr_id = c.ehr_id)"
    )
    op.create_index("card_feedback_month", "card_feedback", ["card_ehr_id", "card_month"])
    op.create_index(
        "card_feedback_unbound",
        "card_feedback",
        ["ehr_id"],
        sqlite_where=sa.text("card_month IS NULL"),
        postgresql_where=sa.text("card_month IS NULL"),
    )
    op.create_table(
        "card_months",
        sa.Column("ehr_id", sa.String(64), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("cards", sa.Integer, nullable=False),
        sa.Column("reports", sa.Integer, nullable=False),
        sa.Column("enough_patients", sa.Integer, nullable=False),
        sa.Column("counted", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Give up what can be counted again."""
    op.drop_table("card_months")
    op.drop_index("card_feedback_unbound", table_name="card_feedback")
    op.drop_index("card_feedback_month", table_name="card_feedback")
    with op.batch_alter_table("card_feedback") as table:
        table.drop_column("card_month")
        table.drop_column("card_ehr_id")
