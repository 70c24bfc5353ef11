"""A plan that is written to the chart and read again by our own readers is the same plan.

What is read back from which resource:

- *CarePlan*: the whole course (days and mg/day of every step, the goal with its day), by which pace
  and which version of the rules it was made, its key and the day on which it was made.
- *MedicationRequests*: the tablets of each intake with their times of day, quantities and days of
  supply, of the fills that begin within the days that are drafted (28 in the planner). Here all
  fills of the plan are written, so that every step is compared.
- *Only in words*: the tablets of the later steps, the dose before the first cut, the check-ins.

Plans come from seeds: shipped paces and paces by hand, halves, one to four intakes, goals above
nothing with a review, as-needed use, and plans that were changed under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from clinical.daily_dose import DailyDose
from clinical.drugs import Drug
from clinical.facts import OWN_PLAN, MedicationRecord, PatientFacts, Unknown
from clinical.follow_up import check_ins
from clinical.quantities import Milligrams
from clinical.taper import (
    CannotChange,
    CannotTaper,
    Hold,
    IntakeTime,
    Resume,
    Schedule,
    SlowDown,
    StepBack,
    TakenAsNeeded,
    TaperRequest,
    begin,
    change,
    fills,
    milligram_pace,
    pace,
    percent_pace,
    products_of,
    stand,
)
from clinical.tapers import taper_in_progress, taper_signs
from clinical.tapers.plans import Shape, charted_plans
from ehr.decode import decode, encode
from ehr.read.chart import Resources, read_chart
from ehr.read.dosages import dosage_lines
from ehr.write.care_plan import PlanWords, care_plan
from ehr.write.draft_orders import OrderContext
from ehr.write.plan_entries import first_orders, plan_entries, plan_key

MONDAY = date(2027, 1, 4)
DAY = timedelta(days=1)
WHOLE = ("197527", "197528", "197529", "349194", "349195")
TIMES = {
    "MORN": IntakeTime.MORNING,
    "NOON": IntakeTime.MIDDAY,
    "EVE": IntakeTime.EVENING,
    "HS": IntakeTime.NIGHT,
}


# --- plans of every kind ------------------------------------------------------------------------


def some_pace(dice: Random) -> Any:
    return dice.choice(
        [
            pace("asam-2025"),
            pace("asam-2025-slow"),
            pace("nardi-2010"),
            pace("bzra-25"),
            percent_pace(Fraction(dice.choice([5, 8, 12])), 14),
            milligram_pace(Milligrams.of(dice.choice(["0.125", "0.25"])), dice.choice([14, 21])),
        ]
    )


def some_request(dice: Random) -> TaperRequest:
    products = dice.choice([(), products_of(WHOLE), products_of(("197527", "197528"), ("197527",))])
    if dice.random() < 0.2:
        taken = TakenAsNeeded(Milligrams.of(dice.choice(["1", "1.5"])), dice.randint(4, 6))
        return TaperRequest(
            taken.average, Milligrams.of(0), MONDAY, some_pace(dice), products, as_needed=taken
        )
    from_mg, to_mg = dice.choice(
        [("2", "0"), ("1.5", "0"), ("2.7", "0"), ("3", "1"), ("1", "0.5"), ("0.75", "0")]
    )
    return TaperRequest(
        Milligrams.of(from_mg),
        Milligrams.of(to_mg),
        MONDAY,
        some_pace(dice),
        products,
        times_per_day=dice.randint(1, 4),
        review_on=date(2029, 1, 1) if to_mg != "0" and dice.random() < 0.5 else None,
    )


def some_schedule(dice: Random) -> Schedule:
    """A schedule, changed under way as often as not."""
    while True:
        try:
            plan = begin(some_request(dice))
            break
        except CannotTaper:
            continue
    by, day = {"who": "somebody", "why": "some reason"}, MONDAY
    for _ in range(dice.choice([0, 0, 1, 2, 4])):
        day += timedelta(days=dice.randint(1, 30))
        kind = dice.choice([Hold, Resume, SlowDown, StepBack])
        more = {"days": dice.randint(7, 14)} if kind is Hold else {}
        try:
            plan = change(plan, kind(on=day, **by, **more))
        except CannotChange:
            continue
    schedule = stand(plan).schedule
    assert schedule is not None
    return schedule


# --- to the chart, as a server keeps it, and back ------------------------------------------------


def kept_by_a_server(entries: tuple[dict[str, Any], ...]) -> dict[str, tuple[dict[str, Any], ...]]:
    """The transaction as JSON text, with an id for each entry in the place of its fullUrl."""
    text = encode(list(entries)).decode()
    for number, entry in enumerate(entries):
        kind = entry["resource"]["resourceType"]
        text = text.replace(f'"{entry["fullUrl"]}"', f'"{kind}/w{number}"')
    kept: dict[str, list[dict[str, Any]]] = {}
    for number, entry in enumerate(decode(text.encode())):
        resource = {**entry["resource"], "id": f"w{number}"}
        kept.setdefault(resource["resourceType"], []).append(resource)
    return {kind: tuple(resources) for kind, resources in kept.items()}


@dataclass(frozen=True)
class RoundTrip:
    """A schedule, what a server holds of it, and what we read of that."""

    schedule: Schedule
    key: str
    kept: dict[str, tuple[dict[str, Any], ...]]
    facts: PatientFacts

    @property
    def orders(self) -> Iterator[tuple[MedicationRecord, dict[str, Any]]]:
        return zip(self.facts.medications, self.kept["MedicationRequest"], strict=True)


def there_and_back(schedule: Schedule) -> RoundTrip:
    context = OrderContext("p1", MONDAY, requester="Practitioner/x")
    key = plan_key(schedule, "p1", "2026.11")
    words = PlanWords("2026.11")
    plan = care_plan(schedule, check_ins(schedule), context, words, key=key)
    orders = first_orders(schedule, context, key, schedule.days + 1, "MedicationRequest/present")
    kept = kept_by_a_server(plan_entries(key, plan, orders))
    return RoundTrip(schedule, key, kept, read_chart(Resources(kept), MONDAY).facts)


# One process makes the trips and tells all of them.
pytestmark = pytest.mark.xdist_group("fhir round trip")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(range(20), id="twenty"),
        pytest.param(range(20, 600), id="many", marks=pytest.mark.long),
    ],
)
def trips(request: pytest.FixtureRequest) -> list[RoundTrip]:
    dice = (Random(seed) for seed in request.param)  # noqa: S311 - a seed, not a secret
    return [there_and_back(some_schedule(each)) for each in dice]


def test_the_care_plan_gives_back_every_step_its_goal_and_by_what_it_was_made(
    trips: list[RoundTrip],
) -> None:
    for trip in trips:
        (plan,) = trip.facts.taper_plans
        schedule = trip.schedule
        expected = [(s.starts, s.ends, s.dose.value) for s in schedule.steps]
        expected.append((schedule.ends_on, None, schedule.to_mg.value))
        assert [(s.starts, s.ends, s.dose) for s in plan.steps] == expected
        assert (plan.pace_id, plan.rules_version) == (schedule.pace.id, "2026.11")
        assert (plan.group, plan.status) == (f"{OWN_PLAN}|{trip.key}", "draft")
        assert plan.created_on == MONDAY


def test_the_orders_give_back_each_day_s_tablets_and_the_dose_that_they_make(
    trips: list[RoundTrip],
) -> None:
    """Day by day: which tablets, how many, at which time; together they are the day's mg."""
    for trip in trips:
        read: dict[date, Counter[tuple[IntakeTime, str]]] = {}
        mg: dict[date, Fraction] = {}
        for record, resource in trip.orders:
            (line,) = dosage_lines(resource)
            (step,) = record.course.steps
            assert isinstance(record.drug, Drug)
            assert isinstance(record.course.overall, DailyDose)
            assert record.course.overall.warnings == ()  # the text and the structure agree
            assert step.starts is not None
            assert step.ends is not None
            day = step.starts
            while day <= step.ends:
                for when in line.timing.when:
                    intake = (TIMES[when], str(record.drug.rxcui))
                    read.setdefault(day, Counter())[intake] += line.amounts[0].amount.high
                mg[day] = mg.get(day, Fraction(0)) + step.dose.high
                day += DAY
        for step in trip.schedule.steps:
            tablets: Counter[tuple[IntakeTime, str]] = Counter()
            for intake in step.intakes:
                for piece in intake.pieces:
                    tablets[(intake.time, piece.product.rxcui)] += Fraction(piece.count)
            # A step back after the goal of nothing: the days between have no tablets.
            for number in range(step.days if step.dose.value else 0):
                assert read.pop(step.starts + number * DAY) == tablets
                assert mg.pop(step.starts + number * DAY) == step.dose.value
        assert read == mg == {}


