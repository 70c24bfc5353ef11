"""Whatever a client sends to the door, it gets an answer that the judge accepts, or a refusal.

Requests of each hook, and feedback, mutated in every place: context, drafts, prefetch, token,
extension, the hook's own name, and the bytes themselves. Never a 5xx, never an exception.
"""

import asyncio
import json
import random
import time
from datetime import date

import cds
import judged
import mutations
import pytest
from starlette.requests import Request

from cds_hooks import door
from cds_hooks.caller import Caller
from cds_hooks.feedback import KeptReport
from cds_hooks.request import CONFIGURATION
from cds_hooks.services.order_safety import Bench
from clinical.policy import default_policy
from ehr.decode import encode
from taperguard.doors import new_id

TODAY = date(2026, 11, 23)
CPU_SECONDS = 3
"""What any of them may cost, the judge and what others do in this process included."""

SAFETY, REVIEW = "/cds-services/clonazepam-safety", "/cds-services/clonazepam-review"
NOW = cds.order("now", cds.CLONAZEPAM["1"], 2, authoredOn="2024-03-03")
OXYCODONE = cds.order("oxy", cds.OXYCODONE, 4)
NEW = cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")
OTHER = cds.order("other", cds.CLONAZEPAM["0.5"], 1, status="draft")
TOKEN = {
    "fhirServer": "https://ehr.example.org/fhir",
    "fhirAuthorization": {
        "access_token": "a-token",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.rs",
        "subject": "taperguard",
        "patient": "p1",
    },
    "extension": {CONFIGURATION: {"card-per-check": True, "high-dose": False}},
}
PAGED = {
    **cds.searchset(NOW, OXYCODONE),
    "link": [{"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}],
}
FAILED = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception", "diagnostics": "no"}],
}
REPORT = {
    "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": "e56e1945-20b3-4393-8503-a1a20fd73152"}],
    "overrideReason": {
        "reason": {"code": "other", "system": "https://a.example/reasons"},
        "userComment": "Seen.",
    },
    "outcomeTimestamp": "2026-11-23T15:30:00Z",
}
REQUESTS = [
    (SAFETY, cds.request([NEW], medications=[NOW], born="1954-08-20")),
    (SAFETY, {**cds.request([NEW], medications=[NOW, OXYCODONE]), **TOKEN}),
    (SAFETY, cds.request([NEW, OTHER], hook="order-select", selections=["MedicationRequest/new"])),
    (SAFETY, cds.request([NEW], prefetch={"medications": PAGED, "conditions": FAILED})),
    (SAFETY, cds.request([{**NEW, "status": "stopped"}], medications=[{**NOW, "id": "new"}])),
    (REVIEW, {**cds.request([], hook="patient-view", medications=[NOW]), **TOKEN}),
    (REVIEW, cds.request([], hook="patient-view", conditions=[cds.condition("G40.909")])),
    (f"{SAFETY}/feedback", {"feedback": [REPORT]}),
]
SEEDS = [(path, encode(body)) for path, body in REQUESTS]
STRANGERS = [raw for _, raw in SEEDS] + mutations.pool()
NESTED = (b'{"a":' * 300 + b"1" + b"}" * 300, b"[" * 3000 + b"]" * 3000)
NUMBERS = (b"NaN", b"-Infinity", b"1e400", b"9" * 400, b"-0", b"0.1e-5000", b"01", b"1.", b"0x1")


def bytes_gone_wrong(dice, raw):
    """The document with its text changed, where no JSON library would write it so."""
    at = dice.randint(0, len(raw))
    match dice.randrange(7):
        case 0:
            return raw[:at]
        case 1:
            return raw[:at] + bytes([dice.randrange(256)]) + raw[at + 1 :]
        case 2:
            return raw.replace(b'"p1"', dice.choice(NUMBERS + NESTED), 1)
        case 3:
            return raw.replace(b":1", b":" + dice.choice(NUMBERS), dice.randint(1, 5))
        case 4:  # a key that stands there twice
            return raw.replace(b'{"', b'{"hook":"patient-view","', dice.randint(1, 3))
        case 5:
            return raw.replace(b'"Patient/p1"', b'"\\ud800\\u0000\\u202e\xf0\x9f\x92\x8a"', 2)
        case _:
            return dice.choice((b"\xef\xbb\xbf", b"\x00", b" " * 70, b"[")) + raw


