"""What the worklist says of each patient, and how it is filtered, ordered and turned over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from smart_app.planner.words import day_of_record, listed, plural, sentence
from smart_app.reports.links import Choice, Links
from smart_app.reports.shelf import Report, Row
from smart_app.reports.words import count
from smart_app.reports.worklist import (
    NOT_COMPUTABLE,
    PAGE,
    SUPPLY_ENDING,
    Asked,
    Order,
    bars_of,
    chosen,
)


@dataclass(frozen=True, slots=True)
class Why:
    """Why a patient counts, or why that is not known, with the records behind it."""

    title: str
    words: str
    sources: tuple[str, ...]
    is_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Patient:
    """One row."""

    name: str = field(repr=False)
    born: str = field(repr=False)
    dose: str
    is_known: bool
    supply: str
    asked: tuple[Why, ...]
    others: str
    whys: tuple[Why, ...]


@dataclass(frozen=True, slots=True)
class WorklistView:
    """The whole page."""

    headline: str
    night: str
    back: str
    filters: tuple[Choice, ...]
    filtered_by: str | None
    all_link: str
    orders: tuple[Choice, ...]
    patients: tuple[Patient, ...] = field(repr=False)
    shown: str
    earlier: str | None
    later: str | None
    planner: str
    about_planner: str


def worklist_view(
    report: Report,
    rows: Sequence[Row],
    asked: Asked,
    *,
    night: date,
    links: Links,
    planner: str,
) -> WorklistView | None:
    """The page that is asked for; None when the worklist has no such page.

    `planner` is the address that opens the planner from here.
    """
    bars = bars_of(report)
    found = chosen(rows, asked, bars)
    begin = (asked.page - 1) * PAGE
    page = found[begin : begin + PAGE]
    if not page and asked.page > 1:
        return None
    titles = {measure["id"]: measure["title"] for measure in report["measures"]}
    here = f"{links.night(night)}/patients"
    by = _filtered_by(asked, titles, {bar.id: bar.label for bar in bars})

    def to(**changed: object) -> str:
        query = asked.query(**{"page": 1, **changed})
        return f"{here}?{query}" if query else here

    return WorklistView(
        headline=_headline(len(found), by),
        night=day_of_record(night),
        back=links.night(night),
        filters=tuple(
            Choice(
                f"{measure['title']} ({count(measure['numerator'])})",
                to(measures=(measure["id"],), unknown=None, bar=None),
                asked.measures == (measure["id"],),
            )
            for measure in report["measures"]
        ),
        filtered_by=by,
        all_link=to(measures=(), unknown=None, bar=None),
        orders=tuple(
            Choice(words, to(order=order), order is asked.order) for order, words in _ORDERS.items()
        ),
        patients=tuple(_patient(row, titles, asked) for row in page),
        shown=f"{begin + 1} to {begin + len(page)} of {len(found)}" if page else "none",
        earlier=to(page=asked.page - 1) if asked.page > 1 else None,
        later=to(page=asked.page + 1) if begin + PAGE < len(found) else None,
        planner=planner,
        about_planner="The planner asks your EHR who you are and lets you choose the patient "
        "there: choose the one whose row you came from.",
    )


_ORDERS = {
    Order.DOSE: "highest dose first, unknown doses on top",
    Order.NAME: "name",
    Order.SUPPLY: "supply that ends within days first",
}


def _headline(number: int, by: str | None) -> str:
    if by is None:
        return f"{plural(number, 'patient')} in this report"
    return f"{plural(number, 'patient')}: {by}"


def _filtered_by(asked: Asked, titles: dict[str, str], bars: dict[str, str]) -> str | None:
    parts = [titles[key] for key in asked.measures]
    if asked.unknown:
        parts.append(f"not known whether: {titles[asked.unknown]}")
    if asked.bar == NOT_COMPUTABLE:
        parts.append("daily dose not computable")
    elif asked.bar:
        parts.append(bars[asked.bar])
    return listed(parts) if parts else None


def _patient(row: Row, titles: dict[str, str], asked: Asked) -> Patient:
    """`asked` are the reasons for which this patient is in the list; `whys` the others."""
    wanted = {*asked.measures, *((asked.unknown,) if asked.unknown else ())}
    whys = {
        key: Why(
            title,
            sentence(row["why"].get(key) or "Counted; the report keeps no reason"),
            tuple(row["sources"].get(key, ())),
        )
        for key, title in titles.items()
        if key in row["measures"]
    }
    whys |= {
        key: Why(titles[key], sentence(why), tuple(row["sources"].get(key, ())), is_unknown=True)
        for key, why in row["not_evaluable"].items()
        if key in titles
    }
    others = {key: why for key, why in whys.items() if key not in wanted}
    return Patient(
        name=row["name"] or "name not supplied",
        born=_born(row["birth_date"]),
        dose=_dose(row),
        is_known=row["dose_why_not"] is None,
        supply=_supply(row),
        asked=tuple(why for key, why in whys.items() if key in wanted),
        others=_others(tuple(others.values()), has_more=bool(wanted)),
        whys=tuple(others.values()),
    )


def _others(whys: Sequence[Why], *, has_more: bool) -> str:
    if not whys:
        return "" if has_more else "Counted in no measure."
    said = "; ".join(f"{why.title} (not known)" if why.is_unknown else why.title for why in whys)
    return f"Also: {said}" if has_more else said


def _born(text: str | None) -> str:
    if not text:
        return "birth date not supplied"
    try:
        return f"born {day_of_record(date.fromisoformat(text))}"
    except ValueError:
        return f"born {text}"  # a year, or a year and a month: FHIR allows both


def _dose(row: Row) -> str:
    if row["mg_per_day"] is not None:
        return f"{row['mg_per_day']} mg/day"
    if row["dose_why_not"]:
        return f"not computable: {row['dose_why_not']}"
    return "no clonazepam today"


def _supply(row: Row) -> str:
    if SUPPLY_ENDING in row["measures"]:
        return sentence(row["why"].get(SUPPLY_ENDING) or "supply ends within days")
    if SUPPLY_ENDING in row["not_evaluable"]:
        return sentence(f"end of supply not known: {row['not_evaluable'][SUPPLY_ENDING]}")
    return "No end of supply within days." if row["mg_per_day"] is not None else ""
