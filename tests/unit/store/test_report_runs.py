"""How far a night's run is, and who looks at it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from store import report_runs
from store.database import reading, writing
from store.report_runs import Run, RunState

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
NIGHT = date(2026, 11, 26)


def begin(store: Engine, night: date = NIGHT) -> str:
    with writing(store) as connection:
        return report_runs.begin(
            connection, ehr_id="sandbox", night=night, group_id="clinic", now=NOW
        )


def run_of(store: Engine, run_id: str) -> Run:
    with reading(store) as connection:
        run = report_runs.get(connection, run_id)
    assert run is not None
    return run


def test_a_run_that_is_asked_for_is_due_at_once(store: Engine) -> None:
    run_id = begin(store)
    with reading(store) as connection:
        (run,) = report_runs.due(connection, NOW)
        assert report_runs.of_night(connection, "sandbox", NIGHT) == run
    assert (run.id, run.state, run.group_id) == (run_id, RunState.ASKED, "clinic")


def test_a_run_under_a_lease_is_due_when_the_lease_ends(store: Engine) -> None:
    run = run_of(store, begin(store))
    with writing(store) as connection:
        assert report_runs.claim(connection, run, until=NOW + timedelta(minutes=5))
    with reading(store) as connection:
        assert report_runs.due(connection, NOW + timedelta(minutes=4)) == []
        assert len(report_runs.due(connection, NOW + timedelta(minutes=5))) == 1


def test_of_two_who_look_at_once_one_has_the_run(store: Engine) -> None:
    run = run_of(store, begin(store))
    took = []
    for _ in range(2):
        with writing(store) as connection:
            took.append(report_runs.claim(connection, run, until=NOW + timedelta(minutes=5)))
    assert took == [True, False]


def test_a_step_is_taken_once(store: Engine) -> None:
    """Two tasks that end at once: the second finds the run elsewhere."""
    run_id = begin(store)
    went = []
    for _ in range(2):
        with writing(store) as connection:
            went.append(
                report_runs.advance(
                    connection,
                    run_id,
                    expected=RunState.ASKED,
                    to=RunState.EXPORTING,
                    now=NOW,
                    export_id="e1",
                )
            )
    assert went == [True, False]
    assert (run_of(store, run_id).state, run_of(store, run_id).export_id) == (
        RunState.EXPORTING,
        "e1",
    )


def test_a_run_that_failed_says_why_and_is_due_no_more(store: Engine) -> None:
    run_id = begin(store)
    with writing(store) as connection:
        report_runs.advance(
            connection,
            run_id,
            expected=RunState.ASKED,
            to=RunState.FAILED,
            now=NOW,
            why="the EHR refused the export",
        )
    assert run_of(store, run_id).why == "the EHR refused the export"
    with reading(store) as connection:
        assert report_runs.due(connection, NOW + timedelta(days=9)) == []
        assert [run.id for run in report_runs.unreleased(connection)] == [run_id]
    with writing(store) as connection:
        report_runs.mark_released(connection, run_id, NOW)
    with reading(store) as connection:
        assert report_runs.unreleased(connection) == []


def test_a_night_that_is_asked_for_again_begins_anew(store: Engine) -> None:
    first, other = begin(store), begin(store, date(2026, 11, 25))
    second = begin(store)
    with reading(store) as connection:
        assert report_runs.get(connection, first) is None
        assert report_runs.all_ids(connection) == {second, other}


def test_a_night_has_one_run_whoever_asks_at_the_same_time(store: Engine) -> None:
    """The database refuses a second one: of two clocks one begins the night."""
    begin(store)
    run = run_of(store, begin(store))
    copy = {**{name: getattr(run, name) for name in Run.__dataclass_fields__}, "id": "b" * 32}
    with pytest.raises(sa.exc.IntegrityError), writing(store) as connection:
        connection.execute(sa.insert(report_runs.report_runs).values(**copy))
