"""The EHR clients of hooks: one pool of connections, one breaker for each EHR."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict

import httpx2

from ehr.breaker import Breaker
from ehr.client import EhrClient, Limits
from ehr.network import http_client
from ehr.registry import Registry, TrustedEhr

# Every wait of httpx2 is longer than the budget of a hook: the client's own deadline decides.
_TIMEOUT = httpx2.Timeout(5)
_LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=60)
_MOST_BYTES = 8_000_000
"""Of one answer: as much as a whole hook request may have."""


class EhrClients:
    """Opens clients for hooks. Connections stay open between hooks: to sign on to a new one by TLS
    can take as long as all else. No cookie and no token stays with them (`ehr.network`).
    """

    def __init__(self, registry: Registry, trust: ssl.SSLContext) -> None:
        self._private_hosts = registry.private_hosts
        self._breakers: defaultdict[str, Breaker] = defaultdict(Breaker)
        self._trust = trust
        self._http: tuple[asyncio.AbstractEventLoop, httpx2.AsyncClient] | None = None

    def open(self, ehr: TrustedEhr, token: str, seconds: float) -> EhrClient:
        """A client of this EHR with this token, for so many seconds in all."""
        return EhrClient(
            self._client(),
            ehr.fhir_base,
            token,
            limits=Limits(_MOST_BYTES, seconds, seconds),
            quirks=ehr.quirks,
            breaker=self._breakers[ehr.id],
        )

    def _client(self) -> httpx2.AsyncClient:
        """The client of the running event loop; connections of another loop are of no use."""
        loop = asyncio.get_running_loop()
        if self._http is None or self._http[0] is not loop:
            made = http_client(
                self._private_hosts, trust=self._trust, timeout=_TIMEOUT, limits=_LIMITS
            )
            self._http = (loop, made)
        return self._http[1]

    async def close(self) -> None:
        """Give up connections."""
        if self._http is not None:
            held, self._http = self._http, None
            if held[0] is asyncio.get_running_loop():
                await held[1].aclose()
