"""The report's pages over HTTP: who gets what, and what is written down of it."""

from __future__ import annotations

import json
import re

import pytest
import sample_report
from hand_shelf import PAGE as NIGHT
from hand_shelf import READER, STRANGER, WORKLIST

from smart_app.reports.shelf import LastRun
from store import audit
from store.database import reading
from store.report_runs import RunState

PATIENTS = f"{NIGHT}/patients"


def lines(reports, whose: str, why: str):
    with reading(reports.smart.house.engine) as connection:
        found = audit.of_patient(connection, "sandbox", whose)
    return [line for line in found if line["why"] == why]


@pytest.mark.parametrize(
    ("user", "page", "status"),
    [
        (WORKLIST, NIGHT, 200),
        (WORKLIST, PATIENTS, 200),
        (READER, NIGHT, 200),
        (READER, PATIENTS, 403),
        (STRANGER, NIGHT, 403),
        (STRANGER, PATIENTS, 403),
        (STRANGER, f"{NIGHT}/report.json", 403),
        (None, NIGHT, 403),
    ],
)
def test_who_may_see_what(reports, user, page, status) -> None:
    assert reports.signed_in(user).get(page).status_code == status


@pytest.mark.parametrize("page", ["/reports/sandbox", NIGHT, PATIENTS, f"{NIGHT}/report.json"])
def test_who_may_see_nothing_learns_nothing_of_what_there_is(reports, page) -> None:
    """The same page with and without reports, and the shelf is not even asked."""
    browser = reports.signed_in(STRANGER)
    with_reports = browser.get(page)
    assert reports.shelf.asked == []
    reports.shelf.kept.clear()
    without = browser.get(page)
    assert with_reports.status_code == without.status_code == 403
    assert with_reports.text == without.text
    assert "Ask whoever runs TaperGuard" in with_reports.text
    assert STRANGER in with_reports.text


def test_without_a_sign_in_every_page_says_how_and_nothing_else(reports) -> None:
    answers = [reports.browser().get(page) for page in (NIGHT, PATIENTS, "/reports/sandbox/x")]
    assert {answer.status_code for answer in answers} == {401}
    for answer in answers:
        assert "Sign in at" in answer.text
        assert "/reports/sign-in?iss=" in answer.text
    assert reports.shelf.asked == []


def test_an_ehr_that_is_not_registered_has_no_report(reports) -> None:
    answer = reports.browser().get("/reports/elsewhere/2026-11-25")
    assert answer.status_code == 404
    assert "names no EHR that is registered here" in answer.text


@pytest.mark.parametrize("night", ["2026-11-24", "20261125", "today", "2026-13-01"])
def test_a_night_that_there_is_not_is_a_page_with_those_that_there_are(reader, night) -> None:
    answer = reader.get(f"/reports/sandbox/{night}")
    assert answer.status_code == 404
    assert f'href="{NIGHT}"' in answer.text


def test_the_short_address_leads_to_the_newest_night(reader) -> None:
    assert reader.get("/reports").headers["location"] == "/reports/sandbox"
    assert reader.get("/reports/sandbox").headers["location"] == NIGHT


def test_no_page_is_kept_by_a_browser_or_runs_a_script_of_its_own(reader) -> None:
    answer = reader.get(NIGHT)
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors http://localhost:8701" in policy
    assert "<script" not in answer.text
    assert "style=" not in answer.text


def test_a_worklist_reader_sees_every_number_and_the_way_to_its_patients(reports) -> None:
    page = reports.signed_in(WORKLIST).get(NIGHT).text
    row = re.search(r"Benzodiazepine, opioid and muscle relaxant.*?</tr>", page, re.DOTALL)[0]
    assert f'href="{PATIENTS}?measure=triple">4</a>' in row


def test_another_reader_sees_the_form_to_pass_on_and_no_small_number(reports) -> None:
    page = reports.signed_in(READER).get(NIGHT).text
    row = re.search(r"Benzodiazepine, opioid and muscle relaxant.*?</tr>", page, re.DOTALL)[0]
    assert "fewer than 11" in row
    assert "withheld" in row
    assert "patients?" not in page
    assert "it is not JSON" not in page


@pytest.mark.parametrize("user", [READER, WORKLIST])
def test_no_withheld_number_is_a_dash_or_an_empty_cell(reports, user) -> None:
    page = reports.signed_in(user).get(NIGHT).text
    cells = re.findall(r"<td[^>]*>(.*?)</td>", page, re.DOTALL)
    words = [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells]
    assert len(words) > 60
    assert not [word for word in words if word in ("", "-", "\u2013", "\u2014", "None", "<11")]
    assert "suppressed" not in page
    assert "&lt;11" not in page


# --- the patients -------------------------------------------------------------------------------


def test_each_look_at_the_worklist_is_written_down_with_whom_it_showed(reports) -> None:
    reports.signed_in(WORKLIST).get(f"{PATIENTS}?measure=older-adult")
    (view,) = lines(reports, audit.EVERYBODY, "report-worklist")
    assert (view["who"], view["action"], view["outcome"]) == (WORKLIST, "read", "done")
    assert view["what"] == ["Worklist/2026-11-25", "?measure=older-adult"]
    given = reports.smart.given
    for patient, shown in (("alder", 1), ("cedar", 1), ("birch", 0)):
        whose = given.sealer.fingerprint("patient", "sandbox", patient)
        found = lines(reports, whose, "report-worklist")
        assert [line["about"] for line in found] == [view["id"]] * shown


