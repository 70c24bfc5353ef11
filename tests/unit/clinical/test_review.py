"""The present orders as they stand: the card's checks without an order being written."""

from datetime import date

import cds

from clinical.assess import assess
from clinical.findings import FIRST_FOUR, CheckId, Clear, Fired, NotEvaluable, SetAside
from clinical.order_case import OrderCase
from clinical.policy import default_policy
from clinical.review import review
from ehr.read.chart import DraftResource, Resources, read_chart

TODAY = date(2026, 11, 23)
POLICY = default_policy()


def reviewed(*resources, gaps=None):
    by_type = {"Patient": ({"resourceType": "Patient", "id": "p1", "birthDate": "1950-01-01"},)}
    for resource in resources:
        kind = resource["resourceType"]
        by_type[kind] = (*by_type.get(kind, ()), resource)
    return review(read_chart(Resources(by_type, gaps=gaps or {}), TODAY).facts, TODAY, POLICY)


def test_the_present_orders_give_the_findings_of_signing_them_again():
    now, opioid = cds.order("now", cds.CLONAZEPAM["1"], 2), cds.order("oxy", cds.OXYCODONE, 4)
    found = reviewed(now, opioid)
    signed_again = Resources(
        {
            "Patient": ({"resourceType": "Patient", "id": "p1", "birthDate": "1950-01-01"},),
            "MedicationRequest": (now, opioid),
        },
        drafts=(DraftResource(now, True),),
    )
    card = assess(OrderCase(read_chart(signed_again, TODAY).facts, TODAY, POLICY))
    for check in (CheckId.OPIOID_TOGETHER, CheckId.HIGH_DOSE, CheckId.OLDER_ADULT):
        assert found.verdict(check) == card.verdict(check)
        assert isinstance(found.verdict(check), Fired)


def test_a_rise_is_not_judged_where_nothing_is_signed():
    found = reviewed(cds.order("now", cds.CLONAZEPAM["1"], 2))
    assert isinstance(found.verdict(CheckId.DOSE_ESCALATION), SetAside)


def test_a_whole_list_without_clonazepam_is_clear():
    found = reviewed(cds.order("oxy", cds.OXYCODONE, 4))
    assert all(isinstance(c.verdict, Clear | SetAside) for c in found.checks)


def test_a_list_that_failed_clears_nothing():
    found = reviewed(gaps={"medications": "the list of medications was refused"})
    assert all(isinstance(c.verdict, NotEvaluable) for c in found.checks)
    assert "the list of medications was refused" in found.checks[0].verdict.why


def test_a_medicine_without_a_name_clears_nothing():
    nameless = cds.order("x", cds.OXYCODONE)
    del nameless["medicationCodeableConcept"]
    assert all(isinstance(reviewed(nameless).verdict(c), NotEvaluable) for c in FIRST_FOUR)
