"""Records that no EHR means to send end in a sentence, soon, and without eating the memory.

Each goes through `taperguard dose` as bytes, and as a draft order and as the medication list
through the order-sign service: a computed dose, "not computable because ...", or a refusal.
"""

import io
import json
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_hooks.request import BadRequest, read_request
from cds_hooks.services.order_safety import HOOKS, Bench, NothingDecided, answer
from clinical.policy import default_policy
from ehr.decode import encode
from taperguard.commands import dose

TODAY = date(2026, 11, 23)
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CPU_SECONDS, CPU_PER_BYTE = 1.0, 20e-6
"""What one record may cost. The dearest thing in it is a text: some 6 microseconds a character."""
MEMORY_PER_BYTE, MEMORY_ANYWAY = 40, 4_000_000
"""Python's objects of a JSON document need some 20 bytes for each of its bytes."""

LINE: dict[str, Any] = {
    "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
    "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "mg"}}],
}
ORDER: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "id": "hostile",
    "status": "active",
    "intent": "order",
    "subject": {"reference": "Patient/p1"},
    "authoredOn": "2026-11-01",
    "medicationCodeableConcept": {
        "coding": [{"system": RXNORM, "code": "197527", "display": "clonazepam 0.5 MG Oral Tablet"}]
    },
    "dosageInstruction": [LINE],
}


class Raw(str):
    """JSON as it stands, where Python's encoder would not write it (NaN, 1e400, a doubled key)."""

    __slots__ = ()