def test_nothing_of_a_patient_is_in_the_audit_in_clear(reports) -> None:
    reports.signed_in(WORKLIST).get(PATIENTS)
    with reading(reports.smart.house.engine) as connection:
        rows = connection.exec_driver_sql("SELECT * FROM audit_events").all()
    told = repr(rows)
    assert len(rows) > 25
    for word in ("Synthetic-", "alder", "1954-03-01"):
        assert word not in told


def test_a_list_that_cannot_be_written_down_is_not_shown(reports) -> None:
    browser = reports.signed_in(WORKLIST)
    with reports.smart.house.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_events RENAME TO audit_elsewhere")
    answer = browser.get(PATIENTS)
    assert answer.status_code == 503
    assert "Synthetic-" not in answer.text.replace("Synthetic User", "")


@pytest.mark.parametrize("query", ["measure=no-such", "page=99"])
def test_a_list_that_there_is_not_shows_nobody_and_says_so(reports, query) -> None:
    answer = reports.signed_in(WORKLIST).get(f"{PATIENTS}?{query}")
    assert answer.status_code == 400
    assert "This list cannot be shown" in answer.text
    assert lines(reports, audit.EVERYBODY, "report-worklist") == []


def test_a_patient_s_name_is_text_whatever_is_in_it(reports) -> None:
    (row,) = [r for r in sample_report.worklist() if "Alder" in r["name"]]
    reports.shelf.put(sample_report.report(), [{**row, "name": "<b>Alder</b>"}])
    page = reports.signed_in(WORKLIST).get(PATIENTS).text
    assert "&lt;b&gt;Alder&lt;/b&gt;" in page
    assert "<b>Alder" not in page


# --- files --------------------------------------------------------------------------------------


def test_a_file_has_the_form_that_its_reader_may_have(reports) -> None:
    whole = reports.signed_in(WORKLIST).get(f"{NIGHT}/report.json")
    assert whole.headers["content-disposition"] == (
        'attachment; filename="clonazepam-sandbox-2026-11-25-all-numbers-report.json"'
    )
    assert json.loads(whole.text) == sample_report.report()
    shared = reports.signed_in(READER).get(f"{NIGHT}/report.json")
    assert "shareable" in shared.headers["content-disposition"]
    by_id = {row["id"]: row for row in json.loads(shared.text)["measures"]}
    assert by_id["triple"]["numerator"] == "<11"
    assert json.loads(shared.text)["history"] == []


def test_a_worklist_reader_can_take_the_form_to_pass_on(reports) -> None:
    browser = reports.signed_in(WORKLIST)
    shared = browser.get(f"{NIGHT}/report.json?form=shareable")
    assert shared.text == reports.signed_in(READER).get(f"{NIGHT}/report.json").text


def test_the_table_holds_a_number_a_row(reports) -> None:
    table = reports.signed_in(READER).get(f"{NIGHT}/report.csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert "long-term-use,numerator,120" in table.text.splitlines()
    assert "triple,numerator,<11" in table.text.splitlines()


def test_a_measure_report_is_for_who_sees_all_numbers(reports) -> None:
    """FHIR's counts are integers: it cannot say "fewer than 11"."""
    whole = reports.signed_in(WORKLIST).get(f"{NIGHT}/measure-report.json")
    assert whole.headers["content-type"].startswith("application/fhir+json")
    assert json.loads(whole.text)["resourceType"] == "MeasureReport"
    assert reports.signed_in(READER).get(f"{NIGHT}/measure-report.json").status_code == 404
    asked = reports.signed_in(WORKLIST).get(f"{NIGHT}/measure-report.json?form=shareable")
    assert asked.status_code == 404


def test_each_download_is_written_down(reports) -> None:
    reports.signed_in(READER).get(f"{NIGHT}/report.csv")
    (line,) = lines(reports, audit.EVERYBODY, "report-download")
    assert line["who"] == READER
    assert line["what"] == ["Report/2026-11-25", "report.csv", "shareable"]


def test_a_file_that_there_is_not_is_not_found(reader) -> None:
    assert reader.get(f"{NIGHT}/patients.parquet").status_code == 404


# --- empty states -------------------------------------------------------------------------------


def test_before_the_first_report_the_page_says_what_will_be_here_and_how(reports, reader) -> None:
    reports.shelf.kept.clear()
    answer = reader.get("/reports/sandbox")
    assert answer.status_code == 200
    for words in ("No report has been made yet", "What will be here", "How it gets here"):
        assert words in answer.text


def test_a_run_that_failed_says_why_where_its_report_would_stand(reports, reader) -> None:
    reports.shelf.run = LastRun(
        sample_report.NIGHT, RunState.FAILED, sample_report.MADE_AT, "the EHR refused the export"
    )
    assert "The EHR refused the export." in reader.get(NIGHT).text
    reports.shelf.kept.clear()
    assert "The EHR refused the export." in reader.get("/reports/sandbox").text
