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
from starlette.testclient import TestClient

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
    there |= {
        f"#{contained['id']}"
        for resource in story_resources
        for contained in resource.get("contained", ())
    }

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
    assert len(patients) >= 40
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
    """No record is dated after today, and the first patient is 72."""
    resources = build_all(read_stories(), today)
    born = date.fromisoformat(one(resources, "Patient", "alder")["birthDate"])
    birthdays = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    assert birthdays == 72
    for resource in resources:
        for name in (
            "authoredOn",
            "whenHandedOver",
            "onsetDateTime",
            "recordedDate",
            "deceasedDateTime",
        ):
            assert resource.get(name, "0") <= today.isoformat()
    for patient in ("alder", "birch", "dogwood"):
        assert one(resources, "MedicationRequest", f"{patient}-clonazepam")["status"] == "active"


def test_a_day_that_the_month_lacks_is_its_last() -> None:
    assert day("1 month ago", date(2026, 3, 31)) == date(2026, 2, 28)
    assert day("1 year and 3 days ago", date(2024, 2, 29)) == date(2023, 2, 25)
    assert day("today", date(2024, 2, 29)) == date(2024, 2, 29)
    assert day("in 12 days", date(2026, 12, 25)) == date(2027, 1, 6)


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


@pytest.mark.parametrize(
    "phrase",
    [
        "",
        "some tablets",
        "1 tablet sometimes",
        "tablet twice a day",
        "1 tablet on Moondays",
        "1 tablet every 0 hours",
        "1 tablet 0 times a day",
        "1 tablet twice a day, at most 2 mg a day",
    ],
)
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


WHO = 'name = "Ann Synthetic-Grove"\nsex = "female"\nstory = "x"\nto_try = "x"\n'
EXPECT = """
[expect]
product = "clonazepam 1 mg tablet"
tablets = "1"
times_a_day = 3
opioid-together = "clear"
high-dose = "warning"
older-adult-fall-risk = "clear"
dose-escalation = "clear"
cards = 1
because = "3 x 1 = 3 mg"
"""


def plain(tables: str = "", expect: str = EXPECT) -> str:
    """A story with nothing in it but these tables."""
    return f'{WHO}title = "x"\nline = "x"\n{tables}\n{expect}'


def test_a_patient_without_a_birth_date_has_none(told: Callable[[str], Story]) -> None:
    (patient, *_) = [
        item for item in build_all([told(plain())], date(2026, 11, 23)) if item["id"] == "grove"
    ]
    assert "birthDate" not in patient


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (plain().replace("Synthetic-", ""), r"line 1: a family name here begins with Synthetic-"),
        (plain().replace('line = "x"\n', ""), "'line' is missing"),
        (plain(expect=""), "'expect' is missing"),
        (plain('colour = "blue"'), "line 7: a story has no 'colour'"),
        (plain("died = 2020-01-01"), "line 7: 'died' is no text"),
        (plain().replace('"female"', '"f"'), "line 2: 'f' is no administrative gender"),
        (plain("takes = 3"), "line 7: 'takes' is no list of tables"),
        (
            plain('[[takes]]\nmedicine = "moonshine"\nsince = "today"'),
            "line 8: the formulary has no",
        ),
        (plain('[[takes]]\nsince = "today"'), "line 7: a course has either a medicine or a text"),
        (plain('[[takes]]\ntext = "x"\nsince = 3'), "line 9: 'since' is no text"),
        (plain('[[takes]]\ntext = "x"\nsince = "today"\nstatus = "lost"'), "line 10: 'lost'"),
        (
            plain('[[takes]]\ntext = "x"\nsince = "today"\nwritten = "by hand"'),
            "line 10: 'by hand'",
        ),
        (plain('[[reports]]\ntext = "x"\nsince = "today"\nby = "a dog"'), "line 10: 'a dog'"),
        (plain('[[has]]\ncondition = "x"\nwhen = "today"'), "line 9: a problem has no 'when'"),
        (plain('[[has]]\ncondition = "x"'), "line 7: 'since' is missing in a problem"),
        (plain('[[found]]\nwhat = "x"\nanswer = "1"'), "line 7: 'on' is missing in a finding"),
        ("not toml", "at line 1"),
    ],
)
def test_a_story_that_is_half_understood_is_refused(
    told: Callable[[str], Story], text: str, complaint: str
) -> None:
    with pytest.raises(UnreadableStory, match=rf"07-grove\.toml.*{complaint}"):
        told(text)


