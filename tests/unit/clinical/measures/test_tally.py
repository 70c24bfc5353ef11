"""Adding patients up, and the report's words for the sums."""

import json
from datetime import date

import pytest

from clinical.measures import MEASURES, MeasureResult, PatientMeasures, Tally, report_of
from clinical.measures.definitions import measures_by_id, options, overlaps
from clinical.measures.report import percent

ON = date(2026, 11, 25)
YES = MeasureResult(counted=True, met=True, why="w")
NO = MeasureResult(counted=True, met=False, why="w")
UNSURE = MeasureResult(counted=False, met=None, why="w")
OUTSIDE = MeasureResult(counted=False, met=False, why="w")


def patient(bar=None, why_not=None, **results):
    return PatientMeasures(
        {key.replace("_", "-"): result for key, result in results.items()},
        groups=frozenset({"clonazepam"}),
        dose_bar=bar,
        dose_why_not=why_not,
    )


def measure(report, measure_id):
    return next(row for row in report["measures"] if row["id"] == measure_id)


def test_the_not_evaluable_are_in_no_denominator_and_never_a_no():
    tally = Tally.sum(Tally.of(patient(high_dose=r)) for r in (YES, YES, NO, UNSURE, OUTSIDE))
    row = measure(report_of(tally, on=ON), "high-dose")
    assert (row["numerator"], row["denominator"], row["not_evaluable"]) == (2, 3, 1)
    assert row["percent"] == "66.7"


def test_a_contradiction_is_no_result():
    with pytest.raises(ValueError, match="cannot be evaluated"):
        MeasureResult(counted=True, met=None, why="w")
    with pytest.raises(ValueError, match="outside the denominator"):
        MeasureResult(counted=False, met=True, why="w")


def test_patients_without_a_benzodiazepine_are_counted_as_patients_only():
    tally = Tally.of(patient(high_dose=YES)) + Tally.without_benzodiazepine(9)
    report = report_of(tally, on=ON)
    assert report["population"]["patients"] == 10
    assert report["population"]["with_clonazepam"] == 1
    with pytest.raises(ValueError, match="fewer than no patients"):
        Tally.without_benzodiazepine(-1)


def test_bars_are_shown_from_the_lowest_to_the_highest_and_none_is_left_out():
    tally = Tally.sum(Tally.of(patient(bar=b)) for b in ("2-4", "2-4", "0.5-1"))
    tally += Tally.of(patient(why_not="no dosage"))
    (shown,) = report_of(tally, on=ON)["distributions"]
    assert [bar["count"] for bar in shown["bars"]] == [0, 1, 0, 2, 0]
    assert (shown["not_computable"], shown["threshold"], shown["unit"]) == (1, "2", "mg/day")


def test_an_overlap_counts_who_meets_each_of_its_measures_for_certain():
    tally = Tally.of(patient(high_dose=YES, older_adult=YES))
    tally += Tally.of(patient(high_dose=YES, older_adult=UNSURE))
    rows = {row["id"]: row["count"] for row in report_of(tally, on=ON)["overlaps"]}
    assert rows["high-dose+older-adult"] == 1


def test_change_is_against_the_night_before_and_none_in_the_first():
    today, before = Tally.of(patient(high_dose=YES)), Tally.empty()
    assert measure(report_of(today, on=ON), "high-dose")["change"] is None
    assert measure(report_of(today, on=ON, before=before), "high-dose")["change"] == 1


def test_reasons_count_records_and_patients_and_leave_the_record_s_words_out():
    two = PatientMeasures(
        {},
        uncomputable=(
            ("MedicationRequest/a", 'the unit "puff for Ruth" is not known'),
            ("MedicationRequest/b", 'the unit "whiff" is not known'),
        ),
    )
    (row,) = report_of(Tally.of(two), on=ON)["completeness"]["reasons"]
    assert row == {"why": "the unit (as written) is not known", "records": 2, "patients": 1}


def test_months_since_a_taper_began_stand_beside_the_published_ones():
    one = PatientMeasures({}, off_by_month=((1, False), (2, True)))
    two = PatientMeasures({}, off_by_month=((1, False),))
    courses = report_of(Tally.of(one) + Tally.of(two), on=ON)["courses"]
    assert courses["off_by_month"] == [
        {"month": 1, "off": 0, "followed": 2},
        {"month": 2, "off": 1, "followed": 1},
    ]
    assert courses["nardi"] == [
        {"months": 4, "off": 51, "of": 73},
        {"months": 7, "off": 70, "of": 73},
    ]


def test_a_report_is_plain_json_with_every_measure():
    report = report_of(Tally.empty(), on=ON)
    assert json.loads(json.dumps(report)) == report
    assert [row["id"] for row in report["measures"]] == [m.id for m in MEASURES]
    assert {row["percent"] for row in report["measures"]} == {None}


@pytest.mark.parametrize(
    ("numerator", "denominator", "shown"),
    [(1, 3, "33.3"), (1, 8, "12.5"), (1, 16, "6.3"), (0, 5, "0.0"), (5, 5, "100.0"), (0, 0, None)],
)
def test_a_percentage_has_one_decimal_half_up(numerator, denominator, shown):
    assert percent(numerator, denominator) == shown


def test_a_patient_s_answers_go_through_json_unchanged():
    one = PatientMeasures(
        {"high-dose": MeasureResult(True, True, "2 mg/day", ("MedicationRequest/a",))},
        frozenset({"clonazepam"}),
        2000,
        None,
        "2-4",
        {"long-term-use at 90 days": NO},
        ((1, True),),
        (("MedicationRequest/b", "no dosage"),),
    )
    assert PatientMeasures.from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize("count", [1.0, -1, "1", True, None])
def test_a_count_that_is_no_whole_number_is_refused(count):
    with pytest.raises(ValueError, match="no whole number"):
        Tally.from_json({"counts": {"patients": count}})


def test_overlaps_and_options_are_of_measures_that_exist():
    known = measures_by_id()
    assert all(measure in known for overlap in overlaps() for measure in overlap.measures)
    assert all(option.measure in known for option in options())
