"""CarePlans of tapers that were planned here, read back as facts (see `ehr.write.care_plan`).

A step is an activity of kind MedicationRequest with a daily amount in mg and its days; the last
one, whose dose goes on, is the goal. Where one of them cannot be read the plan has no steps, for a
course with a hole in it would be another course.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

from clinical.care_plans import PlannedStep, TaperCarePlan
from clinical.dosage import UnitKind
from clinical.facts import OWN_PLAN, OWN_RULES
from clinical.taper import CannotTaper, TaperPlan
from clinical.taper.plan_json import OWN_RECORD, from_json
from ehr.read.dates import first_day, last_day
from ehr.read.json import as_list, as_object, as_text, reference_key
from ehr.read.medications import source_of
from ehr.read.quantities import Findings, read_quantity

_MAINTAINS = re.compile(re.escape(OWN_RULES) + r"/[^/]+/maintain")
_MADE_BY = re.compile(re.escape(OWN_RULES) + r"/([^/]+)/pace/([^/]+)")


def taper_plans(resources: Iterable[dict[str, Any]]) -> tuple[TaperCarePlan, ...]:
    """Those of the CarePlans that are tapers of ours. Never raises."""
    return tuple(
        _plan(resource, f"{OWN_PLAN}|{key}")
        for resource in resources
        if (key := _own_key(resource)) is not None and not _only_maintains(resource)
    )


def _only_maintains(resource: dict[str, Any]) -> bool:
    """Whether it keeps a dose until a review: a plan of ours, but no taper."""
    uris = filter(None, map(as_text, as_list(resource.get("instantiatesUri"))))
    return any(_MAINTAINS.fullmatch(uri) for uri in uris)


def _own_key(resource: dict[str, Any]) -> str | None:
    for held in map(as_object, as_list(resource.get("identifier"))):
        if held.get("system") == OWN_PLAN and (value := as_text(held.get("value"))) is not None:
            return value
    return None


def _plan(resource: dict[str, Any], group: str) -> TaperCarePlan:
    pace_id, rules_version = _made_by(resource)
    return TaperCarePlan(
        source=source_of(resource),
        group=group,
        status=as_text(resource.get("status")),
        steps=_steps(resource),
        pace_id=pace_id,
        rules_version=rules_version,
        created_on=first_day(resource.get("created")),
        replaces=tuple(filter(None, map(reference_key, as_list(resource.get("replaces"))))),
    )


def kept_plan(resource: dict[str, Any]) -> TaperPlan | None:
    """The plan with its changes, as a CarePlan of ours carries it; None where it does not.

    An EHR may drop an extension, or somebody may have changed it: then there is none.
    """
    for extension in map(as_object, as_list(resource.get("extension"))):
        if extension.get("url") != OWN_RECORD:
            continue
        data = as_text(as_object(extension.get("valueAttachment")).get("data"))
        try:
            kept = json.loads(base64.b64decode(data or "", validate=True))
            return from_json(kept)
        except (ValueError, TypeError, RecursionError, CannotTaper):
            return None
    return None


def _made_by(resource: dict[str, Any]) -> tuple[str | None, str | None]:
    for uri in map(as_text, as_list(resource.get("instantiatesUri"))):
        found = None if uri is None else _MADE_BY.fullmatch(uri)
        if found is not None:
            return found[2], found[1]
    return None, None


def _steps(resource: dict[str, Any]) -> tuple[PlannedStep, ...]:
    steps = list(_read_steps(resource))
    if not steps or None in steps:
        return ()
    known = sorted((step for step in steps if step is not None), key=lambda step: step.starts)
    for before, after in pairwise(known):
        if before.ends is None or before.ends >= after.starts:
            return ()
    # The goal: what is taken from its day on, though nothing has a last day of being taken.
    goal = known[-1]
    return (*known[:-1], PlannedStep(goal.starts, None, goal.dose) if goal.dose == 0 else goal)


def _read_steps(resource: dict[str, Any]) -> Iterator[PlannedStep | None]:
    for activity in map(as_object, as_list(resource.get("activity"))):
        detail = as_object(activity.get("detail"))
        if detail.get("kind") == "MedicationRequest":
            yield _step(detail)


def _step(detail: dict[str, Any]) -> PlannedStep | None:
    period = as_object(detail.get("scheduledPeriod"))
    starts, ends = first_day(period.get("start")), last_day(period.get("end"))
    dose = _mg_per_day(detail.get("dailyAmount"))
    if starts is None or dose is None or (ends is None and "end" in period):
        return None
    if ends is not None and ends < starts:
        return None
    return PlannedStep(starts, ends, dose)


def _mg_per_day(value: object) -> Fraction | None:
    found = Findings()
    amount = read_quantity(value, "the daily amount", found, zero_allowed=True)
    if amount is None or found.unreadable or amount.unit.kind is not UnitKind.MASS:
        return None
    return amount.high * amount.unit.factor
