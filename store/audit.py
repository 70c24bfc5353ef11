"""Who asked for whose records, what, why and when: append-only, kept by the database itself.

Patients stand as fingerprints, users and records as the EHR's own references. One line is
written before a request leaves and one when its answer is known: a line without its second
half is a request whose end nobody saw.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from store.tables import audit_events

EVERYBODY = "everybody"
"""In place of a patient's fingerprint: the deed concerned a whole population."""


class Action(StrEnum):
    """What was done to the chart."""

    LAUNCH = "launch"
    READ = "read"
    WRITE = "write"


class Stage(StrEnum):
    """How far it came: asked before the request, the others after it."""

    ASKED = "asked"
    DONE = "done"
    PARTLY = "partly"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Deed:
    """One deed. `who` is a fhirUser reference, `whose` a fingerprint, `what` record references
    or types, `why` a static name of the purpose.
    """

    ehr_id: str
    launch_id: str
    who: str
    whose: str
    action: Action
    what: tuple[str, ...]
    why: str


def write_down(
    connection: Connection,
    deed: Deed,
    outcome: Stage,
    *,
    now: datetime,
    about: str | None = None,
) -> str:
    """Append one line; its id. `about` is the id of the line that was written before."""
    key = uuid.uuid4().hex
    connection.execute(
        audit_events.insert().values(
            id=key,
            happened_at=now,
            ehr_id=deed.ehr_id,
            launch_id=deed.launch_id,
            who=deed.who,
            whose=deed.whose,
            action=deed.action.value,
            what=list(deed.what),
            why=deed.why,
            outcome=outcome.value,
            about=about,
        )
    )
    return key


def of_patient(connection: Connection, ehr_id: str, whose: str) -> Sequence[dict[str, Any]]:
    """Every line about a patient (by fingerprint), the oldest first."""
    query = (
        sa.select(audit_events)
        .where(audit_events.c.ehr_id == ehr_id, audit_events.c.whose == whose)
        .order_by(audit_events.c.happened_at, audit_events.c.about.is_not(None))
    )
    return [dict(row._mapping) for row in connection.execute(query)]
