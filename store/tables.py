"""The tables as the code sees them. What the database holds is made by `migrations` alone."""

from __future__ import annotations

import sqlalchemy as sa

from store.database import UtcDateTime

metadata = sa.MetaData()

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("next_attempt_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("posted_at", UtcDateTime, nullable=True),
    sa.Column("done_at", UtcDateTime, nullable=True),
)
sa.Index(
    "outbox_waiting",
    outbox.c.next_attempt_at,
    sqlite_where=outbox.c.done_at.is_(None),
    postgresql_where=outbox.c.done_at.is_(None),
)

cards_shown = sa.Table(
    "cards_shown",
    metadata,
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
    sa.Column("shown_month", sa.String(7), nullable=False),
    sa.Column("user_role", sa.String(32), nullable=True),
)
sa.Index("cards_shown_patient", cards_shown.c.ehr_id, cards_shown.c.patient_fingerprint)
sa.Index("cards_shown_month", cards_shown.c.ehr_id, cards_shown.c.shown_month)

card_feedback = sa.Table(
    "card_feedback",
    metadata,
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
    sa.Column("ehr_id", sa.String(64), nullable=True),
    sa.Column("card_ehr_id", sa.String(64), nullable=True),
    sa.Column("card_month", sa.String(7), nullable=True),
)
sa.Index("card_feedback_card", card_feedback.c.card_uuid)
sa.Index("card_feedback_month", card_feedback.c.card_ehr_id, card_feedback.c.card_month)
sa.Index(
    "card_feedback_unbound",
    card_feedback.c.ehr_id,
    sqlite_where=card_feedback.c.card_month.is_(None),
    postgresql_where=card_feedback.c.card_month.is_(None),
)

card_months = sa.Table(
    "card_months",
    metadata,
    sa.Column("ehr_id", sa.String(64), primary_key=True),
    sa.Column("month", sa.String(7), primary_key=True),
    sa.Column("cards", sa.Integer, nullable=False),
    sa.Column("reports", sa.Integer, nullable=False),
    sa.Column("enough_patients", sa.Integer, nullable=False),
    sa.Column("counted", sa.JSON, nullable=False),
)

smart_launches = sa.Table(
    "smart_launches",
    metadata,
    sa.Column("state_fingerprint", sa.String(64), primary_key=True),
    sa.Column("ehr_id", sa.String(64), nullable=False),
    sa.Column("browser_fingerprint", sa.String(64), nullable=False),
    sa.Column("kept", sa.LargeBinary, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("used_at", UtcDateTime, nullable=True),
)
sa.Index("smart_launches_expiry", smart_launches.c.expires_at)

smart_sessions = sa.Table(
    "smart_sessions",
    metadata,
    sa.Column("launch_id", sa.String(64), primary_key=True),
    sa.Column("ehr_id", sa.String(64), nullable=False),
    sa.Column("browser_fingerprint", sa.String(64), nullable=False),
    sa.Column("kept", sa.LargeBinary, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("renewing_until", UtcDateTime, nullable=True),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)
sa.Index("smart_sessions_expiry", smart_sessions.c.expires_at)

audit_events = sa.Table(
    "audit_events",
    metadata,
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
sa.Index("audit_events_whose", audit_events.c.ehr_id, audit_events.c.whose)

bulk_exports = sa.Table(
    "bulk_exports",
    metadata,
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
sa.Index("bulk_exports_due", bulk_exports.c.next_look_at)

bulk_export_files = sa.Table(
    "bulk_export_files",
    metadata,
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

report_runs = sa.Table(
    "report_runs",
    metadata,
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

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("ehr_id", sa.String(64), primary_key=True),
    sa.Column("night", sa.Date, primary_key=True),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("report", sa.JSON, nullable=False),
    sa.Column("worklist", sa.LargeBinary, nullable=False),
    sa.Column("compared", sa.LargeBinary, nullable=False),
)

card_memory = sa.Table(
    "card_memory",
    metadata,
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
sa.Index(
    "card_memory_settled",
    card_memory.c.patient_fingerprint,
    card_memory.c.service,
    sqlite_where=card_memory.c.settled_at.is_not(None),
    postgresql_where=card_memory.c.settled_at.is_not(None),
)
sa.Index("card_memory_expiry", card_memory.c.kept_until)

follow_ups = sa.Table(
    "follow_ups",
    metadata,
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
sa.Index("follow_ups_patient", follow_ups.c.patient_fingerprint)
sa.Index("follow_ups_due", follow_ups.c.ehr_id, follow_ups.c.due_on)
sa.Index("follow_ups_expiry", follow_ups.c.kept_until)
