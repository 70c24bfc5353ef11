"""A CDS Hooks client that may call us: who issues its tokens, and with which keys."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from ehr.decode import NotJson, decode
from ehr.keys import PublicKey, fitting, public_keys
from ehr.read.json import as_list, as_object

USUAL_ALGORITHMS = ("ES384", "RS384")
"""What CDS Hooks 2.0 names ("Trusting CDS Clients")."""

ALGORITHMS = (*USUAL_ALGORITHMS, "ES256", "RS256")
"""What a client may be registered with. Never "none", never a shared secret."""

_PRIVATE_PARTS = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


@dataclass(frozen=True, slots=True)
class CdsClient:
    """A registered client. `issuer` is the `iss` of its tokens, compared as written.

    Its keys are those of `jwks_url`, unless the registration holds `keys` of its own (from a
    file); then the address is only what a token's `jku` may say. `tenant` and `subject` are what
    the claims `tenant` and `sub` have to be, where they are registered.
    """

    issuer: str
    jwks_url: str | None = None
    keys: tuple[PublicKey, ...] = field(default=(), repr=False)
    algorithms: tuple[str, ...] = USUAL_ALGORITHMS
    tenant: str | None = None
    subject: str | None = None


class BadKeyFile(ValueError):
    """A file of public keys that cannot be used. The sentence never holds a key."""


def read_key_file(file: Path, algorithms: Collection[str]) -> tuple[PublicKey, ...]:
    """The public keys of a JWK set on this machine. Raises BadKeyFile.

    A key without `kid` is of no use: every token names its key.
    """
    try:
        rows = as_list(as_object(decode(file.read_bytes())).get("keys"))
    except OSError as error:
        raise BadKeyFile(f"cannot be read: {error.strerror}") from None
    except NotJson:
        raise BadKeyFile("is no JWK set") from None
    if any(part in as_object(row) for row in rows for part in _PRIVATE_PARTS):
        raise BadKeyFile("holds a private or a shared key; only public keys may stand in it")
    keys = tuple(key for key in public_keys(rows) if key.kid is not None)
    if not any(fitting(keys, None, algorithm) for algorithm in algorithms):
        known = ", ".join(algorithms)
        raise BadKeyFile(f"holds no public key with a kid that fits {known}")
    return keys
