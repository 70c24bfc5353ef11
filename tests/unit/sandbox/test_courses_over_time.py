"""Courses of a medicine over months and years: fills, how a taper went, and a thousand records."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.testclient import TestClient

Resources = list[dict[str, Any]]


def one(resources: Resources, resource_type: str, resource_id: str) -> dict[str, Any]:
    (found,) = [
        resource
        for resource in resources
        if (resource["resourceType"], resource["id"]) == (resource_type, resource_id)
    ]
    return found


def medicines_of(resources: Resources, patient: str) -> Resources:
    return [
        item
        for item in resources
        if item["resourceType"] == "MedicationRequest"
        and item["subject"]["reference"] == f"Patient/{patient}"
    ]


# --- fills, and how tapers went ---------------------------------------------------------------


def fills_of(resources: Resources, patient: str, course: str) -> list[tuple[str, int, int]]:
    """Day, days of supply and quantity of each fill of a course, in the order of their days."""
    return sorted(
        (item["whenHandedOver"], int(item["daysSupply"]["value"]), int(item["quantity"]["value"]))
        for item in resources
        if item["resourceType"] == "MedicationDispense"
        and item["id"].startswith(f"{patient}-{course}-fill-")
    )


def test_an_opioid_and_clonazepam_are_handed_over_together_for_years(
    story_resources: Resources,
) -> None:
    """Both every 30 days from 23 Nov 2023: 1,096 days, so 37 fills of each."""
    for course, tablets in (("clonazepam", 60), ("morphine", 60)):
        fills = fills_of(story_resources, "kestrel", course)
        assert len(fills) == 37
        assert fills[0] == ("2023-11-23", 30, tablets)


def test_who_stopped_at_once_had_her_last_fill_at_the_full_dose(story_resources: Resources) -> None:
    """280 - 7 x 30 = 70 days ago, 14 Sep 2026; 30 days of it end on 13 Oct: 40 days without."""
    assert fills_of(story_resources, "daisy", "clonazepam")[-1] == ("2026-09-14", 30, 60)


def test_a_supply_may_end_within_a_week(story_resources: Resources) -> None:
    """235 - 7 x 30 = 25 days ago, 29 Oct 2026; day 30 of it is 27 Nov."""
    assert fills_of(story_resources, "heron", "clonazepam")[-1] == ("2026-10-29", 30, 60)


def test_a_plan_is_handed_over_with_each_step_that_has_begun(story_resources: Resources) -> None:
    """From 3 Nov: 14 days of three tablets, then on 17 Nov 14 days of two; step 3 is to come."""
    assert fills_of(story_resources, "thrush", "clonazepam") == [
        ("2026-11-03", 14, 42),
        ("2026-11-17", 14, 28),
    ]


def plan_of(resources: Resources, patient: str) -> list[tuple[str, str, str | None]]:
    """Status and bounds of each step of a patient's plan."""
    found = []
    for order in medicines_of(resources, patient):
        if "groupIdentifier" in order:
            bounds = order["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]
            found.append((order["status"], bounds["start"], bounds.get("end")))
    return found


def test_a_plan_that_is_held_goes_on_at_its_step_and_the_rest_waits(
    story_resources: Resources,
) -> None:
    """Since 64 days ago, 20 Sep 2026: 14 days, then from 4 Oct on; fills on 4 Oct and 3 Nov."""
    assert plan_of(story_resources, "sorrel") == [
        ("completed", "2026-09-20", "2026-10-03"),
        ("active", "2026-10-04", None),
        ("on-hold", "2026-10-18", "2026-10-31"),
    ]
    assert fills_of(story_resources, "sorrel", "clonazepam") == [
        ("2026-09-20", 14, 42),
        ("2026-10-04", 30, 60),
        ("2026-11-03", 30, 60),
    ]


def test_a_plan_that_was_given_up_has_a_step_that_was_never_begun(
    story_resources: Resources,
) -> None:
    """Since 56 days ago, 28 Sep 2026; given up with its third step, 15 days ago, 8 Nov."""
    assert plan_of(story_resources, "starling") == [
        ("completed", "2026-09-28", "2026-10-11"),
        ("completed", "2026-10-12", "2026-10-25"),
        ("completed", "2026-10-26", "2026-11-08"),
        ("cancelled", "2026-11-09", "2026-11-22"),
    ]
    assert fills_of(story_resources, "starling", "clonazepam-taper")[-1] == ("2026-10-26", 14, 14)
    assert fills_of(story_resources, "starling", "clonazepam") == [("2026-11-09", 30, 60)]


def test_a_plan_that_was_followed_to_its_end_is_completed(story_resources: Resources) -> None:
    """Since 134 days ago, 12 Jul 2026: 21 + 21 + 21 + 14 = 77 days, to 26 Sep."""
    plan = plan_of(story_resources, "sycamore")
    assert {status for status, *_ in plan} == {"completed"}
    assert (plan[0][1], plan[-1][2]) == ("2026-07-12", "2026-09-26")
    assert len(fills_of(story_resources, "sycamore", "clonazepam-taper")) == 4


# --- a history of twenty pages ----------------------------------------------------------------


def test_a_thousand_records_are_twenty_pages_of_fifty(story_resources: Resources) -> None:
    counts = Counter(
        item["resourceType"]
        for item in story_resources
        if item.get("subject") == {"reference": "Patient/spruce"}
        and item["resourceType"].startswith("Medication")
    )
    assert counts == {
        "MedicationRequest": 550,
        "MedicationDispense": 400,
        "MedicationStatement": 50,
    }


def test_clonazepam_was_raised_three_times_in_eight_years(story_resources: Resources) -> None:
    """The orders of each dose follow each other without a day between: 2970 days ago is 6 Oct
    2018, 1800 is 19 Dec 2021, 600 is 2 Apr 2025, 45 is 9 Oct 2026.
    """
    orders = sorted(
        (item["authoredOn"], item["dosageInstruction"][0]["text"])
        for item in medicines_of(story_resources, "spruce")
        if "clonazepam" in item["id"]
    )
    assert len(orders) == 100
    doses = {}
    for on, text in orders:
        doses.setdefault(text, on)
    assert doses == {
        "Take 1 tablet by mouth at bedtime": "2018-10-06",
        "Take 1 tablet by mouth twice a day": "2021-12-19",  # and again, of 1 mg, since 9 Oct
        "Take 1 tablet by mouth 3 times a day": "2025-04-02",
    }
    present = one(story_resources, "MedicationRequest", "spruce-clonazepam")
    assert present["medicationCodeableConcept"]["coding"][0]["code"] == "197528"  # 1 mg tablet
    assert present["priorPrescription"] == {"reference": "MedicationRequest/spruce-clonazepam-1"}
    first = one(story_resources, "MedicationRequest", "spruce-clonazepam-1")
    assert first["authoredOn"] == "2026-10-09"


def test_what_is_reported_again_and_again_ends_what_was_said_before(
    story_resources: Resources,
) -> None:
    """Every 60 days since 2,940 days ago: 50 times, the last today."""
    said = [
        item
        for item in story_resources
        if item["resourceType"] == "MedicationStatement"
        and item["subject"] == {"reference": "Patient/spruce"}
    ]
    assert [item["status"] for item in said] == 49 * ["completed"] + ["active"]
    assert said[-1]["effectivePeriod"] == {"start": "2026-11-23"}
    assert said[-2]["effectivePeriod"] == {"start": "2026-09-24", "end": "2026-11-22"}
    assert said[-2]["dateAsserted"] == "2026-09-24"


def test_the_pages_of_a_long_history_are_walked_by_their_links(client: TestClient) -> None:
    """More than 50 are asked for and 50 come; 550 orders and 400 fills, with the statements 20."""
    pages, records = 0, set()
    for kind in ("MedicationRequest", "MedicationDispense", "MedicationStatement"):
        url: str | None = f"/fhir/{kind}?patient=spruce&_count=200"
        while url is not None:
            bundle = client.get(url).json()
            assert len(bundle["entry"]) == 50
            records |= {entry["fullUrl"] for entry in bundle["entry"]}
            links = {link["relation"]: link["url"] for link in bundle["link"]}
            url, pages = links.get("next"), pages + 1
    assert (pages, len(records)) == (20, 1000)
