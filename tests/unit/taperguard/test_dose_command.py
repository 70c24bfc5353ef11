"""`taperguard dose`: the contract of its JSON, and a sentence for what cannot be used."""

import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from taperguard.commands.dose import UnusableInput, dose_report, run

TODAY = date(2026, 11, 23)
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
TWICE_A_DAY = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}


def order(identifier: str = "x", **more: Any) -> dict[str, Any]:
    """Clonazepam 0.5 mg tablets, one twice a day."""
    resource = {
        "resourceType": "MedicationRequest",
        "id": identifier,
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "197527"}]},
        "dosageInstruction": [
            {
                "timing": TWICE_A_DAY,
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
    }
    return {key: value for key, value in (resource | more).items() if value is not None}


def one(resource: dict[str, Any], on: date = TODAY, **more: Any) -> dict[str, Any]:
    report = dose_report(resource, on, **more)
    assert isinstance(report, dict)
    return report


def printed(text: str, *, on: date | None = None) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    status = run("-", on, io.StringIO(text), stdout, stderr)
    return status, stdout.getvalue(), stderr.getvalue()


def test_the_report_of_one_order() -> None:
    """The example of the product's contract, key by key."""
    assert one(order()) == {
        "source": "MedicationRequest/x",
        "drug": {
            "ingredients": ["clonazepam"],
            "rxcui": "197527",
            "strength": "0.5 mg",
            "form": "tablet",
            "recognised_by": "rxnorm",
        },
        "counts_as_current": True,
        "why_not_current": None,
        "daily_dose": {
            "status": "computed",
            "unit": "mg",
            "low": 1,
            "high": 1,
            "peak_day": 1,
            "as_needed": False,
            "working": "2/day x 1 tablet x 0.5 mg = 1 mg/day",
            "why_not": None,
            "warnings": [],
        },
        "amount_per_day": {"unit": "tablet", "low": 2, "high": 2},
        "steps": [{"from": None, "to": None, "low": 1, "high": 1}],
    }


def test_an_order_that_cannot_be_computed_says_why() -> None:
    report = one(order(dosageInstruction=[{"text": "use as discussed"}]))
    dose = report["daily_dose"]
    assert (dose["status"], dose["low"], dose["high"]) == ("not-computable", None, None)
    assert dose["why_not"] == (
        'the dosage is only text, and these words could not be read: "as", "discussed"'
    )
    assert report["steps"] == []


def test_without_a_strength_the_dose_is_told_in_tablets_alone() -> None:
    report = one(order(medicationCodeableConcept={"text": "clonazepam"}))
    assert report["daily_dose"] is None
    assert report["amount_per_day"] == {"unit": "tablet", "low": 2, "high": 2}
    assert report["steps"] == []


def test_a_warning_of_a_dose_in_tablets_is_not_lost() -> None:
    dosage = order()["dosageInstruction"][0] | {"text": "1 tablet daily"}
    report = one(
        order(medicationCodeableConcept={"text": "clonazepam"}, dosageInstruction=[dosage])
    )
    assert report["warnings"] == [
        "the text says 1 tablet/day and the structured dosage 2 tablet/day; the higher counts"
    ]


def test_a_drug_that_nothing_identifies_is_null_and_a_named_one_is_not() -> None:
    assert one(order(medicationCodeableConcept=None))["drug"] is None
    named = one(order(medicationCodeableConcept={"text": "Unheardofine 10 MG Oral Tablet"}))
    assert named["drug"]["name"] == "Unheardofine 10 MG Oral Tablet"
    assert named["drug"]["ingredients"] == []


def test_a_record_that_is_not_current_says_why() -> None:
    report = one(order(status="stopped"))
    assert report["counts_as_current"] is False
    assert "stopped" in report["why_not_current"]


def taper_of_two_steps() -> dict[str, Any]:
    """1 mg for a week from 4 January 2027, then 0.5 mg for a week."""
    week = {"value": 7, "unit": "d", "code": "d"}
    return order(
        authoredOn="2027-01-04",
        dosageInstruction=[
            {
                "sequence": number,
                "doseAndRate": [{"doseQuantity": {"value": Decimal(mg), "unit": "mg"}}],
                "timing": {"repeat": {"when": ["HS"], "boundsDuration": week}},
            }
            for number, mg in ((1, "1"), (2, "0.5"))
        ],
    )


def test_the_steps_of_a_taper_with_their_days() -> None:
    report = one(taper_of_two_steps())
    assert report["daily_dose"]["high"] == 1
    assert report["steps"] == [
        {"from": "2027-01-04", "to": "2027-01-10", "low": 1, "high": 1},
        {"from": "2027-01-11", "to": "2027-01-17", "low": Decimal("0.5"), "high": Decimal("0.5")},
    ]


@pytest.mark.parametrize(
    ("on", "mg"),
    [(date(2027, 1, 10), "1"), (date(2027, 1, 11), "0.5"), (date(2027, 1, 18), "0")],
)
def test_the_dose_on_a_day(on: date, mg: str) -> None:
    report = one(taper_of_two_steps(), on, on_that_day=True)
    assert report["daily_dose"]["high"] == Decimal(mg)


def in_tablets(*weekly: tuple[list[str], int]) -> dict[str, Any]:
    """So many 0.5 mg tablets at bedtime on days of the week."""
    return order(
        dosageInstruction=[
            {
                "doseAndRate": [{"doseQuantity": {"value": count, "unit": "tablet"}}],
                "timing": {"repeat": {"when": ["HS"], "dayOfWeek": days}},
            }
            for days, count in weekly
        ],
    )


@pytest.mark.parametrize(
    ("on", "mg", "tablets"),
    [
        # a Friday: 2 x 0.5 mg
        (date(2027, 1, 8), "1", 2),
        # a Saturday: 3 x 0.5 mg
        (date(2027, 1, 9), "1.5", 3),
    ],
)
def test_the_dose_on_a_day_of_the_week_is_that_of_the_day(on: date, mg: str, tablets: int) -> None:
    """Without a day it is the average of the week: (5 x 1 + 2 x 1.5) / 7 mg."""
    days = ["mon", "tue", "wed", "thu", "fri"]
    resource = in_tablets((days, 2), (["sat", "sun"], 3))
    report = one(resource, on, on_that_day=True)
    dose = report["daily_dose"]
    assert (dose["low"], dose["high"], dose["peak_day"]) == (Decimal(mg),) * 3
    assert report["amount_per_day"] == {"unit": "tablet", "low": tablets, "high": tablets}
    assert one(resource, on)["daily_dose"]["high"] == Decimal("1.142857")


def test_a_weekday_that_the_order_leaves_out_has_nothing_to_take() -> None:
    """Monday and Wednesday; 5 January is a Tuesday."""
    report = one(in_tablets((["mon", "wed"], 1)), date(2027, 1, 5), on_that_day=True)
    assert report["daily_dose"]["working"] == "the order has nothing to take on 2027-01-05"
    assert report["amount_per_day"] == {"unit": "tablet", "low": 0, "high": 0}


@pytest.mark.parametrize(
    ("on", "mg"),
    [(date(2026, 12, 31), 0), (date(2027, 1, 1), 1), (date(2027, 1, 31), 1), (date(2027, 2, 1), 0)],
)
def test_outside_the_period_of_a_statement_nothing_is_taken(on: date, mg: int) -> None:
    statement = order(
        resourceType="MedicationStatement",
        effectivePeriod={"start": "2027-01-01", "end": "2027-01-31"},
        dosage=order()["dosageInstruction"],
        dosageInstruction=None,
    )
    assert one(statement, on, on_that_day=True)["daily_dose"]["high"] == mg


def test_the_amount_on_a_day_is_that_of_its_step() -> None:
    """Two tablets for a week, then one for a week."""
    week = {"value": 7, "unit": "d"}
    resource = order(
        authoredOn="2027-01-04",
        dosageInstruction=[
            {
                "sequence": number,
                "doseAndRate": [{"doseQuantity": {"value": count, "unit": "tablet"}}],
                "timing": {"repeat": {"when": ["HS"], "boundsDuration": week}},
            }
            for number, count in ((1, 2), (2, 1))
        ],
    )
    second = one(resource, date(2027, 1, 12), on_that_day=True)
    assert second["amount_per_day"] == {"unit": "tablet", "low": 1, "high": 1}
    after = one(resource, date(2027, 1, 18), on_that_day=True)
    assert after["amount_per_day"] == {"unit": "tablet", "low": 0, "high": 0}


def test_a_dose_per_kg_finds_the_weight_in_the_bundle() -> None:
    """0.01 mg/kg of 50 kg twice a day is 1 mg; another patient's weight is not taken."""
    dosage = {
        "timing": TWICE_A_DAY,
        "doseAndRate": [{"doseQuantity": {"value": Decimal("0.01"), "unit": "mg/kg"}}],
    }

    def weighed(patient: str, kg: int) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "status": "final",
            "subject": {"reference": patient},
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "valueQuantity": {"value": kg, "code": "kg"},
        }

    record = order(dosageInstruction=[dosage], subject={"reference": "Patient/a"})
    others = [weighed("https://ehr.example/Patient/a", 50), weighed("Patient/b", 90)]
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"resource": resource} for resource in (record, *others)],
    }
    (report,) = dose_report(bundle, TODAY)
    assert report["daily_dose"]["working"] == "2/day x 0.01 mg/kg x 50 kg = 1 mg/day"


