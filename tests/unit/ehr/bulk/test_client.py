"""Exports against a real server: what is asked, what is believed, where the token goes."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import bulk_ehr
import httpx2
import pytest
from bulk_ehr import Answer, BulkEhr, outcome

from ehr.backend import BackendTokens, OwnMemory
from ehr.bulk.client import BulkClient, Damaged, ExportFailed, LinkGone, NotYet
from ehr.bulk.dialect import ExportOrder
from ehr.bulk.manifest import ExportedFile, Manifest
from ehr.bulk.problems import problems_of
from ehr.keys import OurKeys, new_key_set
from ehr.registry import TrustedEhr
from taperguard import wiring

TYPES = ("Patient", "MedicationRequest")
ORDER = ExportOrder(bulk_ehr.GROUP, TYPES)
SECRETS = ("access-", "job-", "http", "Synthetic-Alder")


@pytest.fixture(scope="module")
def our_keys() -> OurKeys:
    return OurKeys(new_key_set())


@pytest.fixture
def ehr(our_keys: OurKeys) -> Iterator[BulkEhr]:
    running = BulkEhr(our_keys.public())
    yield running.start()
    running.stop()


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def client(ehr: BulkEhr, our_keys: OurKeys) -> BulkClient:
    def http() -> httpx2.Client:
        return wiring.worker_http({"localhost", "127.0.0.1"})

    trusted = TrustedEhr(
        *("north", "North", ehr.base, ehr.base, ZoneInfo("UTC")),
        backend_client_id=bulk_ehr.CLIENT,
    )
    tokens = BackendTokens(keys=our_keys, cache=OwnMemory(now), now=now, http=http)
    return BulkClient(trusted, tokens, http, now, idle_seconds=1)


def finished(ehr: BulkEhr, client: BulkClient) -> tuple[str, Manifest]:
    ehr.looks_until_ready = 0
    status = client.kick_off(ORDER)
    return status, client.look(status, TYPES)


def test_an_export_is_asked_for_as_the_specification_says(ehr: BulkEhr, client: BulkClient) -> None:
    """The server refuses a kick-off without token, `respond-async` or the right Accept."""
    status = client.kick_off(ORDER)
    assert status.startswith(f"{ehr.origin}/jobs/job-")
    asked = ehr.asked[-1]
    assert (asked.method, asked.path) == ("GET", "/fhir/Group/clinic/$export")
    assert asked.query == {"_type": ["Patient,MedicationRequest"]}
    assert asked.signed_in


def test_without_a_group_all_patients_are_exported(ehr: BulkEhr, client: BulkClient) -> None:
    with pytest.raises(ExportFailed):
        client.kick_off(ExportOrder(None, TYPES))
    assert ehr.asked[-1].path == "/fhir/Patient/$export"


@pytest.mark.parametrize("group", ["../Patient", "a/b", "a?x=1", "", ".."])
def test_a_group_that_is_no_id_is_never_asked_for(group: str) -> None:
    with pytest.raises(ValueError, match="FHIR id"):
        ExportOrder(group, TYPES)
    with pytest.raises(ValueError, match="types"):
        ExportOrder("clinic", ())


def test_a_look_at_an_export_at_work_says_when_to_look_again(
    ehr: BulkEhr, client: BulkClient
) -> None:
    status = client.kick_off(ORDER)
    with pytest.raises(NotYet) as waiting:
        client.look(status, TYPES)
    assert waiting.value.after == timedelta(seconds=1)
    assert len(client.look(status, TYPES).files) == 3


def test_a_manifest_is_read_with_the_names_of_its_files(ehr: BulkEhr, client: BulkClient) -> None:
    _, manifest = finished(ehr, client)
    assert manifest.transaction_time == datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    assert manifest.needs_token
    assert [(file.name, file.count) for file in manifest.files] == [
        ("Patient.0.ndjson", 3),
        ("MedicationRequest.0.ndjson", 4),
        ("MedicationRequest.1.ndjson", 2),
    ]
    assert manifest.problems == ()
    assert "jobs" not in repr(manifest)


def test_what_was_not_asked_for_is_not_fetched_and_said(ehr: BulkEhr, client: BulkClient) -> None:
    ehr.files.append(("DocumentReference", b"{}\n"))
    ehr.alters = lambda manifest: {
        **manifest,
        "deleted": [{"type": "Bundle", "url": f"{ehr.origin}/x"}],
        "transactionTime": "yesterday",
    }
    _, manifest = finished(ehr, client)
    assert {file.type for file in manifest.files} == set(TYPES)
    assert manifest.problems == (
        "not asked for and not fetched: DocumentReference",
        "the EHR lists deleted records, which are not applied",
        "the EHR does not say of what instant its export is",
    )


def output(**more: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def alter(manifest: dict[str, Any]) -> dict[str, Any]:
        first = {**manifest["output"][0], **more}
        return {**manifest, "output": [first, *manifest["output"][1:]]}

    return alter


def whole(**more: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda manifest: {**manifest, **more}


@pytest.mark.parametrize(
    ("alters", "why"),
    [
        (output(url="https://evil.example/Patient.ndjson"), "leads to another server"),
        (output(url="http://127.0.0.1:1/x"), "leads to another server"),
        (output(url="//evil.example/x"), "leads to another server"),
        (output(url="file:///etc/passwd"), "is malformed"),
        (output(url="ftp://127.0.0.1/x"), "neither http nor https"),
        (output(url="http://u:p@127.0.0.1/x"), "carries a user"),
        (output(url=None), "without type or address"),
        (output(type=None), "without type or address"),
        (output(type="../../Patient"), "without type or address"),
        (output(count=-1), "no number"),
        (output(count="three"), "no number"),
        (whole(output=None), "lists no files"),
        (whole(link=[{"relation": "next", "url": "x"}]), "comes in pages"),
    ],
)
def test_a_manifest_that_cannot_be_believed_whole_is_refused(
    ehr: BulkEhr, client: BulkClient, alters: Callable[..., Any], why: str
) -> None:
    """Nothing may be left out of an export: one bad file is a bad manifest."""
    ehr.alters = alters
    with pytest.raises(ExportFailed, match=why) as failed:
        finished(ehr, client)
    assert "evil" not in str(failed.value)


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (Answer(429, headers={"Retry-After": "120"}), timedelta(minutes=2)),
        (Answer(429), None),
        (Answer(503, b"<html>", {"Retry-After": "5"}), timedelta(seconds=5)),
        (Answer(502), None),
        (Answer(500, outcome("transient")), None),
        (Answer(500, outcome("throttled"), {"Retry-After": "9"}), timedelta(seconds=9)),
    ],
)
@pytest.mark.parametrize("what", ["kick-off", "look", "file", "release"])
def test_a_passing_problem_is_asked_about_again(
    ehr: BulkEhr,
    client: BulkClient,
    tmp_path: Path,
    answer: Answer,
    after: timedelta | None,
    what: str,
) -> None:
    with pytest.raises(NotYet) as later:
        _at(what, ehr, client, tmp_path, answer)
    assert later.value.after == after
    assert not any(word in str(later.value) for word in SECRETS)


def _at(what: str, ehr: BulkEhr, client: BulkClient, folder: Path, answer: Answer) -> object:
    """An export, with the answer given in one of its exchanges."""
    if what == "kick-off":
        ehr.fault("GET", "$export", answer)
        return client.kick_off(ORDER)
    status, manifest = finished(ehr, client)
    ehr.fault("DELETE" if what == "release" else "GET", "/jobs/", answer)
    if what == "look":
        return client.look(status, TYPES)
    if what == "release":
        return client.release(status)
    return client.fetch_file(manifest.files[0], needs_token=True, into=folder / "file")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(400, outcome("not-supported")), "does not support this"),
        (Answer(403, outcome("forbidden")), "does not allow this"),
        (Answer(500, outcome("exception")), "an error of its own"),
        (Answer(500, b"<html>Synthetic-Alder"), "status 500"),
        (Answer(302, headers={"Location": "https://evil.example/"}), "sends the request elsewhere"),
    ],
)
@pytest.mark.parametrize("what", ["kick-off", "look", "file", "release"])
def test_a_refusal_ends_the_export_in_words(
    ehr: BulkEhr, client: BulkClient, tmp_path: Path, answer: Answer, why: str, what: str
) -> None:
    with pytest.raises(ExportFailed, match=why) as failed:
        _at(what, ehr, client, tmp_path, answer)
    assert not any(word in str(failed.value) for word in SECRETS)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(202), "does not say where its status is"),
        (Answer(202, headers={"Content-Location": "https://evil.example/x"}), "another server"),
        (Answer(200, b"{}"), "does not begin the export"),
    ],
)
def test_a_kick_off_without_a_status_address_of_the_ehr_s_own_is_none(
    ehr: BulkEhr, client: BulkClient, answer: Answer, why: str
) -> None:
    ehr.fault("GET", "$export", answer)
    with pytest.raises(ExportFailed, match=why):
        client.kick_off(ORDER)


def test_a_relative_status_address_is_understood(ehr: BulkEhr, client: BulkClient) -> None:
    ehr.fault("GET", "$export", Answer(202, headers={"Content-Location": "/jobs/job-1"}))
    assert client.kick_off(ORDER) == f"{ehr.origin}/jobs/job-1"


def test_a_rejected_token_is_replaced_once(ehr: BulkEhr, client: BulkClient) -> None:
    status = client.kick_off(ORDER)
    ehr.valid.clear()
    with pytest.raises(NotYet):
        client.look(status, TYPES)
    assert len(ehr.token_forms) == 2
    ehr.faults += [("GET", "/jobs/", Answer(401, outcome("login")))] * 2
    with pytest.raises(ExportFailed, match="status 401"):
        client.look(status, TYPES)
    assert len(ehr.token_forms) == 3


def test_a_file_is_fetched_with_its_hash_and_its_lines(
    ehr: BulkEhr, client: BulkClient, tmp_path: Path
) -> None:
    _, manifest = finished(ehr, client)
    fetched = client.fetch_file(manifest.files[0], needs_token=True, into=tmp_path / "f")
    held = ehr.files[0][1]
    assert (tmp_path / "f").read_bytes() == held
    assert fetched.lines == 3
    assert fetched.sha256 == hashlib.sha256(held).hexdigest()
    assert fetched.size == len(held)
    assert ehr.asked[-1].signed_in


@pytest.mark.parametrize("needs_token", [True, False])
def test_the_token_goes_along_only_where_the_manifest_wants_it(
    ehr: BulkEhr, client: BulkClient, tmp_path: Path, needs_token: bool
) -> None:
    ehr.alters = whole(requiresAccessToken=needs_token)
    _, manifest = finished(ehr, client)
    ehr.fault("GET", "/files/", Answer(200, ehr.files[0][1]))
    client.fetch_file(manifest.files[0], needs_token=manifest.needs_token, into=tmp_path / "file")
    assert ("authorization" in ehr.asked[-1].headers) is needs_token


@pytest.mark.parametrize("way", ["encoded", "as a file", "as two files in one"])
def test_gzip_is_unpacked_however_it_comes(
    ehr: BulkEhr, client: BulkClient, tmp_path: Path, way: str
) -> None:
    _, manifest = finished(ehr, client)
    held = ehr.files[0][1]
    half = held.index(b"\n") + 1
    parts = gzip.compress(held[:half]) + gzip.compress(held[half:])
    answer = {
        "encoded": bulk_ehr.zipped(held),
        "as a file": Answer(200, gzip.compress(held)),
        "as two files in one": Answer(200, parts),
    }[way]
    ehr.fault("GET", "/files/", answer)
    client.fetch_file(manifest.files[0], needs_token=True, into=tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == held


def test_a_file_that_arrives_in_part_is_damaged(
    ehr: BulkEhr, client: BulkClient, tmp_path: Path
) -> None:
    _, manifest = finished(ehr, client)
    held = ehr.files[0][1]
    for body, why in [
        (held[: held.index(b"\n") + 1], "holds 1 records and was announced with 3"),
        (gzip.compress(held)[:-9], "arrived in part"),
        (b"\x1f\x8b" + held, "arrived broken"),
    ]:
        ehr.fault("GET", "/files/", Answer(200, body))
        with pytest.raises(Damaged, match=why):
            client.fetch_file(manifest.files[0], needs_token=True, into=tmp_path / "file")


def test_a_connection_that_breaks_off_is_no_file(
    ehr: BulkEhr, client: BulkClient, tmp_path: Path
) -> None:
    """Less than Content-Length says, and a server that falls silent for more than a second."""
    _, manifest = finished(ehr, client)
    files = manifest.files
    ehr.pause_at("/files/")
    with pytest.raises(NotYet, match="did not answer in time"):
        client.fetch_file(files[0], needs_token=True, into=tmp_path / "file")


@pytest.mark.parametrize("status", [404, 410])
def test_a_link_that_is_gone_asks_for_the_manifest_again(
    ehr: BulkEhr, client: BulkClient, tmp_path: Path, status: int
) -> None:
    with pytest.raises(LinkGone):
        _at("file", ehr, client, tmp_path, Answer(status, outcome("not-found")))
    with pytest.raises(ExportFailed, match="does not know this export any more"):
        _at("look", ehr, client, tmp_path, Answer(status, outcome("not-found")))


def test_a_release_deletes_the_job_and_may_be_repeated(ehr: BulkEhr, client: BulkClient) -> None:
    status, _ = finished(ehr, client)
    client.release(status)
    client.release(status)
    assert len(ehr.deleted) == 1
    for code in (405, 501):
        ehr.fault("DELETE", "/jobs/", Answer(code))
        client.release(status)


def test_a_file_elsewhere_is_refused_even_when_it_was_kept_so(
    ehr: BulkEhr, client: BulkClient, tmp_path: Path
) -> None:
    foreign = ExportedFile("Patient", 0, "https://evil.example/x", None)
    with pytest.raises(ExportFailed, match="another server"):
        client.fetch_file(foreign, needs_token=True, into=tmp_path / "file")


def test_error_files_become_sentences_with_counts(tmp_path: Path) -> None:
    """Three not found, one without reason, one remark, one broken line."""
    file = tmp_path / "errors"
    remark = outcome("informational").replace(b'"error"', b'"information"')
    lines = [outcome("not-found")] * 3 + [outcome("odd"), remark, b"{"]
    file.write_bytes(b"\n".join(lines))
    assert problems_of(file) == (
        "the EHR left something out of its export (3 times): it does not find the record",
        "the EHR left something out of its export (once): it gives no reason",
        "the EHR made remarks that are no errors (once)",
        "lines of the EHR's error files cannot be read (once)",
    )
