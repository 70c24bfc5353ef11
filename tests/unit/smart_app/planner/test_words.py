"""Words of the planner's pages: dates, tablets, lists."""

from datetime import date
from decimal import Decimal

import pytest

from clinical.taper import Intake, IntakeTime, Pieces, TabletProduct
from smart_app.planner.words import day_in_plan, day_of_record, intakes_in_words, plural, sentence

ONE = TabletProduct("197528", "clonazepam 1 MG Oral Tablet", 1000, "tablet", halvable=True)
QUARTER = TabletProduct("349195", "x", 250, "disintegrating tablet")


def test_dates_are_said_in_full_and_with_weekday_in_plans():
    assert day_of_record(date(2027, 1, 4)) == "4 Jan 2027"
    assert day_in_plan(date(2027, 1, 4)) == "Mon 4 Jan 2027"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        ("0.5", "half a 1 mg tablet at bedtime"),
        ("1", "one 1 mg tablet at bedtime"),
        ("1.5", "one and a half 1 mg tablets at bedtime"),
        ("3", "three 1 mg tablets at bedtime"),
        ("12", "12 1 mg tablets at bedtime"),
    ],
)
def test_tablets_are_counted_in_words(count, words):
    intake = Intake(IntakeTime.NIGHT, (Pieces(ONE, Decimal(count)),))
    assert intakes_in_words([intake]) == words


def test_intakes_follow_the_day():
    intakes = [
        Intake(IntakeTime.MORNING, (Pieces(ONE, Decimal(1)), Pieces(QUARTER, Decimal(3)))),
        Intake(IntakeTime.NIGHT, (Pieces(ONE, Decimal(2)),)),
    ]
    assert intakes_in_words(intakes) == (
        "one 1 mg tablet and three 0.25 mg disintegrating tablets in the morning; "
        "two 1 mg tablets at bedtime"
    )
    assert intakes_in_words([]) == "no clonazepam"


def test_numbers_and_sentences():
    assert plural(1, "draft") == "1 draft"
    assert plural(4, "draft") == "4 drafts"
    assert sentence("age 72") == "Age 72."
    assert sentence("Is it so?") == "Is it so?"
