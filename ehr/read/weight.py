"""The patient's body weight, for a dose per kg (FHIR R4, Observation Body Weight Profile)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from typing import Any

from clinical.observations import Kind, observed_by
from ehr.read.conditions import codes_of
from ehr.read.dates import first_day
from ehr.read.json import as_object, as_text
from ehr.read.observations import MEASURED
from ehr.read.quantities import Findings, read_number

_KG_IN: dict[str, Fraction] = {
    "kg": Fraction(1),
    "g": Fraction(1, 1000),
    # The international pound of 1959 and its sixteenth, exact by definition.
    "[lb_av]": Fraction(45359237, 100_000_000),
    "lb": Fraction(45359237, 100_000_000),
    "lbs": Fraction(45359237, 100_000_000),
    "[oz_av]": Fraction(45359237, 1_600_000_000),
    "oz": Fraction(45359237, 1_600_000_000),
}


def latest_weight_kg(observations: Iterable[dict[str, Any]]) -> Fraction | None:
    """The weight that was taken last, in kg, of one patient's observations; None if none is known.

    An observation without a readable day counts as older than any with one.
    """
    weighed = [
        (first_day(resource.get("effectiveDateTime")) or date.min, kg)
        for resource in observations
        if as_text(resource.get("status")) in MEASURED and (kg := _kg(resource)) is not None
    ]
    return max(weighed, default=(date.min, None))[1]


def _kg(observation: dict[str, Any]) -> Fraction | None:
    row = observed_by(codes_of(observation.get("code")))
    if row is None or row.kind is not Kind.WEIGHT:
        return None
    quantity = as_object(observation.get("valueQuantity"))
    unit = as_text(quantity.get("code")) or as_text(quantity.get("unit")) or ""
    factor = _KG_IN.get(unit.lower())
    value = read_number(quantity.get("value"), "it", Findings())
    if factor is None or not value or quantity.get("comparator") is not None:
        return None
    return value * factor
