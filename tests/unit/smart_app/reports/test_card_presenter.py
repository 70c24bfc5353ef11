"""The page about cards: its words, shares and pictures."""

from __future__ import annotations

import re
from datetime import date
from xml.etree import ElementTree

import pytest
from shown_cards import DISPLAYS, OWN, of_patients, shown

from smart_app.planner.svg import text_width
from smart_app.reports.card_counts import counted, shareable
from smart_app.reports.card_pictures import outcome_bars, outcome_months
from smart_app.reports.card_presenter import Asked, CardFilter, cards_view, months_until, share
from smart_app.reports.pictures import NARROW, WIDE
from store.feedback import Outcome

SVG = "{http://www.w3.org/2000/svg}"
MONTHS = tuple(f"2026-{month:02}" for month in range(1, 12))
ACCEPTED, OVERRIDDEN = Outcome.ACCEPTED, Outcome.OVERRIDDEN
CARDS = [
    *of_patients(3, outcome=ACCEPTED),
    *of_patients(9, 10, outcome=OVERRIDDEN, reason=f"{OWN}|will-monitor"),
    *of_patients(4, 30, checks=("opioid-together",), month="2026-10"),
]


def view_of(rows, *, is_whole: bool = True, in_vain: int = 0, **chosen: str):
    counts = counted(rows, ("2026-10", "2026-11"), DISPLAYS)
    return cards_view(
        counts if is_whole else shareable(counts),
        Asked(MONTHS, CardFilter(**chosen), tuple({it for row in rows for it in row.checks})),
        address="/reports/sandbox/cards",
        back="/reports/sandbox",
        is_whole=is_whole,
        in_vain=in_vain,
    )


def test_the_headline_is_the_fact_with_its_numbers() -> None:
    view = view_of(CARDS)
    assert view.headline == "16 cards shown, 3 accepted, 9 overridden, 4 not answered"
    assert view.period == "Cards that were shown from Jan 2026 to Nov 2026."
    assert view_of([shown()]).headline.startswith("1 card shown, ")


def test_shares_are_of_answered_cards_and_silence_is_of_those_shown() -> None:
    """High dose: 3 of 12 answered are 25 %, 9 of 12 are 75 %; 0 of 12 shown not answered."""
    rows = {row.label: row for row in view_of(CARDS).splits[0].rows}
    high = rows["High dose"]
    assert (high.accepted, high.accepted_share) == ("3", "25 %")
    assert (high.overridden, high.overridden_share) == ("9", "75 %")
    assert (high.unanswered, high.unanswered_share) == ("0", "0 %")
    opioid = rows["Opioid together with clonazepam"]
    assert (opioid.accepted_share, opioid.unanswered_share) == ("of none", "100 %")


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (1, 8, "13 %"),  # 12.5
        (1, 3, "33 %"),
        (1, 1000, "under 1 %"),
        (999, 1000, "over 99 %"),
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (0, 0, "of none"),
        ("<11", 20, ""),
        (12, "suppressed", ""),
        (12, None, ""),
    ],
)
def test_a_share_is_rounded_half_up_and_never_to_all_or_none(part, whole, said) -> None:
    assert share(part, whole) == said


def test_the_check_that_is_overridden_most_often_leads() -> None:
    view = view_of(CARDS)
    assert view.by_check_lead == (
        "Overridden most often: High dose, 9 of 12 answered cards (75 %)."
    )
    assert view.reasons == (("Will monitor and review", "9", "100 %"),)


def test_a_check_leads_by_its_share_and_not_by_its_number_of_cards() -> None:
    """9 of 12 are 75 %, 20 of 40 are 50 %; of one card alone 100 % say nothing."""
    cards = [
        *CARDS,
        *of_patients(20, 100, checks=("dose-escalation",), outcome=ACCEPTED),
        *of_patients(20, 200, checks=("dose-escalation",), outcome=OVERRIDDEN),
        *of_patients(1, 300, checks=("pregnancy",), outcome=OVERRIDDEN),
    ]
    assert view_of(cards).by_check_lead.startswith("Overridden most often: High dose, 9 of 12 ")
    assert view_of(cards[-1:]).by_check_lead.startswith("Of each check: ")


def test_a_selection_is_said_and_every_link_keeps_the_other_part_of_it() -> None:
    view = view_of(CARDS, month="2026-11", check="high-dose")
    assert view.period == "Cards that were shown in Nov 2026 and spoke for “High dose”."
    page = "/reports/sandbox/cards"
    assert [(one.words, one.link) for one in view.months] == [
        ("All months", f"{page}?check=high-dose"),
        ("Nov 2026", f"{page}?month=2026-11&check=high-dose"),
        ("Oct 2026", f"{page}?month=2026-10&check=high-dose"),
    ]
    assert [one.words for one in view.months if one.is_this] == ["Nov 2026"]
    assert f"{page}?month=2026-11&check=opioid-together" in [one.link for one in view.checks]
    assert [row.label for row in view.splits[0].rows] == ["High dose"]


def test_the_form_to_pass_on_is_of_months_that_are_over_and_cannot_be_narrowed() -> None:
    assert months_until(date(2026, 11, 26), is_whole=True)[-1] == "2026-11"
    over = months_until(date(2026, 1, 1), is_whole=False)
    assert (over[0], over[-1], len(over)) == ("2025-01", "2025-12", 12)
    view = view_of(CARDS, is_whole=False, in_vain=3)
    assert view.months == view.checks == ()
    assert view.in_vain is None
    assert "Form to pass on" in view.form
    assert [name for name, _, _ in view.downloads] == [
        "cards.csv, to pass on",
        "cards.json, to pass on",
    ]


