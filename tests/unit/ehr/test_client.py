"""FHIR over HTTP: pages, limits, faults; and the token, which never leaves the EHR."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from smart_ehr import BASE, ORIGIN, FakeEhr, order, outcome, searchset
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ehr import client as client_module
from ehr.client import EhrClient, Limits
from ehr.errors import Conflict, EhrError, NotAllowed, NotFound, RefusedByEhr, Unreachable, Unusable

TOKEN = "access-1"
WORDS = "Synthetic-Alder"


@pytest.fixture
def ehr(monkeypatch: pytest.MonkeyPatch) -> FakeEhr:
    monkeypatch.setattr(client_module, "_PAUSE_SECONDS", 0)
    fake = FakeEhr(lambda: datetime(2026, 11, 23, tzinfo=UTC))
    fake.valid.add(TOKEN)
    return fake


def ask(ehr: FakeEhr, work: Callable[[EhrClient], Any], **options: Any) -> Any:
    async def run() -> Any:
        async with ehr.http() as http:
            return await work(EhrClient(http, BASE, TOKEN, **options))

    return asyncio.run(run())


def search(ehr: FakeEhr, **options: Any) -> Any:
    return ask(ehr, lambda c: c.search("MedicationRequest", {"patient": "alder"}, **options))


def ids(found: Any) -> list[str]:
    return [entry["resource"]["id"] for entry in found.bundle["entry"]]


def test_every_page_is_followed(ehr: FakeEhr) -> None:
    ehr.pages["MedicationRequest"] = [
        searchset(order(1), following=f"{BASE}/MedicationRequest?page=1"),
        searchset(order(2), following="MedicationRequest?page=2"),
        searchset(order(3)),
    ]
    found = search(ehr)
    assert (ids(found), found.pages, found.incomplete) == (["m1", "m2", "m3"], 3, None)


@pytest.mark.parametrize(
    "evil",
    [
        "https://evil.example/fhir/MedicationRequest?page=1",
        "http://localhost:8701@evil.example/fhir/MedicationRequest?page=1",
        "https://localhost:8701/fhir/MedicationRequest?page=1",
        "http://localhost:9999/fhir/MedicationRequest?page=1",
        "http://127.0.0.1:8701/fhir/MedicationRequest?page=1",
        f"{ORIGIN}/fhir/../auth/jwks",
        f"{ORIGIN}/fhir/%2e%2e/auth/jwks",
        f"{ORIGIN}/auth/jwks",
        "//evil.example/fhir",
    ],
)
def test_an_evil_next_link_never_gets_the_token_and_is_said(ehr: FakeEhr, evil: str) -> None:
    ehr.pages["MedicationRequest"] = [searchset(order(1), following=evil)]
    found = search(ehr)
    assert ids(found) == ["m1"]
    assert found.incomplete is not None
    assert "not followed" in found.incomplete
    assert ehr.evil == []
    assert [path for _, path in ehr.asked] == ["/fhir/MedicationRequest?patient=alder"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_elsewhere_never_gets_the_token(ehr: FakeEhr, status: int) -> None:
    ehr.answers["/fhir/Patient/alder"] = lambda _: RedirectResponse(
        "https://evil.example/fhir/Patient/alder", status_code=status
    )
    with pytest.raises(Unusable, match="not followed"):
        ask(ehr, lambda c: c.read("Patient/alder"))
    assert ehr.evil == []


def test_a_redirect_within_the_ehr_is_followed_but_not_for_ever(ehr: FakeEhr) -> None:
    ehr.answers["/fhir/Patient/old"] = lambda _: RedirectResponse("/fhir/Patient/alder", 307)
    with pytest.raises(Unusable, match="something else"):
        ask(ehr, lambda c: c.read("Patient/old"))
    ehr.answers["/fhir/Patient/loop"] = lambda _: RedirectResponse("/fhir/Patient/loop", 307)
    with pytest.raises(Unusable, match="too often"):
        ask(ehr, lambda c: c.read("Patient/loop"))


def test_pages_beyond_the_limit_and_circles_are_said(ehr: FakeEhr) -> None:
    ehr.pages["MedicationRequest"] = [
        searchset(order(n), following=f"{BASE}/MedicationRequest?page={n + 1}") for n in range(5)
    ]
    assert search(ehr, most_pages=3).incomplete == "only its first 3 pages were read"
    ehr.pages["MedicationRequest"] = [
        searchset(order(1), following=f"{BASE}/MedicationRequest?page=1"),
        searchset(order(2), following=f"{BASE}/MedicationRequest?page=1"),
    ]
    assert search(ehr).incomplete == "its pages lead in a circle"


def test_a_later_page_that_fails_leaves_what_came_and_says_so(ehr: FakeEhr) -> None:
    ehr.pages["MedicationRequest"] = [
        searchset(order(1), following=f"{BASE}/MedicationRequest/broken")
    ]
    ehr.answers["/fhir/MedicationRequest/broken"] = lambda _: Response(status_code=500)
    found = search(ehr)
    assert ids(found) == ["m1"]
    assert "page 2 could not be read" in found.incomplete


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (401, "login", NotAllowed, "does not accept the sign-in"),
        (403, "forbidden", NotAllowed, "does not allow this"),
        (404, "not-found", NotFound, "does not have this record"),
        (410, "deleted", NotFound, "was deleted"),
        (409, "conflict", Conflict, "changed by someone else"),
        (412, "conflict", Conflict, "changed by someone else"),
        (422, "business-rule", RefusedByEhr, "a rule of its own"),
        (500, "exception", RefusedByEhr, "status 500"),
        (500, "no-such-code", RefusedByEhr, "status 500"),
    ],
)
def test_an_operationoutcome_becomes_a_sentence_without_its_words(
    ehr: FakeEhr, status: int, code: str, kind: type[EhrError], words: str
) -> None:
    ehr.answers["/fhir/Patient/alder"] = lambda _: JSONResponse(outcome(code), status_code=status)
    with pytest.raises(kind, match=words) as error:
        ask(ehr, lambda c: c.read("Patient/alder"))
    assert error.value.status == status
    assert WORDS in (error.value.said or "")
    assert WORDS not in f"{error.value} {error.value!r}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>Synthetic-Alder</html>", "not JSON"),
        (b'{"resourceType": "Patient", "id": "birch"}', "something else"),
        (b'{"resourceType": "Observation", "id": "alder"}', "something else"),
        (b"[]", "no FHIR resource"),
        (b"", "no FHIR resource"),
        (b'{"resourceType": "OperationOutcome", "issue": []}', "OperationOutcome"),
        (b'{"a": "' + b"x" * 3000 + b'"}', "larger"),
    ],
)
def test_an_answer_that_is_not_the_record_is_refused(ehr: FakeEhr, body: bytes, words: str) -> None:
    ehr.answers["/fhir/Patient/alder"] = lambda _: Response(body, media_type="application/json")
    with pytest.raises(Unusable, match=words) as error:
        ask(ehr, lambda c: c.read("Patient/alder"), limits=Limits(most_bytes=2000))
    assert WORDS not in str(error.value)


@pytest.mark.parametrize("reference", ["Patient/..", "../x/1", "Patient", "Patient/1?x=y", ""])
def test_a_reference_that_names_no_record_is_not_asked_for(ehr: FakeEhr, reference: str) -> None:
    with pytest.raises(Unusable):
        ask(ehr, lambda c: c.read(reference))
    assert ehr.asked == []


def test_a_passing_failure_is_asked_again_once(ehr: FakeEhr) -> None:
    answers = [503, 200]

    def flaky(_: Request) -> Response:
        return JSONResponse(ehr.resources["Patient/alder"], status_code=answers.pop(0))

    ehr.answers["/fhir/Patient/alder"] = flaky
    assert ask(ehr, lambda c: c.read("Patient/alder"))["id"] == "alder"
    assert answers == []


def test_a_write_is_sent_once_even_when_nobody_answers() -> None:
    sent: list[httpx2.Request] = []

    def dead(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        raise httpx2.ReadTimeout(f"{request.url} Synthetic-Alder")

    async def run() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(dead)) as http:
            await EhrClient(http, BASE, TOKEN).transaction([{"resource": {}}])

    with pytest.raises(Unreachable) as error:
        asyncio.run(run())
    assert len(sent) == 1
    assert WORDS not in str(error.value)
    assert error.value.__cause__ is None


def test_an_answer_that_takes_too_long_is_given_up(ehr: FakeEhr) -> None:
    async def slow(_: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(5)
        return httpx2.Response(200)

    async def run() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(slow)) as http:
            await EhrClient(http, BASE, TOKEN, limits=Limits(seconds=0.05)).read("Patient/alder")

    with pytest.raises(Unreachable, match="in time"):
        asyncio.run(run())


def test_decimals_of_a_dose_keep_their_digits(ehr: FakeEhr) -> None:
    raw = b'{"resourceType": "Observation", "id": "o", "valueQuantity": {"value": 0.50}}'
    ehr.answers["/fhir/Observation/o"] = lambda _: Response(raw, media_type="application/json")
    assert str(ask(ehr, lambda c: c.read("Observation/o"))["valueQuantity"]["value"]) == "0.50"


def test_the_fake_evil_server_does_record_what_it_is_sent(ehr: FakeEhr) -> None:
    """Else the tests above could not fail."""

    async def run() -> None:
        async with ehr.http() as http:
            await http.get("https://evil.example/", headers={"Authorization": "Bearer x"})

    asyncio.run(run())
    assert [request.headers["authorization"] for request in ehr.evil] == ["Bearer x"]
