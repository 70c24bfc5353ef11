"""Every story of the sandbox against the checks: the order to try, and what should be found.

The key stands in the story's file (`expect`), derived by hand from the clinical content, with its
derivation. The chart is built as the sandbox builds it; the order takes the way of `taperguard
check`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import cds
import pytest

from cds_hooks.request import read_request
from cds_hooks.services.order_safety import HOOKS, Bench, answer
from clinical.drugs import Drug
from clinical.facts import PatientFacts, Unknown
from clinical.findings import CheckId
from clinical.policy import default_policy
from ehr.decode import decode, encode
from ehr.read.chart import Resources, read_chart
from taperguard.sandbox.patients import Story, read_stories
from taperguard.sandbox.patients.build import build
from taperguard.sandbox.records import json_text

TODAY = date(2026, 11, 23)
STORIES = {story.key: story for story in read_stories()}
RAISING = {"critical", "warning"}


def request_of(story: Story, today: date) -> dict[str, Any]:
    """The order to try, or the present order to stop, being signed, with the chart as prefetch."""
    key = story.expect
    chart = build(story, today)

    def searchset(*types: str) -> dict[str, Any]:
        return cds.searchset(*(item for item in chart if item["resourceType"] in types))

    more: dict[str, Any] = {}
    if key.replaces is not None:
        more["priorPrescription"] = {"reference": f"MedicationRequest/{key.replaces}"}
    draft = cds.order(
        "draft-1",
        (key.product.rxnorm, key.product.name),
        key.times_a_day,
        patient=story.key,
        status="draft",
        authoredOn=today.isoformat(),
        **more,
    )
    (line,) = draft["dosageInstruction"]
    line["doseAndRate"] = [{"doseQuantity": {"value": key.tablets, "unit": key.product.unit}}]
    if key.stops is not None:
        (present,) = [item for item in chart if item["id"] == key.stops]
        draft = {**present, "status": "stopped"}
    (patient,) = [item for item in chart if item["resourceType"] == "Patient"]
    prefetch = {
        "patient": patient,
        "medications": searchset("MedicationRequest", "Medication"),
        "conditions": searchset("Condition"),
        "statements": searchset("MedicationStatement"),
        "allergies": searchset("AllergyIntolerance"),
        "observations": searchset("Observation"),
    }
    return cds.request([draft], patient=story.key, prefetch=prefetch)


def ask(request: dict[str, Any], today: date) -> dict[str, Any]:
    """The response's body."""
    numbers = itertools.count(1)
    bench = Bench(
        policy=default_policy(),
        new_id=lambda: f"id-{next(numbers)}",
        base_url="https://taperguard.example",
    )
    raw = json_text.write(request).encode()
    body: dict[str, Any] = json.loads(encode(answer(read_request(raw, HOOKS), today, bench).body))
    return body


def found(body: dict[str, Any]) -> dict[str, str]:
    """For each check its severity when it fired, else its result: as a key says it."""
    return {
        check: entry["severity"] if entry["result"] == "fired" else entry["result"]
        for check, entry in cds.account_of(body).items()
    }


def offers_a_taper(body: dict[str, Any]) -> bool:
    """Whether some suggestion says that it is a taper."""
    labels = (item["label"] for card in body["cards"] for item in card.get("suggestions", []))
    return any("taper" in label.lower() for label in labels)


def check(story: Story, today: date) -> None:
    """Fail unless the story is answered as its key says, in a response without faults."""
    request = request_of(story, today)
    body = ask(request, today)
    key = story.expect
    answered = {check: result for check, result in found(body).items() if check in key.results}
    assert (answered, len(body["cards"])) == (dict(key.results), key.cards), key.because
    if key.taper is not None:
        assert offers_a_taper(body) == key.taper, key.because
    assert cds.faults(body, request) == []


