"""Who calls: a registered CDS client with a token of its own, or nobody that we answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Counter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from cds_hooks import client_token
from cds_hooks.caller import Caller, CannotTell, NotTrusted, Reason
from cds_hooks.client_token import ClientToken
from ehr import log
from ehr.cds_client import CdsClient
from ehr.client_keys import ClientKeys, KeysUnreachable
from ehr.registry import Registry
from store.sealed_cache import CacheDown
from store.token_uses import TokenUses

USES_KEPT = client_token.LONGEST_TAKEN + timedelta(minutes=2)
"""For how long the use of a token is remembered: longer than any token is taken."""

REFUSED_CALLS = Counter(
    "taperguard_refused_calls_total", "Calls whose caller is not trusted", ["reason"]
)
for _reason in Reason:
    # A rate can only be told of a series that has begun.
    REFUSED_CALLS.labels(_reason.value)


@dataclass(frozen=True, slots=True)
class Trust:
    """The judge of calls.

    `base_url` is our address as clients call it, without a slash at its end: a token is made for
    one address below it. `may_be_without_token`: in development, and never in production.
    """

    registry: Registry
    keys: ClientKeys
    uses: TokenUses
    now: Callable[[], datetime]
    base_url: str
    may_be_without_token: bool

    async def fetch_keys(self) -> None:
        """The keys of all registered clients, before they call."""
        await self.keys.fetch_first(client for ehr in self.registry for client in ehr.cds_clients)

    async def __call__(self, request: Request) -> Caller:
        """Who calls, by the head of the request. Raises NotTrusted, or CannotTell.

        The reason is in the log, once, and counted. A token that is sent is judged in full, also
        where none is needed.
        """
        try:
            return await self._caller(request)
        except NotTrusted as refused:
            REFUSED_CALLS.labels(refused.reason.value).inc()
            # The EHR whose issuer the token names; that it comes from there is not proven.
            log.get(__name__).warning("call refused", reason=refused.reason.value, ehr=refused.ehr)
            raise

    async def _caller(self, request: Request) -> Caller:
        compact = client_token.bearer(request.headers.getlist("authorization"))
        if compact is None:
            if self.may_be_without_token:
                return Caller()
            raise NotTrusted(Reason.NO_TOKEN)
        token = client_token.read(compact)
        registered = self.registry.by_cds_issuer(token.issuer)
        if registered is None:
            raise NotTrusted(Reason.UNKNOWN_ISSUER)
        ehr, client = registered
        try:
            await self._prove(token, client, self._called(request))
        except NotTrusted as refused:
            refused.ehr = ehr.id
            raise
        return Caller(ehr, client)

    async def _prove(self, token: ClientToken, client: CdsClient, called: str) -> None:
        """Header, signature, claims, and the use of the token last.

        So a token that is refused for something else is not used up by it.
        """
        client_token.check_header(token, client)
        try:
            keys = await self.keys.candidates(client, token.key_id, token.algorithm)
        except KeysUnreachable:
            raise CannotTell(Reason.KEYS_UNREACHABLE) from None
        client_token.check_signature(token, keys)
        token_id = client_token.check_claims(token, client, called=called, now=self.now())
        try:
            is_first = await run_in_threadpool(self.uses.is_first, client.issuer, token_id)
        except CacheDown:
            raise CannotTell(Reason.REPLAY_STORE_DOWN) from None
        if not is_first:
            raise NotTrusted(Reason.USED_BEFORE)

    def _called(self, request: Request) -> str:
        """The address that was called, as it was written; a query is no part of it."""
        raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        return f"{self.base_url}{raw.decode('latin-1')}"
