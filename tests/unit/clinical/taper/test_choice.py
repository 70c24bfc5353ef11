"""Among equally good tablets, the course as a whole decides."""

from __future__ import annotations

from clinical.taper import TabletProduct
from clinical.taper.choice import choose
from clinical.taper.tablets import TabletBox

BOX = TabletBox(
    [TabletProduct(f"t{ug}", f"{ug} ug", ug, "tablet") for ug in (250, 500, 1000)], 40_000
)


def chosen(*steps: set[int]) -> list[dict[int, str]]:
    return [
        {
            dose: " + ".join(f"{p.count} x {p.product.strength_ug}" for p in BOX.pieces(way))
            for dose, way in choice.items()
        }
        for choice in choose([frozenset(step) for step in steps], BOX)
    ]


def test_alone_a_tie_goes_to_the_stronger_tablet() -> None:
    # 1.75 mg: 1 + 3 x 0.25 and 3 x 0.5 + 0.25 are equally good.
    assert chosen({1750}) == [{1750: "1 x 1000 + 3 x 250"}]


def test_the_next_step_decides_a_tie() -> None:
    # 1.5 mg is 3 x 0.5: from 1 + 0.25 three products change, from 0.5 + 0.25 only one.
    assert chosen({1750}, {1500}) == [{1750: "3 x 500 + 1 x 250"}, {1500: "3 x 500"}]


def test_the_step_before_decides_a_tie() -> None:
    # 1.25 mg is 1 + 0.25; staying with both beats changing one of them for 0.5.
    assert chosen({1250}, {1750}) == [{1250: "1 x 1000 + 1 x 250"}, {1750: "1 x 1000 + 3 x 250"}]


def test_within_a_step_the_intakes_share_products() -> None:
    # With 0.5 mg at another time of day, 3 x 0.5 + 0.25 needs two products, 1 + 3 x 0.25 three.
    assert chosen({1750, 500}) == [{1750: "3 x 500 + 1 x 250", 500: "1 x 500"}]


def test_where_changes_are_equal_the_step_with_fewer_products_is_better() -> None:
    # Between 1 mg and 0.5 mg: {1, 0.5, 0.25} changes 2 + 2 products, {0.5, 0.25} changes 3 + 1.
    middle = chosen({1000}, {1750, 500}, {500})[1]
    assert middle == {1750: "3 x 500 + 1 x 250", 500: "1 x 500"}


def test_no_steps_need_no_tablets() -> None:
    assert chosen() == []
