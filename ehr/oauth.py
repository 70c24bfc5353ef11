"""SMART App Launch 2.2 with one EHR: discovery, the way to sign in, tokens and their renewal.

Codes, verifiers and tokens go to the token endpoint of the registered issuer only, and stand in
no exception.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
from authlib.common.security import generate_token
from authlib.oauth2.auth import ClientAuth as Authentication
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from ehr import documents, guard, scopes, token_endpoint
from ehr.errors import Unusable
from ehr.keys import OurKeys
from ehr.read.json import as_bool, as_list, as_text
from ehr.registry import ClientAuth, TrustedEhr
from ehr.token_endpoint import NotSignedIn

_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What an EHR's smart-configuration says, each address checked against its registration.

    `openid_issuer` is the `iss` of its id_tokens where it says so.
    """

    authorize: str
    token: str
    jwks_url: str | None
    openid_issuer: str | None
    capabilities: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] = ()
    assertion_algorithms: tuple[str, ...] = ()
    names_itself: bool = False

    def to_json(self) -> dict[str, Any]:
        """As it is kept between launch and callback."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Endpoints:
        """The endpoints that were kept."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()
        }
        return cls(**values)

    @property
    def version_1_only(self) -> bool:
        """Whether the server speaks only the older scopes."""
        return speaks_version_1_only(self.capabilities)

    @property
    def renews(self) -> bool:
        """Whether it gives refresh tokens while the user is there."""
        supported = self.scopes_supported
        return "permission-online" in self.capabilities or "online_access" in supported


def speaks_version_1_only(capabilities: Collection[str]) -> bool:
    """Whether a server with these capabilities speaks only the older scopes."""
    return "permission-v1" in capabilities and "permission-v2" not in capabilities


def origins_of(ehr: TrustedEhr) -> frozenset[str]:
    """The origins on which this EHR's sign-in may live."""
    return frozenset({guard.origin(ehr.issuer), *ehr.endpoint_origins})


CONFIGURATION = "the EHR's smart-configuration"
"""What the document is called in a sentence."""


def configuration_of(ehr: TrustedEhr) -> str:
    """Where a registered EHR describes its sign-in (SMART 2.2, 7)."""
    return f"{ehr.issuer}/.well-known/smart-configuration"


async def discover(http: httpx2.AsyncClient, ehr: TrustedEhr) -> Endpoints:
    """The endpoints of a registered EHR. Raises EhrError (Unusable: one leads elsewhere)."""
    said = await documents.fetch(http, configuration_of(ehr), CONFIGURATION)
    authorize = endpoint(ehr, said, "authorization_endpoint")
    token = endpoint(ehr, said, "token_endpoint")
    if authorize is None or token is None:
        raise Unusable("the EHR's smart-configuration names no sign-in endpoints")
    return Endpoints(
        authorize=authorize,
        token=token,
        jwks_url=endpoint(ehr, said, "jwks_uri"),
        openid_issuer=as_text(said.get("issuer")),
        capabilities=texts(said, "capabilities"),
        scopes_supported=texts(said, "scopes_supported"),
        assertion_algorithms=texts(said, "token_endpoint_auth_signing_alg_values_supported"),
        names_itself=as_bool(said.get("authorization_response_iss_parameter_supported")) is True,
    )


async def openid_keys(
    http: httpx2.AsyncClient, ehr: TrustedEhr, endpoints: Endpoints, claimed_issuer: str | None
) -> tuple[str, str]:
    """The issuer that id_tokens have to name, and where its keys are. Raises EhrError.

    What the smart-configuration leaves out stands in the openid-configuration of the issuer.
    An issuer that only the unverified token names is asked only if it is the EHR's own.
    """
    issuer = endpoints.openid_issuer or claimed_issuer or ehr.issuer
    if endpoints.openid_issuer and endpoints.jwks_url:
        return issuer, endpoints.jwks_url
    home = _own(ehr, issuer, "issuer")
    said = await documents.fetch(
        http, f"{home.rstrip('/')}/.well-known/openid-configuration", "the openid-configuration"
    )
    if as_text(said.get("issuer")) != issuer:
        raise Unusable("the openid-configuration is that of another issuer")
    keys = endpoint(ehr, said, "jwks_uri") or endpoints.jwks_url
    if keys is None:
        raise Unusable("the EHR does not say where its keys are")
    return issuer, keys


def endpoint(ehr: TrustedEhr, said: Mapping[str, Any], name: str) -> str | None:
    """An address of the smart-configuration, made absolute. Raises Unusable: it leads elsewhere."""
    value = as_text(said.get(name))
    if value is None:
        return None
    # Relative endpoints are written against the FHIR base, whose folder the document lies in.
    return _own(ehr, value, name)


def _own(ehr: TrustedEhr, address: str, name: str) -> str:
    try:
        return guard.of_origins(origins_of(ehr), guard.joined(f"{ehr.issuer}/", address))
    except guard.Elsewhere as error:
        raise Unusable(f"the EHR's {name} is not its own: {error}") from None


