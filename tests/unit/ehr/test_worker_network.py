"""Connections of workers go to addresses that were judged, not to where a name leads later."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpcore2
import httpx2
import pytest
import requests
import urllib3

from ehr import documents
from ehr.errors import Unreachable
from ehr.network import AddressRefused
from ehr.worker_network import GuardedAdapter, WorkerNetwork
from taperguard import wiring


class Wire(httpcore2.NetworkBackend):
    """Connects to nothing, and remembers to what it should have."""

    def __init__(self, *dead: str) -> None:
        self.asked: list[str] = []
        self.dead = dead

    def connect_tcp(self, host: str, *_: Any, **__: Any) -> Any:
        self.asked.append(host)
        if host in self.dead:
            raise httpcore2.ConnectError("dead")
        return "a stream"


def connect(*answers: list[str], dead: tuple[str, ...] = (), host: str = "ehr.example") -> Wire:
    """Connect once to a name whose look-ups answer in this order."""
    told = iter(answers)
    wire = Wire(*dead)
    network = WorkerNetwork({"inner.example"}, resolve=lambda *_: next(told), inner=wire)
    network.connect_tcp(host, 443)
    return wire


def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    """A second look-up would say something else (DNS rebinding): there is none."""
    assert connect(["8.8.8.8"], ["169.254.169.254"]).asked == ["8.8.8.8"]


@pytest.mark.parametrize("bad", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1"])
def test_a_name_with_one_bad_address_is_refused_whole(bad: str) -> None:
    with pytest.raises(AddressRefused):
        connect(["8.8.8.8", bad])


def test_a_private_address_is_for_hosts_whose_registration_says_so() -> None:
    assert connect(["10.0.0.1"], host="INNER.example").asked == ["10.0.0.1"]
    with pytest.raises(AddressRefused):
        connect(["169.254.169.254"], host="inner.example")


def test_the_next_address_is_tried_when_one_is_dead() -> None:
    assert connect(["8.8.8.8", "8.8.4.4"], dead=("8.8.8.8",)).asked == ["8.8.8.8", "8.8.4.4"]
    with pytest.raises(httpcore2.ConnectError):
        connect([])


HERE = ("http://localhost:9/", "http://127.0.0.1:9/", "http://[::1]:9/", "http://0x7f.1:9/")


@pytest.mark.parametrize("address", HERE)
def test_a_worker_s_client_refuses_this_machine_unless_it_is_registered(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing of it replaced; key sets, tokens and exports go this way."""
    reached = _connections(monkeypatch)
    with wiring.worker_http(set()) as http, pytest.raises(Unreachable):
        documents.fetch_now(http, address, "a document")
    assert reached == []
    with wiring.worker_http({"localhost"}) as http, pytest.raises(Unreachable):
        documents.fetch_now(http, "http://localhost:9/", "a document")
    assert reached != []


def session(*answers: str, private_hosts: set[str] | None = None) -> requests.Session:
    """A session of requests to whom every name leads to these addresses."""
    made = requests.Session()
    made.trust_env = False
    guarded = GuardedAdapter(private_hosts or set(), resolve=lambda *_: list(answers))
    made.mount("https://", guarded)
    made.mount("http://", guarded)
    return made


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("bad", ["127.0.0.1", "169.254.169.254", "10.0.0.1"])
def test_requests_connect_to_no_address_that_is_not_allowed(
    scheme: str, bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib3.util.connection, "create_connection", _unreachable)
    with session("8.8.8.8", bad) as http, pytest.raises(requests.ConnectionError, match="allowed"):
        http.get(f"{scheme}://ehr.example/", timeout=1)


def _unreachable(*_: object, **__: object) -> None:
    raise AssertionError("a connection was opened")


def test_requests_connect_to_the_address_that_was_judged_and_keep_the_name() -> None:
    """The name is nobody's; the address is that of a server here, registered as private."""

    class Here(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.headers["Host"].encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Here) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with session("127.0.0.2", "127.0.0.1", private_hosts={"inner.example"}) as http:
            found = http.get(f"http://inner.example:{server.server_port}/", timeout=5)
    assert found.text == f"inner.example:{server.server_port}"


def _connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """To where connections are really opened."""
    reached: list[str] = []
    really: Callable[..., Any] = httpcore2.SyncBackend.connect_tcp

    def connect_tcp(self: Any, host: str, *given: Any, **more: Any) -> Any:
        reached.append(host)
        return really(self, host, *given, **more)

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect_tcp)
    return reached


def test_a_worker_s_client_follows_no_redirect_and_keeps_no_cookie() -> None:
    with wiring.worker_http(set()) as http:
        assert http.follow_redirects is False
        answer = httpx2.Response(302, headers={"Location": "/", "Set-Cookie": "a=b"})
        http._transport = httpx2.MockTransport(lambda _: answer)
        http.get("http://ehr.example/")
        assert len(http.cookies) == 0
