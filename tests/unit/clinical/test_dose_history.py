"""The dose over time: what orders say, and where nothing is known."""

from datetime import date

import cds
import pytest

from clinical.dose_history import Known, dose_history
from ehr.read.chart import Resources, read_chart

TODAY = date(2026, 11, 23)


def history(*resources):
    found = Resources({"MedicationRequest": resources})
    return dose_history(read_chart(found, TODAY).facts, TODAY)


def told(found):
    """Each stretch as first day, last day, and dose or reason."""
    return [
        (
            s.starts.isoformat(),
            s.ends.isoformat(),
            float(s.dose.high) if isinstance(s.dose, Known) else s.dose.why,
        )
        for s in found.stretches
    ]


def order(key, per_day, authored, **more):
    return cds.order(key, cds.CLONAZEPAM["1"], per_day, authoredOn=authored, **more)


def test_an_active_order_counts_from_its_day_until_today():
    found = history(order("a", 2, "2026-03-01"))
    assert told(found) == [("2026-03-01", "2026-11-23", 2)]
    assert found.begins == date(2026, 3, 1)


def test_an_order_counts_until_the_day_before_the_one_that_follows_it():
    found = history(
        order("a", 1, "2026-03-01", status="completed"),
        order("b", 3, "2026-06-01", priorPrescription={"reference": "MedicationRequest/a"}),
    )
    assert told(found) == [("2026-03-01", "2026-05-31", 1), ("2026-06-01", "2026-11-23", 3)]


def test_renewals_of_one_dose_are_one_stretch_with_all_their_orders():
    found = history(
        order("a", 2, "2026-03-01", status="completed"),
        order("b", 2, "2026-06-01", priorPrescription={"reference": "MedicationRequest/a"}),
    )
    assert told(found) == [("2026-03-01", "2026-11-23", 2)]
    assert found.stretches[0].dose.sources == ("MedicationRequest/a", "MedicationRequest/b")


def test_orders_at_the_same_time_add_up():
    found = history(order("a", 1, "2026-03-01"), order("b", 2, "2026-06-01"))
    assert told(found) == [("2026-03-01", "2026-05-31", 1), ("2026-06-01", "2026-11-23", 3)]


def test_an_ended_order_without_an_end_leaves_its_days_unknown():
    found = history(order("a", 2, "2026-03-01", status="stopped"))
    why = "it was stopped on a day that is not stated"
    assert told(found) == [("2026-03-01", "2026-11-23", why)]


def test_an_order_that_says_no_end_has_ended_when_it_can_no_longer_have_been_filled():
    """1 Mar + 274 days (184 to be filled in, a fill of 90) are 1 Mar to 29 Nov 2025."""
    found = history(order("a", 2, "2025-03-01", status="stopped"))
    assert [day for _, day, _ in told(found)] == ["2025-11-29", "2026-11-23"]
    assert found.stretches[1].dose.no_order


def test_a_completed_order_was_taken_for_its_whole_supply():
    """30 days and one refill from 1 Mar: 60 days, to 29 Apr."""
    supply = {"expectedSupplyDuration": {"value": 30, "unit": "d"}, "numberOfRepeatsAllowed": 1}
    found = history(order("a", 2, "2026-03-01", status="completed", dispenseRequest=supply))
    assert told(found)[0] == ("2026-03-01", "2026-04-29", 2)


def test_an_order_that_was_cancelled_ends_nothing():
    """It names the order before as its prior and never began."""
    found = history(
        order("a", 2, "2026-03-01", status="stopped"),
        order(
            "b",
            1,
            "2026-04-01",
            status="cancelled",
            priorPrescription={"reference": "MedicationRequest/a"},
        ),
    )
    assert told(found) == [
        ("2026-03-01", "2026-11-23", "it was stopped on a day that is not stated")
    ]


def test_an_order_that_comes_twice_counts_once():
    assert told(history(*[order("a", 2, "2026-03-01")] * 2)) == [("2026-03-01", "2026-11-23", 2)]


def test_a_later_order_ends_what_is_not_known_of_the_one_before():
    found = history(order("a", 2, "2026-03-01", status="stopped"), order("b", 1, "2026-09-01"))
    assert [dose for _, _, dose in told(found)][1:] == [1]
    assert told(found)[1][0] == "2026-09-01"


def test_days_between_orders_are_no_order_and_not_zero():
    bounded = order("a", 2, "2026-03-01", status="completed")
    bounded["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = {
        "start": "2026-03-01",
        "end": "2026-04-30",
    }
    found = history(bounded, order("b", 1, "2026-07-01"))
    assert told(found) == [
        ("2026-03-01", "2026-04-30", 2),
        ("2026-05-01", "2026-06-30", "no order covers these days"),
        ("2026-07-01", "2026-11-23", 1),
    ]
    assert found.stretches[1].dose.no_order


def test_an_order_that_cannot_be_read_makes_its_days_unknown():
    found = history(order("a", 2, "2026-03-01", dosageInstruction=[{"text": "as directed"}]))
    ((_, _, why),) = told(found)
    assert isinstance(why, str)
    assert not found.stretches[0].dose.no_order


@pytest.mark.parametrize("status", ["draft", "entered-in-error", "cancelled-in-error", "cancelled"])
def test_drafts_and_errors_are_no_history(status):
    assert history(order("a", 2, "2026-03-01", status=status)).stretches == ()


def step(key, per_day, starts, ends=None, **more):
    """An order of a plan whose instructions say its days."""
    made = order(key, per_day, "2026-09-01", groupIdentifier={"value": "plan"}, **more)
    bounds = {"start": starts} | ({"end": ends} if ends else {})
    made["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] = bounds
    return made


def test_a_step_on_hold_has_not_begun_while_the_one_before_it_goes_on():
    """Held at 2 mg since October: the 1 mg of the second half of October was never added."""
    found = history(
        step("a", 2, "2026-10-01"), step("b", 1, "2026-10-15", "2026-10-31", status="on-hold")
    )
    assert told(found) == [("2026-10-01", "2026-11-23", 2)]


def test_a_step_on_hold_does_not_wait_for_an_order_not_to_give_the_medicine():
    """Only what is taken goes on instead; of the held step itself the days are not known."""
    found = history(
        step("a", 2, "2026-10-01", doNotPerform=True), step("b", 1, "2026-10-15", status="on-hold")
    )
    assert told(found) == [
        ("2026-10-15", "2026-11-23", "it was put on hold on a day that is not stated")
    ]


def test_what_starts_later_is_no_history():
    assert history(order("a", 2, "2026-12-01")).stretches == ()


def test_opioids_come_before_other_sedatives_and_antidepressants_are_neither():
    found = history(
        cds.order("z", ("854873", "zolpidem tartrate 10 MG Oral Tablet")),
        cds.order("o", cds.OXYCODONE, authoredOn="2026-05-01"),
        cds.order("s", ("312941", "sertraline 50 MG Oral Tablet")),
    )
    assert [(strip.name, strip.opioid) for strip in found.strips] == [
        ("oxycodone", True),
        ("zolpidem", False),
    ]
    assert found.strips[0].spans == ((date(2026, 5, 1), TODAY),)


def test_renewed_orders_of_a_sedative_are_one_bar():
    found = history(
        cds.order("o1", cds.OXYCODONE, authoredOn="2026-05-01", status="completed"),
        cds.order(
            "o2",
            cds.OXYCODONE,
            authoredOn="2026-06-01",
            priorPrescription={"reference": "MedicationRequest/o1"},
        ),
    )
    assert found.strips[0].spans == ((date(2026, 5, 1), TODAY),)
