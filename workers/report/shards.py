"""One file of resources -> one file of columns, and a ledger of what was not read and why.

DuckDB reads the file and looks for what it lets pass although it is not JSON (a bare NaN, a
trailing comma) or not usable (`null`, `ID` for `id`, an object where the id belongs). If it
fails or finds anything odd, that file, and only that, is judged line by line.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ehr.ask import CARE_PLANS, MEDICATION
from ehr.needs import CONDITIONS, PATIENT
from ehr.read.medications import MEDICATION_RECORDS
from workers.report import duck
from workers.report.files import RunFolder, read_json, whole, write_json
from workers.report.lines import LONGEST_LINE, PATIENT_REFERENCE, is_gzip, read_lines

OWNED = frozenset({*MEDICATION_RECORDS, CONDITIONS.resource_type, CARE_PLANS.resource_type})
"""Types that are kept and belong to a patient."""
SHARED = frozenset({MEDICATION.resource_type, "Substance"})
"""Types that are kept and that records of any patient may refer to."""
KEPT = OWNED | SHARED | {PATIENT.resource_type}

LISTED_AT_MOST = 100
"""Quarantined lines of one file that are listed one by one; all are counted."""


class NothingToRead(ValueError):
    """The folder cannot be read or holds no file."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One file to read: its place in the order of names, and where it lies."""

    number: int
    file: Path

    def columns(self, run: RunFolder) -> Path:
        """Its rows."""
        return run.shards / f"{self.number:05}.parquet"

    def ledger(self, run: RunFolder) -> Path:
        """What was read of it; there when its rows are."""
        return run.shards / f"{self.number:05}.json"


def shards_of(folder: Path) -> list[Shard]:
    """The files of a folder of Bulk Data, whatever their names. Raises NothingToRead.

    Hidden files and sub-folders are left out.
    """
    try:
        files = sorted(
            Path(entry.path)
            for entry in os.scandir(folder)
            if entry.is_file() and not entry.name.startswith(".")
        )
    except OSError as error:
        raise NothingToRead(f"the folder cannot be read ({error.strerror})") from None
    if not files:
        raise NothingToRead("the folder holds no file")
    return [Shard(number, file.absolute()) for number, file in enumerate(files)]


def read_shard(
    shard: Shard, run: RunFolder, connection: duckdb.DuckDBPyConnection
) -> dict[str, Any]:
    """Read one file into columns; its ledger. What was done before is not done again.

    `connection` may read the file's folder and write the run's. Raises OSError when the file
    cannot be read at all.
    """
    ledger_file = shard.ledger(run)
    if ledger_file.exists():
        ledger: dict[str, Any] = read_json(ledger_file)
        return ledger
    with whole(shard.columns(run)) as draft:
        types = _by_duckdb(connection, shard.file, draft, judge=True)
        quarantine: list[dict[str, Any]] = []
        if types is None:
            clean = run.shards / f"{shard.number:05}.clean"
            try:
                quarantine = _judge(shard.file, clean)
                types = _by_duckdb(connection, clean, draft, judge=False) or {}
            finally:
                clean.unlink(missing_ok=True)
    read = sum(types.values())
    ledger = {
        "file": shard.file.name,
        "types": types,
        "lines": read + len(quarantine),
        "read": read,
        "quarantined": len(quarantine),
        "quarantine": quarantine[:LISTED_AT_MOST],
    }
    write_json(ledger_file, ledger)
    return ledger


def _judge(file: Path, clean: Path) -> list[dict[str, Any]]:
    """Write the usable lines of a file to another; what was put in quarantine."""
    quarantine = []
    clean.touch(mode=0o600)
    with clean.open("wb") as out:
        for line in read_lines(file, OWNED):
            if line.why_not is None:
                out.write(line.raw + b"\n")
            else:
                quarantine.append(
                    {
                        "file": file.name,
                        "line": line.number,
                        "sha256": line.sha256,
                        "why": line.why_not,
                    }
                )
    return quarantine


_TEXTS = (
    "$.resourceType",
    "$.id",
    "$.meta.lastUpdated",
    "$.subject.reference",
    "$.patient.reference",
    "$.medicationReference.reference",
    "$.medication.reference.reference",
    "$.medication.reference",
)
_DRUG = ("$.medicationCodeableConcept", "$.medicationReference", "$.medication", "$.contained")
_SHAPES = ("$", "$.resourceType", "$.id")
# Outside a text these follow a colon, a comma or a bracket; within one they cost a second look.
_NOT_JSON = r"[:\[,]\s*[-+]?(?i:nan|inf)|,\s*[\]}]"
_DEEPEST = 400
"""Openings of objects and lists beyond which our decoder may refuse the nesting."""


