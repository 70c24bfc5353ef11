"""What became of the cards, in a browser: narrowed by month and check, and the form to pass on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import shown_cards

from store.database import writing
from store.tables import card_feedback, cards_shown
from taperguard import wiring

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("report-pages")]

PAGE = "/reports/sandbox/cards"


def this_month_and_before(count: int) -> list[tuple[int, int]]:
    now = datetime.now(UTC)
    last = now.year * 12 + now.month - 1
    return [(one // 12, one % 12 + 1) for one in range(last - count + 1, last + 1)]


@pytest.fixture(scope="module")
def clinic(served: Callable[..., Any]) -> Iterator[tuple[wiring.House, str]]:
    with served() as (house, running):
        yield house, running.service


@pytest.fixture
def filled(clinic: tuple[wiring.House, str]) -> Iterator[None]:
    house, _ = clinic
    shown_cards.fill(house.engine, house.sealer, months=this_month_and_before(7))
    yield
    with writing(house.engine) as connection:
        connection.execute(cards_shown.delete())
        connection.execute(card_feedback.delete())


@pytest.fixture
def signed_in(
    clinic: tuple[wiring.House, str], window: Callable[[str], Any]
) -> Callable[[str], Any]:
    """`signed_in("Synthetic-Ash")`: a window of that user, on the page about cards."""

    def sign_in(name: str) -> Any:
        view = window(clinic[1])
        view.page.goto(PAGE)
        view.press(view.page.get_by_role("link", name="Sign in at"))
        view.press(view.page.get_by_role("button", name=name))
        assert view.page.url == f"{clinic[1]}{PAGE}"
        return view

    return sign_in


@pytest.mark.usefixtures("filled")
def test_the_clinical_owner_narrows_the_cards_to_a_check_and_a_month(
    signed_in: Callable[[str], Any],
) -> None:
    """280 cards: 40 in each of 7 months. One check has the same number in picture and table."""
    view = signed_in("Synthetic-Hazel")
    page = view.page
    assert page.inner_text("h1").startswith("280 cards shown, ")
    view.look("cards")
    view.look_at_print("cards")
    view.press(page.get_by_role("link", name="High dose"))
    shown = page.inner_text("h1").split()[0]
    row = page.get_by_role("table", name="In numbers").get_by_role("row", name="High dose")
    assert row.get_by_role("cell").first.inner_text() == shown
    page.locator("summary").first.click()
    months = page.get_by_role("table", name="Cards by month").get_by_role("row")
    assert months.count() == 8  # with its head
    view.press(page.get_by_role("navigation").get_by_role("link").nth(2))
    assert "month=" in page.url
    assert "check=high-dose" in page.url
    view.look("cards-narrowed")


@pytest.mark.usefixtures("filled")
def test_the_quality_lead_reads_the_months_that_are_over_and_no_small_number(
    signed_in: Callable[[str], Any],
) -> None:
    """240 cards in the 6 months that are over."""
    view = signed_in("Synthetic-Ash")
    assert view.page.inner_text("h1").startswith("240 cards shown, ")
    said = view.page.inner_text("main")
    assert "fewer than 11" in said
    assert "Show only" not in said
    view.look("cards-shareable")


def test_before_the_first_card_the_page_teaches(signed_in: Callable[[str], Any]) -> None:
    view = signed_in("Synthetic-Hazel")
    assert view.page.inner_text("h1") == "No card was shown"
    view.look("cards-empty")
