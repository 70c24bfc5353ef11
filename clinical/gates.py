"""What stands between a finding and a taper draft (CLINICAL section 6, Gates).

A *stop* gate allows no draft: the taper needs somebody with another training, or another
place. A *coordinate* gate allows drafts with a notice. A gate that cannot be looked up stops,
because a missing record does not say that there is no seizure disorder. Which gates there are,
their words and numbers stand in `knowledge/gates.toml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from typing import Any

from clinical.facts import ConditionFact, MedicationRecord, PatientFacts, Unknown
from clinical.findings import Assessment, CheckId, Fired
from clinical.indication import clonazepam_orders, conditions_and_reasons
from clinical.knowledge import document
from clinical.policy import Policy
from clinical.pregnancy import pregnancy_told
from clinical.quantities import plain

ITEM_9 = "phq9_item9"


@dataclass(frozen=True, slots=True)
class Gate:
    """One reason, in words, the source keys that it rests on, and the records that it comes from.

    `id` is its name in `knowledge/gates.toml`.
    """

    why: str
    evidence: tuple[str, ...]
    sources: tuple[str, ...] = ()
    id: str = ""


def stop_gates(facts: PatientFacts, on: date, policy: Policy) -> tuple[Gate, ...]:
    """Why no taper draft may be offered; empty when nothing stops it."""
    return (
        *_age(facts, on, policy),
        *_unknown_conditions(facts),
        *_conditions(facts, on, policy),
        *_pregnancy(facts, on, policy),
        *_item_9(facts, on, policy),
    )


def coordinate_gates(assessment: Assessment) -> tuple[Gate, ...]:
    """What a prescriber should agree with others before the taper starts."""
    opioid = assessment.verdict(CheckId.OPIOID_TOGETHER)
    return (_gate("opioid", opioid.sources),) if isinstance(opioid, Fired) else ()


def _age(facts: PatientFacts, on: date, policy: Policy) -> Iterator[Gate]:
    born = facts.birth_date
    if isinstance(born, Unknown):
        yield _gate("age-unknown", gap=born.why)
    elif born.youngest_age_on(on) < policy.adult_from_years:
        yield _gate("under-age", years=str(policy.adult_from_years))


def _unknown_conditions(facts: PatientFacts) -> Iterator[Gate]:
    if facts.conditions_gap is not None:
        yield _gate("conditions-unknown", gap=facts.conditions_gap.why)


def _conditions(facts: PatientFacts, on: date, policy: Policy) -> Iterator[Gate]:
    orders = clonazepam_orders(facts, on)
    for name, row in _document()["gates"].items():
        found = _found(facts, orders, on, policy, row) if "conditions" in row else ()
        if found:
            yield _gate(name, tuple(dict.fromkeys(condition.source for condition in found)))


def _found(
    facts: PatientFacts,
    orders: Sequence[MedicationRecord],
    on: date,
    policy: Policy,
    row: Mapping[str, Any],
) -> tuple[ConditionFact, ...]:
    concepts, counts = row["conditions"], row["counts"]
    if counts == "ever":
        return facts.has_had_condition(*concepts)
    active = conditions_and_reasons(facts, orders, *concepts)
    if counts == "active":
        return active
    earliest = on - timedelta(days=policy.recent_attempt_days)
    return tuple(c for c in active if c.onset is None or c.onset >= earliest)


def _pregnancy(facts: PatientFacts, on: date, policy: Policy) -> Iterator[Gate]:
    told = pregnancy_told(facts, on, policy)
    if told.pregnant:
        yield _gate("pregnancy", told.sources, told=told.why)


def _item_9(facts: PatientFacts, on: date, policy: Policy) -> Iterator[Gate]:
    latest = facts.latest_observed(ITEM_9, on)
    if latest is None or latest.value <= policy.item_9_above:
        return
    score = plain(Fraction(latest.value))
    day, earliest = latest.observed_on, on - timedelta(days=policy.item_9_days)
    if day is None or day >= earliest:
        said = "on an unknown day" if day is None else f"on {day}"
        yield _gate("item-9", (latest.source,), score=score, day=said)


# --- as data --------------------------------------------------------------------------------


def _gate(name: str, sources: tuple[str, ...] = (), **words: str) -> Gate:
    row = _document()["gates"][name]
    return Gate(row["why"].format(**words), tuple(row["sources"]), sources, name)


@cache
def _document() -> Mapping[str, Any]:
    return document("gates.toml")
