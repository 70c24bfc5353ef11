"""Cards that were shown and what became of them: some by hand, and a clinic's year by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy.engine import Engine

from store import cards_shown, feedback
from store.card_outcomes import Shown
from store.cards_shown import CardsShown, ShownCard
from store.database import writing
from store.feedback import Feedback, Outcome, OverrideReason
from store.sealing import Sealer

OWN = "https://taperguard.org/fhir/CodeSystem/override-reasons"
HL7 = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
DISPLAYS = {
    f"{OWN}|will-monitor": "Will monitor and review",
    f"{OWN}|taper-in-progress": "A taper is already in progress",
    f"{HL7}|risk-benefit-ratio": "The benefit outweighs the risk for this patient",
}


def shown(*, patient: str = "1", **told: Any) -> Shown:
    """A card of high-dose that a practitioner saw in November before signing; nobody answered."""
    usual: dict[str, Any] = {
        "month": "2026-11",
        "checks": ("high-dose",),
        "severity": "warning",
        "hook": "order-sign",
        "user_role": "Practitioner",
        "rules_version": "2026.11",
        "outcome": None,
        "reason": None,
        "patients": frozenset({patient}),
        "cards": 1,
    }
    return Shown(**(usual | told))


def of_patients(count: int, first: int = 0, **told: Any) -> list[Shown]:
    """The same card of so many patients."""
    return [shown(patient=str(first + number), **told) for number in range(count)]


_CHECKS = (
    (("opioid-together", "high-dose"), "critical", 2),
    (("high-dose",), "warning", 5),
    (("older-adult-fall-risk", "dose-escalation"), "critical", 2),
    (("dose-escalation",), "warning", 3),
    (("other-sedatives",), "warning", 3),
    (("abrupt-stop",), "warning", 1),
    (("long-term-use",), "information", 4),
)
_REASONS = (
    OverrideReason(OWN, "will-monitor", None),
    OverrideReason(HL7, "risk-benefit-ratio", None),
    OverrideReason(OWN, "taper-in-progress", None),
    OverrideReason("https://ehr.example/reasons", "x", "Their own words"),
    OverrideReason(None, None, "Their own words"),
    None,
)


def fill(
    engine: Engine,
    sealer: Sealer,
    *,
    ehr_id: str = "sandbox",
    months: Iterable[tuple[int, int]],
    a_month: int = 40,
    patients: int = 300,
) -> None:
    """So many cards in each of these months (year, month), answered as they are in life."""
    chance = random.Random(9)  # noqa: S311
    number = 0
    kept: list[tuple[CardsShown, list[Feedback]]] = []
    for year, month in months:
        for _ in range(a_month):
            number += 1
            card = f"00000000-0000-4000-8000-{number:012}"
            on = date(year, month, chance.randint(1, 25))
            at = datetime.combine(on, time(12), UTC)
            checks, severity, _ = chance.choices(_CHECKS, [it[2] for it in _CHECKS])[0]
            review = checks == ("long-term-use",)
            service = "clonazepam-review" if review else "clonazepam-safety"
            hook = "patient-view" if review else chance.choice(("order-select", "order-sign"))
            one = CardsShown(
                *(ehr_id, str(chance.randrange(patients)), "an-instance", hook, service),
                rules_version="2026.11" if (year, month) >= (2026, 9) else "2026.08",
                cards=(ShownCard(card, checks, severity),),
                shown_at=at,
                shown_on=on,
                user_role=chance.choices(("Practitioner", "PractitionerRole", None), (8, 3, 1))[0],
            )
            what = chance.choices(("accepted", "overridden", None), (3, 4, 3))[0]
            reports: list[Feedback] = []
            if what == "accepted":
                reports = [Feedback(card, Outcome.ACCEPTED, at, (card,))]
            elif what == "overridden":
                why = chance.choices(_REASONS, (6, 4, 3, 1, 2, 3))[0]
                reports = [Feedback(card, Outcome.OVERRIDDEN, at, reason=why)]
            kept.append((one, reports))
    with writing(engine) as connection:
        for one, reports in kept:
            at = one.shown_at
            cards_shown.record(connection, one, sealer=sealer, now=at)
            feedback.record(connection, one.service, reports, sealer=sealer, now=at, ehr_id=ehr_id)
