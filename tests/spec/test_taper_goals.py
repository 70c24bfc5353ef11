"""Goals: to discontinue, to reduce, to maintain with a review (CLINICAL section 6).

Stopping is not always right (MAUST23): a dose that stays is planned too, with the day on which
it is looked at again.
"""

from __future__ import annotations

from datetime import date

import pytest
from taper_tables import MONDAY, course, taper

from clinical.taper import CannotTaper, judge

REVIEW = date(2027, 3, 29)  # 12 weeks after the first Monday


def test_to_maintain_is_a_plan_without_steps() -> None:
    schedule = taper("asam-2025", "2", "2", review_on=REVIEW)
    assert (schedule.steps, schedule.starts_on, schedule.ends_on) == ((), MONDAY, MONDAY)
    assert schedule.review_on == REVIEW
    assert [intake.in_words for intake in schedule.target.intakes] == ["night: 1 x 2 mg tablet"]
    assert schedule.warnings == (
        "From 2027-01-04 on 2 mg/day is maintained (night: 1 x 2 mg tablet): it needs an order of "
        "its own and the review on 2027-03-29.",
    )
    assert judge(schedule) == ()


def test_a_pace_says_nothing_where_nothing_is_cut() -> None:
    """The limits of nardi-2010 stand beside every plan at that pace, but this one has none."""
    assert len(taper("nardi-2010", "2", "2", review_on=REVIEW).warnings) == 1


def test_the_present_intakes_are_maintained() -> None:
    schedule = taper("asam-2025", "3", "3", times_per_day=3, review_on=REVIEW)
    assert [str(intake.time) for intake in schedule.target.intakes] == [
        "morning",
        "midday",
        "night",
    ]


def test_to_reduce_keeps_the_review_for_the_dose_that_stays() -> None:
    schedule = taper("asam-2025", "2", "1.5", review_on=REVIEW)
    assert course(schedule).endswith("1.5 on 42")  # 15 February
    assert schedule.warnings == (
        "From 2027-02-15 on 1.5 mg/day is maintained (night: 3 x 0.5 mg tablet): it needs an "
        "order of its own and the review on 2027-03-29.",
    )


@pytest.mark.parametrize("review_on", [date(2027, 2, 15), MONDAY])
def test_a_review_before_the_dose_begins_is_refused(review_on: date) -> None:
    with pytest.raises(CannotTaper) as refusal:
        taper("asam-2025", "2", "1.5", review_on=review_on)
    assert str(refusal.value) == (
        f"The review on {review_on} is not after 2027-02-15, when 1.5 mg/day begins: choose a "
        "later day."
    )


def test_a_taper_to_nothing_has_no_review_date() -> None:
    with pytest.raises(CannotTaper, match=r"a taper to 0 mg/day has its check-ins\.$"):
        taper("asam-2025", "2", review_on=REVIEW)


def test_a_dose_that_the_tablets_do_not_make_cannot_be_maintained() -> None:
    with pytest.raises(CannotTaper, match=r"nearest doses they make are 2\.625 mg and 2\.75 mg"):
        taper("asam-2025", "2.7", "2.7", review_on=REVIEW)
