"""Which days a drug covers (CLINICAL section 9): the ground of the population report.

Days are told as "so many days ago": 100-71 are the 30 days from the 100th to the 71st day before
today. The look-back is today and the 364 days before it.
"""

from datetime import date, timedelta
from fractions import Fraction

import pytest

from clinical.daily_dose import DailyDose
from clinical.day_set import DaySet
from clinical.dosage import NO_UNIT, Amount, DoseUnit, UnitKind
from clinical.exposure import Basis, exposure
from clinical.facts import RecordKind
from clinical.measures import measure_rules
from clinical.standing import followed_on

TODAY = date(2026, 11, 23)
TABLET = DoseUnit("tablet", UnitKind.COUNT)
MG = DoseUnit("mg", UnitKind.MASS)


def days_of(*records):
    return exposure(
        records,
        on=TODAY,
        since=TODAY - timedelta(days=364),
        followed=followed_on(records),
        assumed=measure_rules().assumed,
    )


def ago(days: DaySet):
    """The days of a set as (first, last) days ago."""
    return [((TODAY - first).days, (TODAY - last).days) for first, last in days.dates()]


def exactly(amount, unit=TABLET):
    return Amount(Fraction(amount), Fraction(amount), unit)


# From what


def test_a_fill_covers_its_days_of_supply_from_the_day_it_was_handed_over(tell):
    taken = days_of(tell.fill("a", 30, ago=100))
    assert ago(taken.covered) == [(100, 71)]
    assert taken.bases == {Basis.DISPENSED}


def test_where_there_is_a_dispense_orders_are_not_counted(tell):
    taken = days_of(tell.fill("a", 30, ago=100), tell.order("o", ago=200, supply=180))
    assert ago(taken.covered) == [(100, 71)]


def test_dispenses_before_the_look_back_do_not_hide_the_orders(tell):
    """The pharmacy's feed ended two years ago; the orders go on."""
    taken = days_of(tell.fill("a", 30, ago=800), tell.order("o", ago=100, supply=30))
    assert ago(taken.covered) == [(100, 71)]
    assert taken.label == "prescribed days"


def test_a_statement_counts_where_there_is_neither(tell):
    said = tell.record("s", mg_per_day="1", kind=RecordKind.STATEMENT, period_starts=tell.ago(50))
    taken = days_of(said)
    assert ago(taken.covered) == [(50, 0)]
    assert taken.label == "reported days"


# How long


def test_an_order_covers_its_supply_for_the_first_fill_and_each_refill(tell):
    """28 x (1 + 2) = 84 days from the 100th: the 100th to the 17th."""
    taken = days_of(tell.order("o", ago=100, supply=28, refills=2))
    assert ago(taken.covered) == [(100, 17)]
    assert sorted((TODAY - date.fromordinal(d)).days for d, _ in taken.fills) == [44, 72, 100]


def test_without_a_supply_the_quantity_lasts_by_the_daily_dose(tell):
    """60 mg at 2 mg a day are 30 days."""
    taken = days_of(tell.order("o", "2", ago=100, quantity=exactly(60, MG)))
    assert ago(taken.covered) == [(100, 71)]


@pytest.mark.parametrize("unit", [TABLET, NO_UNIT, DoseUnit("product", UnitKind.EACH)])
def test_tablets_last_by_their_strength(tell, unit):
    """45 tablets of 1 mg at 2 mg a day are 22.5 days; the begun day counts."""
    taken = days_of(tell.order("o", "2", ago=100, quantity=exactly(45, unit)))
    assert ago(taken.covered) == [(100, 78)]


def test_tablets_are_counted_by_tablets_where_the_instructions_count_them(tell):
    """30 tablets, half a tablet a day: 60 days."""
    order = tell.order("o", "0.5", ago=100, quantity=exactly(30))
    half = DailyDose("tablet", Fraction(1, 2), Fraction(1, 2), Fraction(1, 2), False, "half a day")
    course = type(order.course)(order.course.overall, order.course.steps, amount_per_day=half)
    taken = days_of(tell.order("o", ago=100, quantity=exactly(30), course=course))
    assert ago(taken.covered) == [(100, 41)]


