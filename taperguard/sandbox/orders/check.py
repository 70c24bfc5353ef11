"""What this EHR accepts as a draft order, strictly and in its own words.

Written from FHIR R4 (section 11.1, MedicationRequest) and from what a pharmacy can fill. It is
applied to what a person types and to what a service proposes alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ..records.json_text import Resource
from .references import ORDER, local, prior_of, references

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
# FHIR R4, MedicationRequest: its own elements and those of every DomainResource, by their shape.
_TEXTS = frozenset(
    "resourceType id implicitRules language status intent priority authoredOn".split()
)
_FLAGS = frozenset({"doNotPerform", "reportedBoolean"})
_OBJECTS = frozenset(
    "meta text statusReason reportedReference medicationCodeableConcept medicationReference "
    "subject encounter requester performer performerType recorder groupIdentifier "
    "courseOfTherapyType dispenseRequest substitution priorPrescription".split()
)
_LISTS = frozenset(
    "contained extension modifierExtension identifier category supportingInformation reasonCode "
    "reasonReference instantiatesCanonical instantiatesUri basedOn insurance note "
    "dosageInstruction detectedIssue eventHistory".split()
)
_BESIDE_PRIMITIVES = (_TEXTS | _FLAGS) - {"resourceType"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why an order is not accepted: the element and a sentence about it."""

    field: str
    sentence: str


class NotAccepted(Exception):
    """What was asked for is refused whole, for these reasons."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.sentence for fault in faults))
        self.faults = faults


Lookup = Callable[[str], Resource | None]
"""Gives the resource that "Type/id" means, in the chart or on the list of drafts, or None."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an order is checked against: whose it is, the day, and what it may refer to."""

    patient_id: str
    today: date
    base: str
    lookup: Lookup


def faults_of(order: Any, rules: Rules) -> list[Fault]:
    """Everything that is wrong with a draft order; empty when it is accepted."""
    if not isinstance(order, dict):
        return [Fault("", "The order is no resource.")]
    if order.get("resourceType") != ORDER:
        return [Fault("resourceType", "Only a MedicationRequest can be ordered here.")]
    return [
        *_shapes(order),
        *(
            Fault(path, f"{path or 'The order'} is empty; FHIR has no empty values.")
            for path in empties(order, "")
        ),
        *_identity(order, rules),
        *_medication(order),
        *_dosage(order),
        *_supply(order),
        *_days(order, rules.today),
        *_pointers(order, rules),
    ]


def require(orders: Iterable[Any], rules: Rules) -> None:
    """Raise NotAccepted if any of these orders has a fault."""
    faults = [fault for order in orders for fault in faults_of(order, rules)]
    if faults:
        raise NotAccepted(*faults)


def _shapes(order: Resource) -> Iterator[Fault]:
    """Every element is one that a MedicationRequest has, in the shape that it has there."""
    for name, value in order.items():
        kind = _kind(name)
        if kind is None:
            yield Fault(name, f"A MedicationRequest has no element {name!r}.")
        elif not isinstance(value, kind):
            yield Fault(name, f"The element {name!r} is not written as FHIR writes it.")


def _kind(name: str) -> type | None:
    kinds = ((_TEXTS, str), (_FLAGS, bool), (_OBJECTS, dict), (_LISTS, list))
    for names, kind in kinds:
        if name in names:
            return kind
    return dict if name.startswith("_") and name[1:] in _BESIDE_PRIMITIVES else None


def empties(value: Any, path: str) -> Iterator[str]:
    """The paths of all that is null or empty, which FHIR's JSON does not know."""
    if value in (None, "", [], {}):
        yield path
    match value:
        case dict():
            for name, item in value.items():
                yield from empties(item, f"{path}.{name}" if path else name)
        case list():
            for item in value:
                yield from empties(item, path)


def _identity(order: Resource, rules: Rules) -> Iterator[Fault]:
    key = order.get("id")
    if not isinstance(key, str) or not _ID.fullmatch(key):
        yield Fault("id", "An id is 1 to 64 letters, digits, hyphens and dots.")
    if order.get("status") != "draft":
        yield Fault("status", "An order on this list has the status draft.")
    if order.get("intent") != "order":
        yield Fault("intent", "An order on this list has the intent order.")
    if "doNotPerform" in order:
        yield Fault("doNotPerform", "An order not to give a medicine cannot be written here.")
    subject = order.get("subject")
    said = subject.get("reference") if isinstance(subject, dict) else None
    if not isinstance(said, str):
        yield Fault("subject", "The order names no patient.")
    elif local(said, rules.base) != f"Patient/{rules.patient_id}":
        yield Fault("subject", "The order is about another patient.")


def _medication(order: Resource) -> Iterator[Fault]:
    concept, reference = order.get("medicationCodeableConcept"), order.get("medicationReference")
    if (concept is None) == (reference is None):
        yield Fault("medication", "An order has one medication, as a code or as a reference.")
    elif concept is not None and not _says_something(concept):
        yield Fault("medication", "The medication has neither a code nor a text.")
    elif reference is not None and not (
        isinstance(reference, dict) and isinstance(reference.get("reference"), str)
    ):
        yield Fault("medication", "The medication's reference points to nothing.")


