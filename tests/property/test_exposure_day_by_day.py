"""The exposure engine against a plodding one that walks the days and asks each record.

`tests/support/naive_exposure.py` shares nothing with it but the record type. On generated charts
of orders, statements and dispenses (statuses, holds, priors, plans, supplies, refills, missing
days and doses) both have to agree; and what moves nothing in the clinic moves nothing here: the
order of the list, a record that comes twice, every date later by the same number of days.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_exposure import Naive

from clinical.daily_dose import DailyDose, DoseCourse, DoseStep, NotComputable
from clinical.day_set import DaySet
from clinical.dependence import dependence
from clinical.dose_history import Known, dose_history, dose_on_day
from clinical.drugs import DrugDescription, recognise
from clinical.duration import present_use
from clinical.exposure import exposure
from clinical.facts import BirthDate, MedicationRecord, PatientFacts, RecordKind
from clinical.policy import default_policy
from clinical.signing import current_clonazepam
from clinical.standing import followed_on
from clinical.supply import assumed_lengths
from clinical.totals import highest_total_from, total_on

TODAY = date(2026, 11, 23)
SINCE = TODAY - timedelta(days=364)
PRODUCTS = tuple(
    recognise(DrugDescription(text=name))
    for name in ("clonazepam 0.5 mg tablet", "clonazepam 1 mg tablet")
)
SAMPLED = settings(derandomize=True, max_examples=25, deadline=None)
FULL = settings(derandomize=True, max_examples=1000, report_multiple_bugs=False, deadline=None)

REQUEST, STATEMENT, DISPENSE = RecordKind.REQUEST, RecordKind.STATEMENT, RecordKind.DISPENSE
STATUSES = {
    REQUEST: ["active", "completed", "stopped", "on-hold", "cancelled", "draft", None],
    STATEMENT: ["active", "completed", "intended", "on-hold", "not-taken"],
    DISPENSE: ["completed", "in-progress", "entered-in-error"],
}
days_before = st.integers(-30, 430)


@st.composite
def courses(draw: st.DrawFn, starts: date | None) -> DoseCourse:
    """One dose, two in turn, or none that can be said; with an end or without."""
    ends = None
    if draw(st.booleans()):
        ends = (starts or TODAY) + timedelta(days=draw(st.integers(-2, 90)))
    if draw(st.integers(0, 9)) == 0:
        return DoseCourse(NotComputable("no dosage was given"))
    doses = []
    for _ in range(2 if starts is not None and ends is not None and draw(st.booleans()) else 1):
        peak = Fraction(draw(st.integers(1, 16)), 8)
        average = peak / draw(st.sampled_from([1, 1, 1, 2]))
        low = draw(st.sampled_from([Fraction(0), average, average]))
        doses.append(DailyDose("mg", low, average, peak, low == 0, f"{peak} mg"))
    if len(doses) == 1 or starts is None or ends is None or (ends - starts).days < 2:
        steps = (DoseStep(starts, ends, doses[0]),)
    else:
        change = starts + (ends - starts) // 2
        steps = (
            DoseStep(starts, change, doses[0]),
            DoseStep(change + timedelta(days=1), ends, doses[1]),
        )
    overall = max((s.dose for s in steps), key=lambda d: d.peak_day)
    return DoseCourse(overall, steps, starts=starts, ends=ends)


@st.composite
def charts(draw: st.DrawFn) -> list[MedicationRecord]:
    made: list[MedicationRecord] = []
    kinds = draw(st.lists(st.sampled_from([REQUEST, STATEMENT, DISPENSE]), min_size=1, max_size=3))
    for number in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(kinds))
        begins = TODAY - timedelta(days=draw(days_before))
        bounded = draw(st.booleans())
        has_steps = kind is not DISPENSE
        course = draw(courses(begins if bounded and has_steps else None))
        if not has_steps:
            course = replace(course, ends=None, starts=None)
            if isinstance(course.overall, DailyDose):
                dose = course.overall
                course = replace(course, steps=(DoseStep(None, None, dose),))
        made.append(
            MedicationRecord(
                source=f"{kind.value}/{number}",
                kind=kind,
                drug=draw(st.sampled_from(PRODUCTS)),
                course=course,
                status=draw(st.sampled_from(STATUSES[kind])),
                intent=draw(st.sampled_from(["order", "order", "plan"]))
                if kind is REQUEST
                else None,
                do_not_perform=draw(st.integers(0, 15)) == 0,
                inpatient=draw(st.integers(0, 15)) == 0,
                authored_on=begins if draw(st.integers(0, 7)) else None,
                period_starts=begins if kind is not REQUEST and draw(st.integers(0, 7)) else None,
                replaces=tuple(
                    f"MedicationRequest/{draw(st.integers(0, number - 1))}"
                    for _ in range(draw(st.integers(0, 1)) if number and kind is REQUEST else 0)
                ),
                group=draw(st.sampled_from([None, None, "urn:p|1"])) if kind is REQUEST else None,
                supply_days=draw(st.none() | st.integers(1, 60)),
                refills=draw(st.none() | st.integers(0, 3)) if kind is REQUEST else None,
            )
        )
    return made


def facts_of(some) -> PatientFacts:
    born = date(1985, 6, 1)
    return PatientFacts(BirthDate(born, born), medications=tuple(some))


def days_of(some, today=TODAY, since=SINCE):
    return exposure(
        some, on=today, since=since, followed=followed_on(some), assumed=assumed_lengths()
    )


def numbers(days: DaySet, within: DaySet) -> set[int]:
    return {day for first, last in (days & within).spans for day in range(first, last + 1)}


def every_day(today=TODAY):
    return [today - timedelta(days=back) for back in range(480)]


def without_undated(some):
    """A statement or an order that does not say since when has its own spec tests."""
    return [r for r in some if Naive.begins(r) is not None]


def check_days(some) -> None:
    some, year = without_undated(some), DaySet.between(SINCE, TODAY)
    found, naive = days_of(some), Naive(some, TODAY, SINCE)
    covered, perhaps = naive.days()
    assert numbers(found.covered, year) == covered
    assert numbers(found.unknown, year) == perhaps
    inside = (found.covered & year).joined(30)
    assert list(inside.spans) == naive.episodes(30)


def check_doses(some) -> None:
    naive = Naive(some, TODAY, SINCE)
    stretches = dose_history(facts_of(some), TODAY).stretches
    for day in every_day():
        dose = dose_on_day(stretches, day)
        said = (
            (dose.low, dose.high)
            if isinstance(dose, Known)
            else ("no order" if dose.no_order else "unknown")
        )
        assert said == naive.dose(day), day


@given(charts())
@SAMPLED
def test_covered_days_and_episodes_agree_with_a_calendar(some):
    check_days(some)


@given(charts())
@SAMPLED
def test_the_dose_of_every_day_agrees_with_a_calendar(some):
    check_doses(some)


@pytest.mark.long
@given(charts())
@FULL
def test_days_and_doses_agree_at_full_count(some):
    check_days(some)
    check_doses(some)


@given(charts(), charts())
@SAMPLED
def test_days_together_with_another_drug_are_the_days_that_both_cover(some, others):
    some, others = without_undated(some), without_undated(others)
    year = DaySet.between(SINCE, TODAY)
    both = numbers(days_of(some).covered & days_of(others).covered, year)
    assert both == Naive(some, TODAY, SINCE).days()[0] & Naive(others, TODAY, SINCE).days()[0]


@given(charts())
@SAMPLED
def test_the_dose_of_today_is_the_total_of_the_present_orders(some):
    """Where both know it, and no dispense tells of it: one reading of what counts."""
    orders = [r for r in without_undated(some) if r.kind is not DISPENSE and not r.inpatient]
    facts = facts_of(orders)
    dose = dose_on_day(dose_history(facts, TODAY).stretches, TODAY)
    total = total_on(current_clonazepam(facts, TODAY), TODAY)
    if isinstance(dose, Known) and total.complete and total.sources:
        assert dose.high == total.mg_per_day


@given(charts())
@SAMPLED
def test_the_highest_planned_total_is_the_highest_of_all_coming_days(some):
    orders = [r for r in some if r.kind is REQUEST]
    coming = [total_on(orders, TODAY + timedelta(days=n)).mg_per_day for n in range(200)]
    assert highest_total_from(orders, TODAY).mg_per_day == max(coming, default=0)


@given(charts(), st.randoms(use_true_random=False))
@SAMPLED
def test_neither_order_nor_repetition_changes_days_or_doses(some, chance):
    shuffled = [*some, *(record for record in some if chance.random() < 0.5)]
    chance.shuffle(shuffled)
    assert days_of(shuffled) == days_of(some)
    assert dose_history(facts_of(shuffled), TODAY) == dose_history(facts_of(some), TODAY)
    policy = default_policy()
    assert present_use(facts_of(shuffled), TODAY, policy) == present_use(
        facts_of(some), TODAY, policy
    )


def later(record: MedicationRecord, by: timedelta) -> MedicationRecord:
    def moved(day: date | None) -> date | None:
        return None if day is None else day + by

    course = replace(
        record.course,
        starts=moved(record.course.starts),
        ends=moved(record.course.ends),
        steps=tuple(
            replace(s, starts=moved(s.starts), ends=moved(s.ends)) for s in record.course.steps
        ),
    )
    return replace(
        record,
        course=course,
        authored_on=moved(record.authored_on),
        period_starts=moved(record.period_starts),
        period_ends=moved(record.period_ends),
    )


@given(charts(), st.integers(-3000, 3000))
@SAMPLED
def test_every_date_later_by_the_same_days_moves_the_result_by_as_many(some, days):
    by = timedelta(days=days)
    moved = [later(record, by) for record in some]
    here, there = days_of(some), days_of(moved, TODAY + by, SINCE + by)
    for mine, other in ((here.covered, there.covered), (here.unknown, there.unknown)):
        assert [(a + days, b + days) for a, b in mine.spans] == list(other.spans)
    before = dose_history(facts_of(some), TODAY).stretches
    after = dose_history(facts_of(moved), TODAY + by).stretches
    assert [(s.starts + by, s.ends + by, s.dose) for s in before] == [
        (s.starts, s.ends, s.dose) for s in after
    ]
    policy = default_policy()
    estimates = [
        dependence(
            present_use(facts_of(records), on, policy),
            dose_history(facts_of(records), on),
            current_clonazepam(facts_of(records), on),
        )
        for records, on in ((some, TODAY), (moved, TODAY + by))
    ]
    assert estimates[0] == estimates[1]