def test_the_stated_supply_goes_before_the_quantity(tell):
    taken = days_of(tell.order("o", "2", ago=100, supply=20, quantity=exactly(60, MG)))
    assert ago(taken.covered) == [(100, 81)]


def test_without_either_the_instructions_say_from_when_to_when(tell):
    taken = days_of(tell.order("o", ago=100, until=60))
    assert ago(taken.covered) == [(100, 60)]


def test_an_order_never_lasts_beyond_the_end_of_its_instructions(tell):
    taken = days_of(tell.order("o", ago=100, until=90, supply=30))
    assert ago(taken.covered) == [(100, 90)]


def test_an_order_lasts_until_the_one_that_replaces_it(tell):
    """90 days were ordered; after 40 the dose was changed."""
    taken = days_of(
        tell.order("a", "2", ago=100, supply=90, status="completed"),
        tell.order("b", "1", ago=60, supply=30, replaces=("a",)),
    )
    assert ago(taken.covered) == [(100, 31)]
    assert [p.source for p in taken.pieces] == ["MedicationRequest/a", "MedicationRequest/b"]


def test_a_supply_reaches_beyond_today(tell):
    taken = days_of(tell.fill("a", 30, ago=10))
    assert ago(taken.covered) == [(10, -19)]


# Early and beside each other


def test_an_early_refill_is_taken_after_the_fill_before_it(tell):
    """Ten days early: 100-71, then 70-41."""
    taken = days_of(tell.fill("a", 30, ago=100), tell.fill("b", 30, ago=80))
    assert ago(taken.covered) == [(100, 41)]


def test_two_fills_of_one_day_are_taken_one_after_the_other(tell):
    taken = days_of(tell.fill("a", 15, ago=100), tell.fill("b", 15, ago=100))
    assert ago(taken.covered) == [(100, 71)]


def test_fills_of_different_tablets_are_taken_side_by_side(tell):
    """1 mg and 0.5 mg tablets of one taper: 100-71 and 80-51 are 50 days."""
    half = "clonazepam 0.5 mg tablet"
    taken = days_of(tell.fill("a", 30, ago=100), tell.fill("b", 30, ago=80, name=half))
    assert ago(taken.covered) == [(100, 51)]
    assert len(taken.covered) == 50


def test_an_order_that_is_renewed_early_carries_nothing_over(tell):
    """A renewal replaces what is left of the order before."""
    taken = days_of(tell.order("a", ago=100, supply=30), tell.order("b", ago=80, supply=30))
    assert ago(taken.covered) == [(100, 51)]


def test_a_record_that_comes_twice_changes_nothing(tell):
    fill = tell.fill("a", 30, ago=100)
    assert days_of(fill, fill) == days_of(fill)


@pytest.mark.parametrize(("second", "episodes"), [(40, 1), (39, 2)])
def test_a_gap_of_thirty_days_is_within_an_episode_and_one_of_31_ends_it(tell, second, episodes):
    """100-71, then from the 40th or the 39th day: 30 or 31 days lie between."""
    taken = days_of(tell.fill("a", 30, ago=100), tell.fill("b", 30, ago=second))
    assert len(taken.episodes(30)) == episodes
    assert taken.episodes(30)[0][0] == tell.ago(100)


# What is no use


@pytest.mark.parametrize("status", ["entered-in-error", "draft", "cancelled", "unknown", None])
def test_an_order_that_was_never_in_force_covers_nothing(tell, status):
    assert days_of(tell.order("o", ago=100, supply=30, status=status)) == days_of()


@pytest.mark.parametrize("status", ["cancelled", "declined", "preparation", "entered-in-error"])
def test_a_fill_that_was_not_handed_over_covers_nothing(tell, status):
    assert days_of(tell.fill("a", 30, ago=100, status=status)) == days_of()


