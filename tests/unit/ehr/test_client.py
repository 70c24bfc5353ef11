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
from ehr.breaker import Breaker, Way
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


class Slept:
    """The seconds that a client slept, of a clock that goes on meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.pauses = 0.0, list[float]()
        monkeypatch.setattr(client_module.asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.mark.parametrize("status", [429, 503])
def test_what_the_ehr_asks_to_wait_is_waited_for_when_there_is_time(
    ehr: FakeEhr, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    slept = Slept(monkeypatch)
    answers = [Response(status_code=status, headers={"Retry-After": "7"})]
    ehr.answers["/fhir/Patient/alder"] = lambda _: (
        answers.pop() if answers else JSONResponse(ehr.resources["Patient/alder"])
    )
    found = ask(
        ehr,
        lambda c: c.read("Patient/alder"),
        limits=Limits(seconds_in_all=8),
        seconds_now=lambda: slept.now,
    )
    assert (found["id"], slept.pauses) == ("alder", [7.0])


def test_what_there_is_no_time_to_wait_for_is_said_at_once(
    ehr: FakeEhr, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = Slept(monkeypatch)
    ehr.answers["/fhir/Patient/alder"] = lambda _: Response(
        status_code=429, headers={"Retry-After": "9"}
    )
    with pytest.raises(RefusedByEhr, match="asks to wait 9 s, for which there is no time"):
        ask(
            ehr,
            lambda c: c.read("Patient/alder"),
            limits=Limits(seconds_in_all=8),
            seconds_now=lambda: slept.now,
        )
    assert (slept.pauses, len(ehr.asked)) == ([], 1)


def test_a_429_that_does_not_say_how_long_is_not_asked_again(ehr: FakeEhr) -> None:
    ehr.answers["/fhir/Patient/alder"] = lambda _: Response(status_code=429)
    with pytest.raises(RefusedByEhr):
        ask(ehr, lambda c: c.read("Patient/alder"))
    assert len(ehr.asked) == 1


def test_the_deadline_is_for_all_pages_together(ehr: FakeEhr) -> None:
    """Each page takes 3 of 8 seconds: there is time for three."""
    now = [0.0]

    def page(request: Request) -> Response:
        number = int(request.query_params.get("page", "1"))
        now[0] += 3
        following = f"{BASE}/MedicationRequest?page={number + 1}"
        return JSONResponse(searchset(order(number), following=following))

    ehr.answers["/fhir/MedicationRequest"] = page
    found = ask(
        ehr,
        lambda c: c.search("MedicationRequest", {"patient": "alder"}),
        limits=Limits(seconds_in_all=8),
        seconds_now=lambda: now[0],
    )
    assert ids(found) == ["m1", "m2", "m3"]
    assert found.incomplete == "page 4 could not be read (the EHR did not answer in time)"


def test_an_ehr_that_failed_in_a_row_is_not_asked_and_a_404_is_no_failure(ehr: FakeEhr) -> None:
    breaker = Breaker(failures_to_open=2)

    def read(reference: str) -> None:
        with pytest.raises(EhrError) as error:
            ask(ehr, lambda c: c.read(reference), breaker=breaker, seconds_now=lambda: 0.0)
        said.append(str(error.value))

    said: list[str] = []
    ehr.answers["/fhir/Patient/broken"] = lambda _: Response(status_code=500)
    for reference in ("Patient/broken", "Patient/nobody", "Patient/broken", "Patient/broken"):
        read(reference)
    assert breaker.way is Way.OPEN
    asked = len(ehr.asked)
    read("Patient/alder")
    assert len(ehr.asked) == asked
    assert said[-1] == "the EHR has failed several times in a row and is not asked for a while"


def test_what_began_when_the_time_was_nearly_up_is_no_failure_of_the_ehr() -> None:
    """With 0.06 of 0.2 seconds left nobody could have answered; with all of them somebody could."""

    async def slow(_: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(5)
        return httpx2.Response(200)

    async def read(spent: float) -> Way:
        now = [0.0]
        breaker = Breaker(failures_to_open=1)
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(slow)) as http:
            limits = Limits(seconds_in_all=0.2)
            client = EhrClient(
                http, BASE, TOKEN, limits=limits, breaker=breaker, seconds_now=lambda: now[0]
            )
            now[0] = spent
            with pytest.raises(Unreachable, match="in time"):
                await client.read("Patient/alder")
        return breaker.way

    assert asyncio.run(read(0.14)) is Way.CLOSED
    assert asyncio.run(read(0)) is Way.OPEN


def test_the_rest_of_a_list_is_fetched_where_its_first_page_is_at_hand(ehr: FakeEhr) -> None:
    ehr.pages["MedicationRequest"] = [searchset(), searchset(order(2))]
    first = searchset(order(1), following=f"{BASE}/MedicationRequest?page=1")
    found = ask(ehr, lambda c: c.rest_of(first))
    assert (ids(found), found.pages, found.incomplete) == (["m1", "m2"], 2, None)
    assert len(first["entry"]) == 1
    evil = searchset(order(1), following="https://evil.example/fhir")
    assert "not followed" in ask(ehr, lambda c: c.rest_of(evil)).incomplete
    assert ehr.evil == []


def test_an_ehr_that_takes_one_code_at_a_time_is_asked_for_each(ehr: FakeEhr) -> None:
    def listed(request: Request) -> Response:
        code = request.query_params["code"]
        status = 500 if code == "c" else 200
        return JSONResponse(searchset({"resourceType": "Observation", "id": code}), status)

    ehr.answers["/fhir/Observation"] = listed

    def observed(code: str) -> Any:
        return ask(ehr, lambda c: c.search("Observation", {"code": code}), quirks={"one-code"})

    found = observed("a,b")
    assert (sorted(ids(found)), found.pages, found.incomplete) == (["a", "b"], 2, None)
    found = observed("a,c")
    assert ids(found) == ["a"]
    assert found.incomplete.startswith("one of its codes could not be read (the EHR answered")
    with pytest.raises(RefusedByEhr):
        observed("c,c")


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
