"""How much clonazepam a day: today, and against three months ago."""

from __future__ import annotations

from clinical.checks.words import uncounted_reasons
from clinical.measures.case import Case
from clinical.measures.definitions import dose_distribution
from clinical.measures.result import MeasureResult, no, not_evaluable, outside, yes
from clinical.quantities import plain

NOT_TODAY = "no clonazepam order today"


def high_dose(case: Case) -> MeasureResult:
    """The present orders come to the high dose on one day; the known part may suffice."""
    if not case.current:
        return outside(NOT_TODAY)
    total, limit = case.present, case.policy.high_dose_mg_per_day
    sources = tuple(sorted(record.source for record in case.current))
    if total.mg_per_day >= limit:
        return yes(f"{total} is at or above {plain(limit)} mg/day", sources)
    if total.complete:
        return no(f"{total} is under {plain(limit)} mg/day", sources)
    return not_evaluable(f"the dose cannot be said: {uncounted_reasons(total)}", sources)


def dose_today(case: Case) -> tuple[int | None, str | None, str | None]:
    """Micrograms a day (rounded down to whole ones), why not, and the bar it stands in.

    The bar is found from the exact dose. All three are None without clonazepam today.
    """
    if not case.current:
        return None, None, None
    total = case.present
    if not total.complete:
        return None, uncounted_reasons(total), None
    if not total.sources:
        return None, "nothing is to be taken on this day", None
    bar = next(b for b in dose_distribution().bars if b.holds(total.mg_per_day))
    scaled = total.mg_per_day * 1000
    return scaled.numerator // scaled.denominator, None, bar.id
