"""`taperguard report again`: an operator has tonight's report made once more."""

from __future__ import annotations

from datetime import date

import pytest

from store import report_runs
from store.database import reading, writing
from store.report_runs import Run, RunState
from taperguard.commands.report_again import ask
from taperguard.refusal import Refusal
from taperguard.wiring import House

TONIGHT = date(2026, 11, 23)


def run_of(house: House) -> Run:
    with reading(house.engine) as connection:
        run = report_runs.of_night(connection, "sandbox", TONIGHT)
    assert run is not None
    return run


def end(house: House, state: RunState, *, cleared: bool) -> None:
    run = run_of(house)
    with writing(house.engine) as connection:
        report_runs.advance(
            connection, run.id, expected=run.state, to=state, now=house.now(), why="it broke"
        )
        if cleared:
            report_runs.mark_released(connection, run.id, house.now())


@pytest.mark.parametrize("state", [RunState.DONE, RunState.FAILED])
def test_a_night_that_has_ended_is_asked_for_again(house: House, state: RunState) -> None:
    assert ask(house, "sandbox") == "The report of 2026-11-23 is asked for; a worker makes it."
    first = run_of(house)
    end(house, state, cleared=True)
    ask(house, "sandbox")
    again = run_of(house)
    assert (again.state, again.group_id, again.why) == (RunState.ASKED, "clinic", None)
    assert again.id != first.id


def test_a_night_that_is_being_made_or_cleared_up_is_left_alone(house: House) -> None:
    """Forgotten before it is cleared up, it would leave its export and its files behind."""
    ask(house, "sandbox")
    first = run_of(house)
    with pytest.raises(Refusal, match="is being made, or cleared up after"):
        ask(house, "sandbox")
    end(house, RunState.DONE, cleared=False)
    with pytest.raises(Refusal, match="is being made, or cleared up after"):
        ask(house, "sandbox")
    assert run_of(house).id == first.id


def test_an_ehr_that_is_not_registered_is_named_with_those_that_are(house: House) -> None:
    with pytest.raises(Refusal, match=r"no EHR of this id is registered \(registered: sandbox\)"):
        ask(house, "elsewhere")
