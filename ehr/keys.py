"""Our keys, which EHRs fetch, and the keys of issuers, which we fetch (RFC 7517)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from ehr import documents
from ehr.read.json import as_list, as_object

OUR_ALGORITHMS = ("ES384", "RS384")
"""What we sign with (SMART App Launch 2.2, 5): a server has to take at least one of them."""

ID_TOKEN_ALGORITHMS = ("RS256", "RS384", "ES256", "ES384")
"""What an id_token may be signed with. Never "none", never a shared secret."""

_CURVES = {"ES256": "P-256", "ES384": "P-384"}
_LEAST_RSA_BITS = 2048
_KEPT = timedelta(hours=1)

Key = RSAKey | ECKey


class MalformedKeys(ValueError):
    """A key set of ours that cannot be used. The sentence never holds a key."""


def new_key_set() -> str:
    """A fresh private key set, as JSON: one key for each of our algorithms."""
    keys: list[Key] = [ECKey.generate_key("P-384"), RSAKey.generate_key(3072)]
    rows = []
    for key, algorithm in zip(keys, OUR_ALGORITHMS, strict=True):
        row = key.as_dict(private=True)
        rows.append({**row, "kid": secrets.token_urlsafe(12), "alg": algorithm, "use": "sig"})
    return json.dumps({"keys": rows})


class OurKeys:
    """Our private keys; the first of an algorithm signs, all are published."""

    def __init__(self, text: str) -> None:
        """Raises MalformedKeys."""
        try:
            rows = as_list(as_object(json.loads(text)).get("keys"))
            keys = [_key(as_object(row)) for row in rows]
        except (ValueError, TypeError, JoseError):
            raise MalformedKeys(
                "the signing keys have to be a JWK set of RSA and EC keys"
            ) from None
        self._keys: dict[str, Key] = {}
        self._all: list[tuple[str, Key]] = []
        for row, key in zip(map(as_object, rows), keys, strict=True):
            algorithm = row.get("alg")
            if algorithm not in OUR_ALGORITHMS or not row.get("kid") or not fits(key, algorithm):
                raise MalformedKeys("a signing key needs a kid and the alg ES384 or RS384")
            if not key.is_private:
                raise MalformedKeys("a signing key has to be private")
            self._keys.setdefault(algorithm, key)
            self._all.append((algorithm, key))
        if not self._keys:
            raise MalformedKeys("there is no signing key")

    def public(self) -> dict[str, Any]:
        """The public key set, to be fetched by EHRs."""
        return {
            "keys": [
                {**key.as_dict(private=False), "alg": algorithm, "use": "sig"}
                for algorithm, key in self._all
            ]
        }

    def signing(self, taken: Collection[str]) -> tuple[str, Key] | None:
        """Algorithm and key for a server that takes these algorithms (none: it does not say)."""
        for algorithm in OUR_ALGORITHMS:
            if algorithm in self._keys and (not taken or algorithm in taken):
                return algorithm, self._keys[algorithm]
        return None


def fits(key: Key, algorithm: str) -> bool:
    """Whether a key is of the kind that an algorithm needs, and long enough."""
    if isinstance(key, RSAKey):
        return algorithm.startswith("RS") and key.raw_value.key_size >= _LEAST_RSA_BITS
    return key.curve_name == _CURVES.get(algorithm)


def _key(row: dict[str, Any]) -> Key:
    kind = row.get("kty")
    if kind == "RSA":
        return RSAKey.import_key(row)
    if kind == "EC":
        return ECKey.import_key(row)
    raise ValueError("neither RSA nor EC")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that may have signed, as its issuer publishes it (RFC 7517, 4)."""

    kid: str | None
    algorithm: str | None
    key: Key


def public_keys(rows: Sequence[object]) -> tuple[PublicKey, ...]:
    """The signing keys of a set that we understand; others (of other kinds) are no error."""
    return tuple(_usable(rows))


def fitting(keys: Iterable[PublicKey], kid: str | None, algorithm: str) -> list[Key]:
    """Those of this `kid` (None: of any) that are of the kind that the algorithm needs."""
    return [
        one.key
        for one in keys
        if (kid is None or one.kid == kid)
        and one.algorithm in (None, algorithm)
        and fits(one.key, algorithm)
    ]


def _usable(rows: Sequence[object]) -> Iterable[PublicKey]:
    for row in map(as_object, rows):
        kid, algorithm = row.get("kid"), row.get("alg")
        may_verify = "key_ops" not in row or "verify" in as_list(row["key_ops"])
        if row.get("use") not in (None, "sig") or not may_verify:
            continue
        try:
            key = _key({k: v for k, v in row.items() if k in _PUBLIC_PARTS})
        except (ValueError, TypeError, KeyError, JoseError):
            continue
        yield PublicKey(kid if isinstance(kid, str) else None, algorithm, key)


_PUBLIC_PARTS = ("kty", "n", "e", "crv", "x", "y", "kid")


class IssuerKeys:
    """The public keys of issuers, each set bound to the address it came from.

    A `kid` alone finds nothing: another issuer's key of the same name is another key.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._sets: dict[str, tuple[datetime, tuple[PublicKey, ...]]] = {}

    async def candidates(
        self, http: httpx2.AsyncClient, jwks_url: str, kid: str | None, algorithm: str
    ) -> list[Key]:
        """The keys that may have signed; the set is fetched once more for an unknown kid.

        Raises EhrError when the set cannot be fetched.
        """
        found = fitting(self._known(jwks_url), kid, algorithm)
        if not found:
            keys = await fetch_public_keys(http, jwks_url)
            self._sets[jwks_url] = (self._clock(), keys)
            found = fitting(keys, kid, algorithm)
        return found

    def _known(self, jwks_url: str) -> tuple[PublicKey, ...]:
        kept = self._sets.get(jwks_url)
        if kept is None or self._clock() - kept[0] > _KEPT:
            return ()
        return kept[1]


async def fetch_public_keys(http: httpx2.AsyncClient, jwks_url: str) -> tuple[PublicKey, ...]:
    """The keys at a registered address; no redirect is followed. Raises EhrError."""
    body = await documents.fetch(http, jwks_url, "the EHR's key set")
    return public_keys(as_list(body.get("keys")))
