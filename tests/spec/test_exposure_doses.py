"""The dose over time, and what it is measured against (CLINICAL sections 1 and 3).

Days are told as "so many days ago"; today is day 0, 23 Nov 2026. A dose is what the orders of one
day come to: their low bound, and the most on that day.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from clinical.baseline import earlier_doses, last_ended, slow_creep
from clinical.dose_history import Known, dose_history
from clinical.facts import RecordKind
from clinical.policy import default_policy

POLICY = default_policy()


@pytest.fixture
def doses(tell):
    """Each stretch as (first, last) days ago with its mg/day, "not known" or "no order"."""

    def run(*records):
        told = dose_history(tell.patient(medications=records), tell.today)
        found = []
        for s in told.stretches:
            if isinstance(s.dose, Known):
                said = s.dose.high
            else:
                said = "no order" if s.dose.no_order else "not known"
            found.append(((tell.today - s.starts).days, (tell.today - s.ends).days, said))
        return found

    return run


# Which record counts on which day


def test_an_active_order_goes_on_even_where_a_later_one_names_it_as_its_prior(tell, doses):
    """Both are active, so both are part of the present dose: 2 + 1 = 3 mg."""
    first = tell.order("a", "2", ago=100)
    second = tell.order("b", "1", ago=40, replaces=("a",))
    assert doses(first, second) == [(100, 41, 2), (40, 0, 3)]


def test_an_order_that_has_ended_ended_the_day_before_the_one_that_followed(tell, doses):
    first = tell.order("a", "2", ago=100, status="completed")
    second = tell.order("b", "1", ago=40, replaces=("a",))
    assert doses(first, second) == [(100, 41, 2), (40, 0, 1)]


def test_orders_go_before_statements_on_the_days_on_which_an_order_stands(tell, doses):
    """A statement since day 100, an order from day 60 to 31: these 30 days are the order's."""
    said = tell.record("s", "clonazepam", "1", kind=RecordKind.STATEMENT, starts=tell.ago(100))
    order = tell.order("a", "2", ago=60, until=31, status="completed")
    assert doses(said, order) == [(100, 61, 1), (60, 31, 2), (30, 0, 1)]


def test_on_a_day_that_two_steps_share_the_later_one_counts(tell, doses):
    """Step one ends on day 40, step two begins on day 40: that day is 1 mg, and not 3."""
    one = tell.order("a", "2", ago=60, until=40, group="urn:p|1", status="completed")
    two = tell.order("b", "1", ago=40, group="urn:p|1")
    assert doses(one, two) == [(60, 41, 2), (40, 0, 1)]


def test_the_tablets_of_a_step_of_one_day_add_up(tell, doses):
    """1.5 + 1 mg on day 40 alone, in one group: 2.5 mg; neither comes after the other."""
    parts = [
        tell.order(mg, mg, ago=40, until=40, group="urn:p|1", status="completed")
        for mg in ("1.5", "1")
    ]
    assert doses(*parts) == [(40, 40, Fraction(5, 2)), (39, 0, "no order")]


@pytest.mark.parametrize(
    "never",
    [
        {"status": "cancelled"},
        {"status": "entered-in-error"},
        {"do_not_perform": True},
        {"inpatient": True},
    ],
)
def test_what_was_never_taken_at_home_is_no_dose_and_ends_nothing(tell, doses, never):
    first = tell.order("a", "2", ago=100, until=20, status="completed")
    other = tell.order("b", "4", ago=50, replaces=("a",), **never)
    assert doses(first, other) == [(100, 20, 2), (19, 0, "no order")]


def test_an_order_put_on_hold_on_an_unknown_day_leaves_its_days_unknown(tell, doses):
    assert doses(tell.order("a", "2", ago=50, refills=None, status="on-hold")) == [
        (50, 0, "not known")
    ]


def test_a_statement_of_past_use_leaves_274_days_unknown_and_no_more(tell, doses):
    """Written 274 days ago; 274 days from then on end yesterday."""
    told = tell.record(
        "s", kind=RecordKind.STATEMENT, status="completed", authored_on=tell.ago(274)
    )
    assert doses(told) == [(274, 1, "not known"), (0, 0, "no order")]


def test_a_dose_in_whole_micrograms_holds_the_exact_one_between_its_bounds():
    """1 mg every third day is 333.33 micrograms on average: 333 to 1,000."""
    dose = Known(Fraction(1, 3), Fraction(1), ("MedicationRequest/a",))
    assert dose.micrograms == (333, 1000)
    assert Known(Fraction(1, 3), Fraction(1, 3), ()).micrograms == (333, 334)


# The baseline of an escalation


def test_without_a_current_order_the_last_total_of_thirty_days_is_the_baseline(tell):
    """Two orders ended on day 12, 1 mg and 0.5 mg: 1.5 mg; one that ended on day 31 is no more."""
    facts = tell.patient(
        medications=[
            tell.order("a", "1", ago=90, until=12, status="completed"),
            tell.order("b", "0.5", ago=90, until=12, status="completed"),
            tell.order("c", "4", ago=90, until=31, status="completed"),
        ]
    )
    held = last_ended(facts, (), tell.today, POLICY.baseline_lookback_days)
    assert (held.until, held.total.mg_per_day) == (tell.ago(12), Fraction(3, 2))


@pytest.mark.parametrize("never", [{"inpatient": True}, {"do_not_perform": True}])
def test_what_was_never_taken_at_home_is_no_baseline(tell, never):
    record = tell.order("a", "1", ago=90, until=12, status="completed", **never)
    assert last_ended(tell.patient(medications=[record]), (), tell.today, 30) is None


def test_a_step_that_two_orders_made_was_held_as_their_sum(tell):
    """2 mg as 1 + 1 until day 21, then 1.5 mg: 2 mg may be returned to, 1 mg was never held."""
    facts = tell.patient(
        medications=[
            tell.order("a", "1", ago=60, until=21, status="completed"),
            tell.order("b", "1", ago=60, until=21, status="completed"),
            tell.order("now", "1.5", ago=20),
        ]
    )
    held = [it.total.mg_per_day for it in earlier_doses(facts, tell.today, POLICY.step_back_days)]
    assert held == [2]


@pytest.mark.parametrize(("now", "creeps"), [("1.25", True), ("1.249", False)])
def test_a_quarter_more_than_180_days_ago_is_slow_creep(tell, now, creeps):
    """1 mg on 27 May 2026: 23 Nov is 4 + 30 + 31 + 31 + 30 + 31 + 23 = 180 days later."""
    first = tell.order("a", "1", ago=200, until=91, status="completed")
    facts = tell.patient(medications=[first, tell.order("b", "1.125", ago=90)])
    found = slow_creep(dose_history(facts, tell.today), tell.today, POLICY, Fraction(now))
    assert bool(found) is creeps
    if found is not None:
        assert (found.day, found.then) == (date(2026, 5, 27), 1)


def test_without_a_known_dose_180_days_ago_there_is_no_creep_to_tell(tell):
    facts = tell.patient(medications=[tell.order("b", "4", ago=90)])
    assert slow_creep(dose_history(facts, tell.today), tell.today, POLICY, Fraction(4)) is None
