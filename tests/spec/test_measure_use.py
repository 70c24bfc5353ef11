"""Long-term use, age, supply, and who discontinued, came or left (CLINICAL section 9)."""

from datetime import date

import pytest

from clinical.facts import BirthDate, RecordKind, Unknown
from clinical.measures import PatientMeasures

TODAY = date(2026, 11, 23)


def answer(result):
    return (result.counted, result.met)


YES, NO, NOT_EVALUABLE, OUTSIDE = (True, True), (True, False), (False, None), (False, False)

# Long-term use: at least 120 covered days of the past 365.


@pytest.mark.parametrize(("last_fill", "expected"), [(29, NO), (30, YES)])
def test_119_days_are_not_long_term_and_120_are(measured, tell, last_fill, expected):
    """Three fills of 30 days and one of 29 or 30."""
    fills = [tell.fill(f"f{n}", 30, ago=300 - 40 * n) for n in range(3)]
    found = measured(*fills, tell.fill("last", last_fill, ago=100)).results["long-term-use"]
    assert answer(found) == expected
    assert found.why == f"{90 + last_fill} of the past 365 days covered (dispensed days)"
    assert found.sources == tuple(f"MedicationDispense/{k}" for k in ("f0", "f1", "f2", "last"))


def test_only_the_days_of_the_past_365_count(measured, tell):
    """Handed over 370 days ago for 130 days: 370-241. 364-241 are 124 days."""
    found = measured(tell.fill("a", 130, ago=370)).results["long-term-use"]
    assert found.why.startswith("124 of the past 365 days")
    found = measured(tell.fill("a", 130, ago=375)).results["long-term-use"]
    assert found.why.startswith("119 of the past 365 days")
    assert answer(found) == NO


def test_early_refills_are_carried_over(measured, tell):
    """Four fills of 30 days, each 5 days early: 120 days, not 105."""
    fills = [tell.fill(f"f{n}", 30, ago=200 - 25 * n) for n in range(4)]
    assert answer(measured(*fills).results["long-term-use"]) == YES


def test_days_that_are_not_known_decide_only_where_they_could(measured, tell):
    """100 known days and 19 or 20 that may be."""
    known = tell.order("a", ago=340, supply=100, refills=0)
    unsure = tell.order("b", ago=200, until=181, supply=None, status="stopped")
    assert answer(measured(known, unsure).results["long-term-use"]) == YES
    for days, expected in ((19, NO), (20, NOT_EVALUABLE)):
        open_ended = tell.order("b", ago=days - 1)
        found = measured(known, open_ended).results["long-term-use"]
        assert answer(found) == expected
    assert found.why == (
        "100 of the past 365 days covered (prescribed days); 20 more cannot be worked out: it "
        "states neither a supply, nor a quantity with a dose, nor an end"
    )
    assert found.sources == ("MedicationRequest/a", "MedicationRequest/b")


def test_without_clonazepam_in_the_past_year_nothing_is_asked(measured, tell):
    found = measured(tell.fill("a", 30, ago=500)).results["long-term-use"]
    assert answer(found) == OUTSIDE


def test_another_benzodiazepine_is_not_clonazepam(measured, tell):
    fills = [
        tell.fill(f"f{n}", 30, ago=300 - 30 * n, name="lorazepam 1 mg tablet") for n in range(6)
    ]
    found = measured(*fills)
    assert answer(found.results["long-term-use"]) == OUTSIDE
    assert found.groups == {"benzodiazepine"}


def test_other_choices_of_the_number_are_answered_too(measured, tell):
    """100 days: 90 would call it long-term, 120 and 180 do not."""
    found = measured(tell.fill("a", 100, ago=150)).options
    assert answer(found["long-term-use at 90 days"]) == YES
    assert answer(found["long-term-use at 180 days"]) == NO


# Aged 65 or older.


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        (date(1961, 11, 23), YES),  # the birthday
        (date(1961, 11, 24), NO),  # the day before it
        (BirthDate(date(1961, 1, 1), date(1961, 12, 31)), NOT_EVALUABLE),  # "1961"
        (BirthDate(date(1960, 1, 1), date(1960, 12, 31)), YES),  # "1960"
        (BirthDate(date(1962, 1, 1), date(1962, 12, 31)), NO),
        (BirthDate(date(1961, 11, 1), date(1961, 11, 30)), NOT_EVALUABLE),  # "1961-11"
        (None, NOT_EVALUABLE),
    ],
)
def test_the_65th_birthday_decides_and_a_year_alone_may_not(measured, tell, born, expected):
    found = measured(tell.order("a", ago=10, supply=30), born=born).results["older-adult"]
    assert answer(found) == expected


# Discontinued: more than 30 uncovered days until today.


@pytest.mark.parametrize(("last_day", "expected"), [(30, NO), (31, YES)])
def test_thirty_uncovered_days_are_a_gap_and_thirty_one_are_the_end(
    measured, tell, last_day, expected
):
    found = measured(tell.fill("a", 30, ago=last_day + 29)).results["discontinued"]
    assert answer(found) == expected
    assert f"{last_day} days ago" in found.why


def test_a_sensitivity_of_ten_and_sixty_days_stands_beside_it(measured, tell):
    """Last covered 40 days ago: ended by a gap of 10 and of 30 days, not by one of 60."""
    found = measured(tell.fill("a", 30, ago=69))
    assert answer(found.options["discontinued at 10 days"]) == YES
    assert answer(found.results["discontinued"]) == YES
    assert answer(found.options["discontinued at 60 days"]) == NO


