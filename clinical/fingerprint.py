"""The facts on which a verdict stood, as canonical text: what has to change for its card to return.

A finding that was settled stays quiet while this text is the same (CLINICAL section 8): the
severity, the dose after signing, the age band, a taper in progress, and the conditions,
medicines, allergies and observations that the finding names. The text does not know what says
nothing of the patient: ids, the day, the order of lists, in which tablets a dose is made. It is
patient data: whoever keeps it keeps a keyed hash of it.

The present dose counts only for the checks that compare with it. Signing changes the present
dose, and an order that was settled would else return at its first renewal; a dose that rises or
falls is told by those checks or by the severity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from clinical.checks.words import drug_name
from clinical.daily_dose import DailyDose
from clinical.drugs import Unrecognised
from clinical.facts import (
    MedicationRecord,
    PatientFacts,
    RecordKind,
    Unknown,
    is_clonazepam,
)
from clinical.findings import Checked, CheckId, Clear, Fired, SetAside
from clinical.order_case import OrderCase
from clinical.quantities import plain
from clinical.totals import Total, total_on

_BAND_YEARS = 10
"""From the age of the older adults on a band has ten years; the last of three is open."""

_DOSES_OF_OTHERS = frozenset({CheckId.OPIOID_TOGETHER, CheckId.OTHER_SEDATIVES})
"""For these more of the other medicine is a new fact; for the rest it is that it is taken."""


def stands_on(case: OrderCase, checked: Checked) -> str | None:
    """The facts of a finding, or of a check that could not be made; None for what says nothing."""
    check, verdict = checked.check, checked.verdict
    if isinstance(verdict, Clear | SetAside):
        return None
    lines = {f"check {check.value}", _age_band(case), *_doses(case, check)}
    # Long-term use asks the same question while its days are not known for certain.
    if check is not CheckId.LONG_TERM_USE:
        lines.add(verdict.severity.value if isinstance(verdict, Fired) else "not evaluable")
    if isinstance(verdict, Fired) and verdict.only_if_added and case.effect is not None:
        lines.add(_total("if both continue", case.effect.adding, case))
    if case.running is not None:
        lines.add("a taper is in progress")
    lines.update(_named(case.facts, verdict.sources, with_doses=check in _DOSES_OF_OTHERS))
    return "\n".join(sorted(lines))


def _age_band(case: OrderCase) -> str:
    born = case.facts.birth_date
    if isinstance(born, Unknown):
        return "age unknown"
    older = case.policy.older_adult_from_years
    edges = (case.policy.adult_from_years, older, older + _BAND_YEARS, older + 2 * _BAND_YEARS)
    youngest, oldest = born.youngest_age_on(case.on), born.oldest_age_on(case.on)
    return f"age band {_band(youngest, edges)} to {_band(oldest, edges)}"


def _band(age: int, edges: Sequence[int]) -> int:
    return sum(age >= edge for edge in edges)


def _doses(case: OrderCase, check: CheckId) -> Iterator[str]:
    """The dose after signing, and what it is compared with; else what is ordered or present."""
    effect = case.effect
    if effect is None:
        if case.ordered:  # single doses, and orders for the ward
            yield from (f"ordered {_dose(record)}" for record in case.ordered)
        else:
            yield _total("present", total_on(case.current, case.on), case)
        return
    yield _total("after signing", effect.replacing, case)
    if check is CheckId.DOSE_ESCALATION and effect.baseline is not None:
        yield _total("compared with", effect.baseline, case)
    if check is CheckId.ABRUPT_STOP:
        yield _total("compared with", effect.present, case)


def _total(words: str, total: Total, case: OrderCase) -> str:
    """A total; of what it lacks the words of the order, for another unknown dose is another."""
    by_source = _records(case.facts)
    lacking = sorted(
        {_dose(by_source[item.source]) for item in total.uncounted if item.source in by_source}
    )
    return f"{words} {total}" + "".join(f"; not counted {dose}" for dose in lacking)


def _dose(record: MedicationRecord) -> str:
    """The most on one day in mg; where that is not known the product and what is taken of it."""
    dose = record.course.overall
    if isinstance(dose, DailyDose) and dose.unit == "mg":
        return _amount(dose.peak_day, dose)
    known = dose if isinstance(dose, DailyDose) else record.course.amount_per_day
    if known is not None:
        return f"{drug_name(record)}: {_amount(known.peak_day, known)}"
    return f"{drug_name(record)}: {' '.join((record.dosage_text or 'no dosage').split())}"


def _amount(much: Fraction, dose: DailyDose) -> str:
    return f"{plain(much)} {dose.unit}/day"


def _named(facts: PatientFacts, sources: Iterable[str], *, with_doses: bool) -> Iterator[str]:
    """What the named resources say, without their ids.

    One of which we know nothing counts by its id: a new one is perhaps a new fact.
    """
    records = _records(facts)
    told = _told(facts)
    others = []
    for source in sources:
        if source in records:
            if not is_clonazepam(records[source]):
                others.append(records[source])
        else:
            yield told.get(source, source)
    drafts = {draft.record.source for draft in facts.drafts}
    yield from _medicines(others, drafts) if with_doses else map(_medicine, others)


def _told(facts: PatientFacts) -> dict[str, str]:
    """By source, what a condition, an allergy or an observation says."""
    told = {
        it.source: f"condition {it.concept}" + ("" if it.confirmed else ", unconfirmed")
        for it in facts.conditions
    }
    if not isinstance(facts.allergies, Unknown):
        told |= {
            it.source: f"allergy {it.agent.casefold()}" + (", intolerance" * it.intolerance)
            for it in facts.allergies
        }
    if not isinstance(facts.observations, Unknown):
        told |= {it.source: f"observed {it.concept} {it.value}" for it in facts.observations}
    return told


def _medicine(record: MedicationRecord) -> str:
    drug = record.drug
    if isinstance(drug, Unrecognised):
        return f"medicine {(drug.named or 'unidentified').casefold()}"
    return f"medicine {'/'.join(drug.ingredients)}"


def _medicines(records: Sequence[MedicationRecord], drafts: set[str]) -> Iterator[str]:
    """Each medicine with what is taken of it and what is ordered; the same twice is one line.

    So a renewal says what the order before said, and an order, once signed, what it said.
    Of orders, statements and dispenses one kind counts: they are never summed (CLINICAL 1).
    """
    groups: dict[tuple[str, bool], list[MedicationRecord]] = {}
    for record in records:
        groups.setdefault((_medicine(record), record.source in drafts), []).append(record)
    kinds = list(RecordKind)
    for (medicine, _), group in groups.items():
        first = min((record.kind for record in group), key=kinds.index)
        yield f"{medicine} {_sum([record for record in group if record.kind is first])}"


def _sum(records: Sequence[MedicationRecord]) -> str:
    """The daily doses added up where all are known in mg; else each as it is."""
    doses = [record.course.overall for record in records]
    known = [dose for dose in doses if isinstance(dose, DailyDose) and dose.unit == "mg"]
    if len(known) == len(doses):
        return _amount(sum((dose.peak_day for dose in known), Fraction(0)), known[0])
    return ", ".join(sorted(_dose(record) for record in records))


def _records(facts: PatientFacts) -> dict[str, MedicationRecord]:
    drafts = [draft.record for draft in facts.drafts]
    return {record.source: record for record in (*facts.medications, *drafts)}
