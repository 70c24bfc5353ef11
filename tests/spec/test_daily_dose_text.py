"""Daily dose 7: dosages as text, alone and beside a structure."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from clinical.daily_dose import DailyDose, DoseCourse, NotComputable
from clinical.dose_course import course_of
from clinical.drugs import Strength
from ehr.read.dosages import dosage_lines

HALF_MG_TABLET = Strength(Fraction(1, 2), "tablet")


def course(
    *dosages: dict[str, Any], strength: Strength | None = HALF_MG_TABLET, **more: Any
) -> DoseCourse:
    return course_of(dosage_lines({"dosageInstruction": list(dosages)}), strength=strength, **more)


def said(amount: dict[str, Any], **repeat: Any) -> dict[str, Any]:
    return {"doseAndRate": [{"doseQuantity": amount}], "timing": {"repeat": repeat}}


def mg(value: str) -> dict[str, Any]:
    return {"value": Decimal(value), "unit": "mg"}


# --- what is read ---------------------------------------------------------------------------------
# The product is a 0.5 mg tablet. The whole corpus, more than 500 sigs, is `sigs.toml`.


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        # in words, in Latin, in capitals, with points
        ("Take 1 tablet by mouth twice daily", "1", "1"),
        ("1 TAB PO BID", "1", "1"),
        ("0.5 mg p.o. b.i.d.", "1", "1"),
        ("one tablet every other day", "1/4", "1/4"),
        ("1 tablet every 8 hours", "3/2", "3/2"),
        ("1 tab q6-8h", "3/2", "2"),
        ("1 tab once or twice daily", "1/2", "1"),
        ("1 tab qhs M/W/F", "3/14", "3/14"),
        ("1 tab daily 5 days a week", "5/14", "5/14"),
        # numbers
        ("one and a half tablets at bedtime", "3/4", "3/4"),
        ("1-1/2 tabs qhs", "3/4", "3/4"),
        ("1 (one) tablet 2 (two) times a day", "1", "1"),
        ("500 mcg bid", "1", "1"),
        # a strength beside a number of tablets is no second dose
        ("two 0.5 mg tablets nightly", "1", "1"),
        ("clonazepam 0.5 mg 1 tab bid", "1", "1"),
        ("Take 2 tablets (1 mg total) by mouth nightly", "1", "1"),
        ("1 mg = 2 tabs, Oral, Daily", "1", "1"),
        # as needed is from 0; at most 2 x 1 tablet x 0.5 mg = 1 mg, under the 2 mg allowed
        ("take 1/2 to 1 tab po bid prn anxiety, max 2 mg/day", "0", "1"),
        # at most 4 x 2 x 0.5 = 4 mg, but no more than 2 mg a day
        ("1-2 tabs po qid prn, not to exceed 2 mg per day", "0", "2"),
        # one, or one more
        ("1 tab qhs, may repeat x1", "1/2", "1"),
        # only the second is as needed
        ("1 tab bid plus 1 tab daily prn", "1", "3/2"),
        # different doses in one day
        ("1 mg qam and 2 mg qhs", "3", "3"),
        ("1 mg in the morning, 0.5 mg at noon and 1 mg at bedtime", "5/2", "5/2"),
        ("Take 1 tablet in the morning, then 2 tablets at bedtime", "3/2", "3/2"),
        ("1-0-1 tab", "1", "1"),
        # moments side by side are as many doses, two names of one moment are one
        ("1 tab morning noon night", "3/2", "3/2"),
        ("1 tab every evening at bedtime", "1/2", "1/2"),
        # three meals and bedtime are four
        ("take 1 tablet with each meal and at bedtime", "2", "2"),
        # 1 mg one day, 0.5 mg the next
        ("1 mg and 0.5 mg on alternate days", "3/4", "3/4"),
        # words that bear no dose
        ("1 tab bid for anxiety, swallow whole with 8 oz of water, #60 RF 2", "1", "1"),
        ("1 tab 30 minutes before bed", "1/2", "1/2"),
        ("Take one tablet daily as directed", "1/2", "1/2"),
    ],
)
def test_a_text_that_is_read(text: str, low: str, high: str) -> None:
    dose = course({"text": text}).overall
    assert isinstance(dose, DailyDose), dose
    assert (dose.low, dose.high) == (Fraction(low), Fraction(high))


def test_doses_that_alternate_are_never_taken_on_one_day() -> None:
    """1 mg one day and 0.5 mg the next: 0.75 on average, 1 mg on the fullest day, not 1.5."""
    dose = course({"text": "1 mg and 0.5 mg on alternate days"}).overall
    assert isinstance(dose, DailyDose)
    assert (dose.high, dose.peak_day) == (Fraction(3, 4), 1)


# --- what is not read -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("1 tab bid, may repeat", '"may", "repeat"'),
        ("take as many as needed", '"as", "many"'),
        ("1 tablet bid, double if anxious", '"double", "if", "anxious"'),
        ("1 mg bid, increase to 2 mg bid", '"increase to"'),
        ("0,5 mg bid", '"0"'),
        ("1,000 mg bid", '"1"'),
        ("1 tab bid unless drowsy", '"unless", "drowsy"'),
        ("do not take 1 tablet daily", '"do", "not"'),
        ("taper 1 tab bid", '"taper"'),
        ("1 tabelt bid", '"tabelt"'),
        ("1 tableta dos veces al dia", '"tableta"'),
        ("10 mg/hr daily", '"mg/hr"'),
        ("1 tab bid or 2 tabs qhs", '"or"'),
        ("2 (three) tablets nightly", '"three"'),
        ("-1 tab bid", '"-1"'),
        ("1 tab 1/0 times daily", '"1/0"'),
        ("1 tab bid 30", '"30"'),
        ("lorazepam 1 mg bid", '"lorazepam"'),
    ],
)
def test_a_text_with_a_word_that_may_bear_on_the_dose_is_not_computed(
    text: str, unread: str
) -> None:
    """No word is skipped that is not known to be harmless; the words in the way are named."""
    overall = course({"text": text}).overall
    assert isinstance(overall, NotComputable)
    assert overall.why.startswith("the dosage is only text, and these words could not be read: ")
    assert unread in overall.why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("as directed", "the text states no dose"),
        ("take as needed", "the text states no dose"),
        ("1 mg, 2 mg at bedtime", "several doses and not when each is taken"),
        ("1 tab every 8 hours twice daily", "how often in two different ways"),
        ("1 tab once at bedtime", 'says "once" and also how often'),
        ("x" * 1001, "too long"),
        # each of these may be more than it seems: none is guessed
        ("1 tab tid and hs", "one dose or two"),
        ("1 tab daily and at bedtime", "one dose or two"),
        ("1 tab qid hs", "how often in two different ways"),
        ("1 tab bid and prn", "more than the dose before it"),
        ("1 tab bid plus 1 tab prn", "not when each is taken"),
        ("1 tab bid for 3 days and 1 tab daily", "a duration for one of several doses"),
        ("1 tab in the morning with meals", "meals and another time"),
        ("1 tab bid; 2 tabs bid", "several doses for the same time"),
        ("1 tab daily and 2 tabs on Sundays", "days for one of several doses"),
        ("stop 1 mg bid", "says to stop and goes on after it"),
    ],
)
def test_a_text_whose_words_tell_no_dose(text: str, why: str) -> None:
    overall = course({"text": text}).overall
    assert isinstance(overall, NotComputable)
    assert why in overall.why


def test_an_amount_without_a_time_in_a_text_is_never_once_a_day() -> None:
    overall = course({"text": "take 1 tablet by mouth"}).overall
    assert overall == NotComputable("the order says how much at once and not how often")


def test_a_bare_number_in_a_text_is_both_readings() -> None:
    """The text "1 bid" of a 0.5 mg tablet: twice one tablet (1 mg), or twice 1 mg (2 mg)."""
    dose = course({"text": "1 bid"}).overall
    assert isinstance(dose, DailyDose)
    assert (dose.low, dose.high) == (1, 2)
    assert dose.warnings == ("the dose has no unit: it may be 1 tablet or 1 mg",)


def test_a_dose_that_may_be_held_counts_as_written_and_it_is_said() -> None:
    dose = course({"text": "1 tab bid, hold for sedation"}).overall
    assert isinstance(dose, DailyDose)
    assert (dose.high, dose.warnings) == (
        1,
        ("the text says when it is to be held; the dose as written counts",),
    )


# --- tapers as text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mg_per_day"),
    [
        # two weeks of 1 mg, then two weeks of 0.5 mg: the highest is 1 mg, not 1.5
        ("1 mg at bedtime for 14 days, then 0.5 mg at bedtime for 14 days, then stop", "1 1/2"),
        ("1 mg bid x 7 days, then 0.5 mg bid x 7 days, then 0.5 mg daily x 7 days", "2 1 1/2"),
        # what a later step leaves out goes on from the step before
        ("1 tab bid x 7 days, then daily x 7 days, then every other day x 7 days", "1 1/2 1/4"),
        ("week 1: 1 mg bid; week 2: 0.5 mg bid; then stop", "2 1"),
        ("Taper: 1 mg bid x 7 days, 0.5 mg bid x 7 days", "2 1"),
        # a week of each, from 2 mg down
        ("2 mg at bedtime; decrease by 0.5 mg every week until off", "2 3/2 1 1/2"),
    ],
)
def test_a_taper_written_as_text_is_steps_in_time(text: str, mg_per_day: str) -> None:
    order = course({"text": text})
    steps = [Fraction(mg) for mg in mg_per_day.split()]
    assert isinstance(order.overall, DailyDose), order.overall
    assert order.overall.high == max(steps)
    assert [step.dose.high for step in order.steps] == steps


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 mg bid, then 0.5 mg bid", "how long the dose before it lasts"),
        # two packs may be meant side by side
        ("1 mg bid x 5 days 0.5 mg bid x 5 days", "one after the other"),
        ("week 1: 1 mg bid; week 3: 0.5 mg bid", "leaves some out"),
        ("decrease by 0.25 mg every week", "to lower the dose and not from what"),
        ("1 mg bid, decrease by 0.25 mg every week", "each dose or of the day"),
        ("2 mg daily for 14 days then decrease to 0.5 mg every 14 days", "every so often"),
        ("1 tab bid x 2 weeks then as needed", "says no dose"),
    ],
)
def test_a_taper_that_leaves_a_step_open_is_not_computed(text: str, why: str) -> None:
    overall = course({"text": text}).overall
    assert isinstance(overall, NotComputable)
    assert why in overall.why


# --- a text beside a structure --------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "1 tablet (0.5 mg) twice daily",
        "Take 1 tablet by mouth 2 times daily for anxiety",
        "0.5 mg bid",
        # what the text leaves out, the structure says
        "Take 1 tablet by mouth as directed",
        "twice daily",
        "wie besprochen",
        # the text tells of two bottles, the line of one of them
        "1.5 mg (one 0.5 mg tablet plus one 1 mg tablet) twice daily",
        # the line may be any step of the whole course
        "1 tab bid x 7 days, then 1 tab daily x 7 days, then stop",
        "2 tabs bid x 7 days, then 1 tab bid x 7 days, then stop",
    ],
)
def test_a_text_that_says_the_same_or_cannot_be_read_is_silent(text: str) -> None:
    """Structured 0.5 mg twice a day of a 0.5 mg tablet."""
    line = said(mg("0.5"), frequency=2, period=1, periodUnit="d")
    dose = course(line | {"text": text}).overall
    assert isinstance(dose, DailyDose)
    assert (dose.low, dose.high, dose.warnings) == (1, 1, ())


@pytest.mark.parametrize(
    ("text", "high"),
    [
        # twice a day 2 tablets of 0.5 mg
        ("Take 2 tablets by mouth", 2),
        # three times a day 0.5 mg
        ("three times a day", Fraction(3, 2)),
        # the highest step: twice a day 1 mg
        ("1 mg bid x 7 days, then 0.5 mg qhs x 7 days, then stop", 2),
        ("1 mg qam and 2 mg qhs", 3),
    ],
)
def test_a_text_that_says_more_gives_a_warning_and_the_higher_bound(
    text: str, high: Fraction
) -> None:
    """Structured 0.5 mg twice a day of a 0.5 mg tablet: 1 mg."""
    line = said(mg("0.5"), frequency=2, period=1, periodUnit="d")
    dose = course(line | {"text": text}).overall
    assert isinstance(dose, DailyDose)
    assert (dose.high, len(dose.warnings)) == (high, 1)
    assert dose.warnings[0].startswith("the text says ")


def test_a_maximum_of_the_structure_holds_for_its_text_too() -> None:
    """Up to 2 mg a day in the structure; the text repeats the doses and not the maximum."""
    line = said({"value": 2, "unit": "tablet"}, frequency=4, period=1, periodUnit="d")
    most = {"numerator": mg("2"), "denominator": {"value": 1, "unit": "d"}}
    line |= {"asNeededBoolean": True, "maxDosePerPeriod": most, "text": "2 tabs qid prn"}
    dose = course(line).overall
    assert isinstance(dose, DailyDose)
    assert (dose.low, dose.high, dose.warnings) == (0, 2, ())


def test_a_time_that_stands_only_in_the_text_is_taken_from_it() -> None:
    """The structure says 1 tablet, the text "twice daily": 1 mg."""
    amount = {"doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}]}
    dose = course(amount | {"text": "twice daily"}).overall
    assert isinstance(dose, DailyDose)
    assert dose.high == 1
    assert len(dose.warnings) == 1


def test_a_bare_number_in_the_text_agrees_with_either_reading() -> None:
    for amount in ({"value": 1, "unit": "tablet"}, mg("0.5"), mg("1")):
        line = said(amount, frequency=2, period=1, periodUnit="d") | {"text": "1 bid"}
        dose = course(line).overall
        assert isinstance(dose, DailyDose)
        assert dose.warnings == ()


def test_a_text_that_disagrees_gives_a_warning_and_the_higher_bound() -> None:
    """Structured 0.5 mg twice a day (1 mg); the text says three times (1.5 mg)."""
    line = said(mg("0.5"), frequency=2, period=1, periodUnit="d")
    dose = course(line | {"text": "0.5 mg three times a day"}).overall
    assert isinstance(dose, DailyDose)
    assert (dose.low, dose.high, dose.peak_day) == (1, Fraction(3, 2), Fraction(3, 2))
    assert dose.warnings == (
        "the text says 1.5 mg/day and the structured dosage 1 mg/day; the higher counts",
    )


def test_a_lower_text_never_lowers_the_high_bound() -> None:
    line = said(mg("0.5"), frequency=2, period=1, periodUnit="d") | {"text": "0.5 mg daily"}
    order = course(line)
    assert isinstance(order.overall, DailyDose)
    assert (order.overall.low, order.overall.high) == (Fraction(1, 2), 1)


def test_the_patient_instruction_is_compared_as_well() -> None:
    line = said(mg("0.5"), frequency=2, period=1, periodUnit="d")
    dose = course(line | {"patientInstruction": "Take 2 mg at bedtime"}).overall
    assert isinstance(dose, DailyDose)
    assert dose.high == 2
    assert len(dose.warnings) == 1


def test_a_timing_that_stands_only_in_the_text_is_taken_from_it() -> None:
    line = {"doseAndRate": [{"doseQuantity": mg("0.5")}], "text": "0.5 mg twice daily"}
    dose = course(line).overall
    assert isinstance(dose, DailyDose)
    assert dose.high == 1
    assert dose.warnings == (
        "a part of the dosage stands only in its text and was read from there",
    )


def test_an_amount_that_disagrees_with_the_text_that_gave_the_timing_is_flagged() -> None:
    """Structured 0.5 mg without a timing; the text says 1 mg twice a day: 1 to 2 mg."""
    line = {"doseAndRate": [{"doseQuantity": mg("0.5")}], "text": "1 mg twice daily"}
    dose = course(line).overall
    assert isinstance(dose, DailyDose)
    assert (dose.low, dose.high) == (1, 2)
    assert any("the text says 2 mg/day" in warning for warning in dose.warnings)


def test_one_text_repeated_on_every_line_is_one_dose() -> None:
    text = "1 mg qam and 2 mg qhs"
    dose = course({"text": text}, {"text": text}).overall
    assert isinstance(dose, DailyDose)
    assert dose.high == 3


def test_a_text_without_strength_stays_in_tablets() -> None:
    dose = course({"text": "2 tablets at bedtime"}, strength=None).overall
    assert isinstance(dose, DailyDose)
    assert (dose.unit, dose.high) == ("tablet", 2)


def test_mg_in_brackets_of_an_unknown_tablet_may_be_one_or_all() -> None:
    """The text "2 tablets (0.5 mg)": 0.5 mg in all, or 0.5 mg each (1 mg)."""
    dose = course({"text": "2 tablets (0.5 mg) at bedtime"}, strength=None).overall
    assert isinstance(dose, DailyDose)
    assert (dose.unit, dose.low, dose.high) == ("mg", Fraction(1, 2), 1)
    assert len(dose.warnings) == 1
