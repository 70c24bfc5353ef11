"""Records gone wrong: seeds in the shapes of several releases, and what can befall them.

A mutation takes a place in a JSON document and drops, doubles, swaps, wraps, replaces or grafts
what stands there. All of it hangs on one dice, so a seed repeats a whole run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import records

from ehr.decode import decode, encode

Json = Any
Place = tuple[Any, Any]
"""A holder (an object or a list) and the key of what it holds there."""

JUNK: list[Json] = [
    None,
    True,
    0,
    -1,
    7,
    1e308,
    10**30,
    "",
    " ",
    "x",
    "NaN",
    "2026-02-30",
    "9999-12-31",
    "0001-01-01",
    "<script>",
    "💊" * 50,
    "\u0000",
    "Patient/../../x",
    "a" * 5000,
    "line\nbreak\r\n\u2028" * 5,
    [],
    {},
    [None],
    [[[]]],
    {"a": 1},
    [{}],
    {"value": "1,5"},
    {"resourceType": "Bundle"},
    {"reference": "#"},
]
NUMBERS: list[Json] = [
    *(0, 1, -1, 2, 3, 24, 60, 365, 1000, 10**6, 10**9, 10**9 + 1, 10**18, -(10**18), 2**63),
    *map(Decimal, ("0.0", "-0.0", "0.5", "0.125", "1.0", "1E-30", "1E-31", "1E+30", "1E+400")),
    *(Decimal("0." + "3" * 39), Decimal("0." + "3" * 41), Decimal("1E-400"), Decimal("19.999")),
    *("1", "0,5", "1e3", True, False),
]
WORDS = (
    *"tablet tab tbl TAB {tbl} mg mcg ug g mL ml mg/kg drop puff patch U mEq ea 1 capsule".split(),
    *"d wk mo a h min s day hour BID TID QD QHS Q4H PRN Once MORN HS C AC mon sun".split(),
    *"active draft on-hold stopped completed order plan MedicationRequest Medication".split(),
    *("197527", "197528", "2598", "1049621", "clonazepam", "Klonopin 1 mg", "oxycodone 5 MG"),
    *("1 tab bid", "1-2 tabs q4-6h prn, max 6/day", "take 2 mg at bedtime", "½ tablet daily"),
    *("1 tab bid x 7 days then 1 tab daily", "0.5 mg AM and 1 mg HS", "1 tablet (0.5 mg) twice"),
    *("2026-11-23", "2026", "2026-13-01", "2027-01-01T23:30:00-05:00", "08:00", "23:59:59"),
)

_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def _coded(code: str, display: str) -> Json:
    return {"coding": [{"system": _RXNORM, "code": code, "display": display}], "text": display}


_CLONAZEPAM = _coded("197527", "clonazepam 0.5 MG Oral Tablet")
_TABLET = {"value": 1, "unit": "tablet", "system": "http://unitsofmeasure.org", "code": "{tbl}"}
_TWICE = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
_CEILING = {
    "numerator": {"value": 4, "unit": "tablet"},
    "denominator": {"value": 1, "unit": "day", "code": "d"},
}

SEEDS: list[Json] = [
    {  # R4: an ordinary order
        "resourceType": "MedicationRequest",
        "id": "plain",
        "status": "active",
        "intent": "order",
        "authoredOn": "2026-11-01",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": _CLONAZEPAM,
        "dosageInstruction": [
            {
                "text": "1 tablet twice a day",
                "timing": _TWICE,
                "doseAndRate": [{"doseQuantity": _TABLET}],
            }
        ],
        "dispenseRequest": {
            "validityPeriod": {"start": "2026-11-01"},
            "numberOfRepeatsAllowed": 2,
            "quantity": {"value": 60, "unit": "tablet"},
            "expectedSupplyDuration": {"value": 30, "unit": "days", "code": "d"},
        },
    },
    {  # R4: a taper in steps, of a contained medication
        "resourceType": "MedicationRequest",
        "id": "taper",
        "status": "active",
        "intent": "order",
        "authoredOn": "2026-11-10",
        "subject": {"reference": "Patient/p1"},
        "contained": [
            {
                "resourceType": "Medication",
                "id": "m",
                "code": {"text": "clonazepam"},
                "form": {"text": "tablet"},
                "ingredient": [
                    {
                        "itemCodeableConcept": {"text": "clonazepam"},
                        "strength": {
                            "numerator": {"value": Decimal("0.5"), "unit": "mg"},
                            "denominator": {"value": 1, "unit": "tablet"},
                        },
                    }
                ],
            }
        ],
        "medicationReference": {"reference": "#m"},
        "groupIdentifier": {"system": "urn:g", "value": "1"},
        "priorPrescription": {"reference": "MedicationRequest/plain"},
        "dosageInstruction": [
            {
                "sequence": number,
                "timing": {
                    "repeat": {
                        "when": ["HS"],
                        "boundsDuration": {"value": 14, "unit": "days", "code": "d"},
                    }
                },
                "doseAndRate": [{"doseQuantity": {"value": Decimal(mg), "unit": "mg"}}],
            }
            for number, mg in ((1, "1"), (2, "0.75"), (3, "0.5"))
        ],
    },
    {  # R4: a range as needed, with ceilings, on some days
        "resourceType": "MedicationRequest",
        "id": "as-needed",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": _CLONAZEPAM,
        "reasonCode": [{"coding": [{"code": "F41.0"}]}],
        "dosageInstruction": [
            {
                "text": "1-2 tablets every 4-6 hours as needed",
                "timing": {
                    "repeat": {
                        "frequency": 1,
                        "frequencyMax": 2,
                        "period": 4,
                        "periodMax": 6,
                        "periodUnit": "h",
                        "dayOfWeek": ["mon", "wed"],
                        "boundsPeriod": {"start": "2026-11-01", "end": "2026-12-31"},
                    }
                },
                "asNeededBoolean": True,
                "doseAndRate": [
                    {
                        "type": {"coding": [{"code": "ordered"}]},
                        "doseRange": {"low": _TABLET, "high": {**_TABLET, "value": 2}},
                    },
                    {
                        "type": {"coding": [{"code": "calculated"}]},
                        "doseQuantity": {"value": 1, "unit": "mg"},
                    },
                ],
                "maxDosePerPeriod": _CEILING,
                "maxDosePerAdministration": {"value": 1, "unit": "mg"},
            }
        ],
    },
    {  # R4: only text, and a code for the timing
        "resourceType": "MedicationStatement",
        "id": "told",
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "effectivePeriod": {"start": "2026-01-01"},
        "medicationCodeableConcept": {"text": "Klonopin 1 mg tablet"},
        "dosage": [
            {"text": "take 1 tab in the morning and 2 tabs at bedtime"},
            {
                "timing": {"code": {"coding": [{"code": "BID"}], "text": "twice a day"}},
                "doseAndRate": [{"doseQuantity": {"value": 1}}],
            },
        ],
    },
    {  # R4: handed over, a liquid
        "resourceType": "MedicationDispense",
        "id": "handed-over",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": "clonazepam 0.1 mg/mL oral suspension"},
        "whenHandedOver": "2026-11-10T09:00:00Z",
        "daysSupply": {"value": 30, "unit": "days", "code": "d"},
        "quantity": {"value": 300, "unit": "mL", "code": "mL"},
        "dosageInstruction": [
            {
                "text": "5 mL (0.5 mg) twice daily",
                "timing": {"repeat": {"timeOfDay": ["08:00:00", "20:00:00"]}},
                "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mL"}}],
            }
        ],
    },
    {  # R4: an opioid patch
        "resourceType": "MedicationRequest",
        "id": "patch",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": "fentanyl 25 mcg/hour patch"},
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": 1, "period": 72, "periodUnit": "h"}},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "patch"}}],
            }
        ],
    },
    {  # STU3: the dose on the dosage itself, an agent, a reason
        "resourceType": "MedicationRequest",
        "id": "stu3",
        "status": "active",
        "intent": "order",
        "authoredOn": "2026-11-01",
        "subject": {"reference": "Patient/p1"},
        "requester": {"agent": {"reference": "Practitioner/1"}},
        "medicationCodeableConcept": _coded("1049621", "oxycodone hydrochloride 5 MG Oral Tablet"),
        "dosageInstruction": [
            {
                "sequence": 1,
                "timing": {"repeat": {"frequency": 1, "period": 6, "periodUnit": "h", "count": 28}},
                "asNeededCodeableConcept": {"text": "pain"},
                "doseRange": {"low": _TABLET, "high": _TABLET},
                "rateRatio": {"numerator": {"value": 1}, "denominator": {"value": 1}},
                "maxDosePerPeriod": _CEILING,
            }
        ],
        "substitution": {"allowed": True},
    },
    {  # STU3: a statement that says whether it is taken
        "resourceType": "MedicationStatement",
        "id": "stu3-statement",
        "status": "active",
        "taken": "y",
        "effectiveDateTime": "2026-05",
        "dateAsserted": "2026-06-01",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "#m", "display": "Klonopin"},
        "contained": [
            {
                "resourceType": "Medication",
                "id": "m",
                "code": _CLONAZEPAM,
                "package": {"content": [{"itemCodeableConcept": _CLONAZEPAM}]},
                "ingredient": [{"itemReference": {"reference": "#m"}, "amount": _CEILING}],
            }
        ],
        "dosage": [{"doseQuantity": {"value": Decimal("0.5"), "unit": "mg"}, "timing": _TWICE}],
    },
    {  # DSTU2, as old examples of CDS Hooks have it
        "resourceType": "MedicationOrder",
        "id": "dstu2",
        "status": "draft",
        "dateWritten": "2026-11-23",
        "patient": {"reference": "Patient/p1"},
        "medicationCodeableConcept": _CLONAZEPAM,
        "dosageInstruction": [
            {
                "doseQuantity": {"value": 1, "code": "{tbl}"},
                "timing": {
                    "repeat": {
                        "frequency": 1,
                        "period": 1,
                        "periodUnits": "d",
                        "boundsRange": {
                            "low": {"value": 1, "unit": "wk"},
                            "high": {"value": 2, "unit": "wk"},
                        },
                    }
                },
            }
        ],
    },
    {  # R5: concepts or references, lists where R4 has one
        "resourceType": "MedicationRequest",
        "id": "r5",
        "status": "active",
        "intent": "order",
        "authoredOn": "2026-11-01",
        "subject": {"reference": "Patient/p1"},
        "medication": {"concept": _CLONAZEPAM, "reference": {"reference": "Medication/x"}},
        "reason": [{"concept": {"coding": [{"code": "G40.909"}]}}],
        "renderedDosageInstruction": "1 tablet twice a day",
        "effectiveDosePeriod": {"start": "2026-11-01"},
        "dosageInstruction": [
            {
                "timing": {"repeat": {**_TWICE["repeat"], "countMax": 60, "count": 30}},
                "asNeeded": True,
                "asNeededFor": [{"text": "panic"}],
                "doseAndRate": [{"doseQuantity": _TABLET}],
                "maxDosePerPeriod": [_CEILING, _CEILING],
            }
        ],
    },
    {  # R5: a statement, recorded, with adherence
        "resourceType": "MedicationStatement",
        "id": "r5-statement",
        "status": "recorded",
        "subject": {"reference": "Patient/p1"},
        "medication": {"reference": {"reference": "#m"}},
        "contained": [
            {
                "resourceType": "Medication",
                "id": "m",
                "doseForm": {"text": "tablet"},
                "ingredient": [
                    {
                        "item": {"concept": {"text": "clonazepam"}},
                        "strengthRatio": {
                            "numerator": {"value": 500, "unit": "mcg"},
                            "denominator": {"value": 1, "unit": "tablet"},
                        },
                    }
                ],
            }
        ],
        "effectivePeriod": {"start": "2026-01", "end": "2026-12"},
        "adherence": {"code": {"coding": [{"code": "taking"}]}},
        "dosage": [
            {
                "timing": {"event": ["2026-11-01T20:00:00Z", "2026-11-03"]},
                "doseAndRate": [{"doseQuantity": {"value": 2, "code": "1"}}],
            }
        ],
    },
    {  # a Bundle of several, one by reference
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [
            {
                "fullUrl": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
                "resource": {"resourceType": "Medication", "id": "m", "code": _CLONAZEPAM},
            },
            {
                "resource": {
                    "resourceType": "MedicationRequest",
                    "id": "by-url",
                    "status": "active",
                    "intent": "instance-order",
                    "medicationReference": {
                        "reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
                    },
                    "dosageInstruction": [
                        {"text": "1 tab qam, 2 tabs qhs prn; max 3/day", "sequence": 1},
                        {"text": "1 tab bid", "sequence": 2},
                    ],
                }
            },
        ],
    },
]


def pool() -> list[bytes]:
    """The seeds above and, where they are there, all public records: JSON, to be decoded anew."""
    public = [file.read_bytes() for file in records.files("medication_records")]
    return [*map(encode, SEEDS), *public]


def places(value: Json) -> Iterator[Place]:
    """Every place in a document."""
    todo = [value]
    while todo:
        holder = todo.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            yield holder, key
            if isinstance(holder[key], dict | list):
                todo.append(holder[key])


def mutated(dice: random.Random, raw: bytes, others: Sequence[bytes]) -> Json:
    """The document with one to five places changed, some by parts of the others."""
    body = decode(raw)
    for _ in range(dice.randint(1, 5)):
        at = list(places(body))
        if not at:
            break
        holder, key = dice.choice(at)
        mutate = dice.choices(_MUTATIONS, _WEIGHTS)[0]
        mutate(dice, holder, key, others)
    return body


def _drop(_dice: random.Random, holder: Json, key: Any, _others: Sequence[bytes]) -> None:
    del holder[key]


def _junk(dice: random.Random, holder: Json, key: Any, _others: Sequence[bytes]) -> None:
    holder[key] = _fresh(dice.choice(JUNK))


def _double(_dice: random.Random, holder: Json, key: Any, _others: Sequence[bytes]) -> None:
    holder[key] = [holder[key], _fresh(holder[key])]


def _wrap(dice: random.Random, holder: Json, key: Any, _others: Sequence[bytes]) -> None:
    inner = holder[key]
    if isinstance(inner, list) and inner and dice.random() < 0.5:
        holder[key] = inner[0]
    else:
        holder[key] = [inner] if dice.random() < 0.7 else {"value": inner}


def _many(dice: random.Random, holder: Json, key: Any, _others: Sequence[bytes]) -> None:
    inner = holder[key]
    if isinstance(inner, list) and inner:
        holder[key] = inner * dice.choice((2, 3, 7))
        dice.shuffle(holder[key])
    elif isinstance(holder, list):
        holder.insert(0, _fresh(inner))


def _swap(dice: random.Random, holder: Json, key: Any, _others: Sequence[bytes]) -> None:
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    other = dice.choice(list(keys))
    holder[key], holder[other] = holder[other], holder[key]


def _rename(dice: random.Random, holder: Json, key: Any, others: Sequence[bytes]) -> None:
    """The value under a name that another record has."""
    _, name = dice.choice(list(places(decode(dice.choice(others)))))
    if isinstance(holder, dict) and isinstance(name, str):
        holder[name] = _fresh(holder[key])


def _number(dice: random.Random, holder: Json, key: Any, _others: Sequence[bytes]) -> None:
    """A number where one stands, or anywhere now and then."""
    if isinstance(holder[key], int | Decimal) or dice.random() < 0.1:
        holder[key] = dice.choice(NUMBERS)


def _word(dice: random.Random, holder: Json, key: Any, _others: Sequence[bytes]) -> None:
    if not isinstance(holder[key], str):
        return
    text = holder[key]
    match dice.randrange(6):
        case 0:
            text = dice.choice(WORDS)
        case 1:
            text = text[: dice.randint(0, len(text))]
        case 2:
            at = dice.randint(0, len(text))
            text = text[:at] + dice.choice(" \n\t.,;:/-()[]{}½0123456789µ²٣éZ") + text[at:]
        case 3:
            text = text * dice.choice((2, 3, 200))
        case 4:
            text = f"{text} {dice.choice(WORDS)}"
        case 5:
            text = text.swapcase()
    holder[key] = text


def _graft(dice: random.Random, holder: Json, key: Any, others: Sequence[bytes]) -> None:
    """What another record has under the same name, or now and then anything of it."""
    strangers = list(places(decode(dice.choice(others))))
    alike = [place for place in strangers if place[1] == key] if isinstance(key, str) else []
    if alike or dice.random() < 0.3:
        theirs, name = dice.choice(alike or strangers)
        holder[key] = theirs[name]


def _fresh(value: Json) -> Json:
    """A copy that shares nothing, so that one mutation does not change two places."""
    if isinstance(value, dict):
        return {key: _fresh(inner) for key, inner in value.items()}
    return [_fresh(inner) for inner in value] if isinstance(value, list) else value


_Mutation = Callable[[random.Random, Json, Any, Sequence[bytes]], None]
_MUTATIONS: list[_Mutation] = [
    *(_drop, _junk, _double, _wrap, _many, _swap, _rename, _number, _word, _graft),
]
_WEIGHTS = [2, 2, 1, 2, 1, 1, 1, 4, 4, 4]
