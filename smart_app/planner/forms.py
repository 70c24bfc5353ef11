"""The plan as it is asked for: what was typed, what is wrong with it, and the request it makes.

Everything typed is kept as text and shown again; nothing wrong is replaced by a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from urllib.parse import urlencode

from clinical.kinetics import DoseCurve, dose_curve
from clinical.quantities import MalformedQuantity, Milligrams
from clinical.taper import (
    CUSTOM,
    CUT_ORDER,
    TIMES_OF_DAY,
    TYPED,
    CannotTaper,
    IntakeTime,
    Pace,
    Schedule,
    TabletProduct,
    TakenAsNeeded,
    TaperRequest,
    cut_order_from,
    plan,
    proposed_review,
    read_typed,
    refuse_rare,
)
from clinical.taper.intakes import present_regimen
from clinical.taper.typed import typed_pace
from smart_app.planner.as_needed import ASKED, TypedUse, read_use, use_of_answers
from smart_app.planner.own_pace import OwnPace, own_pace, read_own_pace
from smart_app.planner.situation import Situation
from smart_app.planner.typed import Fields, amount, shortened, text_of
from smart_app.planner.words import day_in_plan

AS_NOW = "now"
_LONGEST_COURSE = 4000


class Goal(StrEnum):
    """What the plan is for."""

    DISCONTINUE = "discontinue"
    REDUCE = "reduce"
    MAINTAIN = "maintain"


@dataclass(frozen=True, slots=True)
class PlanForm:
    """The fields as typed. `to` is mg/day, `then` when that is looked at again (empty: the proposed
    day); `start`, `then` and `review` are ISO dates as text.

    `times` is "now" or 1 to 4, `first` which intake is cut first (empty: the usual one). `own` is
    what the pace of the prescriber's own is, where that is the `pace`; `course` the lines of a
    schedule that is typed in. `use` is what is really taken, None where the chart says it.
    `agreed`: a specialist has agreed to what stops a taper; who, and why, is asked when the plan is
    saved and stands in no address. `errors` are by field name, each a sentence.
    """

    use: TypedUse | None
    goal: str
    to: str
    then: str
    review: str
    pace: str
    own: OwnPace
    course: str
    start: str
    products: tuple[str, ...]
    times: str
    first: str
    agreed: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def query(self) -> str:
        """The same as URL parameters, in one order, so that a link finds this plan again."""
        return urlencode(list(self.pairs))

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Name and value of every field, as a form sends them."""
        return (
            ("form", "1"),
            *(() if self.use is None else self.use.pairs),
            ("goal", self.goal),
            ("to", self.to),
            ("then", self.then),
            ("review", self.review),
            ("pace", self.pace),
            *self.own.pairs,
            *((("course", self.course),) if self.course else ()),
            ("start", self.start),
            *(("products", code) for code in self.products),
            ("times", self.times),
            ("first", self.first),
            *((("agreed", "1"),) if self.agreed else ()),
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """The form, and the schedule it makes or, to maintain, the day of review; else neither.

    `use` is what is taken as needed, where that was answered; `instead` is what to do where no
    daily schedule is made of it. `curve` is the illustrative level of the schedule, None where
    the present dose is not the same each day; `recommended` the schedule at the recommended
    pace, where another one was chosen. `forbids` says why a schedule that was typed in is judged
    only, and not saved. `request` is what the schedule was asked with.
    """

    form: PlanForm
    use: TakenAsNeeded | None = None
    instead: str | None = None
    schedule: Schedule | None = None
    curve: DoseCurve | None = None
    recommended: Schedule | None = None
    review_on: date | None = None
    forbids: tuple[str, ...] = ()
    request: TaperRequest | None = None

    @property
    def why_none(self) -> tuple[str, ...]:
        """Why there is nothing to show yet: what is wrong, or what is asked; else empty."""
        if self.schedule or self.review_on or self.instead or self.forbids:
            return ()
        return tuple(self.form.errors.values()) or (ASKED,)


def read_form(given: Fields, found: Situation) -> PlanForm:
    """The form as typed; what a link does not name takes the recommended value."""
    today = found.visit.today
    # A form without a ticked box sends no `products`: only a link means "the default ones".
    products = tuple(given.getlist("products"))
    if not products and "form" not in given:
        products = tuple(product.rxcui for product in found.tablets)
    return PlanForm(
        use=read_use(given, daily_too=found.daily_too) if found.as_needed else None,
        goal=text_of(given, "goal", Goal.DISCONTINUE),
        to=text_of(given, "to", ""),
        then=text_of(given, "then", ""),
        review=text_of(given, "review", proposed_review(today).isoformat()),
        pace=text_of(given, "pace", found.recommended.id),
        own=read_own_pace(given, found.recommended),
        course=given.get("course", "")[:_LONGEST_COURSE],
        start=text_of(given, "start", today.isoformat()),
        products=tuple(dict.fromkeys(shortened(code) for code in products[:40])),
        times=text_of(given, "times", AS_NOW if found.intakes else "1"),
        first=text_of(given, "first", ""),
        agreed=bool(found.overridden),
    )


def make_plan(form: PlanForm, found: Situation) -> Planned:
    """The schedule that the form asks for, or the form with its errors."""
    errors: dict[str, str] = {}
    today = found.visit.today
    if form.goal not in set(Goal):
        errors["goal"] = "Choose to discontinue, to reduce or to maintain."
    answered = form.use is not None and not form.use.is_empty
    use = None
    if form.use is not None and answered:
        use = use_of_answers(form.use, errors, daily_too=found.daily_too)
    if form.goal == Goal.MAINTAIN:
        review_on = _day(form.review, "review", today, errors)
        if review_on == today:
            errors["review"] = "Choose a day after today: the dose stays until its review."
        return Planned(_with(form, errors), use, review_on=None if errors else review_on)
    if form.use is not None and not answered:
        return Planned(_with(form, errors))
    instead = None if use is None else _instead_of_a_schedule(use)
    if instead is not None:
        return Planned(form, use, instead)
    request = _request(form, found, use, errors)
    if request is None:
        return Planned(_with(form, errors), use)
    if form.pace == TYPED:
        return _typed_in(form, found, use, request)
    try:
        schedule = _reviewed(request)
    except CannotTaper as refusal:
        return Planned(_with(form, {_blame(form, request, found): str(refusal)}), use)
    curve = None
    if schedule.as_needed is None:
        curve = dose_curve(schedule, present_regimen(request))
    return Planned(
        form,
        use,
        schedule=schedule,
        curve=curve,
        recommended=_at_recommended_pace(request, found),
        request=replace(request, review_on=schedule.review_on),
    )


def _typed_in(
    form: PlanForm, found: Situation, use: TakenAsNeeded | None, request: TaperRequest
) -> Planned:
    """The schedule as it was typed, with what the limits say of it."""
    try:
        typed = read_typed(form.course, request)
        starts_on, ends_on = typed.course[0].starts, typed.course[-1].starts
        if request.to_mg.value and request.review_on is None:
            request = replace(request, review_on=proposed_review(ends_on))
            typed = read_typed(form.course, request)
    except CannotTaper as refusal:
        return Planned(_with(form, {"course": str(refusal)}), use)
    errors = {}
    if starts_on < found.visit.today:
        errors["course"] = (
            f"The first line begins on {day_in_plan(starts_on)}: choose today, "
            f"{day_in_plan(found.visit.today)}, or a later day."
        )
    if request.review_on is not None and request.review_on <= ends_on:
        errors["then"] = (
            f"Choose a review later than {day_in_plan(ends_on)}, when {request.to_mg}/day begins."
        )
    if errors:
        return Planned(_with(form, errors), use)
    curve = None
    if typed.schedule is not None and not typed.forbids and use is None:
        curve = dose_curve(typed.schedule, present_regimen(request))
    recommended = _at_recommended_pace(replace(request, starts_on=starts_on), found)
    return Planned(
        form,
        use,
        schedule=typed.schedule,
        curve=curve,
        recommended=recommended,
        forbids=typed.forbids,
        request=typed.request,
    )


def _instead_of_a_schedule(use: TakenAsNeeded) -> str | None:
    """What to do where the use is too rare for a daily schedule."""
    try:
        refuse_rare(use)
    except CannotTaper as refusal:
        return str(refusal)
    return None


def _at_recommended_pace(request: TaperRequest, found: Situation) -> Schedule | None:
    """What to compare a chosen pace with; None where it is that pace or cannot be made."""
    if request.pace.id == found.recommended.id:
        return None
    try:
        return _reviewed(replace(request, pace=found.recommended, review_on=None))
    except CannotTaper:
        return None


def _reviewed(request: TaperRequest) -> Schedule:
    """The schedule; a dose that stays is looked at again, on the proposed day unless one is given.

    Raises CannotTaper.
    """
    schedule = plan(request)
    if request.to_mg.value == 0 or request.review_on is not None:
        return schedule
    try:
        return plan(replace(request, review_on=proposed_review(schedule.ends_on)))
    except OverflowError:
        return schedule  # never: the calendar holds a year after every schedule


def _request(
    form: PlanForm, found: Situation, use: TakenAsNeeded | None, errors: dict[str, str]
) -> TaperRequest | None:
    present = found.present_dose if use is None else use.average
    goal = _goal_dose(form, present, errors)
    starts_on = _day(form.start, "start", found.visit.today, errors)
    review_on = None
    if form.goal == Goal.REDUCE and form.then:
        review_on = _day(form.then, "then", found.visit.today, errors)
    pace = _pace(form, found, errors)
    products = _products(form, found)
    if not products:
        errors["products"] = (
            "Choose tablets from the list."
            if form.products
            else "Choose at least one tablet that the taper may be made of."
        )
    as_now = form.times == AS_NOW and bool(found.intakes)
    if not as_now and form.times not in {"1", "2", "3", "4"}:
        errors["times"] = "Choose 1 to 4 intakes a day."
    if form.first not in {"", *IntakeTime}:
        errors["first"] = "Choose which intake is cut first."
    if errors or goal is None or starts_on is None or pace is None:
        return None
    return TaperRequest(
        from_mg=present,
        to_mg=goal,
        starts_on=starts_on,
        pace=pace,
        products=products,
        intakes=found.intakes if as_now else (),
        times_per_day=1 if as_now else int(form.times),
        cut_order=cut_order_from(IntakeTime(form.first)) if form.first else CUT_ORDER,
        review_on=review_on,
        as_needed=use,
    )


def intake_times(form: PlanForm, found: Situation) -> tuple[IntakeTime, ...]:
    """The intakes of a day, in the order in which they are cut unless another one is first."""
    count = (
        len(found.intakes)
        if form.times == AS_NOW
        else (int(form.times) if form.times.isdecimal() else 0)
    )
    times = TIMES_OF_DAY.get(count, ())
    return tuple(time for time in CUT_ORDER if time in times)


def _pace(form: PlanForm, found: Situation, errors: dict[str, str]) -> Pace | None:
    if form.pace == CUSTOM:
        return own_pace(form.own, errors)
    if form.pace == TYPED:
        return typed_pace(Milligrams(Fraction(1)), 1)  # the lines say the pace
    known = {each.id: each for each in found.paces}
    if form.pace not in known:
        errors["pace"] = "Choose one of the paces."
    return known.get(form.pace)


def _products(form: PlanForm, found: Situation) -> tuple[TabletProduct, ...]:
    """The ticked tablets; none where nothing is ticked, or what the pharmacy does not stock."""
    stocked = {tablet.rxcui: tablet for tablet in found.tablets}
    if not set(form.products) <= stocked.keys():
        return ()
    return tuple(stocked[code] for code in form.products)


def _goal_dose(form: PlanForm, present: Milligrams, errors: dict[str, str]) -> Milligrams | None:
    if form.goal != Goal.REDUCE:
        return Milligrams(Fraction(0))
    try:
        dose = Milligrams(amount(form.to, "mg"))
    except MalformedQuantity:
        errors["to"] = f"Enter the dose to reduce to in mg/day, below {present}: for example 0.5."
        return None
    if dose >= present:
        errors["to"] = f"Enter a dose below the present {present}/day: a taper never raises it."
    return dose


def _day(text: str, name: str, today: date, errors: dict[str, str]) -> date | None:
    """The date, which is today or later; an error that says which dates are good otherwise."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        errors[name] = f"Enter a date as year-month-day: for example {today.isoformat()}."
        return None
    if day < today:
        errors[name] = f"Choose today, {day_in_plan(today)}, or a later day."
        return None
    return day


def _blame(form: PlanForm, request: TaperRequest, found: Situation) -> str:
    """The field that a refused plan is best mended at."""
    if request.review_on is not None and _is_planned(replace(request, review_on=None)):
        return "then"
    if form.goal == Goal.REDUCE and not request.box.makes(request.to_mg.value * 1000):
        return "to"
    if request.starts_on > found.visit.today + timedelta(days=36500):
        return "start"
    if request.box.below(request.from_mg.value * 1000) == 0:
        return "products"
    if request.pace.id != CUSTOM:
        return "pace"
    without_floor = replace(request, pace=replace(request.pace, floor_ug=0))
    return "floor" if _is_planned(without_floor) else "step"


def _is_planned(request: TaperRequest) -> bool:
    try:
        plan(request)
    except CannotTaper:
        return False
    return True


def _with(form: PlanForm, errors: Mapping[str, str]) -> PlanForm:
    return replace(form, errors=dict(errors))