def written(value: Any) -> str:
    """JSON text, with every Raw as it stands."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)


def line(repeat: Any = None, **more: Any) -> dict[str, Any]:
    """An order of one dosage line: LINE with these parts."""
    timing = LINE["timing"] if repeat is None else {"repeat": repeat}
    return ORDER | {"dosageInstruction": [LINE | {"timing": timing} | more]}


def dosed(value: Any, unit: Any = "mg") -> dict[str, Any]:
    return line(doseAndRate=[{"doseQuantity": {"value": value, "unit": unit}}])


def every(**repeat: Any) -> dict[str, Any]:
    return line({"frequency": 2, "period": 1, "periodUnit": "d"} | repeat)


def drug(**more: Any) -> dict[str, Any]:
    order = {k: v for k, v in ORDER.items() if k != "medicationCodeableConcept"}
    return order | more


def nested(depth: int, opening: str, closing: str, core: str = "1") -> Raw:
    return Raw(opening * depth + core + closing * depth)


CIRCLE = {
    "resourceType": "Medication",
    "id": "m",
    "contained": [],
    "ingredient": [{"itemReference": {"reference": "#m"}}],
}
NOT_JSON = "the body is not valid json"
TOO_DEEP = "nested too deeply"
MUCH = 10**5

REFUSED: dict[str, tuple[Any, str]] = {
    "NaN": (dosed(Raw("NaN")), NOT_JSON),
    "Infinity": (dosed(Raw("Infinity")), NOT_JSON),
    "minus Infinity": (dosed(Raw("-Infinity")), NOT_JSON),
    "a decimal comma": (dosed(Raw("0,5")), NOT_JSON),
    "an integer of 5000 digits": (dosed(Raw("1" + "0" * 5000)), NOT_JSON),
    "an exponent beyond any machine": (dosed(Raw("1e" + "9" * 30)), NOT_JSON),
    "a lone surrogate": (dosed(1, Raw('"\\ud800"')), NOT_JSON),
    "nested arrays": (ORDER | {"note": nested(MUCH, "[", "]")}, TOO_DEEP),
    "nested objects": (ORDER | {"note": nested(MUCH, '{"a":', "}")}, TOO_DEEP),
    "nested deeper than any record": (ORDER | {"note": nested(500, "[", "]")}, TOO_DEEP),
    "cut off": (Raw(written(ORDER)[:-20]), NOT_JSON),
    "text behind the end": (Raw(written(ORDER) + "}"), NOT_JSON),
    "a control character in a text": (dosed(1, Raw('"mg\n"')), NOT_JSON),
    "a number for the resource": (Raw("7"), "a json object is needed"),
    "null": (Raw("null"), "a json object is needed"),
    "a list around the resource": ([ORDER], "a json object is needed"),
    "a resource type that is a list": (
        ORDER | {"resourceType": ["MedicationRequest"]},
        "no resource",
    ),
}

NOT_COMPUTED: dict[str, tuple[Any, str]] = {
    "a negative dose": (dosed(-1), "negative"),
    "no dose": (dosed(0), "the dose is zero"),
    "minus nothing": (dosed(Raw("-0.0")), "the dose is zero"),
    "1e400": (dosed(Raw("1e400")), "beyond any amount"),
    "1E-400": (dosed(Raw("1E-400")), "beyond any amount"),
    "1e400000": (dosed(Raw("1e400000")), "beyond any amount"),
    "an integer of 4000 digits": (dosed(Raw("1" + "0" * 3999)), "beyond any amount"),
    "a decimal of 100,000 digits": (dosed(Raw("0." + "1" * MUCH)), "more digits"),
    "a decimal comma in a text": (dosed("0,5"), "the dose is not a number"),
    "a number in a text": (dosed("1"), "the dose is not a number"),
    "true for a number": (dosed(True), "the dose is not a number"),
    "a list for a number": (dosed([1]), "the dose is not a number"),
    "null for a number": (dosed(None), "the dose has no number"),
    "a text for a quantity": (line(doseAndRate=[{"doseQuantity": "1 mg"}]), "not a quantity"),
    "a list for a quantity": (
        line(doseAndRate=[{"doseQuantity": [{"value": 1}]}]),
        "not a quantity",
    ),
    "a text for doseAndRate": (line(doseAndRate="1 mg"), "not an object"),
    "a number for a unit": (dosed(1, [5]), "its unit is no text"),
    "a unit of 100,000 characters": (dosed(1, "m" * MUCH), "is not known"),
    "a unit with a NUL": (dosed(1, "mg\0"), "is not known"),
    "a period of zero": (every(period=0), "the timing's period is zero"),
    "a negative period": (every(period=-1), "negative"),
    "a period of 1E-400": (every(period=Raw("1E-400")), "beyond any amount"),
    "a period of 1E-20": (every(period=Raw("1E-20")), "beyond any amount"),
    "a frequency of zero": (every(frequency=0), "the frequency is zero"),
    "a frequency of 1e400": (every(frequency=Raw("1e400")), "beyond any amount"),
    "true for a frequency": (every(frequency=True), "the frequency is not a number"),
    "a number for a period's unit": (every(periodUnit=5), "unit of time is not known"),
    "a text for the repeat": (line("daily"), "the timing's repeat is not an object"),
    "two repeats": (line([LINE["timing"]["repeat"]] * 2), "the timing's repeat is not an object"),
    "a text for the timing": (line(timing="BID"), "the timing is not an object"),
    "10,000 moments": (every(when=["MORN"] * 10_000), "no order needs"),
    "10,000 times of day": (every(timeOfDay=["08:00"] * 10_000), "no order needs"),
    "10,000 events": (line(timing={"event": ["2026-11-01"] * 10_000}), "any order needs"),
    "10,000 timing codes": (
        line(timing={"code": {"coding": [{"code": "BID"}] * 10_000}}),
        "any order needs",
    ),
    "a moment of 100,000 characters": (every(when=["M" * MUCH]), "is not known"),
    "a day of the week of 100,000 characters": (every(dayOfWeek=["x" * MUCH]), "is not known"),
    "a time of day of 100,000 characters": (every(timeOfDay=["1" * MUCH]), "is not a time"),
    "a timing code of 100,000 characters": (
        line(timing={"code": {"text": "x" * MUCH}}),
        "is not known",
    ),
    "a huge count": (every(count=10**12), "beyond any"),
    "a count of 1e400": (every(count=Raw("1e400")), "beyond any amount"),
    "10,000 dosage lines": (ORDER | {"dosageInstruction": [LINE] * 10_000}, "10000 dosage lines"),
    "10,000 dosage lines that are null": (
        ORDER | {"dosageInstruction": [None] * 10_000},
        "10000 dosage lines",
    ),
    "10,000 sayings of a dose": (
        line(doseAndRate=LINE["doseAndRate"] * 10_000),
        "far too many times",
    ),
    "200 lines of a long text each": (
        ORDER | {"dosageInstruction": [{"text": f"take {n} tab " * 70} for n in range(200)]},
        "line 1 of 200",
    ),
    "a text of 100,000 characters": (
        ORDER | {"dosageInstruction": [{"text": "1 tab " * 16_667}]},
        "too long",
    ),
    "a text of 999 brackets": (ORDER | {"dosageInstruction": [{"text": "(" * 999}]}, "only text"),
    "a text of 999 digits": (ORDER | {"dosageInstruction": [{"text": "9" * 999}]}, "only text"),
    "a text with a NUL": (ORDER | {"dosageInstruction": [{"text": "1\0tab"}]}, "only text"),
    "a period that ends before it begins": (
        every(boundsPeriod={"start": "9999-12-31", "end": "0001-01-01"}),
        "ends before it begins",
    ),
    "a text for a dosage line": (ORDER | {"dosageInstruction": ["1 mg daily"]}, "not an object"),
    "a number for the dosage": (ORDER | {"dosageInstruction": 5}, "not an object"),
    "an empty dosage": (ORDER | {"dosageInstruction": []}, "the order has no dosage"),
    "an empty line": (ORDER | {"dosageInstruction": [{}]}, "how much to take"),
    "a nested list of lines": (ORDER | {"dosageInstruction": [[LINE]]}, "not an object"),
    "null everywhere": (dict.fromkeys(ORDER) | {"resourceType": "MedicationRequest"}, "no dosage"),
    "null in every part of the line": (
        ORDER | {"dosageInstruction": [{"timing": None, "doseAndRate": [None], "text": None}]},
        "not an object",
    ),
}

COMPUTED: dict[str, tuple[Any, str]] = {
    "a byte order mark": (Raw("\ufeff" + written(ORDER)), "2"),
    # The last of two equal keys counts, as nearly every reader of JSON has it (RFC 8259, 4).
    "a key that stands there twice": (
        dosed(Raw('1,"value":2')),
        "4",
    ),
    "an object where a list belongs": (ORDER | {"dosageInstruction": LINE}, "2"),
    "nesting in what nobody reads": (ORDER | {"note": nested(90, "[", "]")}, "2"),
    # 2 in 10,000 days of 1 mg
    "a period of 10,000 days": (every(period=10_000), "1/5000"),
    # 10^9 mg is the most that is an amount; twice that much is beyond it
    "half of the largest amount": (dosed(5 * 10**8), "1000000000"),
    "a date of the year 0": (every(boundsPeriod={"start": "0000-01-01"}), "2"),
    "a date before any calendar": (every(boundsPeriod={"start": "-0001-01-01"}), "2"),
    "the last day there is": (every(boundsPeriod={"start": "9999-12-31"}), "2"),
    "a date of 100,000 characters": (every(boundsPeriod={"start": "2" * MUCH}), "2"),
    "a number for a date": (every(boundsPeriod={"start": 20270101}) | {"authoredOn": 5}, "2"),
    "a duration of a million years": (
        every(boundsDuration={"value": 10**6, "code": "a"}),
        "2",
    ),
    "a duration that ends after the calendar": (
        every(boundsDuration={"value": 90, "code": "a"}) | {"authoredOn": "9999-01-01"},
        "2",
    ),
    "a count that ends after the calendar": (
        every(count=3_000_000) | {"authoredOn": "9990-01-01"},
        "2",
    ),
    "a duration of 1E-30 days": (every(boundsDuration={"value": Raw("1E-30"), "code": "d"}), "2"),
    "1,000 codings": (
        drug(
            medicationCodeableConcept={
                "coding": [
                    {"system": RXNORM, "code": "197527"},
                    *(
                        {"system": f"urn:x:{n}", "code": str(n), "display": f"thing {n}"}
                        for n in range(999)
                    ),
                ]
            }
        ),
        "2",
    ),
    "a code that is a number of 4000 digits": (
        drug(
            medicationCodeableConcept={"coding": [{"code": Raw("9" * 4000)}], "text": "clonazepam"}
        ),
        "2",
    ),
    "a medicine's name of 100,000 characters": (
        drug(medicationCodeableConcept={"text": "clonazepam " * 9091}),
        "2",
    ),
    "a contained medication that holds itself": (
        drug(contained=[CIRCLE], medicationReference={"reference": "#m"}),
        "2",
    ),
    "1,000 contained medications, each the next one's ingredient": (
        drug(
            contained=[
                {
                    "resourceType": "Medication",
                    "id": f"m{n}",
                    "ingredient": [{"itemReference": {"reference": f"#m{n + 1}"}}] * 3,
                }
                for n in range(1000)
            ],
            medicationReference={"reference": "#m0"},
        ),
        "2",
    ),
    "1,000 ingredients": (
        drug(
            contained=[
                {
                    "id": "m",
                    "ingredient": [
                        {"itemCodeableConcept": {"text": f"stuff {n}"}} for n in range(1000)
                    ],
                }
            ],
            medicationReference={"reference": "#m"},
        ),
        "2",
    ),
    "a reference of 100,000 characters": (
        drug(medicationReference={"reference": "Medication/" + "x" * MUCH}),
        "2",
    ),
    "a reference made of slashes": (drug(medicationReference={"reference": "/" * MUCH}), "2"),
    "an id of 100,000 characters": (ORDER | {"id": "x" * MUCH}, "2"),
    "a status of 100,000 characters": (ORDER | {"status": "x" * MUCH}, "2"),
    "a status of many lines": (ORDER | {"status": "active\nand\nso on"}, "2"),
    "an intent of 100,000 characters": (ORDER | {"intent": "x" * MUCH}, "2"),
    "10,000 prior prescriptions": (
        ORDER
        | {"priorPrescription": [{"reference": f"MedicationRequest/{n}"} for n in range(10_000)]},
        "2",
    ),
    "10,000 reasons": (ORDER | {"reasonCode": [{"coding": [{"code": "F41.0"}]}] * 10_000}, "2"),
    "a text of 100,000 characters beside a structure": (line(text="1 tab " * 16_667), "2"),
    "huge supplies": (
        ORDER
        | {
            "dispenseRequest": {
                "quantity": {"value": Raw("1e400"), "unit": "tablet"},
                "numberOfRepeatsAllowed": 10**18,
                "expectedSupplyDuration": {"value": Raw("1e-400"), "code": "d"},
                "validityPeriod": {"start": "9999-99-99"},
            }
        },
        "2",
    ),
}

EVERY = {name: row for table in (REFUSED, NOT_COMPUTED, COMPUTED) for name, row in table.items()}


@cache
def bytes_of(name: str) -> bytes:
    return written(EVERY[name][0]).encode()


@contextmanager
def bounded_time(raw: bytes) -> Iterator[None]:
    """Fails when the processor worked longer on it than its size allows."""
    started = time.process_time()
    yield
    assert time.process_time() - started < CPU_SECONDS + CPU_PER_BYTE * len(raw)


@contextmanager
def bounded_memory(bytes_of_input: int) -> Iterator[None]:
    """Fails when Python held more at any moment than its size allows."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY_PER_BYTE * bytes_of_input + MEMORY_ANYWAY


