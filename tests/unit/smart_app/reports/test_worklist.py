"""The worklist: who is chosen, in which order, and what each row says."""

from __future__ import annotations

from datetime import date

import pytest
import sample_report
from starlette.datastructures import QueryParams

from smart_app.reports.links import Links
from smart_app.reports.worklist import PAGE, Asked, NotAsked, Order, bars_of, chosen, read_query
from smart_app.reports.worklist_presenter import worklist_view

NIGHT = date(2026, 11, 25)
REPORT = sample_report.report()
BARS = bars_of(REPORT)
KNOWN = [measure["id"] for measure in REPORT["measures"]]


def names(asked: Asked) -> list[str]:
    return [row["name"] for row in chosen(sample_report.worklist(), asked, BARS)]


def asked_of(query: str) -> Asked:
    return read_query(QueryParams(query), KNOWN, [bar.id for bar in BARS])


def view(query: str = "", rows=None):
    return worklist_view(
        REPORT,
        sample_report.worklist() if rows is None else rows,
        asked_of(query),
        night=NIGHT,
        links=Links("", "sandbox", to_patients=True),
        planner="/smart/launch?iss=x",
    )


def patient(query: str, name: str):
    rows = [row for row in sample_report.worklist() if name in row["name"]]
    return view(query, rows).patients[0]


def test_a_measure_chooses_those_who_meet_it_and_two_those_who_meet_both() -> None:
    assert names(Asked(measures=("older-adult",))) == [
        "Ruth Synthetic-Alder",
        "Ada Synthetic-Cedar",
    ]
    assert names(Asked(measures=("older-adult", "opioid-overlap"))) == ["Ruth Synthetic-Alder"]


def test_not_known_is_a_choice_of_its_own() -> None:
    assert names(Asked(unknown="high-dose")) == ["Otto Synthetic-Birch"]
    assert names(Asked(bar="not-computable")) == ["Otto Synthetic-Birch"]


def test_a_dose_range_holds_its_lower_edge_and_not_its_upper_one() -> None:
    """Alder takes exactly 2 mg: in "2-4", not in "1-2"."""
    assert "Ruth Synthetic-Alder" in names(Asked(bar="2-4"))
    assert "Ruth Synthetic-Alder" not in names(Asked(bar="1-2"))
    # 57 persons take 0.25 to 3.5 mg by quarters, and nobody 4.
    assert names(Asked(bar="4-and-more")) == []


def test_an_unknown_dose_stands_above_the_highest_for_it_may_be_the_highest() -> None:
    ordered = chosen(sample_report.worklist(), Asked(), BARS)
    doses = [row["mg_per_day"] for row in ordered]
    assert doses[0] is None
    known = [float(dose) for dose in doses[1:]]
    assert known == sorted(known, reverse=True)


def test_by_name_and_by_supply() -> None:
    by_name = names(Asked(order=Order.NAME))
    assert by_name == sorted(by_name, key=str.casefold)
    # Alder's ends, Birch's is not known, the others' lasts.
    assert names(Asked(order=Order.SUPPLY))[:2] == ["Ruth Synthetic-Alder", "Otto Synthetic-Birch"]


@pytest.mark.parametrize(
    "query",
    [
        *("measure=no-such", "unknown=no-such", "bar=9-10", "sort=age"),
        *("page=0", "page=-1", "page=x", "page=%D9%A3"),
    ],
)
def test_a_filter_that_is_not_understood_shows_nobody(query) -> None:
    with pytest.raises(NotAsked):
        asked_of(query)


def test_an_address_says_again_what_it_was_made_from() -> None:
    query = "measure=high-dose&measure=older-adult&sort=name&page=2"
    assert asked_of(query).query() == query
    assert asked_of("").query() == ""


def test_the_headline_says_how_many_and_why_they_are_here() -> None:
    assert view().headline == "60 patients in this report"
    assert view("measure=older-adult").headline == "2 patients: 65 years or older"
    both = view("measure=older-adult&measure=opioid-overlap")
    assert both.headline == "1 patient: 65 years or older and Opioid at the same time"
    assert view("bar=2-4").headline.endswith("patients: 2 to under 4 mg/day")
    assert view("bar=not-computable").headline == "1 patient: daily dose not computable"


def test_where_the_dose_would_stand_stands_why_there_is_none() -> None:
    row = patient("", "Birch")
    assert (row.dose, row.is_known) == ("not computable: as needed, no maximum given", False)
    assert row.supply == "End of supply not known: whether supply covers today is not known."


def test_who_takes_none_today_is_not_unknown() -> None:
    row = {**sample_report.worklist()[0], "mg_per_day": None, "measures": [], "why": {}}
    (shown,) = view("", [row]).patients
    assert (shown.dose, shown.is_known, shown.supply) == ("no clonazepam today", True, "")


def test_the_reason_that_was_asked_for_stands_open_with_its_records() -> None:
    row = patient("measure=high-dose", "Alder")
    (why,) = row.asked
    assert why.words == "2 mg a day or more: so it stands in the chart."
    assert why.sources == ("MedicationRequest/alder-1",)
    assert row.others.startswith("Also: Long-term use; 65 years or older")


def test_what_is_not_known_is_said_to_be_not_known() -> None:
    (why,) = patient("unknown=high-dose", "Birch").asked
    assert why.is_unknown
    assert why.words.startswith("The daily dose cannot be computed")


@pytest.mark.parametrize(
    ("born", "words"),
    [
        ("1954-03-01", "born 1 Mar 1954"),
        ("1954", "born 1954"),
        (None, "birth date not supplied"),
    ],
)
def test_a_birth_date_is_told_as_far_as_it_is_known(born, words) -> None:
    row = {**sample_report.worklist()[0], "birth_date": born}
    assert view("", [row]).patients[0].born == words


def test_a_patient_without_a_name_is_still_a_row() -> None:
    row = {**sample_report.worklist()[0], "name": None}
    assert view("", [row]).patients[0].name == "name not supplied"


def test_pages_hold_all_patients_once() -> None:
    """60 patients on pages of 25: 25 + 25 + 10."""
    pages = [view(f"sort=name&page={number}") for number in (1, 2, 3)]
    assert [len(page.patients) for page in pages] == [PAGE, PAGE, 10]
    assert [page.shown for page in pages] == ["1 to 25 of 60", "26 to 50 of 60", "51 to 60 of 60"]
    assert len({row.name for page in pages for row in page.patients}) == 60
    assert (pages[0].earlier, pages[2].later) == (None, None)
    assert pages[0].later == "/reports/sandbox/2026-11-25/patients?sort=name&page=2"
    assert view("page=4") is None


def test_no_address_of_a_worklist_holds_anything_of_a_patient() -> None:
    page = view("measure=high-dose")
    links = [page.back, page.all_link, page.planner, page.later or ""]
    links += [one.link for one in (*page.filters, *page.orders)]
    for row in sample_report.worklist():
        for told in (row["patient"].partition("/")[2], row["name"], row["birth_date"]):
            assert not any(f"={told}" in link or f"/{told}" in link for link in links)
