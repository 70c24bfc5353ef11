"""What the report's page says: every word and number of it, ready to be placed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from markupsafe import Markup

from clinical.evidence import cite
from smart_app.reports.figures import (
    CourseRow,
    Figure,
    courses_figure,
    distribution_figure,
    months_rows,
    overlaps_figure,
)
from smart_app.reports.ledger import Ledger, ledger_of
from smart_app.reports.links import Links
from smart_app.reports.pictures import sparkline
from smart_app.reports.shelf import LastRun, Report
from smart_app.reports.words import (
    Number,
    change_in_words,
    count,
    day_of_record,
    day_of_text,
    how_many,
    is_shown,
    moment,
    of,
    of_patients,
    percent,
    sentence,
    some,
)
from store.report_runs import RunState

NOT_REVIEWED = "No clinician has reviewed these definitions."
NOT_CERTIFIED = (
    "Measures called “-like” follow public measure texts. They are not certified, and they are "
    "not fit for reporting to a payer."
)
SHAREABLE = (
    "Form to pass on: a number under 11 is written as “fewer than 11”, and one that would give "
    "such a number away is “withheld”. Changes and trends are left out: two nights side by side "
    "could tell single patients."
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
    options: tuple[str, ...]
    whom: str
    sources: tuple[str, ...]
    link: str | None
    unknown_link: str | None
    part: bool = False


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
class FileOffer:
    """A file that can be made of a report; `needs_all`: of one with every number only."""

    name: str
    what: str
    needs_all: bool = False


@dataclass(frozen=True, slots=True)
class RunNote:
    """What is to be said of a run that has not ended well, or not yet."""

    words: str
    is_failed: bool = False


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
    has_changes: bool
    nothing_shown: str | None
    first_night: str | None
    run: RunNote | None
    tiles: tuple[Tile, ...]
    measures: tuple[MeasureRow, ...]
    history: History | None
    distributions: tuple[Figure, ...]
    overlaps: Figure | None
    courses: Figure
    months: tuple[CourseRow, ...]
    ledger: Ledger
    nights: tuple[Night, ...]
    downloads: tuple[Download, ...]
    worklist: str | None
    cards: str
    remarks: tuple[str, ...] = field(default=(NOT_REVIEWED, NOT_CERTIFIED))


def report_view(
    report: Report,
    *,
    night: date,
    nights: Sequence[date],
    links: Links,
    files: Sequence[FileOffer],
    is_whole: bool,
    run: LastRun | None = None,
) -> ReportView:
    """The page of a night. `report` has the form that the reader may see (`is_whole` or not).

    `run` is the last one, on the page of the newest night.
    """
    since = _night_before(report)
    measures = report["measures"]
    return ReportView(
        headline=headline(measures),
        made=_made(report, night),
        form=WHOLE if is_whole else SHAREABLE,
        is_whole=is_whole,
        has_changes=is_whole or since is not None,
        nothing_shown=_nothing_shown(measures),
        first_night=None if since or not is_whole else _FIRST_NIGHT,
        run=run_in_words(run),
        tiles=tuple(
            _tile(measure, report, since, night, links)
            for key in _IN_THE_HEAD
            for measure in measures
            if measure["id"] == key
        ),
        measures=tuple(_measure(measure, report, since, night, links) for measure in measures),
        history=_history(report),
        distributions=tuple(
            distribution_figure(one, night, links) for one in report["distributions"]
        ),
        overlaps=overlaps_figure(report["overlaps"], night, links),
        courses=courses_figure(report["courses"]),
        months=months_rows(report["courses"]),
        ledger=ledger_of(report["completeness"], night, links),
        nights=tuple(Night(day_of_record(one), links.night(one), one == night) for one in nights),
        downloads=_downloads(files, night, links, is_whole=is_whole),
        worklist=links.patients(night),
        cards=links.cards,
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
    said = f"{how_many(long_term['numerator'])} on clonazepam long-term"
    if high is not None:
        title = f"{high['title'][:1].lower()}{high['title'][1:]}"
        said += f"; {of_patients(high['numerator'])} at {title}"
    return said


_STAGES = {
    RunState.ASKED: "it has been asked for",
    RunState.EXPORTING: "the EHR is exporting its records",
    RunState.PREPARING: "the records are being read",
    RunState.COUNTING: "patients are being counted",
    RunState.FINISHING: "the counts are being added up",
}


def run_in_words(run: LastRun | None) -> RunNote | None:
    """Why there is no newer report, or how far it is; None when there is nothing to say."""
    if run is None or run.state is RunState.DONE:
        return None
    at, night = moment(run.at.isoformat()), day_of_record(run.night)
    if run.state is RunState.FAILED:
        why = sentence(run.why or "the run keeps no reason")
        words = f"The report of {night} could not be made ({at}). {why} Nothing older was changed."
        return RunNote(words, is_failed=True)
    return RunNote(f"The report of {night} is being made: {_STAGES[run.state]} (since {at}).")


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
        f"{whence}: {some(people['patients'])} patients, {some(people['with_benzodiazepine'])} "
        f"with a benzodiazepine within a year, {some(people['with_clonazepam'])} with clonazepam; "
        f"{some(people['on_clonazepam'])} take clonazepam today.",
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
    measure: Mapping[str, Any], report: Report, since: date | None, night: date, links: Links
) -> MeasureRow:
    key, unknown = measure["id"], measure["not_evaluable"]
    whom = measure["denominator_words"]
    return MeasureRow(
        key=key,
        title=measure["title"],
        number=count(measure["numerator"]),
        of=of(measure["denominator"], whom),
        percent=percent(measure),
        change=change_in_words(measure["change"], since),
        unknown=count(unknown),
        definition=_definition(measure),
        options=tuple(
            f"{one['label']}: {count(one['numerator'])} {of(one['denominator'], whom)}"
            for one in report.get("options", ())
            if one["measure"] == key
        ),
        whom=whom,
        sources=tuple(_source(source) for source in measure["sources"]),
        link=links.patients(night, {"measure": key}) if measure["numerator"] else None,
        unknown_link=links.patients(night, {"unknown": key}) if unknown else None,
        part=key.startswith(("taper-", "discontinued-")),
    )


def _definition(measure: Mapping[str, Any]) -> str:
    note = measure.get("note")
    return f"{measure['definition']} {note}" if note else str(measure["definition"])


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


# --- files ------------------------------------------------------------------------------------


def _downloads(
    files: Sequence[FileOffer], night: date, links: Links, *, is_whole: bool
) -> tuple[Download, ...]:
    shared = [
        Download(
            f"{file.name}, to pass on", file.what, f"{links.file(night, file.name)}?form=shareable"
        )
        for file in files
        if not file.needs_all
    ]
    whole = [
        Download(f"{file.name}, all numbers", file.what, links.file(night, file.name))
        for file in files
    ]
    return (*shared, *(whole if is_whole else ()))