def test_a_misspelt_key_is_found_in_the_table_where_it_stands(told: Callable[[str], Story]) -> None:
    """The second [[has]] is the wrong one, though the first uses its words rightly."""
    right = '[[has]]\ncondition = "x"\nsince = "today"\n'
    with pytest.raises(UnreadableStory, match="line 12: a problem has no 'sinc'"):
        told(plain(right + '[[has]]\ncondition = "y"\nsinc = "today"'))


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ('[{ dose = "1 tablet at bedtime" }]', "line 7: 'days' is no number of days"),
        ('[{ dose = "1 tablet at bedtime", days = 0 }]', "line 11: 'days' is no number of days"),
        ("[{ days = 7 }]", "'dose' is missing in a step"),
        ('[{ dose = "1 tablet at bedtime", days = 7, mg = "1" }]', "line 11: a step has no 'mg'"),
        ('["1 tablet at bedtime"]', "line 11: 'steps' is no list of steps"),
        ("[]", "steps are written as"),
    ],
)
def test_a_taper_that_is_half_understood_is_refused(
    told: Callable[[str], Story], steps: str, complaint: str
) -> None:
    course = '[[takes]]\nmedicine = "clonazepam 1 mg tablet"\nsince = "today"\n'
    with pytest.raises(UnreadableStory, match=complaint):
        told(plain(f'{course}written = "one order"\nsteps = {steps}'))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ('held = "at step 3"', "line 10: 'at step 3' is no step of a plan"),
        ('held = "soon"', "line 10: 'soon' is no step of a plan"),
        ('filled = "every 30 days"', "line 10: orders of a plan are filled 'with each step'"),
    ],
)
def test_a_plan_that_cannot_go_so_is_refused(
    told: Callable[[str], Story], words: str, complaint: str
) -> None:
    steps = 2 * '{ dose = "1 tablet at bedtime", days = 7 }, '
    course = '[[takes]]\nmedicine = "clonazepam 1 mg tablet"\nsince = "today"\n'
    plan = f'{course}{words}\nwritten = "orders of a plan"\nsteps = [{steps}]'
    told(plain(plan.replace(words, 'held = "at step 2"\nfilled = "with each step"')))
    with pytest.raises(UnreadableStory, match=complaint):
        told(plain(plan))
    with pytest.raises(UnreadableStory, match="only orders of a plan are held"):
        told(plain(f'{course}dose = "1 tablet at bedtime"\nheld = "at step 1"'))


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ('tablets = "1"', "tablets = 0.5", "tablets are a number in quotes"),
        ('product = "clonazepam 1 mg tablet"', 'product = "clonazepam"', "formulary has no"),
        ("times_a_day = 3", 'times_a_day = "3"', "'times_a_day' is no whole number"),
        ("cards = 1", "cards = true", "'cards' is no whole number"),
        ("cards = 1", "cards = 1\ntaper = 1", "'taper' is true or false"),
        ("cards = 1", "cards = 1\nnotes = 1", "an answer key has no 'notes'"),
        ('high-dose = "warning"', 'high-dose = "fired"', "'fired' is no result"),
        ('high-dose = "warning"', "", "'high-dose' is missing in an answer key"),
        ("cards = 1", 'cards = 1\nbreathing = "loud"', "'loud' is no result"),
        ('because = "3 x 1 = 3 mg"', "", "'because' is missing in an answer key"),
    ],
)
def test_an_answer_key_that_is_half_understood_is_refused(
    told: Callable[[str], Story], right: str, wrong: str, complaint: str
) -> None:
    told(plain())
    with pytest.raises(UnreadableStory, match=complaint):
        told(plain(expect=EXPECT.replace(right, wrong)))


