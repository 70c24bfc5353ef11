"""What stands between a finding and a taper draft (CLINICAL section 6, Gates).

A *stop* gate allows no draft: the taper needs somebody with another training, or another
place. A *coordinate* gate allows drafts with a notice. A gate that cannot be looked up stops,
because a missing record does not say that there is no seizure disorder.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from clinical.facts import PatientFacts, Unknown
from clinical.findings import Assessment, CheckId, Fired
from clinical.policy import Policy


@dataclass(frozen=True, slots=True)
class Gate:
    """One reason, in words, and the source keys that it rests on."""

    why: str
    evidence: tuple[str, ...]


_STOPPING = (
    (
        ("seizure_disorder",),
        False,
        "a seizure disorder is in the chart: a taper needs neurology's co-signature",
        ("LABEL", "ASAM"),
    ),
    (
        ("pregnancy",),
        False,
        "pregnancy is in the chart: weigh maternal and fetal risk with obstetrics first",
        ("ASAM",),
    ),
    (
        ("hepatic_impairment",),
        False,
        "severe liver disease is in the chart: clonazepam is contraindicated and a taper needs "
        "a specialist",
        ("LABEL",),
    ),
    (
        ("suicidal_ideation",),
        False,
        "suicidal thoughts are in the chart: stabilise first",
        ("ASAM",),
    ),
    (
        ("seizure_withdrawal_risk_history",),
        True,
        "an earlier complicated withdrawal may be in the chart: consider inpatient care",
        ("ASAM",),
    ),
)
"""Concepts, whether the past counts as well, the sentence, and its sources."""


def stop_gates(facts: PatientFacts, on: date, policy: Policy) -> tuple[Gate, ...]:
    """Why no taper draft may be offered; empty when nothing stops it."""
    gates = []
    born = facts.birth_date
    if isinstance(born, Unknown):
        gates.append(Gate(f"{born.why}, so age cannot be judged", ("ASAM",)))
    elif born.youngest_age_on(on) < policy.adult_from_years:
        gates.append(Gate(f"the patient is under {policy.adult_from_years}", ("ASAM",)))
    if facts.conditions_gap is not None:
        gates.append(
            Gate(
                f"{facts.conditions_gap.why}, so seizures or pregnancy cannot be ruled out",
                ("LABEL", "ASAM"),
            )
        )
    for concepts, past_counts, why, evidence in _STOPPING:
        found = (facts.has_had_condition if past_counts else facts.has_condition)(*concepts)
        if found:
            gates.append(Gate(why, evidence))
    return tuple(gates)


def coordinate_gates(assessment: Assessment) -> tuple[Gate, ...]:
    """What a prescriber should agree with others before the taper starts."""
    if isinstance(assessment.verdict(CheckId.OPIOID_TOGETHER), Fired):
        return (
            Gate(
                "With an opioid in use, agree who tapers what: reducing the opioid first may be "
                "safer (CDC 2022).",
                ("CDC22",),
            ),
        )
    return ()
