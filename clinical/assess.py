"""Facts in, an assessment out: every check with its verdict."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from clinical.checks.dose_escalation import dose_escalation
from clinical.checks.high_dose import high_dose
from clinical.checks.older_adult_fall_risk import older_adult_fall_risk
from clinical.checks.opioid_together import opioid_together, opioids_ordered
from clinical.checks.words import listed, unidentified
from clinical.drugs import Drug
from clinical.facts import PatientFacts
from clinical.findings import Assessment, Checked, CheckId, SetAside, Verdict
from clinical.policy import Policy, default_policy
from clinical.signing import effect_of_signing, is_own_plan
from clinical.standing import When, standing
from clinical.tapers import taper_in_progress

Check = Callable[[PatientFacts, date, Policy], Verdict]

CHECKS: dict[CheckId, Check] = {
    CheckId.OPIOID_TOGETHER: opioid_together,
    CheckId.HIGH_DOSE: high_dose,
    CheckId.DOSE_ESCALATION: dose_escalation,
    CheckId.OLDER_ADULT: older_adult_fall_risk,
}


def assess(facts: PatientFacts, on: date, policy: Policy | None = None) -> Assessment:
    """Every check on these facts on this day. Pure: the same facts give the same answer."""
    policy = policy or default_policy()
    if facts.deceased is True:
        dead = SetAside("the chart says that the patient has died")
        checks = tuple(Checked(check, dead) for check in CHECKS)
    elif (effect := effect_of_signing(facts, on, policy)) is not None and is_own_plan(effect):
        own = SetAside(
            f"the orders are the taper that was accepted: from {effect.present} to "
            f"{effect.replacing}",
            tuple(draft.source for draft in effect.drafts),
        )
        # An opioid signed with the taper was no part of what was accepted.
        checks = tuple(
            Checked(check, run(facts, on, policy))
            if check is CheckId.OPIOID_TOGETHER and opioids_ordered(facts, on)
            else Checked(check, own)
            for check, run in CHECKS.items()
        )
    else:
        checks = tuple(Checked(check, run(facts, on, policy)) for check, run in CHECKS.items())
    return Assessment(on, policy.rules_version, checks, notes=(*facts.notes, *_notes(facts, on)))


def _notes(facts: PatientFacts, on: date) -> list[str]:
    """What the reader of the account should know beside the checks."""
    running = taper_in_progress(facts, on)
    notes = [] if running is None else [running.in_words()]
    unknown = unidentified([*facts.medications, *(d.record for d in facts.drafts)])
    if unknown:
        sources = listed(record.source for record in unknown)
        notes.append(f"{len(unknown)} medicine(s) could not be identified: {sources}")
    for record in facts.medications:
        when = standing(record, on)
        if when.when is When.ENDED_NOT_CLOSED and isinstance(record.drug, Drug):
            notes.append(f"{record.source} is ended, not closed: {when.why}")
    for record in (*facts.medications, *(d.record for d in facts.drafts)):
        notes.extend(f"{record.source}: {warning}" for warning in record.warnings)
    return list(dict.fromkeys(notes))
