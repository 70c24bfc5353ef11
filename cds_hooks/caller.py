"""Who calls a hook: a registered CDS client, known by the token of its call, or nobody we know."""

from __future__ import annotations

from dataclasses import dataclass

from cds_hooks.request import BadRequest
from ehr.registry import CdsClient, Registry, TrustedEhr


@dataclass(frozen=True, slots=True)
class Caller:
    """A registered client and its EHR; both None for a call without a token (development only)."""

    ehr: TrustedEhr | None = None
    client: CdsClient | None = None


class NotTrusted(Exception):
    """The call is refused with a bare 401. `reason` is a static name for log and metrics."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def ehr_of(caller: Caller, fhir_server: str | None, registry: Registry) -> TrustedEhr | None:
    """The EHR that a call is about; None in development for one that is in no registry.

    Whoever calls, calls about its own EHR: raises BadRequest for another FHIR server.
    """
    if caller.ehr is None:
        return None if fhir_server is None else registry.by_fhir_base(fhir_server)
    if fhir_server is not None and registry.by_fhir_base(fhir_server) is not caller.ehr:
        raise BadRequest("fhirServer", "it is not the FHIR server of the client that calls")
    return caller.ehr
