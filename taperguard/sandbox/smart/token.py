"""The token endpoint: tokens for a code, for a refresh token and for a system that has a key
(RFC 6749, 4.1.3, 4.4 and 6; SMART App Launch 2.2.0, Backend Services).

A code is good once and for a minute; its replay ends every token that came of it. A refresh token
is replaced with each use, and the use of a replaced one ends its family too (RFC 9700, 4.14.2). A
system gets a short token of its own scopes, for no person and no patient, and never a refresh
token: it can always ask again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .assertion import TYPE, Assertions, NotProven
from .clients import PUBLIC, Client
from .configuration import Addresses
from .keys import SigningKey
from .ledger import Kind, Ledger
from .scopes import SYSTEM, granted, letters_by_type

ACCESS_SECONDS = 900
SYSTEM_SECONDS = 300
_OFFLINE_SECONDS = 90 * 86_400
_ONLINE_SECONDS = 8 * 3_600
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class NoToken(Exception):
    """An error of the token endpoint (RFC 6749, 5.2)."""

    def __init__(self, error: str, sentence: str) -> None:
        super().__init__(sentence)
        self.error = error
        self.sentence = sentence

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return 401 if self.error == "invalid_client" else 400


@dataclass(frozen=True, slots=True)
class TokenDesk:
    """Answers token requests."""

    clients: Mapping[str, Client]
    addresses: Addresses
    ledger: Ledger
    assertions: Assertions
    key: SigningKey
    clock: Callable[[], datetime]

    def answer(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The token response. Raises NoToken."""
        client = self._client(form)
        match form.get("grant_type"):
            case "authorization_code":
                return self._for_code(client, form)
            case "refresh_token":
                return self._for_refresh(client, form)
            case "client_credentials":
                return self._for_system(client, form)
            case None:
                raise NoToken("invalid_request", "The request has no grant_type.")
        raise NoToken("unsupported_grant_type", "That grant_type is not offered here.")

    # --- who asks -----------------------------------------------------------------------------

    def _client(self, form: Mapping[str, str]) -> Client:
        if "client_secret" in form:
            raise NoToken("invalid_client", "No client here has a secret.")
        if "client_assertion" not in form and "client_assertion_type" not in form:
            client = self.clients.get(form.get("client_id", ""))
            if client is None or client.authentication != PUBLIC:
                raise NoToken("invalid_client", "The client is not known, or has to use its key.")
            return client
        if form.get("client_assertion_type") != TYPE:
            raise NoToken("invalid_client", "The client_assertion_type is not jwt-bearer.")
        assertion = form.get("client_assertion", "")
        client = self.clients.get(form.get("client_id") or _subject(assertion))
        if client is None or client.authentication == PUBLIC:
            raise NoToken("invalid_client", "No client with keys is known by that name.")
        try:
            self.assertions.verify(client, assertion)
        except NotProven as not_proven:
            raise NoToken("invalid_client", str(not_proven)) from not_proven
        return client

    # --- what for -----------------------------------------------------------------------------

    def _for_code(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        code = form.get("code", "")
        seen = self.ledger.look(Kind.CODE, code)
        if seen is None or seen.said["client"] != client.id:
            # Another client's attempt does not spend the code of the right one.
            raise NoToken("invalid_grant", "This code is not known here for this client.")
        entry = self.ledger.take(Kind.CODE, code)
        if entry is None or entry.was_used:
            self.ledger.revoke(seen.family)
            raise NoToken("invalid_grant", "This code was used before; its tokens are revoked.")
        if entry.is_expired:
            raise NoToken("invalid_grant", "This code has expired.")
        if form.get("redirect_uri") != entry.said["redirect_uri"]:
            raise NoToken("invalid_grant", "The redirect_uri is not the one of the request.")
        if not _proves(form.get("code_verifier", ""), entry.said["challenge"]):
            raise NoToken("invalid_grant", "The code_verifier does not fit the code_challenge.")
        response = self._tokens(entry.said, entry.family, tuple(entry.said["scopes"]))
        if "openid" in entry.said["scopes"]:
            response["id_token"] = self.key.id_token(
                issuer=self.addresses.issuer,
                client_id=client.id,
                user=entry.said["user"],
                nonce=entry.said.get("nonce"),
                now=self.clock(),
            )
        return response

    def _for_refresh(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        secret = form.get("refresh_token", "")
        seen = self.ledger.look(Kind.REFRESH, secret)
        if seen is None or seen.said["client"] != client.id:
            raise NoToken("invalid_grant", "This refresh token is not known here for this client.")
        scopes = tuple(seen.said["scopes"])
        if "scope" in form:
            asked = form["scope"].split()
            scopes = granted(form["scope"], scopes)
            if not scopes or set(asked) - set(scopes):
                raise NoToken("invalid_scope", "More is asked for than was granted.")
        entry = self.ledger.take(Kind.REFRESH, secret)
        if entry is None or entry.was_used:
            self.ledger.revoke(seen.family)
            raise NoToken("invalid_grant", "This refresh token was replaced; all are revoked.")
        if entry.is_expired:
            raise NoToken("invalid_grant", "This refresh token has expired.")
        return self._tokens(entry.said, entry.family, scopes)

    def _for_system(self, client: Client, form: Mapping[str, str]) -> dict[str, Any]:
        """A token for the client itself (SMART App Launch 2.2.0, Backend Services, 4.1.5)."""
        if client.authentication == PUBLIC or not letters_by_type(client.scopes, SYSTEM):
            raise NoToken("unauthorized_client", "This client is not registered as a system.")
        if "scope" not in form:
            raise NoToken("invalid_scope", "A system says which scopes it asks for.")
        scopes = granted(form["scope"], client.scopes, SYSTEM)
        if not scopes:
            raise NoToken("invalid_scope", "None of these scopes is registered for the client.")
        secret = self.ledger.issue(
            Kind.ACCESS, SYSTEM_SECONDS, {"client": client.id, "system": True, "scopes": scopes}
        )
        return {
            "access_token": secret,
            "token_type": "bearer",
            "expires_in": SYSTEM_SECONDS,
            "scope": " ".join(scopes),
        }

    def _tokens(
        self, said: Mapping[str, Any], family: str, scopes: tuple[str, ...]
    ) -> dict[str, Any]:
        """Access and refresh token with the context of the launch (SMART 2.2, 2.1.11)."""
        names = ("client", "user", "patient", "encounter", "intent", "app_context")
        kept = {name: said[name] for name in names if said.get(name) is not None}
        response: dict[str, Any] = {
            "access_token": self.ledger.issue(
                Kind.ACCESS, ACCESS_SECONDS, {**kept, "scopes": scopes}, family=family
            ),
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "scope": " ".join(scopes),
        }
        # The refresh token keeps what was granted, also when less was asked for this time.
        whole = tuple(said["scopes"])
        seconds = (
            _OFFLINE_SECONDS
            if "offline_access" in whole
            else _ONLINE_SECONDS
            if "online_access" in whole
            else 0
        )
        if seconds:
            response["refresh_token"] = self.ledger.issue(
                Kind.REFRESH, seconds, {**kept, "scopes": whole}, family=family
            )
        for name in ("patient", "encounter", "intent"):
            if name in kept:
                response[name] = kept[name]
        if "app_context" in kept:
            response["appContext"] = kept["app_context"]
        if "patient" in kept:
            response["need_patient_banner"] = True
        return response


def _proves(verifier: str, challenge: str) -> bool:
    """Whether the verifier's SHA-256 is the challenge (RFC 7636, 4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)


def _subject(assertion: str) -> str:
    """Whom an assertion says it is about, unverified: only to find the client and its keys."""
    try:
        middle = assertion.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError, RecursionError):
        return ""
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) else ""
