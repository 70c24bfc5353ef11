"""What signing the drafts would mean for the daily total of clonazepam (CLINICAL section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

from clinical.baseline import last_ended
from clinical.facts import (
    OWN_PLAN,
    DraftOrder,
    MedicationRecord,
    PatientFacts,
    RecordKind,
    is_clonazepam,
)
from clinical.policy import Policy
from clinical.standing import When, standing
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
    orders in the chart that start later, such as the steps of an earlier taper.
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


def planned_clonazepam(facts: PatientFacts, on: date) -> tuple[MedicationRecord, ...]:
    """Orders in the chart that start later than the day: they add up unless they are stopped."""
    drafts = {draft.record.source for draft in facts.drafts}
    return tuple(
        record
        for record in facts.medications
        if is_clonazepam(record)
        and record.kind is RecordKind.REQUEST
        and record.source not in drafts
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
    replaced = {source for draft in drafts for source in draft.replaces}
    if _is_ours(drafts):
        # It takes the place of all that is taken, and each of its orders can name only one.
        replaced |= {record.source for record in before}
    continuing = tuple(record for record in before if record.source not in replaced)
    linked = tuple(d for d in drafts if any(r.source in d.replaces for r in before))
    unlinked = tuple(draft for draft in drafts if draft not in linked)
    if unlinked:
        replacing = highest_total_from(drafts, on)
    else:
        replacing = highest_total_from(drafts + continuing, on)
    signing = _signing(unlinked, continuing, before, on)
    adding = highest_total_from(drafts + continuing, on)
    if signing is Signing.RENEWAL:
        adding = replacing
    lapsed = None if before else last_ended(facts, re_signed, on, policy.baseline_lookback_days)
    baseline = total_on(before, on) if before else None if lapsed is None else lapsed.total
    return Effect(
        signing=signing,
        drafts=drafts,
        current=current,
        continuing=continuing,
        planned=planned_clonazepam(facts, on),
        present=total_on(current, on),
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
