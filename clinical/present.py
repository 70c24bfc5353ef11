"""What the present orders tell a plan: since when, how, and whether the same every day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from clinical.checks.words import drug_name
from clinical.daily_dose import DailyDose
from clinical.dependence import Dependence, dependence
from clinical.dose_course import dose_on
from clinical.dose_history import DoseHistory, dose_history
from clinical.duration import PresentUse, clonazepam_days, present_use
from clinical.facts import MedicationRecord, PatientFacts
from clinical.findings import NotEvaluable
from clinical.policy import Policy
from clinical.quantities import Milligrams, plain
from clinical.taper.request import TIMES_OF_DAY
from clinical.tapers import EarlierTaper, TaperEnd, earlier_tapers, taper_signs, tapers


@dataclass(frozen=True, slots=True)
class Use:
    """What the chart tells of the use until the day: since when, how dependent, earlier tapers."""

    present: PresentUse
    dependence: Dependence | NotEvaluable
    earlier: tuple[EarlierTaper, ...]

    def long_for(self, policy: Policy) -> bool:
        """Whether it has lasted for over a year; use that is not known to be long is not long."""
        since = self.present.at_most_since
        days = timedelta(days=policy.pace_for_long_use_days)
        return since is not None and since <= self.present.on - days

    @property
    def failed(self) -> EarlierTaper | None:
        """The latest earlier taper that went back up."""
        back = [it for it in self.earlier if it.end is TaperEnd.BACK_UP]
        return back[-1] if back else None


def use_of(
    facts: PatientFacts,
    current: Sequence[MedicationRecord],
    on: date,
    policy: Policy,
    told: DoseHistory | None = None,
) -> Use:
    """The use until the day; `told` is the dose over time where it was made already."""
    history = told if told is not None else dose_history(facts, on)
    present = present_use(facts, on, policy)
    signs = taper_signs()
    found = tapers(facts, history.stretches, on, signs)
    return Use(
        present=present,
        dependence=dependence(present, history, current),
        earlier=earlier_tapers(
            found, history.stretches, clonazepam_days(facts, on, policy), on, signs
        ),
    )


def why_not_steady(current: Sequence[MedicationRecord], on: date) -> str | None:
    """Why the present dose is not one and the same every day; None when it is.

    A taper starts every day from the present dose. Of 2 mg every other day, of "as needed, at
    most 2 mg" or of "1 or 2 tablets" the highest day is what a threshold needs, but 1.875 mg
    every day would be a rise for whoever takes less: what is taken has to be asked first.
    """
    for record in current:
        dose = dose_on(record.course, on)
        if not isinstance(dose, DailyDose):
            continue
        span = f"from {plain(dose.low)} to {plain(dose.high)} {dose.unit}/day"
        if dose.as_needed:
            return f"{drug_name(record)} is taken as needed, {span}"
        if dose.low != dose.high:
            return f"{drug_name(record)} is taken {span}"
        if dose.peak_day != dose.high:
            return (
                f"{drug_name(record)} is not the same every day: "
                f"{plain(dose.high)} {dose.unit}/day on average, "
                f"at most {plain(dose.peak_day)} {dose.unit} on one day"
            )
    return None


def partly_as_needed(current: Sequence[MedicationRecord], on: date) -> bool:
    """Whether what is taken can be asked: a part is as needed, and of the rest the dose is known.

    As needed without a maximum counts too: nobody needs the most where it is asked what is taken.
    """
    doses = [dose for record in current if (dose := dose_on(record.course, on)) is not None]
    known = all(isinstance(it, DailyDose) or it.as_needed for it in doses)
    return known and any(it.as_needed for it in doses)


def present_intakes(current: Sequence[MedicationRecord]) -> tuple[Milligrams, ...]:
    """The present intakes, smallest first (the largest is taken at night), as far as known."""
    parts: list[Milligrams] = []
    for record in current:
        dose, count = record.course.overall, record.course.intakes_per_day
        if not isinstance(dose, DailyDose) or not count:
            return ()
        if len(parts) + count > max(TIMES_OF_DAY):  # a list of a thousand million would be made
            return ()
        parts += [Milligrams(dose.peak_day / count)] * count
    return tuple(sorted(parts)) if len(parts) in TIMES_OF_DAY else ()
