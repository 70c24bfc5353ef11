"""Who uses clonazepam, for how long, and who is older than 65."""

from __future__ import annotations

from clinical.checks.words import listed
from clinical.facts import Unknown
from clinical.measures.case import Case
from clinical.measures.result import MeasureResult, no, not_evaluable, outside, yes

NOT_USED = "no clonazepam in the past {days} days"


def not_used(case: Case) -> str:
    """Why a measure of clonazepam is not asked."""
    return NOT_USED.format(days=case.rules.look_back_days)


def long_term_use(case: Case, days: int | None = None) -> MeasureResult:
    """Clonazepam covers at least so many days of the past year.

    Days that cannot be worked out decide only where they could: enough known days are a yes,
    too few even with them are a no.
    """
    if not case.uses_clonazepam:
        return outside(not_used(case))
    wanted = case.rules.long_term_days if days is None else days
    taken = case.clonazepam
    known, perhaps = taken.covered & case.window, taken.unknown & case.window
    sources = taken.sources(case.window)
    said = f"{len(known)} of the past {case.rules.look_back_days} days covered ({taken.label})"
    if len(known) >= wanted:
        return yes(said, sources)
    if len(known) + len(perhaps) < wanted:
        return no(said, sources)
    unsaid = {u.source for u in taken.unsaid if u.days is not None}
    return not_evaluable(
        f"{said}; {len(perhaps)} more cannot be worked out: {listed(taken.reasons(case.window))}",
        tuple(sorted({*sources, *unsaid})),
    )


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