def mutated(dice):
    """A path and a body: mostly one of ours with some places changed, seldom in its bytes."""
    path, raw = dice.choice(SEEDS)
    if dice.random() < 0.9:
        raw = encode(mutations.mutated(dice, raw, STRANGERS))
    if dice.random() < 0.15:
        raw = bytes_gone_wrong(dice, raw)
    if dice.random() < 0.05:
        path = dice.choice((SAFETY, REVIEW, f"{REVIEW}/feedback"))
    return path, raw


def the_door():
    """The door alone, by path: nothing is kept, nobody is asked for a token."""

    async def trust(_):
        return Caller()

    async def complete(request, _):
        return request

    given = door.Collaborators(
        trust=trust,
        ehr_of=lambda _caller, _server: None,
        complete=complete,
        today=lambda _: TODAY,
        bench=lambda _ehr, _server: Bench(default_policy(), new_id, "https://taperguard.example"),
        keep_shown=lambda *_: None,
        keep_feedback=lambda _caller, _service, reports: tuple(
            KeptReport(report, None) for report in reports
        ),
        new_event_id=new_id,
        optional_needs=(),
        policy=default_policy(),
    )
    return {route.path: route.endpoint for route in door.routes(given)}


async def asked(endpoints, path, raw):
    """The response of the door to these bytes."""

    async def receive():
        return {"type": "http.request", "body": raw, "more_body": False}

    service = path.split("/")[2]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(b"content-type", b"application/json")],
        "path_params": {"id": service},
    }
    endpoint = endpoints.get(path) or endpoints["/cds-services/{id}/feedback"]
    return await endpoint(Request(scope, receive))


def run(count, seed):
    """How many answers there were of each status."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    endpoints, seen = the_door(), {}

    async def ask_all():
        for number in range(count):
            path, raw = mutated(dice)
            began = time.process_time()
            response = await asked(endpoints, path, raw)
            spent, status = time.process_time() - began, response.status_code
            seen[status] = seen.get(status, 0) + 1
            told = f"mutation {number} of seed {seed}, {path}: {raw!r}"
            assert spent < CPU_SECONDS, f"{spent} s of the processor for {told}"
            assert status in {200, 400, 412}, f"{status} {response.body!r} {told}"
            assert judged.found == [], told

    asyncio.run(ask_all())
    return seen


def test_the_requests_that_are_mutated_are_answered():
    endpoints = the_door()

    async def ask_all():
        return [await asked(endpoints, path, raw) for path, raw in SEEDS]

    answers = asyncio.run(ask_all())
    assert [answer.status_code for answer in answers] == [200] * len(SEEDS)
    cards = [len(json.loads(answer.body)["cards"]) for answer in answers[:-1]]
    assert all(cards[:2]), "an escalation"
    assert cards[5] == 1, "a review"


def test_three_hundred_mutated_requests_are_answered_or_refused():
    seen = run(300, seed=20261123)
    assert seen.keys() >= {200, 400}
    # Most get past the door, so that it is not the door alone that is tried.
    assert seen[200] > 150


def test_an_order_of_a_thousand_million_intakes_a_day_is_answered_at_once():
    """Found by a mutation: its intakes were listed one by one, for half a minute."""
    path, raw = SEEDS[0]
    body = json.loads(raw)
    (entry,) = body["prefetch"]["medications"]["entry"]
    entry["resource"]["dosageInstruction"][0]["timing"]["repeat"]["frequency"] = 10**9
    began = time.process_time()
    answer = asyncio.run(asked(the_door(), path, encode(body)))
    assert answer.status_code == 200
    assert time.process_time() - began < 1


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_a_hundred_thousand_mutated_requests_are_answered_or_refused(seed):
    assert run(5_000, seed=seed)[200] > 2_000
