"""The words of a plan under way: where it stands, what was decided, what a change makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from clinical.follow_up import check_ins
from clinical.quantities import plain
from clinical.taper import RedFlag, Schedule, StandingPlan, UrgentPathway, urgent_pathway
from ehr.read.json import as_object, as_text
from ehr.read.medications import source_of
from smart_app.planner.change_form import DAY_OF, KINDS, Changed, ChangeForm, asks_for
from smart_app.planner.change_save import ChangeSaving
from smart_app.planner.charted import ChartedPlan
from smart_app.planner.form_presenter import Option
from smart_app.planner.plan_presenter import DraftLine, draft_line
from smart_app.planner.taper_picture import taper_picture
from smart_app.planner.words import day_in_plan, order_name, taken_in_words


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """One change of the plan: when, who, what it did and why."""

    on: str
    who: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class StandingView:
    """A plan of the chart: what it is called, where it stands today, and its history."""

    title: str
    now: str
    next: str
    signed: str
    history: tuple[DecisionLine, ...]
    note: str


@dataclass(frozen=True, slots=True)
class ChangeFormView:
    """The choices of a change, what was typed, and what is wrong."""

    kinds: tuple[Option, ...]
    dates: dict[str, str]
    day_of: dict[str, str]
    days: str
    flags: tuple[Option, ...]
    errors: dict[str, str]
    asks: str | None


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A step of the changed plan: `past` is over and stays; `was` is the dose as it was planned."""

    starts: str
    days: str
    dose: str
    was: str
    tablets: str
    past: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangedView:
    """What the change makes of the plan: a sentence, both as picture and table, what is written."""

    what: str
    wide: Markup | None
    narrow: Markup | None
    rows: tuple[ChangedRow, ...]
    warnings: tuple[str, ...]
    drafts: tuple[DraftLine, ...]
    withdrawn: tuple[str, ...]
    discontinue: tuple[str, ...]
    when_to_discontinue: str
    covered: str
    plan: str
    button: str | None
    why_not: str | None
    seen: str


def standing_view(charted: ChartedPlan, today: date) -> StandingView:
    """Where the plan stands today."""
    standing = charted.standing
    now = standing.dose_on(today)
    return StandingView(
        title=as_text(charted.resource.get("title")) or "Clonazepam taper",
        now="stopped" if now is None else f"{now}/day",
        next=_next(standing, today),
        signed=_signed(charted),
        history=tuple(
            DecisionLine(day_in_plan(it.change.on), it.change.who, it.what, it.change.why)
            for it in standing.decisions
        ),
        note=(
            "This EHR has not kept the plan itself: its doses and days are read from the care "
            "plan, earlier changes are not known, and its tablets are chosen anew."
            if charted.read_from_steps
            else ""
        ),
    )


def standing_pictures(charted: ChartedPlan, today: date) -> tuple[Markup, Markup] | None:
    """The plan as it stands, wide and narrow; None once it was stopped."""
    schedule = charted.standing.schedule
    if schedule is None:
        return None
    return (
        _picture(schedule, None, today, "stands-wide", 600),
        _picture(schedule, None, today, "stands-narrow", 350),
    )


def _next(standing: StandingPlan, today: date) -> str:
    schedule = standing.schedule
    if schedule is None:
        return "Nothing of it is to come."
    for step in schedule.steps:
        if step.starts > today:
            return (
                f"{step.dose}/day from {day_in_plan(step.starts)}; {schedule.to_mg}/day from "
                f"{day_in_plan(schedule.ends_on)}."
            )
    if schedule.ends_on > today:
        return f"{schedule.to_mg}/day from {day_in_plan(schedule.ends_on)}."
    review = schedule.review_on
    return "No cut is to come" + (f"; review on {day_in_plan(review)}." if review else ".")


def _signed(charted: ChartedPlan) -> str:
    signed, drafts = len(charted.signed), len(charted.drafts)
    plan = "draft" if charted.is_draft else as_text(charted.resource.get("status")) or "active"
    return f"Care plan: {plan}. Orders: {signed} signed and not over, {drafts} not signed."


def change_form_view(form: ChangeForm, kinds: tuple[str, ...]) -> ChangeFormView:
    """The form with the kinds that are possible today; the chosen one always among them."""
    return ChangeFormView(
        kinds=tuple(
            Option(kind, words, kind == form.kind)
            for kind, words in KINDS.items()
            if kind in kinds or kind == form.kind
        ),
        dates=dict(form.dates),
        day_of=dict(DAY_OF),
        days=form.days,
        flags=tuple(
            Option(flag.value, flag.called.capitalize(), flag.value == form.flag)
            for flag in RedFlag
        ),
        errors=dict(form.errors),
        asks=asks_for(form),
    )


