"""Whether the chart says that the patient is pregnant: by its codes, and by a recorded status.

Both go out of date. A code that is older than a pregnancy lasts says nothing any more; a status
that is recorded after the code began tells what is so since. Where their days do not decide, the
patient is taken to be pregnant, and both are told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from clinical.checks.charted import sources_of
from clinical.checks.words import listed
from clinical.facts import ConditionFact, ObservationFact, PatientFacts, Unknown
from clinical.policy import Policy

CONCEPT = "pregnancy"
STATUS = "pregnant"


@dataclass(frozen=True, slots=True)
class Pregnancy:
    """What the chart tells. `pregnant` is None where a list that is missing would decide."""

    pregnant: bool | None
    why: str
    sources: tuple[str, ...] = ()


def pregnancy_told(facts: PatientFacts, on: date, policy: Policy) -> Pregnancy:
    """The answer of the chart on the day, with all that speaks for and against it."""
    earliest = on - timedelta(days=policy.pregnancy_days)
    coded = facts.has_condition(CONCEPT)
    lasting = tuple(c for c in coded if c.onset is None or c.onset >= earliest)
    status = facts.latest_observed(STATUS, on)
    dated = None if status is None else status.observed_on
    too_old = status is not None and dated is not None and dated < earliest
    sources = (*sources_of(coded), *(() if status is None else (status.source,)))
    why = "; ".join([*_coded_words(coded, lasting, policy), *_status_words(status)])
    if status is not None and status.value is True and not too_old:
        return Pregnancy(True, why, sources)
    if lasting and not _ended_since(lasting, status):
        return Pregnancy(True, why, sources)
    gaps = [gap.why for gap in (facts.conditions_gap, facts.observations_gap) if gap is not None]
    if gaps:
        said = "; ".join([*([why] if why else []), *dict.fromkeys(gaps)])
        return Pregnancy(None, f"whether the patient is pregnant is not known: {said}", sources)
    if why:
        return Pregnancy(False, why, sources)
    asked = f"; {facts.observations.why}" if isinstance(facts.observations, Unknown) else ""
    return Pregnancy(False, f"no pregnancy is in the chart{asked}")


def _ended_since(coded: tuple[ConditionFact, ...], status: ObservationFact | None) -> bool:
    """Whether "not pregnant" was recorded after every code began."""
    if status is None or status.value is True or status.observed_on is None:
        return False
    return all(c.onset is not None and c.onset < status.observed_on for c in coded)


def _coded_words(
    coded: tuple[ConditionFact, ...], lasting: tuple[ConditionFact, ...], policy: Policy
) -> list[str]:
    if lasting:
        days = [c.onset.isoformat() for c in lasting if c.onset is not None]
        since = f" since {max(days)}" if days else ""
        sure = "" if any(c.confirmed for c in lasting) else " (not confirmed)"
        return [f"pregnancy{since} is in the chart{sure}"]
    old = [c.onset.isoformat() for c in coded if c.onset is not None]
    if not old:
        return []
    return [f"the pregnancy of {listed(old)} is more than {policy.pregnancy_days} days old"]


def _status_words(status: ObservationFact | None) -> list[str]:
    if status is None:
        return []
    day = status.observed_on
    said = "pregnant" if status.value is True else "not pregnant"
    return [f'"{said}" was recorded {"on an unknown day" if day is None else f"on {day}"}']
