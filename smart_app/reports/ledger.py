"""How complete a report is: what was read, what was set aside and where, what is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from smart_app.planner.words import plural
from smart_app.reports.links import Links
from smart_app.reports.words import Number, count, is_shown, sentence, total


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of the export."""

    kind: str
    name: str
    lines: str
    read: str
    quarantined: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One line that was set aside; the fingerprint finds it in the file and tells nothing."""

    name: str
    line: str
    why: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why doses could not be computed."""

    why: str
    records: str
    patients: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The section's words."""

    summary: str
    is_whole: bool
    problems: tuple[str, ...]
    files: tuple[FileRow, ...]
    quarantine: tuple[Quarantined, ...]
    reasons: tuple[Reason, ...]
    about_reasons: str
    link: str | None


def ledger_of(completeness: Mapping[str, Any], night: date, links: Links) -> Ledger:
    """The ledger of a report."""
    files, reasons = completeness["files"], completeness["reasons"]
    problems = tuple(sentence(words) for words in completeness["problems"])
    aside = total([one["quarantined"] for one in files])
    return Ledger(
        summary=_summary(files),
        is_whole=not problems and aside == 0,
        problems=problems,
        files=tuple(
            FileRow(
                one["type"],
                one["file"],
                count(one["lines"]),
                count(one["read"]),
                count(one["quarantined"]),
            )
            for one in files
        ),
        quarantine=tuple(
            Quarantined(one["file"], count(one["line"]), sentence(one["why"]), one["sha256"])
            for one in completeness["quarantine"]
        ),
        reasons=tuple(
            Reason(sentence(one["why"]), count(one["records"]), count(one["patients"]))
            for one in reasons
        ),
        about_reasons=_about(reasons),
        link=links.patients(night, {"bar": "not-computable"}) if reasons else None,
    )


def _summary(files: Sequence[Mapping[str, Any]]) -> str:
    if not files:
        return "No file was read: the source held none."
    numbers: dict[str, Number] = {
        key: total([one[key] for one in files]) for key in ("lines", "read", "quarantined")
    }
    if not all(is_shown(number) for number in numbers.values()):
        return f"{plural(len(files), 'file')} were read; some of their numbers are withheld."
    lines, read, aside = (numbers[key] for key in ("lines", "read", "quarantined"))
    words = f"{plural(len(files), 'file')}, {count(lines)} lines: {count(read)} read"
    if aside == 0:
        return f"{words}, none set aside."
    return f"{words}, {count(aside)} set aside because they could not be read."


def _about(reasons: Sequence[Mapping[str, Any]]) -> str:
    if not reasons:
        return "The dose and days of every record that was looked at could be worked out."
    records = total([one["records"] for one in reasons])
    if not isinstance(records, int):
        return "For some records the dose or its days could not be worked out."
    return (
        f"For {plural(records, 'record')} the dose or its days could not be worked out. A patient "
        "with one may have others that count."
    )
