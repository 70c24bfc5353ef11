"""The words of the plan form: its choices, what was typed, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clinical.taper import CUSTOM, TYPED, custom_limits
from smart_app.planner.as_needed import TypedUse, more_than_ordered
from smart_app.planner.forms import AS_NOW, Goal, PlanForm, Planned, intake_times
from smart_app.planner.own_pace import MG, PERCENT, OwnPace
from smart_app.planner.situation import Situation
from smart_app.planner.words import day_in_plan, plural


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a field."""

    value: str
    label: str
    chosen: bool
    note: str = ""
    recommended: str | None = None


@dataclass(frozen=True, slots=True)
class UseView:
    """The questions of use as needed: why they are asked, and the answers as typed.

    `more` is what to ask where more is taken than the orders allow.
    """

    why: str
    taken: str
    days: tuple[Option, ...]
    more: str | None


@dataclass(frozen=True, slots=True)
class FormView:
    """The plan form: the choices of each field, what was typed, and the errors by field.

    `own` is what was typed of the pace of one's own, the last of `paces`; `units` are of its step.
    `then_empty` says what an empty review date means; `firsts` are the intakes that may be cut
    first, none with one intake a day.
    """

    use: UseView | None
    goals: tuple[Option, ...]
    to: str
    then: str
    then_empty: str
    review: str
    paces: tuple[Option, ...]
    own: OwnPace
    course: str
    units: tuple[Option, ...]
    start: str
    earliest: str
    products: tuple[Option, ...]
    times: tuple[Option, ...]
    first: str
    firsts: tuple[Option, ...]
    agreed: bool
    errors: dict[str, str]
    error_list: tuple[tuple[str, str], ...]


_FIELD_IDS = {
    "taken": "taken",
    "days": "days",
    "goal": "goal-discontinue",
    "to": "to",
    "then": "then",
    "review": "review",
    "pace": "pace-0",
    "step": "step",
    "weeks": "weeks",
    "floor": "floor",
    "course": "course",
    "start": "start",
    "products": "product-0",
    "times": "times",
    "first": "first",
    "confirm": "confirm-pdmp",
    "specialist": "specialist",
}


def form_view(planned: Planned, found: Situation) -> FormView:
    """The form as it was typed, with the recommended pace marked and why."""
    form = planned.form
    present = "use as needed" if found.as_needed else f"{found.present_dose}/day"
    goals = {
        Goal.DISCONTINUE: "Discontinue: down to no clonazepam",
        Goal.REDUCE: "Reduce to a lower dose",
        Goal.MAINTAIN: f"Maintain {present} and review",
    }
    count = len(found.intakes)
    times = [Option(AS_NOW, f"As now: {count} a day", form.times == AS_NOW)] if count else []
    times += [Option(str(n), f"{n} a day", form.times == str(n)) for n in (1, 2, 3, 4)]
    return FormView(
        use=None if form.use is None else _use_view(form.use, planned, found),
        goals=tuple(Option(g.value, words, form.goal == g.value) for g, words in goals.items()),
        to=form.to,
        then=form.then,
        then_empty=_then_empty(planned),
        review=form.review,
        paces=_paces(form, found),
        own=form.own,
        course=form.course,
        units=(
            Option(PERCENT, "% of the current dose", form.own.unit == PERCENT),
            Option(MG, "mg", form.own.unit == MG),
        ),
        start=form.start,
        earliest=found.visit.today.isoformat(),
        products=tuple(
            Option(p.rxcui, p.short_name, p.rxcui in form.products) for p in found.tablets
        ),
        times=tuple(times),
        first=form.first,
        firsts=_firsts(form, found),
        agreed=form.agreed,
        errors=dict(form.errors),
        error_list=error_list(form.errors),
    )


def _then_empty(planned: Planned) -> str:
    """What an empty review date means: the day where it is known."""
    schedule = planned.schedule
    if schedule is None or schedule.review_on is None or planned.form.then:
        return "(empty: about three months after that dose begins)"
    return f"(empty: {day_in_plan(schedule.review_on)})"


def _firsts(form: PlanForm, found: Situation) -> tuple[Option, ...]:
    """The intakes, the one that is usually cut first before the others."""
    times = intake_times(form, found)
    if len(times) < 2:
        return ()
    chosen = form.first if form.first in times else times[0]
    return tuple(
        Option(time.value, f"{time.capitalize()}{'' if number else ' (usual)'}", time == chosen)
        for number, time in enumerate(times)
    )


def _use_view(typed: TypedUse, planned: Planned, found: Situation) -> UseView:
    return UseView(
        why=(
            f"{_allowed(found)} Ask what is really taken: a taper is made of that, never of the "
            "most that is allowed."
        ),
        taken=typed.taken,
        days=(
            Option("", "how many days a week", not typed.days),
            *(
                Option(str(n), f"{plural(n, 'day')} a week", typed.days == str(n))
                for n in range(1, 8)
            ),
        ),
        more=more_than_taken(planned, found),
    )


def _allowed(found: Situation) -> str:
    """What the orders allow, as far as they say it."""
    if not found.present.complete:
        return "A part is ordered as needed without a maximum, so the most is not known."
    if found.daily_too:
        return f"A part is ordered every day and a part as needed, up to {found.present} in all."
    return f"The chart allows up to {found.present}, as needed."


def more_than_taken(planned: Planned, found: Situation) -> str | None:
    """What to ask where more is taken as needed than the orders allow."""
    return None if planned.use is None else more_than_ordered(planned.use, found.present)


def _paces(form: PlanForm, found: Situation) -> tuple[Option, ...]:
    """The paces of the site, the recommended first; last a pace and a schedule of one's own."""
    shipped = [
        Option(
            each.id,
            each.title,
            form.pace == each.id,
            each.limits,
            found.recommended_why if each.id == found.recommended.id else None,
        )
        for each in sorted(found.paces, key=lambda p: p.id != found.recommended.id)
    ]
    return (
        *shipped,
        Option(CUSTOM, "Own pace", form.pace == CUSTOM, custom_limits()),
        Option(TYPED, "Own schedule, typed in", form.pace == TYPED, _TYPED),
    )


_TYPED = (
    "Each step is judged by the limits of every taper: a rise, a cut too large, a gap, a dose that "
    "the tablets do not make, a fill that is too short, no end."
)


def error_list(errors: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """For the summary: the id of the field to go to, and the sentence."""
    return tuple((_FIELD_IDS.get(name, "plan"), words) for name, words in errors.items())
