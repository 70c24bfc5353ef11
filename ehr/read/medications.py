"""MedicationRequest, MedicationStatement and MedicationDispense -> medication records."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from clinical.conditions import concepts_of
from clinical.daily_dose import DoseCourse, NotComputable
from clinical.drugs import Drug, Unrecognised
from clinical.facts import MedicationRecord, RecordKind
from ehr.read.conditions import codes_of
from ehr.read.courses import Dosed, dosed
from ehr.read.dates import first_day, last_day
from ehr.read.drugs import drug_of, is_foreign
from ehr.read.json import as_list, as_object, as_text, reference_key
from ehr.read.supplies import NO_FILL, Fill, fill_of

Lookup = Callable[[str], dict[str, Any] | None]
"""From a reference ("Medication/1", "#contained") to the resource, or None."""

MEDICATION_RECORDS = {
    "MedicationRequest": RecordKind.REQUEST,
    "MedicationStatement": RecordKind.STATEMENT,
    "MedicationDispense": RecordKind.DISPENSE,
    # DSTU2's name of MedicationRequest: the CDS Hooks specification's own examples still have it.
    "MedicationOrder": RecordKind.REQUEST,
}


@dataclass(frozen=True, slots=True)
class _Taken:
    """How the medicine is taken, how it is supplied and why it is given."""

    dosed: Dosed
    reasons: frozenset[str] = frozenset()
    route: str | None = None
    fill: Fill = NO_FILL


_NOT_READ = _Taken(
    Dosed(DoseCourse(NotComputable("the dose of a drug that no check looks at was not read")), None)
)


def medication_record(
    resource: dict[str, Any],
    lookup: Lookup,
    *,
    every_dose: bool = True,
    weight_kg: Fraction | None = None,
) -> MedicationRecord:
    """The record as facts. Never raises: what cannot be read is said in the record.

    `weight_kg` is the patient's, for a dose per kg; None when it is not known.
    Without `every_dose` the dosage, supply and reason of a drug that is named and none of ours
    stay unread: most of a medication list is that, and no check looks at it.
    """
    drug = drug_of(resource, lookup)
    read_dose = every_dose or not is_foreign(drug)
    return _record(resource, drug, lookup, weight_kg, read_dose=read_dose)


def record_for_checks(
    resource: dict[str, Any],
    lookup: Lookup,
    named_as_prior: Collection[str],
    *,
    weight_kg: Fraction | None = None,
) -> MedicationRecord | None:
    """The record as facts; None where its drug is named, no check looks at it, and it stands alone.

    An order in a row with others says when those begin and end, whatever its own drug is: one
    that names a prior, one of a group, and one of `named_as_prior` ("MedicationRequest/d1").
    """
    drug = drug_of(resource, lookup)
    foreign = is_foreign(drug)
    if foreign and not (is_tied(resource) or source_of(resource) in named_as_prior):
        return None
    return _record(resource, drug, lookup, weight_kg, read_dose=not foreign)


def is_tied(resource: dict[str, Any]) -> bool:
    """Whether it says that it belongs to other orders: names a prior, or is one of a group."""
    return bool(resource.get("priorPrescription") or resource.get("groupIdentifier"))


def _record(
    resource: dict[str, Any],
    drug: Drug | Unrecognised,
    lookup: Lookup,
    weight_kg: Fraction | None,
    *,
    read_dose: bool = True,
) -> MedicationRecord:
    kind = MEDICATION_RECORDS[str(resource.get("resourceType"))]
    authored_on = _authored_on(resource)
    starts, ends = _period(resource, kind)
    known = drug if isinstance(drug, Drug) else None
    taken = _NOT_READ
    if read_dose:
        from_day = starts or _taken_from(resource) or authored_on
        taken = _taken(resource, dosed(resource, known, from_day, weight_kg), lookup)
    return MedicationRecord(
        source=source_of(resource),
        kind=kind,
        drug=drug,
        course=taken.dosed.course,
        status=_status(resource),
        intent=as_text(resource.get("intent")),
        do_not_perform=resource.get("doNotPerform") is True or resource.get("wasNotTaken") is True,
        authored_on=authored_on,
        period_starts=starts,
        period_ends=ends,
        replaces=priors_of(resource),
        group=_group(resource),
        reasons=taken.reasons,
        inpatient=_is_inpatient(resource),
        route=taken.route,
        dosage_text=taken.dosed.text,
        supply_days=taken.fill.supply_days,
        refills=taken.fill.refills,
        quantity=taken.fill.quantity,
        warnings=() if known is None else known.warnings,
    )


def _taken(resource: dict[str, Any], dose: Dosed, lookup: Lookup) -> _Taken:
    return _Taken(dose, _reasons(resource, lookup), _route(resource), fill_of(resource))


def source_of(resource: dict[str, Any]) -> str:
    """As "Type/id"; a resource without id is named as such."""
    return f"{resource.get('resourceType')}/{as_text(resource.get('id')) or 'without-id'}"


def _status(resource: dict[str, Any]) -> str | None:
    """The status; a statement that STU3 marks as not taken (`taken` "n") has R4's word for it."""
    if resource.get("taken") == "n":
        return "not-taken"
    return as_text(resource.get("status"))


