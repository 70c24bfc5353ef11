"""Each row is our work beside a plain yardstick of the same input, in this run on this machine.

A ratio says more than a time: it moves when the code changes and hardly with the machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from itertools import islice
from typing import Any

from bench import clinic, over_http, report
from cds_hooks.request import read_request
from cds_hooks.services.order_safety import HOOKS, Bench, answer
from clinical.dose_history import dose_history
from clinical.drugs import Drug, Unrecognised, recognise
from clinical.duration import clonazepam_days, present_use
from clinical.facts import PatientFacts
from clinical.kinetics import dose_curve
from clinical.policy import default_policy
from clinical.quantities import Milligrams
from clinical.taper import Schedule, TaperRequest, pace, plan
from clinical.taper.intakes import present_regimen
from ehr.decode import decode, encode
from ehr.read.chart import Resources, read_chart
from ehr.read.courses import dosed, forget
from ehr.read.drugs import drug_description
from ehr.read.medications import medication_record
from taperguard.commands.serve import spare_what_stays
from taperguard.commands.taper import schedule_as_json
from taperguard.doors import new_id

TODAY, RXNORM = clinic.TODAY, clinic.RXNORM


def order(key: str, code: str, name: str, per_day: int, status: str = "active") -> dict[str, Any]:
    """A typical order, with the padding that real ones carry."""
    return {
        "resourceType": "MedicationRequest",
        "id": key,
        "meta": {"lastUpdated": "2026-10-01T08:00:00Z", "versionId": "3"},
        "text": {"status": "generated", "div": "<div>" + "x" * 700 + "</div>"},
        "status": status,
        "intent": "order",
        "authoredOn": "2026-10-01",
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": code, "display": name}],
            "text": name,
        },
        "subject": {"reference": "Patient/p1"},
        "dosageInstruction": [
            {
                "text": f"1 tablet {per_day} times a day",
                "timing": {"repeat": {"frequency": per_day, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
    }


def long_history(records: int) -> tuple[bytes, PatientFacts]:
    """So many orders of clonazepam, a week apart, and as many weeks of supply as not at all."""
    orders = []
    for number in range(records):
        written = TODAY - timedelta(days=7 * (records - number))
        made = order(f"o{number}", "197528", "clonazepam 1 MG Oral Tablet", 1 + number % 3)
        made |= {"authoredOn": written.isoformat(), "status": "active" if number % 5 else "stopped"}
        if number % 2:
            made["dispenseRequest"] = {"expectedSupplyDuration": {"value": 28, "unit": "d"}}
        orders.append(made)
    facts = read_chart(Resources({"MedicationRequest": tuple(orders)}), TODAY).facts
    return json.dumps(orders).encode(), facts


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The median CPU time of one call: what else runs on the machine does not count."""
    work()
    times = []
    for _ in range(rounds):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return statistics.median(times)


