"""`ehr.network` for workers, which wait: the same look at each address before the connection."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Collection, Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore2
import httpx2
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from ehr.network import in_order, refuse_any

Resolve = Callable[[str, int], list[str]]
"""From a host and a port to its IP addresses. Raises OSError."""


def worker_client(
    private_hosts: Collection[str], *, trust: ssl.SSLContext, timeout: httpx2.Timeout
) -> httpx2.Client:
    """A client whose connections are guarded, as `ehr.network.http_client` is."""
    transport = httpx2.HTTPTransport(verify=trust, trust_env=False)
    transport._pool = httpcore2.ConnectionPool(
        ssl_context=trust, network_backend=WorkerNetwork(private_hosts)
    )
    return httpx2.Client(
        transport=transport,
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order in which they are tried. Raises OSError."""
    return in_order(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def _judged_addresses(
    host: str, port: int, private_hosts: Collection[str], resolve: Resolve
) -> list[str]:
    """The addresses of a host. Raises AddressRefused when one of them is not allowed."""
    try:
        addresses = resolve(host, port)
    except OSError:
        raise httpcore2.ConnectError("the name could not be resolved") from None
    refuse_any(host, addresses, private_hosts)
    return addresses


class WorkerNetwork(httpcore2.NetworkBackend):
    """The network as httpcore2 uses it, with the look at each address before the connection."""

    def __init__(
        self,
        private_hosts: Collection[str],
        *,
        resolve: Resolve = resolved,
        inner: httpcore2.NetworkBackend | None = None,
    ) -> None:
        self._private_hosts = frozenset(private_hosts)
        self._resolve = resolve
        self._inner = inner or httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address of the host that answers. Raises AddressRefused."""
        addresses = _judged_addresses(host, port, self._private_hosts, self._resolve)
        error: httpcore2.NetworkError | httpcore2.TimeoutException
        error = httpcore2.ConnectError("the name has no address")
        for address in addresses:
            try:
                return self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as failed:
                error = failed
        raise error

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._inner.sleep(seconds)


class GuardedAdapter(HTTPAdapter):
    """The same for requests, which fhirclient brings; nothing is tried twice.

    It trusts the certificates that the machine trusts, as our other clients do.
    """

    def __init__(self, private_hosts: Collection[str], *, resolve: Resolve = resolved) -> None:
        self._hosts = frozenset(private_hosts)
        self._resolve = resolve
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """The pools, with connections that look at addresses."""
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **kwargs)
        ways = {"private_hosts": self._hosts, "resolve": staticmethod(self._resolve)}
        plain = type("Plain", (_GuardedConnection, HTTPConnection), ways)
        secure = type("Secure", (_GuardedConnection, HTTPSConnection), ways)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }


class _GuardedConnection(HTTPConnection):
    """A connection of urllib3 to an address that was judged; its name stays what it was."""

    private_hosts: frozenset[str]
    resolve: Resolve

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            addresses = _judged_addresses(name, self.port, self.private_hosts, self.resolve)
        except httpcore2.ConnectError as refused:
            raise NewConnectionError(self, str(refused)) from None
        failed: HTTPError = NewConnectionError(self, "the name has no address")
        for address in addresses:
            self._dns_host = address
            try:
                return super()._new_conn()
            except (NewConnectionError, ConnectTimeoutError) as error:
                failed = error
            finally:
                self._dns_host = name
        raise failed
