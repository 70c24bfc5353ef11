"""The authorization endpoint: from an app's request to a code (SMART App Launch 2.2.0, 2.1).

The prescriber of this pretend clinic is always signed in and agrees: no password, no consent page.
Only an app that asks who somebody is, and for no patient, lets one choose among the clinic's staff.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from ..records.store import Charts
from .clients import Client
from .configuration import Addresses
from .ledger import Kind, Ledger
from .scopes import granted

CODE_SECONDS = 60
_PENDING_SECONDS = 900
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_LONGEST_STATE = 1_000


class NoWayBack(Exception):
    """The request may not be answered at its redirect address: a page says why."""


class Denied(Exception):
    """An error that the app is told at its redirect address (RFC 6749, 4.1.2.1)."""

    def __init__(self, error: str, sentence: str) -> None:
        super().__init__(sentence)
        self.error = error
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class PickPatient:
    """The request needs a patient: a page asks for one and sends this secret along."""

    pending: str
    client: Client


@dataclass(frozen=True, slots=True)
class PickUser:
    """The request is about no patient: a page asks as whom, and sends this secret along."""

    pending: str
    client: Client


@dataclass(frozen=True, slots=True)
class Authorization:
    """Answers authorization requests. `user` is the one who is signed in, first of the `staff`."""

    charts: Callable[[], Charts]
    clients: Mapping[str, Client]
    addresses: Addresses
    ledger: Ledger
    staff: tuple[str, ...]

    @property
    def user(self) -> str:
        """Who is signed in."""
        return self.staff[0]

    def answer(self, asked: Mapping[str, str]) -> str | PickPatient | PickUser:
        """The address to redirect to, or what has to be picked first. Raises NoWayBack."""
        client = self.clients.get(asked.get("client_id", ""))
        if client is None:
            raise NoWayBack("No app with that client_id is registered here.")
        redirect_uri = asked.get("redirect_uri", "")
        if redirect_uri not in client.redirect_uris:
            raise NoWayBack("The redirect_uri is not registered for this app.")
        try:
            return self._answer(client, redirect_uri, asked)
        except Denied as denied:
            return self._way_back(
                redirect_uri,
                asked.get("state"),
                {"error": denied.error, "error_description": denied.sentence},
            )

    def pick(self, pending: str, patient_id: str) -> str:
        """The address to redirect to after a patient was picked. Raises NoWayBack."""
        if self.charts().read("Patient", patient_id) is None:
            raise NoWayBack("There is no patient with this id in the sandbox.")
        return self._code({**self._pending(pending, "patient"), "patient": patient_id})

    def pick_user(self, pending: str, user: str) -> str:
        """The address to redirect to after a member of staff was picked. Raises NoWayBack."""
        if user not in self.staff:
            raise NoWayBack("Nobody of that name works in the sandbox.")
        return self._code({**self._pending(pending, "user"), "user": user})

    def _pending(self, pending: str, what: str) -> Mapping[str, Any]:
        """What was asked for, used up by this. A choice of one kind is not good for another."""
        seen = self.ledger.look(Kind.PENDING, pending)
        if seen is None or seen.said["picks"] != what:
            raise NoWayBack("This choice was not asked for here. Start the app again.")
        entry = self.ledger.take(Kind.PENDING, pending)
        if entry is None or not entry.is_good:
            raise NoWayBack("This choice was made already, or took too long. Start the app again.")
        return {name: value for name, value in entry.said.items() if name != "picks"}

    def _answer(
        self, client: Client, redirect_uri: str, asked: Mapping[str, str]
    ) -> str | PickPatient | PickUser:
        self._check(asked)
        scopes = granted(asked.get("scope", ""), client.scopes)
        if not scopes:
            raise Denied("invalid_scope", "None of these scopes is granted to this app.")
        said: dict[str, Any] = {
            "client": client.id,
            "redirect_uri": redirect_uri,
            "state": asked["state"],
            "challenge": asked["code_challenge"],
            "nonce": asked.get("nonce"),
            "scopes": scopes,
            "user": self.user,
        }
        if "launch" in asked:
            return self._code({**said, **self._launched(client, asked["launch"], scopes)})
        if "launch/patient" in scopes:
            return PickPatient(self._kept(said, "patient"), client)
        if any(scope.startswith("patient/") for scope in scopes):
            raise Denied("invalid_scope", "Scopes of a patient need launch or launch/patient.")
        return PickUser(self._kept(said, "user"), client)

    def _kept(self, said: Mapping[str, Any], picks: str) -> str:
        return self.ledger.issue(Kind.PENDING, _PENDING_SECONDS, {**said, "picks": picks})

    def _check(self, asked: Mapping[str, str]) -> None:
        if asked.get("response_type") != "code":
            raise Denied("unsupported_response_type", "The response_type here is code.")
        if not 0 < len(asked.get("state", "")) <= _LONGEST_STATE:
            raise Denied("invalid_request", "The request has no state, or one that is too long.")
        if asked.get("aud", "").rstrip("/") != self.addresses.issuer:
            raise Denied("invalid_request", "The aud is not the FHIR address of this EHR.")
        # RFC 7636, 4.3: a missing method means plain, which is not taken here.
        if asked.get("code_challenge_method") != "S256":
            raise Denied("invalid_request", "The code_challenge_method here is S256.")
        if not _CHALLENGE.fullmatch(asked.get("code_challenge", "")):
            raise Denied("invalid_request", "The code_challenge is no SHA-256 in base64url.")

    def _launched(self, client: Client, launch: str, scopes: tuple[str, ...]) -> dict[str, Any]:
        """The context of an EHR launch, which is used up by this."""
        if "launch" not in scopes:
            raise Denied("invalid_scope", "A launch needs the scope launch.")
        seen = self.ledger.look(Kind.LAUNCH, launch)
        if seen is None or seen.said["url"] not in client.launch_urls:
            raise Denied("invalid_request", "This launch is not known here for this app.")
        entry = self.ledger.take(Kind.LAUNCH, launch)
        if entry is None or not entry.is_good:
            raise Denied("invalid_request", "This launch was used before or has expired.")
        return {
            name: entry.said[name]
            for name in ("patient", "encounter", "user", "intent", "app_context")
        }

    def _code(self, said: Mapping[str, Any]) -> str:
        code = self.ledger.issue(Kind.CODE, CODE_SECONDS, said)
        return self._way_back(said["redirect_uri"], said["state"], {"code": code})

    def _way_back(self, redirect_uri: str, state: str | None, more: Mapping[str, str]) -> str:
        """The redirect address with the answer, and who gives it (RFC 9207)."""
        answer = dict(more)
        if state is not None:
            answer["state"] = state
        answer["iss"] = self.addresses.issuer
        joint = "&" if urlsplit(redirect_uri).query else "?"
        return f"{redirect_uri}{joint}{urlencode(answer)}"
