"""What the page about cards says: every word and number of it, ready to be placed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from urllib.parse import urlencode

from markupsafe import Markup

from smart_app.reports.card_counts import FIELDS, SPLITS, Counts, Line, label_of
from smart_app.reports.card_pictures import in_words, outcome_bars, outcome_months
from smart_app.reports.links import Choice
from smart_app.reports.pictures import NARROW, WIDE
from smart_app.reports.words import Number, count, is_shown

MONTHS = 12
"""So many months are looked at, the last one included."""

LEAST_ANSWERED = 10
"""Of fewer answered cards a share is an accident, and no check is named for it."""

WHOLE = (
    "All numbers, small ones too: for you and those named for this clinic. Pass on the other "
    "form, under “To take along”."
)
SHAREABLE = (
    "Form to pass on, of months that are over: a number under 11, or with fewer than 11 patients "
    "behind it, is written as “fewer than 11” or “withheld”, and so is one that would give such a "
    "number away. It cannot be narrowed: two selections side by side could tell single patients."
)
HOW_COUNTED = (
    "A card counts once, by the last that the EHR reported of it, and under every check that it "
    "spoke for; so checks do not add up to all cards. Not answered: the EHR reported nothing, as "
    "where it sends no feedback, or where the order was changed and another card came."
)

_SPLIT_TITLES = {
    "check": "Check",
    "severity": "Severity",
    "hook": "When it was shown",
    "role": "Who saw it",
    "version": "Rules",
}


@dataclass(frozen=True, slots=True)
class CardFilter:
    """What the page is narrowed to; None: to nothing."""

    month: str | None = None
    check: str | None = None

    def query(self) -> str:
        """As it stands in an address, with its question mark; empty without a filter."""
        asked = {"month": self.month, "check": self.check}
        text = urlencode({name: value for name, value in asked.items() if value is not None})
        return f"?{text}" if text else ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, its shares in words."""

    label: str
    shown: str
    accepted: str
    accepted_share: str
    overridden: str
    overridden_share: str
    unanswered: str
    unanswered_share: str


@dataclass(frozen=True, slots=True)
class Split:
    """A table's part: the same cards by something else."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """For two widths."""

    wide: Markup
    narrow: Markup


@dataclass(frozen=True, slots=True)
class CardsView:
    """The whole page. `is_unused`: no card was shown at all, whatever is selected."""

    headline: str
    period: str
    form: str
    is_empty: bool
    is_unused: bool
    months: tuple[Choice, ...]
    checks: tuple[Choice, ...]
    by_check: Picture | None
    by_check_lead: str
    by_month: Picture | None
    by_month_lead: str
    month_rows: tuple[Row, ...]
    reasons: tuple[tuple[str, str, str], ...]
    reasons_lead: str
    splits: tuple[Split, ...]
    in_vain: str | None
    downloads: tuple[tuple[str, str, str], ...]
    back: str
    how_counted: str = HOW_COUNTED


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked at: the months as "2026-11", the oldest first, and what it is narrowed to.

    `known` are the checks that cards spoke for in these months.
    """

    months: tuple[str, ...]
    chosen: CardFilter
    known: tuple[str, ...]


