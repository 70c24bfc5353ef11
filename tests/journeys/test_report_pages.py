"""The report in a browser: each reader's page, the worklist, refusals and empty states.

The service with its own store, sandbox EHR and sign-in; the reports in the store are written by
hand, so that the pages have everything to show that there can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sample_report

from store import report_runs, reports
from store.database import writing
from store.report_runs import RunState
from taperguard import wiring

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("report-pages")]

NIGHT = date(2026, 11, 25)
PAGE = "/reports/sandbox/2026-11-25"


class Clinic:
    """The service and its EHR, and the store beneath them to put reports into."""

    def __init__(self, service: str, ehr: str, house: wiring.House) -> None:
        self.service, self.ehr = service, ehr
        self.engine, self._sealer = house.engine, house.sealer

    def keep(self, report: dict[str, Any]) -> None:
        with writing(self.engine) as connection:
            reports.keep(
                connection,
                ehr_id="sandbox",
                night=date.fromisoformat(report["night"]),
                made_at=sample_report.MADE_AT,
                report=report,
                worklist=sample_report.worklist(),
                sealer=self._sealer,
            )

    def forget(self) -> None:
        with writing(self.engine) as connection:
            connection.execute(reports.reports.delete())
            connection.execute(report_runs.report_runs.delete())


@pytest.fixture(scope="module")
def clinic(served: Callable[..., Any]) -> Iterator[Clinic]:
    with served() as (house, running):
        yield Clinic(running.service, running.ehr, house)


@pytest.fixture(autouse=True)
def filled(clinic: Clinic) -> Iterator[None]:
    clinic.keep({**sample_report.first_night(), "night": "2026-11-24"})
    clinic.keep(sample_report.report())
    yield
    clinic.forget()


@pytest.fixture
def signed_in(clinic: Clinic, window: Callable[[str], Any]) -> Callable[..., Any]:
    """`signed_in("Synthetic-Ash")`: a window of that user, on the page that was asked for."""

    def sign_in(name: str, path: str = "/reports") -> Any:
        view = window(clinic.service)
        view.page.goto(path)
        view.press(view.page.get_by_role("link", name="Sign in at"))
        view.press(view.page.get_by_role("button", name=name))
        assert view.page.url.startswith(f"{clinic.service}/reports/sandbox")
        return view

    return sign_in


def test_a_stranger_to_the_service_is_asked_to_sign_in(
    clinic: Clinic, window: Callable[[str], Any]
) -> None:
    view = window(clinic.service)
    view.page.goto("/reports")
    assert "Sign in to see the report" in view.page.inner_text("h1")
    view.look("report-sign-in")
    view.press(view.page.get_by_role("link", name="Sign in at"))
    view.look("sign-in-as")


def test_the_prescriber_reads_the_night_and_follows_a_number_to_its_patients(
    signed_in: Callable[..., Any],
) -> None:
    view = signed_in("Synthetic-Hazel")
    page = view.page
    assert page.inner_text("h1").replace("\u2011", "-") == (
        "120 patients on clonazepam long-term; 34 patients at 2 mg a day or more"
    )
    view.look("report", every_scene=True)
    tile = page.get_by_role("listitem").filter(has_text="65 years or older").first
    view.press(tile.get_by_role("link", name="71"))
    assert page.inner_text("h1") == "2 patients: 65 years or older"
    row = page.get_by_role("row").filter(has_text="Synthetic-Alder")
    assert "2 mg/day" in row.inner_text()
    assert "MedicationRequest/alder-1" in row.inner_text()
    view.press(page.get_by_role("link", name="All patients"))
    assert page.inner_text("h1") == "60 patients in this report"
    assert "not computable: as needed, no maximum given" in page.inner_text("main")
    view.look("worklist", every_scene=True)
    view.press(page.get_by_role("link", name="Later"))
    assert "26 to 50 of 60" in page.inner_text("main")


def test_from_a_row_the_planner_opens_for_the_patient_that_is_chosen_at_the_ehr(
    signed_in: Callable[..., Any], clinic: Clinic
) -> None:
    view = signed_in("Synthetic-Hazel", f"{PAGE}/patients?measure=older-adult")
    view.press(view.page.get_by_role("link", name="Open the planner, for Ruth Synthetic-Alder"))
    assert view.page.url.startswith(f"{clinic.ehr}/auth/")
    view.press(view.page.get_by_role("button", name="Synthetic-Alder"))
    view.page.wait_for_url(f"{clinic.service}/planner/**")
    assert "Synthetic-Alder" in view.page.inner_text("body")


def test_every_table_opens_without_a_script_and_holds_the_picture_s_numbers(
    signed_in: Callable[..., Any],
) -> None:
    view = signed_in("Synthetic-Hazel")
    page = view.page
    for summary in page.locator("summary").all():
        summary.click()
    dose = page.get_by_role("region", name="Daily dose of clonazepam")
    numbers = [cell.inner_text() for cell in dose.locator("tbody td").all()]
    assert numbers == ["41", "62", "48", "27", "7", "5"]
    assert "it is not JSON" in page.inner_text("main").replace("It is", "it is")


def test_the_quality_lead_reads_the_form_to_pass_on(signed_in: Callable[..., Any]) -> None:
    view = signed_in("Synthetic-Ash")
    said = view.page.inner_text("main")
    assert "fewer than 11" in said
    assert "Form to pass on" in said
    assert view.page.get_by_role("link", name="All patients").count() == 0
    view.look("report-shareable")
    answer = view.page.goto(f"{PAGE}/patients")
    assert answer.status == 403


def test_the_front_desk_is_told_whom_to_ask(signed_in: Callable[..., Any]) -> None:
    view = signed_in("Synthetic-Reed")
    assert view.page.inner_text("h1") == "This report is not for you"
    assert "Practitioner/reed" in view.page.inner_text("main")
    view.look("report-refused")


def test_before_the_first_night_the_page_teaches(
    clinic: Clinic, signed_in: Callable[..., Any]
) -> None:
    clinic.forget()
    view = signed_in("Synthetic-Ash")
    assert view.page.inner_text("h1") == "No report has been made yet"
    view.look("report-empty")


def test_after_a_failed_run_the_page_says_why(
    clinic: Clinic, signed_in: Callable[..., Any]
) -> None:
    now = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
    with writing(clinic.engine) as connection:
        run_id = report_runs.begin(
            connection, ehr_id="sandbox", night=NIGHT, group_id="clinic", now=now
        )
        report_runs.advance(
            connection,
            run_id,
            expected=RunState.ASKED,
            to=RunState.FAILED,
            now=now,
            why="the EHR refused the export",
        )
    view = signed_in("Synthetic-Hazel")
    assert "The EHR refused the export." in view.page.inner_text("main")


def test_the_first_night_has_nothing_to_compare_with(signed_in: Callable[..., Any]) -> None:
    view = signed_in("Synthetic-Hazel", "/reports/sandbox/2026-11-24")
    assert "First night" in view.page.inner_text("main")


def test_signing_out_shows_the_report_no_more(signed_in: Callable[..., Any]) -> None:
    view = signed_in("Synthetic-Hazel")
    view.press(view.page.get_by_role("button", name="Sign out"))
    assert "Signed out" in view.page.inner_text("h1")
    assert view.page.goto(PAGE).status == 401


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_it_prints_in_few_pages_without_what_is_only_for_a_screen(
    signed_in: Callable[..., Any], tmp_path: Path, paper: str
) -> None:
    view = signed_in("Synthetic-Hazel")
    view.page.emulate_media(media="print")
    for css in (".leave", ".choose", ".skip"):
        assert not view.page.locator(css).first.is_visible()
    printed = view.page.pdf(format=paper)
    (view.pictures / f"report-{paper}.pdf").write_bytes(printed)
    assert 2 <= printed.count(b"/Type /Page\n") <= 5
