"""Who uses clonazepam, for how long, who stopped, came or left, and who is 65 or older."""

from __future__ import annotations

from clinical import duration
from clinical.checks.words import listed
from clinical.day_set import DaySet
from clinical.exposure import Basis
from clinical.facts import Unknown
from clinical.measures.case import Case
from clinical.measures.result import (
    MeasureResult,
    PatientMeasures,
    no,
    not_evaluable,
    outside,
    yes,
)

ON_TODAY = "clonazepam-today"
"""The group of patients with a present order of clonazepam."""
NO_NIGHT_BEFORE = "there is no report of the night before to compare with"


def not_used(case: Case) -> str:
    """Why a measure of clonazepam is not asked."""
    return f"no clonazepam in the past {case.rules.look_back_days} days"


def long_term_use(case: Case, days: int | None = None) -> MeasureResult:
    """Clonazepam covers at least so many days of the past year.

    Days that cannot be worked out decide only where they could: enough known days are a yes,
    too few even with them are a no.
    """
    if not case.uses_clonazepam:
        return outside(not_used(case))
    wanted = case.rules.long_term_days if days is None else days
    use = duration.long_term_use(case.clonazepam, case.window, wanted)
    if use.met is None:
        return not_evaluable(f"{use.said}; {use.unsaid}", use.sources)
    return yes(use.said, use.sources) if use.met else no(use.said, use.sources)


def older_adult(case: Case) -> MeasureResult:
    """Whether the birthday from which the older-adult check fires has been reached."""
    if not case.uses_clonazepam:
        return outside(not_used(case))
    return aged(case)


def aged(case: Case) -> MeasureResult:
    """Whether the patient is an older adult, of whom it is asked at all."""
    born = case.facts.birth_date
    if isinstance(born, Unknown):
        return not_evaluable(born.why)
    limit = case.policy.older_adult_from_years
    youngest, oldest = born.youngest_age_on(case.on), born.oldest_age_on(case.on)
    if youngest >= limit:
        return yes(f"age {youngest}")
    if oldest < limit:
        return no(f"age {oldest}")
    return not_evaluable(f"the birth date is not exact: the age is {youngest} to {oldest}")


def discontinued(case: Case, gap: int | None = None) -> MeasureResult:
    """Covered in the past year, and no longer: more than a gap of uncovered days until today."""
    taken, longest_gap = case.clonazepam, case.rules.gap_days if gap is None else gap
    known, perhaps = taken.covered & case.window, taken.perhaps() & case.window
    if not len(known):
        if len(perhaps):
            return not_evaluable(
                f"no day is known to be covered: {listed(taken.reasons(case.window))}"
            )
        return outside("no day of clonazepam in the past year is covered")
    last, last_perhaps = known.last_before(case.on), perhaps.last_before(case.on)
    if last is None or last_perhaps is None:  # pragma: no cover - both hold a day
        raise AssertionError("a set of days that holds one has a last one")
    sources = taken.sources(DaySet.between(last, last))
    uncovered = (case.on - last).days
    said = f"last covered on {last.isoformat()}, {uncovered} days ago ({taken.label})"
    if uncovered <= longest_gap:
        return no(said, sources)
    if (case.on - last_perhaps).days > longest_gap:
        return yes(said, sources)
    since = DaySet.between(last, case.on)
    return not_evaluable(f"{said}; whether later is not known: {listed(taken.reasons(since))}")


def supply_ending(case: Case) -> MeasureResult:
    """The supply covers today and ends within days, with no other supply behind it."""
    taken = case.clonazepam
    ends = taken.covered.run_from(case.on)
    if ends is not None and taken.bases == {Basis.REPORTED}:
        sources = taken.sources(DaySet.between(case.on, case.on))
        return not_evaluable("a statement says nothing of a supply", sources)
    if ends is None:
        if case.on in taken.unknown:
            today = DaySet.between(case.on, case.on)
            return not_evaluable(
                f"whether supply covers today is not known: {listed(taken.reasons(today))}"
            )
        return outside("no supply of clonazepam covers today")
    left = (ends - case.on).days
    sources = taken.sources(DaySet.between(case.on, ends))
    said = f"covered until {ends.isoformat()}, {left} more days ({taken.label})"
    return yes(said, sources) if left <= case.rules.supply_warning_days else no(said, sources)


def new_since(case: Case, before: PatientMeasures | None) -> MeasureResult:
    """On clonazepam today and not in the report of the night before."""
    if not case.current:
        return outside("not on clonazepam today")
    if before is None:
        return not_evaluable(NO_NIGHT_BEFORE)
    sources = tuple(sorted(record.source for record in case.current))
    if ON_TODAY in before.groups:
        return no("on clonazepam last night too", sources)
    return yes("not on clonazepam in the report of last night", sources)


def left_since(case: Case, before: PatientMeasures | None) -> MeasureResult:
    """On clonazepam in the report of the night before and not today."""
    if before is None:
        if case.current or not case.uses_clonazepam:
            return outside(NO_NIGHT_BEFORE)
        return not_evaluable(NO_NIGHT_BEFORE)
    if ON_TODAY not in before.groups:
        return outside("not on clonazepam last night")
    if case.current:
        return no("still on clonazepam", tuple(sorted(r.source for r in case.current)))
    return yes("no order, statement or supply of clonazepam stands today")
