"""The keys of CDS clients, at hand when one calls: kept, renewed, and for a while used though old.

A hook is answered while a prescriber waits. So keys are fetched when the service starts and renewed
before they are old, beside the calls; where a call has to wait for them all the same (a key that
nobody knows, a client that was down), it waits for a moment, and the fetch goes on without it.

Whoever calls with a key that nobody knows may be the EHR after a rotation or a stranger with an
invented one: the set is fetched again, at most once in `cool_down`, so that a stranger cannot make
us hammer the EHR. An issuer that was not reachable rests for `rest`. A set without a usable key is
a failure as well: an EHR that publishes an empty page by mistake keeps the keys that it had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx2

from ehr import log
from ehr.cds_client import CdsClient
from ehr.keys import Key, PublicKey, fetch_public_keys, fitting

_FIRST_TRIES = 60
_FIRST_PAUSE_SECONDS = 1.0


class KeysUnreachable(Exception):
    """The client's keys are not known at the moment, so nobody can say whether it calls."""


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long what is done; each is a decision of ours (DECISIONS, client trust).

    `wait`: how long a call waits for a fetch while the issuer has keys that may still serve;
    `wait_for_first`: the same when it has none, and the answer would be a refusal. `renew`: from
    this age on a set is fetched again beside the calls. `fresh`: a key that its issuer has
    withdrawn is believed at most that much longer. `stale`: the same while the issuer's key set
    cannot be reached; after it no key of the issuer is believed.
    """

    wait: timedelta = timedelta(milliseconds=250)
    wait_for_first: timedelta = timedelta(seconds=1)
    fetch: timedelta = timedelta(seconds=3)
    renew: timedelta = timedelta(minutes=5)
    fresh: timedelta = timedelta(minutes=10)
    stale: timedelta = timedelta(hours=4)
    cool_down: timedelta = timedelta(seconds=10)
    rest: timedelta = timedelta(seconds=10)


@dataclass(slots=True)
class _Ring:
    """The keys of one issuer: when they were fetched, and when somebody last tried."""

    keys: tuple[PublicKey, ...] = ()
    fetched_at: datetime | None = None
    tried_at: datetime | None = None
    failed: bool = False
    fetching: asyncio.Task[None] | None = field(default=None, repr=False)


class ClientKeys:
    """The keys of every registered client, each ring bound to one issuer.

    A `kid` alone finds nothing: another issuer's key of the same name is another key. `http` makes
    a client for one fetch. Used by one event loop at a time.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        http: Callable[[], httpx2.AsyncClient],
        patience: Patience | None = None,
    ) -> None:
        self._now = now
        self._http = http
        self._patience = patience or Patience()
        self._rings: dict[str, _Ring] = {}

    async def candidates(self, client: CdsClient, kid: str, algorithm: str) -> list[Key]:
        """The client's keys that may have signed; empty when it has none of this name and kind.

        Raises KeysUnreachable when that cannot be told.
        """
        if client.keys:
            return fitting(client.keys, kid, algorithm)
        ring = self._rings.setdefault(client.issuer, _Ring())
        found = fitting(ring.keys, kid, algorithm)
        has_keys = self._within(ring.fetched_at, self._patience.stale)
        if found and self._within(ring.fetched_at, self._patience.fresh):
            if not self._within(ring.fetched_at, self._patience.renew) and self._may_ask(ring):
                self._start(ring, client)
            return found
        if self._may_ask(ring):
            wait = self._patience.wait if has_keys else self._patience.wait_for_first
            await asyncio.wait({self._start(ring, client)}, timeout=wait.total_seconds())
            found = fitting(ring.keys, kid, algorithm)
            has_keys = self._within(ring.fetched_at, self._patience.stale)
        # Without the newest set nobody can say that a key is not in it.
        if not has_keys or (not found and (ring.failed or ring.fetching is not None)):
            raise KeysUnreachable
        return found

    async def fetch_first(self, clients: Iterable[CdsClient]) -> None:
        """The keys of all these clients, before they call; for one that is down it tries again.

        When the service starts: its EHRs may start at the same time.
        """
        await asyncio.gather(*(self._first(client) for client in clients if not client.keys))

    async def _first(self, client: CdsClient) -> None:
        ring = self._rings.setdefault(client.issuer, _Ring())
        for _ in range(_FIRST_TRIES):
            await asyncio.wait({self._start(ring, client)})
            if ring.fetched_at is not None:
                return
            await asyncio.sleep(_FIRST_PAUSE_SECONDS)

    def _may_ask(self, ring: _Ring) -> bool:
        pause = self._patience.rest if ring.failed else self._patience.cool_down
        return ring.fetching is not None or not self._within(ring.tried_at, pause)

    def _within(self, moment: datetime | None, span: timedelta) -> bool:
        """Whether that moment is at most so long ago. A clock that was set back counts as long."""
        return moment is not None and timedelta(0) <= self._now() - moment <= span

    def _start(self, ring: _Ring, client: CdsClient) -> asyncio.Task[None]:
        """The fetch of the set: the one that is under way, or a new one."""
        running = ring.fetching
        if running is None or running.get_loop() is not asyncio.get_running_loop():
            running = asyncio.create_task(self._fetch(ring, client))
            ring.fetching = running
        return running

    async def _fetch(self, ring: _Ring, client: CdsClient) -> None:
        why = "no-usable-key"
        keys: tuple[PublicKey, ...] = ()
        try:
            async with (
                asyncio.timeout(self._patience.fetch.total_seconds()),
                self._http() as http,
            ):
                keys = await fetch_public_keys(http, client.jwks_url or "")
        except TimeoutError:
            why = "not-in-time"
        except Exception as error:  # noqa: BLE001 - nobody waits for this task: say it in the log
            why = type(error).__name__
        finally:
            ring.fetching = None
            ring.tried_at = self._now()
        if keys:
            ring.keys, ring.fetched_at = keys, ring.tried_at
        elif not ring.failed:
            # Once, when it begins: it may last for hours.
            log.get(__name__).warning("client keys not fetched", issuer=client.issuer, why=why)
        ring.failed = not keys
