"""One patient with the orders that are about to be signed, on one day, under one policy.

Every check looks at the same case, and the card is made of it: what signing comes to, a taper
that is in progress, what is taken and since when are each worked out once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from clinical.dose_history import DoseHistory, dose_history
from clinical.drugs import Drug
from clinical.facts import MedicationRecord, PatientFacts
from clinical.indication import clonazepam_orders
from clinical.policy import Policy
from clinical.present import Use, use_of
from clinical.signing import (
    Effect,
    Stopped,
    clonazepam_ordered,
    clonazepam_stopped,
    current_clonazepam,
    effect_of_signing,
    ended_by_drafts,
    planned_clonazepam,
    will_be_taken,
    with_ended_drafts,
)
from clinical.standing import standing
from clinical.tapers import TaperInProgress, taper_in_progress
from clinical.totals import Total, total_on


@dataclass(frozen=True, slots=True)
class Replaced:
    """What an offer takes the place of: the drafts, and what is taken until they are signed.

    `drafts` order clonazepam, `endings` end present orders of it; where there are only endings it
    is being stopped. `present` is the total of the `current` orders; `planned` are orders in the
    chart that start later.
    """

    drafts: tuple[MedicationRecord, ...]
    endings: tuple[MedicationRecord, ...]
    current: tuple[MedicationRecord, ...]
    planned: tuple[MedicationRecord, ...]
    present: Total

    @property
    def stops(self) -> bool:
        """Whether the drafts only end the medicine."""
        return not self.drafts

    @property
    def re_signed(self) -> frozenset[str]:
        """The drafts that are an order of the chart, changed: without them it stands as it was."""
        charted = frozenset(record.source for record in self.current)
        return charted & {draft.source for draft in (*self.drafts, *self.endings)}


@dataclass(frozen=True)
class OrderCase:
    """The facts, the day and the policy, and what follows from them."""

    facts: PatientFacts
    on: date
    policy: Policy = field(repr=False)

    @cached_property
    def charted(self) -> PatientFacts:
        """The facts, with the clonazepam of which only a draft that ends it tells."""
        return with_ended_drafts(self.facts)

    @cached_property
    def drafted(self) -> tuple[MedicationRecord, ...]:
        """The drafts, of whichever medicine, that will be taken when they are signed."""
        return tuple(d.record for d in self.facts.drafts if will_be_taken(d, self.on))

    @cached_property
    def clonazepam(self) -> tuple[MedicationRecord, ...]:
        """The drafts of clonazepam that will be taken, and what is current in the chart."""
        return clonazepam_orders(self.facts, self.on)

    @cached_property
    def ordered(self) -> tuple[MedicationRecord, ...]:
        """The clonazepam drafts that will be signed, if one of them is selected."""
        return clonazepam_ordered(self.facts, self.on)

    @cached_property
    def current(self) -> tuple[MedicationRecord, ...]:
        """The clonazepam in the chart that is current before signing."""
        return current_clonazepam(self.facts, self.on)

    @cached_property
    def before(self) -> tuple[MedicationRecord, ...]:
        """The same, with what only a draft that ends it tells of."""
        if self.charted is self.facts:
            return self.current
        return current_clonazepam(self.charted, self.on)

    @cached_property
    def effect(self) -> Effect | None:
        """What signing comes to; None when no lasting daily dose of clonazepam is ordered."""
        return effect_of_signing(self.facts, self.on, self.policy)

    @cached_property
    def ended(self) -> frozenset[str]:
        """The sources of the orders, of whichever medicine, that the drafts end."""
        return ended_by_drafts(self.facts, self.on)

    @cached_property
    def ending(self) -> frozenset[str]:
        """The same, with those that a draft names as the order which it replaces."""
        return self.ended.union(*(draft.replaces for draft in self.drafted))

    @cached_property
    def stopped(self) -> Stopped | None:
        """The present clonazepam that the drafts end; None when they end none."""
        return clonazepam_stopped(self.facts, self.on)

    @cached_property
    def replaced(self) -> Replaced:
        """The clonazepam drafts, and what is taken before they are signed."""
        return Replaced(
            drafts=() if self.effect is None else self.effect.drafts,
            endings=() if self.stopped is None else self.stopped.drafts,
            current=self.before,
            planned=planned_clonazepam(self.facts, self.on),
            present=total_on(self.before, self.on),
        )

    @cached_property
    def running(self) -> TaperInProgress | None:
        """A taper that is in progress."""
        return taper_in_progress(self.facts, self.on)

    @cached_property
    def told(self) -> DoseHistory:
        """The dose of clonazepam over time, as the chart tells it."""
        return dose_history(self.charted, self.on)

    @cached_property
    def use(self) -> Use:
        """Since when clonazepam is taken, how dependent that makes, and earlier tapers."""
        return use_of(self.charted, self.before, self.on, self.policy, self.told)

    @cached_property
    def taken(self) -> tuple[MedicationRecord, ...]:
        """Every medicine that is current and goes on, and every one that the drafts will add.

        One without a name that a draft ends stays: it may be clonazepam that was taken until now.
        """
        return (
            *(
                record
                for record in self.facts.medications
                if standing(record, self.on).counts
                and not (record.source in self.ended and isinstance(record.drug, Drug))
            ),
            *self.drafted,
        )
