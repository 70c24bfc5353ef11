"""The guarded fhirclient server: pages turned, and a token that never leaves its EHR."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import cds
import paged_ehr
import pytest
from bulk_ehr import Answer, outcome
from paged_ehr import PATIENT, PagedEhr

from ehr.errors import EhrError, NotAllowed, Unreachable, Unusable
from ehr.history_server import HistoryServer, Limits

QUERY = {"patient": PATIENT, "_count": "200"}
ORDERS = 120
TOKEN = "access-good"


@pytest.fixture
def ehr() -> Iterator[PagedEhr]:
    """120 orders on three pages of 50."""
    running = PagedEhr()
    running.valid.add(TOKEN)
    running.lists["MedicationRequest"] = paged_ehr.many_orders(ORDERS)
    yield running.start()
    running.stop()


@pytest.fixture
def evil() -> Iterator[PagedEhr]:
    """Somebody else's server, which takes whatever comes."""
    running = PagedEhr()
    yield running.start()
    running.stop()


@pytest.fixture
def serve() -> Iterator[Callable[..., HistoryServer]]:
    """`serve(ehr)`: the server under test, which never really pauses."""
    opened: list[HistoryServer] = []

    def make(ehr: PagedEhr, *, token: Any = None, **limits: Any) -> HistoryServer:
        server = HistoryServer(
            ehr.base,
            token or (lambda _: TOKEN),
            private_hosts={"localhost", "127.0.0.1"},
            limits=Limits(**limits),
            pause=lambda _: None,
        )
        opened.append(server)
        return server

    yield make
    for server in opened:
        server.close()


def orders(found: Any) -> int:
    return len(found.bundle["entry"])


def test_every_page_is_read_with_the_token_and_decimals_stay_exact(ehr, serve) -> None:
    half = cds.order("half", cds.CLONAZEPAM["0.5"], 1, 0.5, patient=PATIENT)
    ehr.lists["MedicationRequest"].append(half)
    found = serve(ehr).search("MedicationRequest", QUERY)
    assert (orders(found), found.pages, found.incomplete) == (ORDERS + 1, 3, None)
    assert found.bundle["total"] == ORDERS + 1
    assert all(one.headers["authorization"] == f"Bearer {TOKEN}" for one in ehr.asked)
    dose = found.bundle["entry"][-1]["resource"]["dosageInstruction"][0]["doseAndRate"][0]
    assert dose["doseQuantity"]["value"] == Decimal("0.5")


def test_shapes_that_fhirclient_s_models_refuse_are_read_all_the_same(ehr, serve) -> None:
    odd = {"resourceType": "MedicationRequest", "id": "odd", "subject": {}, "dosageInstruction": 7}
    ehr.lists["MedicationRequest"] = [{**odd, "subject": {"reference": f"Patient/{PATIENT}"}}]
    (entry,) = serve(ehr).search("MedicationRequest", QUERY).bundle["entry"]
    assert entry["resource"]["dosageInstruction"] == 7


@pytest.mark.parametrize(
    "elsewhere",
    [
        "{evil}/fhir/MedicationRequest?page=2",
        "{ehr}/../admin?page=2",
        "{origin}/elsewhere/MedicationRequest?page=2",
        "https:///MedicationRequest?page=2",
        "{ehr}@evil.example/MedicationRequest?page=2",
    ],
)
def test_a_next_link_off_the_base_is_not_followed_and_is_said(ehr, evil, serve, elsewhere) -> None:
    where = elsewhere.format(evil=evil.origin, ehr=ehr.base, origin=ehr.origin)
    ehr.next_link = lambda _: where
    found = serve(ehr).search("MedicationRequest", QUERY)
    assert orders(found) == 50
    assert found.incomplete is not None
    assert "its next page was not followed" in found.incomplete
    assert evil.asked == []
    assert len(ehr.asked) == 1


def test_a_redirect_off_the_base_is_not_followed(ehr, evil, serve) -> None:
    away = Answer(302, headers={"Location": f"{evil.base}/MedicationRequest"})
    ehr.fault("GET", "/fhir/MedicationRequest", away)
    with pytest.raises(Unusable, match="redirect of the EHR was not followed"):
        serve(ehr).search("MedicationRequest", QUERY)
    assert evil.asked == []


def test_a_redirect_within_the_ehr_is_followed(ehr, serve) -> None:
    here = Answer(
        307, headers={"Location": f"{ehr.base}/MedicationRequest?patient={PATIENT}&_count=9"}
    )
    ehr.fault("GET", "/fhir/MedicationRequest", here)
    assert orders(serve(ehr).search("MedicationRequest", QUERY)) == ORDERS


