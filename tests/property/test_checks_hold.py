"""What holds for every check, whoever the patient is.

An unrelated record never takes a finding away, and losing data never makes the answer quieter:
what was found, or could not be checked, does not become "clear".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from told import TODAY, Stories

from clinical.assess import CHECKS, assess
from clinical.checks.abrupt_stop import abrupt_stop
from clinical.daily_dose import DailyDose, DoseCourse, DoseStep, NotComputable
from clinical.drugs import Unrecognised
from clinical.facts import (
    AllergyFact,
    ConditionFact,
    DraftOrder,
    MedicationRecord,
    ObservationFact,
    PatientFacts,
    RecordKind,
    Unknown,
)
from clinical.findings import Assessment, Clear, Fired, NotEvaluable
from clinical.order_case import OrderCase
from clinical.policy import default_policy
from clinical.taper.pace import conventions

SEEDED = settings(
    derandomize=True,
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
tell = Stories()

OTHERS = (
    "oxycodone 5 mg tablet",
    "zolpidem 5 mg tablet",
    "gabapentin 300 mg capsule",
    "clarithromycin 500 mg tablet",
    "naloxone 4 mg nasal spray",
    "buprenorphine 8 mg sublingual tablet",
    "melatonin 3 mg tablet",
)
CONCEPTS = (
    "seizure_disorder",
    "pregnancy",
    "hepatic_impairment",
    "angle_closure_glaucoma_acute",
    "fall_event",
    "dementia",
    "rbd",
    "ptsd",
    "depression",
    "insomnia",
    "alcohol_use_disorder",
    "alcohol_withdrawal",
    "sleep_apnoea",
    "suicide_attempt",
    "palliative",
)


@st.composite
def clonazepam(draw: st.DrawFn, key: str) -> MedicationRecord:
    """An order of clonazepam that is current, ended, or of an unknown dose."""
    ago = draw(st.sampled_from([1, 20, 100, 400]))
    return tell.order(
        key,
        draw(st.sampled_from(["0.5", "1", "2", "3", "5", None])),
        ago=ago,
        until=draw(st.sampled_from([None, None, ago - 1])),
        supply=draw(st.sampled_from([None, 30, 365])),
    )


@st.composite
def other(draw: st.DrawFn, key: str) -> MedicationRecord:
    """Another medicine, current or not, told by one kind of record or another."""
    return tell.record(
        key,
        draw(st.sampled_from(OTHERS)),
        draw(st.sampled_from(["5", "20", None])),
        kind=draw(st.sampled_from(list(RecordKind))),
        status=draw(st.sampled_from(["active", "active", "stopped"])),
        starts=draw(st.sampled_from([None, tell.ago(3), tell.ago(90)])),
        period_starts=tell.ago(3),
        supply_days=30,
    )


@st.composite
def drafts(draw: st.DrawFn) -> tuple[DraftOrder, ...]:
    """One or two orders of clonazepam, and perhaps another medicine; sometimes a stop."""
    found = [
        tell.draft(
            draw(st.sampled_from(["0.25", "0.5", "1", "2", "3", "5", None])),
            key="new",
            replaces=draw(st.sampled_from([(), ("a",)])),
        )
    ]
    if draw(st.booleans()):
        found.append(DraftOrder(replace(draw(other("beside")), status="draft")))
    if draw(st.sampled_from([False, False, True])):
        stop = tell.order("a", "2", ago=100, status=draw(st.sampled_from(["stopped", "cancelled"])))
        found = [DraftOrder(stop), *found[draw(st.sampled_from([0, 1])) :]]
    return tuple(found)


@st.composite
def patients(draw: st.DrawFn) -> PatientFacts:
    """Somebody for whom clonazepam is being ordered, stopped or changed."""
    medications = [draw(clonazepam(key)) for key in draw(st.sampled_from(["", "a", "ab"]))]
    medications += [draw(other(key)) for key in draw(st.sampled_from(["", "x", "xy"]))]
    conditions = [
        ConditionFact(
            f"Condition/{concept}", concept, active=draw(st.sampled_from([True] * 3 + [False]))
        )
        for concept in draw(st.lists(st.sampled_from(CONCEPTS), max_size=3, unique=True))
    ]
    allergies = AllergyFact("AllergyIntolerance/a", "lorazepam", benzodiazepine=True)
    thoughts = ObservationFact("Observation/q", "phq9_item9", draw(st.sampled_from([0, 2])), TODAY)
    return tell.patient(
        born=draw(st.sampled_from([date(1985, 6, 1), date(1950, 6, 1), date(1961, 11, 23), None])),
        drafts=draw(drafts()),
        medications=medications,
        conditions=conditions,
        allergies=draw(st.sampled_from([Unknown("not asked for"), (), (allergies,)])),
        observations=draw(st.sampled_from([Unknown("not asked for"), (), (thoughts,)])),
    )


def assessed(facts: PatientFacts) -> Assessment:
    return assess(OrderCase(facts, TODAY, default_policy()))


# --- what has nothing to do with clonazepam ----------------------------------------------

Change = Callable[[PatientFacts], PatientFacts]


def with_medication(**told: object) -> Change:
    def change(facts: PatientFacts) -> PatientFacts:
        record = tell.record("unrelated", "lisinopril 10 mg tablet", "10", **told)
        return replace(facts, medications=(*facts.medications, record))

    return change


def with_draft(facts: PatientFacts) -> PatientFacts:
    record = tell.record("unrelated", "lisinopril 10 mg tablet", "10", status="draft")
    return replace(facts, drafts=(*facts.drafts, DraftOrder(record)))


def with_condition(facts: PatientFacts) -> PatientFacts:
    resolved = ConditionFact("Condition/unrelated", "anxiety_other", active=False)
    return replace(facts, conditions=(*facts.conditions, resolved))


def with_allergy(facts: PatientFacts) -> PatientFacts:
    if isinstance(facts.allergies, Unknown):
        return facts
    penicillin = AllergyFact("AllergyIntolerance/p", "penicillin", benzodiazepine=False)
    return replace(facts, allergies=(*facts.allergies, penicillin))


UNRELATED: dict[str, Change] = {
    "an order": with_medication(),
    "a stopped order": with_medication(status="stopped"),
    "a statement": with_medication(kind=RecordKind.STATEMENT),
    "a dispense": with_medication(
        kind=RecordKind.DISPENSE, period_starts=tell.ago(3), supply_days=30
    ),
    "a draft": with_draft,
    "a resolved condition": with_condition,
    "an allergy": with_allergy,
}


@pytest.mark.parametrize("unrelated", UNRELATED.values(), ids=UNRELATED)
@given(facts=patients())
@settings(SEEDED, max_examples=12)
def test_an_unrelated_record_changes_no_verdict(unrelated, facts):
    unchanged(unrelated, facts)


@pytest.mark.long
@pytest.mark.parametrize("unrelated", UNRELATED.values(), ids=UNRELATED)
@given(facts=patients())
@settings(SEEDED, max_examples=200)
def test_an_unrelated_record_changes_no_verdict_of_many(unrelated, facts):
    unchanged(unrelated, facts)


def unchanged(unrelated, facts):
    before, after = assessed(facts), assessed(unrelated(facts))
    for check in CHECKS:
        old, new = before.verdict(check), after.verdict(check)
        assert type(new) is type(old), (check, old, new)
        if isinstance(old, Fired):
            assert new.severity is old.severity, (check, old, new)


# --- losing data -------------------------------------------------------------------------

LOST = Unknown("the list was cut short")
NO_DOSE = DoseCourse(NotComputable("the dosage was lost"))


@st.composite
def losses(draw: st.DrawFn, facts: PatientFacts) -> PatientFacts:
    """The same patient with something no longer known, and said to be so."""
    kinds = ["birth date", "conditions", "allergies", "observations", "medications"]
    if facts.medications:
        kinds += ["a dose", "a name"]
    match draw(st.sampled_from(kinds)):
        case "birth date":
            return replace(facts, birth_date=LOST)
        case "conditions":
            kept = tuple(c for c in facts.conditions if draw(st.booleans()))
            return replace(facts, conditions=kept, conditions_gap=LOST)
        case "allergies":
            return replace(facts, allergies=(), allergies_gap=LOST)
        case "observations":
            return replace(facts, observations=(), observations_gap=LOST)
        case "medications":
            some = tuple(m for m in facts.medications if draw(st.booleans()))
            return replace(facts, medications=some, medications_gap=LOST)
        case what:
            place = draw(st.integers(0, len(facts.medications) - 1))
            old = facts.medications[place]
            new = (
                replace(
                    old, course=replace(NO_DOSE, starts=old.course.starts, ends=old.course.ends)
                )
                if what == "a dose"
                else replace(old, drug=Unrecognised(None))
            )
            changed = (*facts.medications[:place], new, *facts.medications[place + 1 :])
            return replace(facts, medications=changed)


@given(data=st.data(), facts=patients())
@settings(SEEDED, max_examples=120)
def test_losing_data_never_clears_what_fired_or_could_not_be_checked(data, facts):
    never_clears(data, facts)


@pytest.mark.long
@given(data=st.data(), facts=patients())
@settings(SEEDED, max_examples=2500)
def test_losing_data_never_clears_of_many(data, facts):
    never_clears(data, facts)


def never_clears(data, facts):
    lost = data.draw(losses(facts))
    before, after = assessed(facts), assessed(lost)
    for check in CHECKS:
        old, new = before.verdict(check), after.verdict(check)
        if isinstance(old, Fired | NotEvaluable):
            assert not isinstance(new, Clear), (check, old, new)


# --- an abrupt stop is found by looking at the days on which something changes ----------------


@st.composite
def order_over_days(draw: st.DrawFn, key: str, **more: object) -> MedicationRecord:
    """An order whose doses, instructions and period begin and end on days of these three weeks."""
    days = [draw(st.sampled_from([None, *range(-3, 18)])) for _ in range(4)]
    begins, ends, period_begins, period_ends = (
        None if day is None else TODAY + timedelta(days=day) for day in days
    )
    cuts = sorted(draw(st.sets(st.integers(0, 16), max_size=2)))
    bounds = [begins, *(TODAY + timedelta(days=cut) for cut in cuts), ends]
    steps = []
    for first, then in pairwise(bounds):
        mg = Fraction(draw(st.sampled_from(["0.5", "1", "2", "4"])))
        last = then - timedelta(days=1) if then is not None and then is not ends else then
        steps.append(DoseStep(first, last, DailyDose("mg", mg, mg, mg, False, f"{mg} mg/day")))
    highest = max((step.dose for step in steps), key=lambda dose: dose.high)
    course = DoseCourse(highest, tuple(steps), starts=begins, ends=ends, intakes_per_day=1)
    return tell.record(
        key, course=course, period_starts=period_begins, period_ends=period_ends, **more
    )


@st.composite
def signings(draw: st.DrawFn) -> PatientFacts:
    """One or two orders signed beside one or two present ones, each over its days."""
    new = [
        DraftOrder(draw(order_over_days(key, status="draft", replaces=replaces)))
        for key, replaces in draw(
            st.sampled_from([[("n", ("a",))], [("n", ())], [("n", ("a",)), ("m", ())]])
        )
    ]
    if draw(st.booleans()):
        new.append(DraftOrder(tell.order("a", "4", ago=100, status="stopped")))
    beside = draw(order_over_days("b", authored_on=tell.ago(100)))
    present = draw(
        st.sampled_from([tell.order("a", "4", ago=100), tell.order("a", "4", ago=100, until=-5)])
    )
    return tell.patient(drafts=new, medications=[present, beside])


def every_day(_: object, on: date) -> list[date]:
    return [on + timedelta(days=place) for place in range(1, conventions().cap_days)]


@given(facts=signings())
@settings(SEEDED, max_examples=150)
def test_a_stop_is_judged_as_if_every_day_was_looked_at(facts):
    judged_as_if_every_day_was_looked_at(facts)


@pytest.mark.long
@given(facts=signings())
@settings(SEEDED, max_examples=4000)
def test_a_stop_of_many_is_judged_as_if_every_day_was_looked_at(facts):
    judged_as_if_every_day_was_looked_at(facts)


def judged_as_if_every_day_was_looked_at(facts):
    verdict = abrupt_stop(OrderCase(facts, TODAY, default_policy()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clinical.checks.abrupt_stop._Course._turns", every_day)
        assert abrupt_stop(OrderCase(facts, TODAY, default_policy())) == verdict
