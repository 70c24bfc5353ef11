"""The page about cards over HTTP: who gets what of it, narrowed how, and as which file."""

from __future__ import annotations

import csv
import io
import re

import pytest
import shown_cards
from hand_shelf import READER, STRANGER, WORKLIST

from store import audit
from store.database import reading

PAGE = "/reports/sandbox/cards"


@pytest.fixture
def filled(reports) -> None:
    """30 cards in each of October and November of users of the sandbox, and some of elsewhere.

    Today is 23 November.
    """
    house = reports.smart.house
    shown_cards.fill(house.engine, house.sealer, months=[(2026, 10), (2026, 11)], a_month=30)


def headline(answer) -> str:
    return re.search(r"<h1>(.*?)</h1>", answer.text)[1]


@pytest.mark.parametrize("page", [PAGE, f"{PAGE}/cards.csv", f"{PAGE}/cards.json"])
@pytest.mark.parametrize(
    ("user", "status"), [(WORKLIST, 200), (READER, 200), (STRANGER, 403), (None, 403)]
)
def test_who_may_see_what_became_of_the_cards(reports, page, user, status) -> None:
    assert reports.signed_in(user).get(page).status_code == status


def test_without_a_sign_in_the_page_says_how_and_leads_back(reports) -> None:
    browser = reports.browser()
    answer = browser.get(f"{PAGE}?month=2026-11")
    assert answer.status_code == 401
    back_to = f"{PAGE}?month=2026-11"
    assert reports.come_back(browser, WORKLIST, back_to=back_to).headers["location"] == back_to


@pytest.mark.usefixtures("filled")
def test_whoever_is_named_for_the_worklist_sees_every_number_and_may_narrow(reports) -> None:
    browser = reports.signed_in(WORKLIST)
    assert headline(browser.get(PAGE)).startswith("60 cards shown, ")
    assert headline(browser.get(f"{PAGE}?month=2026-10")).startswith("30 cards shown, ")
    page = browser.get(f"{PAGE}?month=2026-11&check=high-dose").text
    assert "Cards that were shown in Nov 2026 and spoke for “High dose”." in page


@pytest.mark.usefixtures("filled")
def test_the_form_to_pass_on_tells_october_and_no_small_number(reports) -> None:
    """November is not over: its cards would come one by one."""
    browser = reports.signed_in(READER)
    page = browser.get(PAGE).text
    assert "Nov 2026</th>" not in page
    assert "fewer than 11" in page
    small = re.findall(r'<td class="n"[^>]*>\s*([1-9]|10)\s*[<\s]', page)
    assert small == []
    refused = browser.get(f"{PAGE}?month=2026-10")
    assert refused.status_code == 400
    assert "two selections side by side" in refused.text


@pytest.mark.parametrize(
    "query", ["month=2026-13", "month=1999-01", "check=alder", "x=1", "check=a&check=b", "month="]
)
def test_what_is_not_understood_is_refused_and_not_shown_as_something_else(reports, query) -> None:
    answer = reports.signed_in(WORKLIST).get(f"{PAGE}?{query}")
    assert answer.status_code == 400
    assert "cannot be narrowed like that" in answer.text
    assert "alder" not in answer.text


def test_the_cards_of_another_ehr_are_not_told(reports) -> None:
    house = reports.smart.house
    shown_cards.fill(house.engine, house.sealer, ehr_id="north", months=[(2026, 11)], a_month=20)
    assert headline(reports.signed_in(WORKLIST).get(PAGE)) == "No card was shown"


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("user", [READER, WORKLIST])
def test_no_number_is_a_dash_or_an_empty_cell(reports, user) -> None:
    page = reports.signed_in(user).get(PAGE).text
    cells = re.findall(r"<td[^>]*>(.*?)</td>", page, re.DOTALL)
    words = [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells]
    assert len(words) > 30
    assert not [word for word in words if word in ("", "-", "None", "<11", "suppressed")]


def test_the_page_runs_no_script_and_no_browser_keeps_it(reports) -> None:
    answer = reports.signed_in(WORKLIST).get(PAGE)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in answer.text
    assert "style=" not in answer.text


def test_the_report_leads_to_the_cards_and_back(reports) -> None:
    browser = reports.signed_in(READER)
    assert f'href="{PAGE}"' in browser.get("/reports/sandbox/2026-11-25").text
    assert 'href="/reports/sandbox"' in browser.get(PAGE).text


# --- files --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("filled")
def test_the_numbers_come_as_a_table_and_as_data(reports) -> None:
    browser = reports.signed_in(WORKLIST)
    rows = list(csv.DictReader(io.StringIO(browser.get(f"{PAGE}/cards.csv").text)))
    assert rows[0]["by"] == "total"
    assert rows[0]["shown"] == "60"
    months = {row["key"]: row["shown"] for row in rows if row["by"] == "month"}
    assert months == {"2026-10": "30", "2026-11": "30"}
    answer = browser.get(f"{PAGE}/cards.json")
    data = answer.json()
    assert (data["ehr"], data["first_month"], data["last_month"], data["form"]) == (
        *("sandbox", "2025-12", "2026-11"),
        "all-numbers",
    )
    assert data["total"]["shown"] == 60
    assert sum(reason["overridden"] for reason in data["reasons"]) == data["total"]["overridden"]
    assert answer.headers["content-disposition"] == (
        'attachment; filename="cards-sandbox-2025-12-to-2026-11-all-numbers.json"'
    )


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(("user", "query"), [(READER, ""), (WORKLIST, "?form=shareable")])
def test_the_file_to_pass_on_withholds_what_the_page_withholds(reports, user, query) -> None:
    data = reports.signed_in(user).get(f"{PAGE}/cards.json{query}").json()
    assert (data["form"], data["last_month"]) == ("shareable", "2026-10")
    told = [
        line[name]
        for lines in data.values()
        if isinstance(lines, list)
        for line in lines
        for name in line
        if name not in ("key", "label")
    ]
    assert "<11" in told
    assert not [number for number in told if isinstance(number, int) and 0 < number < 11]


def test_each_file_is_written_down_before_it_is_given(reports) -> None:
    reports.signed_in(READER).get(f"{PAGE}/cards.csv")
    with reading(reports.smart.house.engine) as connection:
        lines = audit.of_patient(connection, "sandbox", audit.EVERYBODY)
    (line,) = [line for line in lines if line["why"] == "report-download"]
    assert line["what"] == ["Cards/2025-11-to-2026-10", "cards.csv", "shareable"]


def test_a_file_that_there_is_not_is_a_404(reports) -> None:
    assert reports.signed_in(WORKLIST).get(f"{PAGE}/patients.csv").status_code == 404
