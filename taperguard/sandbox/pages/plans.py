"""Care plans as the chart shows them: what is planned for which days, and who made the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..records.json_text import Resource
from .small_words import (
    STATUS_WORDS,
    app_name,
    date_words,
    day_words,
    dict_of,
    list_of,
    quantity_words,
    source_of,
    text_of,
)

_OVER = {"revoked", "completed", "entered-in-error"}


@dataclass(frozen=True, slots=True)
class StepRow:
    """A dose of the plan: its days, what a day's dose is, and how it is taken."""

    starts: str
    ends: str
    dose: str
    how: str
    is_now: bool


@dataclass(frozen=True, slots=True)
class ContactRow:
    """Something else that is planned, such as a check-in: its day and its words."""

    on: str
    words: str
    is_past: bool


@dataclass(frozen=True, slots=True)
class PlanView:
    """A care plan. `about_contacts` is what the words of all contacts have in common."""

    title: str
    status: str
    is_draft: bool
    is_over: bool
    period: str
    made_by: str
    description: str
    steps: list[StepRow]
    contacts: list[ContactRow]
    about_contacts: str
    next_contact: str
    notes: list[str]
    source: str


def plans_of(
    plans: Iterable[Resource], today: date, apps: Mapping[str, str], people: Mapping[str, str]
) -> list[PlanView]:
    """The care plans: those in force and drafts first, and of these the latest first.

    `apps` are the names of apps by `meta.source`, `people` the names of authors by reference.
    """
    ordered = sorted(plans, key=lambda plan: str(plan.get("created", "")), reverse=True)
    views = [_plan(plan, today, apps, people) for plan in ordered]
    return sorted(views, key=lambda view: view.is_over)


def _plan(
    plan: Resource, today: date, apps: Mapping[str, str], people: Mapping[str, str]
) -> PlanView:
    details = [dict_of(dict_of(item).get("detail")) for item in list_of(plan.get("activity"))]
    doses = [detail for detail in details if dict_of(detail.get("dailyAmount"))]
    others = [detail for detail in details if detail and not dict_of(detail.get("dailyAmount"))]
    contacts, about = _contacts(others, today)
    status = text_of(plan.get("status")) or ""
    return PlanView(
        title=text_of(plan.get("title")) or "Care plan without a title",
        status=STATUS_WORDS.get(status, "status not supplied"),
        is_draft=status == "draft",
        is_over=status in _OVER,
        period=_period_words(dict_of(plan.get("period"))),
        made_by=_made_by(plan, apps, people),
        description=text_of(plan.get("description")) or "",
        steps=[_step(detail, today) for detail in doses],
        contacts=contacts,
        about_contacts=about,
        next_contact=next((row.on for row in contacts if not row.is_past), ""),
        notes=[
            said
            for note in list_of(plan.get("note"))
            if (said := text_of(dict_of(note).get("text")))
        ],
        source=source_of(plan),
    )


def _made_by(plan: Resource, apps: Mapping[str, str], people: Mapping[str, str]) -> str:
    """Hazel Synthetic-Prescriber with TaperGuard planner, 4 Jan 2027."""
    author = text_of(dict_of(plan.get("author")).get("reference")) or ""
    who = people.get(author) or author or "author not supplied"
    app = app_name(plan, apps)
    words = f"{who} with {app}" if app else who
    on = date_words(plan.get("created"))
    return f"{words}, {on}" if on else words


def _step(detail: Resource, today: date) -> StepRow:
    period = dict_of(detail.get("scheduledPeriod"))
    starts, ends = period.get("start"), period.get("end")
    said = text_of(detail.get("description")) or ""
    return StepRow(
        starts=day_words(starts) or "start not supplied",
        ends=day_words(ends) or "no end",
        dose=quantity_words(dict_of(detail.get("dailyAmount"))),
        how=said.partition(": ")[2] or said or "not said",
        is_now=_iso(starts) <= today.isoformat() <= (_iso(ends) or "9999"),
    )


def _contacts(details: Sequence[Resource], today: date) -> tuple[list[ContactRow], str]:
    """The rows, and the words after a colon that all of them end with, said once."""
    said = [text_of(detail.get("description")) or "not described" for detail in details]
    tails = {words.partition(": ")[2] for words in said}
    about = tails.pop() if len(tails) == 1 and len(said) > 1 else ""
    rows = []
    for detail, words in zip(details, said, strict=True):
        on = dict_of(detail.get("scheduledPeriod")).get("start")
        rows.append(
            ContactRow(
                on=day_words(on) or "day not supplied",
                words=words.partition(": ")[0] if about else words,
                is_past=_iso(on) < today.isoformat(),
            )
        )
    return rows, about


def _period_words(period: Resource) -> str:
    starts, ends = day_words(period.get("start")), day_words(period.get("end"))
    if starts and ends:
        return f"{starts} to {ends}"
    if starts or ends:
        return f"from {starts}" if starts else f"until {ends}"
    return "period not supplied"


def _iso(said: Any) -> str:
    """A date as it sorts; empty when it is none."""
    return (text_of(said) or "")[:10]
