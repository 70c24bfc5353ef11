"""In which month and in which role somebody was shown a card, and which EHR reported on it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of older cards the role is not known, and the month is that of the instant in UTC."""
    op.add_column("card_feedback", sa.Column("ehr_id", sa.String(64), nullable=True))
    op.add_column("cards_shown", sa.Column("user_role", sa.String(32), nullable=True))
    op.add_column("cards_shown", sa.Column("shown_month", sa.String(7), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "UPDATE cards_shown SET shown_month = to_char(shown_at AT TIME ZONE 'UTC', 'YYYY-MM')"
        )
    else:
        op.execute("UPDATE cards_shown SET shown_month = substr(shown_at, 1, 7)")
    with op.batch_alter_table("cards_shown") as table:
        table.alter_column("shown_month", existing_type=sa.String(7), nullable=False)
    op.create_index("cards_shown_month", "cards_shown", ["ehr_id", "shown_month"])


def downgrade() -> None:
    """Give the three up."""
    op.drop_index("cards_shown_month", table_name="cards_shown")
    with op.batch_alter_table("cards_shown") as table:
        table.drop_column("shown_month")
        table.drop_column("user_role")
    with op.batch_alter_table("card_feedback") as table:
        table.drop_column("ehr_id")
