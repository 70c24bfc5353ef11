"""What is kept of a history, and how it completes what a door was given."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import cds
import pytest

from clinical.dose_history import Known, dose_history
from ehr.client import Found
from ehr.errors import EhrError, NotFound, RefusedByEhr, Unreachable
from ehr.history import (
    KeptHistory,
    NotAHistory,
    Seen,
    ago,
    completed,
    is_fresh,
    wants_history,
)
from ehr.history_read import read_history
from ehr.read.chart import Resources, read_chart

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
TODAY = date(2026, 11, 23)
HOUR = timedelta(hours=1)
GAP = "the list of medications is incomplete: only its first page was supplied"
CLONAZEPAM = cds.order("now", cds.CLONAZEPAM["1"], 2)
OXYCODONE = cds.order("oxy", cds.OXYCODONE, 4)
TYLENOL = cds.order("other", ("313782", "acetaminophen 325 MG Oral Tablet"))


class Lists:
    """An EHR that answers from lists; an exception in place of a list is raised."""

    pages = 7

    def __init__(self, **lists: Any) -> None:
        self.lists = {"MedicationStatement": NotFound("none", status=404), **lists}
        self.patient: Any = {"resourceType": "Patient", "id": "p1", "birthDate": "1954-03-01"}
        self.medications: dict[str, Any] = {}

    def read(self, reference: str) -> dict[str, Any]:
        found = self.patient if reference == "Patient/p1" else self.medications.get(reference)
        if found is None:
            raise NotFound("the EHR does not have this record", status=404)
        if isinstance(found, Exception):
            raise found
        return dict(found)

    def search(self, kind: str, parameters: Any) -> Found:
        assert parameters["patient"] == "p1"
        found = self.lists.get(kind, [])
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, Found) else Found(cds.searchset(*found), 1)


def read(**lists: Any) -> KeptHistory:
    return read_history(Lists(**lists), "p1", on=TODAY, now=NOW)


# --- reading


def test_records_that_no_check_looks_at_are_counted_and_dropped() -> None:
    nameless = cds.order("vague", ("", ""))
    nameless["medicationCodeableConcept"] = {}
    found = read(MedicationRequest=[CLONAZEPAM, TYLENOL, OXYCODONE, nameless])
    assert found.records == 4
    assert found.pages == 7
    assert [r["id"] for r in found.by_type["MedicationRequest"]] == ["now", "oxy", "vague"]
    assert found.dropped == ("MedicationRequest/other",)
    assert found.gaps == {}


def test_the_dose_over_time_is_computed_and_kept() -> None:
    found = read(MedicationRequest=[CLONAZEPAM])
    (stretch,) = found.dose.stretches
    assert stretch.dose == Known(Decimal(2), Decimal(2), ("MedicationRequest/now",))
    assert (stretch.starts, stretch.ends) == (date(2026, 1, 10), TODAY)
    assert KeptHistory.from_bytes(found.to_bytes()) == found


def test_a_narrative_with_names_is_not_kept() -> None:
    told = {**CLONAZEPAM, "text": {"div": "<div>Ruth Synthetic-Alder</div>"}}
    found = read(MedicationRequest=[told])
    assert "text" not in found.by_type["MedicationRequest"][0]


def test_lists_that_fail_or_are_not_offered_are_gaps_and_notes() -> None:
    found = read(
        MedicationRequest=[CLONAZEPAM],
        Condition=RefusedByEhr("the EHR answered with status 500", status=500),
        MedicationDispense=Found(cds.searchset(), 2, "page 3 could not be read (it hung)"),
    )
    assert found.gaps == {
        "conditions": "the list of conditions could not be read: the EHR answered with status 500",
        "dispenses": "the dispensing records is incomplete: page 3 could not be read (it hung)",
    }
    assert found.notes == ("the reported medications: this EHR does not offer them",)


def test_an_ehr_that_lets_nothing_be_read_is_an_error() -> None:
    down = Unreachable("the EHR could not be reached")
    ehr = Lists(
        MedicationRequest=down, MedicationStatement=down, MedicationDispense=down, Condition=down
    )
    ehr.patient = down
    with pytest.raises(Unreachable):
        read_history(ehr, "p1", on=TODAY, now=NOW)


def test_the_record_of_another_patient_is_refused() -> None:
    ehr = Lists()
    ehr.patient = {"resourceType": "Patient", "id": "p2"}
    with pytest.raises(EhrError, match="another patient"):
        read_history(ehr, "p1", on=TODAY, now=NOW)


def test_medications_that_orders_refer_to_are_read_and_kept_with_them() -> None:
    referring = {k: v for k, v in CLONAZEPAM.items() if k != "medicationCodeableConcept"}
    ehr = Lists(
        MedicationRequest=[
            {**referring, "medicationReference": {"reference": "Medication/m1"}},
            {**referring, "id": "b", "medicationReference": {"reference": "Medication/m2"}},
        ]
    )
    code = CLONAZEPAM["medicationCodeableConcept"]
    ehr.medications["Medication/m1"] = {"resourceType": "Medication", "id": "m1", "code": code}
    found = read_history(ehr, "p1", on=TODAY, now=NOW)
    assert [r["id"] for r in found.by_type["Medication"]] == ["m1"]
    assert "1 medications that records refer to could not be read" in found.notes


def test_a_history_that_is_too_large_says_so_and_closes_no_gap(monkeypatch) -> None:
    monkeypatch.setattr("ehr.history_read.MOST_KEPT_BYTES", 100)
    found = read(MedicationRequest=[CLONAZEPAM])
    assert found.by_type == {}
    assert found.gaps["medications"].endswith("the medication history is too large to be kept")


def test_bytes_of_another_version_are_no_history() -> None:
    for raw in (b"", b"nonsense", read().to_bytes()[:-3]):
        with pytest.raises(NotAHistory):
            KeptHistory.from_bytes(raw)


# --- completing


def given(*resources: Any, **more: Any) -> Resources:
    """One page of the list, as a prefetch supplied it."""
    found = {"MedicationRequest": tuple(resources)} if resources else {}
    return Resources(found, gaps={"medications": GAP}, **more)


def seen(kept: KeptHistory | None, *, age: timedelta = timedelta(minutes=4), **more: Any) -> Seen:
    now = NOW + age
    fresh = kept is not None and is_fresh(kept, now, HOUR)
    return Seen(now, kept, fresh=fresh, **more)


def test_a_whole_and_fresh_history_closes_the_gap_and_says_its_age() -> None:
    kept = read(MedicationRequest=[CLONAZEPAM, OXYCODONE, TYLENOL])
    found = completed(given(TYLENOL), seen(kept), TODAY)
    assert found.gaps == {}
    assert [r["id"] for r in found.by_type["MedicationRequest"]] == ["other", "now", "oxy"]
    assert "medication history read 4 minutes ago: 3 records" in found.notes
    assert found.background is not None
    assert found.background.dose == kept.dose


def test_what_was_prefetched_is_newer_and_wins() -> None:
    kept = read(MedicationRequest=[CLONAZEPAM])
    stopped = {**CLONAZEPAM, "status": "stopped"}
    found = completed(given(stopped), seen(kept), TODAY)
    assert [r["status"] for r in found.by_type["MedicationRequest"]] == ["stopped"]
    # The kept dose over time knows nothing of the stop, so it is not used.
    assert found.background is not None
    assert found.background.dose is None


@pytest.mark.parametrize("on", [TODAY, date(2026, 11, 24)])
def test_the_kept_dose_over_time_is_the_one_that_would_be_computed(on: date) -> None:
    kept = read(MedicationRequest=[CLONAZEPAM, OXYCODONE, TYLENOL])
    found = completed(given(TYLENOL, OXYCODONE), seen(kept), on)
    assert found.background is not None
    computed = dose_history(read_chart(found, on).facts, on)
    assert found.background.dose == (computed if on == TODAY else None)


def test_an_old_history_fills_in_and_leaves_the_gap_open() -> None:
    kept = read(MedicationRequest=[CLONAZEPAM])
    found = completed(given(), seen(kept, age=timedelta(hours=7)), TODAY)
    assert [r["id"] for r in found.by_type["MedicationRequest"]] == ["now"]
    assert found.gaps["medications"] == (
        f"{GAP}; filled up from a medication history read 7 hours ago: 1 record"
    )


def test_a_history_with_a_gap_of_its_own_leaves_the_gap_open() -> None:
    cut = Found(cds.searchset(CLONAZEPAM), 400, "only 400 pages were read")
    kept = read(MedicationRequest=cut)
    found = completed(given(), seen(kept), TODAY)
    assert "only 400 pages were read" in found.gaps["medications"]


def test_a_list_that_was_supplied_whole_is_left_as_it_is() -> None:
    kept = read(MedicationRequest=[CLONAZEPAM])
    whole = Resources({"MedicationRequest": (TYLENOL,)})
    assert completed(whole, seen(kept), TODAY) is whole


def test_optional_lists_come_from_the_history_only_where_they_are_wanted() -> None:
    dispense = {
        **CLONAZEPAM,
        "resourceType": "MedicationDispense",
        "id": "d",
        "status": "completed",
    }
    kept = read(MedicationRequest=[CLONAZEPAM], MedicationDispense=[dispense])
    whole = Resources({"MedicationRequest": (CLONAZEPAM,)})
    assert "MedicationDispense" not in completed(whole, seen(kept), TODAY).by_type
    wanted = completed(whole, seen(kept), TODAY, absent=("dispenses",))
    assert [r["id"] for r in wanted.by_type["MedicationDispense"]] == ["d"]


def test_without_a_history_the_gap_says_what_happens() -> None:
    assert wants_history(given())
    reading = completed(given(), seen(None, being_read=True), TODAY)
    assert reading.gaps["medications"] == f"{GAP}; the history is being read in the background"
    failed = completed(given(), seen(None, trouble="it could not be read: no"), TODAY)
    assert failed.gaps["medications"] == f"{GAP}; it could not be read: no"
    nothing = completed(given(), seen(None), TODAY)
    assert nothing.gaps["medications"] == GAP
    assert not wants_history(Resources({}, gaps={"allergies": "x"}))


def test_a_history_with_gaps_is_read_again_after_five_minutes() -> None:
    whole = read(MedicationRequest=[CLONAZEPAM])
    assert is_fresh(whole, NOW + timedelta(minutes=59), HOUR)
    assert not is_fresh(whole, NOW + timedelta(minutes=61), HOUR)
    partly = replace(whole, gaps={"conditions": "x"})
    assert is_fresh(partly, NOW + timedelta(minutes=5), HOUR)
    assert not is_fresh(partly, NOW + timedelta(minutes=6), HOUR)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (43199, "11 hours ago"),
    ],
)
def test_an_age_in_words(seconds: int, words: str) -> None:
    assert ago(timedelta(seconds=seconds)) == words
