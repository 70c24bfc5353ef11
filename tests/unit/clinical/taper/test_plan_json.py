"""A plan that was kept comes back as it was, or a sentence says that it does not."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import fields, replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from clinical.quantities import Milligrams
from clinical.taper import (
    CannotChange,
    CannotTaper,
    Hold,
    LateFill,
    Maintain,
    MissedCheckIn,
    PlanChange,
    RedFlag,
    Resume,
    SkipForward,
    SlowDown,
    StepBack,
    Stop,
    TakenAsNeeded,
    TaperPlan,
    TaperRequest,
    begin,
    change,
    default_products,
    milligram_pace,
    pace,
    percent_pace,
    read_typed,
    stand,
    under_way,
)
from clinical.taper.plan_json import (
    MalformedPlan,
    change_from_json,
    change_json,
    from_json,
    to_json,
)

MONDAY = date(2027, 1, 4)
BY = {"who": "Dr. Ada Example", "why": "as agreed"}


def on(day: int) -> date:
    return MONDAY + timedelta(days=day)


REQUEST = TaperRequest(
    Milligrams.of("2.7"),
    Milligrams.of("0.5"),
    MONDAY,
    pace("nardi-2010"),
    products=tuple(replace(p, halvable=p.form == "tablet") for p in default_products()),
    intakes=(Milligrams.of("1.2"), Milligrams.of("1.5")),
)

EVERY_KIND: tuple[PlanChange, ...] = (
    Hold(on=on(3), days=7, **BY),
    Resume(on=on(5), **BY),
    SlowDown(on=on(6), **BY),
    LateFill(on=on(9), due_on=on(8), **BY),
    MissedCheckIn(on=on(14), due_on=on(12), **BY),
    SkipForward(on=on(20), to_day=on(70), **BY),
    StepBack(on=on(30), **BY),
    Maintain(on=on(40), review_on=on(124), **BY),
    Stop(on=on(41), red_flag=RedFlag.SUICIDAL_THOUGHTS, **BY),
)


@pytest.fixture(scope="module")
def plan() -> TaperPlan:
    return change(begin(REQUEST), *EVERY_KIND)


def test_it_comes_back_as_it_was(plan: TaperPlan) -> None:
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


def test_a_schedule_that_was_typed_in_comes_back_and_can_be_changed() -> None:
    request = TaperRequest(Milligrams.of("2"), Milligrams.of("0"), MONDAY, pace("asam-2025"))
    typed = read_typed("14 days 3 x 0.5 mg\n28 days 1 mg\n28 days 0.5 mg\nthen 0", request)
    assert typed.schedule is not None
    held = change(under_way(typed.request, typed.schedule), Hold(on=on(14), days=7, **BY))
    again = from_json(json.loads(json.dumps(to_json(held))))
    assert again == held
    # 1.5 mg for 14 and 7 days, then as typed.
    assert [(step.days, str(step.dose)) for step in stand(again).steps] == [
        (21, "1.5 mg"),
        (28, "1 mg"),
        (28, "0.5 mg"),
    ]


def test_the_same_plan_is_written_the_same_way(plan: TaperPlan) -> None:
    again = change(begin(REQUEST), *EVERY_KIND)
    assert json.dumps(to_json(plan)) == json.dumps(to_json(again))


def test_every_field_of_a_request_is_kept(plan: TaperPlan) -> None:
    """A field that a request gains is not forgotten here."""
    assert set(to_json(plan)["request"]) == {field.name for field in fields(TaperRequest)}


def test_a_change_is_its_kind_and_its_fields() -> None:
    assert change_json(EVERY_KIND[5]) == {
        "kind": "skip-forward",
        "on": "2027-01-24",
        "who": "Dr. Ada Example",
        "why": "as agreed",
        "to_day": "2027-03-15",
    }
    assert change_json(EVERY_KIND[8])["red_flag"] == "suicidal-thoughts"


def test_a_plan_without_products_keeps_those_that_were_meant() -> None:
    plan = begin(replace(REQUEST, products=()))
    assert from_json(to_json(plan)).request.products == default_products()


def test_a_kept_plan_does_not_depend_on_how_its_pace_would_go_today() -> None:
    """Doses and days stand in it, also of the way back to the dose before: as if reviewed since."""
    request = replace(REQUEST, from_mg=Milligrams.of(2), intakes=())
    plan = change(begin(request), StepBack(on=on(5), **BY))
    kept = to_json(plan)
    kept["request"]["pace"] = "asam-2025"
    assert [(step.dose, step.days) for step in stand(from_json(kept)).steps] == [
        (step.dose, step.days) for step in stand(plan).steps
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"pace": percent_pace(Fraction(25, 2), 21, Milligrams.of("0.5"))},
        {"pace": milligram_pace(Milligrams.of("0.25"), 28)},
        {"to_mg": Milligrams.of("0.5"), "review_on": on(600)},
        {"to_mg": Milligrams.of("2"), "review_on": on(84)},
        {"as_needed": TakenAsNeeded(Milligrams.of("2.8"), 5)},  # 2 mg/day on average
    ],
    ids=str,
)
def test_what_was_asked_for_comes_back(more: dict[str, Any]) -> None:
    request = TaperRequest(Milligrams.of(2), Milligrams.of(0), MONDAY, pace("asam-2025"))
    plan = begin(replace(request, **more))
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


def test_a_pace_that_is_not_as_shipped_is_not_kept(plan: TaperPlan) -> None:
    own = replace(plan, request=replace(REQUEST, pace=replace(REQUEST.pace, title="My own")))
    with pytest.raises(CannotTaper, match=r'^The pace "nardi-2010" is not as shipped'):
        to_json(own)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("request",), None),
        (("request", "from_mg"), "many"),
        (("request", "from_mg"), 2.7),
        (("request", "from_mg"), "1/0"),
        (("request", "from_mg"), "-1"),
        (("request", "to_mg"), "3"),
        (("request", "to_mg"), "0.3"),
        (("request", "pace"), "tomorrow"),
        (("request", "starts_on"), "soon"),
        (("request", "times_per_day"), True),
        (("request", "cut_order"), ["night"]),
        (("request", "products", 0, "strength_ug"), "500"),
        (("request", "products", 0, "strength_ug"), -1),
        (("request", "products", 0, "halvable"), "no"),
        (("planned", "steps", 0, "dose"), "3"),  # a rise
        (("planned", "steps", 0, "dose"), "2.4"),  # not what its tablets make
        (("planned", "steps", 0, "ends"), "2027-01-20"),  # overlaps the next
        (("planned", "steps", 0, "ends"), "2026-01-01"),
        (("planned", "steps", 0, "intakes", 0, "time"), "noon"),
        (("planned", "steps", 0, "intakes", 0, "pieces", 0, "rxcui"), "1"),
        (("planned", "steps", 0, "intakes", 0, "pieces", 0, "count"), "NaN"),
        (("planned", "ends_on"), "2026-01-01"),
        (("planned", "steps"), {}),
        (("before",), []),
        (("before", "days"), 0),
        (("before", "dose"), 2.625),
        (("changes",), {"kind": "hold"}),
        (("changes", 0, "kind"), "pause"),
        (("changes", 0, "kind"), []),
        (("changes", 0, "days"), 7.0),
        (("changes", 0, "days"), True),
        (("changes", 0, "on"), 20270107),
        (("changes", 0, "who"), None),
        (("changes", 0, "by"), "me"),
        (("changes", 8, "red_flag"), "sadness"),
    ],
    ids=str,
)
def test_what_is_no_plan_is_not_read_as_one(
    plan: TaperPlan, where: tuple[str | int, ...], value: Any
) -> None:
    kept = deepcopy(to_json(plan))
    part: Any = kept
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value
    with pytest.raises(MalformedPlan) as refusal:
        from_json(kept)
    assert str(refusal.value) == "What was kept of the plan cannot be read as one."


def test_changes_that_do_not_follow_on_each_other_are_refused_with_their_sentence(
    plan: TaperPlan,
) -> None:
    kept = to_json(plan)
    kept["changes"].reverse()
    with pytest.raises(CannotChange, match=r"^The plan was stopped on 2027-02-14"):
        from_json(kept)


@pytest.mark.parametrize("given", EVERY_KIND, ids=lambda given: type(given).__name__)
def test_each_change_comes_back(given: PlanChange) -> None:
    assert change_from_json(json.loads(json.dumps(change_json(given)))) == given
