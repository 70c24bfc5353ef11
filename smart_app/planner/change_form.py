"""A change of the plan in the chart, as it is asked for: which, when, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypedDict
from urllib.parse import urlencode

from clinical.quantities import MalformedQuantity
from clinical.taper import (
    CannotChange,
    Hold,
    LateFill,
    Maintain,
    MissedCheckIn,
    PlanChange,
    RedFlag,
    Resume,
    SkipForward,
    SlowDown,
    StandingPlan,
    StepBack,
    Stop,
    TaperPlan,
    change,
    proposed_review,
    replan_rules,
    stand,
)
from smart_app.planner.typed import Fields, amount, shortened, text_of

NOT_SAID = "not said yet"
"""Stands for the reason while a change is only looked at: it is asked for when it is saved."""

_LONGEST_WHY = 500

KINDS: Mapping[str, str] = {
    "hold": "Hold the dose",
    "step-back": "Step back to the dose before",
    "slow-down": "Slow down to half the pace",
    "skip-forward": "Skip forward to a later dose",
    "resume": "Resume: end the hold",
    "late-fill": "A fill was late",
    "missed-check-in": "A check-in was missed",
    "maintain": "Keep this dose until a review",
    "stop": "Red flag: stop the plan",
}
"""What can be done, in the order of the page."""


DAY_OF: Mapping[str, str] = {
    "skip-forward": "to_day",
    "late-fill": "fill_due",
    "missed-check-in": "check_in_due",
    "maintain": "review_on",
}
"""The field of each kind that asks for a date."""

DAY_WORDS: Mapping[str, str] = {
    "skip-forward": "which the plan has on",
    "late-fill": "due on",
    "missed-check-in": "due on",
    "maintain": "on",
}
"""What stands before that field."""


class _Said(TypedDict):
    """What every change says."""

    on: date
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class ChangeForm:
    """The fields as typed: `dates` are ISO dates as text by the fields of `DAY_OF`."""

    kind: str
    days: str
    dates: Mapping[str, str]
    flag: str
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def day(self) -> str:
        """The date that the kind asks for, as typed; empty where it asks for none."""
        return self.dates.get(DAY_OF.get(self.kind, ""), "")

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Name and value of every field, as a form sends them."""
        return (
            ("kind", self.kind),
            ("days", self.days),
            *self.dates.items(),
            ("flag", self.flag),
        )

    @property
    def query(self) -> str:
        """The same as URL parameters. Who and why are no part of an address."""
        return urlencode(list(self.pairs))


@dataclass(frozen=True, slots=True)
class Changed:
    """The form, and what the plan becomes by it; None where something is wrong or asked still."""

    form: ChangeForm
    change: PlanChange | None = None
    plan: TaperPlan | None = None
    standing: StandingPlan | None = None


def read_change(given: Fields, today: date) -> ChangeForm:
    """The form as typed; what a link does not name takes the usual value."""
    kind = text_of(given, "kind", "hold")
    usual = {"review_on": proposed_review(today).isoformat()}
    return ChangeForm(
        kind=kind if kind in KINDS else "hold",
        days=text_of(given, "days", str(replan_rules().longest_hold_days)),
        dates={name: text_of(given, name, usual.get(name, "")) for name in DAY_OF.values()},
        flag=text_of(given, "flag", ""),
    )


def why_of(given: Fields) -> str:
    """The reason, in the user's own words."""
    return given.get("why", "").strip()[:_LONGEST_WHY]


def make_change(
    form: ChangeForm, plan: TaperPlan, today: date, who: str, why: str = NOT_SAID
) -> Changed:
    """What the plan becomes, or the form with its errors."""
    errors: dict[str, str] = {}
    wanted = _change(form, today, who, why, errors)
    if wanted is None:
        return Changed(_with(form, errors))
    try:
        changed = change(plan, wanted)
        return Changed(form, wanted, changed, stand(changed))
    except CannotChange as refusal:
        return Changed(_with(form, {"kind": str(refusal)}))


