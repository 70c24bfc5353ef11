"""Tablets: the shelf, the doses they make, and the best way to make one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from clinical.taper import CannotTaper, Pieces, TabletProduct, default_products, products_of
from clinical.taper.tablets import TabletBox

LARGEST = 40_000


def tablet(strength_ug: int, *, halvable: bool = False) -> TabletProduct:
    return TabletProduct(f"t{strength_ug}", f"{strength_ug} ug", strength_ug, "tablet", halvable)


def ways(box: TabletBox, micrograms: int) -> list[str]:
    return [
        " + ".join(f"{p.count} x {p.product.strength_ug}" for p in box.pieces(way))
        for way in box.best(micrograms)
    ]


def test_the_default_products_are_the_eight_us_generics_taken_whole() -> None:
    products = default_products()
    assert sorted((p.strength_ug, p.form) for p in products) == [
        (125, "disintegrating tablet"),
        (250, "disintegrating tablet"),
        (500, "disintegrating tablet"),
        (500, "tablet"),
        (1000, "disintegrating tablet"),
        (1000, "tablet"),
        (2000, "disintegrating tablet"),
        (2000, "tablet"),
    ]
    assert not any(product.halvable for product in products)


def test_a_site_may_name_a_brand() -> None:
    (klonopin,) = products_of(["206157", "206157"])
    assert klonopin.name == "clonazepam 0.5 MG Oral Tablet [Klonopin]"


@pytest.mark.parametrize(
    "rxcui",
    [
        pytest.param("387007", id="a solution is no tablet"),
        pytest.param("204892", id="a tablet no longer sold in the US"),
        pytest.param("2598", id="the ingredient"),
        pytest.param("999", id="no clonazepam at all"),
    ],
)
def test_what_is_no_us_tablet_is_refused_by_its_code(rxcui: str) -> None:
    with pytest.raises(CannotTaper, match=f'"{rxcui}" is not the RxNorm code'):
        products_of(["197527", rxcui])


def test_no_products_is_refused() -> None:
    with pytest.raises(CannotTaper, match="at least one tablet"):
        products_of([])


def test_doses_between_the_tablets_are_not_made() -> None:
    box = TabletBox([tablet(500), tablet(2000)], LARGEST)
    assert [dose for dose in range(0, 2501, 125) if box.makes(dose)] == [
        0,
        500,
        1000,
        1500,
        2000,
        2500,
    ]
    assert (box.below(750), box.at_least(750)) == (500, 1000)
    assert (box.below(500), box.at_most(500), box.at_most(499)) == (0, 500, 0)
    assert box.at_least(40_001) is None


def test_tablets_without_a_common_step_leave_holes() -> None:
    # 3 and 5: nothing makes 1, 2, 4 or 7.
    box = TabletBox([tablet(3000), tablet(5000)], LARGEST)
    made = [n for n in range(12) if box.makes(n * 1000)]
    assert made == [0, 3, 5, 6, 8, 9, 10, 11]
    assert (box.below(7000), box.at_least(7000)) == (6000, 8000)


def test_halves_are_used_only_of_what_may_be_halved() -> None:
    assert not TabletBox([tablet(500)], LARGEST).makes(250)
    halving = TabletBox([tablet(500, halvable=True)], LARGEST)
    assert ways(halving, 750) == ["1.5 x 500"]  # 2 pieces
    (way,) = halving.best(750)
    assert way.pieces == 2


def test_all_ties_are_found_the_preferred_first() -> None:
    # 1.75 mg: 1 + 3 x 0.25 and 3 x 0.5 + 0.25 both have 4 pieces and 2 products (cost 8);
    # 7 x 0.25 costs 9, 1 + 0.5 + 0.25 costs 3 + 6 = 9.
    box = TabletBox([tablet(250), tablet(500), tablet(1000)], LARGEST)
    assert ways(box, 1750) == ["1 x 1000 + 3 x 250", "3 x 500 + 1 x 250"]


def test_a_dose_the_tablets_do_not_make_has_no_best_way() -> None:
    with pytest.raises(CannotTaper, match=r"These tablets do not make 0\.3 mg\."):
        TabletBox(default_products(), LARGEST).best(300)


def test_the_order_in_which_products_are_named_does_not_matter() -> None:
    names = default_products()
    one, other = TabletBox(names, LARGEST), TabletBox(reversed(names), LARGEST)
    assert [ways(one, d) for d in (375, 1875, 3625)] == [ways(other, d) for d in (375, 1875, 3625)]


@pytest.mark.parametrize("strength_ug", [0, -500])
def test_a_tablet_has_a_strength(strength_ug: int) -> None:
    with pytest.raises(CannotTaper, match="not positive"):
        tablet(strength_ug)


def test_a_half_is_a_whole_number_of_micrograms() -> None:
    with pytest.raises(CannotTaper, match="no whole number"):
        tablet(125, halvable=True)


def test_a_count_can_be_taken_when_it_is_whole_or_a_permitted_half() -> None:
    half = Pieces(tablet(500), Decimal("0.5"))
    assert not half.can_be_taken
    assert replace(half, product=tablet(500, halvable=True)).can_be_taken
    assert not Pieces(tablet(500, halvable=True), Decimal("0.25")).can_be_taken
    assert not Pieces(tablet(500), Decimal(0)).can_be_taken
