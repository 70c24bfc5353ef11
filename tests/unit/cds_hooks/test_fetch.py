"""What a prefetch lacks is fetched with the request's token: what, from whom, and how long."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import cds
import httpx2
import pytest

from cds_hooks.fetch import MEDICATIONS_KEY, Fetching
from cds_hooks.gather import gather
from cds_hooks.medications import MOST_BYTES_KEPT, MOST_KEPT, MedicationCache
from cds_hooks.request import HookRequest, read_request
from cds_hooks.services.order_safety import HOOKS, concerns_a_check
from clinical.policy import default_policy
from ehr.client import EhrClient, Limits
from ehr.registry import TrustedEhr, parse_registry

BASE = "https://ehr.example.org/fhir"
TOKEN = "hook-token-1"
ONE_MG = cds.CLONAZEPAM["1"]
SECONDS, HURRIED_SECONDS = 10, 0.25
"""More time than any fault needs to be seen on a busy machine; and what a hang may cost."""

LATE = "the EHR did not answer in time"
REGISTERED = f"""
[[ehr]]
id = "north"
name = "North Clinic"
issuer = "{BASE}"
fhir_base = "{BASE}"
time_zone = "UTC"
prefetch = ["allergies"]
"""

Json = dict[str, Any]
Handler = Callable[[httpx2.Request], Any]


def concerns(request: HookRequest, _: TrustedEhr) -> bool:
    return concerns_a_check(request, date(2026, 11, 23), default_policy())


class Ehr:
    """Answers by path as a test sets it; everything else is an empty searchset or a 404."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.answers: dict[str, object] = {}
        self.asked: list[str] = []
        self.elsewhere: list[httpx2.Request] = []
        self.opened = 0
        self.now = [0.0]
        self.fetching = Fetching(
            self.open, concerns, seconds=seconds, seconds_now=lambda: self.now[0]
        )

    def open(self, ehr: TrustedEhr, token: str, seconds: float) -> EhrClient:
        self.opened += 1
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))
        return EhrClient(http, ehr.fhir_base, token, limits=Limits(100_000, seconds, seconds))

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.host != "ehr.example.org":
            self.elsewhere.append(request)
            return httpx2.Response(200, json=cds.searchset())
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        path = str(request.url).removeprefix(f"{BASE}/")
        self.asked.append(path)
        answer = self.answers.get(path, self.answers.get(path.partition("?")[0]))
        if answer is None:
            is_search = "?" in path
            return httpx2.Response(200 if is_search else 404, json=cds.searchset())
        if isinstance(answer, httpx2.Response):
            return answer
        if callable(answer):
            return await answer(request)  # type: ignore[no-any-return]
        return httpx2.Response(200, json=answer)

    @property
    def types_asked(self) -> list[str]:
        return sorted(path.partition("?")[0] for path in self.asked)

    def complete(self, body: Json, *, registered: bool = True) -> HookRequest:
        ehr = parse_registry(REGISTERED).get("north") if registered else None
        request = read_request(json.dumps(body).encode(), HOOKS)
        return asyncio.run(self.fetching.complete(request, ehr))


@pytest.fixture
def ehr() -> Ehr:
    return Ehr()


@pytest.fixture
def hurried() -> Ehr:
    return Ehr(HURRIED_SECONDS)


def asking(
    *drafts: Json, without: tuple[str, ...] = (), access: Json | None = None, **prefetch: Any
) -> Json:
    """An order-sign with a token; the prefetch is whole but for what is left out or given."""
    draft = cds.order("new", ONE_MG, 1, status="draft")
    whole: Json = {"allergies": cds.searchset(), **prefetch}
    body = cds.request(list(drafts) or [draft], prefetch=whole)
    for key in without:
        del body["prefetch"][key]
    token = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300}
    return {**body, "fhirServer": BASE, "fhirAuthorization": token | (access or {})}


def gaps(request: HookRequest) -> dict[str, str]:
    return dict(gather(request).gaps)


