"""Facts in, an assessment out: every check with its verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from clinical.checks.abrupt_stop import abrupt_stop
from clinical.checks.breathing import breathing
from clinical.checks.cognition import cognition
from clinical.checks.contraindication import contraindication
from clinical.checks.dose_escalation import dose_escalation
from clinical.checks.enzyme_change import enzyme_change
from clinical.checks.high_dose import high_dose
from clinical.checks.long_term_use import long_term_use_at_order
from clinical.checks.older_adult_fall_risk import older_adult_fall_risk
from clinical.checks.opioid_together import opioid_together
from clinical.checks.other_sedatives import other_sedatives
from clinical.checks.pregnancy import pregnancy
from clinical.checks.psychiatric_first import psychiatric_first
from clinical.checks.rbd_option import rbd_option
from clinical.checks.seizure_indication import seizure_indication
from clinical.checks.substance_use import substance_use
from clinical.checks.suicide_risk import suicide_risk
from clinical.checks.words import listed, unidentified
from clinical.drugs import Drug, is_systemic_opioid
from clinical.facts import CLONAZEPAM, PatientFacts, Unknown
from clinical.findings import Assessment, Checked, CheckId, SetAside, Verdict
from clinical.order_case import OrderCase
from clinical.policy import CheckChoice, default_policy
from clinical.set_aside import Quiet, grounds, said, whole_set_aside
from clinical.standing import When, standing

Check = Callable[[OrderCase], Verdict]

CHECKS: dict[CheckId, Check] = {
    CheckId.OPIOID_TOGETHER: opioid_together,
    CheckId.HIGH_DOSE: high_dose,
    CheckId.DOSE_ESCALATION: dose_escalation,
    CheckId.OLDER_ADULT: older_adult_fall_risk,
    CheckId.CONTRAINDICATION: contraindication,
    CheckId.ABRUPT_STOP: abrupt_stop,
    CheckId.OTHER_SEDATIVES: other_sedatives,
    CheckId.PREGNANCY: pregnancy,
    CheckId.BREATHING: breathing,
    CheckId.SUICIDE_RISK: suicide_risk,
    CheckId.SUBSTANCE_USE: substance_use,
    CheckId.COGNITION: cognition,
    CheckId.SEIZURE_INDICATION: seizure_indication,
    CheckId.PSYCHIATRIC_FIRST: psychiatric_first,
    CheckId.RBD_OPTION: rbd_option,
    CheckId.ENZYME_CHANGE: enzyme_change,
    CheckId.LONG_TERM_USE: long_term_use_at_order,
}


def assess(case: OrderCase) -> Assessment:
    """Every check on this case. Pure: the same facts give the same answer."""
    whole = whole_set_aside(case)
    quiet = grounds(case) if whole is None else ()
    checks = tuple(
        Checked(check, _verdict(check, run, case, whole, quiet)) for check, run in CHECKS.items()
    )
    return Assessment(
        case.on, case.policy.rules_version, checks, notes=(*case.facts.notes, *_notes(case))
    )


def judges_orders_of(drug: Drug) -> bool:
    """Whether some check judges an order of this drug by itself.

    Of all others the checks look at what is taken or ordered beside clonazepam.
    """
    return drug.contains(CLONAZEPAM) or is_systemic_opioid(drug)


def assess_no_concern(on: date, rules_version: str, off: frozenset[CheckId]) -> Assessment:
    """What `assess` says of orders that concern no check, for whatever living patient.

    `off` are the checks that the site has switched off; nothing else of its policy matters here.
    """
    checks = {check: CheckChoice(on=check not in off) for check in CheckId}
    policy = replace(default_policy(), rules_version=rules_version, checks=checks)
    return assess(OrderCase(PatientFacts(Unknown("it does not matter")), on, policy))


def _verdict(
    check: CheckId, run: Check, case: OrderCase, whole: Quiet | None, quiet: tuple[Quiet, ...]
) -> Verdict:
    if not case.policy.checks[check].on:
        return SetAside("the site's policy has switched this check off")
    verdict = run(case)
    if whole is not None:
        return whole.why if whole.of(check, verdict) else verdict
    return said(check, verdict, quiet, case)


def _notes(case: OrderCase) -> list[str]:
    """What the reader of the account should know beside the checks."""
    facts = case.facts
    notes = [] if case.running is None else [case.running.in_words()]
    unknown = unidentified([*facts.medications, *(d.record for d in facts.drafts)])
    if unknown:
        sources = listed(record.source for record in unknown)
        notes.append(f"{len(unknown)} medicine(s) could not be identified: {sources}")
    for record in facts.medications:
        if not isinstance(record.drug, Drug):
            continue
        when = standing(record, case.on)
        if when.when is When.ENDED_NOT_CLOSED:
            notes.append(f"{record.source} is ended, not closed: {when.why}")
    for record in (*facts.medications, *(d.record for d in facts.drafts)):
        notes.extend(f"{record.source}: {warning}" for warning in record.warnings)
    return list(dict.fromkeys(notes))
