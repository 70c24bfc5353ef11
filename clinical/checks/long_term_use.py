"""Long-term use: most of a patient's risk with clonazepam comes with the months (PQA, ASAM).

Days count when a record covers them with a dose that is known (CLINICAL 9: at least 120 of the
past 365). Days whose dose or end is not known are not counted, and are said: they decide only
whether "no" can be answered. Use so long, on most days of a week, makes dependence likely at any
dose (ASAM, table 2): something to ask about, never a diagnosis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from clinical.checks.words import listed
from clinical.dose_history import DoseHistory, Known, Stretch, dose_history
from clinical.facts import PatientFacts
from clinical.findings import Clear, Fired, NotEvaluable, SetAside, Severity, Verdict
from clinical.policy import Policy

EVIDENCE = ("PQA", "ASAM")

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Use:
    """Days of the window with a known dose, and days of which it is not known whether.

    `since` is the first day of the present use, as far as known doses tell: up to the policy's
    days without one do not interrupt it. None when no known dose reaches so close to the end.
    """

    covered: int
    unknown: int
    unknown_whys: tuple[str, ...]
    since: date | None
    sources: tuple[str, ...]


def use_until(history: DoseHistory, on: date, policy: Policy) -> Use:
    """The use of the window that ends with the day, the day included."""
    first = on - timedelta(days=policy.long_term_window_days - 1)
    covered = unknown = 0
    whys: dict[str, None] = {}
    sources: dict[str, None] = {}
    for stretch, days in _within(history, first, on):
        if isinstance(stretch.dose, Known):
            if stretch.dose.high > 0:
                covered += days
                sources |= dict.fromkeys(stretch.dose.sources)
        elif not stretch.dose.no_order:
            unknown += days
            whys[stretch.dose.why] = None
            sources |= dict.fromkeys(stretch.dose.sources)
    since = _since(history, on, policy.use_gap_days)
    return Use(covered, unknown, tuple(whys), since, tuple(sources))


def _within(history: DoseHistory, first: date, on: date) -> Iterator[tuple[Stretch, int]]:
    """Each stretch that reaches into the window, with its days there."""
    for stretch in history.stretches:
        days = (min(stretch.ends, on) - max(stretch.starts, first)).days + 1
        if days > 0:
            yield stretch, days


def _since(history: DoseHistory, on: date, gap_days: int) -> date | None:
    since: date | None = None
    for stretch in reversed(history.stretches):
        if not isinstance(stretch.dose, Known):
            continue
        if ((since or on + _DAY) - stretch.ends).days - 1 > gap_days:
            break
        since = stretch.starts
    return since


def long_term_use(
    facts: PatientFacts, on: date, policy: Policy, history: DoseHistory | None = None
) -> Verdict:
    """Whether clonazepam was used on enough days; `history` where it was made already.

    It fires on the known days alone; a list that is incomplete, and days that are not known,
    only keep it from being clear.
    """
    if facts.deceased is True:
        return SetAside("the chart says that the patient has died")
    told = history if history is not None else dose_history(facts, on)
    use = use_until(told, on, policy)
    counted = f"{use.covered} of the past {policy.long_term_window_days} days"
    least = policy.long_term_days
    if use.covered >= least:
        return Fired(
            severity=Severity.INFORMATION,
            summary="long-term use",
            why=f"orders cover {counted} with a known dose; long-term use is {least} or more",
            sources=use.sources,
            evidence=EVIDENCE,
            details=_unknown_days(use),
        )
    if facts.medications_gap is not None:
        why = f"known orders cover {counted}, and {facts.medications_gap.why}"
        return NotEvaluable(why, use.sources)
    if use.covered + use.unknown >= least:
        why = f"known orders cover {counted}; {'; '.join(_unknown_days(use))}"
        return NotEvaluable(why, use.sources)
    if not told.stretches:
        return Clear("no clonazepam order with a date is in the chart")
    return Clear(f"orders cover {counted}; long-term use is {least} or more", use.sources)


def _unknown_days(use: Use) -> tuple[str, ...]:
    if not use.unknown:
        return ()
    days = "1 day is" if use.unknown == 1 else f"{use.unknown} days are"
    return (f"{days} not counted: {listed(use.unknown_whys)}",)
