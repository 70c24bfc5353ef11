"""The parts of the daily dose, one at a time: units, timing names, words of a text, rhythms."""

from datetime import date
from fractions import Fraction

import pytest

from clinical.daily_dose import NotComputable
from clinical.dosage import (
    DAYS_IN,
    NO_UNIT,
    Amount,
    Bounds,
    DosageLine,
    DoseUnit,
    SaidAmount,
    Timing,
    UnitKind,
)
from clinical.dose_course import course_of, dose_on, highest_from, implausible_mg_per_day
from clinical.dosing.sig import read_sig
from clinical.dosing.sig_tokens import Kind
from clinical.dosing.timing import Rhythm, rhythm_of
from clinical.dosing.timing_words import match_timing, timing_named, unit_of_time
from clinical.dosing.units import known_unit, unit_of
from clinical.drugs import Strength
from clinical.knowledge import table

TABLET = DoseUnit("tablet", UnitKind.COUNT)


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("mg", "mg"),
        ("MG", "mg"),
        ("Tablet(s)", "tablet"),
        ("{tbl}", "tablet"),
        ("{tablet}", "tablet"),
        ("[drp]", "drop"),
        ("tab.", "tablet"),
        ("mL", "mL"),
        ("µg", "mg"),
        ("μg", "mg"),
        ("385055001", "tablet"),
        ("1", "unit of the product"),
    ],
)
def test_a_unit_is_known_however_it_is_written(word: str, name: str) -> None:
    unit = known_unit(word)
    assert unit is not None
    assert unit.name == name


@pytest.mark.parametrize("word", ["", "gr", "mg/h", "mgtablet", "tablet tablet", "$", "t"])
def test_a_word_that_is_no_unit_is_not_guessed(word: str) -> None:
    assert known_unit(word) is None


def test_a_unit_and_a_code_together() -> None:
    assert unit_of(None, None) == NO_UNIT
    assert unit_of("", " ") == NO_UNIT
    assert unit_of("tablet", "1") == TABLET
    assert unit_of("comprimido", "{tbl}") == TABLET
    assert unit_of("tablet", "unheard-of") == TABLET
    assert isinstance(unit_of("mg", "mL"), str)
    assert isinstance(unit_of("mg/h", "mg"), str)


def test_every_unit_word_of_the_table_is_lower_case_and_stands_once() -> None:
    words = [row["word"] for row in table("dose_units.csv")]
    assert words == [word.lower() for word in words]
    assert len(words) == len(set(words))


def test_every_timing_phrase_of_the_table_is_lower_case_and_stands_once() -> None:
    phrases = [
        phrase
        for row in table("timing_codes.csv")
        for phrase in [row["code"].lower(), *row["texts"].split("|")]
        if phrase
    ]
    assert phrases == [phrase.lower() for phrase in phrases]
    assert sorted(set(phrases)) == sorted(phrases)


def test_every_word_of_a_sig_is_lower_case_stands_once_and_is_of_a_known_kind() -> None:
    rows = table("sig_words.csv")
    words = [row["words"] for row in rows]
    assert words == [word.lower() for word in words]
    assert len(words) == len(set(words))
    kinds = {*Kind, "no-bearing", "reason", "reason-adjective"}
    assert {row["kind"] for row in rows} <= kinds


def test_every_timing_code_of_the_table_says_how_often() -> None:
    for row in table("timing_codes.csv"):
        for name in [row["code"], *filter(None, row["texts"].split("|"))]:
            timing = timing_named(name)
            assert timing is not None, name
            assert isinstance(rhythm_of(timing), Rhythm), name


@pytest.mark.parametrize(
    ("name", "frequency", "period", "unit"),
    [
        ("bid", 2, 1, "d"),
        ("Twice  Daily", 2, 1, "d"),
        ("every 4 hr", 1, 4, "h"),
        ("q8h", 1, 8, "h"),
        ("Q72H", 1, 72, "h"),
        ("5 times a day", 5, 1, "d"),
        ("every 3 days", 1, 3, "d"),
        ("every third day", 1, 3, "d"),
        ("5id", 5, 1, "d"),
        ("Every 6 Hours at institution specified times", 1, 6, "h"),
        ("BID PRN", 2, 1, "d"),
    ],
)
def test_a_timing_is_known_by_its_name(name: str, frequency: int, period: int, unit: str) -> None:
    timing = timing_named(name)
    assert timing is not None
    assert (timing.frequency, timing.period, timing.period_unit) == (frequency, period, unit)