FACTS = {
    # Of the stories that show what a check looks at, the facts that it finds in the chart.
    "tern": {"hepatic_impairment"},
    "violet": {"angle_closure_glaucoma_acute"},
    "wren": {"allergy to diazepam"},
    "robin": {"pregnancy"},
    "teal": {"alcohol_withdrawal", "alcohol_use_disorder"},
    "plover": {"palliative"},
    "quince": {"alcohol_use_disorder"},
    "elm": {"rbd"},
    "linnet": {"dementia"},
    "tansy": {"is pregnant"},
    "siskin": {"phq9_item9 0", "phq9_item9 1", "depression"},
    "dunlin": {"sleep_apnoea", "insomnia"},
    "sedge": {"ptsd", "insomnia"},
    "bramble": {"z-drug", "gabapentinoid"},
    "teasel": {"clarithromycin"},
}


@pytest.mark.parametrize("key", FACTS)
def test_the_facts_of_a_story_are_read_from_its_chart(key: str) -> None:
    chart = build(STORIES[key], TODAY)
    by_type: dict[str, list[dict[str, Any]]] = {}
    for resource in chart:
        plain = decode(json_text.write(resource).encode())
        by_type.setdefault(resource["resourceType"], []).append(plain)
    facts = read_chart(Resources({kind: tuple(of) for kind, of in by_type.items()}), TODAY).facts
    assert FACTS[key] <= set(told(facts))


def told(facts: PatientFacts) -> Iterator[str]:
    """The facts in words of this test."""
    for condition in facts.conditions:
        if condition.active:
            yield condition.concept
    for allergy in () if isinstance(facts.allergies, Unknown) else facts.allergies:
        yield f"allergy to {allergy.agent}"
    for seen in () if isinstance(facts.observations, Unknown) else facts.observations:
        match seen.value:
            case bool(is_so):
                yield f"{'is' if is_so else 'not'} {seen.concept}"
            case number:
                yield f"{seen.concept} {number}"
    for record in facts.medications:
        if isinstance(record.drug, Drug):
            yield from (*record.drug.classes, *record.drug.ingredients)
        elif record.drug.named is not None:
            yield record.drug.named.partition(" ")[0]


@pytest.mark.parametrize("key", STORIES)
def test_a_story_is_answered_as_its_key_says(key: str) -> None:
    check(STORIES[key], TODAY)


@pytest.mark.parametrize("today", [date(2027, 3, 31), date(2028, 2, 29)])
def test_the_keys_hold_on_other_days(today: date) -> None:
    """Stories are told in relative dates, so a demo in two years has the same answers."""
    for story in STORIES.values():
        check(story, today)


def test_each_check_raises_a_card_alone_in_every_pair_with_all_and_not_at_all() -> None:
    """What the stories are for; a check raises a card when it is a warning or critical."""
    checks = ("opioid-together", "high-dose", "older-adult-fall-risk", "dose-escalation")
    raised = {
        frozenset(check for check in checks if story.expect.results.get(check) in RAISING)
        for story in STORIES.values()
    }
    for size in (0, 1, 2, 4):
        for together in itertools.combinations(checks, size):
            assert frozenset(together) in raised, together


@pytest.mark.parametrize("check", CheckId)
def test_every_check_has_a_patient_to_try_it_on(check: CheckId) -> None:
    fires = {"critical", "warning", "information"}
    assert any(story.expect.results.get(check.value) in fires for story in STORIES.values())


def test_every_answer_that_a_check_can_give_is_in_some_story() -> None:
    """High dose and escalation cannot be set aside but by death; that is in one story."""
    given = {(check, r) for story in STORIES.values() for check, r in story.expect.results.items()}
    for check in ("opioid-together", "high-dose", "older-adult-fall-risk", "dose-escalation"):
        assert {(check, "clear"), (check, "set-aside"), (check, "warning")} <= given
    for check in ("opioid-together", "high-dose", "older-adult-fall-risk"):
        assert (check, "critical") in given
    for check in ("high-dose", "older-adult-fall-risk", "dose-escalation"):
        assert (check, "information") in given
    for check in ("older-adult-fall-risk", "dose-escalation"):
        assert (check, "not-evaluable") in given