def test_proxies_and_netrc_of_the_environment_get_nothing(
    ehr, evil, serve, monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("HTTP_PROXY", evil.origin)
    monkeypatch.setenv("http_proxy", evil.origin)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert orders(serve(ehr).search("MedicationRequest", QUERY)) == ORDERS
    assert evil.asked == []
    assert {one.headers["authorization"] for one in ehr.asked} == {f"Bearer {TOKEN}"}


def test_a_rejected_token_is_replaced_once(ehr, serve) -> None:
    given: list[bool] = []

    def token(rejected: bool) -> str:
        given.append(rejected)
        return TOKEN if rejected else "access-old"

    assert orders(serve(ehr, token=token).search("MedicationRequest", QUERY)) == ORDERS
    assert given == [False, True]
    with pytest.raises(NotAllowed):
        serve(ehr, token=lambda _: "access-never").search("MedicationRequest", QUERY)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(200, b"<html>Ruth</html>"), "the EHR's answer is not JSON"),
        (Answer(200, b"{}"), "the EHR's answer is no FHIR resource"),
        (Answer(200, b'{"resourceType": "Patient"}'), "something else than a Bundle"),
        (Answer(200, outcome("too-costly")), "the request is too large for it"),
        (Answer(403, outcome("forbidden")), "the EHR does not allow this"),
        (Answer(500, b"Ruth"), "the EHR answered with status 500"),
    ],
)
def test_what_is_no_list_becomes_a_sentence_of_ours(ehr, serve, answer, sentence) -> None:
    ehr.fault("GET", "/fhir/MedicationRequest", answer)
    with pytest.raises(EhrError) as caught:
        serve(ehr).search("MedicationRequest", QUERY)
    assert sentence in str(caught.value)
    assert "Ruth" not in str(caught.value)


def test_a_page_that_fails_later_leaves_an_incomplete_list(ehr, serve) -> None:
    ehr.next_link = lambda address: address.replace("/MedicationRequest?", "/MedicationRequest/?")
    ehr.fault("GET", "/fhir/MedicationRequest/", Answer(400, outcome("invalid")))
    found = serve(ehr).search("MedicationRequest", QUERY)
    assert orders(found) == 50
    assert found.incomplete is not None
    assert found.incomplete.startswith("page 2 could not be read (the EHR answered with status 400")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_ehr_is_asked_again(ehr, serve, status) -> None:
    ehr.fault("GET", "/fhir/MedicationRequest", Answer(status, headers={"Retry-After": "1"}))
    assert orders(serve(ehr).search("MedicationRequest", QUERY)) == ORDERS


def test_pages_in_a_circle_end(ehr, serve) -> None:
    first = f"{ehr.base}/MedicationRequest?patient={PATIENT}&_count=50&page=2"
    ehr.next_link = lambda _: first
    found = serve(ehr).search("MedicationRequest", QUERY)
    assert found.incomplete == "its pages lead in a circle"
    assert found.pages == 2


def test_limits_of_pages_bytes_and_time_are_said(ehr, serve) -> None:
    assert serve(ehr, most_pages=2).search("MedicationRequest", QUERY).incomplete == (
        "only 2 pages were read"
    )
    page = len(json.dumps(ehr.lists["MedicationRequest"][:50]))
    found = serve(ehr, most_bytes=2 * page).search("MedicationRequest", QUERY)
    assert found.incomplete is not None
    assert "larger than what is read" in found.incomplete
    with pytest.raises(Unreachable, match="it was not read within 0 seconds"):
        serve(ehr, seconds=0).search("MedicationRequest", QUERY)


def test_it_only_reads(ehr, serve) -> None:
    server = serve(ehr)
    for write in (server.post_json, server.put_json, server.delete_json, server.post_as_form):
        with pytest.raises(Unusable):
            write("Patient", {})
    assert ehr.asked == []


def test_a_resource_is_read_by_its_reference_and_no_other_is_taken_for_it(ehr, serve) -> None:
    server = serve(ehr)
    assert server.read(f"Patient/{PATIENT}")["id"] == PATIENT
    ehr.fault("GET", "/fhir/Patient/", Answer(200, json.dumps(paged_ehr.person("p2")).encode()))
    with pytest.raises(Unusable, match="something else than the Patient"):
        server.read(f"Patient/{PATIENT}")
    with pytest.raises(Unusable):
        server.read("https://evil.example/Patient/1")
