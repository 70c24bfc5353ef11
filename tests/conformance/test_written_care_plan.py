"""The CarePlan that we write is parsed again by two parsers that are not ours."""

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from xml.etree import ElementTree as ET

import pytest
from fhir.resources.R4B.careplan import CarePlan
from fhirclient.models.careplan import CarePlan as OtherCarePlan

from clinical.follow_up import check_ins
from clinical.quantities import Milligrams
from clinical.taper import Hold, TaperRequest, begin, change, pace, plan
from ehr.decode import encode
from ehr.read.care_plans import kept_plan
from ehr.write.care_plan import PlanWords, care_plan, maintenance_plan
from ehr.write.draft_orders import OrderContext

TODAY = date(2026, 11, 23)
# FHIR R4, CarePlanActivityKind and CarePlanActivityStatus (both required bindings).
KINDS = {"Appointment", "CommunicationRequest", "DeviceRequest", "MedicationRequest"}
KINDS |= {"NutritionOrder", "Task", "ServiceRequest", "VisionPrescription"}


def written(from_mg="2", to_mg="0", pace_id="asam-2025", requester="Practitioner/x", **more):
    schedule = plan(
        TaperRequest(Milligrams.of(from_mg), Milligrams.of(to_mg), TODAY, pace(pace_id))
    )
    context = OrderContext("p1", TODAY, requester=requester, encounter_id="e1")
    words = PlanWords("2026.11 <& more>", ("all was counted",))
    return schedule, care_plan(schedule, check_ins(schedule), context, words, key="k1", **more)


CASES = [("2", "0", "asam-2025"), ("2.7", "1", "nardi-2010"), ("0.25", "0.125", "bzra-25")]


@pytest.mark.parametrize(("from_mg", "to_mg", "pace_id"), CASES)
@pytest.mark.parametrize("requester", ["Practitioner/x", None])
def test_the_plan_validates_in_two_parsers(from_mg, to_mg, pace_id, requester):
    schedule, resource = written(
        from_mg, to_mg, pace_id, requester, supporting=["MedicationRequest/now"]
    )
    text = encode(resource).decode()
    ours = CarePlan.model_validate_json(text)
    assert (ours.status, ours.intent) == ("draft", "plan")
    other = OtherCarePlan(json.loads(text))
    assert len(other.activity) == len(schedule.steps) + 1 + len(check_ins(schedule))
    # US Core CarePlan: a category assess-plan, a subject, and a narrative.
    assert ours.category[0].coding[0].code == "assess-plan"
    assert ours.text.status == "generated"


def test_the_plan_with_its_record_validates_and_is_read_back_whole():
    given = begin(TaperRequest(Milligrams.of("2"), Milligrams.of("0"), TODAY, pace("asam-2025")))
    held = change(given, Hold(on=date(2026, 12, 7), who="Dr One", why="Sleepless <&>", days=14))
    _, resource = written(kept=held)
    text = encode(resource).decode()
    (extension,) = CarePlan.model_validate_json(text).extension
    assert extension.valueAttachment.contentType == "application/json"
    assert OtherCarePlan(json.loads(text)).extension[0].url == extension.url
    assert kept_plan(json.loads(text)) == held


def test_the_plan_to_keep_a_dose_validates_in_two_parsers():
    context = OrderContext("p1", TODAY, requester="Practitioner/x")
    text = encode(
        maintenance_plan(
            "at 2 mg/day <&>",
            date(2027, 2, 22),
            context,
            "2026.11",
            key="k1",
            supporting=["MedicationRequest/now"],
        )
    ).decode()
    ours = CarePlan.model_validate_json(text)
    assert (ours.status, ours.intent, len(ours.activity)) == ("draft", "plan", 1)
    assert len(OtherCarePlan(json.loads(text)).activity) == 1
    ET.fromstring(json.loads(text)["text"]["div"])  # noqa: S314 - our own text


def test_every_activity_has_a_known_kind_and_is_not_started():
    _, resource = written()
    for activity in resource["activity"]:
        assert activity["detail"]["kind"] in KINDS
        assert activity["detail"]["status"] == "not-started"
        assert "reference" not in activity  # cpl-3: a reference or a detail, never both


def test_the_steps_are_those_of_the_schedule():
    """asam-2025 from 2 mg (CLINICAL 6): 1.875 on day 0, then 1.75 on day 14."""
    schedule, resource = written()
    steps = [a["detail"] for a in resource["activity"] if a["detail"]["kind"] != "Task"]
    assert len(steps) == 16
    assert [step["dailyAmount"]["value"] for step in steps[:2]] == [
        Decimal("1.875"),
        Decimal("1.75"),
    ]
    assert steps[0]["scheduledPeriod"] == {"start": "2026-11-23", "end": "2026-12-06"}
    assert steps[-1]["dailyAmount"]["value"] == 0
    assert steps[-1]["scheduledPeriod"]["start"] == schedule.ends_on.isoformat() == "2027-11-01"


def test_a_dose_that_is_maintained_has_no_last_day():
    _, resource = written("2", "1", "asam-2025")
    steps = [a["detail"] for a in resource["activity"] if a["detail"]["kind"] != "Task"]
    assert "end" not in steps[-1]["scheduledPeriod"]
    assert Fraction(steps[-1]["dailyAmount"]["value"]) == 1


def test_the_narrative_is_xhtml_with_every_step():
    schedule, resource = written()
    root = ET.fromstring(resource["text"]["div"])  # noqa: S314 - our own text
    assert root.tag == "{http://www.w3.org/1999/xhtml}div"
    rows = list(root.iter("{http://www.w3.org/1999/xhtml}tr"))
    assert len(rows) == len(schedule.steps) + 2  # the head and the target


def test_the_plan_says_by_what_it_was_made_and_what_was_confirmed():
    _, resource = written()
    assert "rules 2026.11 <& more>, pace asam-2025" in resource["description"]
    assert resource["note"] == [{"text": "Confirmed before saving: all was counted."}]
    assert resource["identifier"] == [
        {"system": "https://taperguard.org/fhir/NamingSystem/taper", "value": "k1"}
    ]
