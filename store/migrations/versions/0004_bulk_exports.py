"""Exports of an EHR's records, and their files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.database import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables and the index by which due exports are found."""
    op.create_table(
        "bulk_exports",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("ehr_id", sa.String(64), nullable=False),
        sa.Column("group_id", sa.String(64), nullable=True),
        sa.Column("types", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.Text, nullable=True),
        sa.Column("status_url", sa.LargeBinary, nullable=True),
        sa.Column("needs_token", sa.Boolean, nullable=False),
        sa.Column("transaction_time", UtcDateTime, nullable=True),
        sa.Column("problems", sa.JSON, nullable=False),
        sa.Column("manifests", sa.Integer, nullable=False),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("begun_at", UtcDateTime, nullable=False),
        sa.Column("next_look_at", UtcDateTime, nullable=True),
        sa.Column("lease", sa.String(32), nullable=True),
        sa.Column("leased_until", UtcDateTime, nullable=True),
    )
    op.create_index("bulk_exports_due", "bulk_exports", ["next_look_at"])
    op.create_table(
        "bulk_export_files",
        sa.Column("export_id", sa.String(64), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("is_error", sa.Boolean, nullable=False),
        sa.Column("url", sa.LargeBinary, nullable=False),
        sa.Column("count", sa.Integer, nullable=True),
        sa.Column("lines", sa.Integer, nullable=True),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("size", sa.BigInteger, nullable=True),
        sa.Column("problems", sa.JSON, nullable=False),
        sa.Column("done_at", UtcDateTime, nullable=True),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", UtcDateTime, nullable=False),
        sa.Column("posted_until", UtcDateTime, nullable=True),
        sa.Column("lease", sa.String(32), nullable=True),
        sa.Column("leased_until", UtcDateTime, nullable=True),
    )


def downgrade() -> None:
    """Give both up, with what they hold."""
    op.drop_table("bulk_export_files")
    op.drop_table("bulk_exports")
