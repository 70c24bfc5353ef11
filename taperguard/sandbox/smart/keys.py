"""The key of this EHR, new with each start, and the id_tokens that it signs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

ALGORITHM = "ES256"
_ID_TOKEN_SECONDS = 600


class SigningKey:
    """The EHR's signing key. It lives in memory: a restart is a key rotation for its apps."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key(
            "P-256", {"use": "sig", "alg": ALGORITHM}, private=True, auto_kid=True
        )

    def jwks(self) -> dict[str, Any]:
        """The public key, as a JWK set."""
        return {"keys": [self._key.as_dict(private=False)]}

    def id_token(
        self, *, issuer: str, client_id: str, user: str, nonce: str | None, now: datetime
    ) -> str:
        """Who signed in, for this app (OpenID Connect Core 2; SMART 2.2, fhirUser).

        `user` is a reference such as Practitioner/hazel; the claim is its absolute address.
        """
        issued_at = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": issuer,
            "sub": user.partition("/")[2],
            "aud": client_id,
            "exp": issued_at + _ID_TOKEN_SECONDS,
            "iat": issued_at,
            "fhirUser": f"{issuer}/{user}",
        }
        if nonce is not None:
            claims["nonce"] = nonce
        return self.signed(claims)

    def signed(self, claims: Mapping[str, Any]) -> str:
        """A JWT with these claims."""
        header = {"alg": ALGORITHM, "kid": self._key.kid, "typ": "JWT"}
        return jwt.encode(header, dict(claims), self._key)