def test_the_orders_give_back_the_quantities_the_days_and_what_they_follow(
    trips: list[RoundTrip],
) -> None:
    for trip in trips:
        own = {record.source for record, _ in trip.orders}
        planned = fills(trip.schedule)
        for fill, (record, _) in zip(planned, trip.orders, strict=True):
            assert record.quantity is not None
            assert record.quantity.high == fill.quantity
            assert (record.supply_days, record.refills) == (fill.days, 0)
            assert (record.course.starts, record.course.ends) == (fill.starts, fill.ends)
            assert record.period_starts == fill.starts
            assert record.group == f"{OWN_PLAN}|{trip.key}"
            (prior,) = record.replaces
            assert prior in own or prior == "MedicationRequest/present"
            assert (prior in own) == (fill.starts > trip.schedule.starts_on)


def test_the_text_alone_gives_the_same_dose_as_the_structure(trips: list[RoundTrip]) -> None:
    for trip in trips[::5]:
        for record, resource in trip.orders:
            (dosage,) = resource["dosageInstruction"]
            text_only = {**resource, "dosageInstruction": [{"text": dosage["text"]}]}
            found = read_chart(Resources({"MedicationRequest": (text_only,)}), MONDAY).facts
            (again,) = found.medications
            assert [(s.starts, s.ends, s.dose.high) for s in again.course.steps] == [
                (s.starts, s.ends, s.dose.high) for s in record.course.steps
            ], dosage["text"]


