"""Whatever an EHR sends: an answer that the judge accepts, or a refusal that names the field."""

import copy
import json
import random
from datetime import date
from pathlib import Path

import cds
import judged
import mutations
import pytest

from cds_hooks.request import BadRequest, read_request
from cds_hooks.services import order_safety
from cds_hooks.services.order_safety import (
    HOOKS,
    Bench,
    NothingDecided,
    answer,
    answer_at_once,
)
from clinical.findings import FIRST_FOUR
from clinical.policy import default_policy
from ehr.decode import encode
from ehr.read.chart import read_chart

STORY = json.loads(
    (Path(__file__).parents[2] / "examples" / "order-sign.json").read_text(encoding="utf-8")
)

ABOUT = {
    "status": "final",
    "effectiveDateTime": "2026-11",
    "subject": {"reference": "Patient/alder"},
}
CODED = {"coding": [{"system": "http://loinc.org", "code": "44260-8"}]}
STORY["prefetch"] |= {
    "allergies": cds.searchset(
        {
            "resourceType": "AllergyIntolerance",
            "id": "a1",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "code": {"text": "Diazepam", "coding": [{"system": "http://snomed.info/sct"}]},
            "reaction": [{"substance": {"text": "Valium"}}],
        }
    ),
    "observations": cds.searchset(
        {"resourceType": "Observation", "id": "o1", **ABOUT, "code": CODED, "valueInteger": 1},
        {
            "resourceType": "Observation",
            "id": "o2",
            **ABOUT,
            "code": CODED,
            "component": [{"code": CODED, "valueQuantity": {"value": 2}}],
        },
    ),
}


