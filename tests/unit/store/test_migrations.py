"""The tables come from migrations alone, on both databases, in any folder."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Engine

from store import migrate
from store.database import UnusableDatabaseUrl, make_engine, writing
from store.tables import card_feedback, cards_shown, metadata


def test_the_code_and_the_migrations_describe_the_same_tables(store: Engine) -> None:
    """Alembic compares what is in the database with what the code says: no difference."""
    with store.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_second_upgrade_finds_nothing_to_do(store: Engine) -> None:
    assert migrate.at_head(store)
    assert migrate.upgrade(store) is False


def test_a_card_that_was_shown_before_roles_and_months_were_kept_gets_its_month_in_utc(
    store: Engine,
) -> None:
    """Shown at 00:30 on 1 December in Berlin: 30 November in UTC. Nobody knows to whom."""
    older: dict[str, Any] = dict.fromkeys(
        ("hook_instance", "hook", "service", "ehr_id", "patient_fingerprint", "severity"), "x"
    )
    midnight = datetime.fromisoformat("2026-12-01T00:30:00+01:00")
    older |= {"card_uuid": "c", "checks": ["high-dose"], "rules_version": "2026.11"}
    older |= {"shown_at": midnight, "recorded_at": midnight}
    with writing(store) as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        migrate.command.downgrade(config, "0006")
        as_it_was = sa.table("cards_shown", *(sa.column(n, cards_shown.c[n].type) for n in older))
        connection.execute(as_it_was.insert(), older)
    assert migrate.upgrade(store) is True
    with store.connect() as connection:
        row = connection.execute(cards_shown.select()).one()
    assert (row.shown_month, row.user_role, row.shown_at) == ("2026-11", None, midnight)


def test_reports_of_before_know_their_card_after_the_upgrade_and_lose_it_by_the_downgrade(
    store: Engine,
) -> None:
    """A report of the card's EHR, one of nobody, one of another EHR, one to another service."""
    at = datetime.fromisoformat("2026-11-23T12:00:00+00:00")
    card: dict[str, Any] = dict.fromkeys(
        ("hook_instance", "hook", "patient_fingerprint", "severity", "rules_version"), "x"
    )
    card |= {"card_uuid": "c", "service": "s", "ehr_id": "north", "checks": []}
    card |= {"shown_at": at, "recorded_at": at, "shown_month": "2026-11"}
    report = {"card_uuid": "c", "outcome": "accepted", "accepted_suggestions": [], "place": 0}
    report |= {"outcome_at": at, "received_at": at}
    reports = [
        {**report, "fingerprint": ehr_id or "nobody", "service": "s", "ehr_id": ehr_id}
        for ehr_id in ("north", None, "south")
    ]
    reports.append({**report, "fingerprint": "elsewhere", "service": "t", "ehr_id": "north"})
    with writing(store) as connection:
        connection.execute(cards_shown.insert(), card)
        connection.execute(card_feedback.insert(), reports)
        config = migrate._config()
        config.attributes["connection"] = connection
        migrate.command.downgrade(config, "0007")
        names = {it["name"] for it in sa.inspect(connection).get_columns("card_feedback")}
        assert not names & {"card_month", "card_ehr_id"}
    assert migrate.upgrade(store) is True
    with store.connect() as connection:
        bound = {
            row.fingerprint: (row.card_ehr_id, row.card_month)
            for row in connection.execute(card_feedback.select())
        }
    assert bound == {
        "north": ("north", "2026-11"),
        "nobody": ("north", "2026-11"),
        "south": (None, None),
        "elsewhere": (None, None),
    }


def test_an_empty_database_is_not_at_head(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    assert not migrate.at_head(engine)
    engine.dispose()


def test_a_folder_with_space_and_percent_in_its_path_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "50 % of it"
    folder.mkdir()
    engine = make_engine(f"sqlite:///{folder / 'taperguard.db'}")
    assert migrate.upgrade(engine) is True
    assert migrate.at_head(engine)
    engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_four_processes_that_start_at_once_migrate_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each has its own engine, as processes have; none fails, all find the tables."""
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'together.db'}"
        make = make_engine(url)
        make.connect().close()
        make.dispose()
    else:
        url = request.getfixturevalue("postgres").new_empty_database()
    gate = threading.Barrier(4)
    did: list[bool | Exception] = []

    def start() -> None:
        engine = make_engine(url)
        gate.wait()
        try:
            migrate.upgrade(engine)
            did.append(migrate.at_head(engine))
        except Exception as error:  # noqa: BLE001
            did.append(error)
        engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert did == [True, True, True, True]


def test_a_failing_migration_leaves_the_database_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables made before the failure are gone again: DDL is part of the transaction."""
    engine = make_engine(f"sqlite:///{tmp_path / 'half.db'}")

    def fail(connection: Any, *_: Any, **__: Any) -> None:
        connection.exec_driver_sql("CREATE TABLE half_done (id INTEGER)")
        raise RuntimeError

    monkeypatch.setattr(
        migrate.command, "upgrade", lambda config, _: fail(config.attributes["connection"])
    )
    with pytest.raises(RuntimeError):
        migrate.upgrade(engine)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://user:geheim@host/db", "has to be SQLite or PostgreSQL"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("no address at all", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(url: str, why: str) -> None:
    with pytest.raises(UnusableDatabaseUrl, match=why) as caught:
        make_engine(url)
    assert "geheim" not in str(caught.value)


def test_sqlite_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    """WAL, synchronous FULL (2), foreign keys on, and patience with another writer."""
    engine = make_engine(f"sqlite:///{tmp_path / 'pragmas.db'}")
    with engine.connect() as connection:

        def pragma(name: str) -> object:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

        assert pragma("journal_mode") == "wal"
        assert pragma("synchronous") == 2
        assert pragma("foreign_keys") == 1
        assert pragma("busy_timeout") == 5000
    engine.dispose()
