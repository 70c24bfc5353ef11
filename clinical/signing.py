"""What signing the drafts would mean for the daily total of clonazepam (CLINICAL section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum

from clinical.baseline import last_ended
from clinical.drugs import Unrecognised
from clinical.facts import (
    OWN_PLAN,
    DraftOrder,
    MedicationRecord,
    PatientFacts,
    RecordKind,
    is_clonazepam,
)
from clinical.policy import Policy
from clinical.standing import When, ends_use, standing
from clinical.totals import Total, highest_total_from, total_on


class Signing(Enum):
    """How the new order stands to the present ones."""

    NEW_START = "new start"
    RENEWAL = "renewal"
    REPLACEMENT = "replacement"  # linked by priorPrescription
    UNLINKED_CHANGE = "change without a link"


@dataclass(frozen=True, slots=True)
class Effect:
    """The totals before and after signing.

    `present` is what the patient is on today. `baseline` is what an escalation is measured
    against: the present total without the orders that are being re-signed, or the last dose
    that ended lately; None when there is neither. `replacing` and `adding` are the highest
    daily totals from today on if the present orders end, or continue, beside the new one.
    `continuing` are the present orders that the drafts do not name as replaced. `planned` are
    orders in the chart that start later, such as the steps of an earlier taper. Where drafts say
    which present orders end, the others go on: then both totals are the same.
    """

    signing: Signing
    drafts: tuple[MedicationRecord, ...]
    current: tuple[MedicationRecord, ...]
    continuing: tuple[MedicationRecord, ...]
    planned: tuple[MedicationRecord, ...]
    present: Total
    baseline: Total | None
    baseline_ended_on: date | None
    replacing: Total
    adding: Total


@dataclass(frozen=True, slots=True)
class Stopped:
    """Present orders of clonazepam that the drafts end, and what is left after signing.

    `orders` as they stand in the chart, or as the draft tells of one that the chart does not hold;
    `drafts` are those that end them, `selected` whether one of these is. `present` is the total
    before signing; `remaining` the highest of the days that follow, of the other present orders
    and of the clonazepam that is ordered along.
    """

    orders: tuple[MedicationRecord, ...]
    drafts: tuple[MedicationRecord, ...]
    selected: bool
    present: Total
    remaining: Total

    @property
    def whole(self) -> bool:
        """Whether nothing of the present dose is left."""
        return not (self.remaining.sources or self.remaining.uncounted)


def clonazepam_ordered(facts: PatientFacts, on: date) -> tuple[MedicationRecord, ...]:
    """All clonazepam drafts that will be signed, if one of them is selected; else nothing."""
    drafts = [d for d in facts.drafts if is_clonazepam(d.record) and will_be_taken(d, on)]
    if not any(d.selected for d in drafts):
        return ()
    return tuple(d.record for d in drafts)


def will_be_taken(draft: DraftOrder, on: date) -> bool:
    """Whether signing this draft means that the medicine is taken, now or later."""
    when = standing(draft.record, on, draft=True).when
    return when in {When.CURRENT, When.PLANNED}


def current_clonazepam(facts: PatientFacts, on: date) -> tuple[MedicationRecord, ...]:
    """Current orders; statements where no order exists; never both (CLINICAL section 1)."""
    current = [
        r for r in facts.medications if is_clonazepam(r) and standing(r, on).when is When.CURRENT
    ]
    for kind in RecordKind:
        of_kind = tuple(record for record in current if record.kind is kind)
        if of_kind:
            return of_kind
    return ()


def ended_by_drafts(facts: PatientFacts, on: date) -> frozenset[str]:
    """The sources of the orders, of whichever medicine, that the drafts end.

    An order that forbids clonazepam, and names no other, ends all of it.
    """
    ended: set[str] = set()
    for draft in facts.drafts:
        record = draft.record
        if not ends_use(record):
            continue
        ended |= {record.source, *record.replaces}
        if record.do_not_perform and not record.replaces and is_clonazepam(record):
            ended |= {present.source for present in current_clonazepam(facts, on)}
    return frozenset(ended)


def with_ended_drafts(facts: PatientFacts) -> PatientFacts:
    """The facts, with each order of clonazepam that only a draft which ends it tells of.

    An EHR may send the order that is being stopped and not hold it in the list it sends along.
    """
    charted = {record.source for record in facts.medications if is_clonazepam(record)}
    only_there = tuple(
        replace(draft.record, status="active")
        for draft in facts.drafts
        if ends_use(draft.record)
        and is_clonazepam(draft.record)
        and not (draft.record.do_not_perform or draft.record.replaces)
        and draft.record.source not in charted
    )
    return replace(facts, medications=(*facts.medications, *only_there)) if only_there else facts


def clonazepam_stopped(facts: PatientFacts, on: date) -> Stopped | None:
    """The present orders of clonazepam that the drafts end; None when they end none."""
    ended = ended_by_drafts(facts, on)
    if not ended:
        return None
    before = current_clonazepam(with_ended_drafts(facts), on)
    orders = tuple(record for record in before if record.source in ended)
    if not orders:
        return None
    sources = {record.source for record in orders}
    ending = [draft for draft in facts.drafts if ends_use(draft.record)]
    by = [
        draft
        for draft in ending
        if {draft.record.source, *draft.record.replaces} & sources
        or (draft.record.do_not_perform and is_clonazepam(draft.record))
    ]
    new = daily_doses_ordered(facts, on)
    replaced = {source for draft in new for source in (draft.source, *draft.replaces)}
    left = tuple(r for r in before if r.source not in ended and r.source not in replaced)
    return Stopped(
        orders=orders,
        drafts=tuple(draft.record for draft in by),
        selected=any(draft.selected for draft in by),
        present=total_on(before, on),
        remaining=highest_total_from((*new, *left), on + timedelta(days=1)),
    )


def daily_doses_ordered(facts: PatientFacts, on: date) -> tuple[MedicationRecord, ...]:
    """The drafts of clonazepam that set a daily dose, selected or not."""
    return regular(
        tuple(d.record for d in facts.drafts if is_clonazepam(d.record) and will_be_taken(d, on))
    )


def planned_clonazepam(facts: PatientFacts, on: date) -> tuple[MedicationRecord, ...]:
    """Orders in the chart that start later than the day: they add up unless they are stopped."""
    told = {draft.record.source for draft in facts.drafts} | ended_by_drafts(facts, on)
    return tuple(
        record
        for record in facts.medications
        if is_clonazepam(record)
        and record.kind is RecordKind.REQUEST
        and record.source not in told
        and standing(record, on).when is When.PLANNED
    )


def effect_of_signing(facts: PatientFacts, on: date, policy: Policy) -> Effect | None:
    """The totals before and after signing, or None when no clonazepam is being ordered."""
    drafts = regular(clonazepam_ordered(facts, on))
    if not drafts:
        return None
    current = current_clonazepam(facts, on)
    re_signed = {draft.source for draft in drafts}
    before = tuple(record for record in current if record.source not in re_signed)
    ended = ended_by_drafts(facts, on)
    replaced = {source for draft in drafts for source in draft.replaces} | ended
    if _is_ours(drafts):
        # It takes the place of all that is taken, and each of its orders can name only one.
        replaced |= {record.source for record in before}
    continuing = tuple(record for record in before if record.source not in replaced)
    # What nothing identifies and a clonazepam order replaces is taken for clonazepam: then the
    # others go on beside it.
    linkable = {record.source for record in before} | {
        record.source
        for record in facts.medications
        if isinstance(record.drug, Unrecognised) and record.drug.named is None
    }
    linked = tuple(draft for draft in drafts if linkable & set(draft.replaces))
    if any(record.source in ended for record in before):
        linked = drafts  # what ends is said, so what is not said goes on
    unlinked = tuple(draft for draft in drafts if draft not in linked)
    adding = highest_total_from(drafts + continuing, on)
    replacing = highest_total_from(drafts, on) if unlinked and continuing else adding
    signing = _signing(unlinked, continuing, before, on)
    if signing is Signing.RENEWAL:
        adding = replacing
    lapsed = None if before else last_ended(facts, re_signed, on, policy.baseline_lookback_days)
    present = total_on(current, on)
    baseline = None if lapsed is None else lapsed.total
    if before:
        baseline = present if before == current else total_on(before, on)
    return Effect(
        signing=signing,
        drafts=drafts,
        current=current,
        continuing=continuing,
        planned=planned_clonazepam(facts, on),
        present=present,
        baseline=baseline,
        baseline_ended_on=None if lapsed is None else lapsed.until,
        replacing=replacing,
        adding=adding,
    )


def is_own_plan(effect: Effect) -> bool:
    """Whether the drafts are a taper of ours that was accepted: all in its group, and a fall.

    The group alone is not enough: somebody may have raised a dose in one of its orders.
    """
    known = effect.replacing.complete and effect.present.complete
    return (
        _is_ours(effect.drafts)
        and known
        and effect.replacing.mg_per_day < effect.present.mg_per_day
    )


def _is_ours(drafts: Sequence[MedicationRecord]) -> bool:
    return all((draft.group or "").startswith(f"{OWN_PLAN}|") for draft in drafts)


def regular(drafts: Sequence[MedicationRecord]) -> tuple[MedicationRecord, ...]:
    """The orders that set a daily dose: not single doses, not inpatient orders."""
    return tuple(d for d in drafts if not (d.course.single_dose or d.inpatient))


def _signing(
    unlinked: Sequence[MedicationRecord],
    continuing: Sequence[MedicationRecord],
    before: Sequence[MedicationRecord],
    on: date,
) -> Signing:
    if not before:
        return Signing.NEW_START
    if not unlinked:
        return Signing.REPLACEMENT
    new, old = highest_total_from(unlinked, on), total_on(continuing, on)
    same = new.complete and old.complete and new.mg_per_day == old.mg_per_day
    return Signing.RENEWAL if same and continuing else Signing.UNLINKED_CHANGE