@pytest.mark.parametrize("name", ["", "P", "bidx", "every", "q0h", "every 8 to 4 hours", "b" * 200])
def test_a_name_that_is_no_timing_is_not_guessed(name: str) -> None:
    assert timing_named(name) is None


def test_the_longest_timing_phrase_wins() -> None:
    """That "once daily" is not the single "once" with a stray word after it."""
    phrase = match_timing("once daily with food", 0)
    assert phrase is not None
    assert (phrase.end, phrase.timing.count) == (len("once daily"), None)


def test_a_phrase_does_not_end_within_a_word() -> None:
    assert match_timing("pmore", 0) is None
    assert match_timing("hsx", 0) is None


def test_units_of_time() -> None:
    assert [unit_of_time(word) for word in ("D", "day", "hours", "wk", "mo", "years", "s")] == (
        ["d", "d", "h", "wk", "mo", "a", "s"]
    )
    assert unit_of_time("fortnight") is None


def test_a_month_is_a_twelfth_of_a_year_of_365_and_a_quarter_days() -> None:
    assert DAYS_IN["a"] == Fraction("365.25")
    assert DAYS_IN["mo"] * 12 == DAYS_IN["a"]


def test_no_timing_is_no_rhythm() -> None:
    assert rhythm_of(Timing()) is None


def test_named_days_without_a_number_are_once_each_and_it_is_said() -> None:
    rhythm = rhythm_of(Timing(days_of_week=frozenset({"mon", "thu"})))
    assert isinstance(rhythm, Rhythm)
    assert (rhythm.high, rhythm.peak) == (Fraction(2, 7), 1)
    assert len(rhythm.warnings) == 1


def test_fewer_times_a_week_than_named_days_is_a_range() -> None:
    """Once a week on Mon, Wed, Fri: one of them, or each of them."""
    rhythm = rhythm_of(
        Timing(
            frequency=Fraction(1),
            period=Fraction(1),
            period_unit="wk",
            days_of_week=frozenset({"mon", "wed", "fri"}),
        )
    )
    assert isinstance(rhythm, Rhythm)
    assert (rhythm.low, rhythm.high) == (Fraction(1, 7), Fraction(3, 7))
    assert len(rhythm.warnings) == 1


def test_a_frequency_and_more_moments_than_it_is_a_range() -> None:
    """Once a day, in the morning and in the evening: once or twice."""
    rhythm = rhythm_of(
        Timing(frequency=Fraction(1), period=Fraction(1), period_unit="d", when=("MORN", "EVE"))
    )
    assert isinstance(rhythm, Rhythm)
    assert (rhythm.low, rhythm.high, rhythm.peak) == (1, 2, 2)
    assert len(rhythm.warnings) == 1


def test_listed_events_are_counted_on_their_days() -> None:
    """Twice on 1 January and once on 4 January: 3 in 4 days, 2 on one day."""
    days = (date(2027, 1, 1), date(2027, 1, 1), date(2027, 1, 4))
    rhythm = rhythm_of(Timing(events=days))
    assert isinstance(rhythm, Rhythm)
    assert (rhythm.high, rhythm.peak) == (Fraction(3, 4), 2)
    assert rhythm.only_within == (days[0], days[-1])


def test_one_event_is_a_single_dose() -> None:
    rhythm = rhythm_of(Timing(events=(date(2027, 1, 1),)))
    assert isinstance(rhythm, Rhythm)
    assert rhythm.single


