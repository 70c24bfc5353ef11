"""Since when clonazepam is used, and on how many days of the past year (CLINICAL 9).

One basis for every door: the days that `clinical.exposure` counts, from dispenses where there are
any, else orders, else statements. Report, review card, order card and planner ask here, so that
one patient has one answer. Days that cannot be worked out keep it from being certain; they never
make a yes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from clinical.checks.words import listed
from clinical.day_set import DaySet
from clinical.exposure import Exposure, days_at_most, exposure
from clinical.facts import PatientFacts, is_clonazepam
from clinical.policy import Policy
from clinical.standing import followed_on
from clinical.supply import assumed_lengths


@dataclass(frozen=True, slots=True)
class LongTermUse:
    """Days of the window that are covered for certain, and further ones that may be.

    `met` is None where the days that may be would decide.
    """

    covered: int
    perhaps: int
    window_days: int
    label: str
    met: bool | None
    reasons: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def said(self) -> str:
        """As "60 of the past 365 days covered (prescribed days)"."""
        return f"{self.covered} of the past {self.window_days} days covered ({self.label})"

    @property
    def unsaid(self) -> str | None:
        """The days that cannot be worked out, and why; None where there are none."""
        if not self.perhaps:
            return None
        return f"{self.perhaps} more cannot be worked out: {listed(self.reasons)}"


def long_term_use(taken: Exposure, window: DaySet, least_days: int) -> LongTermUse:
    """Whether at least so many days of the window are covered."""
    known, perhaps = taken.covered & window, taken.unknown & window
    met = None
    if len(known) >= least_days:
        met = True
    elif len(known) + len(perhaps) < least_days:
        met = False
    unsaid = {u.source for u in taken.unsaid if u.days is not None} if met is None else set()
    return LongTermUse(
        covered=len(known),
        perhaps=len(perhaps),
        window_days=len(window),
        label=taken.label,
        met=met,
        reasons=taken.reasons(window),
        sources=tuple(sorted({*taken.sources(window), *unsaid})),
    )


@dataclass(frozen=True, slots=True)
class PresentUse:
    """The use that reaches to the day without a gap of more than the policy's days.

    `since` is its first day by days that are covered for certain, None where none reaches the day.
    `at_most_since` is the same by every day for which any kind of record stood; None where
    none does, or where a record does not say since when (`undated`). `certain` where both agree.
    """

    on: date
    since: date | None
    at_most_since: date | None
    undated: bool
    label: str
    reasons: tuple[str, ...] = ()

    @property
    def certain(self) -> bool:
        """Whether known days alone say since when."""
        return self.since is not None and self.since == self.at_most_since

    @property
    def at_most_days(self) -> int | None:
        """Days from the first to this one, both counted; None where that is not known."""
        return None if self.at_most_since is None else (self.on - self.at_most_since).days + 1


def clonazepam_days(facts: PatientFacts, on: date, policy: Policy) -> Exposure:
    """The days of clonazepam, by the kind of record that speaks of the policy's window."""
    return exposure(
        [record for record in facts.medications if is_clonazepam(record)],
        on=on,
        since=window_of(on, policy)[0],
        followed=followed_on(facts.medications),
        assumed=assumed_lengths(),
    )


def window_of(on: date, policy: Policy) -> tuple[date, date]:
    """The past year: the day and the days before it, first and last."""
    return on - timedelta(days=policy.long_term_window_days - 1), on


def present_use(facts: PatientFacts, on: date, policy: Policy) -> PresentUse:
    """Since when clonazepam is used, as far as the chart tells."""
    taken = clonazepam_days(facts, on, policy)
    at_most = days_at_most(
        [record for record in facts.medications if is_clonazepam(record)],
        on=on,
        since=window_of(on, policy)[0],
        followed=followed_on(facts.medications),
        assumed=assumed_lengths(),
    )
    gap = policy.use_gap_days
    known, perhaps = _reaching(taken.covered, on, gap), _reaching(at_most, on, gap)
    episode = DaySet.between(perhaps, on) if perhaps is not None else DaySet()
    undated = any(u.since_unknown for u in taken.unsaid_in(episode))
    return PresentUse(
        on=on,
        since=known,
        at_most_since=None if undated else perhaps,
        undated=undated,
        label=taken.label,
        reasons=taken.reasons(episode),
    )


def _reaching(days: DaySet, on: date, gap_days: int) -> date | None:
    """The first day of the episode that reaches to the day, or to a gap's length before it."""
    until = days & DaySet.between(date.min, on)
    episodes = until.joined(gap_days).dates()
    if not episodes or (on - episodes[-1][1]).days > gap_days:
        return None
    return episodes[-1][0]
