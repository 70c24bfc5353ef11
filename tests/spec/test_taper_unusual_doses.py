"""Doses off the grid, very high and very small ones, and tablets that may be halved."""

from __future__ import annotations

import pytest
from taper_tables import by_hand, course, taper

from clinical.taper import CannotTaper, TabletProduct, products_of

HALF_MG, ONE_MG, TWO_MG, KLONOPIN = "197527", "197528", "197529", "206157"
ODT_0_125, ODT_0_5 = "349194", "349198"


def test_a_dose_off_the_grid_is_cut_from_where_it_is_and_says_so() -> None:
    schedule = taper("asam-2025", "2.7", to_mg="1.875")
    assert course(schedule) == by_hand("""
        2.5 on 0     | 0.9 x 2.7 = 2.43, up to the grid
        2.25 on 14   | 0.9 x 2.5 = 2.25 exactly; 10 %
        2.125 on 28  | 0.9 x 2.25 = 2.025
        2 on 42      | 0.9 x 2.125 = 1.9125
        1.875 on 56
        """)
    assert str(schedule.steps[0].cut_percent) == "7.4"  # 0.2 of 2.7
    assert schedule.warnings[0] == (
        "These tablets do not make the present 2.7 mg/day; the first cut is counted from it all "
        "the same."
    )


def test_the_largest_dose_goes_down_in_makeable_tenths() -> None:
    assert course(taper("asam-2025", "40", to_mg="26.25")) == by_hand("""
        36 on 0       | 0.9 x 40
        32.5 on 14    | 32.4, up; 9.7 %
        29.25 on 28   | exactly; 10 %
        26.375 on 42  | 26.325, up; 9.8 %
        26.25 on 56   | the goal comes before 23.75
        """)


@pytest.mark.parametrize("from_mg", ["0.125", "0.1", "0.0625"])
def test_the_smallest_tablet_and_less_leave_no_step_before_nothing(from_mg: str) -> None:
    """0.0625 mg is half of the smallest ODT, which is never halved: no tablet makes less."""
    with pytest.raises(CannotTaper) as refusal:
        taper("asam-2025", from_mg)
    assert str(refusal.value) == (
        f"From {from_mg} mg/day the first cut of asam-2025 would be to 0, an abrupt stop: these "
        "tablets leave no step between. Choose a product with a smaller unit, or ask a specialist."
    )


@pytest.mark.parametrize("goal", ["0.1", "0.0625"])
def test_a_goal_below_the_smallest_tablet_is_refused_with_the_nearest_doses(goal: str) -> None:
    with pytest.raises(CannotTaper, match=r"nearest doses they make are 0 mg and 0\.125 mg\.$"):
        taper("asam-2025", "0.5", goal)


def test_a_little_above_the_smallest_tablet_there_is_one_step() -> None:
    assert course(taper("asam-2025", "0.2")) == "0.125 on 0\n0 on 56"


def test_halves_of_a_scored_tablet_make_a_grid_of_their_own() -> None:
    """A site that stocks only 0.5 mg tablets, and halves them: steps of 0.25 mg."""
    halved = products_of([HALF_MG], halved=[HALF_MG])
    schedule = taper("asam-2025", "1", products=halved)
    assert course(schedule) == by_hand("""
        0.75 on 0
        0.5 on 28   | 33.3 %: 46.7, but at most max(28, 18.7)
        0.25 on 56  | 50 %: at most max(28, 28)
        0 on 112    | 100 %: 56
        """)
    words = ["; ".join(intake.in_words for intake in step.intakes) for step in schedule.steps]
    assert words == [
        "night: 1.5 x 0.5 mg tablet",
        "night: 1 x 0.5 mg tablet",
        "night: 0.5 x 0.5 mg tablet",
    ]
    # 1.5 tablets for 28 days, 1 for 28 and half a tablet for 56.
    assert [line.quantity for step in schedule.steps for line in step.dispense] == [42, 28, 28]


def test_only_what_the_site_halves_is_halved() -> None:
    """0.75 mg is 1 and a half of the brand that is scored, not half of the 1 mg tablet."""
    products = products_of([KLONOPIN, ONE_MG], halved=[KLONOPIN])
    (intake,) = taper("asam-2025", "1", products=products).steps[0].intakes
    assert intake.in_words == "night: 1.5 x 0.5 mg tablet"


@pytest.mark.parametrize("odt", [ODT_0_125, ODT_0_5])
def test_a_disintegrating_tablet_is_never_halved(odt: str) -> None:
    with pytest.raises(CannotTaper, match=r"Disintegrating Oral Tablet disintegrates: it is never"):
        products_of([odt], halved=[odt])
    with pytest.raises(CannotTaper, match="never halved"):
        TabletProduct(odt, "an ODT", 500, "disintegrating tablet", halvable=True)


def test_what_is_not_stocked_cannot_be_halved() -> None:
    with pytest.raises(CannotTaper, match=f'"{TWO_MG}" is to be halved and is not among the'):
        products_of([HALF_MG], halved=[TWO_MG])
