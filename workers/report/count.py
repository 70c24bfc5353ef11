"""One bucket of patients -> its tally, and who is behind each number.

The records become the same facts as at the other doors, and `clinical.measures` counts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Any

from clinical.daily_dose import NotComputable
from clinical.drugs import Drug, named_ingredients
from clinical.facts import PatientFacts
from clinical.measures import PatientMeasures, Tally, measure_patient
from clinical.policy import Policy
from ehr.decode import decode
from ehr.read.chart import Resources, read_chart
from ehr.read.json import reference_key
from workers.report import duck
from workers.report.files import RunFolder, only_one, read_json, write_json
from workers.report.shards import SHARED
from workers.report.worklist import row_of

Resource = dict[str, Any]

_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Counting:
    """What `count_bucket` needs.

    `compared` holds last night's measures by patient id, as JSON; None when there is no such
    night.
    """

    run: RunFolder
    on: date
    policy: Policy
    compared: Mapping[str, Any] | None = None


def count_bucket(counting: Counting, number: int) -> None:
    """Measure the patients of one bucket and keep the result. A result that is there stays.

    The same bucket gives the same result, whoever counts it and however often. Whoever comes
    while another counts it leaves it to that one.
    """
    with only_one(counting.run.counts / f"{number:05}.lock") as mine:
        if mine and not counting.run.count(number).exists():
            _count(counting, number)


def _count(counting: Counting, number: int) -> None:
    run = counting.run
    gaps: dict[str, str] = read_json(run.prepared)["gaps"]
    tally = Tally.empty()
    patients = []
    for patient_id, resources in _patients(run, number, gaps):
        facts = read_chart(resources, counting.on).facts
        measures = measure_patient(
            facts, counting.on, counting.policy, before=_before(counting, patient_id)
        )
        measures = replace(measures, uncomputable=measures.uncomputable + _unsaid_of_others(facts))
        tally = tally + Tally.of(measures)
        patients.append(
            {
                "id": patient_id,
                "measures": measures.to_json(),
                "row": row_of(patient_id, resources, measures),
            }
        )
    write_json(run.count(number), {"tally": tally.to_json(), "patients": patients})


def _unsaid_of_others(facts: PatientFacts) -> tuple[tuple[str, str], ...]:
    """Benzodiazepines other than clonazepam whose dose cannot be said: not measured, not hidden."""
    found = []
    for record in facts.medications:
        dose = record.course.overall
        if isinstance(record.drug, Drug) and isinstance(dose, NotComputable):
            name = named_ingredients(record.drug, "benzodiazepine")
            if name and not record.drug.contains("clonazepam"):
                found.append((record.source, f"{name}, no clonazepam: {dose.why}"))
    return tuple(sorted(found))


def _before(counting: Counting, patient_id: str) -> PatientMeasures | None:
    if counting.compared is None:
        return None
    kept = counting.compared.get(patient_id)
    return PatientMeasures.not_there() if kept is None else PatientMeasures.from_json(kept)


def _patients(
    run: RunFolder, number: int, gaps: Mapping[str, str]
) -> Iterator[tuple[str, Resources]]:
    """Each patient of the bucket in the order of ids, with the records that are about them."""
    with duck.connect(run.path) as connection:
        rows = connection.execute(
            "SELECT patient, raw FROM read_parquet(?) ORDER BY patient NULLS FIRST, type, id",
            [duck.pattern(run.bucket(number))],
        )
        shared: dict[str, Resource] = {}
        for patient_id, group in groupby(_each(rows), key=lambda row: row[0]):
            resources = [decode(raw.encode()) for _, raw in group]
            if patient_id is None:
                shared = {f"{r['resourceType']}/{r['id']}": r for r in resources}
            else:
                yield patient_id, _resources(resources, shared, gaps)


def _each(rows: Any) -> Iterator[tuple[str | None, str]]:
    while batch := rows.fetchmany(2000):
        yield from batch


def _resources(
    own: Sequence[Resource], shared: Mapping[str, Resource], gaps: Mapping[str, str]
) -> Resources:
    by_type: dict[str, list[Resource]] = {}
    for resource in (*own, *_referred(own, shared)):
        by_type.setdefault(resource["resourceType"], []).append(resource)
    return Resources({kind: tuple(found) for kind, found in by_type.items()}, gaps=gaps)


def _referred(own: Sequence[Resource], shared: Mapping[str, Resource]) -> list[Resource]:
    """The Medications that these records name, and what those name in turn."""
    found: dict[str, Resource] = {}
    looking = list(own)
    for _ in range(_DEEPEST + 1):
        keys = {key for resource in looking for key in _keys(resource)}
        new = {key: shared[key] for key in sorted(keys - found.keys()) if key in shared}
        found |= new
        looking = list(new.values())
    return list(found.values())


def _keys(value: object) -> Iterator[str]:
    """Every reference to a Medication or Substance, wherever it stands."""
    if isinstance(value, list):
        for item in value:
            yield from _keys(item)
    elif isinstance(value, dict):
        key = reference_key(value.get("reference"))
        if key is not None and key.partition("/")[0] in SHARED:
            yield key
        for item in value.values():
            yield from _keys(item)
