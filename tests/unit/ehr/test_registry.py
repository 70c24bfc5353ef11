"""`ehrs.toml`: a bad value stops the start with file, line and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from clinical.taper import default_products
from ehr.registry import (
    ANYBODY,
    BadRegistry,
    ClientAuth,
    DraftsOnCard,
    parse_registry,
    read_registry,
)

GOOD = """\
# The EHRs of a clinic.
[[ehr]]
id = "north"
name = "North Clinic"
issuer = "https://north.example.org/fhir/"
fhir_base = "https://north.example.org/fhir/"
time_zone = "America/Chicago"
drafts_on_card = "first-step"
client_id = "taperguard"

[[ehr.cds_clients]]
issuer = "https://north.example.org/cds"
jwks_url = "https://north.example.org/cds/jwks.json"
tenant = "north-1"

[[ehr]]
id = "south"
name = "South Clinic"
issuer = "https://south.example.org/fhir"
fhir_base = "https://south.example.org/fhir"
time_zone = "UTC"

[[ehr.cds_clients]]
issuer = "https://south.example.org/cds"
jwks_url = "https://south.example.org/cds/jwks.json"

[[ehr.cds_clients]]
issuer = "https://south.example.org/cds-test"
jwks_url = "https://south.example.org/cds/jwks.json"
"""


def test_an_ehr_is_found_by_what_a_request_says_of_itself() -> None:
    registry = parse_registry(GOOD)
    north = registry.get("north")
    assert north is not None
    assert registry.by_fhir_base("https://north.example.org/fhir") is north
    assert registry.by_fhir_base("https://north.example.org/fhir/") is north
    assert registry.by_issuer("https://north.example.org/fhir") is north
    found = registry.by_cds_issuer("https://north.example.org/cds")
    assert found is not None
    assert found[0] is north
    assert found[1].tenant == "north-1"


def test_what_is_not_registered_is_not_trusted() -> None:
    registry = parse_registry(GOOD)
    assert registry.get("west") is None
    assert registry.by_fhir_base("https://north.example.org/fhir2") is None
    assert registry.by_fhir_base("https://north.example.org.evil.example/fhir") is None
    assert registry.by_cds_issuer("https://north.example.org/cds/") is None


def test_values_are_read_with_their_defaults() -> None:
    north, south = parse_registry(GOOD)
    assert (north.drafts_on_card, south.drafts_on_card) == (
        DraftsOnCard.FIRST_STEP,
        DraftsOnCard.ALL,
    )
    assert (str(north.time_zone), north.client_id) == ("America/Chicago", "taperguard")
    assert len(south.cds_clients) == 2


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ('id = "north"', 'id = "North Clinic"', 3, "id has to be lower-case"),
        ('id = "south"', 'id = "north"', 17, "id 'north' is registered twice"),
        ('name = "North Clinic"', "", 2, "name is missing"),
        ('name = "North Clinic"', "name = 5", 4, "name has to be a text"),
        ("America/Chicago", "Chicago", 7, "is no time zone"),
        ("America/Chicago", "../../etc/passwd", 7, "is no time zone"),
        ("first-step", "some", 8, '"all" or "first-step"'),
        ('client_id = "taperguard"', 'clientid = "x"', 9, "'clientid' is no setting here"),
        ('client_id = "taperguard"', 'quirks = ["odd"]', 9, "quirk 'odd' is not known"),
        ('client_id = "taperguard"', "quirks = 5", 9, "has to be a list"),
        ('client_id = "taperguard"', 'private_addresses = "yes"', 9, "is true or false"),
        (
            'fhir_base = "https://north.example.org/fhir/"',
            'fhir_base = "http://north.example.org/fhir"',
            6,
            "has to be https",
        ),
        (
            'fhir_base = "https://north.example.org/fhir/"',
            'fhir_base = "ftp://north"',
            6,
            "absolute http or https",
        ),
        (
            'fhir_base = "https://north.example.org/fhir/"',
            'fhir_base = "https://u:p@north.example.org/fhir"',
            6,
            "may not carry a user",
        ),
        (
            'fhir_base = "https://south.example.org/fhir"',
            'fhir_base = "https://north.example.org/fhir"',
            20,
            "is registered twice",
        ),
        ("south.example.org/cds-test", "north.example.org/cds", 28, "is registered twice"),
        ('tenant = "north-1"', 'tenat = "north-1"', 14, "'tenat' is no setting here"),
    ],
)
def test_a_bad_value_is_told_with_file_line_and_reason(
    old: str, new: str, line: int, why: str
) -> None:
    assert GOOD.count(old) >= 1
    with pytest.raises(BadRegistry) as caught:
        parse_registry(GOOD.replace(old, new, 1), "clinic.toml")
    assert str(caught.value).startswith(f"clinic.toml, line {line}: ")
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no [[ehr]] is registered"),
        ("[[ehr]\n", "not TOML"),
        ("ehr = 5\n", "line 1: EHRs are written as [[ehr]]"),
        ("[ehrs]\n", "'ehrs' is no setting here"),
        ("[[ehr]]\nid = 'a'\nid = 'b'\n", "not TOML"),
    ],
)
def test_a_file_that_is_no_registry_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadRegistry) as caught:
        parse_registry(text)
    assert why in str(caught.value)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ehrs.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(BadRegistry, match=r"ehrs\.toml: cannot be read: it is not UTF-8"):
        read_registry(file)


def test_http_is_for_this_machine_only() -> None:
    """The sandbox is reached over http on localhost; a name that only begins so is not it."""
    here = GOOD.replace("https://south.example.org", "http://localhost:8701")
    assert parse_registry(here).by_fhir_base("http://localhost:8701/fhir") is not None
    with pytest.raises(BadRegistry, match="https"):
        parse_registry(GOOD.replace("https://south", "http://localhost.south"))


SMART = """\
[[ehr]]
id = "north"
name = "North Clinic"
issuer = "https://north.example.org/fhir"
fhir_base = "https://north.example.org/fhir"
time_zone = "UTC"
client_id = "taperguard"
"""


def test_what_the_smart_app_needs_is_read(tmp_path: Path) -> None:
    text = (
        SMART
        + f"""\
