"""Clonazepam is stopped, or cut too fast, for somebody who is likely to depend on it (ASAM 2).

A fall of more than the cap of every taper (25 % in 14 days, ASAM 6) can bring seizures (LABEL,
FDA2020). The fall is from the present dose to the lowest day of those that the cap speaks of, as
signing brings it about: a dose that ends by its own instructions is no stop, and an order that
ends while another goes on with the same dose is none either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from clinical.checks.words import (
    drug_name,
    listed,
    perhaps_clonazepam,
    uncounted_reasons,
    unidentified_draft,
)
from clinical.daily_dose import DailyDose
from clinical.dependence import Dependence, Likelihood
from clinical.drugs import Drug
from clinical.facts import MedicationRecord, is_clonazepam
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.quantities import plain
from clinical.rules import rule
from clinical.signing import (
    daily_doses_ordered,
    planned_clonazepam,
)
from clinical.standing import ends_said, starts_said
from clinical.taper.pace import conventions
from clinical.taper.schedule import percent_text
from clinical.totals import Total, total_on

EVIDENCE = rule(CheckId.ABRUPT_STOP).sources


@dataclass(frozen=True, slots=True)
class Fall:
    """From the present total to the lowest that signing leads to, on its first such day.

    `whole` is true where nothing is left; `if_replacing` where the new order names no present one,
    so that the fall comes only if it replaces them.
    """

    present: Total
    lowest: Total
    day: date
    whole: bool
    if_replacing: bool


def abrupt_stop(case: OrderCase) -> Verdict:
    """How far the dose falls, then whether the patient is likely to be dependent."""
    stopped = case.stopped
    if not case.ordered and (stopped is None or not stopped.selected):
        unknown = unidentified_draft(case.facts)
        nothing = "no clonazepam is being stopped, and none is ordered"
        return Clear(nothing) if unknown is None else NotEvaluable(unknown)
    fall = _fall(case)
    gap = _why_not_whole(case)
    if isinstance(fall, NotEvaluable):
        return fall
    if fall is None:
        if gap is not None:
            return NotEvaluable(f"whether a present dose is cut is not known: {gap}")
        return Clear(f"no present dose falls by more than {_cap()}")
    return _judged(case, fall, gap)


def _judged(case: OrderCase, fall: Fall, gap: str | None) -> Verdict:
    sources = tuple(dict.fromkeys((*_orders_of(case), *fall.lowest.sources)))
    likely = case.use.dependence
    if isinstance(likely, NotEvaluable):
        return NotEvaluable(
            f"{_what(fall)}; whether dependence is likely is not known: {likely.why}", sources
        )
    if likely.likelihood is not Likelihood.LIKELY:
        if gap is not None:
            return NotEvaluable(
                f"{_what(fall)}; whether dependence is likely is not known: {gap}", sources
            )
        return Clear(
            f"{_what(fall)}; physical dependence is {likely.likelihood.value}: {likely.why}",
            sources,
        )
    other = _other_benzodiazepines(case)
    if other:
        return NotEvaluable(
            f"{_what(fall)}, and {listed(other)} is ordered: whether that makes up for it is not "
            "known, for published ratios differ twofold",
            sources,
        )
    return _fired(case, fall, likely, gap, sources)


def _fired(
    case: OrderCase, fall: Fall, likely: Dependence, gap: str | None, sources: tuple[str, ...]
) -> Fired:
    details = [
        f"A fall of more than {_cap()} can cause seizures: taper from the present dose instead.",
        "Dependence is an estimate from the chart: ask how clonazepam is taken.",
    ]
    severity = Severity.WARNING
    smallest = Fraction(min(p.smallest_piece_ug for p in case.policy.tablets), 1000)
    if fall.present.complete and fall.present.mg_per_day - fall.lowest.mg_per_day <= smallest:
        severity = Severity.INFORMATION
        details[0:1] = [f"The tablets make no smaller cut than {plain(smallest)} mg."]
    if fall.if_replacing:
        details.append("If the present orders continue beside the new one, nothing is cut.")
    if gap is not None:
        details.append(f"The present dose may be incomplete: {gap}.")
    return Fired(
        severity=severity,
        summary=_summary(fall),
        why=f"{_what(fall)}, and physical dependence is likely: {likely.why}",
        sources=sources,
        evidence=EVIDENCE,
        details=tuple(details),
    )


# --- the fall -------------------------------------------------------------------------------


def _fall(case: OrderCase) -> Fall | NotEvaluable | None:
    """The fall that signing brings about, if it is above the cap; why it cannot be said; None."""
    before = case.before
    present = total_on(before, case.on)
    if not (present.mg_per_day or present.uncounted):
        return None
    course = _Course.of(case, before)
    if not (course.new or course.going_on or course.planned):
        day = case.on + timedelta(days=1)
        return Fall(present, total_on((), day), day, whole=True, if_replacing=False)
    days = list(course.days_that_fall(case.on))
    least = min(
        ((total, day) for day, total in days if total.complete),
        key=lambda it: (it[0].mg_per_day, it[1]),
        default=None,
    )
    if least is not None and least[0].mg_per_day < present.mg_per_day * (1 - conventions().cap):
        total, day = least
        return Fall(present, total, day, not total.sources, course.if_replacing)
    if not days:
        return None
    for what, doses in (("new", [total for _, total in days]), ("present", [present])):
        for unknown in (total for total in doses if not total.complete):
            return NotEvaluable(
                f"the {what} dose cannot be computed ({uncounted_reasons(unknown)})",
                tuple(item.source for item in unknown.uncounted),
            )
    return None


@dataclass(frozen=True, slots=True)
class _Course:
    """What is taken after signing: `new` orders, and present ones that are `going_on`.

    `handed_over` are present orders that stand until a new one begins; `planned` start later.
    `before` is what would be taken if nothing were signed.
    """

    before: tuple[MedicationRecord, ...]
    new: tuple[MedicationRecord, ...]
    going_on: tuple[MedicationRecord, ...]
    handed_over: tuple[MedicationRecord, ...]
    planned: tuple[MedicationRecord, ...]
    if_replacing: bool

    @staticmethod
    def of(case: OrderCase, before: tuple[MedicationRecord, ...]) -> _Course:
        facts, on = case.facts, case.on
        new = daily_doses_ordered(facts, on)
        named = {source for draft in new for source in (draft.source, *draft.replaces)}
        rest = tuple(r for r in before if r.source not in case.ended)
        handed_over = tuple(r for r in rest if r.source in named)
        going_on = tuple(r for r in rest if r.source not in named)
        linked = {r.source for r in before}
        # As for the thresholds: a new order that names no present one is taken to replace them.
        if_replacing = (
            bool(going_on)
            and len(rest) == len(before)
            and any(not linked & {d.source, *d.replaces} for d in new)
        )
        if if_replacing:
            going_on, handed_over = (), rest
        return _Course(
            before=before,
            new=new,
            going_on=going_on,
            handed_over=handed_over,
            planned=planned_clonazepam(facts, on),
            if_replacing=if_replacing,
        )

    def days_that_fall(self, on: date) -> Iterator[tuple[date, Total]]:
        """The days that the cap speaks of on which less is taken than without signing.

        Of days on which the same is taken only the first.
        """
        begins = min((starts_said(draft) or on for draft in self.new), default=on)
        for day in self._turns(on):
            there = [*self.going_on, *(self.handed_over if day < begins else ())]
            coming = [*self.new, *self.planned]
            there += [r for r in coming if (starts_said(r) or on) <= day]
            total = total_on(there, day)
            nothing = not (total.sources or total.uncounted)
            if nothing and any(_is_over(r, day) for r in (*self.new, *self.going_on)):
                continue  # it ends by its own instructions: the next supply is another decision
            unsigned = total_on((*self.before, *self.planned), day)
            if not unsigned.complete or total.mg_per_day < unsigned.mg_per_day:
                yield day, total

    def _turns(self, on: date) -> list[date]:
        """The days on which what is taken can change, as far as the cap reaches.

        From the next day on, for what is stopped may have been taken on this one.
        """
        first, end = on + timedelta(days=1), on + timedelta(days=conventions().cap_days)
        turns = {first}
        for record in (*self.new, *self.before, *self.planned):
            course = record.course
            own, written = (record.period_starts, record.period_ends), (course.starts, course.ends)
            for begins, last in (own, written, *((s.starts, s.ends) for s in course.steps)):
                if begins is not None:
                    turns.add(begins)
                if last is not None and last < end:
                    turns.add(last + timedelta(days=1))
        return sorted(day for day in turns if first <= day < end)


def _is_over(record: MedicationRecord, day: date) -> bool:
    ends = ends_said(record)
    return ends is not None and ends < day


# --- words and what is beside it ------------------------------------------------------------


def _why_not_whole(case: OrderCase) -> str | None:
    """Why the present clonazepam may be more than is known; None when it is all there."""
    gap = case.facts.medications_gap
    if gap is not None:
        return gap.why
    return perhaps_clonazepam(case.taken)


def _other_benzodiazepines(case: OrderCase) -> list[str]:
    """Other benzodiazepines that are ordered along and taken every day."""
    names = {
        drug_name(record): None
        for record in case.drafted
        if isinstance(record.drug, Drug)
        and "benzodiazepine" in record.drug.classes
        and not is_clonazepam(record)
        and not (record.course.single_dose or record.inpatient)
        and not (isinstance(record.course.overall, DailyDose) and record.course.overall.as_needed)
    }
    return list(names)


def _orders_of(case: OrderCase) -> tuple[str, ...]:
    drafts = () if case.stopped is None else (r.source for r in case.stopped.drafts)
    return (*drafts, *(r.source for r in case.before))


def _summary(fall: Fall) -> str:
    """What follows "clonazepam": "2 mg/day is being stopped at once", "cut from ... to ..."."""
    known = fall.present.complete
    if fall.whole:
        return f"{fall.present} is being stopped at once" if known else "is being stopped at once"
    return f"cut{f' from {fall.present}' if known else ''} to {fall.lowest}"


def _what(fall: Fall) -> str:
    if fall.whole:
        dose = f" {fall.present}" if fall.present.complete else ""
        return f"clonazepam{dose} is stopped at once"
    said = f"clonazepam is {_summary(fall)}"
    if fall.present.complete:
        share = 1 - fall.lowest.mg_per_day / fall.present.mg_per_day
        said += f", by {percent_text(share, conventions().cap)}"
    return said


def _cap() -> str:
    shared = conventions()
    return f"{plain(shared.cap * 100)} % in {shared.cap_days} days"
