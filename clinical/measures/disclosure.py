"""The shareable report: no count from which a small group of patients can be told.

Counts of patients below `small_cell` are "<11"; a count that would give one of them away, alone
or with others, is "suppressed". Known sums are all that the report's own definitions say: who
meets a measure and who does not make its denominator; denominators with their not evaluable make
the population they are taken from; bars make those on clonazepam; an overlap is part of each of
its measures. A numerator near its denominator is a small cell too: the few who do not meet it.

Left out altogether, for they would tell small groups by subtraction or single patients: the
change since the night before, earlier nights, quarantined lines, the wording of problems, and
tapers at months other than the published ones. Counts of files and lines are no patients, but
where even the number of patients is small they are left out too.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

from clinical.measures.definitions import dose_distribution, measure_rules, options
from clinical.measures.suppression import Cell, Sum, closed_cells

SMALL = "<11"
SUPPRESSED = "suppressed"

_POPULATION = ("patients", "with_benzodiazepine", "with_clonazepam", "on_clonazepam")
"""Each is a part of the one before."""
_OF = {
    "long-term-use": "population/with_clonazepam",
    "older-adult": "population/with_clonazepam",
    "high-dose": "population/on_clonazepam",
    "on-taper": "population/on_clonazepam",
    "new-since-last-night": "population/on_clonazepam",
    "supply-ending": "population/with_clonazepam",
    "discontinued": "population/with_clonazepam",
    "opioid-overlap": "population/with_benzodiazepine",
    "poly-cns": "population/with_benzodiazepine",
    "triple": "population/with_benzodiazepine",
    "taper-on-plan": "met/on-taper",
    "taper-stalled": "met/on-taper",
    "taper-reversed": "met/on-taper",
    "no-check-in": "met/on-taper",
}
"""From which patients the denominator and the not evaluable of a measure are taken."""

_COSTS = {"population": 0, "not-evaluable": 1, "met": 2, "bar": 2, "overlap": 2, "off": 2}
_COST_OF_DENOMINATOR = 3
_COST_OF_PATIENTS = 4


def shareable(report: dict[str, Any]) -> dict[str, Any]:
    """The report without small cells; the report that is given stays as it is.

    A count below 11 becomes "<11", one that would give such a count away "suppressed", and a
    percentage of either None.
    """
    shared = copy.deepcopy(report)
    _leave_out(shared)
    table = _Table(shared)
    smallest = measure_rules().small_cell
    closed = closed_cells(table.cells.values(), table.sums, smallest)
    for name in sorted(closed):
        holder, key = table.places[name]
        holder[key] = SMALL if table.cells[name].value < smallest else SUPPRESSED
    for row in (*shared["measures"], *shared.get("options", [])):
        if SMALL in row.values() or SUPPRESSED in row.values():
            row["percent"] = _percent_left(row)
    _close_reasons(shared, smallest)
    if isinstance(shared["population"]["patients"], str):
        for file in shared.get("completeness", {}).get("files", []):
            file.update(dict.fromkeys(("lines", "read", "quarantined"), SUPPRESSED))
    return shared


def _percent_left(row: dict[str, Any]) -> str | None:
    """A percentage stands only where both its numbers do."""
    whole = isinstance(row["numerator"], int) and isinstance(row["denominator"], int)
    return row["percent"] if whole else None


def _leave_out(report: dict[str, Any]) -> None:
    for measure in report["measures"]:
        measure["change"] = None
    if "history" in report:
        report["history"] = []
    courses = report["courses"]
    published = {row["months"] for row in courses["nardi"]}
    courses["off_by_month"] = [r for r in courses["off_by_month"] if r["month"] in published]
    completeness = report["completeness"]
    if "quarantine" in completeness:
        completeness["quarantine"] = []
    if completeness.get("problems"):
        count = len(completeness["problems"])
        completeness["problems"] = [f"{count} problems; the full report names them"]


def _close_reasons(report: dict[str, Any], smallest: int) -> None:
    """Records and patients for whom something could not be computed: they stand in no sum."""
    for row in report["completeness"].get("reasons", []):
        few = row["patients"] < smallest
        for key in ("records", "patients"):
            if few or row[key] < smallest:
                row[key] = SMALL if row[key] < smallest else SUPPRESSED


class _Table:
    """The cells of a report, the sums between them, and where each stands."""

    def __init__(self, report: dict[str, Any]) -> None:
        self.cells: dict[str, Cell] = {}
        self.sums: list[Sum] = []
        self.places: dict[str, tuple[dict[str, Any], str]] = {}
        self._population(report["population"])
        for row in report["measures"]:
            self._answers(row["id"], row)
        for row in report.get("options", []):
            self._answers(row["id"], row)
        self._measure_sums(report)
        for distribution in report["distributions"]:
            self._distribution(distribution)
        self._overlaps(report["overlaps"])
        for row in report["courses"]["off_by_month"]:
            self._show(f"off/{row['month']}", row, "off")
            self._show(f"followed/{row['month']}", row, "followed", _COST_OF_DENOMINATOR)
            self._part_of(f"followed/{row['month']}", f"off/{row['month']}")
        self._months(report["courses"]["off_by_month"])

    def _show(self, name: str, holder: dict[str, Any], key: str, cost: int | None = None) -> None:
        kind = name.partition("/")[0]
        worth = _COSTS.get(kind, _COST_OF_DENOMINATOR) if cost is None else cost
        self.cells[name] = Cell(name, holder[key], cost=worth)
        self.places[name] = (holder, key)

    def _part_of(self, whole: str, *parts: str, may_be_none: bool = False) -> None:
        """The parts come to the whole, with whom they leave out as a hidden cell."""
        rest = self.cells[whole].value - sum(self.cells[part].value for part in parts)
        hidden = f"rest/{len(self.sums)}"
        self.cells[hidden] = Cell(hidden, abs(rest), shown=False, may_be_none=may_be_none)
        if rest == 0 and may_be_none:
            self.sums.append(Sum((whole,), parts))
        elif rest >= 0:
            self.sums.append(Sum((whole,), (*parts, hidden)))
        else:
            self.sums.append(Sum((whole, hidden), parts))

    def _population(self, population: dict[str, Any]) -> None:
        for key in _POPULATION:
            if key in population:
                cost = _COST_OF_PATIENTS if key == "patients" else None
                self._show(f"population/{key}", population, key, cost)
        held = [f"population/{key}" for key in _POPULATION if key in population]
        for whole, part in pairwise(held):
            self._part_of(whole, part, may_be_none=True)

    def _answers(self, key: str, row: dict[str, Any]) -> None:
        self._show(f"met/{key}", row, "numerator")
        self._show(f"counted/{key}", row, "denominator")
        self._show(f"not-evaluable/{key}", row, "not_evaluable")
        self._part_of(f"counted/{key}", f"met/{key}")

    def _measure_sums(self, report: dict[str, Any]) -> None:
        whole_of = dict(_OF)
        for row in report.get("options", []):
            if row["measure"] in _OF:
                whole_of[row["id"]] = _OF[row["measure"]]
        for key, whole in whole_of.items():
            if f"counted/{key}" in self.cells and whole in self.cells:
                answers = (f"counted/{key}", f"not-evaluable/{key}")
                self._part_of(whole, *answers, may_be_none=True)
        self._endings()
        self._choices()
        self._same_patients("escalated", "reduced-25")

    def _endings(self) -> None:
        """Who discontinued did so abruptly or not; both measures ask the same patients."""
        ways = ("discontinued-abrupt", "discontinued-tapered")
        if not all(f"counted/{key}" in self.cells for key in ("discontinued", *ways)):
            return
        abrupt, tapered = ways
        self._equal((f"counted/{abrupt}",), (f"met/{abrupt}", f"met/{tapered}"))
        self._equal((f"counted/{abrupt}",), (f"counted/{tapered}",))
        self._equal((f"not-evaluable/{abrupt}",), (f"not-evaluable/{tapered}",))
        self._equal(
            ("met/discontinued", "not-evaluable/discontinued"),
            (f"counted/{abrupt}", f"not-evaluable/{abrupt}"),
        )

    def _choices(self) -> None:
        """Who meets a measure by a stricter choice of its number meets it by the others too."""
        rules = measure_rules()
        chosen = {"long-term-use": rules.long_term_days, "discontinued": rules.gap_days}
        for measure, days in chosen.items():
            by_days = {option.days: option.id for option in options() if option.measure == measure}
            by_days[days] = measure
            held = [f"met/{by_days[n]}" for n in sorted(by_days)]
            for wider, stricter in pairwise(name for name in held if name in self.cells):
                self._equal((wider,), (stricter,))

    def _same_patients(self, more: str, fewer: str) -> None:
        """The patients of one measure are among those of another."""
        if f"counted/{more}" in self.cells and f"counted/{fewer}" in self.cells:
            self._equal(
                (f"counted/{more}", f"not-evaluable/{more}"),
                (f"counted/{fewer}", f"not-evaluable/{fewer}"),
            )

    def _equal(self, some: tuple[str, ...], others: tuple[str, ...]) -> None:
        """Two sums that are the same but for patients who stand in one only."""
        difference = sum(self.cells[n].value for n in some)
        difference -= sum(self.cells[n].value for n in others)
        if difference == 0:
            self.sums.append(Sum(some, others))
            return
        hidden = f"rest/{len(self.sums)}"
        self.cells[hidden] = Cell(hidden, abs(difference), shown=False, may_be_none=True)
        if difference > 0:
            self.sums.append(Sum(some, (*others, hidden)))
        else:
            self.sums.append(Sum((*some, hidden), others))

    def _distribution(self, distribution: dict[str, Any]) -> None:
        for bar in distribution["bars"]:
            self._show(f"bar/{bar['id']}", bar, "count")
        self._show("not-evaluable/bar", distribution, "not_computable")
        bars = tuple(f"bar/{bar['id']}" for bar in distribution["bars"])
        whole = "population/on_clonazepam"
        if whole in self.cells:
            self._part_of(whole, *bars, "not-evaluable/bar", may_be_none=True)
        threshold = Fraction(distribution["threshold"])
        high = [f"bar/{b.id}" for b in dose_distribution().bars if b.low >= threshold]
        if "met/high-dose" in self.cells and high and set(high) <= set(bars):
            # Orders whose dose is known in part may reach the threshold and have no bar.
            self._equal(("met/high-dose",), tuple(high))

    def _overlaps(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            self._show(f"overlap/{row['id']}", row, "count")
        for row in rows:
            for wider in _wider(row["id"]):
                if wider in self.cells:
                    self._part_of(wider, f"overlap/{row['id']}")

    def _months(self, rows: list[dict[str, Any]]) -> None:
        """Who was followed for longer was followed for as long as the others too."""
        months = sorted(row["month"] for row in rows)
        for earlier, later in pairwise(months):
            self._equal((f"followed/{earlier}",), (f"followed/{later}",))


def _wider(overlap_id: str) -> Iterator[str]:
    """The measures and the overlaps of fewer measures that an overlap is part of."""
    measures = overlap_id.split("+")
    for measure in measures:
        yield f"met/{measure}"
    for size in range(2, len(measures)):
        for some in combinations(measures, size):
            yield f"overlap/{'+'.join(some)}"