def ids(request: HookRequest, kind: str) -> list[str]:
    return [found["id"] for found in gather(request).by_type.get(kind, ())]


async def hang(_: httpx2.Request) -> httpx2.Response:
    await asyncio.sleep(60)
    return httpx2.Response(200)


# --- what is asked for -------------------------------------------------------------------------


def test_where_nothing_is_missing_nothing_is_asked_and_the_token_ends(ehr: Ehr) -> None:
    done = ehr.complete(asking())
    assert (ehr.opened, ehr.asked, done.authorization, gaps(done)) == (0, [], None, {})


def test_what_was_not_supplied_is_fetched_and_used(ehr: Ehr) -> None:
    ehr.answers["MedicationRequest"] = cds.searchset(cds.order("now", ONE_MG, 2))
    person = {"resourceType": "Patient", "id": "p1", "birthDate": "1950-01-01"}
    ehr.answers["Patient/p1"] = person
    done = ehr.complete(asking(without=("patient", "medications", "conditions")))
    assert sorted(ehr.asked) == [
        "Condition?patient=p1&_count=200",
        "MedicationRequest?patient=p1&_count=200",
        "Patient/p1",
    ]
    assert gaps(done) == {}
    assert (ids(done, "MedicationRequest"), ids(done, "Patient")) == (["now"], ["p1"])
    assert done.authorization is None


@pytest.mark.parametrize(
    "given",
    [
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]},
        {"resourceType": "Patient", "id": "p1"},
        cds.searchset(cds.order("m", ONE_MG)),
        cds.searchset({"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}),
        {"resourceType": "Bundle", "total": 3},
        "text",
    ],
)
def test_what_failed_or_is_something_else_is_fetched_anew(ehr: Ehr, given: object) -> None:
    ehr.answers["Condition"] = cds.searchset(cds.condition("G40.909"))
    done = ehr.complete(asking(conditions=given))
    assert ehr.types_asked == ["Condition"]
    assert gaps(done) == {}
    assert ids(done, "Condition") == ["c1"]


LISINOPRIL = ("314076", "lisinopril 10 MG Oral Tablet")


@pytest.mark.parametrize(
    ("product_ordered", "is_asked"),
    [(LISINOPRIL, False), (ONE_MG, True), (cds.OXYCODONE, True)],
)
def test_for_an_order_that_no_check_looks_at_no_chart_is_asked_for(
    ehr: Ehr, product_ordered: tuple[str, str], is_asked: bool
) -> None:
    """Clonazepam may be current while an opioid is ordered; of lisinopril nothing is checked."""
    draft = cds.order("new", product_ordered, 1, status="draft")
    body = asking(draft, without=("patient", "conditions"), medications={"resourceType": "Bundle"})
    ehr.complete(body)
    assert (ehr.opened > 0) is is_asked


def test_what_a_draft_refers_to_decides_whether_a_chart_is_asked_for(ehr: Ehr) -> None:
    """The reference has to be followed first; once it is known, lisinopril asks for nothing."""
    code = {"coding": [{"system": cds.RXNORM, "code": LISINOPRIL[0]}], "text": LISINOPRIL[1]}
    known = {"resourceType": "Medication", "id": "lis", "code": code}
    ehr.answers["Medication/lis"] = known
    body = asking(referring("new", "Medication/lis", status="draft"), without=("conditions",))
    for types in (["Condition", "Medication/lis"], ["Condition", "Medication/lis"]):
        ehr.complete(body)  # the second time it is kept, and nothing more is asked
        assert ehr.types_asked == types
    ehr.asked.clear()
    ehr.now[0] += 3601
    body["prefetch"]["mine"] = known
    ehr.complete(body)
    assert ehr.asked == []


def test_null_says_that_the_ehr_has_looked(ehr: Ehr) -> None:
    done = ehr.complete(asking(medications=None, patient=None))
    assert ehr.asked == []
    assert gaps(done) == {"patient": "the patient's record was not found"}


