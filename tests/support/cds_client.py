"""CDS clients that call with tokens, good and forged, and a door that judges them.

Tokens are put together from their bytes, so that they can be wrong in every way. Whatever address
our code asks, a `World` answers and remembers: the key sets of its clients, and nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cds_hooks import door
from cds_hooks.caller import ehr_of
from cds_hooks.feedback import KeptReport
from cds_hooks.request import HookRequest
from cds_hooks.services.order_safety import Bench
from cds_hooks.trust import Trust
from clinical.policy import default_policy
from ehr.client_keys import ClientKeys
from ehr.registry import Registry, TrustedEhr, parse_registry
from store.feedback import Feedback
from store.token_uses import OwnUses, TokenUses

SERVICE = "https://taperguard.example.com"
DISCOVERY = "/cds-services"
SAFETY = "/cds-services/clonazepam-safety"
NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)

Json = dict[str, Any]


def ec(kid: str, curve: str = "P-384") -> ECKey:
    return ECKey.generate_key(curve, {"kid": kid})


def rsa(kid: str, bits: int = 2048) -> RSAKey:
    with warnings.catch_warnings(action="ignore"):  # of 1024 bits: that is what it is for
        return RSAKey.generate_key(bits, {"kid": kid})


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def sealed(header: object, claims: object, sign: Callable[[bytes], bytes]) -> str:
    """A compact token of these parts (objects, or bytes as they are), signed by a function."""
    head = f"{b64(as_bytes(header))}.{b64(as_bytes(claims))}"
    return f"{head}.{b64(sign(head.encode()))}"


def signs(key: Any, algorithm: str) -> Callable[[bytes], bytes]:
    return lambda text: JWSRegistry.algorithms[algorithm].sign(text, key)


@dataclass
class Client:
    """A CDS client with its key. What it publishes can be changed, and is by default that key."""

    issuer: str
    key: Any
    algorithm: str = "ES384"
    claims: Json = field(default_factory=dict)
    published: list[Json] | None = None
    now: Callable[[], datetime] = lambda: NOW

    @property
    def jwks_url(self) -> str:
        return f"{self.issuer}/jwks.json"

    def key_set(self) -> Json:
        if self.published is not None:
            return {"keys": self.published}
        return {"keys": [self.key.as_dict(private=False)]}

    def header(self, **changes: Any) -> Json:
        usual = {"alg": self.algorithm, "typ": "JWT", "kid": self.key.kid}
        return {**usual, **changes}

    def said(self, path: str = DISCOVERY, **changes: Any) -> Json:
        second = int(self.now().timestamp())
        usual = {
            "iss": self.issuer,
            "aud": f"{SERVICE}{path}",
            "iat": second,
            "exp": second + 300,
            "jti": str(uuid.uuid4()),
        }
        return {**usual, **self.claims, **changes}

    def token(
        self, path: str = DISCOVERY, *, header: Json | None = None, key: Any = None, **claims: Any
    ) -> str:
        """A token for a path; `header` and claims replace the usual ones, ABSENT removes one."""
        head, body = self.header(**(header or {})), self.said(path, **claims)
        sign = signs(key or self.key, self.algorithm)
        return sealed(without_absent(head), without_absent(body), sign)


ABSENT = object()


def without_absent(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not ABSENT}


NORTH_CLINIC = """
[[ehr]]
id = "north"
name = "North Clinic"
issuer = "https://north.example.org/fhir"
fhir_base = "https://north.example.org/fhir"
time_zone = "UTC"
"""
"""A registry of one EHR, to which a test adds what it is about."""


class World:
    """All servers there are. `answers` replaces what one of them says; `slow` delays it."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.clients = {client.jwks_url: client for client in clients}
        self.asked: list[str] = []
        self.answers: dict[str, Callable[[], httpx2.Response]] = {}
        self.slow: dict[str, asyncio.Event] = {}

    def http(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        url = str(request.url)
        self.asked.append(url)
        assert "authorization" not in request.headers
        if url in self.slow:
            await self.slow[url].wait()
        if url in self.answers:
            return self.answers[url]()
        if url in self.clients:
            return httpx2.Response(200, json=self.clients[url].key_set())
        return httpx2.Response(404)


class Door:
    """The CDS Hooks door with a judge; `now` is the clock of the judge."""

    def __init__(
        self, registry: str, world: World, *, production: bool = True, uses: TokenUses | None = None
    ) -> None:
        self.now = NOW
        self.registry: Registry = parse_registry(registry)
        self.trust = Trust(
            registry=self.registry,
            keys=ClientKeys(lambda: self.now, world.http),
            uses=uses or OwnUses(lambda: self.now, timedelta(minutes=10)),
            now=lambda: self.now,
            base_url=SERVICE,
            may_be_without_token=not production,
        )
        self.answered_for: list[TrustedEhr | None] = []
        self.app = Starlette(routes=door.routes(self._collaborators()))
        self.client = TestClient(self.app, base_url=SERVICE, raise_server_exceptions=False)

    def get(self, *authorization: str | bytes, path: str = DISCOVERY) -> Any:
        headers = [("Authorization", value) for value in authorization]
        return self.client.get(path, headers=headers)

    def post(self, path: str, body: Json, *authorization: str) -> Any:
        headers = [("Authorization", value) for value in authorization]
        return self.client.post(path, json=body, headers=headers)

    def _collaborators(self) -> door.Collaborators:
        async def complete(request: HookRequest, _: TrustedEhr | None) -> HookRequest:
            return request

        def bench(ehr: TrustedEhr | None, _: str | None) -> Bench:
            self.answered_for.append(ehr)
            return Bench(default_policy(), lambda: str(uuid.uuid4()), SERVICE)

        def keep(_: object, __: str, reports: tuple[Feedback, ...]) -> tuple[KeptReport, ...]:
            return tuple(KeptReport(report, None) for report in reports)

        return door.Collaborators(
            trust=self.trust,
            ehr_of=lambda caller, server: ehr_of(caller, server, self.registry),
            complete=complete,
            today=lambda _: date(2026, 11, 23),
            bench=bench,
            keep_shown=lambda *_: None,
            keep_feedback=keep,
            new_event_id=lambda: "event-1",
            optional_needs=(),
            policy=default_policy(),
        )
