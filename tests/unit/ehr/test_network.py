"""A name leads where its registration says, whatever a name server answers meanwhile."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import httpcore2
import httpx2
import pytest

from ehr import guard
from ehr.client import EhrClient
from ehr.errors import Unreachable
from ehr.network import AddressRefused, Network, http_client
from ehr.registry import parse_registry

PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",  # shared by carriers (RFC 6598)
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "fd12:3456::1",
    "::ffff:10.1.2.3",
    "64:ff9b::a01:203",  # 10.1.2.3 behind NAT64
    "64:ff9b:1::a01:203",
    "2002:a01:203::1",  # 10.1.2.3 by 6to4
]
NEVER = [
    "169.254.169.254",
    "169.254.0.7",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",  # 169.254.169.254 behind NAT64
    "2002:a9fe:a9fe::",
    "0.0.0.0",  # noqa: S104 - refused
    "::",
    "224.0.0.1",
    "ff02::1",
    "localhost",
    "10.1.2",
    "",
]


@pytest.mark.parametrize(
    ("address", "anybody", "registered"),
    [
        *((address, True, True) for address in PUBLIC),
        *((address, False, True) for address in PRIVATE),
        *((address, False, False) for address in NEVER),
    ],
)
def test_where_a_connection_may_go(address: str, anybody: bool, registered: bool) -> None:
    assert guard.may_connect(address, private=False) is anybody
    assert guard.may_connect(address, private=True) is registered


class Wire(httpcore2.AsyncNetworkBackend):
    """Connects to nothing, and remembers to what it should have."""

    def __init__(self, *dead: str) -> None:
        self.asked: list[str] = []
        self.dead = dead

    async def connect_tcp(self, host: str, *_: Any, **__: Any) -> Any:
        self.asked.append(host)
        if host in self.dead:
            raise httpcore2.ConnectError("dead")
        return "a stream"


def connect(*answers: list[str], dead: tuple[str, ...] = (), host: str = "ehr.example") -> Wire:
    """Connect once to a name whose look-ups answer in this order."""
    told = iter(answers)

    async def resolve(_: str, __: int) -> list[str]:
        return next(told)

    wire = Wire(*dead)
    network = Network({"inner.example"}, resolve=resolve, inner=wire)
    asyncio.run(network.connect_tcp(host, 443))
    return wire


def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    """A second look-up would say something else: there is none."""
    assert connect(["8.8.8.8"], ["169.254.169.254"]).asked == ["8.8.8.8"]


def test_a_name_with_one_bad_address_is_refused_whole() -> None:
    with pytest.raises(AddressRefused):
        connect(["8.8.8.8", "10.0.0.1"])


def test_a_private_address_is_for_hosts_whose_registration_says_so() -> None:
    assert connect(["10.0.0.1"], host="INNER.example").asked == ["10.0.0.1"]
    with pytest.raises(AddressRefused):
        connect(["169.254.169.254"], host="inner.example")


def test_the_next_address_is_tried_when_one_is_dead() -> None:
    assert connect(["8.8.8.8", "8.8.4.4"], dead=("8.8.8.8",)).asked == ["8.8.8.8", "8.8.4.4"]
    with pytest.raises(httpcore2.ConnectError):
        connect(["8.8.8.8"], dead=("8.8.8.8",))
    with pytest.raises(httpcore2.ConnectError):
        connect([])


@pytest.mark.parametrize(
    ("resolve", "error"),
    [
        (lambda: asyncio.sleep(60), httpcore2.ConnectTimeout),
        (lambda: asyncio.to_thread(_no_such_name), httpcore2.ConnectError),
    ],
)
def test_a_name_that_is_not_resolved_is_an_error_in_time(
    resolve: Callable[[], Any], error: type[Exception]
) -> None:
    async def asked(_: str, __: int) -> list[str]:
        await resolve()
        return []

    with pytest.raises(error):
        asyncio.run(Network((), resolve=asked, inner=Wire()).connect_tcp("x", 443, timeout=0.05))


def _no_such_name() -> None:
    raise OSError("no such name")


def client(private_hosts: set[str]) -> httpx2.AsyncClient:
    return http_client(
        private_hosts,
        trust=ssl.create_default_context(),
        timeout=httpx2.Timeout(2),
        limits=httpx2.Limits(),
    )


def test_a_real_client_refuses_this_machine_unless_it_is_registered() -> None:
    """With nothing of it replaced: also an address in place of a name."""

    async def read(base: str, private_hosts: set[str]) -> None:
        async with client(private_hosts) as http:
            await EhrClient(http, base, "token").read("Patient/1")

    for host in ("localhost", "127.0.0.1", "[::1]", "0x7f.1"):
        with pytest.raises(Unreachable, match="an address that its registration does not allow"):
            asyncio.run(read(f"http://{host}:9/fhir", set()))
    with pytest.raises(Unreachable, match="could not be reached"):
        asyncio.run(read("http://localhost:9/fhir", {"localhost"}))


def test_a_client_keeps_no_cookie_for_the_next_patient() -> None:
    async def headers() -> list[str | None]:
        seen: list[str | None] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            seen.append(request.headers.get("cookie"))
            return httpx2.Response(200, headers={"Set-Cookie": "session=of-alder; Path=/"})

        async with client(set()) as http:
            http._transport = httpx2.MockTransport(answer)
            for _ in range(2):
                await http.get("http://ehr.example/fhir")
        return seen

    assert asyncio.run(headers()) == [None, None]


def test_which_hosts_may_be_private_stands_in_the_registry() -> None:
    text = """
[[ehr]]
id = "{0}"
name = "{0}"
issuer = "{1}"
fhir_base = "{1}"
time_zone = "UTC"
"""
    plain = text.format("public", "https://public.example/fhir")
    inner = text.format("inner", "https://Inner.example/fhir") + "private_addresses = true\n"
    here = text.format("here", "http://localhost:8701/fhir")
    registry = parse_registry(plain + inner + here)
    assert registry.private_hosts == {"inner.example", "localhost"}
