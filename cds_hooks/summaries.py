"""A card's one line: the dose with its number, then what is wrong with it, as much as fits.

Most severe first; what does not fit stands in the detail. "Clonazepam 3 mg/day (raised from 2) with
oxycodone and zolpidem, age 72, a history of falls".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cds_hooks.plain import day
from clinical.checks.words import listed
from clinical.findings import Checked, CheckId, Finding, Fired, Severity
from clinical.order_case import OrderCase
from clinical.quantities import plain
from clinical.rules import rule
from clinical.signing import Effect
from clinical.totals import Total

LONGEST_SUMMARY = 139
"""A summary has fewer than 140 characters (CDS Hooks 2.0, Card attributes)."""

_LONGEST_LIST = 70
_COMPANY = (CheckId.OPIOID_TOGETHER, CheckId.OTHER_SEDATIVES)
_SAID_BY_THE_DOSE = frozenset(
    {CheckId.DOSE_ESCALATION, CheckId.HIGH_DOSE, CheckId.ABRUPT_STOP, *_COMPANY}
)
_LOOKED_FOR = {
    CheckId.OPIOID_TOGETHER: "opioids",
    CheckId.HIGH_DOSE: "a high dose",
    CheckId.DOSE_ESCALATION: "a rise",
    CheckId.OLDER_ADULT: "age and falls",
    CheckId.CONTRAINDICATION: "contraindications",
    CheckId.ABRUPT_STOP: "an abrupt cut",
    CheckId.OTHER_SEDATIVES: "other sedatives",
}


def order_summary(findings: Sequence[Finding], case: OrderCase) -> str:
    """The line of a card about these findings.

    A taper that is in progress always fits: it changes what the order means.
    """
    fired = {finding.check: finding.fired for finding in findings}
    head = _dose_words(case, raised=CheckId.DOSE_ESCALATION in fired)
    if CheckId.ABRUPT_STOP in fired:
        head = f"Clonazepam {fired[CheckId.ABRUPT_STOP].summary}"
    company = _company([fired[check] for check in _COMPANY if check in fired])
    parts = [company] if company else []
    parts += [
        _fragment(finding)
        for finding in findings
        if finding.check not in _SAID_BY_THE_DOSE and case.policy.checks[finding.check].own_card
    ]
    if CheckId.HIGH_DOSE in fired:
        parts = _with_high_dose(parts, head, fired[CheckId.HIGH_DOSE], case)
    last = "" if case.running is None else ", a taper is in progress"
    line = head
    for part in parts:
        joins = line == head and part.startswith(("with ", "in "))
        longer = f"{line} {part}" if joins else f"{line}, {part}"
        if len(longer + last) <= LONGEST_SUMMARY:
            line = longer
    return one_line(line + last)


def not_checked_summary(unknown: Iterable[Checked], case: OrderCase) -> str:
    """The line of the card that says what could not be checked."""
    looked_for = [_LOOKED_FOR.get(c.check, rule(c.check).called.lower()) for c in unknown]
    about = case.replaced
    head = _dose_words(case)
    if about.stops and about.endings:
        head += " is being stopped"
    return one_line(f"{head}: not checked for {_some(looked_for)}")


def naloxone_summary(opioid: Finding) -> str:
    """The line of the naloxone card: the opioids by name, for several cards may stand together."""
    return one_line(f"No naloxone on the list: clonazepam {_company([opioid.fired])}")


def one_line(line: str) -> str:
    """The line as it fits into a summary."""
    flat = " ".join(line.split())
    return flat if len(flat) <= LONGEST_SUMMARY else flat[: LONGEST_SUMMARY - 1].rstrip() + "…"


def _dose_words(case: OrderCase, *, raised: bool = False) -> str:
    effect = case.effect
    if effect is not None:
        return _total_words(effect.replacing) + (_before(effect) if raised else "")
    if case.ordered:
        return "Clonazepam"
    return _total_words(case.replaced.present)


def _total_words(total: Total) -> str:
    if not total.sources:
        return "Clonazepam (dose not computable)"
    return f"Clonazepam {'' if total.complete else 'at least '}{total}"


def _before(effect: Effect) -> str:
    if effect.baseline is None:
        return ""
    lapsed_on = effect.baseline_ended_on
    if lapsed_on is None:
        return f" (raised from {plain(effect.baseline.mg_per_day)})"
    return f" ({effect.baseline} until {day(lapsed_on)})"


def _company(together: Sequence[Fired]) -> str:
    """For example "with oxycodone and zolpidem": opioids first, then what else sedates."""
    names = [name for fired in together for name in fired.names or (_bare(fired),)]
    return f"with {_some(names)}" if names else ""


def _bare(fired: Fired) -> str:
    return fired.summary.removeprefix("with ")


def _some(names: Sequence[str]) -> str:
    """The names as a list, as many as a line has room for: "a, b and 3 more"."""
    for left_out in range(len(names)):
        more = [f"{left_out} more"] if left_out else []
        words = listed([*names[: len(names) - left_out], *more])
        if len(words) <= _LONGEST_LIST:
            return words
    return f"{len(names)} of them"


def _fragment(finding: Finding) -> str:
    """The finding's own summary, with what it comes to where that is not said in it."""
    words = finding.fired.summary
    if finding.check is CheckId.CONTRAINDICATION:
        return f"contraindicated {words}"
    # An age by itself does not say what it is a risk of.
    alone = finding.check is CheckId.OLDER_ADULT and "," not in words
    return f"{words} (fall risk)" if alone else words


def _with_high_dose(parts: list[str], head: str, high: Fired, case: OrderCase) -> list[str]:
    """A dose above the label's maximum is said; one above the threshold where it stands alone."""
    policy = case.policy
    if high.severity is Severity.CRITICAL and case.effect is not None:
        dose = case.effect.replacing.mg_per_day
        for_panic = dose <= policy.absolute_maximum_mg_per_day
        limit = (
            f"{plain(policy.panic_maximum_mg_per_day)} mg/day for panic disorder"
            if for_panic
            else f"{plain(policy.absolute_maximum_mg_per_day)} mg/day"
        )
        return [f"above the label's {limit}", *parts]
    if parts or "(" in head or high.only_if_added:
        return parts
    return ["a high dose"]
