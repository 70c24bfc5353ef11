"""Who calls a hook: a registered CDS client, known by the token of its call, or nobody we know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cds_hooks.request import BadRequest
from ehr.cds_client import CdsClient
from ehr.registry import Registry, TrustedEhr


@dataclass(frozen=True, slots=True)
class Caller:
    """A registered client and its EHR; both None for a call without a token (development only)."""

    ehr: TrustedEhr | None = None
    client: CdsClient | None = None


class Reason(StrEnum):
    """Why a call is refused: static words for log and metrics, never for the caller."""

    NO_TOKEN = "no-token"  # noqa: S105
    SEVERAL_TOKENS = "several-tokens"
    NOT_BEARER = "not-bearer"
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"
    NO_JWT = "no-jwt"
    ALGORITHM_NOT_TAKEN = "algorithm-not-taken"
    ALGORITHM_NOT_REGISTERED = "algorithm-not-registered"
    KEY_IN_HEADER = "key-in-header"
    NOT_PLAIN = "not-plain"
    NO_KEY_ID = "no-key-id"
    UNKNOWN_ISSUER = "unknown-issuer"
    KEY_ELSEWHERE = "key-elsewhere"
    UNKNOWN_KEY = "unknown-key"
    BAD_SIGNATURE = "bad-signature"
    WRONG_AUDIENCE = "wrong-audience"
    UNUSABLE_TIMES = "unusable-times"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    LIVES_TOO_LONG = "lives-too-long"
    NO_TOKEN_ID = "no-token-id"  # noqa: S105
    WRONG_TENANT = "wrong-tenant"
    WRONG_SUBJECT = "wrong-subject"
    USED_BEFORE = "used-before"
    KEYS_UNREACHABLE = "keys-unreachable"
    REPLAY_STORE_DOWN = "replay-store-down"


class NotTrusted(Exception):
    """The call is refused with a bare 401. `ehr` is the id of the one whose client it names."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason
        self.ehr: str | None = None


class CannotTell(NotTrusted):
    """Whether the caller is to be trusted cannot be told now: refused with a 503, to call again.

    That is our trouble (our store is down, or the client's keys are out of reach), and an EHR
    that is told 401 may look for the fault in its keys.
    """


def ehr_of(caller: Caller, fhir_server: str | None, registry: Registry) -> TrustedEhr | None:
    """The EHR that a call is about; None in development for one that is in no registry.

    Whoever calls, calls about its own EHR: raises BadRequest for another FHIR server.
    """
    if caller.ehr is None:
        return None if fhir_server is None else registry.by_fhir_base(fhir_server)
    if fhir_server is not None and registry.by_fhir_base(fhir_server) is not caller.ehr:
        raise BadRequest("fhirServer", "it is not the FHIR server of the client that calls")
    return caller.ehr