def cards_view(
    counts: Counts, asked: Asked, *, address: str, back: str, is_whole: bool, in_vain: int
) -> CardsView:
    """The page of these numbers, which have the form that the reader may see."""
    chosen = asked.chosen
    checks = [
        one for one in counts.lines["check"] if chosen.check is None or one.key == chosen.check
    ]
    months = [replace(one, label=month_in_words(one.key)) for one in counts.lines["month"]]
    is_empty = counts.total.shown == 0
    return CardsView(
        headline=_headline(counts.total),
        period=_period(asked),
        form=WHOLE if is_whole else SHAREABLE,
        is_empty=is_empty,
        is_unused=not asked.known,
        months=tuple(_months(asked, months, address)) if is_whole else (),
        checks=tuple(_checks(asked, address)) if is_whole else (),
        by_check=None
        if is_empty
        else Picture(
            outcome_bars("checks-wide", checks, WIDE),
            outcome_bars("checks-narrow", checks, NARROW),
        ),
        by_check_lead=_most_overridden(checks),
        by_month=None
        if not months
        else Picture(
            outcome_months("months-wide", months, WIDE, chosen.month),
            outcome_months("months-narrow", months, NARROW, chosen.month),
        ),
        by_month_lead=_month_lead(months),
        month_rows=tuple(_row(one) for one in months),
        reasons=tuple(
            (one.label, count(one.cards), share(one.cards, counts.total.overridden) or "withheld")
            for one in counts.reasons
            if one.cards != 0
        ),
        reasons_lead=_why(counts),
        splits=tuple(
            Split(
                title,
                tuple(_row(one) for one in (checks if split == "check" else counts.lines[split])),
            )
            for split, title in _SPLIT_TITLES.items()
        ),
        in_vain=_in_vain(in_vain) if is_whole else None,
        downloads=tuple(_downloads(address, is_whole=is_whole)),
        back=back,
    )


def months_until(last: date, *, is_whole: bool) -> tuple[str, ...]:
    """The months that are looked at on a day, the oldest first.

    In the form to pass on those that are over: with the present one each card more could be told.
    """
    newest = last.year * 12 + last.month - 1 - (not is_whole)
    return tuple(
        f"{one // 12:04}-{one % 12 + 1:02}" for one in range(newest - MONTHS + 1, newest + 1)
    )


def month_in_words(month: str) -> str:
    """As in "Nov 2026"."""
    return f"{date.fromisoformat(f'{month}-01'):%b %Y}"


def share(part: Number, whole: Number) -> str:
    """As in "25 %", rounded half up, and never to 0 or 100 what is neither.

    Empty where the part or the whole is withheld: then it stands beside a word that says so.
    """
    if whole == 0:
        return "of none"
    if not (isinstance(part, int) and isinstance(whole, int)):
        return ""
    percent = Fraction(part * 100, whole)
    rounded = int(percent + Fraction(1, 2))
    if part and not rounded:
        return "under 1 %"
    return "over 99 %" if rounded == 100 and part < whole else f"{rounded} %"


def _row(one: Line) -> Row:
    answered = _sum(one.accepted, one.overridden)
    return Row(
        label=one.label,
        shown=count(one.shown),
        accepted=count(one.accepted),
        accepted_share=share(one.accepted, answered),
        overridden=count(one.overridden),
        overridden_share=share(one.overridden, answered),
        unanswered=count(one.unanswered),
        unanswered_share=share(one.unanswered, one.shown),
    )


def _sum(one: Number, other: Number) -> Number:
    return one + other if isinstance(one, int) and isinstance(other, int) else None


def _headline(total: Line) -> str:
    if total.shown == 0:
        return "No card was shown"
    said = in_words(total)
    return said[0].upper() + said[1:]


def _period(asked: Asked) -> str:
    first, last = month_in_words(asked.months[0]), month_in_words(asked.months[-1])
    said = f"Cards that were shown from {first} to {last}"
    if asked.chosen.month is not None:
        said = f"Cards that were shown in {month_in_words(asked.chosen.month)}"
    if asked.chosen.check is not None:
        said += f" and spoke for “{label_of('check', asked.chosen.check)}”"
    return f"{said}."


def _months(asked: Asked, months: Sequence[Line], address: str) -> Iterator[Choice]:
    here = asked.chosen
    yield Choice(
        "All months", address + replace(here, month=None).query(), is_this=here.month is None
    )
    for one in reversed(months):
        link = address + replace(here, month=one.key).query()
        yield Choice(one.label, link, is_this=here.month == one.key)