def printed(raw: bytes, folder: Path) -> tuple[int, str, str]:
    """Status, output and errors of `taperguard dose` for a file with these bytes."""
    file, out, err = folder / "record.json", io.StringIO(), io.StringIO()
    file.write_bytes(raw)
    with bounded_time(raw):
        status = dose.run(str(file), None, io.StringIO(), out, err)
    return status, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_record_is_refused_in_one_sentence(name, tmp_path):
    status, out, err = printed(bytes_of(name), tmp_path)
    assert (status, out) == (2, "")
    assert REFUSED[name][1] in err.lower()
    assert err.count("\n") == 1
    assert len(err) < 200


@pytest.mark.parametrize("name", NOT_COMPUTED)
def test_what_cannot_be_computed_says_why_in_one_line(name, tmp_path):
    status, out, err = printed(bytes_of(name), tmp_path)
    assert (status, err) == (0, "")
    said = json.loads(out)["daily_dose"]
    assert said["status"] == "not-computable"
    assert NOT_COMPUTED[name][1] in said["why_not"]
    assert "\n" not in said["why_not"]
    assert len(said["why_not"]) < 300


@pytest.mark.parametrize("name", COMPUTED)
def test_what_is_only_odd_is_computed_all_the_same(name, tmp_path):
    status, out, err = printed(bytes_of(name), tmp_path)
    assert (status, err) == (0, "")
    report = json.loads(out)
    assert report["daily_dose"]["high"] == float(Fraction(COMPUTED[name][1]))
    assert len(report["daily_dose"]["warnings"]) < 50
    assert len(report["why_not_current"] or "") < 200
    assert "\n" not in (report["why_not_current"] or "")


