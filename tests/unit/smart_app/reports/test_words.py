"""The report's numbers in words: what is withheld is said, and never looks like nothing."""

from __future__ import annotations

from datetime import date

import pytest

from smart_app.reports.words import (
    change_in_words,
    count,
    how_many,
    moment,
    most,
    of,
    of_patients,
    percent,
    total,
)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (1204, "1,204"),
        ("<11", "fewer than 11"),
        ("suppressed", "withheld"),
        (None, "not counted"),
    ],
)
def test_a_number_is_itself_or_says_why_it_is_not_there(number, words) -> None:
    assert count(number) == words


@pytest.mark.parametrize("number", ["<11", "suppressed", None])
def test_a_number_that_is_not_told_is_no_dash_and_no_zero(number) -> None:
    words = count(number)
    assert words.replace(" ", "").replace("11", "").isalpha()


def test_in_a_sentence_patients_stand_with_their_number() -> None:
    assert how_many(1) == "1 patient"
    assert how_many(34) == "34 patients"
    assert how_many("<11") == "Fewer than 11 patients"
    assert how_many("suppressed") == "A withheld number of patients"
    assert of_patients("<11") == "fewer than 11 patients"
    assert of_patients(34) == "34 patients"


def test_the_whole_is_named_even_where_its_number_is_withheld() -> None:
    assert of(480, "patients") == "of 480 patients"
    assert of("<11", "patients on a taper") == "of fewer than 11 patients on a taper"
    assert of("suppressed", "patients") == "of patients, their number withheld"
    assert of(0, "patients on a taper") == "there are no patients on a taper"


def test_a_percentage_drops_an_empty_decimal_and_says_why_it_is_absent() -> None:
    assert percent({"percent": "25.0", "denominator": 480}) == "25 %"
    assert percent({"percent": "6.3", "denominator": 480}) == "6.3 %"
    assert percent({"percent": None, "denominator": 480}) == "withheld"
    assert percent({"percent": None, "denominator": 0}) == "no patients to count"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (2, "2 more than on 24 Nov 2026"),
        (-1, "1 fewer than on 24 Nov 2026"),
        (0, "the same as on 24 Nov 2026"),
        (None, "not counted on 24 Nov 2026"),
        ("suppressed", "withheld"),
    ],
)
def test_a_change_names_the_night_that_it_is_measured_from(change, words) -> None:
    assert change_in_words(change, date(2026, 11, 24)) == words


def test_in_the_first_night_there_is_nothing_to_compare_with() -> None:
    assert change_in_words(None, None) == "first night"


def test_an_instant_is_written_in_utc_and_says_so() -> None:
    assert moment("2026-11-26T02:00:05Z") == "26 Nov 2026, 02:00 UTC"
    assert moment("2026-11-25T20:00:05-06:00") == "26 Nov 2026, 02:00 UTC"


def test_a_sum_with_a_withheld_part_is_not_told() -> None:
    """12 + "<11" is no number: 12 would be wrong and 12 with the rest would give it away."""
    assert total([12, 3]) == 15
    assert total([12, "<11"]) is None
    assert total([]) == 0


def test_for_a_picture_fewer_than_11_is_at_most_10() -> None:
    assert [most(number) for number in (21, "<11", "suppressed", None)] == [21, 10, 0, 0]