def paths(value, path=()):
    """Every place in the document."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths(inner, (*path, number))


PATHS = [path for path in paths(STORY) if path]


def mutated(dice: random.Random):
    """The story with one to four places dropped, doubled, swapped or filled with junk."""
    body = copy.deepcopy(STORY)
    for _ in range(dice.randint(1, 4)):
        *way, last = dice.choice(PATHS)
        holder = body
        try:
            for step in way:
                holder = holder[step]
            match dice.randrange(4):
                case 0:
                    del holder[last]
                case 1:
                    holder[last] = copy.deepcopy(dice.choice(mutations.JUNK))
                case 2:
                    holder[last] = [holder[last], holder[last]]
                case 3:
                    *_, other = dice.choice(PATHS)
                    holder[last] = holder[other]
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier mutation took that place away
    return body


def judge(body) -> str:
    """What became of the request."""
    bench = Bench(default_policy(), iter(map(str, range(10**6))).__next__, "https://t.example")
    try:
        request = read_request(encode(body), HOOKS)
        found = answer(request, date(2026, 11, 23), bench)
    except BadRequest as refused:
        return "refused" if refused.field else "refused without a field"
    except NothingDecided:
        return "undecided"
    answered = json.loads(encode(found.body))
    assert judged.found == []  # the judge stands behind `answer`
    assert {check.value for check in FIRST_FOUR} <= cds.results_of(answered).keys()
    return "answered"


RECORDS = mutations.pool()
LISTS = {
    "medications": "MedicationRequest",
    "statements": "MedicationStatement",
    "dispenses": "MedicationDispense",
}


def with_mutated_records(dice: random.Random):
    """The story with a mutated record as its draft, and others in the lists of medications.

    Most are made the patient's own and of the list's type, so that they are read and not refused.
    """
    body = copy.deepcopy(STORY)

    def record(kind: str | None):
        made = mutations.mutated(dice, dice.choice(RECORDS), RECORDS)
        if isinstance(made, dict) and dice.random() < 0.9:
            made["subject"] = {"reference": "Patient/alder"}
            made.pop("patient", None)
            if kind is not None and dice.random() < 0.8:
                made["resourceType"] = kind
        return made

    draft = record("MedicationRequest")
    if isinstance(draft, dict):
        draft |= {"id": "new-1", "status": "draft"} if dice.random() < 0.5 else {}
    if dice.random() < 0.8:
        body["context"]["draftOrders"]["entry"][0]["resource"] = draft
    for key, kind in LISTS.items():
        if key == "medications" or dice.random() < 0.3:
            listed = body["prefetch"].setdefault(key, {"resourceType": "Bundle", "entry": []})
            listed["entry"] += [{"resource": record(kind)} for _ in range(dice.randint(1, 3))]
    return body


def run(count: int, seed: int, make=mutated) -> set[str]:
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    seen = set()
    for number in range(count):
        body = make(dice)
        try:
            seen.add(judge(body))
        except Exception as error:
            told = encode(body).decode()
            raise AssertionError(f"mutation {number} of seed {seed}: {told}") from error
    return seen


def test_a_sample_of_mutated_requests_is_answered_or_refused():
    assert run(400, seed=20261123) >= {"answered", "refused"}


def test_a_sample_of_mutated_records_is_answered_or_refused():
    assert run(200, seed=20261123, make=with_mutated_records) >= {"answered", "refused"}


FOREIGN = {
    "resourceType": "MedicationRequest",
    "subject": {"reference": "Patient/alder"},
    "status": "active",
    "intent": "order",
    "authoredOn": "2026-10-01",
    "medicationCodeableConcept": {"text": "lisinopril 10 MG Oral Tablet"},
    "dosageInstruction": [{"text": "1 tablet daily"}],
}


def answered_with(body, *, every_medicine: bool, monkeypatch) -> dict | None:
    """The answer, reading the records that no check looks at too, or not; None for a refusal."""

    def read(resources, on, *, for_checks):
        assert for_checks
        return read_chart(resources, on, for_checks=not every_medicine)

    monkeypatch.setattr(order_safety, "read_chart", read)
    at_once = (lambda *_: None) if every_medicine else answer_at_once
    monkeypatch.setattr(order_safety, "answer_at_once", at_once)
    bench = Bench(default_policy(), iter(map(str, range(10**6))).__next__, "https://t.example")
    if every_medicine and isinstance(body.get("prefetch"), dict):
        # Of a list that nobody asked for nothing is said, and with one nothing is left out.
        body = body | {"prefetch": body["prefetch"] | {"beside": None}}
    try:
        found = answer(read_request(encode(body), HOOKS), date(2026, 11, 23), bench)
    except (BadRequest, NothingDecided):
        return None
    return json.loads(encode(found.body))


def without_notes_of_the_chart(without, whole) -> None:
    """Where no check says anything of the drafts the chart may not have been opened: then nothing
    is noted of what is in it.
    """
    results = set(cds.results_of(whole).values())
    if not results & {"fired", "not-evaluable"}:
        account, of_all = (it["extension"]["org.taperguard.assessment"] for it in (without, whole))
        assert set(account.pop("notes", [])) <= set(of_all.pop("notes", []))


def list_of(body, key: str) -> dict | None:
    """A Bundle of the prefetch, where the mutations left one with entries."""
    lists = body.get("prefetch")
    held = lists.get(key) if isinstance(lists, dict) else None
    return held if isinstance(held, dict) and isinstance(held.get("entry"), list) else None


def copy_of_the_story(_dice: random.Random):
    """The story as it is: in the shapes of FHIR, so that records can be left out unread."""
    return copy.deepcopy(STORY)


JUDGED_BY_NONE = (
    "lisinopril 10 MG Oral Tablet",
    "sertraline 50 MG Oral Tablet",
    "lorazepam 1 MG Oral Tablet",
    "zolpidem tartrate 5 MG Oral Tablet",
    "carbamazepine 200 MG Oral Tablet",
    "clarithromycin 500 MG Oral Tablet",
    "naloxone hydrochloride 40 MG/ML Nasal Spray",
)


def with_a_foreign_draft(dice: random.Random, body) -> bool:
    """In place of the draft one that no check judges; whether the body had a place for it."""
    drug = {"medicationCodeableConcept": {"text": dice.choice(JUDGED_BY_NONE)}}
    draft = FOREIGN | drug | {"id": "f-new", "status": dice.choice(("draft", "stopped"))}
    try:
        body["context"]["draftOrders"]["entry"][:] = [{"resource": draft}]
    except (KeyError, TypeError):
        return False
    return True


CONDITIONS = (
    {"code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10"}]}},
    {"code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G47.33"}]}},
    {"code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G40.909"}]}},
    {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}},
    {"code": {"text": "in words"}},
    {"code": []},
    {},
)


def with_conditions(dice: random.Random, body) -> None:
    """Beside the other conditions three more, some of which a check knows."""
    held = list_of(body, "conditions")
    if held is None:
        return
    held.pop("total", None)
    entries = held["entry"]
    for number in range(3):
        whose = "Patient/somebody-else" if dice.random() < 0.05 else "Patient/alder"
        base = {"resourceType": "Condition", "id": f"more-{number % dice.randint(1, 9)}"}
        subject = {"subject": {"reference": whose}}
        entries.append({"resource": base | subject | dice.choice(CONDITIONS)})


GROUP = {"groupIdentifier": {"system": "urn:order-group", "value": "1"}}
CLONAZEPAM = {"medicationCodeableConcept": {"text": "clonazepam 1 MG Oral Tablet"}}


def names(order: str) -> dict:
    """What an order holds that takes the place of another."""
    return {"priorPrescription": {"reference": f"MedicationRequest/{order}"}}


def with_a_foreign_medicine(dice: random.Random, body) -> None:
    """Beside the other medicines one that no check looks at, mostly tied to an order of ours."""
    held = list_of(body, "medications")
    if held is None:
        return
    entries = held["entry"]
    one = FOREIGN | {"id": "f1", "status": dice.choice(("active", "completed", "stopped", "draft"))}
    tie = dice.randrange(4)
    if tie == 1:
        # An order of ours that is over: only the one that took its place tells since when.
        over = (
            FOREIGN | CLONAZEPAM | {"id": "o1", "status": "completed", "authoredOn": "2026-02-01"}
        )
        one |= names("o1") | {"status": "active", "authoredOn": "2026-06-01"}
        entries.append({"resource": over})
    elif tie > 1:
        # A step on hold that has not begun: what goes on before it is a medicine of another kind.
        waits = FOREIGN | CLONAZEPAM | {"id": "w1", "status": "on-hold", "authoredOn": "2026-11-01"}
        one |= GROUP if tie == 2 else {}
        waits |= GROUP if tie == 2 else names("f1")
        entries.append({"resource": waits})
    entries.append({"resource": one})


def compare(count: int, seed: int, monkeypatch) -> dict[str, int]:
    """Ask with and without the records that no check looks at, and count what became of it."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    met = dict.fromkeys(("card", "foreign"), 0)
    for number in range(count):
        body = (mutated, with_mutated_records, copy_of_the_story)[number % 3](dice)
        with_a_foreign_medicine(dice, body)
        with_conditions(dice, body)
        foreign = dice.random() < 0.2 and with_a_foreign_draft(dice, body)
        without = answered_with(body, every_medicine=False, monkeypatch=monkeypatch)
        whole = answered_with(body, every_medicine=True, monkeypatch=monkeypatch)
        if without is not None and whole is not None:
            without_notes_of_the_chart(without, whole)
            met["foreign"] += foreign
        assert without == whole, f"{number} of {seed}: {encode(body).decode()}"
        met["card"] += without is not None and len(without["cards"]) > 0
    return met


def test_records_that_no_check_looks_at_change_no_word_of_an_answer(monkeypatch):
    met = compare(300, 20261126, monkeypatch)
    assert met["card"] > 100
    assert met["foreign"] > 20


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_records_that_no_check_looks_at_change_no_word_of_five_thousand_answers(seed, monkeypatch):
    assert compare(5_000, seed, monkeypatch)["foreign"] > 400


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_twenty_thousand_mutated_requests_are_answered_or_refused(seed):
    assert run(5_000, seed=seed) == {"answered", "refused", "undecided"}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
def test_sixteen_thousand_mutated_records_are_answered_or_refused(seed):
    assert run(2_000, seed=seed, make=with_mutated_records) >= {"answered", "refused"}
