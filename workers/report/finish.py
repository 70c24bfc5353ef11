"""The buckets' results -> the report of the night and who is behind it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from clinical.facts import PatientFacts, Unknown
from clinical.measures import PatientMeasures, Tally, measure_patient, report_of
from clinical.policy import Policy
from ehr.read.chart import Resources
from workers.report.files import RunFolder, read_json
from workers.report.worklist import Row, row_of


@dataclass(frozen=True, slots=True)
class Finishing:
    """What `finish` needs.

    `source` says where the records came from ({"kind": "bulk", "group": ...}). `problems` are
    sentences of the export. `earlier` are the reports of earlier nights, newest first, and
    `compared` what the newest of them left for this one.
    """

    run: RunFolder
    ehr_id: str
    night: date
    on: date
    policy: Policy
    made_at: datetime
    source: Mapping[str, Any]
    problems: Sequence[str] = ()
    earlier: Sequence[Mapping[str, Any]] = ()
    compared: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The report, its worklist in the order of patients, and what the next night looks back at."""

    report: dict[str, Any]
    worklist: list[Row]
    compared: dict[str, Any]


def finish(finishing: Finishing) -> Finished:
    """Add up all buckets. The same results give the same report; only `made_at` is given."""
    run = finishing.run
    ledger = read_json(run.prepared)
    results = [read_json(run.count(number)) for number in range(ledger["buckets"])]
    patients = sorted(
        (patient for result in results for patient in result["patients"]),
        key=lambda patient: str(patient["id"]),
    )
    others = ledger["population"]["patients"] - len(patients)
    compared = finishing.compared
    gone = _gone(finishing, {patient["id"] for patient in patients})
    tally = Tally.sum(
        [
            Tally.without_benzodiazepine(others),
            *(Tally.from_json(result["tally"]) for result in results),
            *(_answers_only(Tally.of(measures)) for measures in gone.values()),
        ]
    )
    worklist = [patient["row"] for patient in patients]
    worklist += [row_of(key, Resources({}), measures) for key, measures in gone.items()]
    worklist.sort(key=lambda row: str(row["patient"]))
    counted = report_of(
        tally,
        on=finishing.on,
        policy=finishing.policy,
        before=None if compared is None else Tally.from_json(compared["tally"]),
    )
    return Finished(
        report={
            **counted,
            "night": finishing.night.isoformat(),
            "made_at": finishing.made_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "ehr": finishing.ehr_id,
            "source": dict(finishing.source),
            "completeness": _completeness(ledger, counted, finishing.problems),
            "history": [_values(report) for report in reversed(finishing.earlier)],
        },
        worklist=worklist,
        compared={
            "tally": tally.to_json(),
            "patients": {patient["id"]: _answers(patient["measures"]) for patient in patients},
        },
    )


def _gone(finishing: Finishing, tonight: Collection[str]) -> dict[str, PatientMeasures]:
    """Who was measured last night and has no benzodiazepine in tonight's records, or no records.

    Of these only the measures that look back at last night are asked.
    """
    if finishing.compared is None:
        return {}
    nothing = PatientFacts(birth_date=Unknown("no record of tonight says anything of the patient"))
    before = {
        key: PatientMeasures.from_json(answers)
        for key, answers in sorted(finishing.compared["patients"].items())
        if key not in tonight
    }
    measured = {
        key: measure_patient(nothing, finishing.on, finishing.policy, before=answers)
        for key, answers in before.items()
    }
    return {
        key: measures
        for key, measures in measured.items()
        if any(result.counted for result in measures.results.values())
    }


def _answers_only(tally: Tally) -> Tally:
    """Without the patient, who is counted where the population is."""
    return Tally({key: count for key, count in tally.counts.items() if key != "patients"})


def _answers(measures: Mapping[str, Any]) -> dict[str, Any]:
    """One patient's answers without their words: the next night asks only whether and how much."""
    bare = {
        key: {**result, "why": "", "sources": []} for key, result in measures["results"].items()
    }
    return {**measures, "results": bare, "options": {}, "uncomputable": []}


def _completeness(
    ledger: Mapping[str, Any], counted: Mapping[str, Any], problems: Sequence[str]
) -> dict[str, Any]:
    """What was read, what was not, and what could not be computed and why."""
    reasons = [*counted["completeness"]["reasons"], *ledger["reasons"]]
    reasons.sort(key=lambda reason: (-reason["patients"], -reason["records"], reason["why"]))
    return {
        "files": ledger["files"],
        "quarantine": ledger["quarantine"],
        "repeats": ledger["repeats"],
        "reasons": reasons,
        "problems": [*problems, *ledger["problems"]],
    }


def _values(report: Mapping[str, Any]) -> dict[str, Any]:
    """One earlier night as the trend shows it."""
    return {
        "night": report["night"],
        "values": {
            measure["id"]: [measure["numerator"], measure["denominator"]]
            for measure in report["measures"]
        },
    }
