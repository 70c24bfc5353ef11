"""What the gate gives to the SMART door, and the door's routes."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
from starlette.routing import BaseRoute

from ehr.keys import IssuerKeys, OurKeys
from ehr.network import http_client
from ehr.registry import Registry
from smart_app import door, planner
from smart_app.chart import SmartChart
from smart_app.collaborators import Collaborators
from smart_app.planner.typed import Fields
from smart_app.session import Sessions, check_csrf
from smart_app.visit import Visit
from taperguard import wiring
from taperguard.doors import new_id
from taperguard.reports_door import report_routes
from taperguard.wiring import House

_TIMEOUT = httpx2.Timeout(20, connect=5)
_LIMITS = httpx2.Limits(max_connections=20)

HttpFactory = Callable[[], httpx2.AsyncClient]


def smart_routes(house: House, *, http: HttpFactory | None = None) -> list[BaseRoute]:
    """Launch, callback, key set, planner and report. Raises MalformedKeys or SettingsRefused.

    `http` makes the client for one piece of work with an EHR; tests give their own.
    """
    given = collaborators(house, http=http)
    sessions = Sessions(given)

    def check_form(_request: object, visit: Visit, fields: Fields) -> None:
        token = fields.get("csrf_token")
        check_csrf(visit, token if isinstance(token, str) else None)

    pages = planner.routes(
        planner.PlannerCollaborators(
            visit_of=sessions.visit_of,
            check_csrf=check_form,
            chart=SmartChart(given, sessions),
            policy_of=lambda visit: house.policies.of(visit.ehr_id),
            new_id=new_id,
        )
    )
    return door.routes(given, [*pages, *report_routes(given)])


def collaborators(house: House, *, http: HttpFactory | None = None) -> Collaborators:
    """What the door works with. Raises MalformedKeys or SettingsRefused."""
    return Collaborators(
        registry=house.registry,
        engine=house.engine,
        sealer=house.sealer,
        now=house.now,
        base_url=house.settings.base_url,
        http=http or _http_factory(house.registry),
        our_keys=our_keys(house),
        issuer_keys=IssuerKeys(house.now),
        new_event_id=new_id,
        development=not house.settings.is_production,
        histories=house.histories,
    )


def _http_factory(registry: Registry) -> HttpFactory:
    private_hosts, trust = registry.private_hosts, wiring.system_trust()

    def http() -> httpx2.AsyncClient:
        # One for each piece of work: it lives in the event loop that uses it, and nothing of one
        # patient's connection is left for the next.
        return http_client(private_hosts, trust=trust, timeout=_TIMEOUT, limits=_LIMITS)

    return http


def our_keys(house: House) -> OurKeys | None:
    """Our signing keys. Raises MalformedKeys or SettingsRefused."""
    return wiring.our_keys(house.settings, house.registry)
