"""The audit: each deed twice, and nobody takes a line back, on either database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from store import audit
from store.audit import Action, Deed, Stage
from store.database import reading, writing

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
DEED = Deed(
    "north", "l1", "Practitioner/rowan", "f" * 64, Action.READ, ("Patient",), "taper-planner"
)


def kept(store: Engine) -> int:
    with writing(store) as connection:
        asked = audit.write_down(connection, DEED, Stage.ASKED, now=NOW)
        audit.write_down(connection, DEED, Stage.DONE, now=NOW, about=asked)
    return 2


def test_a_deed_is_found_by_patient_in_order(store: Engine) -> None:
    kept(store)
    with reading(store) as connection:
        asked, done = audit.of_patient(connection, "north", "f" * 64)
        assert audit.of_patient(connection, "north", "e" * 64) == []
    assert (asked["outcome"], done["outcome"]) == ("asked", "done")
    assert done["about"] == asked["id"]
    assert (asked["who"], asked["what"], asked["happened_at"]) == (
        "Practitioner/rowan",
        ["Patient"],
        NOW,
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET who = 'nobody'",
        "DELETE FROM audit_events",
        "DELETE FROM audit_events WHERE outcome = 'done'",
        "TRUNCATE audit_events",
    ],
)
def test_the_database_itself_takes_nothing_back(store: Engine, statement: str) -> None:
    count = kept(store)
    if statement.startswith("TRUNCATE") and store.dialect.name == "sqlite":
        statement = "DELETE FROM audit_events WHERE 1 = 1"
    with pytest.raises(DBAPIError, match="append-only"), writing(store) as connection:
        connection.execute(sa.text(statement))
    with reading(store) as connection:
        assert len(audit.of_patient(connection, "north", "f" * 64)) == count