def test_two_resources_with_one_id_are_refused(told: Callable[[str], Story]) -> None:
    twice = 2 * '[[takes]]\ntext = "clonazepam"\ninstructions = "1"\nsince = "today"\n'
    with pytest.raises(UnreadableStory, match="have this id"):
        build_all([told(plain(twice))], date(2026, 11, 23))


def test_a_phrase_in_a_story_that_is_not_understood_names_the_story(
    told: Callable[[str], Story],
) -> None:
    story = told(plain('[[has]]\ncondition = "x"\nsince = "once"'))
    with pytest.raises(UnreadableStory, match="grove: no day is said by 'once'"):
        build_all([story], date(2026, 11, 23))


@pytest.mark.parametrize(
    ("what", "answer", "complaint"),
    [
        ("PHQ-9 item 10", "1", "no finding is called 'PHQ-9 item 10'"),
        ("PHQ-9 item 9", "often", "no answer to PHQ-9 item 9 is said by 'often'"),
        ("PHQ-9 total score", "many", "no number of PHQ-9 total score is said by 'many'"),
    ],
)
def test_a_finding_that_is_not_understood_names_the_story(
    told: Callable[[str], Story], what: str, answer: str, complaint: str
) -> None:
    story = told(plain(f'[[found]]\nwhat = "{what}"\nanswer = "{answer}"\non = "today"'))
    with pytest.raises(UnreadableStory, match=f"grove: {complaint}"):
        build_all([story], date(2026, 11, 23))


def test_a_finding_is_an_observation_with_its_code_answer_and_day(
    story_resources: Resources,
) -> None:
    """LOINC 44260-8 (PHQ-9 item 9), LA6569-3 (several days); 82810-3 (pregnancy status)."""
    item = one(story_resources, "Observation", "siskin-finding-2")
    assert item["code"]["coding"][0]["code"] == "44260-8"
    assert item["valueCodeableConcept"]["coding"][0]["code"] == "LA6569-3"
    assert (item["status"], item["effectiveDateTime"]) == ("final", "2026-11-23")
    assert one(story_resources, "Observation", "siskin-finding-3")["valueInteger"] == 16
    pregnancy = one(story_resources, "Observation", "tansy-finding-2")
    assert pregnancy["code"]["coding"][0]["code"] == "82810-3"
    assert pregnancy["valueCodeableConcept"]["coding"][0]["code"] == "LA15173-0"
    assert pregnancy["effectiveDateTime"] == "2026-11-17"  # 6 days before 23 November


# --- the shapes that a story can give a record ------------------------------------------------


def medicines_of(resources: Resources, patient: str) -> Resources:
    return [
        item
        for item in resources
        if item["resourceType"] == "MedicationRequest"
        and item["subject"]["reference"] == f"Patient/{patient}"
    ]


def test_a_story_can_be_read_in_ten_seconds() -> None:
    """Four words a second is slow reading; the list's line fits on one line."""
    for story in read_stories():
        assert len(story.story.split()) <= 55, story.key
        assert len(story.line) <= 75, story.key
        assert len(story.title) <= 50, story.key


def test_ids_are_short_and_no_two_stories_share_a_name() -> None:
    stories = read_stories()
    assert all(story.key.isalpha() and len(story.key) <= 10 for story in stories)
    assert all(story.family == f"Synthetic-{story.key.capitalize()}" for story in stories)
    assert len({story.title for story in stories}) == len(stories)


def test_ages_run_from_9_to_91_and_every_sex_is_there(story_resources: Resources) -> None:
    patients = [item for item in story_resources if item["resourceType"] == "Patient"]
    years = [int(item["birthDate"][:4]) for item in patients if "birthDate" in item]
    assert (2026 - max(years), 2026 - min(years)) == (9, 91)
    assert {item["gender"] for item in patients} == {"female", "male", "other", "unknown"}


