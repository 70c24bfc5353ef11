"""Observation -> the findings that a check looks at (FHIR R4, Observation).

Each observation and each of its components is read by its own code; members of a panel that are
resources of their own are found by the search for their codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction
from typing import Any

from clinical.facts import ObservationFact
from clinical.observations import Kind, NotSaid, Observed, answer_of, observed_by
from ehr.read.conditions import codes_of
from ehr.read.dates import date_range
from ehr.read.json import as_bool, as_list, as_object, as_text, reference_key
from ehr.read.quantities import Findings, read_number

MEASURED = frozenset({"final", "amended", "corrected"})
"""Statuses of an observation that is complete and holds (FHIR R4, ObservationStatus)."""

_NOT_READ_HERE = frozenset({Kind.PANEL, Kind.WEIGHT})


def observation_facts(
    resources: Iterable[dict[str, Any]], on: date
) -> tuple[tuple[ObservationFact, ...], tuple[str, ...]]:
    """The findings, and notes on those whose value could not be read.

    What was made later than the day, or so long ago that it tells nothing of the day (`days` of
    the table), is no fact; neither is an answer "unknown" or an absent value.
    """
    facts: list[ObservationFact] = []
    unreadable: dict[str, None] = {}
    for resource in resources:
        if as_text(resource.get("status")) not in MEASURED:
            continue
        source = reference_key(f"Observation/{as_text(resource.get('id')) or 'without-id'}")
        source = source or "Observation"
        starts, observed_on = _observed(resource, on)
        for row, holder in _parts(resource):
            value = _value(row, holder)
            if value is None:
                unreadable[source] = None
            elif isinstance(value, NotSaid) or not row.tells_of(on, observed_on):
                continue
            elif starts is None or starts <= on:
                facts.append(ObservationFact(source, row.concept, value, observed_on))
    return tuple(facts), tuple(
        f"{source} is an observation that a check looks at, and its value could not be read"
        for source in unreadable
    )


def _parts(resource: dict[str, Any]) -> Iterator[tuple[Observed, dict[str, Any]]]:
    """The observation and its components, as far as the table has their codes."""
    for holder in (resource, *map(as_object, as_list(resource.get("component")))):
        row = observed_by(codes_of(holder.get("code")))
        if row is not None and row.kind not in _NOT_READ_HERE:
            yield row, holder


def _observed(resource: dict[str, Any], on: date) -> tuple[date | None, date | None]:
    """The first and the last day that it may have been made; the last is no later than the day.

    A year or a month means the latest day of it: what may be recent is not taken for old.
    """
    period = as_object(resource.get("effectivePeriod"))
    said = (
        resource.get("effectiveDateTime"),
        resource.get("effectiveInstant"),
        period.get("end"),
        period.get("start"),
        resource.get("issued"),
    )
    days = next((found for value in said if (found := date_range(value)) is not None), None)
    return (None, None) if days is None else (days[0], max(days[0], min(days[1], on)))


def _value(row: Observed, holder: dict[str, Any]) -> Fraction | bool | NotSaid | None:
    """The value of one observation or component; None when it is there and cannot be read."""
    given = [name for name in holder if name.startswith("value") and holder[name] is not None]
    if not given:
        # Without a value there is nothing to read, whether or not it says why (dataAbsentReason).
        return NotSaid.UNKNOWN
    if "valueBoolean" in given:
        is_so = as_bool(holder["valueBoolean"])
        return None if is_so is None else row.value_of_answer(is_so)
    if "valueCodeableConcept" in given:
        answer = answer_of(codes_of(holder["valueCodeableConcept"]))
        if isinstance(answer, bool):
            return row.value_of_answer(answer)
        return row.value_of(answer) if isinstance(answer, Fraction) else answer
    number = holder.get("valueInteger")
    if "valueQuantity" in given:
        quantity = as_object(holder["valueQuantity"])
        if quantity.get("comparator") is not None:
            return None
        number = quantity.get("value")
    read = read_number(number, "its value", Findings())
    return None if read is None else row.value_of(read)
