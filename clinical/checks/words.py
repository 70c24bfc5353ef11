"""Words that the checks share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clinical.drugs import Unrecognised, named_ingredients
from clinical.facts import MedicationRecord, PatientFacts
from clinical.standing import stood
from clinical.totals import Total

NO_CLONAZEPAM_ORDER = "no clonazepam order"


def listed(items: Iterable[str]) -> str:
    """As one says a list: "a", "a and b", "a, b and c"."""
    words = list(items)
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def drug_name(record: MedicationRecord) -> str:
    """The drug as a person would say it."""
    if isinstance(record.drug, Unrecognised):
        return record.drug.named or "a medicine that could not be identified"
    return record.drug.name


def ingredient_names(records: Sequence[MedicationRecord], drug_class: str) -> list[str]:
    """The short names of the records' drugs of a class, each once, in order."""
    names: dict[str, None] = {}
    for record in records:
        if not isinstance(record.drug, Unrecognised):
            names[named_ingredients(record.drug, drug_class)] = None
    return [name for name in names if name]


def uncounted_reasons(total: Total) -> str:
    """Why a total is incomplete, in one phrase."""
    return listed(f"{item.source}: {item.why}" for item in total.uncounted)


def unidentified(records: Iterable[MedicationRecord]) -> tuple[MedicationRecord, ...]:
    """The records in which nothing names the drug, so that it may be anything."""
    return tuple(r for r in records if isinstance(r.drug, Unrecognised) and r.drug.named is None)


def unidentified_use(records: Sequence[MedicationRecord]) -> tuple[MedicationRecord, ...]:
    """Of these the records that tell of use, now or once; the list is that of the patient."""
    if not unidentified(records):
        return ()
    return unidentified(it.record for it in stood(records))


def perhaps_clonazepam(records: Iterable[MedicationRecord]) -> str | None:
    """Why one of these medicines may be clonazepam without saying so, or None when none may be."""
    unknown = unidentified(records)
    if not unknown:
        return None
    return (
        f"the drug of {listed(r.source for r in unknown)} could not be identified, so it may be "
        "clonazepam"
    )


def unidentified_draft(facts: PatientFacts) -> str | None:
    """Why it cannot be said that no clonazepam is being ordered, or None when it can."""
    unknown = unidentified(d.record for d in facts.drafts if d.selected)
    if not unknown:
        return None
    return f"the drug of {listed(r.source for r in unknown)} could not be identified"