def test_a_day_without_a_dose_says_that_there_is_nothing_to_take() -> None:
    dose = one(taper_of_two_steps(), date(2027, 1, 18), on_that_day=True)["daily_dose"]
    assert dose["working"] == "the order has nothing to take on 2027-01-18"


def test_a_bundle_gives_a_list_with_its_medications_found() -> None:
    """One record refers by id, one by fullUrl; the Medication itself is no record."""
    medication = {
        "resourceType": "Medication",
        "id": "m",
        "code": {"coding": [{"system": RXNORM, "code": "197527"}]},
    }
    by_id = order(
        "a", medicationCodeableConcept=None, medicationReference={"reference": "Medication/m"}
    )
    urn = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    by_url = order("b", medicationCodeableConcept=None, medicationReference={"reference": urn})
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"resource": by_id},
            {"fullUrl": "https://ehr.example/fhir/Medication/m", "resource": medication},
            {"fullUrl": urn, "resource": medication | {"id": "other"}},
            {"resource": by_url},
            {"resource": {"resourceType": "Patient", "id": "p"}},
            {},
        ],
    }
    report = dose_report(bundle, TODAY)
    assert isinstance(report, list)
    assert [(r["source"], r["daily_dose"]["high"]) for r in report] == [
        ("MedicationRequest/a", 1),
        ("MedicationRequest/b", 1),
    ]


