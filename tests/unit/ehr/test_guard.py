"""Where a token may go: the EHR's own origin and path, however the address is written."""

from __future__ import annotations

import pytest

from ehr import guard
from ehr.guard import Elsewhere

BASE = "https://ehr.example.org/fhir/r4"
EVIL = [
    "https://evil.example/fhir/r4/Patient/1",
    "//evil.example/fhir/r4/Patient/1",
    "http://ehr.example.org/fhir/r4/Patient/1",
    "https://ehr.example.org:8443/fhir/r4/Patient/1",
    "https://ehr.example.org@evil.example/fhir/r4/Patient/1",
    "https://user:word@ehr.example.org/fhir/r4/Patient/1",
    "https://ehr.example.org.evil.example/fhir/r4/Patient/1",
    "https://ehr.example.org\\@evil.example/fhir/r4/Patient/1",
    "https://ehr.example.org%2eevil.example/fhir/r4/Patient/1",
    "https://ehr.example.org%40evil.example/fhir/r4/Patient/1",
    "https://ehr.ex\u0430mple.org/fhir/r4/Patient/1",
    "https:///fhir/r4/Patient/1",
    "ftp://ehr.example.org/fhir/r4/Patient/1",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://ehr.example.org/fhir/r4x/Patient/1",
    "https://ehr.example.org/other/Patient/1",
    "https://ehr.example.org/",
    "/Patient/1",
    "../../other/1",
    "https://ehr.example.org/fhir/r4/../../other",
    "https://ehr.example.org/fhir/r4/%2e%2e/%2e%2e/other",
    "https://ehr.example.org/fhir/r4/%252e%252e/other",
    "https://ehr.example.org/fhir/r4/..%2f..%2fother",
    "https://ehr.example.org/fhir/r4/..%5c..%5cother",
    "https://ehr.example.org/fhir/r4/..;x/..;y/other",
    "https://ehr.example.org/fhir/r4/Patient/1#part",
    "https://ehr.example.org/fhir/r4/Patient/1\r\nHost: evil.example",
    "https://ehr.example.org/fhir/r4/Pat ient",
    "https://ehr.example.org:0/fhir/r4/Patient/1",
    "https://ehr.example.org:99999/fhir/r4/Patient/1",
    "https://[::1/fhir/r4",
    "\\\\evil.example\\fhir",
    "https://ehr.example.org/fhir/r4/" + "a" * 9000,
]


@pytest.mark.parametrize("address", EVIL)
def test_an_address_that_is_not_the_ehr_s_is_refused(address: str) -> None:
    with pytest.raises(Elsewhere) as refused:
        guard.within(BASE, address)
    assert "evil" not in str(refused.value)
    assert not guard.belongs(BASE, address)


@pytest.mark.parametrize("address", EVIL)
def test_an_evil_next_link_is_refused_and_not_taken_for_the_last_page(address: str) -> None:
    page = {"link": [{"relation": "self", "url": BASE}, {"relation": "next", "url": address}]}
    with pytest.raises(Elsewhere):
        guard.next_page(BASE, f"{BASE}/Patient", page)


@pytest.mark.parametrize(
    ("address", "absolute"),
    [
        (BASE, BASE),
        (f"{BASE}?_getpages=1&_offset=20", f"{BASE}?_getpages=1&_offset=20"),
        ("HTTPS://EHR.example.org:443/fhir/r4/Patient/1", None),
        ("Patient/1", f"{BASE}/Patient/1"),
        ("/fhir/r4/Patient/1", f"{BASE}/Patient/1"),
        (f"{BASE}/MedicationRequest?code=http://a|1", f"{BASE}/MedicationRequest?code=http://a|1"),
        (f"{BASE}/Patient?next=https://evil.example/..", None),
    ],
)
def test_the_ehr_s_own_addresses_pass(address: str, absolute: str | None) -> None:
    assert guard.within(BASE, address) == (absolute or guard.within(BASE, address))
    assert guard.belongs(BASE, guard.within(BASE, address))


def test_a_relative_next_link_is_relative_to_its_page() -> None:
    page = {"link": {"relation": "next", "url": "MedicationRequest?page=2"}}
    expected = f"{BASE}/MedicationRequest?page=2"
    assert guard.next_page(BASE, f"{BASE}/MedicationRequest?page=1", page) == expected


@pytest.mark.parametrize("link", [{"relation": "next"}, {"relation": "next", "url": 5}])
def test_a_next_link_without_an_address_is_refused(link: dict[str, object]) -> None:
    with pytest.raises(Elsewhere):
        guard.next_page(BASE, BASE, {"link": [link]})


def test_the_last_page_has_no_next() -> None:
    assert guard.next_page(BASE, BASE, {"link": [{"relation": "self", "url": BASE}]}) is None
    assert guard.next_page(BASE, BASE, {}) is None


@pytest.mark.parametrize(
    ("reference", "local"),
    [
        ("Practitioner/7", "Practitioner/7"),
        (f"{BASE}/Practitioner/7", "Practitioner/7"),
        (f"{BASE}/MedicationRequest/7/_history/2", "MedicationRequest/7"),
        ("MedicationRequest/7/_history/2", "MedicationRequest/7"),
        ("https://evil.example/fhir/r4/Practitioner/7", None),
        ("urn:uuid:1", None),
        ("Practitioner/..", None),
        ("//evil.example/Practitioner/7", None),
        ("practitioner", None),
        ("", None),
    ],
)
def test_a_reference_is_local_or_nothing(reference: str, local: str | None) -> None:
    assert guard.local_reference(BASE, reference) == local


def test_an_origin_is_written_as_a_browser_writes_it() -> None:
    assert guard.origin("https://EHR.example.org:443/fhir") == "https://ehr.example.org"
    assert guard.origin("http://localhost:8701/fhir") == "http://localhost:8701"
    assert guard.origin("http://[::1]:80/") == "http://[::1]"