def test_an_optional_list_is_asked_for_where_the_registration_wants_it(ehr: Ehr) -> None:
    """Of the four optional lists this EHR is registered with allergies alone."""
    ehr.complete(asking(without=("allergies",)))
    assert ehr.asked == ["AllergyIntolerance?patient=p1&_count=200"]


def test_an_optional_list_that_the_ehr_does_not_have_is_a_note_and_no_gap(ehr: Ehr) -> None:
    ehr.answers["AllergyIntolerance"] = httpx2.Response(404)
    done = ehr.complete(asking(without=("allergies",)))
    assert gaps(done) == {}
    assert done.notes == (
        "the list of allergies was not supplied, and the EHR does not have this record",
    )


def test_of_a_list_in_pages_only_the_following_ones_are_fetched(ehr: Ehr) -> None:
    first = cds.searchset(cds.order("m1", ONE_MG))
    first |= {"total": 3, "link": [{"relation": "next", "url": f"{BASE}/MedicationRequest?p=2"}]}
    second = cds.searchset(cds.order("m2", ONE_MG))
    second |= {"total": 3, "link": [{"relation": "next", "url": "MedicationRequest?p=3"}]}
    ehr.answers["MedicationRequest?p=2"] = second
    ehr.answers["MedicationRequest?p=3"] = cds.searchset(cds.order("m3", ONE_MG)) | {"total": 3}
    done = ehr.complete(asking(medications=first))
    assert ehr.asked == ["MedicationRequest?p=2", "MedicationRequest?p=3"]
    assert gaps(done) == {}
    assert ids(done, "MedicationRequest") == ["m1", "m2", "m3"]


def test_a_next_link_to_another_server_is_not_followed_and_the_list_is_asked_for_anew(
    ehr: Ehr,
) -> None:
    first = cds.searchset(cds.order("m1", ONE_MG))
    first["link"] = [{"relation": "next", "url": "https://inner.example.org/fhir/x?p=2"}]
    ehr.answers["MedicationRequest"] = cds.searchset(*(cds.order(f"m{n}", ONE_MG) for n in (1, 2)))
    done = ehr.complete(asking(medications=first))
    assert ehr.elsewhere == []
    assert ehr.types_asked == ["MedicationRequest"]
    assert (gaps(done), ids(done, "MedicationRequest")) == ({}, ["m1", "m2"])


# --- with whose token, and about whom ----------------------------------------------------------


def test_without_a_token_or_a_registered_ehr_nothing_is_asked(ehr: Ehr) -> None:
    body = asking(without=("conditions",))
    done = ehr.complete(body, registered=False)
    assert done.authorization is None
    del body["fhirAuthorization"]
    for request in (done, ehr.complete(body)):
        assert gaps(request) == {"conditions": "the list of conditions was not supplied"}
    assert ehr.opened == 0


def test_a_token_for_another_patient_is_not_used_and_that_is_said(ehr: Ehr) -> None:
    done = ehr.complete(asking(without=("conditions",), access={"patient": "p2"}))
    assert ehr.opened == 0
    assert gaps(done) == {
        "conditions": "the list of conditions was not supplied, and the token of the request is "
        "for another patient"
    }
    assert any("another patient" in note for note in done.notes)


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ("patient/Condition.rs", ["Condition"]),
        ("user/*.read launch", ["Condition", "MedicationRequest"]),
        ("system/MedicationRequest.s", ["MedicationRequest"]),
        ("patient/Patient.rs openid", []),
        ("patient/Condition.r", []),
        # In words that we do not know nothing is surely refused.
        ("chart-access", ["Condition", "MedicationRequest"]),
        ("", ["Condition", "MedicationRequest"]),
    ],
)
def test_what_the_scope_surely_does_not_allow_is_not_asked(
    ehr: Ehr, scope: str, asked: list[str]
) -> None:
    body = asking(without=("conditions", "medications"), access={"scope": scope})
    done = ehr.complete(body)
    assert ehr.types_asked == asked
    assert len(gaps(done)) == 2 - len(asked)
    assert all("does not allow to read it" in why for why in gaps(done).values())


