"""What a check answers, and the whole assessment of one patient on one day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property


class CheckId(StrEnum):
    """The checks, in the order in which ties of severity are decided (CLINICAL section 3).

    First the four that the service exists for, then those that interrupt by themselves, then
    those that stand in the detail of another's card (CLINICAL section 4).
    """

    OPIOID_TOGETHER = "opioid-together"
    HIGH_DOSE = "high-dose"
    DOSE_ESCALATION = "dose-escalation"
    OLDER_ADULT = "older-adult-fall-risk"
    CONTRAINDICATION = "contraindication"
    ABRUPT_STOP = "abrupt-stop"
    OTHER_SEDATIVES = "other-sedatives"
    PREGNANCY = "pregnancy"
    BREATHING = "breathing"
    SUICIDE_RISK = "suicide-risk"
    SUBSTANCE_USE = "substance-use"
    COGNITION = "cognition"
    SEIZURE_INDICATION = "seizure-indication"
    PSYCHIATRIC_FIRST = "psychiatric-first"
    RBD_OPTION = "rbd-option"
    ENZYME_CHANGE = "enzyme-change"
    LONG_TERM_USE = "long-term-use"


FIRST_FOUR = (
    CheckId.OPIOID_TOGETHER,
    CheckId.HIGH_DOSE,
    CheckId.DOSE_ESCALATION,
    CheckId.OLDER_ADULT,
)
"""The checks that the service exists for (CLINICAL section 3)."""


class Severity(StrEnum):
    """How much a finding matters; also the CDS Hooks indicator (information is "info")."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFORMATION = "information"

    @property
    def word(self) -> str:
        """As a card or a page says it."""
        return self.value.capitalize()

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Fired:
    """The check found something.

    `summary` is the fact with its number, short enough for a card's first line; `why` is the
    sentence for the account; `details` are further lines for the reader of the card.
    `names` are what the summary names, for a card that joins several findings in one line.
    `only_if_added` is true when the finding holds only if the present orders continue beside
    the new one: information in another card's detail, never a card of its own.
    """

    severity: Severity
    summary: str
    why: str
    sources: tuple[str, ...]
    evidence: tuple[str, ...]
    details: tuple[str, ...] = ()
    only_if_added: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clear:
    """Looked, and there is nothing to say."""

    why: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotEvaluable:
    """The check could not be made, because ..."""

    why: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetAside:
    """The check does not apply to this patient or order, because ..."""

    why: str
    sources: tuple[str, ...] = ()


Verdict = Fired | Clear | NotEvaluable | SetAside


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that fired."""

    check: CheckId
    fired: Fired

    @property
    def severity(self) -> Severity:
        """The severity of the finding."""
        return self.fired.severity


@dataclass(frozen=True, slots=True)
class Checked:
    """One check with its verdict."""

    check: CheckId
    verdict: Verdict


@dataclass(frozen=True)
class Assessment:
    """Every check's verdict on one day, made with one version of the rules."""

    on: date
    rules_version: str
    checks: tuple[Checked, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What fired, most severe first; ties in the order of `CheckId`."""
        fired = [Finding(c.check, c.verdict) for c in self.checks if isinstance(c.verdict, Fired)]
        order = list(CheckId)
        return tuple(sorted(fired, key=lambda f: (f.severity.rank, order.index(f.check))))

    def verdict(self, check: CheckId) -> Verdict:
        """The verdict of one check. Raises KeyError if it was not made."""
        for checked in self.checks:
            if checked.check is check:
                return checked.verdict
        raise KeyError(check)