def texts(said: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The texts of a list of the smart-configuration; what is none is left out."""
    return tuple(text for value in as_list(said.get(name)) if (text := as_text(value)))


@dataclass(frozen=True, slots=True)
class Departure:
    """One way to the EHR's sign-in: what only the server may know until the callback."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    scopes: tuple[str, ...] = ()


def departure(ehr: TrustedEhr, endpoints: Endpoints, *, launched: bool) -> Departure:
    """Fresh state (286 bits), nonce and PKCE verifier, and the scopes to ask for."""
    asked = ehr.scopes or scopes.wanted(
        launch=launched, version_1=endpoints.version_1_only, refresh=endpoints.renews
    )
    if ehr.scopes:
        context = "launch" if launched else "launch/patient"
        asked = (*(s for s in asked if s not in ("launch", "launch/patient")), context)
    return Departure(generate_token(48), generate_token(48), generate_token(64), asked)


def authorize_url(
    ehr: TrustedEhr,
    endpoints: Endpoints,
    leaving: Departure,
    *,
    redirect_uri: str,
    launch: str | None,
    audience: str,
) -> str:
    """Where the browser goes to sign in (SMART 2.2, 3: the authorization request).

    `audience` is the issuer as the launch wrote it: some EHRs compare it to the letter.
    """
    parameters = {
        "response_type": "code",
        "client_id": ehr.client_id or "",
        "redirect_uri": redirect_uri,
        "scope": " ".join(leaving.scopes),
        "state": leaving.state,
        "aud": audience,
        "nonce": leaving.nonce,
        "code_challenge": create_s256_code_challenge(leaving.verifier),
        "code_challenge_method": "S256",
    }
    if launch is not None:
        parameters["launch"] = launch
    joint = "&" if urlsplit(endpoints.authorize).query else "?"
    return f"{endpoints.authorize}{joint}{urlencode(parameters)}"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the token endpoint gave: tokens, scopes and the context of the launch."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    id_token: str | None = field(repr=False)
    expires_at: datetime
    scopes: frozenset[str]
    patient_id: str | None = field(repr=False)
    need_patient_banner: bool = True
    encounter_id: str | None = field(default=None, repr=False)


async def exchange(
    http: httpx2.AsyncClient,
    ehr: TrustedEhr,
    endpoints: Endpoints,
    leaving: Departure,
    *,
    code: str,
    redirect_uri: str,
    keys: OurKeys | None,
    now: datetime,
) -> Tokens:
    """Tokens for a code. Raises NotSignedIn or EhrError."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": leaving.verifier,
    }
    body = await _ask(http, ehr, endpoints, form, keys, now)
    return _tokens(body, now, asked=frozenset(leaving.scopes))


async def renew(
    http: httpx2.AsyncClient,
    ehr: TrustedEhr,
    endpoints: Endpoints,
    before: Tokens,
    *,
    keys: OurKeys | None,
    now: datetime,
) -> Tokens:
    """Fresh tokens for a refresh token, in the same context. Raises NotSignedIn or EhrError.

    A new refresh token replaces the old one; without one the old one stays. A changed patient
    and a scope that nobody granted before are refused.
    """
    if before.refresh is None:
        raise NotSignedIn("the EHR gave no means to stay signed in", final=True)
    form = {"grant_type": "refresh_token", "refresh_token": before.refresh}
    body = await _ask(http, ehr, endpoints, form, keys, now)
    fresh = _tokens(body, now, asked=before.scopes)
    if fresh.patient_id not in (None, before.patient_id):
        raise NotSignedIn("the EHR changed the patient while renewing the sign-in", final=True)
    return replace(
        fresh,
        refresh=fresh.refresh or before.refresh,
        id_token=None,
        scopes=fresh.scopes & before.scopes,
        patient_id=before.patient_id,
        need_patient_banner=before.need_patient_banner,
        encounter_id=before.encounter_id,
    )


async def _ask(
    http: httpx2.AsyncClient,
    ehr: TrustedEhr,
    endpoints: Endpoints,
    form: dict[str, str],
    keys: OurKeys | None,
    now: datetime,
) -> dict[str, Any]:
    method = _authentication(ehr, endpoints, keys, now)
    headers, content = token_endpoint.request(method, endpoints.token, form)
    status, raw = await documents.exchange(
        http, "POST", endpoints.token, headers=headers, content=content
    )
    return token_endpoint.answer(status, raw)


def _authentication(
    ehr: TrustedEhr, endpoints: Endpoints, keys: OurKeys | None, now: datetime
) -> Any:
    """How we show who we are; raises NotSignedIn when we cannot."""
    if ehr.client_auth is ClientAuth.PUBLIC:
        return Authentication(ehr.client_id, None, "none")
    if ehr.client_auth is ClientAuth.SECRET:
        return Authentication(ehr.client_id, _secret(ehr), "client_secret_basic")
    return token_endpoint.by_key(
        ehr.client_id or "", endpoints.token, endpoints.assertion_algorithms, keys, now
    )


def _secret(ehr: TrustedEhr) -> str:
    """The secret, read anew each time: it can be changed without a restart."""
    try:
        if ehr.client_secret_file is not None:
            return ehr.client_secret_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        pass
    raise NotSignedIn("the secret for this EHR cannot be read here")


def _tokens(body: Mapping[str, Any], now: datetime, asked: frozenset[str]) -> Tokens:
    access = token_endpoint.access_token(body)
    granted = as_text(body.get("scope"))
    patient = as_text(body.get("patient"))
    if patient is not None:
        patient = patient.removeprefix("Patient/")
        if not _is_id(patient):
            raise NotSignedIn("the EHR names the patient in a way that is no FHIR id")
    return Tokens(
        access=access,
        refresh=as_text(body.get("refresh_token")),
        id_token=as_text(body.get("id_token")),
        expires_at=now + token_endpoint.life(body),
        # RFC 6749, 5.1: a scope that is left out is the one that was asked for.
        scopes=asked if granted is None else frozenset(granted.split()),
        patient_id=patient,
        need_patient_banner=as_bool(body.get("need_patient_banner")) is not False,
        encounter_id=as_text(body.get("encounter")),
    )


def _is_id(text: str) -> bool:
    return (
        0 < len(text) <= _LONGEST_ID
        and text.isascii()
        and all(c.isalnum() or c in "-." for c in text)
        and text not in (".", "..")
    )
