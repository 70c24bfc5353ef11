"""Everything we write is parsed again by two parsers that are not ours."""

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction

import cds
import pytest
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhirclient.models.medicationrequest import MedicationRequest as OtherMedicationRequest

from cds_hooks.request import read_request
from cds_hooks.services.order_safety import HOOKS, Bench, answer
from clinical.policy import default_policy
from clinical.quantities import Milligrams
from clinical.taper import TaperRequest, fills, pace, plan
from ehr.decode import decode, encode
from ehr.read.medications import medication_record
from ehr.write.draft_orders import OrderContext, taper_order
from taperguard.doors import new_id

TODAY = date(2026, 11, 23)


def written(request):
    bench = Bench(default_policy(), new_id, "https://taperguard.example")
    found = answer(read_request(json.dumps(request).encode(), HOOKS), TODAY, bench)
    return decode(encode(found.body))


CASES = {
    "established user": cds.request(
        [cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")],
        medications=[
            cds.order("now", cds.CLONAZEPAM["1"], 2),
            cds.order("oxy", cds.OXYCODONE, 4),
        ],
    ),
    "another product": cds.request(
        [cds.order("new", cds.CLONAZEPAM["2"], 2, status="draft")],
        medications=[cds.order("now", cds.CLONAZEPAM["0.5"], 4)],
    ),
    "new start": cds.request([cds.order("new", cds.CLONAZEPAM["1"], 2, status="draft")]),
    "a draft with reasons and a category": cds.request(
        [
            cds.order(
                "new",
                cds.CLONAZEPAM["1"],
                3,
                status="draft",
                reasonCode=[{"text": "panic"}],
                category=[{"text": "outpatient"}],
                requester={"reference": "Practitioner/x"},
            )
        ],
        medications=[cds.order("now", cds.CLONAZEPAM["1"], 2)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_proposed_order_validates_in_two_parsers(case):
    body = written(CASES[case])
    resources = [a["resource"] for a in cds.actions_of(body) if "resource" in a]
    assert resources
    for resource in resources:
        text = encode(resource).decode()
        ours = MedicationRequest.model_validate_json(text)
        assert (ours.status, ours.intent) == ("draft", "order")
        # fhirclient checks types and required fields when it builds and when it writes.
        other = OtherMedicationRequest(json.loads(text))
        assert other.as_json()["id"] == resource["id"]
        assert len(resource["dosageInstruction"]) == 1


@pytest.mark.parametrize("pace_id", ["asam-2025", "nardi-2010"])
@pytest.mark.parametrize("from_mg", ["0.5", "2", "2.7", "4"])
def test_our_dose_reader_reads_our_orders_back_to_the_schedule(pace_id, from_mg):
    """The orders of each step add up to the step's dose on each of its days."""
    schedule = plan(
        TaperRequest(
            from_mg=Milligrams.of(from_mg),
            to_mg=Milligrams(Fraction(0)),
            starts_on=TODAY,
            pace=pace(pace_id),
            times_per_day=2,
        )
    )
    context = OrderContext("p1", TODAY)
    of_step: dict[tuple[int, date], Fraction] = {}
    for number, fill in enumerate(fills(schedule)):
        resource = taper_order(fill, context, draft_id=f"d{number}", group="g", prior=None)
        record = medication_record(decode(encode(resource)), lambda _: None)
        (step,) = record.course.steps
        assert (step.starts, step.ends) == (fill.starts, fill.ends)
        assert step.dose.warnings == ()
        key = (fill.step_index, fill.starts)
        of_step[key] = of_step.get(key, Fraction(0)) + step.dose.peak_day
        assert record.course.intakes_per_day == len(fill.per_intake)
    for (step_index, _), mg in of_step.items():
        assert mg == schedule.steps[step_index].dose.value


def test_decimals_are_written_as_they_are():
    assert encode({"value": Decimal("0.50")}) == b'{"value":0.50}'
    assert decode(b'{"value":0.50}') == {"value": Decimal("0.50")}
