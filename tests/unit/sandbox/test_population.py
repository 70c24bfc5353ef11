"""Generated patients: the same for the same seed, of every kind, and valid as any other."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from taperguard.sandbox.app import create_app
from taperguard.sandbox.patients.build import build
from taperguard.sandbox.population import is_generated, people
from taperguard.sandbox.population.__main__ import main
from taperguard.sandbox.population.benzodiazepines import KINDS
from taperguard.sandbox.records import json_text

TODAY = date(2026, 11, 23)
Resources = list[dict[str, Any]]


@pytest.fixture(scope="module")
def fifty() -> dict[str, Resources]:
    """The charts of fifty patients by their kind: the names of the functions that make them."""
    charts: dict[str, Resources] = {}
    for number, person in enumerate(people(50), start=1):
        kind = KINDS[7 * number % len(KINDS)].__name__
        charts.setdefault(kind, []).extend(build(person, TODAY, is_here=False))
    return charts


def of(chart: Resources, resource_type: str, word: str = "clonazepam") -> Resources:
    return [item for item in chart if item["resourceType"] == resource_type and word in item["id"]]


def test_every_fifty_patients_are_of_every_kind(fifty: dict[str, Resources]) -> None:
    assert set(fifty) == {kind.__name__ for kind in KINDS}
    patients = Counter(
        kind for kind, chart in fifty.items() for item in chart if item["resourceType"] == "Patient"
    )
    assert (patients["steady"], patients["with_opioid"], patients["without"]) == (12, 5, 5)


def test_every_resource_parses_with_fhir_resources(fifty: dict[str, Resources]) -> None:
    for resource in (item for chart in fifty.values() for item in chart):
        name = resource["resourceType"]
        model = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
        model.model_validate_json(json_text.write(resource))


def test_everybody_is_visibly_synthetic_and_has_a_generated_id() -> None:
    for person in people(50):
        assert person.family.startswith("Synthetic-Generated-")
        assert is_generated(person.key)
    assert not is_generated("alder")


def test_a_patient_is_the_same_whoever_asks_for_how_many() -> None:
    some, more = list(people(20)), list(people(60))
    assert more[:20] == some
    assert list(people(20, seed=7)) != some


def test_ages_are_of_adults_and_some_birth_dates_are_not_known() -> None:
    """Of 400: about one in forty has none, and one in forty only a year."""
    born = [person.born for person in people(400)]
    assert 2 <= born.count(None) <= 25
    assert 2 <= sum("year only" in one for one in born if one) <= 25
    years = [int(one.split()[0]) for one in born if one]
    assert (min(years) >= 19, max(years) <= 92) == (True, True)
    assert 80 <= sum(one >= 65 for one in years) <= 200


@pytest.mark.parametrize("today", [TODAY, date(2028, 2, 29), date(2027, 3, 31)])
def test_nothing_is_dated_after_today(today: date) -> None:
    """Steps of a plan that lie ahead are planned; nothing was written or handed over in the
    future.
    """
    for person in people(50):
        for resource in build(person, today, is_here=False):
            for name in ("authoredOn", "whenHandedOver", "onsetDateTime", "recordedDate"):
                assert resource.get(name, "0") <= today.isoformat()


def last_covered(chart: Resources, patient: str) -> date:
    """The last day of the last fill of clonazepam."""
    return max(
        date.fromisoformat(item["whenHandedOver"])
        + timedelta(days=int(item["daysSupply"]["value"]) - 1)
        for item in of(chart, "MedicationDispense")
        if item["subject"]["reference"] == f"Patient/{patient}"
    )


def patients_of(chart: Resources) -> list[str]:
    return [item["id"] for item in chart if item["resourceType"] == "Patient"]


@pytest.mark.parametrize("kind", ["abrupt", "finished"])
def test_who_stopped_is_uncovered_for_more_than_31_days(
    fifty: dict[str, Resources], kind: str
) -> None:
    for patient in patients_of(fifty[kind]):
        assert (TODAY - last_covered(fifty[kind], patient)).days >= 31


def test_a_taper_under_way_has_a_step_in_force_and_is_supplied(
    fifty: dict[str, Resources],
) -> None:
    for patient in patients_of(fifty["on_plan"]):
        orders = [
            item
            for item in of(fifty["on_plan"], "MedicationRequest", "clonazepam-taper")
            if item["subject"]["reference"] == f"Patient/{patient}"
        ]
        assert len(orders) == 4
        bounds = [
            item["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] for item in orders
        ]
        assert any(one["start"] <= TODAY.isoformat() <= one["end"] for one in bounds)
        assert last_covered(fifty["on_plan"], patient) >= TODAY


def test_a_stalled_taper_waits_for_more_than_twice_its_hold(fifty: dict[str, Resources]) -> None:
    """Steps of 14 days: the step in force began more than 28 days ago, and has no end."""
    for order in of(fifty["stalled"], "MedicationRequest", "clonazepam-taper"):
        if order["status"] == "active":
            bounds = order["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]
            assert (TODAY - date.fromisoformat(bounds["start"])).days > 28
            assert "end" not in bounds
    states = {item["status"] for item in of(fifty["stalled"], "MedicationRequest", "taper")}
    assert {"completed", "active", "on-hold"} <= states


def test_an_opioid_is_handed_over_twice_or_more_beside_clonazepam(
    fifty: dict[str, Resources],
) -> None:
    chart = fifty["with_opioid"]
    for patient in patients_of(chart):
        mine = [
            item["id"]
            for item in chart
            if item["resourceType"] == "MedicationDispense"
            and item["subject"]["reference"] == f"Patient/{patient}"
        ]
        opioids = ("oxycodone", "hydrocodone", "tramadol", "morphine")
        assert sum(any(word in one for word in opioids) for one in mine) >= 2
        assert sum("clonazepam" in one for one in mine) >= 2


def test_some_have_no_benzodiazepine_and_some_no_dose_that_can_be_computed(
    fifty: dict[str, Resources],
) -> None:
    assert of(fifty["without"], "MedicationRequest") == []
    for order in of(fifty["words_only"], "MedicationRequest"):
        (line,) = order["dosageInstruction"]
        assert set(line) == {"text"}
    for order in of(fifty["as_needed"], "MedicationRequest"):
        assert order["dosageInstruction"][0]["asNeededBoolean"] is True


# --- in the clinic ----------------------------------------------------------------------------


def test_generated_patients_are_in_the_clinic_and_not_among_the_stories(tmp_path: Path) -> None:
    app = create_app(
        data_dir=tmp_path,
        today=lambda: TODAY,
        service_url="http://service.test",
        public_url="http://ehr.test",
        others=list(people(12)),
    )
    with TestClient(app, base_url="http://ehr.test") as client:
        group = client.get("/fhir/Group/clinic").json()
        members = {one["entity"]["reference"] for one in group["member"]}
        assert {"Patient/alder", "Patient/gen-0012"} <= members
        assert group["quantity"] == client.get("/fhir/Patient?_summary=count").json()["total"]
        assert client.get("/fhir/Encounter?patient=gen-0012").json()["total"] == 0
        front = client.get("/").text
        assert '<a href="/?q=generated">12 generated patients</a>' in front
        assert "gen-0012" not in front
        assert "gen-0012" in client.get("/?q=generated").text
        assert client.get("/patients/gen-0012").status_code == 200


# --- as files ---------------------------------------------------------------------------------


def test_the_command_writes_the_files_of_an_export(tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = ["--patients", "12", "--on", "2026-11-23", "--out", str(out), "--rows", "5"]
    assert main(asked) == 0
    patients = [
        json.loads(line)
        for number in range(3)
        for line in (out / f"Patient.{number}.ndjson").read_text().splitlines()
    ]
    assert [one["id"] for one in patients] == [person.key for person in people(12)]
    assert {one["meta"]["lastUpdated"] for one in patients} == {"2026-11-23T00:00:00Z"}
    (group,) = (out / "Group.0.ndjson").read_text().splitlines()
    assert json.loads(group)["quantity"] == 12
    names = {file.name.partition(".")[0] for file in out.iterdir()}
    assert {"Patient", "Group", "Condition", "MedicationRequest", "MedicationDispense"} <= names


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (["--patients", "-1"], "there are 0 to 9999999 generated patients, not -1"),
        (["--out", "there"], "is not empty"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: list[str],
    sentence: str,
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    monkeypatch.chdir(tmp_path)
    assert main(["--on", "2026-11-23", "--out", "here", *wrong]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("wrong", [["--on", "tomorrow"], ["--on", "2026-11-23", "--rows", "0"]])
def test_a_wrong_argument_ends_with_status_2(tmp_path: Path, wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*wrong, "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
