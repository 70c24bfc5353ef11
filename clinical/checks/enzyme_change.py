"""A CYP3A4 inhibitor or inducer that starts or stops changes the dose that the body sees (LABEL).

What has been taken all along changes nothing: the dose was found beside it. So each such drug is
asked whether it may have been taken some weeks ago, and whether it is taken now. An inhibitor
acts within days; an inducer needs about two weeks to act and as long to cease (HORN11), and
clonazepam needs six to eight days more to settle.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from clinical.checks.charted import without_order
from clinical.checks.words import listed, unidentified, unidentified_use
from clinical.day_set import DaySet, Span
from clinical.drugs import Drug, ingredients_of_class, is_local
from clinical.exposure import days_at_most
from clinical.facts import MedicationRecord
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity, Verdict
from clinical.order_case import OrderCase
from clinical.rules import rule
from clinical.standing import followed_on, standing, stood
from clinical.supply import assumed_lengths, supplied

EVIDENCE = rule(CheckId.ENZYME_CHANGE).sources


class Enzyme(Enum):
    """What a drug does to CYP3A4; the value is its class in `knowledge/ingredients.csv`."""

    INHIBITOR = "cyp3a4-inhibitor"
    INDUCER = "cyp3a4-inducer"

    @property
    def called(self) -> str:
        """As in "clarithromycin (CYP3A4 inhibitor)"."""
        return f"CYP3A4 {self.name.lower()}"


@dataclass(frozen=True, slots=True)
class Change:
    """One drug that starts or has stopped; `when` is "is being ordered" or "ended on ..."."""

    name: str
    enzyme: Enzyme
    started: bool
    when: str
    sources: tuple[str, ...]

    @property
    def raises(self) -> bool:
        """Whether the level of clonazepam may rise by it; else it may fall."""
        return self.started is (self.enzyme is Enzyme.INHIBITOR)

    @property
    def said(self) -> str:
        """As "clarithromycin (CYP3A4 inhibitor) is being ordered"."""
        return f"{self.name} ({self.enzyme.called}) {self.when}"


@dataclass(frozen=True, slots=True)
class _NotKnown:
    """One drug whose start or end is not stated where it would decide."""

    said: str
    sources: tuple[str, ...]


def enzyme_change(case: OrderCase) -> Verdict:
    """One finding that names every inhibitor and inducer that starts or has lately stopped."""
    quiet = without_order(case)
    if quiet is not None:
        return quiet
    found = [drug.change(case) for drug in _drugs(case)]
    changes = [it for it in found if isinstance(it, Change)]
    if changes:
        return _fired(changes)
    return _nothing_found(case, [it for it in found if isinstance(it, _NotKnown)])


@dataclass(frozen=True, slots=True)
class _Taken:
    """One inhibitor or inducer: its records in the chart, and its drafts."""

    name: str
    enzyme: Enzyme
    chart: list[MedicationRecord]
    drafts: list[MedicationRecord]

    def change(self, case: OrderCase) -> Change | _NotKnown | None:
        """What changes with it; None where nothing does, or did long ago."""
        current = [record for record in self.chart if standing(record, case.on).counts]
        going_on = [record for record in current if record.source not in case.ending]
        if self.drafts or going_on:
            return self._started(case, going_on)
        if current:
            return self._changed("ends with this signing", current, started=False)
        return self._stopped(case)

    def _started(
        self, case: OrderCase, going_on: Sequence[MedicationRecord]
    ) -> Change | _NotKnown | None:
        then = _then(case)
        days = _days(case, self.chart)
        if then in days:
            dated = {it.record.source for it in stood(self.chart) if it.starts is not None}
            if then in _days(case, [r for r in self.chart if r.source in dated]):
                return None
            return self._unknown("since when {} is taken is not stated", going_on or self.chart)
        lately = days & DaySet.between(then, case.on)
        if going_on and lately.spans:
            began = date.fromordinal(lately.spans[0][0])
            return self._changed(f"began on {began.isoformat()}", going_on, started=True)
        if self.drafts:
            return self._changed("is being ordered", self.drafts, started=True)
        return None

    def _stopped(self, case: OrderCase) -> Change | _NotKnown | None:
        then = _then(case).toordinal()
        known, perhaps = self._spans(case)
        last = max((end for _, end in (*known.values(), *perhaps.values())), default=0)
        if last < then or any(end > case.on.toordinal() for _, end in known.values()):
            return None  # long ago, or the supply lasts
        told = {source for source, (_, end) in known.items() if end == last}
        if told:
            ended = date.fromordinal(last).isoformat()
            return self._changed(f"ended on {ended}", self._of(told), started=False)
        ended_by = {source: first for source, (first, end) in perhaps.items() if end == last}
        if min(ended_by.values()) >= then:
            return self._changed("has ended lately", self._of(ended_by), started=False)
        return self._unknown("when {} ended is not stated", self._of(ended_by))

    def _spans(self, case: OrderCase) -> tuple[dict[str, Span], dict[str, Span]]:
        """By source: the days that a record supplies, and those that it may have supplied.

        Only of what has begun: an order for tomorrow has not ended.
        """
        found = [
            supplied(it, case.on, _then(case), assumed_lengths())
            for it in stood(self.chart, followed_on(case.facts.medications))
        ]
        today = case.on.toordinal()
        known = {it.source: it.known for it in found}
        perhaps = {it.source: it.unsaid.days for it in found if it.unsaid is not None}
        return _begun(known, today), _begun(perhaps, today)

    def _of(self, sources: Collection[str]) -> list[MedicationRecord]:
        return [record for record in self.chart if record.source in sources]

    def _changed(self, when: str, records: Sequence[MedicationRecord], *, started: bool) -> Change:
        return Change(self.name, self.enzyme, started, when, _sources(records))

    def _unknown(self, words: str, records: Sequence[MedicationRecord]) -> _NotKnown:
        return _NotKnown(words.format(self.name), _sources(records))


def _begun(spans: Mapping[str, Span | None], today: int) -> dict[str, Span]:
    return {s: span for s, span in spans.items() if span is not None and span[0] <= today}


def _drugs(case: OrderCase) -> list[_Taken]:
    """Every inhibitor and inducer that acts in the whole body, in the order of its records.

    An order that is signed again is in both: in the chart it tells since when it is taken.
    """
    found: dict[tuple[str, Enzyme], _Taken] = {}
    for records, drafted in ((case.facts.medications, False), (case.drafted, True)):
        for record in records:
            for name, enzyme in _acts_on_enzyme(record):
                taken = found.setdefault((name, enzyme), _Taken(name, enzyme, [], []))
                (taken.drafts if drafted else taken.chart).append(record)
    return list(found.values())


def _acts_on_enzyme(record: MedicationRecord) -> list[tuple[str, Enzyme]]:
    drug = record.drug
    if not isinstance(drug, Drug) or is_local(drug.form, record.route):
        return []
    return [(name, e) for e in Enzyme for name in ingredients_of_class(drug, e.value)]


def _then(case: OrderCase) -> date:
    """The day with which today is compared."""
    return case.on - timedelta(days=case.policy.enzyme_change_days)


def _days(case: OrderCase, records: Sequence[MedicationRecord]) -> DaySet:
    """The days up to today on which it was taken or may have been."""
    return days_at_most(
        records,
        on=case.on,
        since=_then(case),
        followed=followed_on(case.facts.medications),
        assumed=assumed_lengths(),
    )


def _sources(records: Sequence[MedicationRecord]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(record.source for record in records))


def _fired(changes: Sequence[Change]) -> Fired:
    details = []
    if any(change.raises for change in changes):
        details.append("The level of clonazepam may rise: watch for sedation and falls.")
    if not all(change.raises for change in changes):
        details.append(
            "The level of clonazepam may fall: watch for symptoms that come back and for "
            "withdrawal, before the dose is raised."
        )
    if any(change.enzyme is Enzyme.INDUCER for change in changes):
        details.append("An inducer needs about two weeks to act, and as long to cease.")
    return Fired(
        severity=Severity.INFORMATION,
        summary="with " + listed(f"{it.name} {_briefly(it)}" for it in changes),
        why=listed(change.said for change in changes),
        sources=tuple(dict.fromkeys(s for change in changes for s in change.sources)),
        evidence=EVIDENCE,
        details=tuple(details),
    )


def _briefly(change: Change) -> str:
    return "started" if change.started else "stopped"


def _nothing_found(case: OrderCase, not_known: Sequence[_NotKnown]) -> Verdict:
    facts = case.facts
    asked = "whether a CYP3A4 inhibitor or inducer was started or stopped"
    if facts.medications_gap is not None:
        return NotEvaluable(f"{asked}: {facts.medications_gap.why}")
    if not_known:
        sources = tuple(dict.fromkeys(source for it in not_known for source in it.sources))
        return NotEvaluable(f"{asked}: {listed(it.said for it in not_known)}", sources)
    # One that has ended may have done so lately: it counts as much as one that is current.
    charted = unidentified_use(facts.medications)
    unknown = (*charted, *unidentified(draft.record for draft in facts.drafts))
    if unknown:
        sources = _sources(unknown)
        return NotEvaluable(
            f"{asked}: the drug of {listed(sources)} could not be identified", sources
        )
    days = case.policy.enzyme_change_days
    return Clear(f"no CYP3A4 inhibitor or inducer was started or stopped within {days} days")
