"""Over a real socket: a head that does not end, in size or in time, is not waited for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn
from ports import free_port
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from taperguard import http_server
from taperguard.limits import Limits, RequestLimits

WHOLE = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


async def echo(scope, receive, send) -> None:
    """Reads no body where the path says so."""
    body = b"" if scope["path"] == "/unread" else await Request(scope, receive).body()
    await PlainTextResponse(f"read {len(body)}")(scope, receive, send)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server that waits 0.4 s for a head and for a body."""
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.4)
    number = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            RequestLimits(echo, Limits(body_seconds=0.4, at_once=10)),
            port=number,
            http=http_server.BoundedHttp,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_keep_alive=1,
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield number
    server.should_exit = True
    thread.join(5)


def told(port: int, *parts: bytes, pause: float = 0.0, seconds: float = 5.0) -> bytes:
    """Everything that the server says until it hangs up, to who sends these parts one by one."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        # Who is hung up on while it sends still reads what it was told before.
        with suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                client.sendall(part)
                time.sleep(pause)
        with suppress(ConnectionResetError):
            while received := client.recv(65_536):
                heard += received
    return heard


def test_an_ordinary_request_is_answered_and_the_next_on_the_same_connection(port: int) -> None:
    assert told(port, WHOLE, WHOLE, pause=0.1).count(b"HTTP/1.1 200 OK") == 2


def test_two_requests_in_one_piece_are_both_answered(port: int) -> None:
    assert told(port, WHOLE + WHOLE).count(b"HTTP/1.1 200 OK") == 2


def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    started = time.monotonic()
    assert told(port) == b""
    assert time.monotonic() - started < 3


def test_a_head_that_drips_is_a_408(port: int) -> None:
    """A byte every 0.1 s: after 0.4 s nobody waits any longer."""
    heard = told(port, *(bytes([byte]) for byte in WHOLE[:10]), pause=0.1)
    assert heard.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_so_is_the_head_of_a_second_request_on_a_connection(port: int) -> None:
    heard = told(port, WHOLE, *(bytes([byte]) for byte in WHOLE[:10]), pause=0.1)
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"HTTP/1.1 408 Request Timeout\r\n" in heard


@pytest.mark.parametrize(
    ("beginning", "status"),
    [
        (b"GET /" + b"a" * 9_000, b"414 Request-URI Too Long"),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 50_000, b"431 Request Header Fields Too Large"),
        (b"GET / HTTP/1.1\r\n" + b"x: 1\r\n" * 10_000, b"431 Request Header Fields Too Large"),
    ],
    ids=["an address", "one header", "many headers"],
)
def test_a_head_that_does_not_end_is_not_kept(port: int, beginning: bytes, status: bytes) -> None:
    """The parser alone would keep all of it, whatever its size."""
    assert told(port, beginning).startswith(b"HTTP/1.1 " + status)


def test_a_body_that_drips_is_a_408(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n"
    heard = told(port, head, *[b"x"] * 10, pause=0.1)
    assert heard.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_the_rest_of_a_body_that_was_answered_is_not_waited_for_without_end(port: int) -> None:
    """The answer came at once. Each byte that drips in afterwards would keep the connection."""
    head = b"POST /unread HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n"
    started = time.monotonic()
    heard = told(port, head, *[b"x"] * 30, pause=0.1)
    assert heard.startswith(b"HTTP/1.1 200 OK\r\n")
    assert time.monotonic() - started < 2.5  # thirty bytes would take three seconds


def test_nonsense_is_a_400(port: int) -> None:
    assert told(port, b"\x16\x03\x01\x02\x00\x01\x00").startswith(b"HTTP/1.1 400 Bad Request\r\n")
