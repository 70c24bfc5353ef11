"""Limits around the doors: each refusal says what the limit is, and is counted by its reason."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Scope

from taperguard.limits import (
    MOST_BODY_BYTES,
    MOST_HEAD_BYTES,
    MOST_HEADERS,
    MOST_URL_BYTES,
    Limits,
    RequestLimits,
)
from taperguard.rates import Rates

HOOK = "/cds-services/clonazepam-safety"
GENEROUS = Limits(body_seconds=5, at_once=100)


async def echo(scope: Scope, receive: Any, send: Any) -> None:
    """A door that reads the whole body and says how long it was."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


@dataclass
class Answer:
    """What a client was sent."""

    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        (start,) = (it for it in self.messages if it["type"] == "http.response.start")
        return int(start["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(it.get("body", b"") for it in self.messages[1:])

    @property
    def sentence(self) -> str:
        body = json.loads(self.body)
        assert body["resourceType"] == "OperationOutcome"
        return str(body["issue"][0]["diagnostics"])


Parts = list[tuple[float, bytes]]
"""Pieces of a body, each after so many seconds."""


async def ask(
    app: Any,
    path: str = HOOK,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    query: str = "",
    parts: Parts | None = None,
    address: str = "192.0.2.7",
) -> Answer:
    """One request by hand, without a server."""
    answer = Answer()
    coming = list(parts or [(0, b"")])

    async def receive() -> Message:
        if not coming:
            await asyncio.sleep(60)
        seconds, body = coming.pop(0)
        await asyncio.sleep(seconds)
        return {"type": "http.request", "body": body, "more_body": bool(coming)}

    async def send(message: Message) -> None:
        answer.messages.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "client": (address, 4711),
    }
    await app(scope, receive, send)
    return answer


def one(app: Any, *given: Any, **more: Any) -> Answer:
    return asyncio.run(ask(app, *given, **more))


def counted(reason: str) -> float:
    return REGISTRY.get_sample_value("taperguard_requests_refused_total", {"reason": reason}) or 0.0


@pytest.fixture
def refusals() -> Callable[[str], float]:
    """`refusals("url")`: how many of this kind were counted since the test began."""
    reasons = ("url", "headers", "body-size", "body-time", "busy", "rate")
    before = {reason: counted(reason) for reason in reasons}
    return lambda reason: counted(reason) - before[reason]


def test_a_request_within_the_limits_passes() -> None:
    answer = one(RequestLimits(echo, GENEROUS), parts=[(0, b"abc"), (0, b"de")])
    assert (answer.status, answer.body) == (200, b"5")


# --- size ---------------------------------------------------------------------------------------

MANY = tuple((f"x-{n}", "1") for n in range(MOST_HEADERS + 1))
LARGE = (("authorization", "Bearer " + "x" * MOST_HEAD_BYTES),)


@pytest.mark.parametrize("headers", [MANY, LARGE], ids=["many", "large"])
def test_a_head_of_many_or_large_headers_is_a_431(refusals, headers) -> None:
    answer = one(RequestLimits(echo, GENEROUS), headers=headers)
    assert answer.status == 431
    assert answer.sentence.startswith("There are more than 100 headers, or more than 32000 bytes")
    assert refusals("headers") == 1


def test_a_long_address_is_a_414(refusals) -> None:
    answer = one(RequestLimits(echo, GENEROUS), query="a" * MOST_URL_BYTES)
    assert (answer.status, answer.sentence) == (414, "The address is longer than 8000 bytes.")
    assert refusals("url") == 1


def test_a_person_with_a_long_address_reads_the_sentence() -> None:
    answer = one(RequestLimits(echo, GENEROUS), "/smart/launch", query="a" * MOST_URL_BYTES)
    assert answer.body == b"The address is longer than 8000 bytes."


@pytest.mark.parametrize(
    ("headers", "parts"),
    [
        ((("content-length", str(MOST_BODY_BYTES + 1)),), [(0, b"")]),
        ((), [(0, b" " * MOST_BODY_BYTES), (0, b" ")]),
        ((("content-length", "3"),), [(0, b" " * (MOST_BODY_BYTES + 1))]),
        ((("content-length", "9" * 5000),), [(0, b" " * (MOST_BODY_BYTES + 1))]),
    ],
    ids=["said", "in chunks", "a lie", "an absurd number"],
)
def test_a_large_body_is_a_413_whatever_its_length_is_said_to_be(refusals, headers, parts) -> None:
    answer = one(RequestLimits(echo, GENEROUS), headers=headers, parts=parts)
    assert answer.status == 413
    assert answer.sentence == "The body is larger than the 8000000 bytes that are read."
    assert refusals("body-size") == 1


def test_the_largest_body_that_is_allowed_is_read() -> None:
    answer = one(RequestLimits(echo, GENEROUS), parts=[(0, b" " * MOST_BODY_BYTES)])
    assert answer.body == b"8000000"


# --- time ---------------------------------------------------------------------------------------


def test_a_body_that_drips_is_given_up_in_time_and_the_connection_closed(refusals) -> None:
    """A byte every 50 ms would take 5 s; after 0.2 s nobody waits any longer."""
    limits = Limits(body_seconds=0.2, at_once=100)
    answer = one(RequestLimits(echo, limits), parts=[(0.05, b" ")] * 100)
    assert (answer.status, answer.sentence) == (408, "The body did not come in time.")
    assert answer.headers["connection"] == "close"
    assert refusals("body-time") == 1


async def tells_of_a_lost_client(scope: Scope, receive: Any, send: Any) -> None:
    """A door that has an answer for everything, as the CDS Hooks door has."""
    message = await receive()
    while message["type"] == "http.request" and message["more_body"]:
        message = await receive()
    status = 200 if message["type"] == "http.request" else 400
    await Response(status_code=status)(scope, receive, send)


def test_a_late_body_is_told_by_us_also_when_the_door_has_an_answer_of_its_own() -> None:
    limits = Limits(body_seconds=0.1, at_once=100)
    answer = one(RequestLimits(tells_of_a_lost_client, limits), parts=[(0.03, b" ")] * 100)
    assert answer.status == 408


def test_a_slow_answer_is_not_the_client_s_fault() -> None:
    async def slow(scope: Scope, receive: Any, send: Any) -> None:
        body = await Request(scope, receive).body()
        await asyncio.sleep(0.2)
        await PlainTextResponse(str(len(body)))(scope, receive, send)

    answer = one(RequestLimits(slow, Limits(body_seconds=0.1, at_once=1)), parts=[(0, b"ab")])
    assert (answer.status, answer.body) == (200, b"2")


# --- at once ------------------------------------------------------------------------------------


def test_one_request_more_than_can_be_answered_is_told_to_come_again(refusals) -> None:
    async def held_up(scope: Scope, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.1)
        await echo(scope, receive, send)

    app = RequestLimits(held_up, Limits(body_seconds=5, at_once=2))

    async def three() -> list[Answer]:
        return list(await asyncio.gather(ask(app), ask(app), ask(app)))

    answers = asyncio.run(three())
    assert sorted(answer.status for answer in answers) == [200, 200, 503]
    (refused,) = (answer for answer in answers if answer.status == 503)
    assert refused.headers["retry-after"] == "2"
    assert refusals("busy") == 1
    assert one(app).status == 200  # the places are free again


def test_a_place_is_free_again_after_a_door_has_failed() -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("broken")

    app = RequestLimits(broken, Limits(body_seconds=5, at_once=1))
    for _ in range(3):
        with pytest.raises(RuntimeError, match="broken"):
            one(app)


# --- how often ----------------------------------------------------------------------------------


def limited(app: Callable[..., Awaitable[None]] = echo) -> RequestLimits:
    """One request a second, on a clock that stands still: a burst of five."""
    limits = Limits(body_seconds=5, at_once=100, per_second=1)
    return RequestLimits(app, limits, Rates(1, clock=lambda: 0.0))


def test_who_asks_too_often_is_a_429_and_told_when_to_come_back(refusals) -> None:
    app = limited()
    assert [one(app).status for _ in range(6)] == [200, 200, 200, 200, 200, 429]
    answer = one(app)
    assert answer.headers["retry-after"] == "1"
    assert answer.sentence == "You ask too often; ask again later."
    assert refusals("rate") == 2


def test_another_address_is_another_caller() -> None:
    app = limited()
    for _ in range(6):
        one(app, address="192.0.2.7")
    assert one(app, address="192.0.2.8").status == 200


def test_who_asks_whether_we_are_alive_is_always_answered() -> None:
    app = RequestLimits(echo, Limits(body_seconds=5, at_once=1), Rates(1, clock=lambda: 0.0))
    assert {one(app, "/healthz").status for _ in range(20)} == {200}
