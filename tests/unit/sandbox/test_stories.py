"""A story is a few sentences; what is built from it is a valid chart that stays true."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from taperguard.sandbox.patients import Story, UnreadableStory, build_all, read_stories
from taperguard.sandbox.patients.story import read_formulary, read_story
from taperguard.sandbox.patients.words import UnknownPhrase, day, days_from, dose
from taperguard.sandbox.records import json_text

Resources = list[dict[str, Any]]


def one(resources: Resources, resource_type: str, resource_id: str) -> dict[str, Any]:
    (found,) = [
        resource
        for resource in resources
        if (resource["resourceType"], resource["id"]) == (resource_type, resource_id)
    ]
    return found


def orders_of(resources: Resources, patient: str, status: str = "active") -> Resources:
    return [
        resource
        for resource in resources
        if resource["resourceType"] == "MedicationRequest"
        and resource["subject"]["reference"] == f"Patient/{patient}"
        and resource["status"] == status
    ]


def test_every_resource_parses_with_fhir_resources(story_resources: Resources) -> None:
    for resource in story_resources:
        name = resource["resourceType"]
        model = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
        model.model_validate_json(json_text.write(resource))


def test_every_resource_parses_with_fhirclient(story_resources: Resources) -> None:
    for resource in story_resources:
        name = resource["resourceType"]
        model = getattr(import_module(f"fhirclient.models.{name.lower()}"), name)
        model(jsondict=json.loads(json_text.write(resource)), strict=True)


def test_every_reference_leads_to_a_resource(story_resources: Resources) -> None:
    there = {f"{resource['resourceType']}/{resource['id']}" for resource in story_resources}

    def references(value: Any) -> set[str]:
        match value:
            case {"reference": str(reference)}:
                return {reference}
            case dict():
                return set().union(*map(references, value.values()))
            case list():
                return set().union(*map(references, value)) if value else set()
        return set()

    pointed = references(story_resources)
    assert "Medication/elm-clonazepam" in pointed
    assert pointed <= there


def test_every_resource_says_that_it_is_test_data(story_resources: Resources) -> None:
    for resource in story_resources:
        assert [tag["code"] for tag in resource["meta"]["tag"]] == ["HTEST"]


def test_every_patient_is_visibly_synthetic(story_resources: Resources) -> None:
    patients = [item for item in story_resources if item["resourceType"] == "Patient"]
    assert len(patients) == 6
    for patient in patients:
        assert patient["name"][0]["family"].startswith("Synthetic-")
        assert "synthetic" in patient["identifier"][0]["system"]


def test_the_first_patient_is_72_on_clonazepam_2_mg_a_day_and_oxycodone(
    story_resources: Resources,
) -> None:
    # 23 Nov 2026 less 72 years and 3 months is 23 Aug 1954
    assert one(story_resources, "Patient", "alder")["birthDate"] == "1954-08-23"
    clonazepam = one(story_resources, "MedicationRequest", "alder-clonazepam")
    assert clonazepam["medicationCodeableConcept"]["coding"][0]["code"] == "197528"  # 1 mg tablet
    (dosage,) = clonazepam["dosageInstruction"]
    assert dosage["timing"]["repeat"] == {"frequency": 2, "period": 1, "periodUnit": "d"}
    assert dosage["doseAndRate"][0]["doseQuantity"]["value"] == 1
    oxycodone = one(story_resources, "MedicationRequest", "alder-oxycodone")
    assert oxycodone["medicationCodeableConcept"]["coding"][0]["code"] == "1049621"  # 5 mg tablet
    assert oxycodone["dosageInstruction"][0]["timing"]["repeat"] == {
        "frequency": 1,
        "period": 6,
        "periodUnit": "h",
    }
    codes = {
        item["code"]["coding"][0]["code"]
        for item in story_resources
        if item["resourceType"] == "Condition" and item["subject"]["reference"] == "Patient/alder"
    }
    assert {"J44.9", "Z91.81"} <= codes


def test_clonazepam_for_14_months_is_a_chain_of_orders_of_which_one_is_active(
    story_resources: Resources,
) -> None:
    """14 months ago is 23 Sep 2025; renewed every 5 months: 23 Feb 2026 and 23 Jul 2026."""
    (active,) = orders_of(story_resources, "birch")
    past = orders_of(story_resources, "birch", "completed")
    assert [order["authoredOn"] for order in past] == ["2025-09-23", "2026-02-23"]
    assert active["authoredOn"] == "2026-07-23"
    assert active["priorPrescription"] == {"reference": "MedicationRequest/birch-clonazepam-2"}
    assert "priorPrescription" not in past[0]


def test_a_new_start_has_no_benzodiazepine(story_resources: Resources) -> None:
    medicines = [
        order["medicationCodeableConcept"] for order in orders_of(story_resources, "cedar")
    ]
    assert [medicine["text"] for medicine in medicines] == ["escitalopram 10 mg tablet"]


def test_epilepsy_has_clonazepam_2_mg_a_day(story_resources: Resources) -> None:
    order = one(story_resources, "MedicationRequest", "dogwood-clonazepam")
    assert order["medicationCodeableConcept"]["coding"][0]["code"] == "197528"
    assert order["dosageInstruction"][0]["timing"]["repeat"]["frequency"] == 2
    assert one(story_resources, "Condition", "dogwood-problem-1")["code"]["coding"][0]["code"] == (
        "G40.909"
    )


def test_one_order_points_to_a_medication_and_the_other_is_text_only(
    story_resources: Resources,
) -> None:
    assert one(story_resources, "Patient", "elm")["birthDate"] == "1959"
    by_reference = one(story_resources, "MedicationRequest", "elm-clonazepam")
    assert by_reference["medicationReference"] == {"reference": "Medication/elm-clonazepam"}
    medication = one(story_resources, "Medication", "elm-clonazepam")
    assert medication["ingredient"][0]["strength"]["numerator"]["value"] == Decimal("0.5")
    as_text = one(story_resources, "MedicationRequest", "elm-clonazepam-outside")
    assert as_text["medicationCodeableConcept"] == {"text": "clonazePAM 0.5 mg tab"}
    assert as_text["dosageInstruction"] == [{"text": "1 tab PO qhs"}]


def test_opioid_use_disorder_is_treated_with_a_sublingual_film(story_resources: Resources) -> None:
    film = one(story_resources, "MedicationRequest", "fir-buprenorphine")
    assert film["medicationCodeableConcept"]["coding"][0]["code"] == "1010604"
    assert film["dosageInstruction"][0]["text"] == "Place 1 film under the tongue twice a day"
    assert film["reasonReference"] == [{"reference": "Condition/fir-problem-1"}]
    assert [order["id"] for order in orders_of(story_resources, "fir")] == [
        "fir-buprenorphine",
        "fir-gabapentin",
    ]


def test_fills_count_out_the_dose(story_resources: Resources) -> None:
    """1 tablet every 6 hours is 4 a day: 120 for 30 days, of the order in force on the day."""
    fill = one(story_resources, "MedicationDispense", "alder-oxycodone-fill-2")
    assert fill["quantity"]["value"] == 120
    assert fill["daysSupply"]["value"] == 30
    assert fill["authorizingPrescription"] == [{"reference": "MedicationRequest/alder-oxycodone-2"}]


@pytest.mark.parametrize(
    "today", [date(2024, 2, 29), date(2026, 12, 31), date(2027, 3, 31), date(2028, 1, 1)]
)
def test_stories_stay_true_on_any_day(today: date) -> None:
    """No date in a chart lies after today, and the first patient is 72."""
    resources = build_all(read_stories(), today)
    born = date.fromisoformat(one(resources, "Patient", "alder")["birthDate"])
    birthdays = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    assert birthdays == 72
    for resource in resources:
        for name in ("authoredOn", "whenHandedOver", "onsetDateTime", "recordedDate"):
            assert resource.get(name, "0") <= today.isoformat()
    for patient in ("alder", "birch", "dogwood"):
        assert one(resources, "MedicationRequest", f"{patient}-clonazepam")["status"] == "active"


def test_a_day_that_the_month_lacks_is_its_last() -> None:
    assert day("1 month ago", date(2026, 3, 31)) == date(2026, 2, 28)
    assert day("1 year and 3 days ago", date(2024, 2, 29)) == date(2023, 2, 25)
    assert day("today", date(2024, 2, 29)) == date(2024, 2, 29)


def test_a_rhythm_counts_from_the_first_day() -> None:
    """From 31 Jan monthly: the 31st where there is one, never drifting to the 28th."""
    assert days_from(date(2026, 1, 31), "every 1 month", date(2026, 4, 1)) == [
        date(2026, 1, 31),
        date(2026, 2, 28),
        date(2026, 3, 31),
    ]


@pytest.mark.parametrize("phrase", ["", "ago", "yesterday", "3 moons ago", "-1 days ago"])
def test_a_day_that_is_not_understood_is_an_error(phrase: str) -> None:
    with pytest.raises(UnknownPhrase):
        day(phrase, date(2026, 11, 23))


@pytest.mark.parametrize("phrase", ["", "some tablets", "1 tablet sometimes", "tablet twice a day"])
def test_a_dose_that_is_not_understood_is_an_error(phrase: str) -> None:
    with pytest.raises(UnknownPhrase):
        dose(phrase)


def test_a_dose_says_how_much_and_how_often() -> None:
    taken = dose("1 to 2 puffs every 6 hours as needed", "Breathe in", "through the spacer")
    assert (taken.low, taken.high) == (Decimal(1), Decimal(2))
    assert (taken.unit, taken.as_needed) == ("puff", True)
    assert (taken.per_period, taken.period, taken.period_unit) == (1, 6, "h")
    assert taken.sentence == "Breathe in 1 to 2 puffs through the spacer every 6 hours as needed"
    assert taken.units_in(30) == 240  # 4 times a day x 2 puffs x 30 days
    assert str(dose("0.50 tablet twice a day").low) == "0.50"


@pytest.fixture
def told(tmp_path: Path) -> Callable[[str], Story]:
    """Read a story from its text."""

    def read(text: str) -> Story:
        file = tmp_path / "07-grove.toml"
        file.write_text(text, encoding="utf-8")
        return read_story(file, read_formulary())

    return read


PLAIN = 'name = "Ann Synthetic-Grove"\nsex = "female"\nline = "x"\nstory = "x"\n'


def test_a_patient_without_a_birth_date_has_none(told: Callable[[str], Story]) -> None:
    (patient, *_) = [
        item for item in build_all([told(PLAIN)], date(2026, 11, 23)) if item["id"] == "grove"
    ]
    assert "birthDate" not in patient


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('name = "Ann Grove"\nsex = "female"\nline = "x"\nstory = "x"', "Synthetic-"),
        ('name = "Ann Synthetic-Grove"\nsex = "female"\nline = "x"', "'story' is missing"),
        (PLAIN + 'colour = "blue"', "no 'colour'"),
        (PLAIN + '[[takes]]\nmedicine = "moonshine"\nsince = "today"', "formulary has no"),
        (PLAIN + '[[takes]]\nsince = "today"', "either a medicine or a text"),
        (PLAIN + '[[has]]\ncondition = "x"\nwhen = "today"', "no 'when'"),
        (PLAIN + '[[has]]\ncondition = "x"', "since"),
        ("not toml", "07-grove.toml"),
    ],
)
def test_a_story_that_is_half_understood_is_refused(
    told: Callable[[str], Story], text: str, complaint: str
) -> None:
    with pytest.raises(UnreadableStory, match=complaint):
        told(text)


def test_two_resources_with_one_id_are_refused(told: Callable[[str], Story]) -> None:
    twice = PLAIN + 2 * '[[takes]]\ntext = "clonazepam"\ninstructions = "1"\nsince = "today"\n'
    with pytest.raises(UnreadableStory, match="have this id"):
        build_all([told(twice)], date(2026, 11, 23))


def test_a_phrase_in_a_story_that_is_not_understood_names_the_story(
    told: Callable[[str], Story],
) -> None:
    story = told(PLAIN + '[[has]]\ncondition = "x"\nsince = "once"')
    with pytest.raises(UnreadableStory, match="grove: no day is said by 'once'"):
        build_all([story], date(2026, 11, 23))
