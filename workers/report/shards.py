"""One file of resources -> one file of columns, and a ledger of what was not read and why.

DuckDB reads the file and looks for what it lets pass although it is not JSON (a bare NaN, a
trailing comma) or not usable (`null`, `ID` for `id`, an object where the id belongs). If it
fails or finds anything odd, that file, and only that, is judged line by line.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ehr.ask import CARE_PLANS, MEDICATION
from ehr.bulk import ndjson
from ehr.bulk.ndjson import Line, Quarantined
from ehr.needs import CONDITIONS, PATIENT
from ehr.read.json import as_object, reference_key
from ehr.read.medications import MEDICATION_RECORDS
from workers.report import duck
from workers.report.files import RunFolder, read_json, whole, write_json

OWNED = frozenset({*MEDICATION_RECORDS, CONDITIONS.resource_type, CARE_PLANS.resource_type})
"""Types that are kept and belong to a patient."""
SHARED = frozenset({MEDICATION.resource_type, "Substance"})
"""Types that are kept and that records of any patient may refer to."""
KEPT = OWNED | SHARED | {PATIENT.resource_type}

LONGEST_LINE = 16_000_000
"""Bytes of one resource; within what DuckDB reads in the memory it is given."""

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
        for line in ndjson.read(file):
            found = _usable(line)
            if isinstance(found, bytes):
                out.write(found + b"\n")
            else:
                quarantine.append(
                    {
                        "file": file.name,
                        "line": found.number,
                        "sha256": found.sha256,
                        "why": found.why,
                    }
                )
    return quarantine


def _usable(line: Line | Quarantined) -> bytes | Quarantined:
    """The line, or why it is not used: what we look at has to say whose it is."""
    if isinstance(line, Quarantined):
        return line
    kind = line.resource["resourceType"]
    why = None
    if len(line.raw) > LONGEST_LINE:
        why = "the line is too long"
    elif not _TYPE.fullmatch(kind):
        why = "it has no resourceType that FHIR knows"
    elif kind in OWNED and patient_of(line.resource) is None:
        why = f"the {kind} names no patient"
    if why is None:
        return line.raw
    return Quarantined(line.number, hashlib.sha256(line.raw).hexdigest(), why)


def patient_of(resource: dict[str, Any]) -> str | None:
    """The id of the patient whom the resource belongs to, from `subject` or `patient`."""
    for name in ("subject", "patient"):
        key = reference_key(as_object(resource.get(name)).get("reference"))
        if key is not None and key.startswith("Patient/"):
            return key.removeprefix("Patient/")
    return None


_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
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
# Outside a text these follow a colon, a comma or a bracket; within one they cost a second look:
# NaN and infinity, a comma too many, numbers that no double holds.
_DOUBTFUL = (
    r"[:\[,]\s*[-+]?(?i:nan|inf)|,\s*[\]}]"
    r"|[:\[,]\s*-?[0-9][0-9.]*[eE][-+]?[0-9]{3}|[:\[,]\s*-?[0-9.]{40}"
)
_DEEPEST = 400
"""Openings of objects, or of lists, beyond which our decoder may refuse the nesting."""


def key_in_sql(text: str, types: str) -> str:
    """SQL for "Type/id" of a reference, or NULL; as `ehr.read.json.reference_key` reads it."""
    bare = f"rtrim(regexp_replace(trim({text}), '[?#].*$', ''), '/')"
    expression = rf"(?:^|/)((?:{types})/[A-Za-z0-9.\-]{{1,64}})(?:/_history/[^/]*)?$"
    return f"nullif(regexp_extract({bare}, {duck.quoted(expression)}, 1), '')"


def _patient_in_sql(text: str) -> str:
    return f"nullif(substr({key_in_sql(text, PATIENT.resource_type)}, {len('Patient/') + 1}), '')"


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
            FROM read_ndjson_objects(
                ?, format = 'newline_delimited', compression = '{compression}'
            )
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
                   OR len(list_distinct(json_keys(raw))) <> len(json_keys(raw))
                   OR regexp_matches(raw, {duck.quoted(_DOUBTFUL)})
                   OR (strlen(raw) > 2 * {_DEEPEST}
                       AND strlen(raw) - least(strlen(replace(raw, '[', '')),
                                           strlen(replace(raw, '{{', ''))) > {_DEEPEST}) AS odd
        FROM named
    """  # noqa: S608  # nosec B608  only our own words are put into it


def _is_gzip(file: Path) -> bool:
    """Whether the file is compressed, by its first bytes: names promise nothing."""
    with file.open("rb") as handle:
        return handle.read(2) == b"\x1f\x8b"


def _by_duckdb(
    connection: duckdb.DuckDBPyConnection, file: Path, draft: Path, *, judge: bool
) -> dict[str, int] | None:
    """Write the columns of a file; how many lines of each type, or None when any is doubtful."""
    compression = "gzip" if _is_gzip(file) else "none"
    try:
        connection.execute(
            f"COPY ({_query(compression)}) TO {duck.quoted(str(draft))} "
            "(FORMAT parquet, COMPRESSION zstd)",
            [duck.pattern(file)],
        )
    except duckdb.Error:
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
