"""What is taken beside a benzodiazepine (CLINICAL section 9): COB-like and POLY-CNS-like."""

from datetime import date

import pytest

from clinical.facts import BirthDate, RecordKind

YES, NO, NOT_EVALUABLE, OUTSIDE = (True, True), (True, False), (False, None), (False, False)
OLD = date(1950, 1, 1)
OXYCODONE = "oxycodone 5 mg tablet"


def answer(result):
    return (result.counted, result.met)


def clonazepam(tell, *fills):
    """Fills as (days ago, days)."""
    return [tell.fill(f"c{n}", days, ago=ago) for n, (ago, days) in enumerate(fills)]


def oxycodone(tell, *fills):
    return [
        tell.fill(f"o{n}", days, ago=ago, name=OXYCODONE) for n, (ago, days) in enumerate(fills)
    ]


# Opioid overlap: at least 30 days together, in all, each filled twice.


@pytest.mark.parametrize(("second", "expected"), [(14, NO), (15, YES)])
def test_29_days_together_are_no_overlap_and_30_are_and_not_in_a_row(
    measured, tell, second, expected
):
    """Clonazepam 200-141. Oxycodone 200-186 (15 days) and 160-147 or 160-146 (14 or 15)."""
    found = measured(
        *clonazepam(tell, (200, 30), (170, 30)), *oxycodone(tell, (200, 15), (160, second))
    ).results["opioid-overlap"]
    assert answer(found) == expected
    assert found.why.startswith(f"{15 + second} days together")
    assert found.sources == (
        *("MedicationDispense/c0", "MedicationDispense/c1"),
        *("MedicationDispense/o0", "MedicationDispense/o1"),
    )


def test_one_fill_of_the_opioid_is_no_overlap_however_long(measured, tell):
    found = measured(*clonazepam(tell, (200, 30), (170, 30)), *oxycodone(tell, (200, 60)))
    assert answer(found.results["opioid-overlap"]) == NO


def test_two_fills_of_one_day_are_one_fill_day(measured, tell):
    found = measured(
        *clonazepam(tell, (200, 30), (170, 30)), *oxycodone(tell, (200, 30), (200, 30))
    )
    assert answer(found.results["opioid-overlap"]) == NO


def test_refills_of_an_order_are_fills(measured, tell):
    """One order of each, 30 days and a refill: 60 days together."""
    found = measured(
        tell.order("c", ago=200, supply=30, refills=1),
        tell.order("o", None, ago=200, supply=30, refills=1, name=OXYCODONE),
    )
    assert answer(found.results["opioid-overlap"]) == YES
    assert "prescribed days" in found.results["opioid-overlap"].why


def test_two_opioids_count_as_opioids_together(measured, tell):
    tramadol = tell.fill("t", 15, ago=160, name="tramadol 50 mg tablet")
    found = measured(*clonazepam(tell, (200, 30), (170, 30)), *oxycodone(tell, (200, 15)), tramadol)
    assert answer(found.results["opioid-overlap"]) == YES


def test_any_benzodiazepine_counts(measured, tell):
    lorazepam = [
        tell.fill(f"l{n}", 30, ago=200 - 30 * n, name="lorazepam 1 mg tablet") for n in range(2)
    ]
    found = measured(*lorazepam, *oxycodone(tell, (200, 30), (170, 30)))
    assert answer(found.results["opioid-overlap"]) == YES


def test_days_that_may_be_make_it_not_evaluable_where_they_could_decide(measured, tell):
    """20 known days together; an active opioid order that says no supply may add more."""
    open_ended = tell.order("x", None, ago=100, name="tramadol 50 mg tablet", refills=None)
    known = [*clonazepam(tell, (200, 30), (100, 60)), *oxycodone(tell, (200, 10), (180, 10))]
    assert answer(measured(*known).results["opioid-overlap"]) == NO
    assert answer(measured(*known, open_ended).results["opioid-overlap"]) == NOT_EVALUABLE


def test_a_medicine_that_nothing_names_may_be_an_opioid(measured, tell):
    nameless = tell.order("x", None, ago=5, supply=30, name="")
    found = measured(*clonazepam(tell, (200, 30), (170, 30)), nameless)
    result = found.results["opioid-overlap"]
    assert answer(result) == NOT_EVALUABLE
    assert "MedicationRequest/x could not be identified" in result.why