@pytest.mark.parametrize("patient", ["p1,p2", "../Patient/p2", "p1&code=x", "p1/_history/2"])
def test_an_id_that_would_ask_for_something_else_is_not_asked_with(ehr: Ehr, patient: str) -> None:
    body = asking(cds.order("new", ONE_MG, patient="x"), without=("conditions", "patient"))
    body["context"]["patientId"] = patient
    del body["context"]["draftOrders"]["entry"][0]["resource"]["subject"]
    done = ehr.complete(body)
    assert ehr.asked == []
    assert "no FHIR id" in done.unfetched["conditions"]


def test_a_list_with_another_patient_s_record_is_not_believed(ehr: Ehr) -> None:
    ehr.answers["Condition"] = cds.searchset({"resourceType": "Patient", "id": "p2"})
    ehr.answers["MedicationRequest"] = cds.searchset(cds.order("x", ONE_MG, patient="p2"))
    done = ehr.complete(asking(without=("conditions", "medications")))
    resources = gather(done)
    assert "record of another patient" in resources.gaps["conditions"]
    assert "record of another patient" in resources.gaps["medications"]
    assert "MedicationRequest" not in resources.by_type


def test_another_patient_s_record_in_place_of_the_patient_is_refused(ehr: Ehr) -> None:
    ehr.answers["Patient/p1"] = {"resourceType": "Patient", "id": "p2", "birthDate": "1950-01-01"}
    done = ehr.complete(asking(without=("patient",)))
    assert "something else than the Patient asked for" in gaps(done)["patient"]


# --- what goes wrong, and how long it may take -------------------------------------------------


async def endless(request: httpx2.Request) -> httpx2.Response:
    page = int(request.url.params.get("p", "0")) + 1
    following = {"relation": "next", "url": f"{BASE}/Condition?p={page}"}
    return httpx2.Response(200, json={**cds.searchset(), "link": [following]})


