"""A morning of a clinic: order-sign requests, no two alike, for patients with 24 medicines each.

Alike is only what is alike in life: the products of a formulary, the ways in which a clinic writes
a dosage. Patients, ids, days, what is taken of what, and one dosage text in ten are each their own.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from clinical.drug.tables import products
from ehr.decode import encode

TODAY = date(2026, 11, 23)
FHIR_SERVER = "https://ehr.example/fhir"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
MEDICATIONS = 24

_FOREIGN = (
    "lisinopril metformin atorvastatin amlodipine metoprolol omeprazole losartan simvastatin "
    "hydrochlorothiazide furosemide pantoprazole levothyroxine montelukast rosuvastatin tamsulosin "
    "allopurinol apixaban warfarin clopidogrel glipizide pravastatin carvedilol ibuprofen "
    "meloxicam prednisone amoxicillin azithromycin cephalexin ciprofloxacin doxycycline "
    "famotidine finasteride spironolactone sitagliptin empagliflozin atenolol ramipril "
    "valsartan ezetimibe fenofibrate naproxen celecoxib loratadine cetirizine ranolazine "
    "digoxin diltiazem nifedipine benazepril oxybutynin sumatriptan ondansetron colchicine "
    "methotrexate alendronate estradiol progesterone levocetirizine torsemide chlorthalidone"
).split()
_STRENGTHS = (5, 10, 20, 25, 40, 50, 100)
_CONDITIONS = (
    ("I10", "Essential (primary) hypertension"),
    ("E11.9", "Type 2 diabetes mellitus without complications"),
    ("E78.5", "Hyperlipidemia, unspecified"),
    ("K21.9", "Gastro-esophageal reflux disease without esophagitis"),
    ("M54.50", "Low back pain, unspecified"),
    ("J30.9", "Allergic rhinitis, unspecified"),
    ("E03.9", "Hypothyroidism, unspecified"),
    ("M17.11", "Unilateral primary osteoarthritis, right knee"),
    ("N40.0", "Benign prostatic hyperplasia without lower urinary tract symptoms"),
    ("Z23", "Encounter for immunization"),
    ("R05.9", "Cough, unspecified"),
    ("L30.9", "Dermatitis, unspecified"),
)
_WORDS = (
    ("1 tablet once daily", 1, 1),
    ("1 tablet by mouth twice daily", 1, 2),
    ("Take 1 tablet by mouth at bedtime", 1, 1),
    ("Take 1 tablet by mouth 3 times a day", 1, 3),
    ("2 tablets once daily", 2, 1),
    ("Take 2 tablets by mouth every morning", 2, 1),
)
_SHORT = random.Random


@dataclass(frozen=True, slots=True)
class _Ordered:
    """What a morning is made of: the draft, the clonazepam before it, the age and what is along."""

    drug: tuple[str, str]
    per_day: int
    before_per_day: int | None
    born: int
    along: tuple[tuple[str, str], ...] = ()
    condition: tuple[str, str] | None = None


_HALF = ("197527", "clonazepam 0.5 MG Oral Tablet")
_ONE = ("197528", "clonazepam 1 MG Oral Tablet")


def shows_no_card(seed: int = 1) -> Iterator[bytes]:
    """Requests without end answered without a card: in three of four no clonazepam is ordered."""
    return _without_card(seed, clonazepam_every=4)


def clonazepam_without_card(seed: int = 4) -> Iterator[bytes]:
    """The same where each is an order of clonazepam that is renewed."""
    return _without_card(seed, clonazepam_every=1)


def of_a_hospital(seed: int = 3) -> Iterator[bytes]:
    """The same as a whole hospital orders, which sends every order to the service.

    Of a hundred orders one is of clonazepam, four of an opioid and twenty of other drugs that our
    tables hold: an assumption, with more clonazepam than there is among all prescriptions.
    """
    draw = random.Random(seed)  # noqa: S311  the same clinic in every run
    opioids = _products(_is_opioid)
    number = 0
    while True:
        number += 1
        born, place = draw.randint(1965, 2000), number % 100
        if place == 0:
            ordered = _Ordered(_HALF, 2, 2, born)
        elif place < 5:
            ordered = _Ordered(draw.choice(opioids), 1, None, born)
        elif place < 25:
            ordered = _Ordered(draw.choice(_harmless()), 1, None, born)
        else:
            ordered = _Ordered(_foreign(draw), 1, None, born)
        yield _request(draw, f"h{seed}-{number}", ordered)


def _without_card(seed: int, clonazepam_every: int) -> Iterator[bytes]:
    draw = random.Random(seed)  # noqa: S311  the same clinic in every run
    number = 0
    while True:
        number += 1
        born = draw.randint(1965, 2000)
        if number % clonazepam_every:
            ordered = _Ordered(_foreign(draw), 1, None, born)
        else:
            ordered = _Ordered(_HALF, 2, 2, born)
        yield _request(draw, f"n{seed}-{number}", ordered)


def shows_a_card(seed: int = 2) -> Iterator[bytes]:
    """Requests without end that are answered with a card: for a rise, a dose, an opioid, an age."""
    draw = random.Random(seed)  # noqa: S311  the same clinic in every run
    opioids = _products(_is_opioid)
    kinds: tuple[Callable[[], _Ordered], ...] = (
        lambda: _Ordered(_HALF, draw.randint(2, 3), 1, draw.randint(1965, 2000)),
        lambda: _Ordered(_ONE, draw.randint(2, 4), 2, draw.randint(1965, 2000)),
        lambda: _Ordered(
            _HALF, 1, draw.choice((None, 1)), draw.randint(1965, 2000), (draw.choice(opioids),)
        ),
        lambda: _Ordered(
            _HALF,
            draw.randint(1, 3),
            draw.choice((None, 1, 2)),
            draw.randint(1936, 1958),
            condition=draw.choice((None, ("Z91.81", "History of falling"))),
        ),
    )
    number = 0
    while True:
        number += 1
        yield _request(draw, f"c{seed}-{number}", kinds[number % len(kinds)]())


def _request(draw: random.Random, key: str, it: _Ordered) -> bytes:
    """One order-sign, of about 40 KB."""
    patient = f"pat-{key}"
    medicines = [_foreign(draw) for _ in range(MEDICATIONS)]
    for place in draw.sample(range(MEDICATIONS), k=2):
        medicines[place] = draw.choice(_harmless())
    medicines[: len(it.along)] = it.along
    orders = [_order(draw, f"{patient}-m{n}", patient, drug) for n, drug in enumerate(medicines)]
    for order in orders[len(it.along) :]:
        order["status"] = draw.choice(("active", "active", "active", "stopped", "completed"))
    if it.before_per_day is not None:
        before = _order(draw, f"{patient}-m0b", patient, it.drug, it.before_per_day)
        orders[-1] = before
    draft = _order(draw, f"{patient}-new", patient, it.drug, it.per_day) | {"status": "draft"}
    draft["authoredOn"] = TODAY.isoformat()
    conditions = draw.sample(_CONDITIONS, k=6) + ([it.condition] if it.condition else [])
    body = {
        "hook": "order-sign",
        "hookInstance": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "fhirServer": FHIR_SERVER,
        "context": {
            "userId": f"Practitioner/{draw.randint(1, 200)}",
            "patientId": patient,
            "encounterId": f"enc-{key}",
            "draftOrders": _bundle([draft]),
        },
        "prefetch": {
            "patient": {
                "resourceType": "Patient",
                "id": patient,
                "birthDate": f"{it.born}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
            },
            "medications": _bundle(orders),
            "conditions": _bundle(
                [_condition(draw, f"{patient}-c{n}", patient, c) for n, c in enumerate(conditions)]
            ),
        },
    }
    return encode(body)


def _bundle(resources: list[dict[str, Any]]) -> dict[str, Any]:
    entry = [{"resource": resource, "search": {"mode": "match"}} for resource in resources]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(resources),
        "entry": entry,
    }


def _order(
    draw: random.Random, key: str, patient: str, drug: tuple[str, str], per_day: int | None = None
) -> dict[str, Any]:
    """An order with the padding that real ones carry; `per_day` tablets, one at a time."""
    code, name = drug
    written = TODAY - timedelta(days=draw.randint(1, 700))
    return {
        "resourceType": "MedicationRequest",
        "id": key,
        "meta": {
            "lastUpdated": f"{written.isoformat()}T08:{draw.randint(10, 59)}:00Z",
            "versionId": str(draw.randint(1, 9)),
        },
        "text": {"status": "generated", "div": "<div>" + "x" * 250 + "</div>"},
        "identifier": [{"system": "urn:oid:1.2.36.1", "value": str(draw.randint(10**8, 10**9))}],
        "status": "active",
        "intent": "order",
        "category": [{"coding": [{"code": "outpatient"}], "text": "Outpatient"}],
        "authoredOn": written.isoformat(),
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": code, "display": name}],
            "text": name,
        },
        "subject": {"reference": f"Patient/{patient}"},
        "encounter": {"reference": f"Encounter/{draw.randint(10**6, 10**7)}"},
        "requester": {"reference": f"Practitioner/{draw.randint(1, 200)}"},
        "dosageInstruction": [_dosage(draw, per_day)],
        "dispenseRequest": {
            "validityPeriod": {"start": written.isoformat()},
            "numberOfRepeatsAllowed": draw.randint(0, 3),
            "quantity": {"value": draw.choice((30, 60, 90)), "unit": "tablet"},
            "expectedSupplyDuration": {"value": 30, "unit": "days", "code": "d"},
        },
    }


def _dosage(draw: random.Random, per_day: int | None) -> dict[str, Any]:
    words, pieces, times = draw.choice(_WORDS)
    if per_day is not None:
        words, pieces, times = f"Take 1 tablet by mouth {per_day} times a day", 1, per_day
    if draw.random() < 0.1:  # one of ten is written for this patient
        words += f". Call {draw.randint(200, 999)}-{draw.randint(1000, 9999)} with questions"
    repeat = {"frequency": times, "period": 1, "periodUnit": "d"}
    return {
        "text": words,
        "timing": {"repeat": repeat},
        "route": {"text": "Oral"},
        "doseAndRate": [{"doseQuantity": {"value": pieces, "unit": "tablet"}}],
    }


def _condition(
    draw: random.Random, key: str, patient: str, condition: tuple[str, str]
) -> dict[str, Any]:
    code, display = condition
    onset = TODAY - timedelta(days=draw.randint(30, 3000))
    system = "http://terminology.hl7.org/CodeSystem/condition-"
    return {
        "resourceType": "Condition",
        "id": key,
        "clinicalStatus": {"coding": [{"system": f"{system}clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": f"{system}ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"code": "problem-list-item"}]}],
        "code": {
            "coding": [
                {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code, "display": display}
            ],
            "text": display,
        },
        "subject": {"reference": f"Patient/{patient}"},
        "onsetDateTime": onset.isoformat(),
    }


def _foreign(draw: random.Random) -> tuple[str, str]:
    """A product outside our tables: the most of every medication list."""
    place, strength = draw.randrange(len(_FOREIGN)), draw.choice(_STRENGTHS)
    return str(8_000_000 + place * 1000 + strength), f"{_FOREIGN[place]} {strength} MG Oral Tablet"


def _products(wanted: Callable[[str], bool]) -> list[tuple[str, str]]:
    return sorted(
        (key, product.name)
        for key, product in products().items()
        if product.form == "tablet"
        and len(product.strengths) == 1
        and wanted(product.ingredients[0])
    )


def _harmless() -> list[tuple[str, str]]:
    """Products of our tables that a check looks at and that fire nothing beside clonazepam."""
    return _HARMLESS


def _is_opioid(ingredient: str) -> bool:
    return ingredient in {"oxycodone", "tramadol", "hydromorphone", "morphine", "tapentadol"}


_HARMLESS = _products(
    lambda name: name in {"sertraline", "escitalopram", "citalopram", "fluoxetine"}
)
