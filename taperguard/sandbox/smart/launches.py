"""Launches from this EHR: a button, a card's smart link, or an app shown in a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from ..records.store import Charts
from .clients import Client
from .configuration import Addresses
from .ledger import Kind, Ledger

LAUNCH_SECONDS = 300
_LONGEST_CONTEXT = 4_000


class NoLaunch(Exception):
    """The app cannot be launched so; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Launches:
    """Makes launches. `ledger` keeps them; they are good once and for five minutes."""

    charts: Callable[[], Charts]
    clients: Mapping[str, Client]
    addresses: Addresses
    ledger: Ledger

    def new_launch(
        self,
        patient_id: str,
        encounter_id: str | None,
        user: str,
        intent: str | None = None,
        *,
        to: str | None = None,
        app_context: str | None = None,
    ) -> str:
        """The address that launches an app with this context (SMART App Launch 2.2.0, 2.1).

        `user` is a reference such as Practitioner/hazel. `to` is a registered launch URL; without
        it, that of the first registered app. `app_context` comes back in the token response (CDS
        Hooks 2.0, Link). NoLaunch when the address is not registered or there is no such patient.
        """
        registered = [url for client in self.clients.values() for url in client.launch_urls]
        url = registered[0] if to is None else to
        if url not in registered:
            raise NoLaunch("No app is registered with that launch address.")
        if app_context is not None and len(app_context) > _LONGEST_CONTEXT:
            raise NoLaunch("The app's context is too long.")
        if self.charts().read("Patient", patient_id) is None:
            raise NoLaunch("There is no patient with this id in the sandbox.")
        launch = self.ledger.issue(
            Kind.LAUNCH,
            LAUNCH_SECONDS,
            {
                "url": url,
                "patient": patient_id,
                "encounter": encounter_id,
                "user": user,
                "intent": intent,
                "app_context": app_context,
            },
        )
        joint = "&" if urlsplit(url).query else "?"
        return f"{url}{joint}{urlencode({'iss': self.addresses.issuer, 'launch': launch})}"

    def visit_of(self, patient_id: str) -> str | None:
        """The id of today's visit of a patient, if there is one."""
        chart = self.charts().chart_of(patient_id, base=self.addresses.issuer)
        for stored in chart.get("Encounter", []):
            if stored.resource().get("status") == "in-progress":
                return stored.id
        return None
