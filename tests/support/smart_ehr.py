"""A small EHR with a SMART authorization server: real keys, real HTTP semantics, no mocks.

`FakeEhr` answers over an ASGI transport; every server that it does not know is the evil one, which
records what it was sent. What a test wants broken it sets as an attribute.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from logged import SCAN
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

ORIGIN = "http://localhost:8701"
BASE = f"{ORIGIN}/fhir"
CLIENT = "taperguard"
PATIENT = "alder"
SECRET_WORDS = ("access-", "refresh-", "code-")


def key(kid: str = "k1", kind: str = "ES384") -> RSAKey | ECKey:
    parameters = {"kid": kid}
    if kind.startswith("RS"):
        return RSAKey.generate_key(2048, parameters)
    return ECKey.generate_key({"ES256": "P-256", "ES384": "P-384"}[kind], parameters)


class FakeEhr:
    """An EHR with one patient. `now` is its clock."""

    def __init__(self, now: Callable[[], datetime], origin: str = ORIGIN) -> None:
        self.now = now
        self.origin, self.base = origin, f"{origin}/fhir"
        self.key = key()
        self.algorithm = "ES384"
        self.published: list[Any] = [self.key]
        self.configuration: dict[str, Any] = {
            "issuer": self.base,
            "authorization_endpoint": f"{self.origin}/auth/authorize",
            "token_endpoint": f"{self.origin}/auth/token",
            "jwks_uri": f"{self.origin}/auth/jwks",
            "capabilities": ["launch-ehr", "permission-v2", "permission-online"],
        }
        self.openid: dict[str, Any] | None = None
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.forge: Callable[[dict[str, Any]], str] | None = None
        self.token_answer: dict[str, Any] = {}
        self.token_status = 200
        self.refresh_answer: dict[str, Any] = {}
        self.refresh_status = 200
        self.lives_seconds = 3600
        self.client_keys: KeySet | None = None
        self._client_secret: str | None = None
        self.jtis: set[str] = set()
        self.scope: str | None = None
        self.codes: dict[str, dict[str, str]] = {}
        self.valid: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.token_forms: list[dict[str, str]] = []
        self.evil: list[httpx2.Request] = []
        self.pages: dict[str, list[dict[str, Any]]] = {}
        self.resources: dict[str, dict[str, Any]] = {
            f"Patient/{PATIENT}": {
                "resourceType": "Patient",
                "id": PATIENT,
                "birthDate": "1954-03-01",
            }
        }
        self.answers: dict[str, Callable[[Request], Response]] = {}
        self.metadata: dict[str, Any] = capability()
        self.alters: Callable[[dict[str, Any]], dict[str, Any]] = lambda resource: resource
        self.transactions: list[dict[str, Any]] = []

    @property
    def client_secret(self) -> str | None:
        """The secret that the client has to show, if it signs in with one."""
        return self._client_secret

    @client_secret.setter
    def client_secret(self, secret: str) -> None:
        self._client_secret = SCAN.know(secret)

    # ------------------------------------------------------------------ transport

    def http(self) -> httpx2.AsyncClient:
        inner = httpx2.ASGITransport(app=self.app())
        return httpx2.AsyncClient(transport=_Servers(self, inner), follow_redirects=False)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/fhir/.well-known/smart-configuration", self._configuration),
                Route("/fhir/.well-known/openid-configuration", self._openid),
                Route("/auth/authorize", self._authorize),
                Route("/auth/jwks", self._jwks),
                Route("/auth/token", self._token, methods=["POST"]),
                Route("/fhir", self._transaction, methods=["POST"]),
                Route("/fhir/metadata", self._metadata),
                Route("/fhir/{kind}", self._search),
                Route("/fhir/{kind}/{id}", self._read),
            ]
        )

    # ------------------------------------------------------------------ the browser's part

    def sign_in(self, address: str, **changes: str) -> str:
        """What the user's sign-in answers to an authorization request: the callback's address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(self.configuration["authorization_endpoint"].split("?")[0])
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["aud"].rstrip("/") == self.base
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["state"]) >= 22
        code = f"code-{secrets.token_hex(8)}"
        self.codes[code] = asked
        answer = {"code": code, "state": asked["state"], **changes}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    # ------------------------------------------------------------------ authorization server

    async def _configuration(self, _: Request) -> Response:
        return JSONResponse(self.configuration)

    async def _authorize(self, request: Request) -> Response:
        """For real browsers: everybody is signed in already."""
        return RedirectResponse(self.sign_in(str(request.url)), status_code=303)

    async def _openid(self, _: Request) -> Response:
        if self.openid is None:
            return Response(status_code=404)
        return JSONResponse(self.openid)

    async def _jwks(self, _: Request) -> Response:
        self.asked.append(("GET", "/auth/jwks"))
        return JSONResponse({"keys": [one.as_dict() for one in self.published]})

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), strict_parsing=True))
        self.token_forms.append(form)
        if not self._client_is_known(request, form):
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        if form["grant_type"] == "refresh_token":
            return self._renewed(form)
        asked = self.codes.pop(form["code"], None)
        challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
        if (
            asked is None
            or asked["redirect_uri"] != form["redirect_uri"]
            or base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        body = {
            **self._fresh(),
            "scope": self.scope or asked["scope"],
            "patient": PATIENT,
            "id_token": self.id_token(asked["nonce"]),
            **self.token_answer,
        }
        body = {name: value for name, value in body.items() if value is not None}
        return JSONResponse(body, status_code=self.token_status)

    def _renewed(self, form: dict[str, str]) -> Response:
        if self.refresh_status != 200:
            return JSONResponse({"error": "temporarily"}, status_code=self.refresh_status)
        if form["refresh_token"] not in self.refresh_tokens:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        self.refresh_tokens.discard(form["refresh_token"])
        return JSONResponse({**self._fresh(), **self.refresh_answer})

    def _fresh(self) -> dict[str, Any]:
        access, refresh = (f"{kind}-{secrets.token_hex(8)}" for kind in ("access", "refresh"))
        self.valid.add(access)
        self.refresh_tokens.add(refresh)
        return {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": self.lives_seconds,
        }

    def _client_is_known(self, request: Request, form: dict[str, str]) -> bool:
        if self.client_secret is not None:
            wanted = base64.b64encode(f"{CLIENT}:{self.client_secret}".encode()).decode()
            return request.headers.get("authorization") == f"Basic {wanted}"
        if self.client_keys is None:
            return form.get("client_id") == CLIENT
        claims = jwt.decode(
            form["client_assertion"], self.client_keys, algorithms=["ES384", "RS384"]
        ).claims
        now = self.now().timestamp()
        fresh = claims["jti"] not in self.jtis
        self.jtis.add(claims["jti"])
        return (
            fresh
            and claims["iss"] == claims["sub"] == CLIENT
            and claims["aud"] == self.configuration["token_endpoint"]
            and now < claims["exp"] <= now + 300
        )

    def id_token(self, nonce: str) -> str:
        now = int(self.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.base,
            "sub": "user-1",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "fhirUser": f"{self.base}/Practitioner/rowan",
            "name": "Dr. Rowan",
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.forge is not None:
            return self.forge(claims)
        header = {"alg": self.algorithm, "kid": self.key.kid, **self.header}
        header = {name: value for name, value in header.items() if value is not None}
        return jwt.encode(header, claims, self.key, algorithms=[self.algorithm])

    # ------------------------------------------------------------------ FHIR

    def _refused(self, request: Request) -> Response | None:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self.asked.append((request.method, path))
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.valid:
            return JSONResponse(outcome("login"), status_code=401)
        special = self.answers.get(request.url.path)
        return None if special is None else special(request)

    async def _metadata(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse(self.metadata)

    async def _read(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        found = self.resources.get(f"{request.path_params['kind']}/{request.path_params['id']}")
        return JSONResponse(found or outcome("not-found"), status_code=200 if found else 404)

    async def _search(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        pages = self.pages.get(request.path_params["kind"], [searchset()])
        return JSONResponse(pages[int(request.query_params.get("page", "0"))])

    async def _transaction(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        sent = json.loads(await request.body())
        self.transactions.append(sent)
        links, answers = {}, []
        for number, entry in enumerate(sent["entry"]):
            kind = entry["resource"]["resourceType"]
            links[entry.get("fullUrl")] = f"{kind}/new-{len(self.transactions)}-{number}"
        for entry in sent["entry"]:
            where = links[entry.get("fullUrl")]
            text = json.dumps(entry["resource"])
            for urn, reference in links.items():
                text = text.replace(str(urn), reference)
            kept = {**self.alters(json.loads(text)), "id": where.partition("/")[2]}
            self.resources[where] = kept
            answers.append(
                {"response": {"status": "201 Created", "location": f"{where}/_history/1"}}
            )
        body = {"resourceType": "Bundle", "type": "transaction-response", "entry": answers}
        return JSONResponse(body)


class _Servers(httpx2.AsyncBaseTransport):
    def __init__(self, ehr: FakeEhr, inner: httpx2.ASGITransport) -> None:
        self._ehr = ehr
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if (request.url.scheme, request.url.host, request.url.port) == ("http", "localhost", 8701):
            return await self._inner.handle_async_request(request)
        self._ehr.evil.append(request)
        return httpx2.Response(200, json=searchset())


def searchset(*resources: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": one, "search": {"mode": "match"}} for one in resources],
    }
    if following is not None:
        bundle["link"] = [{"relation": "next", "url": following}]
    return bundle


def order(number: int, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": f"m{number}",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{PATIENT}"},
        **more,
    }


def outcome(code: str, text: str = "Synthetic-Alder is not here") -> dict[str, Any]:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def capability(*, transaction: bool = True) -> dict[str, Any]:
    interactions = [{"code": "read"}, {"code": "create"}]
    rest: dict[str, Any] = {
        "mode": "server",
        "resource": [
            {"type": kind, "interaction": interactions}
            for kind in ("MedicationRequest", "CarePlan", "DocumentReference")
        ],
    }
    if transaction:
        rest["interaction"] = [{"code": "transaction"}]
    return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [rest]}
