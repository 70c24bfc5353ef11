"""All files of one run -> one file of records for each bucket of patients, and the ledger.

Only patients with a benzodiazepine are kept. Who that is, our own recogniser says, once for
each way in which a drug is written: what it would recognise in a patient's list is found here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from clinical.drugs import Drug, Unrecognised, named_ingredients, recognise
from ehr.decode import decode
from ehr.needs import CONDITIONS, MEDICATIONS, PATIENT
from ehr.read.drugs import drug_description
from ehr.read.medications import MEDICATION_RECORDS
from workers.report import duck
from workers.report.files import RunFolder, read_json, whole, write_json
from workers.report.shards import KEPT, SHARED, NothingToRead, key_in_sql, read_shard, shards_of

PATIENTS_IN_A_BUCKET = 200
"""Patients of one task: with a hundred records each it ends well before a task's limit."""

_BATCH = 10_000
_DEEPEST = 3
"""Medications within medications that are followed, as `ehr.read.drugs` does."""

Progress = Callable[[str, int, int], None]
"""Told of each step done: "reading", how many are done, of how many."""


def no_progress(_step: str, _done: int, _of: int) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class Preparing:
    """What `prepare` needs: the files, the folder of the run, and a patient's keyed hash."""

    source: Path
    run: RunFolder
    fingerprint: Callable[[str], str]
    patients_in_a_bucket: int = PATIENTS_IN_A_BUCKET
    progress: Progress = no_progress


def prepare(preparing: Preparing) -> dict[str, Any]:
    """Read all files and fill the buckets; the ledger. What was done before is not done again.

    Raises NothingToRead when no file holds a resource.
    """
    run = preparing.run
    if run.prepared.exists():
        ledger: dict[str, Any] = read_json(run.prepared)
        return ledger
    run.make()
    shards = shards_of(preparing.source)
    files = []
    with duck.connect(run.path, reads=[preparing.source.absolute()]) as connection:
        for shard in shards:
            files.append(read_shard(shard, run, connection))
            preparing.progress("reading", len(files), len(shards))
    if not any(file["read"] for file in files):
        raise NothingToRead("no file of the folder holds a FHIR resource")
    for leftover in (run.columns, run.columns.with_suffix(".duckdb.wal")):
        leftover.unlink(missing_ok=True)
    try:
        with duck.connect(run.path, database=run.columns) as connection:
            gathered = _Gathering(connection, preparing).gather(
                [shard.columns(run) for shard in shards]
            )
    finally:
        run.columns.unlink(missing_ok=True)
    ledger = {**gathered, **_ledger(files)}
    write_json(run.prepared, ledger)
    for shard in shards:
        shard.columns(run).unlink(missing_ok=True)
    return ledger