def outcome(code: str, severity: str = "error") -> Json:
    issue = {"severity": severity, "code": code, "diagnostics": "Synthetic-Alder"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


FAULTS: dict[str, tuple[object, str]] = {
    "401": (httpx2.Response(401), "does not accept the sign-in any more"),
    "403": (httpx2.Response(403, json=outcome("forbidden")), "the EHR does not allow this"),
    "404": (httpx2.Response(404), "the EHR does not have this record"),
    "429": (httpx2.Response(429), "the EHR answered with status 429"),
    "429 with Retry-After": (
        httpx2.Response(429, headers={"Retry-After": "30"}),
        "status 429, and asks to wait 30 s, for which there is no time",
    ),
    "500": (httpx2.Response(500, json=outcome("exception")), "it had an error of its own"),
    "503 with a date": (
        httpx2.Response(503, headers={"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}),
        "for which there is no time",
    ),
    "HTML": (httpx2.Response(200, html="<html>Synthetic-Alder</html>"), "is not JSON"),
    "truncated JSON": (httpx2.Response(200, content=b'{"resourceType":"Bun'), "is not JSON"),
    "no resource": (httpx2.Response(200, json=[]), "is no FHIR resource"),
    "an OperationOutcome for 200": (outcome("processing"), "could not process the request"),
    "a Patient for a searchset": (
        {"resourceType": "Patient", "id": "p1"},
        "something else than a Bundle",
    ),
    "too large": (httpx2.Response(200, content=b" " * 200_000), "larger than what is read"),
    "endless": (endless, "only its first 20 pages were read"),
    "a circle": (
        {**cds.searchset(), "link": [{"relation": "next", "url": f"{BASE}/Condition?p=1"}]},
        "its pages lead in a circle",
    ),
    "evil next": (
        {**cds.searchset(), "link": [{"relation": "next", "url": "https://evil.example/fhir/x"}]},
        "its next page was not followed: the address leads to another server",
    ),
    "redirected elsewhere": (
        httpx2.Response(302, headers={"Location": "https://evil.example/fhir/Condition"}),
        "a redirect of the EHR was not followed",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_ehr_is_named_and_gets_neither_token_nor_words_out(
    ehr: Ehr, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    ehr.answers["Condition"], words = FAULTS[name]
    ehr.answers["MedicationRequest"] = cds.searchset(cds.order("now", ONE_MG, 2))
    done = ehr.complete(asking(without=("conditions", "medications")))
    (why,) = gaps(done).values()
    assert why.startswith("the list of conditions was not supplied, and ")
    assert words in why
    assert ids(done, "MedicationRequest") == ["now"]  # what did come is used
    assert ehr.elsewhere == []
    told = f"{why}{caplog.text}{[record.__dict__ for record in caplog.records]}"
    assert "Synthetic-Alder" not in told
    assert TOKEN not in told


def test_an_ehr_that_hangs_costs_the_budget_and_no_more(hurried: Ehr) -> None:
    hurried.answers["Condition"] = hang
    hurried.answers["MedicationRequest"] = cds.searchset(cds.order("now", ONE_MG, 2))
    began = time.monotonic()
    done = hurried.complete(asking(without=("conditions", "medications")))
    assert time.monotonic() - began < HURRIED_SECONDS + 1.5
    assert gaps(done) == {"conditions": f"the list of conditions was not supplied, and {LATE}"}
    assert ids(done, "MedicationRequest") == ["now"]


def test_what_came_of_a_list_before_the_time_was_up_is_used(hurried: Ehr) -> None:
    ehr = hurried
    first = cds.searchset(cds.order("m1", ONE_MG))
    first["link"] = [{"relation": "next", "url": f"{BASE}/MedicationRequest?p=2"}]
    ehr.answers["MedicationRequest?patient=p1&_count=200"] = first
    ehr.answers["MedicationRequest?p=2"] = hang
    done = ehr.complete(asking(without=("medications",)))
    assert ids(done, "MedicationRequest") == ["m1"]
    assert gaps(done)["medications"] == (
        f"the list of medications was not supplied, and page 2 could not be read ({LATE})"
    )


def test_what_does_not_heed_its_deadline_is_left_behind(ehr: Ehr) -> None:
    class Deaf(EhrClient):
        async def search(self, *_: Any, **__: Any) -> Any:
            await asyncio.sleep(60)

    ehr.fetching = Fetching(
        lambda ehr, token, _: Deaf(httpx2.AsyncClient(), ehr.fhir_base, token),
        concerns,
        seconds=0.05,
    )
    began = time.monotonic()
    done = ehr.complete(asking(without=("conditions",)))
    assert time.monotonic() - began < 1
    assert gaps(done)["conditions"] == f"the list of conditions was not supplied, and {LATE}"


def test_an_error_of_ours_costs_no_answer(ehr: Ehr) -> None:
    def broken(*_: object) -> EhrClient:
        raise RuntimeError("Synthetic-Alder")

    ehr.fetching = Fetching(broken, concerns, seconds=SECONDS)
    done = ehr.complete(asking(without=("conditions",)))
    assert done.notes == (
        "what the prefetch lacks was not fetched because of an error of TaperGuard",
    )
    assert gaps(done) == {"conditions": "the list of conditions was not supplied"}


# --- Medications that records refer to ---------------------------------------------------------


def referring(key: str, reference: str = "Medication/clz", **more: Any) -> Json:
    record = cds.order(key, ONE_MG, 2, **more)
    del record["medicationCodeableConcept"]
    return record | {"medicationReference": {"reference": reference}}


def product(key: str = "clz") -> Json:
    code = {"system": cds.RXNORM, "code": ONE_MG[0], "display": ONE_MG[1]}
    return {"resourceType": "Medication", "id": key, "code": {"coding": [code]}}


@pytest.mark.parametrize("place", ["draft", "prefetched", "fetched", "contained"])
def test_the_medication_of_an_order_is_fetched_wherever_the_order_stands(
    ehr: Ehr, place: str
) -> None:
    ehr.answers["Medication/clz"] = product()
    body = asking()
    if place == "draft":
        body = asking(referring("new", status="draft"))
    elif place == "prefetched":
        body = asking(medications=cds.searchset(referring("now", f"{BASE}/Medication/clz")))
    elif place == "fetched":
        ehr.answers["MedicationRequest"] = cds.searchset(referring("now", "Medication/clz"))
        body = asking(without=("medications",))
    else:
        body = asking(medications=cds.searchset(referring("now", "#clz", contained=[product()])))
    done = ehr.complete(body)
    asked = [path for path in ehr.asked if path.startswith("Medication/")]
    assert asked == ([] if place == "contained" else ["Medication/clz"])
    assert ids(done, "Medication") == ([] if place == "contained" else ["clz"])


def test_a_medication_is_kept_for_an_hour_whoever_it_was_fetched_for(ehr: Ehr) -> None:
    ehr.answers["Medication/clz"] = product() | {"text": {"div": "<div>long</div>"}}
    body = asking(referring("new", status="draft"))
    for _ in range(2):
        assert ids(ehr.complete(body), "Medication") == ["clz"]
    assert ehr.asked == ["Medication/clz"]
    ehr.now[0] += 3601
    done = ehr.complete(body)
    assert ehr.asked == ["Medication/clz"] * 2
    assert done.prefetch is not None
    assert "text" not in done.prefetch[MEDICATIONS_KEY]["entry"][0]["resource"]


def test_a_medication_that_was_supplied_or_lies_elsewhere_is_not_asked_for(ehr: Ehr) -> None:
    there = "https://other.example.org/fhir/Medication/m9"
    supplied = cds.searchset(referring("now"), product(), referring("far", there))
    supplied["entry"][1]["search"] = {"mode": "include"}
    del supplied["total"]
    done = ehr.complete(asking(medications=supplied))
    assert (ehr.asked, ehr.elsewhere) == ([], [])
    assert done.notes == ("medications that records refer to on another server: 1",)
    assert gaps(done) == {}


def test_medications_that_fail_are_counted_and_present_orders_come_first(ehr: Ehr) -> None:
    """45 orders of as many products: 40 are asked for, the active one among them."""
    ended = [referring(f"m{n}", f"Medication/e{n}", status="completed") for n in range(44)]
    ehr.answers["Medication/clz"] = product()
    done = ehr.complete(asking(medications=cds.searchset(*ended, referring("now"))))
    assert len(ehr.asked) == 40
    assert "Medication/clz" in ehr.asked
    assert sorted(done.notes) == [
        "medications that records refer to and that could not be fetched: 39 "
        "(the EHR does not have this record)",
        "medications that records refer to and that could not be fetched: 5 "
        "(only 40 are asked for at once)",
    ]


def test_of_many_medications_the_least_used_is_forgotten_and_a_huge_one_never_kept() -> None:
    cache = MedicationCache(lambda: 0.0)
    for number in range(MOST_KEPT):
        cache.keep("north", f"Medication/{number}", product(str(number)))
    assert cache.get("north", "Medication/0") is not None  # used just now
    cache.keep("north", "Medication/more", product("more"))
    assert cache.get("north", "Medication/1") is None
    assert cache.get("north", "Medication/0") is not None
    assert cache.get("south", "Medication/0") is None  # another EHR's is another product
    huge = product("huge") | {"contained": ["x" * MOST_BYTES_KEPT]}
    assert cache.keep("north", "Medication/huge", huge)["id"] == "huge"
    assert cache.get("north", "Medication/huge") is None
