"""How often each caller may ask: a token bucket per caller, in this process, of bounded memory.

Behind a balancer each process counts for itself, so all of them together let through that much
more: a limit against a loop or a flood, not a quota.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from starlette.types import Scope

BURST_SECONDS = 5
"""So many seconds' worth of requests may come at once."""
MOST_CALLERS = 10_000
"""Callers that are remembered; beyond that the one longest unheard of is forgotten."""

_IN_SCOPE = "taperguard.caller"


class Rates:
    """So many requests a second of each caller on average, with a burst (GCRA)."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = 1 / per_second
        self._clock = clock
        # The moment up to which a caller has used its share. It may lie ahead by the burst.
        self._used_up_to: OrderedDict[str, float] = OrderedDict()

    def take(self, caller: str) -> int | None:
        """None: go on. Otherwise the whole seconds after which the caller may ask again."""
        now = self._clock()
        used = max(self._used_up_to.get(caller, now), now) + self._every
        too_early = used - now - max(BURST_SECONDS, self._every)
        if too_early > 1e-6:  # sums of binary fractions
            return max(1, math.ceil(too_early))
        self._used_up_to[caller] = used
        self._used_up_to.move_to_end(caller)
        if len(self._used_up_to) > MOST_CALLERS:
            self._used_up_to.popitem(last=False)
        return None

    def give_back(self, caller: str) -> None:
        """The last request was not this caller's after all."""
        if caller in self._used_up_to:
            self._used_up_to[caller] -= self._every

    def take_for(self, scope: Scope) -> int | None:
        """`take` for the address that a request comes from; `count_as` may find out more."""
        caller = _address(scope)
        wait = self.take(caller)
        if wait is None:
            scope[_IN_SCOPE] = (self, caller)
        return wait


def count_as(scope: Scope, client: str) -> int | None:
    """A door has found out who asks: its request counts for the client, not for the address.

    Many may share an address, and one client may have many. As `take`; None without a limit.
    """
    counted: tuple[Rates, str] | None = scope.get(_IN_SCOPE)
    if counted is None:
        return None
    rates, address = counted
    rates.give_back(address)
    return rates.take(f"client {client}")


def _address(scope: Scope) -> str:
    return _caller_at((scope.get("client") or ("unknown", 0))[0])


@lru_cache(maxsize=1_000)
def _caller_at(host: str) -> str:
    """The caller's address; of IPv6 the network, for one host has a whole one to choose from."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        address = address.ipv4_mapped
    return str(address)