def test_a_nameless_medicine_of_long_ago_changes_nothing(measured, tell):
    nameless = tell.order("x", None, ago=900, supply=30, name="", status="completed")
    found = measured(*clonazepam(tell, (200, 30), (170, 30)), nameless)
    assert answer(found.results["opioid-overlap"]) == NO


# Three or more CNS-active ingredients on at least 30 days, at 65 or older.


def three(tell, days):
    """Clonazepam and gabapentin for 60 days, sertraline for so many."""
    return [
        tell.fill("c", 60, ago=200),
        tell.fill("g", 60, ago=200, name="gabapentin 300 mg capsule"),
        tell.fill("s", days, ago=200, name="sertraline 50 mg tablet"),
    ]


@pytest.mark.parametrize(("days", "expected"), [(29, NO), (30, YES)])
def test_29_days_of_three_are_no_polypharmacy_and_30_are(measured, tell, days, expected):
    found = measured(*three(tell, days), born=OLD).results["poly-cns"]
    assert answer(found) == expected
    assert found.why == f"{days} days with 3 or more CNS-active ingredients"


def test_ingredients_count_and_not_products(measured, tell):
    """Two strengths of clonazepam are one ingredient."""
    half = tell.fill("c2", 60, ago=200, name="clonazepam 0.5 mg tablet")
    two = [r for r in three(tell, 60) if not r.source.endswith("/s")]
    assert answer(measured(*two, half, born=OLD).results["poly-cns"]) == NO


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        (date(1961, 11, 24), OUTSIDE),
        (date(1961, 11, 23), YES),
        (BirthDate(date(1961, 1, 1), date(1961, 12, 31)), NOT_EVALUABLE),
    ],
)
def test_only_older_adults_are_asked(measured, tell, born, expected):
    assert answer(measured(*three(tell, 60), born=born).results["poly-cns"]) == expected


# Benzodiazepine, opioid and muscle relaxant today.


def test_all_three_standing_today_are_the_triple(measured, tell):
    found = measured(
        tell.order("c", ago=10),
        tell.order("o", None, ago=10, name=OXYCODONE),
        tell.order("m", None, ago=10, name="cyclobenzaprine 10 mg tablet"),
    ).results["triple"]
    assert answer(found) == YES
    assert [source[-1] for source in found.sources] == ["c", "m", "o"]


def test_two_of_the_three_are_not(measured, tell):
    found = measured(tell.order("c", ago=10), tell.order("o", None, ago=10, name=OXYCODONE))
    assert answer(found.results["triple"]) == NO
    assert found.results["triple"].why == "no muscle relaxant stands today"


def test_a_relaxant_of_last_year_is_not_taken_today(measured, tell):
    past = tell.order(
        *("m", None), ago=100, name="cyclobenzaprine 10 mg tablet", status="completed"
    )
    found = measured(tell.order("c", ago=10), tell.order("o", None, ago=10, name=OXYCODONE), past)
    assert answer(found.results["triple"]) == NO


# Rescue naloxone held, by those on a benzodiazepine and an opioid.


def both(tell):
    return [tell.order("c", ago=10), tell.order("o", None, ago=10, name=OXYCODONE)]


NALOXONE = "naloxone 4 mg nasal spray"


@pytest.mark.parametrize(("days_ago", "expected"), [(0, YES), (364, YES), (365, NO)])
def test_naloxone_handed_over_within_a_year_is_held(measured, tell, days_ago, expected):
    naloxone = tell.fill("n", 1, ago=days_ago, name=NALOXONE)
    assert answer(measured(*both(tell), naloxone).results["naloxone-held"]) == expected


def test_an_order_or_a_statement_of_it_is_held_too(measured, tell):
    ordered = tell.order("n", None, ago=30, name=NALOXONE)
    said = tell.record("n", name=NALOXONE, kind=RecordKind.STATEMENT)
    for naloxone in (ordered, said):
        assert answer(measured(*both(tell), naloxone).results["naloxone-held"]) == YES


def test_naloxone_inside_a_combination_is_no_rescue(measured, tell):
    film = tell.order("b", None, ago=30, name="buprenorphine 8 mg / naloxone 2 mg sublingual film")
    assert answer(measured(*both(tell), film).results["naloxone-held"]) == NO


def test_without_an_opioid_nobody_asks_for_naloxone(measured, tell):
    assert answer(measured(tell.order("c", ago=10)).results["naloxone-held"]) == OUTSIDE