def test_the_reader_of_tapers_recognises_the_plan_and_its_doses_of_every_day(
    trips: list[RoundTrip],
) -> None:
    for trip in trips:
        (plan,) = charted_plans(trip.facts, taper_signs(), drafts=True)
        assert (plan.shape, plan.key) == (Shape.OURS, f"{OWN_PLAN}|{trip.key}")
        for step in (*trip.schedule.steps, None):
            day = trip.schedule.ends_on if step is None else step.starts
            dose = trip.schedule.to_mg if step is None else step.dose
            found = taper_in_progress(trip.facts, day)
            assert found is not None
            assert found.now is not None
            # All of it is drafts: planned, and not taken.
            assert (found.now.mg_per_day, found.taken) == (dose.value, False)


def test_without_the_later_orders_the_care_plan_tells_the_doses(trips: list[RoundTrip]) -> None:
    """As the planner saves it: orders of the first 28 days, and the whole course in the plan."""
    for trip in trips:
        first = tuple(
            record
            for record in trip.facts.medications
            if record.period_starts is not None and record.period_starts < MONDAY + 28 * DAY
        )
        nothing = Unknown("not asked")
        facts = PatientFacts(nothing, medications=first, taper_plans=trip.facts.taper_plans)
        (plan,) = charted_plans(facts, taper_signs(), drafts=True)
        expected = [(s.starts, s.dose.value) for s in trip.schedule.steps]
        expected.append((trip.schedule.ends_on, trip.schedule.to_mg.value))
        assert [(s.starts, s.dose) for s in plan.steps] == expected