def test_inpatient_orders_and_refusals_cover_nothing(tell):
    assert days_of(tell.order("o", ago=100, supply=30, inpatient=True)) == days_of()
    assert days_of(tell.order("o", ago=100, supply=30, do_not_perform=True)) == days_of()


# What cannot be worked out


def test_an_active_order_without_supply_quantity_or_end_is_unknown_until_today(tell):
    taken = days_of(tell.order("o", ago=100))
    assert len(taken.covered) == 0
    assert ago(taken.unknown) == [(100, 0)]
    assert taken.reasons(taken.unknown) == (
        "it states neither a supply, nor a quantity with a dose, nor an end",
    )


def test_an_active_order_that_says_nothing_of_refills_is_unknown_after_its_supply(tell):
    """30 known days; whether it was filled again is not stated."""
    taken = days_of(tell.order("o", ago=100, supply=30, refills=None))
    assert ago(taken.covered) == [(100, 71)]
    assert ago(taken.unknown) == [(70, 0)]


def test_no_refills_stated_as_none_are_none(tell):
    taken = days_of(tell.order("o", ago=100, supply=30, refills=0))
    assert (ago(taken.covered), ago(taken.unknown)) == ([(100, 71)], [])


def test_an_order_stopped_on_a_day_that_is_not_stated_is_unknown_for_its_whole_supply(tell):
    taken = days_of(tell.order("o", ago=100, supply=30, refills=1, status="stopped"))
    assert (ago(taken.covered), ago(taken.unknown)) == ([], [(100, 41)])


def test_an_ended_order_whose_instructions_ran_longer_than_its_fill_is_unknown_until_their_end(
    tell,
):
    """A fill of 30 days; the instructions ran 81 days, and refills are not stated."""
    taken = days_of(tell.order("o", ago=100, until=20, supply=30, refills=None, status="completed"))
    assert ago(taken.covered) == [(100, 71)]
    assert ago(taken.unknown) == [(70, 20)]


def test_an_order_on_hold_that_says_nothing_of_refills_is_unknown_until_today(tell):
    """It may have been filled again and again until it was put on hold, whenever that was."""
    taken = days_of(tell.order("o", ago=100, supply=30, refills=None, status="on-hold"))
    assert (ago(taken.covered), ago(taken.unknown)) == ([], [(100, 0)])


def test_a_step_on_hold_does_not_end_the_one_that_goes_on(tell):
    """The second step was to begin 50 days ago; the first goes on instead."""
    first = tell.order("a", ago=80, supply=120)
    second = tell.order("b", ago=50, until=20, supply=30, replaces=("a",), status="on-hold")
    assert ago(days_of(first, second).covered) == [(80, -39)]


def test_an_order_stopped_on_a_stated_day_covers_its_days_until_then(tell):
    taken = days_of(tell.order("o", ago=100, until=80, supply=30, status="stopped"))
    assert (ago(taken.covered), ago(taken.unknown)) == ([(100, 80)], [])


def test_a_fill_without_days_or_quantity_may_have_lasted_ninety_days(tell):
    taken = days_of(tell.fill("a", None, ago=200))
    assert ago(taken.unknown) == [(200, 111)]


def test_an_ended_order_that_says_nothing_may_have_lasted_274_days(tell):
    """184 days in which it may be filled, and a last fill of 90."""
    taken = days_of(tell.order("o", ago=360, status="completed"))
    assert ago(taken.unknown) == [(360, 87)]


def test_what_is_known_to_be_covered_is_no_longer_unknown(tell):
    taken = days_of(tell.fill("a", None, ago=100), tell.fill("b", 30, ago=80))
    assert ago(taken.covered) == [(80, 51)]
    assert ago(taken.unknown) == [(100, 81), (50, 11)]


def test_a_supply_to_the_end_of_time_is_read_without_an_exception(tell):
    order = tell.record(
        "o", mg_per_day="1", starts=date(9999, 1, 1), authored_on=date(9999, 1, 1), supply_days=3660
    )
    assert days_of(order, tell.fill("a", 30, ago=100)).covered
    assert days_of(order) == days_of()