def is_last(plan: TaperPlan, form: ChangeForm, today: date, who: str, why: str) -> bool:
    """Whether this change is the plan's last one already: a second click."""
    return bool(plan.changes) and plan.changes[-1] == _change(form, today, who, why, {})


def possible(plan: TaperPlan, today: date) -> tuple[str, ...]:
    """Which kinds can be done today; those that ask for a day of their own always stand there."""
    if plan.changes and plan.changes[-1].on >= today:
        return ("stop",)  # one change a day; a red flag never waits
    kinds: dict[str, PlanChange] = {
        "hold": Hold(on=today, who=NOT_SAID, why=NOT_SAID, days=1),
        "step-back": StepBack(on=today, who=NOT_SAID, why=NOT_SAID),
        "slow-down": SlowDown(on=today, who=NOT_SAID, why=NOT_SAID),
        "resume": Resume(on=today, who=NOT_SAID, why=NOT_SAID),
        "maintain": Maintain(
            on=today, who=NOT_SAID, why=NOT_SAID, review_on=proposed_review(today)
        ),
    }
    refused = {kind for kind, wanted in kinds.items() if not _is_possible(plan, wanted)}
    return tuple(kind for kind in KINDS if kind not in refused)


def _is_possible(plan: TaperPlan, wanted: PlanChange) -> bool:
    try:
        change(plan, wanted)
    except CannotChange:
        return False
    return True


def _change(
    form: ChangeForm, today: date, who: str, why: str, errors: dict[str, str]
) -> PlanChange | None:
    said: _Said = {"on": today, "who": who, "why": why}
    match form.kind:
        case "hold":
            days = _days(form.days, errors)
            return None if days is None else Hold(**said, days=days)
        case "step-back":
            return StepBack(**said)
        case "slow-down":
            return SlowDown(**said)
        case "resume":
            return Resume(**said)
        case "stop":
            return _stop(form, said, errors)
        case _:
            return _on_a_day(form, said, errors)


def _stop(form: ChangeForm, said: _Said, errors: dict[str, str]) -> Stop | None:
    if form.flag in set(RedFlag):
        return Stop(**said, red_flag=RedFlag(form.flag))
    if form.flag:
        errors["flag"] = "Choose which red flag it is."
    return None


def _on_a_day(form: ChangeForm, said: _Said, errors: dict[str, str]) -> PlanChange | None:
    day = _day(form, errors)
    if day is None:
        return None
    match form.kind:
        case "skip-forward":
            return SkipForward(**said, to_day=day)
        case "late-fill":
            return LateFill(**said, due_on=day)
        case "missed-check-in":
            return MissedCheckIn(**said, due_on=day)
        case _:
            return Maintain(**said, review_on=day)


def _days(text: str, errors: dict[str, str]) -> int | None:
    try:
        days = amount(text, "days")
    except MalformedQuantity:
        days = None
    if days is None or days.denominator != 1:
        errors["days"] = "Enter for how many days the dose is held: for example 14."
        return None
    return int(days)


def _day(form: ChangeForm, errors: dict[str, str]) -> date | None:
    if not form.day:
        return None
    try:
        return date.fromisoformat(shortened(form.day))
    except ValueError:
        errors[DAY_OF[form.kind]] = "Enter a date as year-month-day: for example 2027-03-01."
        return None


def _with(form: ChangeForm, errors: Mapping[str, str]) -> ChangeForm:
    return replace(form, errors=dict(errors))


def asks_for(form: ChangeForm) -> str | None:
    """What is asked before a change of this kind can be shown; None where nothing is."""
    if form.errors:
        return None
    if form.kind == "stop" and not form.flag:
        return "Choose which red flag it is. What to do now stands here at once."
    if form.kind in DAY_OF and not form.day:
        return "Choose the day."
    return None
