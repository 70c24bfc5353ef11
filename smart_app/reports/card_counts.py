"""What became of the cards that were shown, counted for whoever answers for the rules.

A card counts once, under every check that it spoke for, so the lines of checks do not add up to
the total; those of every other split do. In the form to pass on a number is withheld as in the
report (`clinical.measures.suppression`): when it is under 11, when fewer than 11 patients stand
behind it, and when it would give such a number away.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from clinical.findings import CheckId, Severity
from clinical.measures.definitions import measure_rules
from clinical.measures.suppression import Cell, Sum, closed_cells
from clinical.rules import rule
from smart_app.reports.words import FEW, WITHHELD, Number
from store.card_outcomes import IN_WORDS_ONLY, Shown
from store.feedback import Outcome

FIELDS = ("shown", "accepted", "overridden", "unanswered")
SPLITS = ("check", "month", "severity", "hook", "role", "version")
"""By what cards are counted, beside the reasons."""

NONE = "none"
"""The key of what a card does not have: no check, no role that is known, no reason."""

_HOOKS = {
    "order-select": "When an order was chosen",
    "order-sign": "When orders were about to be signed",
    "patient-view": "When a chart was opened",
}
_ROLES = {
    "Practitioner": "Practitioner",
    "PractitionerRole": "Practitioner in a role",
    "Patient": "Patient",
    "RelatedPerson": "Related person",
    NONE: "Not known",
}
_OTHER_CODE = "code-of-the-ehr"
_REASONS = {
    _OTHER_CODE: "A code of the EHR's own",
    IN_WORDS_ONLY: "In words only",
    NONE: "No reason given",
}
_COSTS = {"shown": 3, "accepted": 2, "overridden": 2, "unanswered": 2}
_COST_OF_ALL_SHOWN, _COST_OF_A_REASON = 4, 1


@dataclass(frozen=True, slots=True)
class Line:
    """So many cards were shown, accepted, overridden and not answered.

    `few` names the numbers behind which fewer than 11 patients stand.
    """

    key: str
    label: str
    shown: Number
    accepted: Number
    overridden: Number
    unanswered: Number
    few: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class Reason:
    """So many cards were overridden for this reason."""

    key: str
    label: str
    cards: Number
    few: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Counts:
    """All numbers. `lines` holds those of each of SPLITS."""

    total: Line
    lines: Mapping[str, tuple[Line, ...]]
    reasons: tuple[Reason, ...]


def enough_patients() -> int:
    """So many patients behind a number are enough to tell it."""
    return measure_rules().small_cell


class _Tally:
    """Cards and patients, by what became of the cards; patients until they are enough."""

    def __init__(self) -> None:
        self.cards: Counter[str] = Counter()
        self.patients: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, name: str, one: Shown) -> None:
        self.cards[name] += one.cards
        if self.few(name):
            self.patients[name] |= one.patients

    def few(self, name: str) -> bool:
        return len(self.patients[name]) < enough_patients()

    def line(self, key: str, label: str) -> Line:
        numbers = {name: self.cards[name] for name in FIELDS}
        return Line(key, label, **numbers, few=frozenset(n for n in FIELDS if self.few(n)))


def counted(rows: Iterable[Shown], months: Iterable[str], reasons: Mapping[str, str]) -> Counts:
    """The numbers of these cards; `months` are those that have a line, also without a card.

    `reasons` are the reasons that our cards offer, by "system|code", as they are displayed.
    """
    total = _Tally()
    tallies: dict[str, defaultdict[str, _Tally]] = {it: defaultdict(_Tally) for it in SPLITS}
    why = _Tally()
    for month in months:
        tallies["month"][month] = _Tally()
    for one in rows:
        for name in ("shown", _field(one.outcome)):
            total.add(name, one)
            for split, key in _places(one):
                tallies[split][key].add(name, one)
        if one.outcome is Outcome.OVERRIDDEN:
            why.add(_reason(one.reason, reasons), one)
    if not why.cards:
        why.cards[NONE] = 0  # an empty list would tell that no card was overridden
    return Counts(
        total=total.line("total", "All cards"),
        lines={
            split: tuple(
                found[key].line(key, label_of(split, key))
                for key in sorted(found, key=lambda key: _order(split, key, found[key]))
            )
            for split, found in tallies.items()
        },
        reasons=tuple(
            Reason(key, reasons.get(key) or _REASONS[key], cards, why.few(key))
            for key, cards in sorted(why.cards.items(), key=lambda it: (-it[1], it[0]))
        ),
    )


def label_of(split: str, key: str) -> str:
    """How people read a key of a split."""
    if split == "check":
        if key in set(CheckId):
            return rule(CheckId(key)).called
        return "No check" if key == NONE else key
    if split == "severity":
        return Severity(key).word if key in set(Severity) else key
    return {"hook": _HOOKS, "role": _ROLES}.get(split, {}).get(key, key)


def _field(outcome: Outcome | None) -> str:
    return "unanswered" if outcome is None else outcome.value


def _places(one: Shown) -> Iterator[tuple[str, str]]:
    yield from (("check", check) for check in one.checks or (NONE,))
    yield "month", one.month
    yield "severity", one.severity
    yield "hook", one.hook
    yield "role", one.user_role or NONE
    yield "version", one.rules_version


def _order(split: str, key: str, tally: _Tally) -> tuple[int | str, ...]:
    if split in ("check", "role"):
        return (-tally.cards["shown"], key)
    known = {"severity": [it.value for it in Severity], "hook": list(_HOOKS)}.get(split, [])
    return (known.index(key) if key in known else len(known), key)


def _reason(reason: str | None, ours: Mapping[str, str]) -> str:
    if reason is None:
        return NONE
    return reason if reason in ours or reason == IN_WORDS_ONLY else _OTHER_CODE


# --- the form to pass on ------------------------------------------------------------------------


def shareable(counts: Counts) -> Counts:
    """The same without small numbers and without those that would give them away."""
    smallest = enough_patients()
    table = _Table(counts)
    closed = closed_cells(table.cells.values(), table.sums, smallest)

    def told(name: str, number: Number) -> Number:
        if name not in closed:
            return number
        return FEW if isinstance(number, int) and number < smallest else WITHHELD

    def line(split: str, one: Line) -> Line:
        shown, accepted, overridden, unanswered = (
            told(f"{split}/{one.key}/{name}", getattr(one, name)) for name in FIELDS
        )
        return Line(one.key, one.label, shown, accepted, overridden, unanswered)

    return Counts(
        total=line("total", counts.total),
        lines={
            split: tuple(line(split, one) for one in lines) for split, lines in counts.lines.items()
        },
        reasons=tuple(
            replace(one, cards=told(f"reason/{one.key}", one.cards)) for one in counts.reasons
        ),
    )


class _Table:
    """The numbers as cells, and the sums that a reader knows to hold between them."""

    def __init__(self, counts: Counts) -> None:
        self.cells: dict[str, Cell] = {}
        self.sums: list[Sum] = []
        self._line("total", counts.total)
        for split, lines in counts.lines.items():
            # That no card was shown in a month tells nothing of anybody.
            told = [one for one in lines if one.shown]
            for one in told:
                self._line(split, one)
            for name in FIELDS:
                whole = f"total/{counts.total.key}/{name}"
                parts = tuple(f"{split}/{one.key}/{name}" for one in told)
                if split != "check":
                    self.sums.append(Sum((whole,), parts))
                    continue
                # A card counts under several checks: of each only those of other checks are known.
                for part in parts:
                    self._rest(whole, part)
        for reason in counts.reasons:
            self._add(f"reason/{reason.key}", reason.cards, _COST_OF_A_REASON, few=reason.few)
        overridden = f"total/{counts.total.key}/overridden"
        self.sums.append(Sum((overridden,), tuple(f"reason/{it.key}" for it in counts.reasons)))

    def _line(self, split: str, one: Line) -> None:
        for name in FIELDS:
            cost = _COST_OF_ALL_SHOWN if (split, name) == ("total", "shown") else _COSTS[name]
            self._add(f"{split}/{one.key}/{name}", getattr(one, name), cost, few=name in one.few)
        of_it = tuple(f"{split}/{one.key}/{name}" for name in FIELDS)
        self.sums.append(Sum(of_it[:1], of_it[1:]))

    def _add(self, name: str, value: Number, cost: int, *, few: bool) -> None:
        assert isinstance(value, int)  # noqa: S101  # nosec B101 - counted, not withheld yet
        self.cells[name] = Cell(name, value, cost=cost, few=few)

    def _rest(self, whole: str, part: str) -> None:
        hidden = f"other than {part}"
        value = self.cells[whole].value - self.cells[part].value
        self.cells[hidden] = Cell(hidden, value, shown=False, may_be_none=True)
        self.sums.append(Sum((whole,), (part, hidden)))
