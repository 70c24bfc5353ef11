"""What apps read before they sign in: smart-configuration and openid-configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .assertion import ALGORITHMS
from .clients import Client
from .keys import ALGORITHM

CAPABILITIES = (
    "launch-ehr",
    "launch-standalone",
    "authorize-post",
    "client-public",
    "client-confidential-asymmetric",
    "context-banner",
    "context-ehr-patient",
    "context-ehr-encounter",
    "context-standalone-patient",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-v2",
    "sso-openid-connect",
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is. `public` is the EHR's address, without a slash at its end."""

    public: str

    @property
    def issuer(self) -> str:
        """The issuer, which is the FHIR base: what `iss` and `aud` mean in SMART."""
        return f"{self.public}/fhir"

    @property
    def authorize(self) -> str:
        """The authorization endpoint."""
        return f"{self.public}/auth/authorize"

    @property
    def token(self) -> str:
        """The token endpoint, which is also the audience of client assertions."""
        return f"{self.public}/auth/token"

    @property
    def jwks(self) -> str:
        """The EHR's keys."""
        return f"{self.public}/.well-known/jwks.json"


def smart_configuration(addresses: Addresses, clients: Iterable[Client]) -> dict[str, Any]:
    """The document of `/.well-known/smart-configuration` (SMART App Launch 2.2.0, 3)."""
    return {
        "issuer": addresses.issuer,
        "jwks_uri": addresses.jwks,
        "authorization_endpoint": addresses.authorize,
        "token_endpoint": addresses.token,
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "scopes_supported": sorted({scope for client in clients for scope in client.scopes}),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "capabilities": list(CAPABILITIES),
    }


def openid_configuration(addresses: Addresses, clients: Iterable[Client]) -> dict[str, Any]:
    """The document of `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0, 3)."""
    shared = smart_configuration(addresses, clients)
    shared.pop("capabilities")
    return {
        **shared,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nonce", "fhirUser"],
    }