def seconds_of_each(work: Callable[[bytes], object], inputs: list[bytes]) -> float:
    """The median CPU time of one call, each of another input; a tenth warms it up."""
    times = []
    for one in inputs:
        began = time.thread_time()
        work(one)
        times.append(time.thread_time() - began)
    return statistics.median(times[len(times) // 10 :])


def daily_dose_rows(rounds: int) -> list[tuple[str, float, str, float]]:
    """A typical order: as a whole, and where its time goes."""
    raw = json.dumps(order("a", "197528", "clonazepam 1 MG Oral Tablet", 2)).encode()
    record = decode(raw)
    decoding = seconds(lambda: decode(raw), rounds * 5)

    def drug() -> Drug | Unrecognised:
        return recognise(drug_description(record, lambda _: None))

    known = drug()
    assert isinstance(known, Drug)  # noqa: S101  the bench's own order

    def dose() -> object:
        return dosed(record, known, TODAY, None)

    def first_time(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            forget()
            return work()

        return run

    def whole() -> object:
        return medication_record(record, lambda _: None)

    parts: list[tuple[str, Callable[[], object], int]] = [
        ("daily dose of a typical order", lambda: (drug(), dose()), 5),
        ("  its drug", drug, 5),
        ("  its dosage", dose, 5),
        ("  its dosage, worked out anew", first_time(dose), 1),
        ("its whole record", whole, 5),
    ]
    return [
        (name, seconds(work, rounds * times), "decoding it", decoding)
        for name, work, times in parts
    ]


def rows(rounds: int) -> list[tuple[str, float, str, float]]:
    """What, seconds, beside what, seconds."""
    bench = Bench(default_policy(), new_id, "https://taperguard.example")

    def hook(raw: bytes) -> bytes:
        return encode(answer(read_request(raw, HOOKS), TODAY, bench).body)

    hospital = list(islice(clinic.of_a_hospital(), 5 * rounds))
    renewed = list(islice(clinic.clonazepam_without_card(), 5 * rounds))
    cards = list(islice(clinic.shows_a_card(), 5 * rounds))

    request = TaperRequest(
        from_mg=Milligrams(Fraction(20)),
        to_mg=Milligrams(Fraction(0)),
        starts_on=TODAY,
        pace=pace("asam-2025-slow"),
    )

    history_raw, history = long_history(1000)

    def exposed() -> object:
        on, policy = TODAY, default_policy()
        told = dose_history(history, on)
        return told, present_use(history, on, policy), clonazepam_days(history, on, policy)

    def curve(made: Schedule) -> object:
        return dose_curve(made, present_regimen(request)).drawn()

    made = plan(request)
    as_json = schedule_as_json(made)
    return [
        (
            f"order-sign, {len(hospital[0]) // 1024} KB, most concern no check",
            seconds_of_each(hook, hospital),
            "decoding it",
            seconds_of_each(decode, hospital),
        ),
        (
            "  of clonazepam, without a card",
            seconds_of_each(hook, renewed),
            "decoding it",
            seconds_of_each(decode, renewed),
        ),
        (
            "  with a card",
            seconds_of_each(hook, cards),
            "decoding it",
            seconds_of_each(decode, cards),
        ),
        *daily_dose_rows(rounds),
        (
            "slowest taper from 20 mg, with its curve",
            seconds(lambda: curve(plan(request)), rounds),
            "writing it as JSON",
            seconds(lambda: encode(as_json), rounds),
        ),
        (
            "its curve alone",
            seconds(lambda: curve(made), rounds),
            "writing it as JSON",
            seconds(lambda: encode(as_json), rounds),
        ),
        (
            "exposure of 1,000 records",
            seconds(exposed, max(rounds // 20, 5)),
            "decoding them",
            seconds(lambda: decode(history_raw), max(rounds // 20, 5)),
        ),
    ]


def main() -> None:
    """Print the table. What is loaded once is left out of garbage collection, as in the service."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--full", action="store_true", help="ten times the rounds")
    full = parser.parse_args().full
    rounds = 2000 if full else 200
    spare_what_stays()
    print(f"{'what':42} {'ms':>9} {'beside':>20} {'ms':>9} {'ratio':>7}")  # noqa: T201
    for what, took, beside, yardstick in [*rows(rounds), *report.rows(20_000 if full else 2_000)]:
        ours, theirs = f"{took * 1e3:9.3f}", f"{yardstick * 1e3:9.4f}"
        print(f"{what:42} {ours} {beside:>20} {theirs} {took / yardstick:7.1f}")  # noqa: T201
    print()  # noqa: T201
    heads = ("CPU ms", "p50 ms", "p99 ms", "a second", "CPU ratio")
    print(f"{'over HTTP, on one core, a request':42} " + " ".join(f"{it:>9}" for it in heads))  # noqa: T201
    loads = over_http.rows(1000 if full else 200)
    for row in loads:
        shown = f"{row.cpu_ms:9.2f} {row.p50_ms:9.2f} {row.p99_ms:9.2f} {row.per_second:9.0f}"
        print(f"{row.what:42} {shown} {row.cpu_ms / loads[0].cpu_ms:9.1f}")  # noqa: T201


if __name__ == "__main__":
    main()
