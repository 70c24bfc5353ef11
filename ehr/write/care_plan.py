"""A taper as a draft CarePlan (FHIR R4, US Core AssessPlan): its steps and its check-ins.

Status draft, intent plan: nothing in it takes effect until a prescriber makes it active. The
orders point at the plan (`MedicationRequest.basedOn`), the plan holds the whole course.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

from clinical.facts import OWN_PLAN, OWN_RULES
from clinical.follow_up import CheckIn, check_in_rules
from clinical.quantities import as_decimal
from clinical.taper import Schedule, TaperPlan
from clinical.taper.plan_json import OWN_RECORD, to_json
from ehr.write.draft_orders import UCUM, OrderContext

Resource = dict[str, Any]

_CATEGORY = {
    "coding": [
        {
            "system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category",
            "code": "assess-plan",
            "display": "Assessment and Plan of Treatment",
        }
    ],
    "text": "Assessment and plan of treatment",
}
_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
# RxNorm: clonazepam, the ingredient.
_CLONAZEPAM = ("2598", "clonazepam")


@dataclass(frozen=True, slots=True)
class PlanWords:
    """What the plan says of itself: by which rules it was made, and what was confirmed.

    `confirmed` are the prescriber's confirmations.
    """

    rules_version: str
    confirmed: tuple[str, ...] = ()


def care_plan(
    schedule: Schedule,
    contacts: Sequence[CheckIn],
    context: OrderContext,
    words: PlanWords,
    *,
    key: str,
    supporting: Sequence[str] = (),
    kept: TaperPlan | None = None,
) -> Resource:
    """The plan with one activity for each step, for the target, its review and each check-in.

    `key` identifies this plan: saving it twice finds it. `supporting` are references to the
    present orders that it was planned from. `kept` is the plan with its changes, so that it can be
    changed again; it travels as an attachment in an extension.
    """
    days = [schedule.ends_on, *(contact.on for contact in contacts)]
    last = max(days if schedule.review_on is None else [*days, schedule.review_on])
    plan: Resource = {
        "resourceType": "CarePlan",
        "text": {"status": "generated", "div": _narrative(schedule, words)},
        "identifier": [{"system": OWN_PLAN, "value": key}],
        "instantiatesUri": [f"{OWN_RULES}/{words.rules_version}/pace/{schedule.pace.id}"],
        "status": "draft",
        "intent": "plan",
        "category": [_CATEGORY],
        "title": _title(schedule),
        "description": _description(schedule, words),
        "subject": {"reference": f"Patient/{context.patient_id}"},
        "period": {"start": schedule.starts_on.isoformat(), "end": last.isoformat()},
        "created": context.authored_on.isoformat(),
    }
    if context.encounter_id:
        plan["encounter"] = {"reference": f"Encounter/{context.encounter_id}"}
    if context.requester:
        plan["author"] = {"reference": context.requester}
    if supporting:
        plan["supportingInfo"] = [{"reference": source} for source in supporting]
    plan["activity"] = [
        *_steps(schedule),
        *_review(schedule),
        *(_check_in(contact) for contact in contacts),
    ]
    if kept is not None:
        plan["extension"] = [record_of(kept)]
    if words.confirmed:
        plan["note"] = [{"text": "Confirmed before saving: " + "; ".join(words.confirmed) + "."}]
    return plan


def record_of(plan: TaperPlan) -> Resource:
    """The extension that holds a plan with its changes (read by `ehr.read.care_plans`)."""
    raw = json.dumps(to_json(plan), separators=(",", ":"), ensure_ascii=False).encode()
    attachment = {
        "contentType": "application/json",
        "data": base64.b64encode(raw).decode("ascii"),
    }
    return {"url": OWN_RECORD, "valueAttachment": attachment}


def maintenance_plan(
    stays: str,
    review_on: date,
    context: OrderContext,
    rules_version: str,
    *,
    key: str,
    supporting: Sequence[str] = (),
) -> Resource:
    """The plan to keep a dose until its review; the orders in the chart go on as they are.

    `stays` says what stays: "at 2 mg/day". It names no dose as a step, for it is no taper.
    """
    title = f"Clonazepam stays {stays} until a review"
    words = (
        f"Planned with TaperGuard, rules {rules_version}. The present orders go on as they are; "
        f"review on {review_on}."
    )
    plan: Resource = {
        "resourceType": "CarePlan",
        "text": {
            "status": "generated",
            "div": (
                '<div xmlns="http://www.w3.org/1999/xhtml">'
                f"<p>{escape(title)}</p><p>{escape(words)}</p></div>"
            ),
        },
        "identifier": [{"system": OWN_PLAN, "value": key}],
        "instantiatesUri": [f"{OWN_RULES}/{rules_version}/maintain"],
        "status": "draft",
        "intent": "plan",
        "category": [_CATEGORY],
        "title": title,
        "description": words,
        "subject": {"reference": f"Patient/{context.patient_id}"},
        "period": {"start": context.authored_on.isoformat(), "end": review_on.isoformat()},
        "created": context.authored_on.isoformat(),
    }
    if context.requester:
        plan["author"] = {"reference": context.requester}
    if supporting:
        plan["supportingInfo"] = [{"reference": source} for source in supporting]
    what = f"Review of clonazepam, which stays {stays}"
    plan["activity"] = [_activity("Task", what, review_on, review_on)]
    return plan


def _title(schedule: Schedule) -> str:
    return f"Clonazepam taper from {schedule.from_words} to {schedule.to_mg}/day"


def _description(schedule: Schedule, words: PlanWords) -> str:
    order = f"Cut: {schedule.cut_first}. " if schedule.cut_first else ""
    review = f", reviewed on {schedule.review_on}" if schedule.review_on is not None else ""
    return (
        f"Planned with TaperGuard, rules {words.rules_version}, pace {schedule.pace.in_words}. "
        f"First cut on {schedule.starts_on}, {schedule.to_mg}/day from {schedule.ends_on}{review}. "
        f"{order}A draft: each step is ordered after a reassessment, and may be held or taken back."
    )


def _narrative(schedule: Schedule, words: PlanWords) -> str:
    rows = "".join(
        f"<tr><td>{step.starts}</td><td>{escape(str(step.dose))}/day</td>"
        f"<td>{escape(_tablets(step.intakes))}</td></tr>"
        for step in schedule.steps
    )
    rows += f"<tr><td>{schedule.ends_on}</td><td>{schedule.to_mg}/day</td><td>"
    rows += f"{escape(_tablets(schedule.target.intakes))}</td></tr>"
    return (
        '<div xmlns="http://www.w3.org/1999/xhtml">'
        f"<p>{escape(_title(schedule))}</p><p>{escape(_description(schedule, words))}</p>"
        "<table><thead><tr><th>From</th><th>Dose</th><th>Tablets</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _tablets(intakes: Sequence[Any]) -> str:
    return "; ".join(intake.in_words for intake in intakes) or "no clonazepam"


def _steps(schedule: Schedule) -> list[Resource]:
    activities = [
        _activity(
            "MedicationRequest",
            f"Clonazepam {step.dose}/day: {_tablets(step.intakes)}",
            step.starts,
            step.ends,
            daily=as_decimal(step.dose.value),
        )
        for step in schedule.steps
    ]
    target = schedule.target
    words = f"Clonazepam {target.dose}/day from this day on: {_tablets(target.intakes)}"
    activities.append(
        _activity(
            "MedicationRequest",
            words,
            schedule.ends_on,
            None if target.dose.value else schedule.ends_on,
            daily=as_decimal(target.dose.value),
        )
    )
    return activities


def _review(schedule: Schedule) -> list[Resource]:
    """When a dose that stays is looked at again."""
    if schedule.review_on is None:
        return []
    words = f"Review of the {schedule.to_mg}/day that stay"
    return [_activity("Task", words, schedule.review_on, schedule.review_on)]


def _check_in(contact: CheckIn) -> Resource:
    since = " and ".join(f"day {days} of {dose}/day" for days, dose in contact.after)
    words = f"Check-in on {since}: {check_in_rules().what}"
    return _activity("Task", words, contact.on, contact.on)


def _activity(
    kind: str, words: str, starts: date, ends: date | None, daily: Any = None
) -> Resource:
    period = {"start": starts.isoformat()}
    if ends is not None:
        period["end"] = ends.isoformat()
    detail: Resource = {
        "kind": kind,
        "status": "not-started",
        "doNotPerform": False,
        "scheduledPeriod": period,
    }
    if daily is not None:
        code, display = _CLONAZEPAM
        detail["productCodeableConcept"] = {
            "coding": [{"system": _RXNORM, "code": code, "display": display}]
        }
        detail["dailyAmount"] = {"value": daily, "unit": "mg", "system": UCUM, "code": "mg"}
    detail["description"] = words
    return {"detail": detail}
