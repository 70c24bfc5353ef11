"""SMART launches and sessions, and the audit of every read and write."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.database import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Append-only by the database itself: not by the good manners of the code that writes to it.
_SQLITE_KEEPERS = [
    f"""
    CREATE TRIGGER audit_events_no_{verb.lower()} BEFORE {verb} ON audit_events
    BEGIN SELECT RAISE(ABORT, 'audit_events is append-only'); END
    """
    for verb in ("UPDATE", "DELETE")
]
_POSTGRESQL_KEEPERS = [
    """
    CREATE FUNCTION audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'audit_events is append-only'; END $$
    """,
    """
    CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_append_only()
    """,
]


def upgrade() -> None:
    """Make the three tables and what keeps the audit as it was written."""
    op.create_table(
        "smart_launches",
        sa.Column("state_fingerprint", sa.String(64), primary_key=True),
        sa.Column("ehr_id", sa.String(64), nullable=False),
        sa.Column("browser_fingerprint", sa.String(64), nullable=False),
        sa.Column("kept", sa.LargeBinary, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("used_at", UtcDateTime, nullable=True),
    )
    op.create_index("smart_launches_expiry", "smart_launches", ["expires_at"])
    op.create_table(
        "smart_sessions",
        sa.Column("launch_id", sa.String(64), primary_key=True),
        sa.Column("ehr_id", sa.String(64), nullable=False),
        sa.Column("browser_fingerprint", sa.String(64), nullable=False),
        sa.Column("kept", sa.LargeBinary, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("renewing_until", UtcDateTime, nullable=True),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_index("smart_sessions_expiry", "smart_sessions", ["expires_at"])
    op.create_table(
        "audit_events",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("happened_at", UtcDateTime, nullable=False),
        sa.Column("ehr_id", sa.String(64), nullable=False),
        sa.Column("launch_id", sa.String(64), nullable=False),
        sa.Column("who", sa.String(128), nullable=False),
        sa.Column("whose", sa.String(64), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("what", sa.JSON, nullable=False),
        sa.Column("why", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("about", sa.String(32), nullable=True),
    )
    op.create_index("audit_events_whose", "audit_events", ["ehr_id", "whose"])
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for keeper in _POSTGRESQL_KEEPERS if on_postgresql else _SQLITE_KEEPERS:
        op.execute(keeper)


def downgrade() -> None:
    """Give the tables up, with what they hold."""
    for table in ("audit_events", "smart_sessions", "smart_launches"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_events_append_only()")
