"""The night, step by step: begun once, carried on by whoever comes, kept in place of itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from bulk_folder import patient, write
from small_clinic import of_days
from sqlalchemy.engine import Engine

from clinical.policy import Policy, default_policy
from clinical.policy_file import Policies
from ehr import seal
from ehr.registry import Registry, TrustedEhr, parse_registry
from store import report_runs, reports
from store.database import reading, writing
from store.report_runs import Run, RunState
from workers import app as jobs
from workers.report import night
from workers.report.night import Exported

NIGHT = date(2026, 11, 25)
REGISTRY = """
[[ehr]]
id = "clinic"
name = "A clinic"
issuer = "https://ehr.example/fhir"
fhir_base = "https://ehr.example/fhir"
time_zone = "America/Chicago"
backend_client_id = "taperguard-backend"
bulk_group_id = "adults"

[[ehr]]
id = "without-group"
name = "Another"
issuer = "https://other.example/fhir"
fhir_base = "https://other.example/fhir"
time_zone = "UTC"
"""


class Shelf:
    """Exports whose files lie in folders: what an EHR sends, when the test says so."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.begun: dict[str, str | None] = {}
        self.released: list[str] = []
        self.stands = Exported(
            complete=False,
            failed=False,
            why=None,
            files=root,
            transaction_time="2026-11-25T08:00:00Z",
            problems=("The EHR left out one record.",),
        )

    def begin(
        self,
        export_id: str,
        ehr: TrustedEhr,  # noqa: ARG002  of one EHR alone
        group_id: str | None,
        now: datetime,  # noqa: ARG002  it takes as long as the test says
    ) -> None:
        self.begun.setdefault(export_id, group_id)

    def look(self, export_id: str) -> Exported | None:
        return replace(self.stands, files=self.folder) if export_id in self.begun else None

    def release(self, export_id: str) -> None:
        self.released.append(export_id)

    @property
    def folder(self) -> Path:
        return self._root / "files"

    def sends(self, *resources: dict[str, Any]) -> None:
        write(self.folder, "all.ndjson", resources)
        self.stands = replace(self.stands, complete=True)


