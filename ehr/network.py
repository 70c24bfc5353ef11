"""Connections that lead where a registration says, whatever a name server answers.

A name is resolved here, each of its addresses is judged (`ehr.guard.may_connect`), and the
connection is made to an address that was judged: between look and connect nobody can change what
the name means (DNS rebinding). Certificates are checked against the name, as always.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore2
import httpx2

from ehr import guard, log

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From a host and a port to its IP addresses. Raises OSError."""


class AddressRefused(httpcore2.ConnectError):
    """The name leads to an address that no registration allows."""


def is_refusal(error: BaseException) -> bool:
    """Whether httpx2 gave up because of an address that is not allowed."""
    return isinstance(error.__cause__, AddressRefused)


def http_client(
    private_hosts: Collection[str],
    *,
    trust: ssl.SSLContext,
    timeout: httpx2.Timeout,
    limits: httpx2.Limits,
) -> httpx2.AsyncClient:
    """A client whose connections are guarded. It follows no redirects, uses no proxy of the
    environment and keeps no cookie: it may serve one patient after another.

    `private_hosts` are the hosts that may lie in a private network (`Registry.private_hosts`).
    """
    transport = httpx2.AsyncHTTPTransport(verify=trust, trust_env=False)
    # httpx2 hands no network through; its transport is this pool and the mapping of its errors.
    transport._pool = httpcore2.AsyncConnectionPool(
        ssl_context=trust,
        max_connections=limits.max_connections,
        max_keepalive_connections=limits.max_keepalive_connections,
        keepalive_expiry=limits.keepalive_expiry,
        network_backend=Network(private_hosts),
    )
    return httpx2.AsyncClient(
        transport=transport,
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


async def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order in which they are tried. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return in_order(found)


def in_order(found: Iterable[tuple[Any, ...]]) -> list[str]:
    """The addresses that `getaddrinfo` gives, IPv4 first: a broken way over IPv6 would cost a hook
    all its time.
    """
    by_family = sorted(found, key=lambda one: one[0] != socket.AF_INET)
    return list(dict.fromkeys(str(one[4][0]) for one in by_family))


def refuse_any(host: str, addresses: Iterable[str], private_hosts: Collection[str]) -> None:
    """Raises AddressRefused when one of a host's addresses is not allowed: whoever mixes them
    means no good.
    """
    private = host.lower() in private_hosts
    if not all(guard.may_connect(address, private=private) for address in addresses):
        log.get(__name__).warning("address refused", host=host)
        raise AddressRefused("the name leads to an address that is not allowed")


class Network(httpcore2.AsyncNetworkBackend):
    """The network as httpcore2 uses it, with the look at each address before the connection."""

    def __init__(
        self,
        private_hosts: Collection[str],
        *,
        resolve: Resolve = resolved,
        inner: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._private_hosts = frozenset(private_hosts)
        self._resolve = resolve
        self._inner = inner or httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of the host that answers. Raises AddressRefused."""
        try:
            addresses = await asyncio.wait_for(self._resolve(host, port), timeout)
        except TimeoutError:
            raise httpcore2.ConnectTimeout("the name was not resolved in time") from None
        except OSError:
            raise httpcore2.ConnectError("the name could not be resolved") from None
        refuse_any(host, addresses, self._private_hosts)
        error: httpcore2.NetworkError | httpcore2.TimeoutException
        error = httpcore2.ConnectError("the name has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as failed:
                error = failed
        raise error

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)
