"""Earlier tapers and how they ended: by what came next in the chart (CLINICAL sections 6 and 9).

Days are told as "so many days ago"; today is day 0. A plan is orders of one group whose doses
fall; without one, two cuts in a row within 180 days.
"""

from __future__ import annotations

import pytest

from clinical.dose_history import dose_history
from clinical.duration import clonazepam_days
from clinical.policy import default_policy
from clinical.present import use_of
from clinical.signing import current_clonazepam
from clinical.tapers import TaperEnd, earlier_tapers, taper_signs, tapers

FINISHED, BACK_UP, ABRUPT, UNKNOWN = (
    TaperEnd.FINISHED,
    TaperEnd.BACK_UP,
    TaperEnd.ABRUPT,
    TaperEnd.UNKNOWN,
)


@pytest.fixture
def ends(tell):
    def run(*records):
        facts, on, signs = tell.patient(medications=records), tell.today, taper_signs()
        stretches = dose_history(facts, on).stretches
        found = tapers(facts, stretches, on, signs)
        taken = clonazepam_days(facts, on, default_policy())
        return [(it.end, it.why) for it in earlier_tapers(found, stretches, taken, on, signs)]

    return run


def steps(tell, *doses, group="urn:p|1"):
    """Orders in turn: (mg/day, first day ago, last day ago)."""
    return [
        tell.order(
            f"s{number}-{ago}",
            mg,
            ago=ago,
            until=until,
            group=group,
            status="completed" if until > 0 else "active",
        )
        for number, (mg, ago, until) in enumerate(doses)
    ]


def test_a_plan_that_ended_at_a_low_dose_and_was_followed_by_a_gap_is_finished(tell, ends):
    """2, 1, 0.5 mg; last on day 200; 0.5 mg is a quarter of 2."""
    found = ends(*steps(tell, ("2", 289, 260), ("1", 259, 230), ("0.5", 229, 200)))
    assert [end for end, _ in found] == [FINISHED]
    assert "0.5 mg/day until" in found[0][1]


@pytest.mark.parametrize(("last", "end"), [("1", FINISHED), ("1.125", ABRUPT)])
def test_a_stop_above_half_of_the_highest_dose_is_abrupt(tell, ends, last, end):
    """Half of 2 mg is 1 mg."""
    found = ends(*steps(tell, ("2", 289, 260), ("1.5", 259, 230), (last, 229, 200)))
    assert [e for e, _ in found] == [end]


def test_a_dose_that_rose_again_is_a_taper_that_went_back_up(tell, ends):
    plan = steps(tell, ("2", 289, 260), ("1.5", 259, 230), ("1", 229, 200))
    again = tell.order("again", "2", ago=199)
    ((end, why),) = ends(*plan, again)
    assert end is BACK_UP
    assert why.startswith("2 mg/day from ")


def test_a_plan_whose_last_dose_is_held_reached_its_goal(tell, ends):
    """Planned down to 1 mg until day 200; 1 mg is ordered ever since."""
    plan = steps(tell, ("2", 289, 260), ("1.5", 259, 230), ("1", 229, 200))
    assert [end for end, _ in ends(*plan, tell.order("held", "1", ago=199))] == [FINISHED]


def test_a_series_that_rests_at_a_lower_dose_is_unknown(tell, ends):
    """Two cuts, the last 290 days ago (more than 180): no order says that 1 mg was the goal."""
    series = steps(tell, ("2", 400, 341), ("1.5", 340, 291), ("1", 290, 0), group=None)
    assert [end for end, _ in ends(*series)] == [UNKNOWN]


def test_a_plan_under_way_has_not_ended(tell, ends):
    assert ends(*steps(tell, ("2", 40, 21), ("1.5", 20, -9))) == []


def test_a_pause_of_thirty_days_is_no_end(tell, ends):
    """0.5 mg until day 200, the next order on day 169: 30 days between; the same dose goes on."""
    plan = steps(tell, ("2", 289, 260), ("1", 259, 230), ("0.5", 229, 200))
    assert [e for e, _ in ends(*plan, tell.order("on", "0.5", ago=169))] == [FINISHED]
    assert ends(*plan, tell.order("on", "0.5", ago=169))[0][1].endswith("the last planned dose")


def test_days_that_may_be_covered_after_the_last_dose_leave_the_end_unknown(tell, ends):
    """Planned until day 60. A fill of day 59 for an unknown time may last 90 days, until today."""
    plan = steps(tell, ("2", 149, 120), ("1", 119, 90), ("0.5", 89, 60))
    assert [end for end, _ in ends(*plan, tell.fill("f", None, ago=59))] == [UNKNOWN]


def test_a_fill_that_may_have_lasted_for_a_while_does_not_hide_the_gap_after_it(tell, ends):
    """Of day 210, at most 90 days: from day 120 on nothing covers."""
    plan = steps(tell, ("2", 289, 260), ("1", 259, 230), ("0.5", 229, 200))
    assert [end for end, _ in ends(*plan, tell.fill("f", None, ago=210))] == [FINISHED]


def test_a_taper_that_went_back_up_recommends_the_slower_pace(tell):
    plan = steps(tell, ("2", 250, 221), ("1.5", 220, 191), ("1", 190, 161))
    again = tell.order("again", "2", ago=160)
    facts = tell.patient(medications=[*plan, again])
    use = use_of(facts, current_clonazepam(facts, tell.today), tell.today, default_policy())
    assert use.failed is not None
    assert not use.long_for(default_policy())