client_auth = "client_secret_basic"
client_secret_file = {str(tmp_path / "word")!r}
scopes = ["openid", "fhirUser", "patient/*.rs"]
endpoint_origins = ["https://login.example.org:443/"]
page_origins = ["https://app.north.example.org"]
"""
    )
    (ehr,) = parse_registry(text)
    assert ehr.client_auth is ClientAuth.SECRET
    assert ehr.client_secret_file == tmp_path / "word"
    assert ehr.scopes == ("openid", "fhirUser", "patient/*.rs")
    assert ehr.endpoint_origins == ("https://login.example.org",)
    assert ehr.page_origins == ("https://app.north.example.org",)
    (plain,) = parse_registry(SMART)
    assert plain.client_auth is ClientAuth.PUBLIC


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('client_auth = "client_secret_post"', "client_auth is one of"),
        ('client_auth = "client_secret_basic"', "needs a client_secret_file"),
        ('client_secret_file = "/run/word"', "goes with client_auth"),
        ('scopes = ["openid fhirUser"]', "is no scope"),
        ('scopes = ["patient/*.rs"]', '"openid" and "fhirUser"'),
        ('endpoint_origins = ["https://login.example.org/path"]', "without a path"),
        ('endpoint_origins = ["http://login.example.org"]', "https"),
        ('page_origins = ["*"]', "absolute http or https address"),
        ('page_origins = "https://app.example.org"', "list of texts"),
    ],
)
def test_a_bad_smart_value_is_named_with_its_line(line: str, why: str) -> None:
    with pytest.raises(BadRegistry, match=r"ehrs\.toml, line 8: ") as bad:
        parse_registry(f"{SMART}{line}\n")
    assert why in str(bad.value)


def test_a_secret_s_file_is_an_absolute_path() -> None:
    text = f'{SMART}client_auth = "client_secret_basic"\nclient_secret_file = "word"\n'
    with pytest.raises(BadRegistry, match=r"line 9: .*absolute path"):
        parse_registry(text)


def test_a_client_with_a_key_needs_an_id() -> None:
    text = SMART.replace('client_id = "taperguard"', 'client_auth = "private_key_jwt"')
    with pytest.raises(BadRegistry, match=r"line 7: .*needs a client_id"):
        parse_registry(text)


BACKEND = 'backend_client_id = "taperguard-backend"\n'


def test_what_background_work_needs_is_read() -> None:
    text = f'{SMART}{BACKEND}backend_scopes = ["system/*.rs"]\nbulk_group_id = "clinic-1"\n'
    (ehr,) = parse_registry(text)
    assert ehr.backend_client_id == "taperguard-backend"
    assert ehr.backend_scopes == ("system/*.rs",)
    assert ehr.bulk_group_id == "clinic-1"
    (plain,) = parse_registry(SMART)
    assert (plain.backend_client_id, plain.backend_scopes, plain.bulk_group_id) == (None, (), None)


@pytest.mark.parametrize(
    ("lines", "line", "why"),
    [
        ("backend_client_id = 5", 8, "has to be a text"),
        ('backend_client_id = ""', 8, "not empty"),
        ('backend_scopes = ["system/*.rs"]', 8, "need a backend_client_id"),
        ('bulk_group_id = "clinic"', 8, "needs a backend_client_id"),
        (f'{BACKEND}backend_scopes = ["patient/*.rs"]', 9, 'has to begin with "system/"'),
        (f'{BACKEND}backend_scopes = ["system/*.rs system/Group.rs"]', 9, "is no scope"),
        (f'{BACKEND}backend_scopes = "system/*.rs"', 9, "list of texts"),
        (f'{BACKEND}bulk_group_id = "Group/clinic"', 9, 'without "Group/"'),
        (f'{BACKEND}bulk_group_id = ".."', 9, "is a FHIR id"),
        (f'{BACKEND}bulk_group_id = "clinic?_type=x"', 9, "is a FHIR id"),
    ],
)
def test_a_bad_backend_value_is_named_with_its_line(lines: str, line: int, why: str) -> None:
    with pytest.raises(BadRegistry, match=rf"ehrs\.toml, line {line}: ") as bad:
        parse_registry(f"{SMART}{lines}\n")
    assert why in str(bad.value)


# --- what the pharmacy stocks ------------------------------------------------------------------


def test_without_a_word_all_generic_tablets_are_stocked_and_none_is_halved() -> None:
    (ehr,) = parse_registry(SMART)
    assert ehr.tablets == default_products()


def test_the_tablets_of_a_pharmacy_are_named_by_code_and_some_are_halved() -> None:
    lines = 'tablets_stocked = ["197527", "206157", "349194"]\ntablets_halved = ["206157"]\n'
    (ehr,) = parse_registry(SMART + lines)
    assert [(tablet.rxcui, tablet.halvable) for tablet in ehr.tablets] == [
        ("197527", False),
        ("206157", True),
        ("349194", False),
    ]


def test_the_default_tablets_may_be_halved_too() -> None:
    (ehr,) = parse_registry(SMART + 'tablets_halved = ["197527"]\n')
    assert [tablet.rxcui for tablet in ehr.tablets if tablet.halvable] == ["197527"]
    assert len(ehr.tablets) == len(default_products())


@pytest.mark.parametrize(
    ("lines", "line", "why"),
    [
        ('tablets_stocked = ["197526"]', 8, '"197526" is not the RxNorm code of a US clonazepam'),
        ("tablets_stocked = []", 8, "at least one tablet"),
        ("tablets_stocked = [197527]", 8, "list of texts"),
        ('tablets_stocked = "197527"', 8, "list of texts"),
        ('tablets_halved = ["349194"]', 8, "disintegrates: it is never halved"),
        (
            'tablets_stocked = ["197528"]\ntablets_halved = ["197527"]',
            9,
            'tablets_halved: "197527" is to be halved and is not among the tablets',
        ),
    ],
)
def test_a_bad_tablet_is_named_with_its_line(lines: str, line: int, why: str) -> None:
    with pytest.raises(BadRegistry, match=rf"ehrs\.toml, line {line}: ") as bad:
        parse_registry(f"{SMART}{lines}\n")
    assert why in str(bad.value)


# --- who reads reports ------------------------------------------------------------------------


def test_nobody_reads_a_report_unless_somebody_is_named() -> None:
    north = parse_registry(GOOD).get("north")
    assert north is not None
    assert (north.report_readers, north.worklist_readers) == ((), ())


def test_readers_are_named_by_their_reference_or_are_anybody() -> None:
    (one,) = parse_registry(SMART + 'report_readers = ["any"]\nworklist_readers = ["Person/7"]\n')
    assert one.report_readers == (ANYBODY,)
    assert one.worklist_readers == ("Person/7",)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('report_readers = "any"', "has to be a list of texts"),
        ('report_readers = ["any", "Practitioner/1"]', "'any' stands alone"),
        ('report_readers = ["hazel"]', "'hazel' is no user like Practitioner/123"),
        ('report_readers = ["Patient/1"]', "'Patient/1' is no user"),
        ('report_readers = ["https://x.test/Practitioner/1"]', "is no user"),
        ('worklist_readers = ["any"]', "names each user"),
        ('worklist_readers = ["Practitioner/"]', "is no user"),
    ],
)
def test_a_reader_that_is_not_understood_stops_the_start(line: str, why: str) -> None:
    with pytest.raises(BadRegistry) as caught:
        parse_registry(SMART + line + "\n", "clinic.toml")
    number = SMART.count("\n") + 1
    assert str(caught.value).startswith(f"clinic.toml, line {number}: ")
    assert why in str(caught.value)


def test_an_ehr_is_asked_for_reported_medications_unless_it_says_otherwise() -> None:
    (ehr,) = parse_registry(SMART)
    assert ehr.prefetch == ("statements",)


def test_the_optional_lists_of_an_ehr_are_named_by_their_prefetch_key() -> None:
    (ehr,) = parse_registry(SMART + 'prefetch = ["observations", "allergies"]\n')
    assert ehr.prefetch == ("allergies", "observations")
    (ehr,) = parse_registry(SMART + "prefetch = []\n")
    assert ehr.prefetch == ()


@pytest.mark.parametrize("key", ["medications", "labs"])
def test_a_list_that_is_not_optional_is_named_with_its_line(key: str) -> None:
    why = f"prefetch '{key}' is no optional list \\(known: statements, dispenses, allergies, "
    with pytest.raises(BadRegistry, match=f"line 8.*{why}"):
        parse_registry(SMART + f'prefetch = ["{key}"]\n')
