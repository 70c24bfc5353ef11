"""What is taken beside the benzodiazepine: opioids, other sedating medicines, rescue naloxone."""

from __future__ import annotations

from datetime import timedelta

from clinical.checks.words import listed
from clinical.day_set import shared_by
from clinical.drugs import Drug, is_rescue_naloxone
from clinical.facts import MedicationRecord
from clinical.measures.case import Case, is_benzodiazepine, is_opioid
from clinical.measures.result import MeasureResult, no, not_evaluable, outside, yes
from clinical.measures.use import aged
from clinical.standing import why_not_used

NO_BENZODIAZEPINE = "no benzodiazepine in the past year"


def opioid_overlap(case: Case) -> MeasureResult:
    """A benzodiazepine and an opioid on the same days, often enough and each filled twice."""
    if not case.uses_benzodiazepine:
        return outside(NO_BENZODIAZEPINE)
    ours, opioids, window = case.benzodiazepines, case.opioids, case.window
    both = ours.covered & opioids.covered & window
    wanted, fills = case.rules.overlap_days, case.rules.overlap_fills
    filled = [len(taken.fill_days(window)) for taken in (ours, opioids)]
    said = (
        f"{len(both)} days together (benzodiazepine {ours.label}, opioid {opioids.label}); "
        f"filled on {filled[0]} and {filled[1]} days"
    )
    sources = tuple(sorted({*ours.sources(both), *opioids.sources(both)}))
    if len(both) >= wanted and min(filled) >= fills:
        return yes(said, sources)
    perhaps = ours.perhaps() & opioids.perhaps() & window
    may_be_filled = all(
        count >= fills or len(taken.unknown & window)
        for count, taken in zip(filled, (ours, opioids), strict=True)
    )
    if len(perhaps) >= wanted and may_be_filled:
        reasons = sorted({*ours.reasons(window), *opioids.reasons(window)})
        return not_evaluable(
            f"{said}; {len(perhaps - both)} more days cannot be worked out: {listed(reasons)}",
            sources,
        )
    return _no_unless_nameless(case, said, sources)


def poly_cns(case: Case) -> MeasureResult:
    """Several CNS-active ingredients on the same days, in an older adult."""
    if not case.uses_benzodiazepine:
        return outside(NO_BENZODIAZEPINE)
    older = aged(case)
    if older.met is not True:
        return older if older.not_evaluable else outside(older.why)
    many, wanted = case.rules.poly_cns_drugs, case.rules.overlap_days
    taken = case.cns_active
    days = shared_by((e.covered for e in taken), many) & case.window
    said = f"{len(days)} days with {many} or more CNS-active ingredients"
    sources = tuple(sorted({source for e in taken for source in e.sources(days)}))
    if len(days) >= wanted:
        return yes(said, sources)
    perhaps = shared_by((e.perhaps() for e in taken), many) & case.window
    if len(perhaps) >= wanted:
        reasons = sorted({why for e in taken for why in e.reasons(perhaps)})
        return not_evaluable(
            f"{said}; {len(perhaps) - len(days)} more cannot be worked out: {listed(reasons)}",
            sources,
        )
    return _no_unless_nameless(case, said, sources)


def triple(case: Case) -> MeasureResult:
    """A benzodiazepine, an opioid and a muscle relaxant, all standing today."""
    benzodiazepines = case.current_of(is_benzodiazepine)
    if not benzodiazepines:
        return outside("no benzodiazepine stands today")
    opioids = case.current_of(is_opioid)
    relaxants = case.current_of(lambda drug: "muscle-relaxant" in drug.classes)
    sources = _sources(*benzodiazepines, *opioids, *relaxants)
    if opioids and relaxants:
        return yes("benzodiazepine, opioid and muscle relaxant stand today", sources)
    absent = [
        word for word, held in (("opioid", opioids), ("muscle relaxant", relaxants)) if not held
    ]
    return _no_unless_nameless(case, f"no {listed(absent)} stands today", sources)


def naloxone_held(case: Case) -> MeasureResult:
    """Rescue naloxone within reach of who takes a benzodiazepine and an opioid today."""
    together = (case.current_of(is_benzodiazepine), case.current_of(is_opioid))
    if not all(together):
        return outside("not on a benzodiazepine and an opioid today")
    held = [record for record in case.facts.medications if _is_held(case, record)]
    if held:
        return yes("rescue naloxone is held", _sources(*held))
    sources = _sources(*together[0], *together[1])
    why = f"no rescue naloxone in the past {case.rules.naloxone_days} days"
    return _no_unless_nameless(case, why, sources)


def _is_held(case: Case, record: MedicationRecord) -> bool:
    """Ordered, reported or handed over within the days that it is kept; not stopped since."""
    if not isinstance(record.drug, Drug) or not is_rescue_naloxone(record.drug):
        return False
    if why_not_used(record) is not None or record.status == "stopped":
        return False
    days = (record.authored_on, record.period_starts, record.course.starts)
    said = [day for day in days if day is not None and day <= case.on]
    if not said:
        return record.status == "active"
    return max(said) > case.on - timedelta(days=case.rules.naloxone_days)


def _no_unless_nameless(case: Case, said: str, sources: tuple[str, ...]) -> MeasureResult:
    """A no, unless a medicine in use is not named: it may be the one that was looked for."""
    if case.nameless:
        return not_evaluable(
            f"{said}; the drug of {listed(case.nameless)} could not be identified",
            tuple(sorted({*sources, *case.nameless})),
        )
    return no(said, sources)


def _sources(*records: MedicationRecord) -> tuple[str, ...]:
    return tuple(sorted({record.source for record in records}))