def _checks(asked: Asked, address: str) -> Iterator[Choice]:
    here = asked.chosen
    yield Choice(
        "All checks", address + replace(here, check=None).query(), is_this=here.check is None
    )
    for check in asked.known:
        link = address + replace(here, check=check).query()
        yield Choice(label_of("check", check), link, is_this=here.check == check)


def _most_overridden(checks: Sequence[Line]) -> str:
    told = [one for one in checks if is_shown(one.accepted) and is_shown(one.overridden)]
    answers = {one: _int(_sum(one.accepted, one.overridden)) for one in told if one.overridden}
    many = [one for one, answered in answers.items() if answered >= LEAST_ANSWERED]
    if not many:
        return "Of each check: which cards were accepted, which overridden, which not answered."
    first = max(many, key=lambda one: Fraction(_int(one.overridden), answers[one]))
    answered = answers[first]
    return (
        f"Overridden most often: {first.label}, {count(first.overridden)} of "
        f"{_so_many(answered, 'answered card')} ({share(first.overridden, answered)})."
    )


def _month_lead(months: Sequence[Line]) -> str:
    said = "Cards shown, from below: accepted, overridden, not answered."
    if all(is_shown(getattr(one, name)) for one in months for name in FIELDS):
        return said
    return f"{said} Of a month with a dashed edge some numbers are withheld."


def _why(counts: Counts) -> str:
    if counts.total.overridden == 0:
        return "No card was overridden."
    overridden = counts.total.overridden
    whose = "the overridden cards"
    if isinstance(overridden, int):
        whose = _so_many(overridden, "overridden card")
    return f"Of {whose}. What prescribers wrote in their own words is kept sealed and not shown."


def _so_many(number: int, what: str) -> str:
    """As in "1 answered card" and "1,916 answered cards"."""
    return f"{count(number)} {what}{'' if number == 1 else 's'}"


def _int(number: Number) -> int:
    return number if isinstance(number, int) else 0


def _in_vain(cards: int) -> str | None:
    if not cards:
        return None
    whose = "card that was" if cards == 1 else "cards that were"
    return (
        f"Besides, the EHR reported on {count(cards)} {whose} not shown to its users by the "
        "service that it named, or whose record is still on its way. They are counted nowhere "
        "above, and silenced nothing."
    )


def _downloads(address: str, *, is_whole: bool) -> Iterator[tuple[str, str, str]]:
    for name, what in (("cards.csv", "as a table"), ("cards.json", "as data")):
        yield f"{name}, to pass on", what, f"{address}/{name}?form=shareable"
        if is_whole:
            yield f"{name}, all numbers", what, f"{address}/{name}"


# --- files --------------------------------------------------------------------------------------


def as_table(counts: Counts) -> list[list[object]]:
    """One line a row; reasons have only the cards that were overridden for them."""
    rows: list[list[object]] = [["by", "key", "label", *FIELDS]]
    for split, line in _all_lines(counts):
        rows.append([split, line.key, line.label, *(getattr(line, name) for name in FIELDS)])
    rows += [["reason", it.key, it.label, "", "", it.cards, ""] for it in counts.reasons]
    return rows


def as_data(counts: Counts, about: Mapping[str, object]) -> dict[str, object]:
    """The same as data; `about` says whose cards they are, of when, and in which form."""
    found: dict[str, object] = dict(about)
    for split, line in _all_lines(counts):
        said = {"key": line.key, "label": line.label, **{n: getattr(line, n) for n in FIELDS}}
        if split == "total":
            found["total"] = said
        else:
            held = found.setdefault(f"by_{split}", [])
            assert isinstance(held, list)  # noqa: S101  # nosec B101 - ours
            held.append(said)
    found["reasons"] = [
        {"key": it.key, "label": it.label, "overridden": it.cards} for it in counts.reasons
    ]
    return found


def _all_lines(counts: Counts) -> Iterator[tuple[str, Line]]:
    yield "total", counts.total
    for split in SPLITS:
        yield from ((split, line) for line in counts.lines[split])
