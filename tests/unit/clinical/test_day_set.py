"""Sets of calendar days: spans with both ends inclusive."""

from datetime import date

import pytest

from clinical.day_set import NO_DAYS, DaySet, shared_by


def test_spans_that_overlap_or_touch_are_one():
    assert DaySet.of([(10, 12), (1, 3), (4, 6), (5, 7)]).spans == ((1, 7), (10, 12))


def test_a_span_that_ends_before_it_begins_is_no_day():
    assert DaySet.of([(5, 4)]) == NO_DAYS


@pytest.mark.parametrize("spans", [((5, 4),), ((1, 2), (3, 4)), ((5, 6), (1, 2))])
def test_a_set_in_another_form_is_refused(spans):
    with pytest.raises(ValueError, match=r"span"):
        DaySet(spans)


def test_both_ends_count():
    days = DaySet.between(date(2026, 1, 1), date(2026, 1, 30))
    assert len(days) == 30
    assert date(2026, 1, 30) in days
    assert date(2026, 1, 31) not in days


def test_union_intersection_and_difference():
    a, b = DaySet.of([(1, 10)]), DaySet.of([(5, 7), (10, 12)])
    assert (a | b).spans == ((1, 12),)
    assert (a & b).spans == ((5, 7), (10, 10))
    assert (a - b).spans == ((1, 4), (8, 9))
    assert (a - a) == NO_DAYS


@pytest.mark.parametrize(("gap", "spans"), [(29, 2), (30, 1)])
def test_a_gap_of_so_many_days_is_bridged_and_a_longer_one_is_not(gap, spans):
    """Between day 10 and day 41 lie 30 days."""
    assert len(DaySet.of([(1, 10), (41, 50)]).joined(gap).spans) == spans


def test_the_last_day_before_and_the_end_of_a_run():
    days = DaySet.between(date(2026, 1, 1), date(2026, 1, 30))
    assert days.last_before(date(2026, 2, 15)) == date(2026, 1, 30)
    assert days.last_before(date(2026, 1, 15)) == date(2026, 1, 15)
    assert days.last_before(date(2025, 12, 31)) is None
    assert days.run_from(date(2026, 1, 15)) == date(2026, 1, 30)
    assert days.run_from(date(2026, 2, 1)) is None


def test_the_days_that_at_least_two_of_three_share():
    sets = [DaySet.of([(1, 10)]), DaySet.of([(5, 12)]), DaySet.of([(11, 20)])]
    assert shared_by(sets, 2).spans == ((5, 12),)
    assert shared_by(sets, 3) == NO_DAYS
    assert shared_by([], 1) == NO_DAYS