def urgent_view(form: ChangeForm) -> UrgentPathway | None:
    """What to do now, as soon as a red flag is named."""
    return urgent_pathway() if form.kind == "stop" and form.flag in set(RedFlag) else None


def changed_view(
    charted: ChartedPlan, changed: Changed, write: ChangeSaving, today: date
) -> ChangedView | None:
    """The plan after the change beside the plan as it is; None where there is no change yet."""
    standing = changed.standing
    if standing is None or changed.change is None:
        return None
    schedule = standing.schedule
    before = charted.standing
    wide = narrow = None
    if schedule is not None:
        wide = _picture(schedule, before.schedule, today, "changed-wide", 600)
        narrow = _picture(schedule, before.schedule, today, "changed-narrow", 350)
    return ChangedView(
        what=standing.decisions[-1].what,
        wide=wide,
        narrow=narrow,
        rows=tuple(_rows(standing, before, today)),
        warnings=() if schedule is None else schedule.warnings,
        drafts=tuple(map(draft_line, write.drafts)),
        withdrawn=tuple(map(_withdrawn, write.withdrawn)),
        discontinue=tuple(map(order_name, write.discontinue)),
        when_to_discontinue=_when_to_discontinue(standing, write),
        covered=(
            ""
            if write.covered_until is None
            else f"The signed orders say the same until {day_in_plan(write.covered_until)} and go "
            "on; new ones begin after that."
        ),
        plan=_plan_line(charted, write),
        button=None if write.why_not else "Save this change to the chart",
        why_not=write.why_not,
        seen=write.seen,
    )


def _picture(
    schedule: Schedule, before: Schedule | None, today: date, key: str, width: int
) -> Markup:
    contacts = check_ins(schedule)
    days = [contacts[-1].on, schedule.ends_on, *([before.ends_on] if before else [])]
    return taper_picture(
        schedule, contacts, key=key, width=width, last=max(days), beside=before, today=today
    )


def _rows(standing: StandingPlan, before: StandingPlan, today: date) -> list[ChangedRow]:
    rows = [
        ChangedRow(
            day_in_plan(step.starts),
            str(step.days),
            plain(step.dose.value),
            _was(before, step.starts),
            taken_in_words(step),
            step.ends < today,
            step.warnings,
        )
        for step in standing.steps
    ]
    schedule = standing.schedule
    if schedule is not None:
        rows.append(
            ChangedRow(
                day_in_plan(schedule.ends_on),
                "on",
                plain(schedule.to_mg.value),
                _was(before, schedule.ends_on),
                taken_in_words(schedule.target),
                schedule.ends_on < today,
                schedule.target.warnings,
            )
        )
    return rows


def _was(before: StandingPlan, day: date) -> str:
    dose = before.dose_on(day)
    return "stopped" if dose is None else plain(dose.value)


def _when_to_discontinue(standing: StandingPlan, write: ChangeSaving) -> str:
    """From when the signed orders that do not fit any more would add up with the plan."""
    if standing.schedule is None:
        return "Signed orders that have not begun: discontinue them. What is taken now goes on"
    if not write.drafts:
        return "Signed orders that say something else than the changed plan: discontinue them"
    first = min(draft.fill.starts for draft in write.drafts)
    return (
        f"Signed orders to discontinue on {day_in_plan(first)}, when the new ones begin, or the "
        "doses add up"
    )


def _withdrawn(order: dict[str, object]) -> str:
    concept = as_object(order.get("medicationCodeableConcept"))
    name = as_text(concept.get("text")) or source_of(order)
    lines = order.get("dosageInstruction")
    text = as_text(as_object(lines[0]).get("text")) if isinstance(lines, list) and lines else None
    return f"{name}{f' ({text})' if text else ''}"


def _plan_line(charted: ChartedPlan, write: ChangeSaving) -> str:
    if write.plan.get("status") == "revoked":
        return "The draft care plan is withdrawn, with the reason in it."
    if charted.is_draft:
        return "The draft care plan is changed in its place, with this change in its history."
    return (
        "A draft care plan with this change in its history, which replaces the active one: end "
        f"{source_of(charted.resource)} when you make it active."
    )