def key_in_sql(text: str, types: str) -> str:
    """SQL for "Type/id" of a reference, or NULL; as `ehr.read.json.reference_key` reads it."""
    bare = f"rtrim(regexp_replace(trim({text}), '[?#].*$', ''), '/')"
    expression = rf"(?:^|/)((?:{types})/[A-Za-z0-9.\-]{{1,64}})(?:/_history/[^/]*)?$"
    return f"nullif(regexp_extract({bare}, {duck.quoted(expression)}, 1), '')"


def _patient_in_sql(text: str) -> str:
    bare = f"rtrim(regexp_replace(trim({text}), '[?#].*$', ''), '/')"
    return f"nullif(regexp_extract({bare}, {duck.quoted(PATIENT_REFERENCE)}, 1), '')"


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(duck.quoted, values))}]"


def _query(compression: str) -> str:
    """Columns of each line, streamed: nothing of a file is held but a few rows."""
    owned, kept = (_list(sorted(types)) for types in (OWNED, KEPT))
    records = _list(sorted(MEDICATION_RECORDS))
    refers = key_in_sql("coalesce(text[6], text[7], text[8])", "|".join(sorted(SHARED)))
    return f"""
        WITH lines AS (
            SELECT json AS raw,
                   json_extract_string(json, {_list(_TEXTS)}) AS text,
                   json_type(json, {_list(_SHAPES)}) AS shape
            FROM read_ndjson_objects(?, format = 'newline_delimited', compression = '{compression}')
        ), named AS (
            SELECT raw, text, shape, text[1] AS type, trim(text[2]) AS id,
                   CASE WHEN text[1] = 'Patient' THEN trim(text[2])
                        ELSE coalesce({_patient_in_sql("text[4]")}, {_patient_in_sql("text[5]")})
                   END AS patient
            FROM lines
        )
        SELECT type, id, patient,
               epoch_us(try_cast(text[3] AS TIMESTAMPTZ)) AS updated,
               CASE WHEN list_contains({kept}, type) THEN raw END AS raw,
               CASE WHEN list_contains({records}, type)
                    THEN to_json(json_extract(raw, {_list(_DRUG)}))::VARCHAR END AS drug,
               CASE WHEN list_contains({records}, type) THEN {refers} END AS refers,
               shape[1] IS DISTINCT FROM 'OBJECT' OR shape[2] IS DISTINCT FROM 'VARCHAR'
                   OR shape[3] IS DISTINCT FROM 'VARCHAR'
                   OR NOT regexp_full_match(type, '[A-Z][A-Za-z]{{1,63}}') OR id = ''
                   OR (patient IS NULL AND list_contains({owned}, type))
                   OR strlen(raw) > {LONGEST_LINE}
                   OR regexp_matches(raw, {duck.quoted(_NOT_JSON)})
                   OR (length(raw) > 2 * {_DEEPEST}
                       AND length(raw) - length(translate(raw, '[{{', '')) > {_DEEPEST}) AS odd
        FROM named
    """  # noqa: S608  only our own words are put into it


def _by_duckdb(
    connection: duckdb.DuckDBPyConnection, file: Path, draft: Path, *, judge: bool
) -> dict[str, int] | None:
    """Write the columns of a file; how many lines of each type, or None when any is doubtful."""
    compression = "gzip" if is_gzip(file) else "none"
    try:
        connection.execute(
            f"COPY ({_query(compression)}) TO {duck.quoted(str(draft))} "
            "(FORMAT parquet, COMPRESSION zstd)",
            [duck.pattern(file)],
        )
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException):
        if judge:
            return None
        raise
    written = [duck.pattern(draft)]
    doubtful = "SELECT coalesce(bool_or(odd), false) FROM read_parquet(?)"
    if judge and connection.execute(doubtful, written).fetchall() == [(True,)]:
        return None
    rows = connection.execute(
        "SELECT type, count(*) FROM read_parquet(?) GROUP BY type ORDER BY type", written
    ).fetchall()
    return {str(kind): int(number) for kind, number in rows}