def test_reports_on_cards_that_were_not_shown_here_are_told_apart() -> None:
    assert view_of(CARDS).in_vain is None
    assert "reported on 1 card that was not shown" in str(view_of(CARDS, in_vain=1).in_vain)
    assert "reported on 2 cards that were not shown" in str(view_of(CARDS, in_vain=2).in_vain)


def test_before_the_first_card_there_is_no_picture() -> None:
    view = view_of([])
    assert (view.headline, view.is_unused, view.by_check) == ("No card was shown", True, None)


# --- pictures -----------------------------------------------------------------------------------


def drawn(picture) -> ElementTree.Element:
    return ElementTree.fromstring(str(picture))  # noqa: S314  our own


def parts(root: ElementTree.Element, name: str) -> list[float]:
    return [
        float(rect.get("width", 0))
        for rect in root.iter(f"{SVG}rect")
        if rect.get("class") == f"part-{name}" and rect.get("height") == "14"
    ]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_bar_is_divided_as_its_numbers_are_and_each_stands_in_words(width: int) -> None:
    """High dose: 3 of 12 accepted is a quarter of the bar, 9 overridden three quarters."""
    (high, opioid) = counted(CARDS, MONTHS, DISPLAYS).lines["check"]
    root = drawn(outcome_bars("a", [high, opioid], width))
    bar = width - 8
    assert parts(root, "accepted") == pytest.approx([bar / 4], abs=0.1)
    assert parts(root, "overridden") == pytest.approx([bar * 3 / 4], abs=0.1)
    assert parts(root, "unanswered") == pytest.approx([bar], abs=0.1)
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert words[:5] == ["High dose", "of 12 cards", "3 accepted", "9 overridden", "0 not answered"]
    described = root.find(f"{SVG}desc")
    assert described is not None
    assert "High dose: 12 cards shown, 3 accepted, 9 overridden" in str(described.text)


def test_what_is_withheld_is_hatched_and_said_and_never_drawn_to_scale() -> None:
    counts = shareable(counted(CARDS, MONTHS, DISPLAYS))
    root = drawn(outcome_bars("a", counts.lines["check"], WIDE))
    assert parts(root, "accepted") == parts(root, "overridden") == []
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert "Not drawn: some of its numbers are withheld." in words
    assert not re.search(r"\b(3|9) (accepted|overridden)", str(words))


def test_every_month_has_its_column_and_number_and_january_its_year() -> None:
    months = ("2025-12", "2026-01", "2026-02")
    rows = [*of_patients(4, month="2025-12"), *of_patients(2, month="2026-02", outcome=ACCEPTED)]
    lines = [
        line.__class__(line.key, {"12": "Dec", "01": "Jan", "02": "Feb"}[line.key[5:]], *numbers)
        for line in counted(rows, months, DISPLAYS).lines["month"]
        for numbers in [(line.shown, line.accepted, line.overridden, line.unanswered)]
    ]
    root = drawn(outcome_months("a", lines, WIDE, None))
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert words == ["4", "Dec", "2025", "0", "Jan", "2026", "2", "Feb"]


@pytest.mark.parametrize(
    ("cards", "wide", "narrow"),
    [
        (980, "980", "980"),
        (1204, "1,204", "1.2k"),
        (9960, "9,960", "10k"),
        (41_667, "42k", "42k"),
    ],
)
def test_over_a_narrow_column_a_large_number_stands_in_thousands(
    cards: int, wide: str, narrow: str
) -> None:
    """12 columns share 472 or 348: 33 or 23 each, less the gaps; a figure takes about 6."""
    months = (*MONTHS, "2026-12")
    lines = counted([shown(month=it, cards=cards) for it in months], months, DISPLAYS)
    for width, said in ((WIDE, wide), (NARROW, narrow)):
        root = drawn(outcome_months("a", lines.lines["month"], width, None))
        words = [str(text.text) for text in root.iter(f"{SVG}text")]
        assert words.count(said) == 12


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("cards", [9, 12_345, 153_220])
def test_what_stands_below_a_bar_ends_before_the_next_words_and_the_picture(
    width: int, cards: int
) -> None:
    """Also in a clinic with hundreds of thousands of cards."""
    rows = [shown(cards=cards, outcome=outcome) for outcome in (ACCEPTED, OVERRIDDEN, None)]
    (high,) = counted(rows, MONTHS, DISPLAYS).lines["check"]
    below = list(drawn(outcome_bars("a", [high], width)).iter(f"{SVG}text"))[2:]
    begins = [float(it.attrib["x"]) for it in below]
    ends = [begin + text_width(str(it.text)) for begin, it in zip(begins, below, strict=True)]
    assert len(below) == 3
    assert all(end <= begin for end, begin in zip(ends, [*begins[1:], width], strict=True))


def test_large_numbers_in_sentences_have_their_thousands_apart() -> None:
    """1,500 overridden of 2,500 answered."""
    view = view_of([shown(cards=1000, outcome=ACCEPTED), shown(cards=1500, outcome=OVERRIDDEN)])
    assert view.by_check_lead.endswith("High dose, 1,500 of 2,500 answered cards (60 %).")
    assert view.reasons_lead.startswith("Of 1,500 overridden cards. ")