def hooked(raw: bytes) -> str:
    """What becomes of the record as the draft order and as all of the medication list."""
    record = raw.decode().removeprefix("\ufeff")
    entry = f'{{"resourceType":"Bundle","entry":[{{"resource":{record}}}]}}'
    context = f'{{"userId":"Practitioner/1","patientId":"p1","draftOrders":{entry}}}'
    patient = '{"resourceType":"Patient","id":"p1","birthDate":"1980-01-01"}'
    prefetch = (
        f'{{"patient":{patient},"medications":{entry},"conditions":{{"resourceType":"Bundle"}}}}'
    )
    body = f'{{"hook":"order-sign","hookInstance":"1","context":{context},"prefetch":{prefetch}}}'
    bench = Bench(default_policy(), iter(map(str, range(10**6))).__next__, "https://t.example")
    try:
        with bounded_time(body.encode()):
            found = answer(read_request(body.encode(), HOOKS), TODAY, bench)
    except (BadRequest, NothingDecided) as refused:
        return str(refused)
    return encode(found.body).decode()


@pytest.mark.parametrize("name", EVERY)
def test_the_order_sign_service_answers_or_refuses(name):
    said = hooked(bytes_of(name))
    assert said
    # A suggestion repeats the order, and the account its id at every check.
    assert len(said) < 60_000 + 6 * len(bytes_of(name))


@pytest.mark.parametrize("name", EVERY)
def test_the_memory_it_takes_is_bounded(name, tmp_path):
    raw = bytes_of(name)
    file, out = tmp_path / "record.json", io.StringIO()
    file.write_bytes(raw)
    with bounded_memory(len(raw)):
        dose.run(str(file), None, io.StringIO(), out, out)


def test_long_texts_are_not_kept(tmp_path):
    """Three hundred different records of 100,000 characters leave nothing behind for the next."""
    with bounded_memory(2 * MUCH):
        for number in range(300):
            long = f"{number} " + "x" * MUCH
            record = line(text=long) | {"medicationCodeableConcept": {"text": long}}
            dose.dose_report(record, TODAY)