def _says_something(concept: Any) -> bool:
    if not isinstance(concept, dict):
        return False
    codings = concept.get("coding")
    coded = isinstance(codings, list) and any(
        isinstance(coding, dict) and _is_text(coding.get("code")) and _is_text(coding.get("system"))
        for coding in codings
    )
    return coded or _is_text(concept.get("text"))


def _dosage(order: Resource) -> Iterator[Fault]:
    lines = order.get("dosageInstruction")
    if not isinstance(lines, list) or len(lines) != 1 or not isinstance(lines[0], dict):
        yield Fault("dosageInstruction", "An order has exactly one dosage instruction.")
        return
    dosage: Resource = lines[0]
    if not _is_text(dosage.get("text")):
        yield Fault("dosageInstruction.text", "The dosage instruction has no text to read.")
    rates = dosage.get("doseAndRate")
    amounts = [_highest(rate) for rate in rates] if isinstance(rates, list) else []
    if not amounts or any(amount is None or amount <= 0 for amount in amounts):
        yield Fault("dosageInstruction.doseAndRate", "The dose is not a number above zero.")
    if "asNeededBoolean" in dosage and not isinstance(dosage["asNeededBoolean"], bool):
        yield Fault("dosageInstruction.asNeededBoolean", "As needed is either true or false.")


def _highest(rate: Any) -> Decimal | None:
    """The dose, or the high end of a range whose low end is not below zero and not above it."""
    if not isinstance(rate, dict):
        return None
    if "doseQuantity" in rate:
        return _value(rate["doseQuantity"])
    span = rate.get("doseRange")
    if not isinstance(span, dict):
        return None
    high = _value(span.get("high"))
    low = _value(span.get("low")) if "low" in span else Decimal(0)
    return high if high is not None and low is not None and 0 <= low <= high else None


def _value(quantity: Any) -> Decimal | None:
    value = quantity.get("value") if isinstance(quantity, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    if "comparator" in quantity:
        return None
    return Decimal(value)


def _supply(order: Resource) -> Iterator[Fault]:
    supply = order.get("dispenseRequest")
    if not isinstance(supply, dict):
        yield Fault("dispenseRequest.quantity", "The order does not say how much to dispense.")
        return
    quantity = _value(supply.get("quantity"))
    if quantity is None or quantity <= 0 or quantity != quantity.to_integral_value():
        yield Fault("dispenseRequest.quantity", "The quantity is not a whole number above zero.")
    repeats = supply.get("numberOfRepeatsAllowed", 0)
    if isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 0:
        yield Fault("dispenseRequest.numberOfRepeatsAllowed", "Refills are a whole number.")


def _days(order: Resource, today: date) -> Iterator[Fault]:
    """The start is a day, not before today, and not after the end."""
    for path, period in _periods(order):
        start, end = (_day(period.get(name)) for name in ("start", "end"))
        for name, day in (("start", start), ("end", end)):
            if name in period and day is None:
                yield Fault(f"{path}.{name}", f"The {name} is no day.")
        if start is not None and start < today:
            yield Fault(f"{path}.start", f"The start {start.isoformat()} lies before today.")
        if end is not None and end < (start or today):
            yield Fault(f"{path}.end", "The end lies before the start.")


def _periods(order: Resource) -> Iterator[tuple[str, Resource]]:
    supply = order.get("dispenseRequest")
    if isinstance(supply, dict) and isinstance(supply.get("validityPeriod"), dict):
        yield "dispenseRequest.validityPeriod", supply["validityPeriod"]
    lines = order.get("dosageInstruction")
    for dosage in lines if isinstance(lines, list) else []:
        timing = dosage.get("timing") if isinstance(dosage, dict) else None
        repeat = timing.get("repeat") if isinstance(timing, dict) else None
        if isinstance(repeat, dict) and isinstance(repeat.get("boundsPeriod"), dict):
            yield "dosageInstruction.timing.repeat.boundsPeriod", repeat["boundsPeriod"]


def _day(said: Any) -> date | None:
    if not isinstance(said, str):
        return None
    try:
        return date.fromisoformat(said[:10])
    except ValueError:
        return None


def _pointers(order: Resource, rules: Rules) -> Iterator[Fault]:
    contained = order.get("contained")
    inside = {
        f"#{item.get('id')}"
        for item in (contained if isinstance(contained, list) else [])
        if isinstance(item, dict)
    }
    for path, said in references(order):
        if path == "subject" or said in inside:
            continue
        if rules.lookup(local(said, rules.base)) is None:
            yield Fault(path, f"{path} points to {said}, which is not in this chart.")
    if (prior := prior_of(order, rules.base)) is not None:
        yield from _prior(prior, order, rules)


def _prior(prior: str, order: Resource, rules: Rules) -> Iterator[Fault]:
    found = rules.lookup(prior)
    if found is None:
        return
    subject = found.get("subject")
    said = subject.get("reference") if isinstance(subject, dict) else ""
    if not prior.startswith(f"{ORDER}/"):
        yield Fault("priorPrescription", "What an order replaces is an order.")
    elif local(str(said), rules.base) != f"Patient/{rules.patient_id}":
        yield Fault("priorPrescription", "The order to be replaced is another patient's.")
    elif prior == f"{ORDER}/{order.get('id')}":
        yield Fault("priorPrescription", "An order cannot replace itself.")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
