"""What the gate gives to the CDS Hooks door."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from cds_hooks.caller import Caller, ehr_of
from cds_hooks.door import Collaborators, TooOften
from cds_hooks.feedback import KeptReport, NotKept
from cds_hooks.fetch import Fetching
from cds_hooks.gather import Background
from cds_hooks.memory import facts_of_cards
from cds_hooks.request import HookRequest
from cds_hooks.services.order_safety import Answer, Bench, concerns_a_check
from cds_hooks.trust import Trust
from clinical.policy_file import Policies
from ehr.client_keys import ClientKeys
from ehr.history import Histories
from ehr.needs import OPTIONAL
from ehr.read.json import reference_key
from ehr.registry import DraftsOnCard, Registry, TrustedEhr
from store import feedback
from store.card_outcomes import checks_of_card
from store.cards_shown import USER_ROLES, CardsShown, ShownCard
from store.database import writing
from store.feedback import Feedback
from taperguard.limits import REFUSED
from taperguard.memory import UNREGISTERED, HouseMemory, Impatient
from taperguard.rates import count_as
from taperguard.settings import Settings
from taperguard.wiring import House, door_http

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


def trust_of(house: House) -> Trust:
    """The judge of who calls this house."""
    return Trust(
        registry=house.registry,
        keys=ClientKeys(house.now, lambda: door_http(house.registry.private_hosts)),
        uses=house.token_uses,
        now=house.now,
        base_url=house.settings.base_url,
        may_be_without_token=not house.settings.is_production,
    )


def role_of(user_id: str) -> str | None:
    """The FHIR type of a hook's user, as far as CDS Hooks names it; of who it is nothing is kept.

    CDS Hooks 2.0, order-sign and patient-view, `userId`.
    """
    kind = (reference_key(user_id) or "").partition("/")[0]
    return kind if kind in USER_ROLES else None


def cds_hooks_collaborators(house: House, trust: Trust | None = None) -> Collaborators:
    """The CDS Hooks door of this house."""
    memory = HouseMemory(
        house.engine,
        house.sealer,
        house.registry,
        house.now,
        policy_of=house.policies.of,
    )
    keep = Impatient(KEEPING_SECONDS)
    today = today_of(house.now)

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
            shown_on=today(ehr),
            user_role=role_of(request.user_id),
        )
        facts = facts_of_cards(found.dealt.spoken_for, found.assessment, found.standing)
        whose = memory.of(ehr, request.fhir_server).whose(request.patient_id, found.service)
        keep(lambda: house.promise_cards_shown(shown, whose, facts))

    def keep_feedback(
        caller: Caller, service: str, reports: tuple[Feedback, ...]
    ) -> tuple[KeptReport, ...]:
        ehr_id = None if caller.ehr is None else caller.ehr.id

        def about(report: Feedback) -> tuple[str, ...] | None:
            return checks_of_card(connection, report.card, service=service, ehr_id=ehr_id)

        try:
            with writing(house.engine) as connection:
                kept = feedback.record(
                    connection,
                    service,
                    reports,
                    sealer=house.sealer,
                    now=house.now(),
                    ehr_id=ehr_id,
                )
                new = [it for it in reports if it in kept]
                memory.settle(connection, service, new, ehr_id=ehr_id)
                return tuple(KeptReport(report, about(report)) for report in kept)
        except (SQLAlchemyError, OSError) as error:
            raise NotKept from error

    fetching = Fetching(
        house.ehr_clients.open,
        lambda request, ehr: concerns_a_check(request, today(ehr), house.policies.of(ehr.id)),
        seconds=house.settings.hook_fetch_seconds,
    )

    return Collaborators(
        trust=counted(trust or trust_of(house)),
        ehr_of=lambda caller, server: ehr_of(caller, server, house.registry),
        complete=fetching.complete,
        today=today,
        bench=bench_of(house.settings, house.policies, house.histories, memory),
        keep_shown=keep_shown,
        keep_feedback=keep_feedback,
        new_event_id=new_id,
        optional_needs=optional_needs(house.registry),
        policy=house.policies.site,
    )


def counted(
    trust: Callable[[Request], Awaitable[Caller]],
) -> Callable[[Request], Awaitable[Caller]]:
    """The same, and what a client whom we know asks counts for it, from whatever address."""

    async def trust_and_count(request: Request) -> Caller:
        caller = await trust(request)
        if caller.client is not None:
            name = f"{caller.client.issuer} {caller.client.tenant or ''}"
            wait = count_as(request.scope, name)
            if wait is not None:
                REFUSED.labels("rate").inc()
                raise TooOften(wait)
        return caller

    return trust_and_count


def optional_needs(registry: Registry) -> tuple[str, ...]:
    """The optional lists that some EHR is asked for: discovery says one thing to all of them."""
    wanted = {key for ehr in registry for key in ehr.prefetch}
    return tuple(key for key in OPTIONAL if key in wanted)
