"""What this EHR accepts from an app: drafts that a prescriber can look at, and nothing that acts.

Written from FHIR R4 (MedicationRequest 11.1, CarePlan 9.4, DocumentReference 2.42, Provenance 6.3).
Orders go through the same checks as those that are typed into the ordering screen.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from ..orders.check import Fault, Rules, empties, faults_of
from ..orders.references import local, references
from . import moments
from .access import is_of_a_patient, patients_of
from .json_text import Resource
from .written_types import WRITABLE

_COMMON = frozenset(
    "resourceType id meta implicitRules language text contained extension modifierExtension "
    "identifier".split()
)
# FHIR R4: the own elements of each type.
_OWN = {
    "CarePlan": frozenset(
        "instantiatesCanonical instantiatesUri basedOn replaces partOf status intent category "
        "title description subject encounter period created author contributor careTeam addresses "
        "supportingInfo goal activity note".split()
    ),
    "DocumentReference": frozenset(
        "masterIdentifier status docStatus type category subject date author authenticator "
        "custodian relatesTo description securityLabel content context".split()
    ),
    "Provenance": frozenset(
        "target occurredPeriod occurredDateTime recorded policy location reason activity agent "
        "entity signature".split()
    ),
}
_WITHDRAWN = {
    "MedicationRequest": ("cancelled", "entered-in-error"),
    "CarePlan": ("revoked", "entered-in-error"),
}
_MAY_DIFFER = {"status", "statusReason", "meta", "text", "note"}
_INTENTS = ("proposal", "plan", "order", "option")
_KINDS = (
    "Appointment CommunicationRequest DeviceRequest MedicationRequest NutritionOrder Task "
    "ServiceRequest VisionPrescription".split()
)
_STATES = (
    "not-started scheduled in-progress on-hold completed cancelled stopped unknown "
    "entered-in-error".split()
)
_DETAIL = frozenset(
    "id extension modifierExtension kind instantiatesCanonical instantiatesUri code reasonCode "
    "reasonReference goal status statusReason doNotPerform scheduledTiming scheduledPeriod "
    "scheduledString location performer productCodeableConcept productReference dailyAmount "
    "quantity description".split()
)
_UNTEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_PERIOD_ENDS = ("start", "end")


def faults_in(resource: Resource, rules: Rules, before: Resource | None = None) -> list[Fault]:
    """Everything that is wrong with what an app wants to write; empty when it is accepted.

    `before` is what it replaces. A draft may be changed, or withdrawn with nothing else changed;
    what is not a draft any more is the prescriber's.
    """
    resource_type = resource.get("resourceType")
    if resource_type not in WRITABLE:
        return [Fault("resourceType", "This EHR does not let apps write that type of resource.")]
    faults = [*_texts(resource, ""), *_meta(resource)]
    if faults:
        return faults
    if before is not None and before.get("status") != "draft":
        faults.append(Fault("status", "Only a draft can be changed by an app."))
    elif before is not None and resource.get("status") in _WITHDRAWN.get(resource_type, ()):
        return list(_only_withdrawn(resource, before))
    return [*faults, *_CHECKS[resource_type](resource, rules), *_other_patients(resource, rules)]


def _order(order: Resource, rules: Rules) -> Iterator[Fault]:
    if order.get("status") == "active":
        yield Fault(
            "status",
            "An app writes drafts only: the prescriber signs in the ordering screen.",
        )
        return
    yield from faults_of(order, rules)


def _plan(plan: Resource, rules: Rules) -> Iterator[Fault]:
    yield from _shape(plan)
    if plan.get("status") != "draft":
        yield Fault("status", "A plan that an app writes has the status draft.")
    if plan.get("intent") not in _INTENTS:
        yield Fault("intent", f"The intent of a plan is one of {', '.join(_INTENTS)}.")
    yield from _subject(plan, rules)
    yield from _pointers(plan, rules)
    if "period" in plan:
        yield from _period(plan["period"], "period")
    if "created" in plan and moments.of_element(plan["created"]) is None:
        yield Fault("created", "The plan's date is no date.")
    activities = plan.get("activity", [])
    if not isinstance(activities, list):
        yield Fault("activity", "The activities are no list.")
        return
    for number, activity in enumerate(activities):
        yield from _activity(activity, f"activity[{number}]")


def _activity(activity: Any, path: str) -> Iterator[Fault]:
    if not isinstance(activity, dict):
        yield Fault(path, "An activity is no element.")
        return
    if ("detail" in activity) == ("reference" in activity):
        yield Fault(path, "An activity is described here or refers to a request, not both.")
    elif "reference" in activity:
        pointed = activity["reference"]
        said = pointed.get("reference") if isinstance(pointed, dict) else None
        if not isinstance(said, str):
            yield Fault(f"{path}.reference", "The activity's reference points to nothing.")
    else:
        yield from _detail(activity["detail"], f"{path}.detail")


def _detail(detail: Any, path: str) -> Iterator[Fault]:
    if not isinstance(detail, dict):
        yield Fault(path, "The activity's detail is no element.")
        return
    for name in detail:
        if name not in _DETAIL and name.removeprefix("_") not in _DETAIL:
            yield Fault(f"{path}.{name}", f"An activity's detail has no element {name!r}.")
    if detail.get("status") not in _STATES:
        yield Fault(f"{path}.status", "The activity has no status of FHIR.")
    if "kind" in detail and detail["kind"] not in _KINDS:
        yield Fault(f"{path}.kind", "The activity's kind is none of FHIR.")
    if "doNotPerform" in detail and not isinstance(detail["doNotPerform"], bool):
        yield Fault(f"{path}.doNotPerform", "doNotPerform is either true or false.")
    if "scheduledPeriod" in detail:
        yield from _period(detail["scheduledPeriod"], f"{path}.scheduledPeriod")
    for name in ("dailyAmount", "quantity"):
        if name in detail and not _is_amount(detail[name]):
            yield Fault(f"{path}.{name}", f"The {name} is not a number of 0 or more.")


def _document(document: Resource, rules: Rules) -> Iterator[Fault]:
    yield from _shape(document)
    if document.get("status") != "current":
        yield Fault("status", "A document that an app writes has the status current.")
    yield from _subject(document, rules)
    yield from _pointers(document, rules)
    content = document.get("content")
    if not isinstance(content, list) or not content:
        yield Fault("content", "The document has no content.")
        return
    for number, item in enumerate(content):
        attachment = item.get("attachment") if isinstance(item, dict) else None
        if not isinstance(attachment, dict) or not _is_attached(attachment):
            yield Fault(
                f"content[{number}].attachment",
                "An attachment has a content type and data in base64.",
            )


def _is_attached(attachment: Resource) -> bool:
    data = attachment.get("data")
    if not isinstance(attachment.get("contentType"), str) or not isinstance(data, str):
        return False
    try:
        return bool(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return False


def _provenance(provenance: Resource, rules: Rules) -> Iterator[Fault]:
    yield from _shape(provenance)
    if rules.patient_id not in patients_of(provenance, rules.base):
        yield Fault("target", "The patient is not among the targets.")
    recorded = provenance.get("recorded")
    if not (isinstance(recorded, str) and "T" in recorded and moments.of_element(recorded)):
        yield Fault("recorded", "It does not say at which instant it was recorded.")
    agents = provenance.get("agent")
    if not isinstance(agents, list) or not agents:
        yield Fault("agent", "It names nobody who did it.")
    elif not all(
        isinstance(agent, dict) and isinstance(agent.get("who"), dict) for agent in agents
    ):
        yield Fault("agent.who", "An agent does not say who.")
    yield from _pointers(provenance, rules)


_CHECKS: dict[str, Callable[[Resource, Rules], Iterator[Fault]]] = {
    "MedicationRequest": _order,
    "CarePlan": _plan,
    "DocumentReference": _document,
    "Provenance": _provenance,
}


# --- what they have in common -----------------------------------------------------------------


def _shape(resource: Resource) -> Iterator[Fault]:
    """Known elements only, and none of them empty."""
    resource_type = resource["resourceType"]
    known = _COMMON | _OWN[resource_type]
    for name in resource:
        if name.removeprefix("_") not in known:
            yield Fault(name, f"A {resource_type} has no element {name!r}.")
    for path in empties(resource, ""):
        yield Fault(path, f"{path} is empty; FHIR has no empty values.")


def _texts(value: Any, path: str) -> Iterator[Fault]:
    """Strings without control characters and half characters (FHIR R4, string)."""
    match value:
        case str() if _UNTEXT.search(value):
            yield Fault(path, f"{path} holds characters that are no text.")
        case dict():
            for name, item in value.items():
                if _UNTEXT.search(name):
                    yield Fault(path, "The name of an element holds characters that are no text.")
                else:
                    yield from _texts(item, f"{path}.{name}" if path else name)
        case list():
            for item in value:
                yield from _texts(item, path)


def _meta(resource: Resource) -> Iterator[Fault]:
    if not isinstance(resource.get("meta", {}), dict):
        yield Fault("meta", "meta is no element.")


def _subject(resource: Resource, rules: Rules) -> Iterator[Fault]:
    subject = resource.get("subject")
    said = subject.get("reference") if isinstance(subject, dict) else None
    if not isinstance(said, str):
        yield Fault("subject", "The resource names no patient.")
    elif local(said, rules.base) != f"Patient/{rules.patient_id}":
        yield Fault("subject", "The resource is about another patient.")


def _pointers(resource: Resource, rules: Rules) -> Iterator[Fault]:
    contained = resource.get("contained")
    inside = {
        f"#{item.get('id')}"
        for item in (contained if isinstance(contained, list) else [])
        if isinstance(item, dict)
    }
    for path, said in references(resource):
        if said not in inside and rules.lookup(local(said, rules.base)) is None:
            yield Fault(path, f"{path} points to {said[:100]}, which is not in this chart.")


def _other_patients(resource: Resource, rules: Rules) -> Iterator[Fault]:
    """Nothing points into the chart of somebody else."""
    for path, said in references(resource):
        found = rules.lookup(local(said, rules.base))
        if found is None or not is_of_a_patient(str(found.get("resourceType"))):
            continue
        if path != "subject" and rules.patient_id not in patients_of(found, rules.base):
            yield Fault(path, f"{path} points into the chart of another patient.")


def _only_withdrawn(resource: Resource, before: Resource) -> Iterator[Fault]:
    names = (resource.keys() | before.keys()) - _MAY_DIFFER
    for name in sorted(names):
        if resource.get(name) != before.get(name):
            yield Fault(name, f"A draft is withdrawn as it is: {name} was changed.")


def _period(period: Any, path: str) -> Iterator[Fault]:
    if not isinstance(period, dict) or not any(name in period for name in _PERIOD_ENDS):
        yield Fault(path, "The period says neither start nor end.")
        return
    for name in _PERIOD_ENDS:
        if name in period and moments.of_element(period[name]) is None:
            yield Fault(f"{path}.{name}", f"The {name} is no date.")
            return
    when = moments.of_element(period)
    if when is None or when.low >= when.high:
        yield Fault(path, "The end lies before the start.")


def _is_amount(quantity: Any) -> bool:
    value = quantity.get("value") if isinstance(quantity, dict) else None
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and value >= 0
