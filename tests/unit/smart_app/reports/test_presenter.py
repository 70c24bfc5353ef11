"""What the report's page says, word by word."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import sample_report

from clinical.evidence import cite
from smart_app.reports.links import Links
from smart_app.reports.presenter import FileOffer, headline, report_view, run_in_words
from smart_app.reports.shelf import LastRun
from store.report_runs import RunState

NIGHTS = [date(2026, 11, 25), date(2026, 11, 24)]
FILES = [FileOffer("report.json", "data"), FileOffer("measure-report.json", "FHIR", needs_all=True)]


def view(report=None, *, is_whole=True, run=None):
    return report_view(
        report or sample_report.report(),
        night=NIGHTS[0],
        nights=NIGHTS,
        links=Links("", "sandbox", to_patients=is_whole),
        files=FILES,
        is_whole=is_whole,
        run=run,
    )


def measure(page, key):
    return next(row for row in page.measures if row.key == key)


def test_the_page_leads_with_the_fact_and_its_numbers() -> None:
    page = view()
    assert page.headline == (
        "120 patients on clonazepam long-term; 34 patients at 2 mg a day or more"
    )
    assert [tile.title for tile in page.tiles] == [
        "Long-term use",
        "2 mg a day or more",
        "Opioid at the same time",
        "65 years or older",
        "Dose raised",
        "On a taper",
    ]
    first = page.tiles[0]
    assert (first.number, first.of, first.change) == (
        "120",
        "of 480 patients",
        "2 more than on 24 Nov 2026",
    )
    # 117, 118 and tonight's 120 stand in the trend's description.
    assert "23 Nov 2026: 117; 24 Nov 2026: 118; 25 Nov 2026: 120" in str(first.trend)


def test_it_says_when_and_of_what_it_was_made() -> None:
    made = " ".join(view().made)
    assert "Night of 25 Nov 2026; made on 26 Nov 2026, 02:00 UTC; rules 2026.11." in made
    assert "Bulk export of the group “clinic”, as the EHR had it on 26 Nov 2026, 01:40 UTC" in made
    assert "480 patients, 231 with a benzodiazepine within a year, 209 with clonazepam" in made


def test_a_withheld_population_is_said_to_be_withheld() -> None:
    report = sample_report.small()
    report["population"]["with_clonazepam"] = "suppressed"
    made = " ".join(view(report, is_whole=False).made)
    assert "a withheld number with clonazepam" in made


def test_it_says_that_nobody_has_reviewed_or_certified_it() -> None:
    remarks = " ".join(view().remarks)
    assert "No clinician has reviewed" in remarks
    assert "not certified" in remarks


def test_every_number_of_a_worklist_reader_leads_to_its_patients() -> None:
    page = view()
    patients = "/reports/sandbox/2026-11-25/patients"
    assert measure(page, "high-dose").link == f"{patients}?measure=high-dose"
    assert measure(page, "high-dose").unknown_link == f"{patients}?unknown=high-dose"
    (dose,) = page.distributions
    assert [row.link for row in dose.rows][3:] == [
        f"{patients}?bar=2-4",
        f"{patients}?bar=4-and-more",
        f"{patients}?bar=not-computable",
    ]
    together = page.overlaps.rows[2]
    assert together.link == f"{patients}?measure=high-dose&measure=older-adult"
    assert page.ledger.link == f"{patients}?bar=not-computable"
    assert page.worklist == patients


def test_no_number_of_another_reader_leads_anywhere() -> None:
    page = view(sample_report.small(), is_whole=False)
    links = [tile.link for tile in page.tiles]
    links += [row.link for row in page.measures] + [row.unknown_link for row in page.measures]
    links += [row.link for row in (*page.distributions[0].rows, *page.overlaps.rows)]
    assert set(links) == {None}
    assert page.worklist is None
    assert page.ledger.link is None


def test_a_measure_says_its_definition_whom_it_counts_and_where_it_comes_from() -> None:
    row = measure(view(), "opioid-overlap")
    assert row.definition.startswith("At least 30 days of both")
    assert row.whom == "patients on clonazepam"
    assert row.sources == (f"{cite('PQA').title} ({cite('PQA').year})",)
    options = measure(view(), "long-term-use").options
    assert options == ("Long-term use: at least 90 days: 131 of 480 patients",)


def test_numbers_that_are_withheld_stand_in_words() -> None:
    page = view(sample_report.small(), is_whole=False)
    triple, on_plan = measure(page, "triple"), measure(page, "taper-on-plan")
    assert (triple.number, triple.percent) == ("fewer than 11", "withheld")
    assert (on_plan.number, on_plan.percent) == ("withheld", "withheld")
    assert [row.number for row in page.distributions[0].rows] == [
        *("41", "62", "48"),
        *("withheld", "fewer than 11", "fewer than 11"),
    ]
    assert page.form.startswith("Form to pass on")
    assert page.first_night is None
    assert not page.has_changes


def test_in_the_first_night_the_page_says_why_there_is_no_change() -> None:
    page = view(sample_report.first_night())
    assert page.first_night is not None
    assert page.has_changes
    assert {tile.trend for tile in page.tiles} == {None}
    assert {tile.change for tile in page.tiles} == {"first night"}
    assert page.history is None


def test_where_every_number_is_withheld_the_page_says_why() -> None:
    report = sample_report.small()
    for row in report["measures"]:
        row.update(numerator="<11", percent=None)
    page = view(report, is_whole=False)
    assert "under 11" in page.nothing_shown
    assert page.headline == (
        "Fewer than 11 patients on clonazepam long-term; "
        "fewer than 11 patients at 2 mg a day or more"
    )
    assert view().nothing_shown is None


def test_the_nights_stand_side_by_side() -> None:
    history = view().history
    assert history.nights == ("23 Nov 2026", "24 Nov 2026", "25 Nov 2026")
    assert history.rows[0] == ("Long-term use", ("117", "118", "120"))


def test_downloads_are_offered_in_the_forms_that_the_reader_may_have() -> None:
    whole = [(one.name, one.link) for one in view().downloads]
    night = "/reports/sandbox/2026-11-25"
    assert whole == [
        ("report.json, to pass on", f"{night}/report.json?form=shareable"),
        ("report.json, all numbers", f"{night}/report.json"),
        ("measure-report.json, all numbers", f"{night}/measure-report.json"),
    ]
    shared = view(sample_report.small(), is_whole=False).downloads
    assert [one.name for one in shared] == ["report.json, to pass on"]


def run(state: RunState, why: str | None = None) -> LastRun:
    return LastRun(NIGHTS[0], state, datetime(2026, 11, 26, 1, 50, tzinfo=UTC), why)


@pytest.mark.parametrize(
    ("last", "words", "is_failed"),
    [
        (
            run(RunState.FAILED, "the EHR did not answer for two hours"),
            "The report of 25 Nov 2026 could not be made (26 Nov 2026, 01:50 UTC). The EHR did not "
            "answer for two hours. Nothing older was changed.",
            True,
        ),
        (
            run(RunState.COUNTING),
            "The report of 25 Nov 2026 is being made: patients are being counted (since 26 Nov "
            "2026, 01:50 UTC).",
            False,
        ),
    ],
)
def test_a_run_that_failed_says_why_and_one_that_runs_how_far_it_is(last, words, is_failed) -> None:
    note = run_in_words(last)
    assert (note.words, note.is_failed) == (words, is_failed)


def test_a_run_that_is_done_or_never_was_needs_no_words() -> None:
    assert run_in_words(None) is None
    assert run_in_words(run(RunState.DONE)) is None


def test_every_state_of_a_run_has_its_words() -> None:
    for state in RunState:
        assert (run_in_words(run(state)) is None) == (state is RunState.DONE)


def test_a_report_without_the_first_measure_still_has_a_headline() -> None:
    assert headline([]) == "Clonazepam in this clinic"
