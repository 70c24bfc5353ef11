"""One patient with the orders that are about to be signed, on one day, under one policy.

Every check looks at the same case, and the card is made of it: what signing comes to, a taper
that is in progress and what is taken are each worked out once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from clinical.dose_history import DoseHistory, dose_history
from clinical.drugs import Drug
from clinical.facts import MedicationRecord, PatientFacts
from clinical.policy import Policy
from clinical.signing import (
    Effect,
    Stopped,
    clonazepam_ordered,
    clonazepam_stopped,
    current_clonazepam,
    effect_of_signing,
    ended_by_drafts,
    will_be_taken,
)
from clinical.standing import standing
from clinical.tapers import TaperInProgress, taper_in_progress


@dataclass(frozen=True)
class OrderCase:
    """The facts, the day and the policy, and what follows from them."""

    facts: PatientFacts
    on: date
    policy: Policy = field(repr=False)

    @cached_property
    def ordered(self) -> tuple[MedicationRecord, ...]:
        """The clonazepam drafts that will be signed, if one of them is selected."""
        return clonazepam_ordered(self.facts, self.on)

    @cached_property
    def current(self) -> tuple[MedicationRecord, ...]:
        """The clonazepam that is current before signing."""
        return current_clonazepam(self.facts, self.on)

    @cached_property
    def effect(self) -> Effect | None:
        """What signing comes to; None when no lasting daily dose of clonazepam is ordered."""
        return effect_of_signing(self.facts, self.on, self.policy)

    @cached_property
    def stopped(self) -> Stopped | None:
        """The present clonazepam that the drafts end; None when they end none."""
        return clonazepam_stopped(self.facts, self.on)

    @cached_property
    def running(self) -> TaperInProgress | None:
        """A taper that is in progress."""
        return taper_in_progress(self.facts, self.on)

    @cached_property
    def told(self) -> DoseHistory:
        """The dose of clonazepam over time, as the chart tells it."""
        return dose_history(self.facts, self.on)

    @cached_property
    def taken(self) -> tuple[MedicationRecord, ...]:
        """Every medicine that is current and goes on, and every one that the drafts will add.

        One without a name that a draft ends stays: it may be clonazepam that was taken until now.
        """
        ended = ended_by_drafts(self.facts, self.on)
        return (
            *(
                record
                for record in self.facts.medications
                if standing(record, self.on).counts
                and not (record.source in ended and isinstance(record.drug, Drug))
            ),
            *(d.record for d in self.facts.drafts if will_be_taken(d, self.on)),
        )