def test_supply_that_was_carried_over_is_not_yet_the_end(measured, tell):
    """Two fills of 30 days handed over 80 days ago last until 21 days ago."""
    found = measured(tell.fill("a", 30, ago=80), tell.fill("b", 30, ago=80))
    assert answer(found.results["discontinued"]) == NO


def test_an_order_that_may_have_gone_on_makes_the_end_not_evaluable(measured, tell):
    found = measured(tell.order("a", ago=100, supply=30, refills=None)).results["discontinued"]
    assert answer(found) == NOT_EVALUABLE
    assert "filled again is not stated" in found.why


def test_a_past_beyond_the_year_is_no_end_of_this_year(measured, tell):
    assert answer(measured(tell.fill("a", 30, ago=500)).results["discontinued"]) == OUTSIDE


# Supply ending within 7 days.


@pytest.mark.parametrize(("days_left", "expected"), [(0, YES), (7, YES), (8, NO), (30, NO)])
def test_a_supply_whose_last_day_is_at_most_seven_days_away_is_ending(
    measured, tell, days_left, expected
):
    found = measured(tell.fill("a", 31 + days_left, ago=30)).results["supply-ending"]
    assert answer(found) == expected
    assert f"{days_left} more days" in found.why


def test_a_refill_in_the_drawer_is_supply_too(measured, tell):
    found = measured(tell.fill("a", 30, ago=25), tell.fill("b", 30, ago=2))
    assert answer(found.results["supply-ending"]) == NO


def test_a_supply_that_has_ended_is_not_ending(measured, tell):
    assert answer(measured(tell.fill("a", 30, ago=30)).results["supply-ending"]) == OUTSIDE


def test_a_supply_that_may_cover_today_is_not_evaluable(measured, tell):
    assert answer(measured(tell.order("a", ago=5)).results["supply-ending"]) == NOT_EVALUABLE


def test_a_statement_says_nothing_of_a_supply(measured, tell):
    """Taken until today and on; how much there is at home nobody said."""
    said = tell.record("s", mg_per_day="1", kind=RecordKind.STATEMENT, period_starts=tell.ago(50))
    found = measured(said).results["supply-ending"]
    assert answer(found) == NOT_EVALUABLE
    assert found.why == "a statement says nothing of a supply"


# New since last night, and left.


def test_new_is_who_is_on_it_today_and_was_not_last_night(measured, tell):
    order = tell.order("a", ago=1, supply=30)
    assert (
        answer(measured(order, before=PatientMeasures.not_there()).results["new-since-last-night"])
        == YES
    )
    last_night = measured(order)
    assert answer(measured(order, before=last_night).results["new-since-last-night"]) == NO


def test_left_is_who_was_on_it_last_night_and_is_not_today(measured, tell):
    last_night = measured(tell.order("a", ago=30, supply=30))
    stopped = tell.order("a", ago=30, until=1, supply=30, status="stopped")
    tonight = measured(stopped, before=last_night)
    assert answer(tonight.results["left-since-last-night"]) == YES
    assert answer(measured(stopped, before=tonight).results["left-since-last-night"]) == OUTSIDE


def test_in_the_first_night_nobody_is_new_and_nobody_left(measured, tell):
    found = measured(tell.order("a", ago=1, supply=30))
    assert answer(found.results["new-since-last-night"]) == NOT_EVALUABLE
    assert answer(found.results["left-since-last-night"]) == OUTSIDE


# What holds for all of them.


def test_of_the_dead_nothing_is_asked(measured, tell):
    found = measured(tell.order("a", ago=100, supply=200), deceased=True)
    assert {answer(result) for result in found.results.values()} == {OUTSIDE}
    assert found.groups == frozenset()


def test_a_list_that_is_not_whole_denies_nothing_and_still_shows(measured, tell):
    """150 known days are long-term whatever is missing; "not discontinued" cannot be said."""
    gap = Unknown("page 3 of the orders failed")
    found = measured(tell.fill("a", 150, ago=200), medications_gap=gap)
    assert answer(found.results["long-term-use"]) == YES
    for measure_id in ("discontinued", "opioid-overlap", "supply-ending", "naloxone-held"):
        result = found.results[measure_id]
        assert answer(result) == NOT_EVALUABLE
        assert "page 3 of the orders failed" in result.why
    assert answer(found.results["older-adult"]) == NO


def test_a_statement_alone_is_use_that_is_reported(measured, tell):
    said = tell.record(
        "s", mg_per_day="1", kind=RecordKind.STATEMENT, period_starts=date(2026, 7, 1)
    )
    found = measured(said).results["long-term-use"]
    assert found.why == "146 of the past 365 days covered (reported days)"


def test_what_could_not_be_worked_out_is_listed_with_its_record(measured, tell):
    found = measured(tell.order("a", None, ago=10))
    assert found.uncomputable == (
        (
            "MedicationRequest/a",
            "it states neither a supply, nor a quantity with a dose, nor an end",
        ),
        ("MedicationRequest/a", "no dosage was given"),
    )


def test_an_opioid_beside_it_that_could_not_be_worked_out_is_listed_too(measured, tell):
    opioid = tell.order("o", "20", ago=10, name="oxycodone 5 mg tablet")
    found = measured(tell.fill("c", 30, ago=10, mg_per_day="1"), opioid)
    assert [source for source, _ in found.uncomputable] == ["MedicationRequest/o"]
    assert measured(opioid).uncomputable == ()


def test_what_was_long_over_before_the_year_is_not_listed(measured, tell):
    old = tell.order("old", ago=900, status="completed")
    assert measured(old, tell.order("a", ago=10, supply=30)).uncomputable == ()