@dataclass
class Site:
    """What the gate gives, with a clock that the test sets, and a queue that it empties."""

    engine: Engine
    sealer: seal.Sealer
    reports_folder: Path
    exports: Shelf
    registry: Registry = field(default_factory=lambda: parse_registry(REGISTRY))
    policies: Policies = field(default_factory=lambda: Policies(default_policy()))
    report_at: time = time(2)
    lease: timedelta = timedelta(minutes=1)
    moment: datetime = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)  # 2 o'clock in Chicago
    posted: list[tuple[Any, ...]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    def policy_of(self, ehr_id: str) -> Policy:
        return self.policies.of(ehr_id)

    def post(self, *task: Any) -> None:
        self.posted.append(task)

    def tick(self, later: timedelta = timedelta(seconds=10)) -> None:
        """Beat looks, and every task that is posted is done."""
        self.moment += later
        night.look(self, self.post)
        self.work()

    def work(self) -> None:
        while self.posted:
            task, *arguments = self.posted.pop(0)
            if task == jobs.PREPARE_REPORT:
                night.prepare_report(self, *arguments, self.post)
            elif task == jobs.COUNT_BUCKET:
                night.count_report_bucket(self, *arguments, self.post)
            elif task == jobs.FINISH_REPORT:
                night.finish_report(self, *arguments)

    def run(self) -> Run:
        local = self.moment.astimezone(next(iter(self.registry)).time_zone).date()
        with reading(self.engine) as connection:
            found = report_runs.of_night(connection, "clinic", local)
        assert found is not None
        return found

    def report(self, of: date = NIGHT) -> dict[str, Any]:
        with reading(self.engine) as connection:
            kept = reports.get(connection, "clinic", of)
        assert kept is not None
        return kept.report

    def numbers(self, measure: str, of: date = NIGHT) -> tuple[int, int, int | None]:
        (row,) = [row for row in self.report(of)["measures"] if row["id"] == measure]
        return row["numerator"], row["denominator"], row["change"]


@pytest.fixture
def site(store: Engine, sealer: seal.Sealer, tmp_path: Path) -> Site:
    return Site(store, sealer, tmp_path / "reports of it", Shelf(tmp_path))


ADA = (patient("ada"), of_days("a", "ada", "2026-11-01", times=2))
BOB = (patient("bob"), of_days("b", "bob", "2026-11-01"))


@pytest.mark.parametrize(
    ("moment", "begun"),
    [
        (datetime(2026, 11, 25, 7, 59, tzinfo=UTC), False),  # 1:59 in Chicago
        (datetime(2026, 11, 25, 8, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 26, 5, 30, tzinfo=UTC), True),  # 23:30 there: beat was down
    ],
)
def test_a_night_begins_at_its_time_where_the_clinic_is(
    site: Site, moment: datetime, begun: bool
) -> None:
    site.moment = moment
    night.begin_due_nights(site)
    with reading(site.engine) as connection:
        found = report_runs.of_night(connection, "clinic", NIGHT)
        assert report_runs.of_night(connection, "without-group", NIGHT) is None
    assert (found is not None) is begun


def test_a_night_is_begun_once(site: Site) -> None:
    for _ in range(3):
        site.tick()
    assert list(site.exports.begun.values()) == ["adults"]


def test_a_night_that_went_well_is_kept_and_leaves_nothing_behind(site: Site) -> None:
    site.tick()
    assert site.run().state is RunState.EXPORTING
    site.exports.sends(*ADA, *BOB)
    site.tick()
    assert site.run().state is RunState.DONE
    assert site.report()["population"]["patients"] == 2
    assert site.report()["source"] == {
        "kind": "bulk",
        "group": "adults",
        "transaction_time": "2026-11-25T08:00:00Z",
    }
    assert "The EHR left out one record." in site.report()["completeness"]["problems"]
    assert site.exports.released == [site.run().export_id]
    assert list(site.reports_folder.iterdir()) == []


def test_a_message_says_which_run_and_which_bucket_and_nothing_else(site: Site) -> None:
    said: list[tuple[Any, ...]] = []
    post = site.post
    site.post = lambda *task: (said.append(task), post(*task))[1]  # type: ignore[method-assign]
    site.tick()
    site.exports.sends(*ADA)
    site.tick()
    run_id = site.run().id
    assert [arguments for _, *arguments in said] == [[], [run_id], [run_id, 0], [run_id]]


def test_a_step_that_nobody_did_is_posted_again_after_its_lease(site: Site) -> None:
    """The worker dies with the task: posted, but never done."""
    site.tick()
    site.exports.sends(*ADA)
    site.moment += timedelta(seconds=10)
    night.look(site, site.post)
    assert site.posted.pop() == (jobs.PREPARE_REPORT, site.run().id)
    site.moment += timedelta(seconds=30)
    night.look(site, site.post)
    assert site.posted == []
    site.tick(timedelta(seconds=31))
    assert site.run().state is RunState.DONE


def test_a_task_that_comes_twice_changes_nothing(site: Site) -> None:
    site.tick()
    site.exports.sends(*ADA)
    site.tick()
    first, run_id = site.report(), site.run().id
    site.exports.sends(*ADA, *BOB)
    for task in (jobs.PREPARE_REPORT, jobs.FINISH_REPORT):
        site.post(task, run_id)
    site.post(jobs.COUNT_BUCKET, run_id, 0)
    site.work()
    assert site.report() == first


def test_the_next_night_says_what_changed(site: Site) -> None:
    """Ada on 2 mg and Bob on 1 mg; then Ada is gone from the group and Cyd has come."""
    site.tick()
    site.exports.sends(*ADA, *BOB)
    site.tick()
    site.moment += timedelta(days=1)
    site.exports.stands = replace(site.exports.stands, complete=False)
    site.tick()
    site.exports.sends(*BOB, patient("cyd"), of_days("c", "cyd", "2026-11-02"))
    site.tick()
    second = date(2026, 11, 26)
    assert site.report(second)["population"]["patients"] == 2
    assert site.numbers("high-dose", second) == (0, 2, -1)
    assert site.numbers("new-since-last-night", second) == (1, 2, 1)
    assert site.numbers("left-since-last-night", second) == (1, 2, 1)
    (earlier,) = site.report(second)["history"]
    assert (earlier["night"], earlier["values"]["high-dose"]) == ("2026-11-25", [1, 2])
    with reading(site.engine) as connection:
        rows = reports.worklist(connection, "clinic", second, sealer=site.sealer)
    assert rows is not None
    assert [row["patient"] for row in rows if "left-since-last-night" in row["measures"]] == [
        "Patient/ada"
    ]
    assert [row["patient"] for row in rows if "new-since-last-night" in row["measures"]] == [
        "Patient/cyd"
    ]


def test_a_night_that_is_made_again_replaces_itself(site: Site) -> None:
    """It is compared with the night before, not with its own first making."""
    site.tick()
    site.exports.sends(*ADA)
    site.tick()
    with writing(site.engine) as connection:
        report_runs.begin(
            connection, ehr_id="clinic", night=NIGHT, group_id="adults", now=site.now()
        )
    site.exports.sends(*ADA, *BOB)
    for _ in range(3):
        site.tick()
    assert site.report()["population"]["patients"] == 2
    assert site.report()["history"] == []
    with reading(site.engine) as connection:
        assert reports.nights(connection, "clinic") == [NIGHT]


@pytest.mark.parametrize(
    ("stands", "why"),
    [
        ({"failed": True, "why": "the EHR refused the export"}, "the EHR refused the export"),
        ({"complete": True}, "the export cannot be read: the folder holds no file"),
    ],
)
def test_a_night_without_files_fails_and_says_why(
    site: Site, stands: dict[str, Any], why: str
) -> None:
    site.tick()
    site.exports.folder.mkdir()
    site.exports.stands = replace(site.exports.stands, **stands)
    site.tick()
    assert (site.run().state, site.run().why) == (RunState.FAILED, why)
    site.tick()
    assert site.run().state is RunState.FAILED, "the next night is another one"
    assert site.exports.released == [site.run().export_id]


def test_a_night_that_does_not_end_is_given_up_before_the_next(site: Site) -> None:
    site.tick()
    first = site.run()
    site.tick(timedelta(hours=20, seconds=1))
    with reading(site.engine) as connection:
        run = report_runs.get(connection, first.id)
    assert run is not None
    assert (run.state, run.why) == (
        RunState.FAILED,
        "it did not get beyond exporting within a day",
    )


def test_the_folder_of_a_run_that_was_replaced_is_removed(site: Site) -> None:
    site.tick()
    forgotten = site.reports_folder / ("f" * 32)
    forgotten.mkdir(parents=True)
    other = site.reports_folder / "cli-1"
    other.mkdir()
    site.tick()
    assert not forgotten.exists()
    assert other.exists()


def test_a_night_is_counted_and_worded_by_the_policy_of_its_ehr(site: Site) -> None:
    """1 mg twice a day is 2 mg/day, once a day 1 mg/day: with a high dose of 1 both are high."""
    lower = replace(default_policy(), high_dose_mg_per_day=Fraction(1))
    site.policies = Policies(default_policy(), {"clinic": lower})
    site.exports.sends(*ADA, *BOB)
    site.tick()
    site.tick()
    assert site.numbers("high-dose") == (2, 2, None)
    (row,) = [row for row in site.report()["measures"] if row["id"] == "high-dose"]
    assert row["title"] == "1 mg a day or more"
    assert row["definition"].endswith("come to at least 1 mg on one day.")
    assert site.report()["overlaps"][0]["label"] == "1 mg a day or more, at 65 or older"
