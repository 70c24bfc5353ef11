"""The shareable report of a small clinic."""

import copy
from datetime import date

import pytest

from clinical.measures import Tally, report_of, shareable

ON = date(2026, 11, 25)


def report(**counts):
    keys = {name.replace("__", "/").replace("_", "-"): value for name, value in counts.items()}
    made = report_of(Tally(keys), on=ON)
    made["history"] = [{"night": "2026-11-24", "values": {"high-dose": [1, 2]}}]
    made["completeness"] |= {
        "files": [{"type": "Patient", "file": "P.ndjson", "lines": 5, "read": 5, "quarantined": 0}],
        "quarantine": [{"file": "P.ndjson", "line": 3, "sha256": "ab", "why": "no JSON"}],
        "problems": ["Patient/alder could not be read"],
    }
    return made


def large(**more):
    """A thousand patients, half of them on clonazepam; nothing small."""
    counts = {
        "patients": 1000,
        "group__benzodiazepine": 600,
        "group__clonazepam": 500,
        "group__clonazepam_today": 400,
        "counted__high_dose": 380,
        "not_evaluable__high_dose": 20,
        "met__high_dose": 100,
        "bar__under_0.5": 40,
        "bar__0.5_1": 140,
        "bar__1_2": 100,
        "bar__2_4": 80,
        "bar__4_and_more": 20,
        "no_dose": 20,
    }
    return report(**counts | more)


def row(made, measure_id):
    return next(m for m in made["measures"] if m["id"] == measure_id)


def test_large_counts_stay_as_they_are():
    found = row(shareable(large()), "high-dose")
    assert (found["numerator"], found["denominator"], found["percent"]) == (100, 380, "26.3")


def test_a_small_numerator_is_below_eleven_and_has_no_percentage():
    """Ten of 380, in a report whose bars do not say it again."""
    made = large(met__escalated=10, counted__escalated=380, not_evaluable__escalated=20)
    found = row(shareable(made), "escalated")
    assert (found["numerator"], found["denominator"], found["percent"]) == ("<11", 380, None)


def test_a_numerator_near_its_denominator_is_suppressed():
    """370 of 380 tell the ten who are not."""
    made = large(met__escalated=370, counted__escalated=380, not_evaluable__escalated=20)
    assert row(shareable(made), "escalated")["numerator"] == "suppressed"
    made = large(met__escalated=369, counted__escalated=380, not_evaluable__escalated=20)
    assert row(shareable(made), "escalated")["numerator"] == 369


def test_a_small_bar_takes_another_with_it_that_would_give_it_away():
    """40 + 152 + 100 + 80 + 8 and 20 without a dose are the 400 on clonazepam; 80 + 8 are the 88
    at 2 mg or more. Without the 80 both sums leave the 8 open, and nothing else has to go.
    """
    made = large(met__high_dose=88, bar__4_and_more=8, **{"bar__0.5_1": 152})
    shared = shareable(made)
    assert [bar["count"] for bar in shared["distributions"][0]["bars"]] == [
        *(40, 152, 100, "suppressed", "<11")
    ]
    assert shared["population"]["on_clonazepam"] == 400
    assert row(shared, "high-dose")["numerator"] == 88


def test_an_overlap_that_leaves_a_few_of_its_measure_out_is_suppressed():
    """95 of the 100 at 2 mg or more are older: five are not."""
    made = large(
        **{
            "met__older_adult": 200,
            "counted__older_adult": 480,
            "not_evaluable__older_adult": 20,
            "overlap__high_dose+older_adult": 95,
        }
    )
    overlaps = {o["id"]: o["count"] for o in shareable(made)["overlaps"]}
    assert overlaps["high-dose+older-adult"] == "suppressed"


def test_the_few_between_two_choices_of_a_number_are_a_small_cell():
    """204 were covered for 90 days, 200 for 120: four lie between."""
    counts = {"met/long-term-use at 90 days": 204, "counted/long-term-use": 480}
    counts |= {"not-evaluable/long-term-use": 20, "met/long-term-use": 200}
    choices = {f"option-{k}": v for k, v in counts.items() if " at " in k}
    choices["option-counted/long-term-use at 90 days"] = 480
    choices["option-not-evaluable/long-term-use at 90 days"] = 20
    made = report_of(Tally({"patients": 1000, "group/clonazepam": 500} | counts | choices), on=ON)
    shared = shareable(made)
    option = next(o for o in shared["options"] if o["id"] == "long-term-use at 90 days")
    assert "suppressed" in {option["numerator"], row(shared, "long-term-use")["numerator"]}


def test_what_compares_nights_or_names_single_records_is_left_out():
    shared = shareable(large())
    assert shared["history"] == []
    assert {m["change"] for m in shared["measures"]} == {None}
    assert shared["completeness"]["quarantine"] == []
    assert shared["completeness"]["problems"] == ["1 problems; the full report names them"]


def test_counts_of_files_are_no_patients_unless_the_patients_are_few():
    assert shareable(large())["completeness"]["files"][0]["read"] == 5
    few = shareable(report(patients=5))
    assert few["population"]["patients"] == "<11"
    assert few["completeness"]["files"][0]["read"] == "suppressed"


def test_reasons_of_few_patients_are_not_shown_as_numbers():
    made = large(**{"reason_records/w": 30, "reason_patients/w": 7})
    made["completeness"]["reasons"] = [{"why": "w", "records": 30, "patients": 7}]
    (reason,) = shareable(made)["completeness"]["reasons"]
    assert (reason["records"], reason["patients"]) == ("suppressed", "<11")


def test_only_the_published_months_of_tapers_are_shared():
    counts = {f"followed__{m}": 100 - m for m in range(1, 13)} | {"off__4": 40, "off__7": 45}
    months = shareable(large(**counts))["courses"]["off_by_month"]
    assert [m["month"] for m in months] == [4, 7]
    # 96 and 93 tell that three patients were followed for 4 months and not for 7.
    assert "suppressed" in {m["followed"] for m in months}


def test_the_report_that_is_given_stays_as_it_is():
    made = large(bar__4_and_more=8)
    before = copy.deepcopy(made)
    shareable(made)
    assert made == before


@pytest.mark.parametrize("missing", ["history", "options"])
def test_a_report_without_optional_parts_can_be_shared(missing):
    made = large()
    del made[missing]
    assert shareable(made)["population"]["patients"] == 1000
