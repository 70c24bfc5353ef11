"""How the sandbox shows who calls: a token of its own for each call, signed with its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.testclient import TestClient

from taperguard.sandbox.cds.discovery import Discovery
from taperguard.sandbox.cds.feedback import Sender, overridden, put
from taperguard.sandbox.cds.http import Ask, exchange
from taperguard.sandbox.cds.identity import Identity
from taperguard.sandbox.records.store import Charts

EHR = "http://ehr.test"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SECOND = int(NOW.timestamp())


@pytest.fixture
def identity() -> Identity:
    return Identity(EHR, lambda: NOW)


@pytest.fixture
def heard() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A service's address, and what came: path and Authorization of every call."""
    calls: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            calls.append((self.path, self.headers.get("Authorization")))
            body = b'{"services": []}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", calls
    server.shutdown()
    thread.join()
    server.server_close()


def opened(identity: Identity, authorization: str | None) -> jwt.Token:
    """The token, checked with the key that the sandbox publishes."""
    assert authorization is not None
    scheme, token = authorization.split(" ")
    assert scheme == "Bearer"
    published = TestClient(Starlette(routes=identity.routes())).get("/cds/jwks.json").json()
    assert all("d" not in key for key in published["keys"])
    return jwt.decode(token, KeySet.import_key_set(published), algorithms=["ES384"])


def test_a_token_is_for_one_address_for_five_minutes_and_says_where_its_key_is(
    identity: Identity,
) -> None:
    token = opened(identity, f"Bearer {identity.token('http://service.test/cds-services/x')}")
    jti = token.claims.pop("jti")
    assert token.claims == {
        "iss": EHR,
        "aud": "http://service.test/cds-services/x",
        "iat": SECOND,
        "exp": SECOND + 300,
    }
    assert len(jti) == 36
    kid = token.header.pop("kid")
    assert kid
    assert token.header == {"alg": "ES384", "typ": "JWT", "jku": f"{EHR}/cds/jwks.json"}


def test_no_two_calls_have_the_same_token(identity: Identity) -> None:
    ids = {opened(identity, f"Bearer {identity.token('x')}").claims["jti"] for _ in range(10)}
    assert len(ids) == 10


def test_discovery_hooks_and_feedback_are_signed_each_for_its_address(
    identity: Identity, heard: Any, tmp_path: Path
) -> None:
    service, calls = heard
    Discovery(service, identity.token).services("order-sign")
    exchange([Ask(f"{service}/cds-services/a", "{}")] * 2, sign=identity.token)
    charts = Charts(tmp_path / "x.sqlite3")
    with charts.transaction(writing=True) as db:
        said = overridden("card", None, "", "2026-11-23T10:00:00.000Z")
        put(db, "alder", service=f"{service}/cds-services/a", feedback=said, words="x")
    Sender(charts, identity.token).send()
    paths = ["", "/a", "/a", "/a/feedback"]
    assert sorted(path for path, _ in calls) == sorted(f"/cds-services{path}" for path in paths)
    tokens = [opened(identity, authorization).claims for _, authorization in calls]
    assert [token["aud"] for token in tokens] == [f"{service}{path}" for path, _ in calls]
    assert len({token["jti"] for token in tokens}) == 4


def test_a_call_that_is_shown_does_not_show_its_token(identity: Identity, heard: Any) -> None:
    service, _ = heard
    (call,) = exchange([Ask(f"{service}/cds-services/a", "{}")], sign=identity.token)
    assert "Bearer" not in repr(call)
    assert "eyJ" not in repr(call)


def test_the_sandbox_publishes_its_key(make_app: Callable[..., Starlette]) -> None:
    (key,) = TestClient(make_app(), base_url=EHR).get("/cds/jwks.json").json()["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-384", "ES384", "sig")
