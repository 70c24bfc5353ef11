"""The report's figures: what stands over each picture, and its numbers as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup

from smart_app.reports.links import Links
from smart_app.reports.pictures import NARROW, WIDE, dose_bars, overlap_bars, taper_curve
from smart_app.reports.words import count, is_shown, most, of_patients


@dataclass(frozen=True, slots=True)
class CountRow:
    """One line of a table of counts beside a picture."""

    label: str
    number: str
    link: str | None = None
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture for two widths, and the same numbers as a table."""

    key: str
    title: str
    lead: str
    wide: Markup | None
    narrow: Markup | None
    rows: tuple[CountRow, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CourseRow:
    """One month of the tapers, beside the published one."""

    month: str
    here: str
    share: str
    published: str


def distribution_figure(one: Mapping[str, Any], night: date, links: Links) -> Figure:
    """How the daily doses spread; who has none that can be computed stands apart."""
    key, unit = one["id"], one["unit"]
    rows = [
        CountRow(
            f"{bar['label']} {unit}",
            count(bar["count"]),
            links.patients(night, {"bar": bar["id"]}) if bar["count"] else None,
        )
        for bar in one["bars"]
    ]
    unknown = one["not_computable"]
    rows.append(
        CountRow(
            "not computable",
            count(unknown),
            links.patients(night, {"bar": "not-computable"}) if unknown else None,
        )
    )
    lead = f"The line marks {one['threshold']} {unit}."
    if unknown:
        lead += f" For {of_patients(unknown)} no daily dose can be computed; the ledger says why."
    return Figure(
        key=key,
        title=one["title"],
        lead=lead,
        wide=dose_bars(f"{key}-wide", one, WIDE),
        narrow=dose_bars(f"{key}-narrow", one, NARROW),
        rows=tuple(rows),
    )


def overlaps_figure(
    overlaps: Sequence[Mapping[str, Any]], night: date, links: Links
) -> Figure | None:
    """Risks that come together, the most frequent first."""
    if not overlaps:
        return None
    # What is withheld stands where its most could stand; ties keep the report's order.
    ordered = sorted(overlaps, key=lambda one: -most(one["count"]))
    rows = tuple(
        CountRow(
            one["label"],
            count(one["count"]),
            links.patients(night, [("measure", part) for part in str(one["id"]).split("+")])
            if one["count"]
            else None,
        )
        for one in ordered
    )
    first = ordered[0]
    return Figure(
        key="overlaps",
        title="Risks that come together",
        lead=f"Most frequent: {first['label']}, {of_patients(first['count'])}. A patient may "
        "stand in several lines.",
        wide=overlap_bars("overlaps-wide", ordered, WIDE),
        narrow=overlap_bars("overlaps-narrow", ordered, NARROW),
        rows=rows,
    )


def courses_figure(courses: Mapping[str, Any]) -> Figure:
    """How tapers end, beside the published course."""
    months = courses["off_by_month"]
    published = "; ".join(
        f"{one['off']} of {one['of']} by month {one['months']}" for one in courses["nardi"]
    )
    followed = [one for one in months if one["followed"]]
    beside = f"Published course (Nardi 2010, panic disorder, tapers of a study): {published}."
    if not followed:
        return Figure(
            "courses",
            "How tapers end",
            f"No taper has been followed for a month yet; its course will be drawn here. {beside}",
            None,
            None,
            (),
        )
    return Figure(
        key="courses",
        title="How tapers end",
        lead=f"{_newest(followed)} {beside}",
        wide=taper_curve("courses-wide", courses, WIDE),
        narrow=taper_curve("courses-narrow", courses, NARROW),
        rows=(),
        notes=(
            "Each month counts the tapers that began so long ago; those of later months are fewer.",
        ),
    )


def _newest(followed: Sequence[Mapping[str, Any]]) -> str:
    """How many were off by the last month of which both numbers are told."""
    told = [one for one in followed if is_shown(one["off"]) and is_shown(one["followed"])]
    if not told:
        return "How many tapers ended off clonazepam is withheld: they are few."
    last = told[-1]
    return (
        f"By month {last['month']}, {count(last['off'])} of {count(last['followed'])} tapers that "
        "were followed so long are off clonazepam."
    )


def months_rows(courses: Mapping[str, Any]) -> tuple[CourseRow, ...]:
    """The same month by month."""
    published = {one["months"]: f"{one['off']} of {one['of']}" for one in courses["nardi"]}
    rows = []
    for one in courses["off_by_month"]:
        off, followed = one["off"], one["followed"]
        share = "none followed"
        if followed:
            both = isinstance(off, int) and isinstance(followed, int)
            share = f"{off * 100 / followed:.0f} %" if both else "withheld"
        rows.append(
            CourseRow(
                str(one["month"]),
                f"{count(off)} of {count(followed)}",
                share,
                published.get(one["month"], "not published"),
            )
        )
    return tuple(rows)