def _ledger(files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    types: Counter[str] = Counter()
    for file in files:
        types.update(file["types"])
    return {
        "files": [
            {
                "type": "+".join(file["types"]) or "none",
                **{key: file[key] for key in ("file", "lines", "read", "quarantined")},
            }
            for file in files
        ],
        "quarantine": [line for file in files for line in file["quarantine"]],
        "types": dict(sorted(types.items())),
        "gaps": _gaps(types),
        "problems": _problems(files, types),
    }


def _gaps(types: Counter[str]) -> dict[str, str]:
    """By key of `ehr.needs`, which list no file holds: absent is not empty."""
    wanted = {
        MEDICATIONS: any(types[kind] for kind in MEDICATION_RECORDS),
        CONDITIONS: types[CONDITIONS.resource_type] > 0,
    }
    return {
        need.key: f"{need.wanted} was not supplied: no file holds any {need.resource_type}"
        for need, supplied in wanted.items()
        if not supplied
    }


def _problems(files: Sequence[dict[str, Any]], types: Counter[str]) -> list[str]:
    """Sentences for whoever reads the numbers."""
    problems = [f"{sentence}." for sentence in _gaps(types).values()]
    if not types[PATIENT.resource_type]:
        problems.append("No file holds any Patient: ages are not known.")
    quarantined = sum(file["quarantined"] for file in files)
    if quarantined:
        lines = "1 line" if quarantined == 1 else f"{quarantined} lines"
        problems.append(f"{lines} could not be used; what they say is missing in every number.")
    outcomes = types["OperationOutcome"]
    if outcomes:
        problems.append(f"The EHR sent {outcomes} OperationOutcome among its resources.")
    return problems


class _Gathering:
    """The steps from columns of all files to buckets, in one database."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, preparing: Preparing) -> None:
        self._db = connection
        self._preparing = preparing

    def gather(self, columns: Sequence[Path]) -> dict[str, Any]:
        """Fill the buckets; what was found, as part of the ledger."""
        self._keep_newest(columns)
        self._recognise_drugs()
        buckets = self._assign_buckets()
        self._find_what_is_referred_to()
        for number in range(buckets):
            self._write_bucket(number)
            self._preparing.progress("sorting", number + 1, buckets)
        return {
            "buckets": buckets,
            "population": self._population(),
            "repeats": self._repeats,
            "reasons": self._reasons(),
        }

    def _keep_newest(self, columns: Sequence[Path]) -> None:
        """Of each resource the newest version; a repeat changes nothing (STANDARDS, Bulk)."""
        kept = ", ".join(map(duck.quoted, sorted(KEPT)))
        self._db.execute(
            f"""
            CREATE TABLE records AS
            SELECT type, id, patient, updated, raw, drug, refers, type || '/' || id AS key
            FROM read_parquet(?)
            WHERE type IN ({kept})
            QUALIFY row_number() OVER (
                PARTITION BY type, id ORDER BY updated DESC NULLS LAST, raw DESC
            ) = 1
            """,  # noqa: S608  # nosec B608  our own words
            [[duck.pattern(file) for file in columns]],
        )
        (lines,) = self._one(
            "SELECT count(*) FROM read_parquet(?) WHERE list_contains(?, type)",
            [[duck.pattern(file) for file in columns], sorted(KEPT)],
        )
        (kept_lines,) = self._one("SELECT count(*) FROM records")
        self._repeats = int(lines) - int(kept_lines)

    def _recognise_drugs(self) -> None:
        """Each way in which a drug is written is recognised once."""
        self._db.execute(
            """
            CREATE TABLE written AS
            SELECT row_number() OVER (ORDER BY drug, refers) AS number, drug, refers
            FROM (SELECT DISTINCT drug, refers FROM records WHERE drug IS NOT NULL);
            CREATE TABLE recognised (
                number BIGINT, benzodiazepine BOOLEAN, clonazepam BOOLEAN, nameless BOOLEAN
            );
            """
        )
        reader = self._db.cursor().execute(
            """
            SELECT written.number, written.drug, written.refers, medication.raw
            FROM written LEFT JOIN records AS medication ON medication.key = written.refers
            ORDER BY written.number
            """
        )
        while rows := reader.fetchmany(_BATCH):
            found = [(int(row[0]), *self._recognise(*row[1:])) for row in rows]
            self._db.execute(
                """
                INSERT INTO recognised SELECT unnest(?::BIGINT[]), unnest(?::BOOLEAN[]),
                    unnest(?::BOOLEAN[]), unnest(?::BOOLEAN[])
                """,
                [list(column) for column in zip(*found, strict=True)],
            )

    def _recognise(
        self, drug: str, refers: str | None, medication: str | None
    ) -> tuple[bool, bool, bool]:
        """Whether it holds a benzodiazepine, clonazepam, or names nothing at all."""
        concept, reference, both, contained = decode(drug.encode())
        record = {
            "resourceType": "MedicationRequest",
            "medicationCodeableConcept": concept,
            "medicationReference": reference,
            "medication": both,
            "contained": contained,
        }
        within = contained if isinstance(contained, list) else [contained]

        def lookup(key: str) -> dict[str, Any] | None:
            if key.startswith("#"):
                held = (item for item in within if isinstance(item, dict))
                return next((item for item in held if f"#{item.get('id')}" == key), None)
            raw = medication if key == refers else self._resource(key)
            resource: dict[str, Any] | None = None if raw is None else decode(raw.encode())
            return resource

        found = recognise(drug_description(record, lookup))
        if isinstance(found, Unrecognised):
            return False, False, found.named is None
        return bool(named_ingredients(found, "benzodiazepine")), _says_clonazepam(found), False

    def _resource(self, key: str) -> str | None:
        """What a Medication refers to in its turn."""
        row = self._db.execute("SELECT raw FROM records WHERE key = ?", [key]).fetchone()
        return None if row is None else str(row[0])

    def _assign_buckets(self) -> int:
        """Every patient with a benzodiazepine gets a bucket by keyed hash; how many buckets."""
        self._db.execute(
            """
            CREATE TABLE concerned AS
            SELECT patient, bool_or(clonazepam) AS clonazepam
            FROM records JOIN written USING (drug) JOIN recognised USING (number)
            WHERE benzodiazepine AND records.refers IS NOT DISTINCT FROM written.refers
            GROUP BY patient;
            CREATE TABLE placed (patient VARCHAR, bucket INTEGER);
            """
        )
        (patients,) = self._one("SELECT count(*) FROM concerned")
        buckets = -(-int(patients) // self._preparing.patients_in_a_bucket)
        reader = self._db.cursor().execute("SELECT patient FROM concerned ORDER BY patient")
        while rows := reader.fetchmany(_BATCH):
            names = [str(row[0]) for row in rows]
            places = [int(self._preparing.fingerprint(name)[:8], 16) % buckets for name in names]
            self._db.execute(
                "INSERT INTO placed SELECT unnest(?::VARCHAR[]), unnest(?::INTEGER[])",
                [names, places],
            )
        return buckets

    def _find_what_is_referred_to(self) -> None:
        """Give every bucket the Medications that its records name, directly or through others."""
        types = "|".join(sorted(SHARED))
        key = key_in_sql("reference", types)
        self._db.execute(
            """
            CREATE TABLE named AS
            SELECT DISTINCT bucket, refers AS key, 0 AS depth
            FROM records JOIN placed USING (patient) WHERE refers IS NOT NULL
            """
        )
        for depth in range(_DEEPEST):
            self._db.execute(
                f"""
                INSERT INTO named
                SELECT DISTINCT bucket, {key} AS key, {depth + 1} FROM (
                    SELECT bucket, unnest(
                        json_extract_string(raw, '$.ingredient[*].itemReference.reference')
                        || json_extract_string(raw, '$.ingredient[*].item.reference.reference')
                        || json_extract_string(raw, '$.ingredient[*].item.reference')
                        || json_extract_string(
                            raw, '$.product.ingredient[*].itemReference.reference'
                        )
                    ) AS reference
                    FROM named JOIN records USING (key) WHERE depth = {depth}
                ) WHERE {key} IS NOT NULL
                """  # noqa: S608  # nosec B608  our own words
            )
        self._db.execute(
            """
            CREATE TABLE bucketed AS
            SELECT * FROM (
                SELECT bucket, patient, type, id, updated, raw
                FROM records JOIN placed USING (patient)
                UNION ALL
                SELECT bucket, NULL, type, id, updated, raw
                FROM (SELECT DISTINCT bucket, key FROM named) JOIN records USING (key)
            ) ORDER BY bucket, patient NULLS FIRST, type, id
            """
        )

    def _write_bucket(self, number: int) -> None:
        with whole(self._preparing.run.bucket(number)) as draft:
            self._db.execute(
                f"""
                COPY (
                    SELECT patient, type, id, updated, raw FROM bucketed
                    WHERE bucket = {number} ORDER BY patient NULLS FIRST, type, id
                ) TO {duck.quoted(str(draft))} (FORMAT parquet, COMPRESSION zstd)
                """  # noqa: S608  # nosec B608  our own words
            )

    def _population(self) -> dict[str, int]:
        (patients,) = self._one("SELECT count(DISTINCT patient) FROM records")
        benzodiazepine, clonazepam = self._one(
            "SELECT count(*), count(*) FILTER (clonazepam) FROM concerned"
        )
        return {
            "patients": int(patients),
            "with_benzodiazepine": int(benzodiazepine),
            "with_clonazepam": int(clonazepam),
        }

    def _reasons(self) -> list[dict[str, Any]]:
        """What could not be looked at, before any patient is."""
        nameless = self._one(
            """
            SELECT count(*), count(DISTINCT patient)
            FROM records JOIN written USING (drug) JOIN recognised USING (number)
            WHERE nameless AND records.refers IS NOT DISTINCT FROM written.refers
            """
        )
        without_patient = self._one(
            """
            SELECT count(*), count(DISTINCT patient) FROM records
            WHERE patient NOT IN (SELECT id FROM records WHERE type = 'Patient')
            """
        )
        whys = {
            "nothing in the record says which medicine it is": nameless,
            "no file holds the Patient whom the record names": without_patient,
        }
        return [
            {"why": why, "records": int(records), "patients": int(patients)}
            for why, (records, patients) in whys.items()
            if records
        ]

    def _one(self, query: str, parameters: Sequence[object] = ()) -> tuple[Any, ...]:
        row = self._db.execute(query, list(parameters)).fetchone()
        assert row is not None  # noqa: S101  # nosec B101  an aggregate has exactly one row
        return tuple(row)


def _says_clonazepam(drug: Drug) -> bool:
    return drug.contains("clonazepam") or "clonazepam" in drug.disputed