def _taken_from(resource: dict[str, Any]) -> date | None:
    """The day of taking that a statement names instead of a period (effectiveDateTime)."""
    return first_day(resource.get("effectiveDateTime"))


def _authored_on(resource: dict[str, Any]) -> date | None:
    for name in ("authoredOn", "dateAsserted", "whenHandedOver", "whenPrepared", "dateWritten"):
        day = first_day(resource.get(name))
        if day is not None:
            return day
    return None


def _period(resource: dict[str, Any], kind: RecordKind) -> tuple[date | None, date | None]:
    """The record's own period, outside its dosage."""
    match kind:
        case RecordKind.REQUEST:
            # validityPeriod bounds when it may be dispensed: its start holds the medicine back,
            # its end says nothing about when the patient stops.
            dispense = as_object(resource.get("dispenseRequest"))
            held_back_until = first_day(as_object(dispense.get("validityPeriod")).get("start"))
            taken = as_object(resource.get("effectiveDosePeriod"))  # R5
            if not taken:
                return held_back_until, None
            return first_day(taken.get("start")) or held_back_until, last_day(taken.get("end"))
        case RecordKind.STATEMENT:
            period = as_object(resource.get("effectivePeriod"))
            return first_day(period.get("start")), last_day(period.get("end"))
        case RecordKind.DISPENSE:
            return _supply(resource)


def _supply(resource: dict[str, Any]) -> tuple[date | None, date | None]:
    """From the day it was handed over for as many days as it supplies."""
    starts = first_day(resource.get("whenHandedOver")) or first_day(resource.get("whenPrepared"))
    days = fill_of(resource).supply_days
    if starts is None or days is None:
        return starts, None
    try:
        return starts, starts + timedelta(days=days - 1)
    except OverflowError:  # the year 10000: no calendar of ours goes there
        return starts, None


def priors_of(resource: dict[str, Any]) -> tuple[str, ...]:
    """What an order names as its prior: "MedicationRequest/d1"."""
    if "priorPrescription" not in resource:
        return ()
    references = [
        reference_key(as_object(item).get("reference"))
        for item in as_list(resource.get("priorPrescription"))
    ]
    return tuple(key for key in references if key)


def _group(resource: dict[str, Any]) -> str | None:
    group = as_object(resource.get("groupIdentifier"))
    value = as_text(group.get("value"))
    return None if value is None else f"{as_text(group.get('system')) or ''}|{value}"


def _reasons(resource: dict[str, Any], lookup: Lookup) -> frozenset[str]:
    codes = [coded for reason in as_list(resource.get("reasonCode")) for coded in codes_of(reason)]
    for reference in map(as_object, as_list(resource.get("reasonReference"))):
        key = reference_key(reference.get("reference"))
        condition = None if key is None else lookup(key)
        if condition is not None:
            codes.extend(codes_of(condition.get("code")))
    return concepts_of(codes)


def _is_inpatient(resource: dict[str, Any]) -> bool:
    return any(
        as_text(as_object(coding).get("code")) == "inpatient"
        for category in as_list(resource.get("category"))
        for coding in as_list(as_object(category).get("coding"))
    )


def _route(resource: dict[str, Any]) -> str | None:
    lines = [*as_list(resource.get("dosageInstruction")), *as_list(resource.get("dosage"))]
    for line in map(as_object, lines):
        route = as_object(line.get("route"))
        text = as_text(route.get("text"))
        for name in (text, *(coded.display for coded in codes_of(route))):
            if name:
                return name
    return None