def test_a_text_comes_back_as_lines_or_with_the_words_in_the_way() -> None:
    reading = read_sig("1 mg qam and 2 mg qhs")
    assert [line.amounts[0].amount.high for line in reading.lines] == [1, 2]
    assert read_sig("1 mg bid, wean").unread == ("wean",)
    assert read_sig("") == read_sig("by mouth")
    assert read_sig("").why == "the text states no dose"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/2 tab bid", "1/2"),
        ("½ tab bid", "1/2"),
        ("1½ tab bid", "3/2"),
        ("1 1/2 tab bid", "3/2"),
        ("1 and 1/2 tabs bid", "3/2"),
        ("one and a half tabs bid", "3/2"),
        ("one-half tablet bid", "1/2"),
        ("half of a tablet bid", "1/2"),
        ("half tab bid", "1/2"),
        ("a quarter tablet bid", "1/4"),
        ("three quarters of a tablet bid", "3/4"),
        ("a tablet bid", "1"),
        (".5 tab bid", "1/2"),
        ("two (2) tablets bid", "2"),
        ("twelve tabs bid", "12"),
    ],
)
def test_numbers_as_people_write_them(text: str, value: str) -> None:
    (line,) = read_sig(text).lines
    assert line.amounts[0].amount.high == Fraction(value)


def test_two_identical_lines_are_taken_together_and_it_is_said() -> None:
    line = DosageLine(
        (SaidAmount(Amount(Fraction(1), Fraction(1), TABLET)),),
        Timing(frequency=Fraction(1), period=Fraction(1), period_unit="d"),
    )
    order = course_of([line, line], strength=Strength(Fraction(1), "tablet"))
    assert not isinstance(order.overall, NotComputable)
    assert order.overall.high == 2
    assert order.overall.warnings == (
        "two dosage lines are identical; they are read as taken together",
    )


def test_a_tablet_of_a_capsule_is_one_capsule_and_it_is_said() -> None:
    line = DosageLine(
        (SaidAmount(Amount(Fraction(1), Fraction(1), TABLET)),),
        Timing(frequency=Fraction(1), period=Fraction(1), period_unit="d"),
    )
    order = course_of([line], strength=Strength(Fraction(2), "capsule"))
    assert not isinstance(order.overall, NotComputable)
    assert order.overall.high == 2
    assert order.overall.warnings == ("the dose is in tablets and the product is a capsule",)


def test_an_empty_order_has_no_dose_on_any_day() -> None:
    order = course_of([], strength=None)
    assert isinstance(dose_on(order, date(2027, 1, 1)), NotComputable)
    assert isinstance(highest_from(order, date(2027, 1, 1)), NotComputable)


@pytest.mark.parametrize("dated", [True, False])
def test_steps_in_different_units_have_no_highest(dated: bool) -> None:
    """10 mg, then 1 tablet of unknown strength, which may be more or less."""
    mg = DoseUnit("mg", UnitKind.MASS)
    steps = [
        DosageLine(
            amounts=(SaidAmount(Amount(Fraction(high), Fraction(high), unit)),),
            timing=Timing(when=("HS",), bounds=Bounds(lasts_days=(7, 7)) if dated else Bounds()),
            sequence=number,
        )
        for number, (high, unit) in enumerate([(10, mg), (1, TABLET)], start=1)
    ]
    overall = course_of(steps, strength=None, starts=date(2027, 1, 4)).overall
    assert overall == NotComputable(
        "the steps are in different units, so none can be called the highest",
        (
            "a step of the order comes to at most 10 mg/day",
            "a step of the order comes to at most 1 tablet/day",
        ),
    )


def test_the_implausible_dose_is_the_labels_maximum() -> None:
    assert implausible_mg_per_day() == 20


@pytest.mark.parametrize(
    "text", [",5 mg bid", "0,5 mg bid", "0 .5 mg bid", "1. 5 mg bid", "5.0.5 mg bid"]
)
def test_a_sign_that_may_be_a_decimal_point_is_never_skipped(text: str) -> None:
    """Half a milligram read as five would be ten times the dose."""
    assert read_sig(text).lines == ()


def test_a_leading_point_is_a_decimal_point() -> None:
    (line,) = read_sig("take .25-.5 mg bid").lines
    amount = line.amounts[0].amount
    assert (amount.low, amount.high) == (Fraction(1, 4), Fraction(1, 2))
