"""How this EHR shows a service who calls (CDS Hooks 2.0, Trusting CDS Clients).

Every call carries a token of its own, signed with a key of this EHR's that is published at
`/cds/jwks.json`: for one address, for five minutes at most, with an id that is never used again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ALGORITHM = "ES384"
JWKS_PATH = "/cds/jwks.json"
_LIFE_SECONDS = 300


class Identity:
    """Who this EHR is to a service: `issuer` is its address, `clock` gives the time with a zone.

    The key lives in memory: a restart is a key rotation for the services.
    """

    def __init__(self, issuer: str, clock: Callable[[], datetime]) -> None:
        self._issuer = issuer
        self._clock = clock
        self._key = ECKey.generate_key(
            "P-384", {"use": "sig", "alg": ALGORITHM}, private=True, auto_kid=True
        )

    def token(self, address: str) -> str:
        """A fresh token for one call of this address."""
        issued_at = int(self._clock().timestamp())
        header = {
            "alg": ALGORITHM,
            "typ": "JWT",
            "kid": self._key.kid,
            "jku": f"{self._issuer}{JWKS_PATH}",
        }
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": address,
            "iat": issued_at,
            "exp": issued_at + _LIFE_SECONDS,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    def routes(self) -> list[Route]:
        """Where services find the public key."""

        def jwks(_: Request) -> Response:
            return JSONResponse({"keys": [self._key.as_dict(private=False)]})

        return [Route(JWKS_PATH, jwks, methods=["GET"])]
