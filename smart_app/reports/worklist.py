"""The patients behind the report's numbers: filtered, ordered and laid out page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from smart_app.reports.bars import Edges, edges_of
from smart_app.reports.shelf import Report, Row

PAGE = 25
NOT_COMPUTABLE = "not-computable"
SUPPLY_ENDING = "supply-ending"


class Order(StrEnum):
    """By what the patients are ordered."""

    DOSE = "dose"
    NAME = "name"
    SUPPLY = "supply"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a worklist's address asks for.

    `measures` have to be met, all of them; `unknown` could not be evaluated; `bar` is the place
    in the dose distribution, or "not-computable".
    """

    measures: tuple[str, ...] = ()
    unknown: str | None = None
    bar: str | None = None
    order: Order = Order.DOSE
    page: int = 1

    def query(self, **changed: object) -> str:
        """The same with something changed, as an address has it."""
        one = replace(self, **changed)  # type: ignore[arg-type]  # its own fields
        pairs = [("measure", key) for key in one.measures]
        pairs += [("unknown", one.unknown)] if one.unknown else []
        pairs += [("bar", one.bar)] if one.bar else []
        pairs += [("sort", one.order.value)] if one.order is not Order.DOSE else []
        pairs += [("page", str(one.page))] if one.page > 1 else []
        return urlencode(pairs)


class NotAsked(ValueError):
    """An address that asks for what there is not; the sentence says what."""


def read_query(query: QueryParams, known: Sequence[str], bars: Sequence[str]) -> Asked:
    """What is asked for. `known` are the measures of the report, `bars` those of its doses.

    Raises NotAsked: a filter that is not understood must not look like a filter that found all.
    """
    measures = tuple(dict.fromkeys(query.getlist("measure")))
    unknown, bar = query.get("unknown") or None, query.get("bar") or None
    for key in (*measures, *((unknown,) if unknown else ())):
        if key not in known:
            raise NotAsked("This report has no measure of that name.")
    if bar is not None and bar not in (*bars, NOT_COMPUTABLE):
        raise NotAsked("This report has no dose range of that name.")
    try:
        order = Order(query.get("sort") or Order.DOSE)
    except ValueError:
        raise NotAsked("Patients are ordered by dose, by name or by the end of supply.") from None
    page = query.get("page", "1")
    if not (page.isascii() and page.isdigit() and 0 < int(page[:6]) <= 100_000):
        raise NotAsked("There is no such page.")
    return Asked(measures, unknown, bar, order, int(page[:6]))


@dataclass(frozen=True, slots=True)
class Bar:
    """A range of the daily dose to choose by."""

    id: str
    label: str
    edges: Edges


def bars_of(report: Report) -> tuple[Bar, ...]:
    """The ranges that a report's distributions show."""
    return tuple(
        Bar(bar["id"], f"{bar['label']} {one['unit']}", edges)
        for one in report["distributions"]
        for bar in one["bars"]
        if (edges := edges_of(str(bar["id"]))) is not None
    )


def chosen(rows: Sequence[Row], asked: Asked, bars: Sequence[Bar]) -> list[Row]:
    """The patients who are asked for, in the order that is asked for."""
    edges = next((bar.edges for bar in bars if bar.id == asked.bar), None)
    found = [row for row in rows if _fits(row, asked, edges)]
    return sorted(found, key=_KEYS[asked.order])


def _fits(row: Row, asked: Asked, edges: Edges | None) -> bool:
    if not set(asked.measures) <= set(row["measures"]):
        return False
    if asked.unknown is not None and asked.unknown not in row["not_evaluable"]:
        return False
    if asked.bar == NOT_COMPUTABLE:
        return row["mg_per_day"] is None and row["dose_why_not"] is not None
    if asked.bar is None:
        return True
    dose = row["mg_per_day"]
    return edges is not None and dose is not None and edges.hold(Fraction(str(dose)))


def _name(row: Row) -> tuple[str, str]:
    return (str(row["name"] or "").casefold(), str(row["patient"]))


def _by_dose(row: Row) -> tuple[object, ...]:
    """The highest first. A dose that is not known comes before all: it may be the highest."""
    if row["mg_per_day"] is None:
        return (0 if row["dose_why_not"] else 2, Fraction(0), *_name(row))
    return (1, -Fraction(str(row["mg_per_day"])), *_name(row))


def _by_supply(row: Row) -> tuple[object, ...]:
    """Supply that ends first; then where that is not known."""
    if SUPPLY_ENDING in row["measures"]:
        return (0, *_name(row))
    return (1 if SUPPLY_ENDING in row["not_evaluable"] else 2, *_name(row))


_KEYS = {Order.DOSE: _by_dose, Order.NAME: _name, Order.SUPPLY: _by_supply}
