"""What the gate gives to the CDS Hooks door."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from cds_hooks.caller import Caller, NotTrusted, ehr_of
from cds_hooks.door import Collaborators
from cds_hooks.feedback import NotKept
from cds_hooks.fetch import Fetching
from cds_hooks.gather import Background
from cds_hooks.memory import facts_of_cards
from cds_hooks.request import HookRequest
from cds_hooks.services.order_safety import Answer, Bench, concerns_a_check
from clinical.policy_file import Policies
from ehr.history import Histories
from ehr.needs import OPTIONAL
from ehr.registry import DraftsOnCard, Registry, TrustedEhr
from store import feedback
from store.cards_shown import CardsShown, ShownCard
from store.database import writing
from store.feedback import Feedback
from taperguard.memory import UNREGISTERED, HouseMemory, Impatient
from taperguard.settings import Settings
from taperguard.wiring import House

KEEPING_SECONDS = 1.0
"""So long a hook waits until it is kept what it shows; then it answers, and says so."""


def new_id() -> str:
    """A fresh random UUID."""
    return str(uuid.uuid4())


def bench_of(
    settings: Settings,
    policies: Policies,
    histories: Histories | None = None,
    memory: HouseMemory | None = None,
) -> Callable[[TrustedEhr | None, str | None], Bench]:
    """What the services work with, by the EHR and the FHIR base that a request names.

    Without `histories` nothing is read in the background, without `memory` nothing is settled.
    """

    def bench(ehr: TrustedEhr | None, fhir_server: str | None) -> Bench:
        return Bench(
            policy=policies.of(None if ehr is None else ehr.id),
            new_id=new_id,
            base_url=settings.base_url,
            first_step_only=ehr is not None and ehr.drafts_on_card is DraftsOnCard.FIRST_STEP,
            background=None if histories is None or ehr is None else Background(histories, ehr.id),
            memory=None if memory is None else memory.of(ehr, fhir_server),
        )

    return bench


def today_of(now: Callable[[], datetime]) -> Callable[[TrustedEhr | None], date]:
    """The date where the clinic of the request's EHR is (CLINICAL 1); in UTC when unknown."""

    def today(ehr: TrustedEhr | None) -> date:
        return now().astimezone(UTC if ehr is None else ehr.time_zone).date()

    return today


def cds_hooks_collaborators(house: House) -> Collaborators:
    """The CDS Hooks door of this house."""
    memory = HouseMemory(
        house.engine,
        house.sealer,
        house.registry,
        house.now,
        policy_of=house.policies.of,
    )
    keep = Impatient(KEEPING_SECONDS)

    def keep_shown(request: HookRequest, ehr: TrustedEhr | None, found: Answer) -> None:
        if not found.dealt.cards:
            return
        cards = tuple(
            ShownCard(uuid=card, checks=tuple(c.value for c in checks), severity=severity.value)
            for card, checks, severity in found.dealt.spoken_for
        )
        shown = CardsShown(
            ehr_id=UNREGISTERED if ehr is None else ehr.id,
            patient_id=request.patient_id,
            hook_instance=request.hook_instance,
            hook=request.hook,
            service=found.service,
            rules_version=found.assessment.rules_version,
            cards=cards,
            shown_at=house.now(),
        )
        facts = facts_of_cards(found.dealt.spoken_for, found.assessment, found.standing)
        whose = memory.of(ehr, request.fhir_server).whose(request.patient_id, found.service)
        keep(lambda: house.promise_cards_shown(shown, whose, facts))

    def keep_feedback(
        _: Caller, service: str, reports: tuple[Feedback, ...]
    ) -> tuple[Feedback, ...]:
        try:
            with writing(house.engine) as connection:
                new = feedback.record(
                    connection, service, reports, sealer=house.sealer, now=house.now()
                )
                memory.settle(connection, service, [it for it in reports if it in new])
                return new
        except (SQLAlchemyError, OSError) as error:
            raise NotKept from error

    async def trust(_: Request) -> Caller:
        if house.settings.is_production:
            raise NotTrusted("no-token")
        return Caller()

    today = today_of(house.now)
    fetching = Fetching(
        house.ehr_clients.open,
        lambda request, ehr: concerns_a_check(request, today(ehr), house.policies.of(ehr.id)),
        seconds=house.settings.hook_fetch_seconds,
    )

    return Collaborators(
        trust=trust,
        ehr_of=lambda caller, server: ehr_of(caller, server, house.registry),
        complete=fetching.complete,
        today=today,
        bench=bench_of(house.settings, house.policies, house.histories, memory),
        keep_shown=keep_shown,
        keep_feedback=keep_feedback,
        new_event_id=new_id,
        optional_needs=optional_needs(house.registry),
        policy=house.policies.site,
        most_bytes=MOST_BYTES,
    )


def optional_needs(registry: Registry) -> tuple[str, ...]:
    """The optional lists that some EHR is asked for: discovery says one thing to all of them."""
    wanted = {key for ehr in registry for key in ehr.prefetch}
    return tuple(key for key in OPTIONAL if key in wanted)


MOST_BYTES = 8_000_000
"""The largest hook request that is read: a prefetch of some thousand records has less."""
