"""A taper's CarePlan as a fact: the course that was planned, and by which pace and rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """Days (both inclusive) with one planned dose in mg/day; `ends` None: until further notice."""

    starts: date
    ends: date | None
    dose: Fraction


@dataclass(frozen=True, slots=True)
class TaperCarePlan:
    """A CarePlan of a taper that was planned here.

    `group` is the identifier that its orders carry too, as "system|value". `steps` are its doses
    in turn, the last one the goal; empty where they cannot be read. `pace_id` and `rules_version`
    say by what it was made; None where it does not say. `replaces` are the sources of the plans
    whose place it takes.
    """

    source: str
    group: str
    status: str | None
    steps: tuple[PlannedStep, ...]
    pace_id: str | None = None
    rules_version: str | None = None
    created_on: date | None = None
    replaces: tuple[str, ...] = ()

    @property
    def is_draft(self) -> bool:
        """Whether nobody has made it active yet."""
        return self.status == "draft"

    @property
    def counts(self) -> bool:
        """Whether it tells of a plan: not what was revoked, is over or was entered in error."""
        return self.status in {"draft", "active", "on-hold"}
