"""Which cells to close, on tables small enough to check by hand."""

from clinical.measures.suppression import Cell, Sum, closed_cells, found_out

SMALLEST = 11


def closed(sums, *cells):
    return closed_cells(cells, sums, SMALLEST)


def test_a_small_cell_is_closed_and_a_cell_of_eleven_is_not():
    assert closed([], Cell("a", 10), Cell("b", 11), Cell("none", 0)) == {"a", "none"}


def test_the_only_small_part_of_a_sum_takes_another_with_it():
    """100 = 90 + 10: without the 90 or the 100 the 10 would be 100 - 90. The cheapest goes."""
    sums = [Sum(("all",), ("a", "b"))]
    assert closed(sums, Cell("all", 100, cost=3), Cell("a", 90, cost=2), Cell("b", 10)) == {
        "a",
        "b",
    }
    assert closed(sums, Cell("all", 100, cost=1), Cell("a", 90, cost=2), Cell("b", 10)) == {
        "all",
        "b",
    }


def test_two_small_parts_hide_each_other():
    """100 = 85 + 9 + 6: the two come to 15, in several ways."""
    sums = [Sum(("all",), ("a", "b", "c"))]
    cells = (Cell("all", 100), Cell("a", 85), Cell("b", 9), Cell("c", 6))
    assert closed(sums, *cells) == {"b", "c"}


def test_two_parts_that_can_only_both_be_ten_hide_nothing():
    """100 = 80 + 10 + 10: two numbers below 11 come to 20 in one way only."""
    sums = [Sum(("all",), ("a", "b", "c"))]
    cells = (Cell("all", 100, cost=9), Cell("a", 80), Cell("b", 10), Cell("c", 10))
    assert closed(sums, *cells) == {"a", "b", "c"}


def test_two_parts_of_a_sum_of_nothing_hide_nothing():
    """80 = 80 + 0 + 0."""
    sums = [Sum(("all",), ("a", "b", "c"))]
    cells = (Cell("all", 80, cost=9), Cell("a", 80), Cell("b", 0), Cell("c", 0))
    assert closed(sums, *cells) == {"a", "b", "c"}


def test_a_hidden_rest_that_is_small_closes_the_part():
    """95 of 100: the 5 who do not meet it are a small cell that nobody prints."""
    sums = [Sum(("of",), ("met", "rest"))]
    cells = (Cell("of", 100, cost=3), Cell("met", 95), Cell("rest", 5, shown=False))
    assert closed(sums, *cells) == {"met"}


def test_a_large_rest_may_be_worked_out():
    sums = [Sum(("of",), ("met", "rest"))]
    cells = (Cell("of", 100, cost=3), Cell("met", 50), Cell("rest", 50, shown=False))
    assert closed(sums, *cells) == frozenset()


def test_sums_that_tell_together_what_neither_tells_alone_are_solved():
    """7 + 8 = 15 and 7 + 8 + 5 = 20 tell the 5, though each sum has two unknowns or more."""
    cells = {
        c.name: c for c in (Cell("x", 15), Cell("y", 20), Cell("a", 7), Cell("b", 8), Cell("c", 5))
    }
    sums = [Sum(("x",), ("a", "b")), Sum(("y",), ("a", "b", "c"))]
    assert found_out(cells, sums, {"a", "b", "c"}, SMALLEST) == {"c"}
    assert len(closed(sums, *cells.values()) & {"x", "y"}) == 1


def test_what_turns_out_not_to_be_needed_is_opened_again():
    """The 8 stands in two sums; the 40 is closed for the first, and the 80 serves both."""
    sums = [Sum(("all",), ("a", "b", "c")), Sum(("high",), ("b", "c"))]
    cells = (
        *(Cell("all", 128, cost=3), Cell("high", 88, cost=3)),
        *(Cell("a", 40), Cell("b", 80), Cell("c", 8)),
    )
    assert closed(sums, *cells) == {"b", "c"}
