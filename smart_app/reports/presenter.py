"""What the report's page says: every word and number of it, ready to be placed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from markupsafe import Markup

from clinical.evidence import cite
from smart_app.reports.ledger import Ledger, ledger_of
from smart_app.reports.links import Links
from smart_app.reports.pictures import (
    NARROW,
    WIDE,
    dose_bars,
    overlap_bars,
    sparkline,
    taper_curve,
)
from smart_app.reports.shelf import FailedRun, Report
from smart_app.reports.words import (
    Number,
    change_in_words,
    count,
    day_of_record,
    day_of_text,
    is_shown,
    moment,
    most,
    of,
    percent,
    sentence,
)

NOT_REVIEWED = "No clinician has reviewed these definitions."
NOT_CERTIFIED = (
    "Measures called “-like” follow public measure texts. They are not certified, and they are "
    "not fit for reporting to a payer."
)
SHAREABLE = (
    "Form to pass on: a number under 11 is written as “fewer than 11”, and one that would give "
    "such a number away is “withheld”."
)
WHOLE = (
    "All numbers, small ones too: for you and those named for this clinic. Pass on the other "
    "form, under “To take along”."
)
_IN_THE_HEAD = (
    "long-term-use",
    "high-dose",
    "opioid-overlap",
    "older-adult",
    "escalated",
    "on-taper",
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the headline row."""

    key: str
    title: str
    number: str
    is_word: bool
    of: str
    change: str
    trend: Markup | None
    link: str | None


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One measure of the table, with its definition."""

    key: str
    title: str
    number: str
    of: str
    percent: str
    change: str
    unknown: str
    definition: str
    whom: str
    sources: tuple[str, ...]
    link: str | None
    unknown_link: str | None
    part: bool = False


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


@dataclass(frozen=True, slots=True)
class Night:
    """One night to choose."""

    day: str
    link: str
    is_this: bool


@dataclass(frozen=True, slots=True)
class Download:
    """A file of this night."""

    name: str
    what: str
    link: str


@dataclass(frozen=True, slots=True)
class History:
    """The nights side by side."""

    nights: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class ReportView:
    """The whole page."""

    headline: str
    made: tuple[str, ...]
    form: str
    is_whole: bool
    nothing_shown: str | None
    first_night: str | None
    failed: str | None
    tiles: tuple[Tile, ...]
    measures: tuple[MeasureRow, ...]
    history: History | None
    distributions: tuple[Figure, ...]
    overlaps: Figure | None
    courses: Figure | None
    months: tuple[CourseRow, ...]
    ledger: Ledger
    nights: tuple[Night, ...]
    downloads: tuple[Download, ...]
    worklist: str | None
    remarks: tuple[str, ...] = field(default=(NOT_REVIEWED, NOT_CERTIFIED))


def report_view(
    report: Report,
    *,
    night: date,
    nights: Sequence[date],
    links: Links,
    files: Sequence[str],
    is_whole: bool,
    failed: FailedRun | None = None,
) -> ReportView:
    """The page of a night. `report` has the form that the reader may see (`is_whole` or not).

    `files` are the names of its downloads.
    """
    since = _night_before(report)
    measures = report["measures"]
    return ReportView(
        headline=headline(measures),
        made=_made(report, night),
        form=WHOLE if is_whole else SHAREABLE,
        is_whole=is_whole,
        nothing_shown=_nothing_shown(measures),
        first_night=None if since else _FIRST_NIGHT,
        failed=None if failed is None else failed_in_words(failed),
        tiles=tuple(
            _tile(measure, report, since, night, links)
            for key in _IN_THE_HEAD
            for measure in measures
            if measure["id"] == key
        ),
        measures=tuple(_measure(measure, since, night, links) for measure in measures),
        history=_history(report),
        distributions=tuple(_distribution(one, night, links) for one in report["distributions"]),
        overlaps=_overlaps(report["overlaps"], night, links),
        courses=_courses(report["courses"]),
        months=_months(report["courses"]),
        ledger=ledger_of(report["completeness"], night, links),
        nights=tuple(Night(day_of_record(one), links.night(one), one == night) for one in nights),
        downloads=_downloads(files, night, links, is_whole=is_whole),
        worklist=links.patients(night),
    )


_FIRST_NIGHT = (
    "First night: there is nothing to compare with yet. From the next night on, each number says "
    "how much it changed."
)


def headline(measures: Sequence[Mapping[str, Any]]) -> str:
    """As in "120 patients on clonazepam long-term; 34 patients at 2 mg a day or more"."""
    by_id = {measure["id"]: measure for measure in measures}
    long_term, high = by_id.get("long-term-use"), by_id.get("high-dose")
    if long_term is None:
        return "Clonazepam in this clinic"
    said = f"{_how_many(long_term['numerator'])} on clonazepam long-term"
    if high is not None:
        title = f"{high['title'][:1].lower()}{high['title'][1:]}"
        said += f"; {_of_patients(high['numerator'])} at {title}"
    return said


def _how_many(number: Number) -> str:
    if isinstance(number, int):
        return f"{count(number)} {'patient' if number == 1 else 'patients'}"
    return "Fewer than 11 patients" if most(number) else "A withheld number of patients"


def failed_in_words(failed: FailedRun) -> str:
    """Why there is no newer report, in a sentence."""
    when = moment(failed.at.isoformat())
    return f"The last run failed ({when}): {sentence(failed.why)} The next one starts tonight."


def _night_before(report: Report) -> date | None:
    nights = [date.fromisoformat(one["night"]) for one in report["history"]]
    return max(nights, default=None)


def _made(report: Report, night: date) -> tuple[str, ...]:
    source, people = report["source"], report["population"]
    at = source.get("transaction_time")
    if source["kind"] == "bulk":
        group = f" of the group “{source['group']}”" if source.get("group") else ""
        whence = f"Bulk export{group}" + (f", as the EHR had it on {moment(at)}" if at else "")
    else:
        whence = "A folder of NDJSON files" + (f", exported on {moment(at)}" if at else "")
    return (
        f"Night of {day_of_record(night)}; made on {moment(report['made_at'])}; rules "
        f"{report['rules_version']}.",
        f"{whence}: {count(people['patients'])} patients, {count(people['with_benzodiazepine'])} "
        f"with a benzodiazepine, {count(people['with_clonazepam'])} with clonazepam.",
    )


def _nothing_shown(measures: Sequence[Mapping[str, Any]]) -> str | None:
    counted = [m for m in measures if m["numerator"] != 0]
    if not counted or any(is_shown(measure["numerator"]) for measure in counted):
        return None
    return (
        "No number can be shown here: each is under 11, or would give one away that is. That is "
        "so in a small clinic, and changes as more patients are counted. Whoever is named for "
        "the worklist sees all numbers."
    )


# --- measures ---------------------------------------------------------------------------------


def _tile(
    measure: Mapping[str, Any], report: Report, since: date | None, night: date, links: Links
) -> Tile:
    key = measure["id"]
    points = _points(measure, report, night)
    return Tile(
        key=key,
        title=measure["title"],
        number=count(measure["numerator"]),
        is_word=not is_shown(measure["numerator"]),
        of=of(measure["denominator"], measure["denominator_words"]),
        change=change_in_words(measure["change"], since),
        trend=sparkline(f"trend-{key}", measure["title"], points) if len(points) > 1 else None,
        link=links.patients(night, {"measure": key}),
    )


def _points(measure: Mapping[str, Any], report: Report, night: date) -> list[tuple[str, Number]]:
    past = [
        (day_of_text(one["night"]), one["values"][measure["id"]][0])
        for one in sorted(report["history"], key=lambda one: str(one["night"]))
        if measure["id"] in one["values"] and one["night"] != night.isoformat()
    ]
    return [*past, (day_of_record(night), measure["numerator"])]


def _measure(
    measure: Mapping[str, Any], since: date | None, night: date, links: Links
) -> MeasureRow:
    key, unknown = measure["id"], measure["not_evaluable"]
    return MeasureRow(
        key=key,
        title=measure["title"],
        number=count(measure["numerator"]),
        of=of(measure["denominator"], measure["denominator_words"]),
        percent=percent(measure),
        change=change_in_words(measure["change"], since),
        unknown=count(unknown),
        definition=measure["definition"],
        whom=measure["denominator_words"],
        sources=tuple(_source(source) for source in measure["sources"]),
        link=links.patients(night, {"measure": key}) if measure["numerator"] else None,
        unknown_link=links.patients(night, {"unknown": key}) if unknown else None,
        part=key.startswith(("taper-", "discontinued-")),
    )


def _source(key: str) -> str:
    try:
        source = cite(key)
    except KeyError:
        return key
    return f"{source.title} ({source.year})"


def _history(report: Report) -> History | None:
    if not report["history"]:
        return None
    past = sorted(report["history"], key=lambda one: str(one["night"]))
    nights = (*(day_of_text(one["night"]) for one in past), day_of_text(report["night"]))
    rows = []
    for measure in report["measures"]:
        cells = [
            count(one["values"][measure["id"]][0])
            if measure["id"] in one["values"]
            else "not counted"
            for one in past
        ]
        rows.append((measure["title"], (*cells, count(measure["numerator"]))))
    return History(nights, tuple(rows))


# --- pictures ---------------------------------------------------------------------------------


def _distribution(one: Mapping[str, Any], night: date, links: Links) -> Figure:
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
        lead += f" For {_of_patients(unknown)} no daily dose can be computed; the ledger says why."
    return Figure(
        key=key,
        title=one["title"],
        lead=lead,
        wide=dose_bars(f"{key}-wide", one, WIDE),
        narrow=dose_bars(f"{key}-narrow", one, NARROW),
        rows=tuple(rows),
    )


def _of_patients(number: Number) -> str:
    words = _how_many(number)
    return words if words[0].isdigit() else words[0].lower() + words[1:]


def _overlaps(overlaps: Sequence[Mapping[str, Any]], night: date, links: Links) -> Figure | None:
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
        lead=f"Most frequent: {first['label']}, {_of_patients(first['count'])}. A patient may "
        "stand in several lines.",
        wide=overlap_bars("overlaps-wide", ordered, WIDE),
        narrow=overlap_bars("overlaps-narrow", ordered, NARROW),
        rows=rows,
    )


def _courses(courses: Mapping[str, Any]) -> Figure | None:
    months = courses["off_by_month"]
    published = "; ".join(
        f"{one['off']} of {one['of']} by month {one['months']}" for one in courses["nardi"]
    )
    followed = [one for one in months if one["followed"]]
    beside = (
        f"Published course (Nardi 2010, panic disorder, tapers that were asked for): {published}."
    )
    if not followed:
        return Figure(
            "courses",
            "How tapers end",
            f"No taper has been followed for a month yet; its course will be drawn here. {beside}",
            None,
            None,
            (),
        )
    last = followed[-1]
    return Figure(
        key="courses",
        title="How tapers end",
        lead=f"By month {last['month']}, {count(last['off'])} of {count(last['followed'])} tapers "
        f"that were followed so long are off clonazepam. {beside}",
        wide=taper_curve("courses-wide", courses, WIDE),
        narrow=taper_curve("courses-narrow", courses, NARROW),
        rows=(),
        notes=(
            "Each month counts the tapers that began so long ago; those of later months are fewer.",
        ),
    )


def _months(courses: Mapping[str, Any]) -> tuple[CourseRow, ...]:
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


# --- files ------------------------------------------------------------------------------------


_FILES = {
    "report.json": "everything on this page, as data",
    "report.csv": "the measures, as a table",
    "measure-report.json": "FHIR MeasureReport",
}


def _downloads(
    files: Sequence[str], night: date, links: Links, *, is_whole: bool
) -> tuple[Download, ...]:
    found = [
        Download(
            f"{name}, to pass on",
            _FILES.get(name, ""),
            f"{links.file(night, name)}?form=shareable",
        )
        for name in files
    ]
    if is_whole:
        found += [
            Download(f"{name}, all numbers", _FILES.get(name, ""), links.file(night, name))
            for name in files
        ]
    return tuple(found)
