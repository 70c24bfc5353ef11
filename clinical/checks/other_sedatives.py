"""Other medicines that sedate: each adds to sedation, falls and slowed breathing (LABEL, BEERS23).

A second benzodiazepine or a Z-drug is named first. Opioids have a check of their own. Each drug
counts once, whichever records tell of it. A drug that the new orders replace is not beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clinical.checks.charted import without_order
from clinical.checks.words import listed, unidentified
from clinical.drugs import SEDATING, Drug, is_local, sedating_ingredients
from clinical.facts import CLONAZEPAM, MedicationRecord, RecordKind
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.rules import rule
from clinical.standing import standing

EVIDENCE = rule(CheckId.OTHER_SEDATIVES).sources

SAME_RECEPTOR = {SEDATING.index("benzodiazepine"), SEDATING.index("z-drug")}
"""Places in `SEDATING` of the drugs that act where clonazepam does."""

NAMED_IN_SUMMARY = 3
"""A card's first line names so many, then how many more there are."""


def other_sedatives(case: OrderCase) -> Verdict:
    """One finding that names every other sedative, current or in the same drafts."""
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    going_on, replaced = _current(case)
    beside = _by_ingredient([*case.drafted, *going_on])
    if beside:
        return _fired(case, beside)
    return _nothing_found(case, sorted(replaced))


def _sedatives_in(record: MedicationRecord) -> dict[str, int]:
    """The ingredients other than clonazepam that sedate, each with its place in `SEDATING`."""
    drug = record.drug
    if not isinstance(drug, Drug) or is_local(drug.form, record.route):
        return {}
    return {n: place for n, place in sedating_ingredients(drug).items() if n != CLONAZEPAM}


def _by_ingredient(
    records: Iterable[MedicationRecord],
) -> dict[tuple[int, str], list[MedicationRecord]]:
    """The records of each sedating ingredient, those first that are to be named first."""
    found: dict[tuple[int, str], list[MedicationRecord]] = {}
    for record in records:
        for name, place in _sedatives_in(record).items():
            found.setdefault((place, name), []).append(record)
    return dict(sorted(found.items()))


def _current(case: OrderCase) -> tuple[list[MedicationRecord], frozenset[str]]:
    """The current records that go on beside the new orders, and the ingredients that do not.

    An order that a draft ends, or names as its prior, ends with it. Statements and dispenses of its
    ingredient tell of the same use, so they end with it too, unless another order goes on.
    """
    facts = case.facts
    ends = {n for r in facts.medications if r.source in case.ending for n in _sedatives_in(r)}
    current = [
        record
        for record in facts.medications
        if record.source not in case.ending and standing(record, case.on).counts
    ]
    ordered = {
        name
        for record in current
        if record.kind is RecordKind.REQUEST
        for name in _sedatives_in(record)
    }
    replaced = frozenset(ends - ordered)
    going_on = [r for r in current if not (_sedatives_in(r).keys() <= replaced)]
    return going_on, replaced


def _fired(case: OrderCase, beside: dict[tuple[int, str], list[MedicationRecord]]) -> Fired:
    names = [name for _, name in beside]
    same_receptor = [name for place, name in beside if place in SAME_RECEPTOR]
    details = []
    if same_receptor:
        acts = "acts" if len(same_receptor) == 1 else "act"
        details.append(
            f"{listed(same_receptor).capitalize()} {acts} on the same receptor as clonazepam: "
            "the effects add up."
        )
    details.append(
        "It adds to sedation, falls and slowed breathing: weigh whether both are needed, and stop "
        "neither abruptly."
        if len(names) == 1
        else "Each adds to sedation, falls and slowed breathing: weigh which are needed, and stop "
        "none abruptly."
    )
    gap = case.facts.medications_gap
    if gap is not None:
        details.append(f"There may be more: {gap.why}.")
    records = [*case.ordered, *(record for held in beside.values() for record in held)]
    return Fired(
        severity=Severity.WARNING,
        summary=f"with {_short(names)}",
        why=f"clonazepam together with {listed(names)}",
        sources=tuple(dict.fromkeys(record.source for record in records)),
        evidence=EVIDENCE,
        details=tuple(details),
        names=tuple(names),
    )


def _short(names: Sequence[str]) -> str:
    more = len(names) - NAMED_IN_SUMMARY
    if more <= 0:
        return listed(names)
    return listed([*names[:NAMED_IN_SUMMARY], f"{more} more"])


def _nothing_found(case: OrderCase, replaced: Sequence[str]) -> Verdict:
    facts = case.facts
    asked = "whether another sedating medicine is current"
    if facts.medications_gap is not None:
        return NotEvaluable(f"{asked}: {facts.medications_gap.why}")
    current = [record for record in facts.medications if standing(record, case.on).counts]
    unknown = unidentified([*current, *(draft.record for draft in facts.drafts)])
    if unknown:
        sources = tuple(record.source for record in unknown)
        return NotEvaluable(
            f"{asked}: the drug of {listed(sources)} could not be identified", sources
        )
    if replaced:
        verb = "is" if len(replaced) == 1 else "are"
        return Clear(f"{listed(replaced)} {verb} stopped or replaced by this signing")
    return Clear("no other sedating medicine is current or in the same orders")
