"""Whether physical dependence is likely (CLINICAL section 5; ASAM 2025, table 2).

| use | at most 0.5 mg/day | above 0.5 mg/day |
|---|---|---|
| on 3 days a week or fewer | rare | rare |
| under 1 month (30 days), 4 days a week or more | lower but possible | lower but possible |
| 1 to 3 months | lower but possible | likely |
| 3 months (90 days) or longer | likely | likely |

It is an estimate that the prescriber is asked to confirm, never a diagnosis, and it counts
milligrams of clonazepam. Today is 23 Nov 2026; both the first and the last day of a use count, so
that an order written 29 days ago is 30 days of use.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from clinical.daily_dose import DailyDose, DoseCourse, DoseStep
from clinical.dependence import Dependence, Likelihood, dependence, likelihood
from clinical.dose_history import dose_history
from clinical.duration import present_use
from clinical.findings import NotEvaluable
from clinical.policy import default_policy
from clinical.signing import current_clonazepam

RARE, POSSIBLE, LIKELY = Likelihood.UNLIKELY, Likelihood.POSSIBLE, Likelihood.LIKELY


@pytest.fixture
def estimate(tell):
    def run(*records):
        facts = tell.patient(medications=records)
        use = present_use(facts, tell.today, default_policy())
        current = current_clonazepam(facts, tell.today)
        return dependence(use, dose_history(facts, tell.today), current)

    return run


def course(mg_on_day, days_a_week, *, as_needed=False):
    """So much on each day of intake, on so many days a week: the average is their share."""
    peak = Fraction(mg_on_day)
    average = peak * Fraction(days_a_week) / 7
    low = Fraction(0) if as_needed else average
    dose = DailyDose("mg", low, average, peak, as_needed, "as told")
    return DoseCourse(dose, (DoseStep(None, None, dose),))


# The table


@pytest.mark.parametrize(
    ("mg", "days", "a_week", "row"),
    [
        ("4", 1000, 3, RARE),  # days a week decide first, at any dose and for however long
        ("4", 1000, "3.5", LIKELY),  # every other day is 3.5 days a week: more than 3
        ("4", 29, 7, POSSIBLE),  # a day under a month
        ("0.5", 30, 7, POSSIBLE),
        ("0.501", 30, 7, LIKELY),  # above 0.5 mg, exactly
        ("0.5", 89, 7, POSSIBLE),
        ("0.25", 90, 7, LIKELY),  # 3 months: any dose
        ("0.125", 90, 4, LIKELY),
    ],
)
def test_each_row_of_the_table(mg, days, a_week, row):
    assert likelihood(Fraction(mg), days, Fraction(a_week)) is row


@pytest.mark.parametrize(("days", "row"), [(29, POSSIBLE), (30, None), (89, None), (90, LIKELY)])
def test_a_dose_that_is_not_known_matters_only_between_one_and_three_months(days, row):
    assert likelihood(None, days, Fraction(7)) is row


# A patient


@pytest.mark.parametrize(
    ("mg", "ago", "row"),
    [
        ("1", 28, POSSIBLE),  # 29 days
        ("1", 29, LIKELY),  # 30 days above 0.5 mg
        ("0.5", 88, POSSIBLE),  # 89 days
        ("0.5", 89, LIKELY),  # 90 days
    ],
)
def test_days_and_dose_come_from_the_orders(tell, estimate, mg, ago, row):
    found = estimate(tell.order("a", mg, ago=ago, supply=ago + 1))
    assert isinstance(found, Dependence)
    assert found.likelihood is row


def test_three_months_at_one_milligram_is_likely_and_the_prescriber_is_asked(tell, estimate):
    """23 Aug to 23 Nov: 9 + 30 + 31 + 23 = 93 days, 3 months of 30 days."""
    found = estimate(tell.order("a", "1", ago=92, supply=93))
    assert found.in_words.startswith("Physical dependence is likely: 3 months at 1 mg/day. ")
    assert "Never stop it abruptly" in found.in_words
    assert "no diagnosis: please confirm" in found.in_words


def test_where_dependence_is_rare_a_short_taper_or_stopping_is_acceptable(tell, estimate):
    twice = tell.order("a", ago=400, supply=401, course=course("1", 2))
    found = estimate(twice)
    assert found.likelihood is RARE
    assert "taken on at most 2 days a week" in found.in_words
    assert "a short taper or stopping is acceptable" in found.in_words


def test_the_highest_dose_of_the_present_use_counts_not_the_last(tell, estimate):
    """1 mg for 40 days, then 0.5 mg for 20: 60 days of use that reached 1 mg."""
    before = tell.order("a", "1", ago=59, until=20, supply=40, status="completed")
    now = tell.order("b", "0.5", ago=19, supply=20, replaces=("a",))
    assert estimate(before, now).likelihood is LIKELY
    assert estimate(now).likelihood is POSSIBLE


def test_a_pause_of_more_than_thirty_days_begins_a_new_use(tell, estimate):
    """Until the 51st day before, and again from the 20th (30 days free) or the 19th (31 days)."""
    before = tell.order("a", "1", ago=300, until=51, status="completed")
    assert estimate(before, tell.order("b", "1", ago=20, supply=21)).likelihood is LIKELY
    assert estimate(before, tell.order("b", "1", ago=19, supply=20)).likelihood is POSSIBLE


def test_an_order_without_a_stated_supply_counts_as_ordered_and_that_is_said(tell, estimate):
    found = estimate(tell.order("a", "1", ago=150, refills=None))
    assert (found.likelihood, found.as_ordered) == (LIKELY, True)
    assert "if taken as ordered" in found.in_words


def test_as_needed_is_not_evaluable_for_the_days_of_a_week_are_not_stated(tell, estimate):
    """On none of the days to all of them: rare, or likely."""
    found = estimate(tell.order("a", ago=150, supply=151, course=course("1", 7, as_needed=True)))
    assert isinstance(found, NotEvaluable)
    assert "on 3 or fewer dependence is rare, daily it would be likely" in found.why


def test_as_needed_on_at_most_three_days_a_week_is_rare_all_the_same(tell, estimate):
    found = estimate(tell.order("a", ago=150, supply=151, course=course("1", 3, as_needed=True)))
    assert found.likelihood is RARE


def test_two_orders_may_be_taken_on_different_days(tell, estimate):
    """Monday and Thursday by one order, Tuesday and Friday by another: 2 to 4 days a week."""
    two = [tell.order(k, ago=150, supply=151, course=course("1", 2)) for k in ("a", "b")]
    assert isinstance(estimate(*two), NotEvaluable)


def test_without_a_dose_between_one_and_three_months_there_is_no_estimate(tell, estimate):
    unread = tell.order("a", None, ago=59, supply=60)
    assert isinstance(estimate(unread), NotEvaluable)


def test_since_when_is_not_stated(tell, estimate):
    found = estimate(tell.record("a", mg_per_day="1"))
    assert found == NotEvaluable("since when clonazepam is taken is not stated")


def test_without_clonazepam_nothing_is_estimated(estimate):
    assert estimate() == NotEvaluable("no clonazepam is in use")