def test_a_long_history_is_300_orders_of_which_3_are_active(story_resources: Resources) -> None:
    """Three medicines, each ordered on day 0, 30, ... 2970: 100 orders of which the last counts."""
    orders = medicines_of(story_resources, "magpie")
    assert len(orders) == 300
    assert [order["id"] for order in orders if order["status"] == "active"] == [
        "magpie-clonazepam",
        "magpie-lisinopril",
        "magpie-omeprazole",
    ]


def test_a_plan_of_orders_has_one_step_in_force_and_later_ones_planned(
    story_resources: Resources,
) -> None:
    """From 3 Nov 2026, 20 days ago: 14, 14, 7, 7 and 7 days without a gap."""
    steps = [
        order for order in medicines_of(story_resources, "thrush") if "groupIdentifier" in order
    ]
    assert {step["groupIdentifier"]["value"] for step in steps} == {"thrush-clonazepam"}
    bounds = [step["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] for step in steps]
    assert [
        (step["status"], b["start"], b["end"]) for step, b in zip(steps, bounds, strict=True)
    ] == [
        ("completed", "2026-11-03", "2026-11-16"),
        ("active", "2026-11-17", "2026-11-30"),
        ("active", "2026-12-01", "2026-12-07"),
        ("active", "2026-12-08", "2026-12-14"),
        ("active", "2026-12-15", "2026-12-21"),
    ]
    assert [step.get("priorPrescription", {}).get("reference") for step in steps] == [
        None,
        *(f"MedicationRequest/thrush-clonazepam-step-{number}" for number in (1, 2, 3, 4)),
    ]
    # 14 days x 3 tablets; 7 days x 3 disintegrating tablets of 0.25 mg
    assert [step["dispenseRequest"]["quantity"]["value"] for step in steps] == [42, 28, 21, 14, 7]
    assert steps[2]["medicationCodeableConcept"]["coding"][0]["code"] == "349195"


def test_a_taper_in_one_order_is_a_sequence_of_lines(story_resources: Resources) -> None:
    lines = one(story_resources, "MedicationRequest", "viburnum-clonazepam")["dosageInstruction"]
    assert [line["sequence"] for line in lines] == [1, 2, 3]
    repeats = [line["timing"]["repeat"] for line in lines]
    assert [repeat["boundsDuration"]["value"] for repeat in repeats] == [14, 14, 14]
    assert [repeat["frequency"] for repeat in repeats] == [3, 2, 1]


def test_a_contained_medicine_is_in_its_order(story_resources: Resources) -> None:
    order = one(story_resources, "MedicationRequest", "egret-clonazepam")
    assert order["medicationReference"] == {"reference": "#medicine"}
    (contained,) = order["contained"]
    assert (contained["id"], contained["code"]["coding"][0]["code"]) == ("medicine", "197528")
    assert "meta" not in contained  # FHIR dom-4: what is contained has no version of its own


def test_words_can_stand_without_structure_and_against_a_code(story_resources: Resources) -> None:
    in_words = one(story_resources, "MedicationRequest", "finch-clonazepam")
    assert in_words["dosageInstruction"] == [{"text": "Take 1 tablet by mouth twice daily"}]
    uncoded = one(story_resources, "MedicationRequest", "goldcrest-clonazepam")
    assert uncoded["medicationCodeableConcept"] == {"text": "Clonazepam 1 mg tab"}
    against = one(story_resources, "MedicationRequest", "myrtle-clonazepam")
    concept = against["medicationCodeableConcept"]
    assert (concept["coding"][0]["code"], concept["text"]) == ("197527", "clonazepam 1 mg tablet")


def test_as_needed_has_a_maximum_and_a_weekday_its_code(story_resources: Resources) -> None:
    (needed,) = one(story_resources, "MedicationRequest", "kite-clonazepam")["dosageInstruction"]
    assert needed["asNeededBoolean"] is True
    assert needed["timing"]["repeat"] == {"frequency": 1, "period": 6, "periodUnit": "h"}
    most = needed["maxDosePerPeriod"]
    assert (most["numerator"]["value"], most["denominator"]["code"]) == (2, "d")
    (weekly,) = one(story_resources, "MedicationRequest", "lark-clonazepam")["dosageInstruction"]
    assert weekly["timing"]["repeat"]["dayOfWeek"] == ["mon", "thu"]


def test_micrograms_are_written_in_ucum_and_counted_by_nobody(story_resources: Resources) -> None:
    order = one(story_resources, "MedicationRequest", "olive-clonazepam")
    assert order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"] == {
        "value": 250,
        "unit": "mcg",
        "system": "http://unitsofmeasure.org",
        "code": "ug",
    }
    assert "dispenseRequest" not in order


@pytest.mark.parametrize(
    ("order_id", "status", "end"),
    [
        ("ginkgo-clonazepam", "on-hold", None),
        ("hawthorn-clonazepam", "entered-in-error", None),
        ("ivy-clonazepam", "active", "2026-11-13"),  # 10 days ago, and never closed
        ("clover-clonazepam", "completed", "2026-11-03"),  # 20 days ago
        ("daisy-clonazepam", "completed", "2026-10-09"),  # 45 days ago: 9 Oct + 22 + 23
    ],
)
def test_an_order_is_waiting_wrong_or_over(
    story_resources: Resources, order_id: str, status: str, end: str | None
) -> None:
    order = one(story_resources, "MedicationRequest", order_id)
    assert order["status"] == status
    repeat = order["dosageInstruction"][0]["timing"]["repeat"]
    assert repeat.get("boundsPeriod", {}).get("end") == end


def test_a_statement_says_who_reported_it(story_resources: Resources) -> None:
    other = one(story_resources, "MedicationStatement", "fennel-clonazepam")
    assert other["informationSource"]["display"] == "Synthetic Neighbour Clinic (pretend)"
    assert medicines_of(story_resources, "fennel") == []
    own = one(story_resources, "MedicationStatement", "thistle-clonazepam")
    assert own["informationSource"] == {"reference": "Patient/thistle"}


def test_a_patient_may_have_died_or_have_no_birth_date(story_resources: Resources) -> None:
    """Two weeks before 23 Nov 2026 is the 9th."""
    assert one(story_resources, "Patient", "lavender")["deceasedDateTime"] == "2026-11-09"
    assert "birthDate" not in one(story_resources, "Patient", "nuthatch")
    assert one(story_resources, "Patient", "osprey")["birthDate"] == "1961"


def test_fills_may_come_early(story_resources: Resources) -> None:
    """30 days of tablets every 24 days, from 23 Nov 2025: the second on 17 Dec."""
    fill = one(story_resources, "MedicationDispense", "fern-clonazepam-fill-2")
    assert (fill["whenHandedOver"], fill["daysSupply"]["value"]) == ("2025-12-17", 30)


def test_a_patch_is_counted_in_whole_ones(story_resources: Resources) -> None:
    """One every 7 days is 4.3 in 30 days: five."""
    order = one(story_resources, "MedicationRequest", "dove-buprenorphine")
    assert order["dosageInstruction"][0]["text"] == "Apply 1 patch to the skin every 7 days"
    assert order["dispenseRequest"]["quantity"] == {"value": 5, "unit": "patch"}


def test_every_code_of_the_formulary_stands_for_one_product() -> None:
    products = read_formulary()
    assert len({product.rxnorm for product in products.values()}) == len(products)
    assert len({product.name for product in products.values()}) == len(products)


def test_a_page_shows_the_story_and_never_its_answer_key(client: TestClient) -> None:
    alder = next(story for story in read_stories() if story.key == "alder")
    page = client.get("/patients/alder").text
    assert "Ruth has taken clonazepam" in page
    for hidden in (alder.expect.because, *alder.expect.because.split(". ")):
        assert hidden not in page