def test_a_bundle_of_one_is_a_list_of_one() -> None:
    report = dose_report({"resourceType": "Bundle", "entry": [{"resource": order()}]}, TODAY)
    assert isinstance(report, list)
    assert len(report) == 1


def test_the_printed_json_keeps_every_digit() -> None:
    """0.125 mg is printed as 0.125, a third with six places."""
    dosage = {
        "doseAndRate": [{"doseQuantity": {"value": "VALUE", "unit": "mg"}}],
        "timing": {"repeat": {"frequency": 1, "period": 3, "periodUnit": "d"}},
    }
    text = json.dumps(order(dosageInstruction=[dosage])).replace('"VALUE"', "1.000")
    status, out, err = printed(text, on=TODAY)
    assert (status, err) == (0, "")
    dose = json.loads(out, parse_float=Decimal)["daily_dose"]
    assert (dose["high"], dose["peak_day"]) == (Decimal("0.333333"), 1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The input is empty.\n"),
        ("{", "The body is not valid JSON.\n"),
        ('{"a": NaN}', "The body is not valid JSON.\n"),
        ("[" * 100_000, None),
        ("[]", "The input is no FHIR resource: a JSON object is needed.\n"),
        ("{}", "The input is no FHIR resource: it has no resourceType.\n"),
        ('{"resourceType": 5}', "The input is no FHIR resource: it has no resourceType.\n"),
        ('{"resourceType": " "}', "The input is no FHIR resource: it has no resourceType.\n"),
        ('{"resourceType": "Bundle"}', "The Bundle holds no medication record.\n"),
        ('{"resourceType": "Bundle", "entry": 1}', "The Bundle holds no medication record.\n"),
        (
            '{"resourceType": "MedicationRequest "}',
            "The input is no medication record: a MedicationRequest, MedicationStatement, "
            "MedicationDispense or a Bundle of them is needed.\n",
        ),
        (
            '{"resourceType": "Patient"}',
            "The input is no medication record: a MedicationRequest, MedicationStatement, "
            "MedicationDispense or a Bundle of them is needed.\n",
        ),
    ],
)
def test_input_that_cannot_be_used_ends_in_one_sentence(text: str, sentence: str | None) -> None:
    status, out, err = printed(text)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert sentence is None or err == sentence


def test_a_resource_type_with_a_blank_in_a_bundle_is_no_medication_record() -> None:
    entry = {"resource": order(resourceType=" MedicationRequest")}
    with pytest.raises(UnusableInput, match="holds no medication record"):
        dose_report({"resourceType": "Bundle", "entry": [entry]}, TODAY)


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "an order.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(order()).encode())
    stdout, stderr = io.StringIO(), io.StringIO()
    assert run(str(file), TODAY, io.StringIO(), stdout, stderr) == 0
    assert json.loads(stdout.getvalue())["daily_dose"]["high"] == 1


@pytest.mark.parametrize("name", ["absent.json", "a\0b"])
def test_a_file_that_is_not_there_ends_in_one_sentence(tmp_path: Path, name: str) -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    assert run(str(tmp_path / name), TODAY, io.StringIO(), stdout, stderr) == 2
    assert stdout.getvalue() == ""
    assert stderr.getvalue().count("\n") == 1


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    stderr = io.StringIO()
    assert run(str(tmp_path), TODAY, io.StringIO(), io.StringIO(), stderr) == 2
    assert "cannot be read" in stderr.getvalue()


def test_the_pure_report_refuses_what_is_no_record() -> None:
    with pytest.raises(UnusableInput):
        dose_report({"resourceType": "Observation"}, TODAY)
