"""What may happen to a plan under way: each change with who decided it, when, and why.

A decision counts from its day on. A report (`LateFill`, `MissedCheckIn`) looks back: it tells
that from a day on nothing went forward, and is dated on the day that this ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache

from clinical.knowledge import document
from clinical.taper.pace import conventions
from clinical.taper.refusal import CannotTaper

_LONGEST_TEXT = 500


class CannotChange(CannotTaper):
    """The plan stays as it is. The message is a sentence for the prescriber."""


class RedFlag(StrEnum):
    """What stops a taper at once (CLINICAL 6)."""

    SEIZURE = "seizure"
    CONFUSION = "confusion"
    DELIRIUM = "delirium"
    HALLUCINATIONS = "hallucinations"
    SUICIDAL_THOUGHTS = "suicidal-thoughts"

    @property
    def called(self) -> str:
        """As it stands in a sentence: "a seizure"."""
        return str(document("replanning.toml")["red_flags"]["called"][self.value])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """`on` is the day of the change, `who` decided or reported it, `why` in their own words."""

    on: date
    who: str
    why: str

    @property
    def first_day(self) -> date:
        """The first day on which another dose may be taken than without the change."""
        return self.on


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(_Change):
    """No cut for `days` days from `on`: the dose of the day before goes on, all else waits."""

    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(_Change):
    """A hold ends early: what was waiting goes on from `on`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowDown(_Change):
    """From `on` all that is to come of the doses lasts twice as long: half the pace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBack(_Change):
    """From `on` the dose before the present one again, then down once more at half the pace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkipForward(_Change):
    """From `on` the dose that the plan has for `to_day`, for all its days, and on from there.

    For a patient who is already down to a later dose of the plan.
    """

    to_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report(_Change):
    """What was due on `due_on` was done on `on`; until then the dose before went on."""

    due_on: date

    @property
    def first_day(self) -> date:
        """The day from which nothing went forward."""
        return self.due_on

    @property
    def days_late(self) -> int:
        """By how many days all that follows moves."""
        return (self.on - self.due_on).days


@dataclass(frozen=True, slots=True, kw_only=True)
class LateFill(_Report):
    """The tablets of a step were handed over late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedCheckIn(_Report):
    """A check-in was missed and made up for later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintain(_Change):
    """The dose of the day before is kept from `on`, and looked at again on `review_on`."""

    review_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(_Change):
    """A red flag: the plan ends on the day before `on`; nothing of it is to come."""

    red_flag: RedFlag


PlanChange = (
    Hold | Resume | SlowDown | StepBack | SkipForward | LateFill | MissedCheckIn | Maintain | Stop
)


@dataclass(frozen=True, slots=True)
class ReplanRules:
    """`longest_hold_days` at a time; `slower` is how many times as long doses last."""

    longest_hold_days: int
    slower: int
    longest_delay_days: int
    follow_up_days: int


@dataclass(frozen=True, slots=True)
class UrgentPathway:
    """What to do when a red flag has stopped a plan, for whoever looks after the patient."""

    title: str
    steps: tuple[str, ...]


@cache
def replan_rules() -> ReplanRules:
    """The numbers of CLINICAL 6, "Hold and step back".

    A delay longer than the longest fill leaves open what was taken, for no tablets reached so
    far; `follow_up_days` is until when after the last cut one may still step back.
    """
    rules = document("replanning.toml")
    return ReplanRules(
        longest_hold_days=rules["numbers"]["longest_hold_days"]["value"],
        slower=rules["numbers"]["slower_times"]["value"],
        longest_delay_days=conventions().longest_fill_days,
        follow_up_days=max(document("follow_up.toml")["check_ins"]["days_after_last_dose"]),
    )


@cache
def urgent_pathway() -> UrgentPathway:
    """The words of `knowledge/replanning.toml`."""
    urgent = document("replanning.toml")["urgent"]
    return UrgentPathway(urgent["title"], tuple(urgent["steps"]))


def refuse_unusable(change: PlanChange) -> None:
    """Raise CannotChange, with a sentence, for what no plan can be changed by."""
    for text, missing in ((change.who, "who decides it"), (change.why, "why")):
        if not text.strip():
            raise CannotChange(f"A change of the plan needs to say {missing}.")
        if len(text) > _LONGEST_TEXT:
            raise CannotChange(f"Say {missing} in at most {_LONGEST_TEXT} characters.")
    rules = replan_rules()
    match change:
        case Hold(days=days) if days < 1:
            raise CannotChange("A hold lasts at least a day.")
        case Hold(days=days) if days > rules.longest_hold_days:
            raise CannotChange(
                f"A hold lasts at most {rules.longest_hold_days} days, then the patient is seen "
                f"again: hold for fewer than {days} days, or maintain the dose with a review date."
            )
        case LateFill() | MissedCheckIn() if change.days_late < 1:
            raise CannotChange(f"What was due on {change.due_on} was not late on {change.on}.")
        case LateFill() | MissedCheckIn() if change.days_late > rules.longest_delay_days:
            raise CannotChange(
                f"{change.days_late} days late is more than the {rules.longest_delay_days} days of "
                "the longest fill, so this plan does not know what was taken: make a new plan "
                "from the dose that is taken now."
            )
        case Maintain(on=on, review_on=review_on) if review_on <= on:
            raise CannotChange(f"A dose is maintained to a review later than {on}.")
        case _:
            pass
