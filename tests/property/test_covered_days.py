"""What holds for every list of records: sets of days agree with a calendar, the order and
repetitions do not matter, and several drugs together cover what each covers.

That the days are the right ones stands in `test_exposure_day_by_day.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from clinical.daily_dose import DoseCourse, NotComputable
from clinical.day_set import DaySet, shared_by
from clinical.drugs import DrugDescription, recognise
from clinical.exposure import exposure, together
from clinical.facts import MedicationRecord, RecordKind
from clinical.standing import followed_on
from clinical.supply import Assumed

SEEDED = settings(derandomize=True, max_examples=120, deadline=None)
TODAY = date(2026, 11, 23)
SINCE = TODAY - timedelta(days=364)
ASSUMED = Assumed(longest_fill_days=90, longest_order_days=274)
PRODUCTS = tuple(
    recognise(DrugDescription(text=name))
    for name in ("clonazepam 0.5 mg tablet", "clonazepam 1 mg tablet")
)

spans = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 15)).map(lambda t: (t[0], t[0] + t[1])),
    max_size=8,
)


def on_calendar(found: DaySet) -> set[int]:
    return {day for first, last in found.spans for day in range(first, last + 1)}


@SEEDED
@given(spans, spans, st.integers(0, 10))
def test_sets_of_days_agree_with_a_calendar(some, others, gap):
    a, b = DaySet.of(some), DaySet.of(others)
    days_a = {d for first, last in some for d in range(first, last + 1)}
    days_b = {d for first, last in others for d in range(first, last + 1)}
    assert on_calendar(a) == days_a
    assert len(a) == len(days_a)
    assert on_calendar(a | b) == days_a | days_b
    assert on_calendar(a & b) == days_a & days_b
    assert on_calendar(a - b) == days_a - days_b
    filled = set(days_a)
    for day in days_a:
        later = [d for d in days_a if d > day]
        if later and min(later) - day - 1 <= gap:
            filled |= set(range(day, min(later)))
    assert on_calendar(a.joined(gap)) == filled


@SEEDED
@given(st.lists(spans, max_size=5), st.integers(1, 4))
def test_the_days_that_several_share_agree_with_a_calendar(lists, at_least):
    sets = [DaySet.of(one) for one in lists]
    wanted = {d for d in range(1, 80) if sum(d in on_calendar(s) for s in sets) >= at_least}
    assert on_calendar(shared_by(sets, at_least)) == wanted


@st.composite
def records(draw: st.DrawFn) -> list[MedicationRecord]:
    made = []
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from([RecordKind.REQUEST, RecordKind.DISPENSE]))
        starts = TODAY - timedelta(days=draw(st.integers(-20, 450)))
        dispense = kind is RecordKind.DISPENSE
        made.append(
            MedicationRecord(
                source=f"{kind.value}/{number}",
                kind=kind,
                drug=draw(st.sampled_from(PRODUCTS)),
                course=DoseCourse(NotComputable("no dosage")),
                status=draw(
                    st.sampled_from(
                        ["completed", "entered-in-error"]
                        if dispense
                        else ["active", "completed", "stopped", "cancelled", "on-hold"]
                    )
                ),
                intent=None if dispense else "order",
                authored_on=starts,
                period_starts=starts if dispense else None,
                supply_days=draw(st.none() | st.integers(1, 60)),
                refills=None if dispense else draw(st.none() | st.integers(0, 3)),
                replaces=()
                if dispense or not number
                else (f"MedicationRequest/{draw(st.integers(0, number - 1))}",),
            )
        )
    return made


def days_of(some):
    return exposure(some, on=TODAY, since=SINCE, followed=followed_on(some), assumed=ASSUMED)


@SEEDED
@given(records(), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_anything(some, chance):
    shuffled = [*some, *(record for record in some if chance.random() < 0.5)]
    chance.shuffle(shuffled)
    assert days_of(shuffled) == days_of(some)


@SEEDED
@given(records())
def test_unknown_days_are_never_covered_and_have_a_reason(some):
    found = days_of(some)
    assert not len(found.covered & found.unknown)
    assert bool(len(found.unknown)) <= bool(found.reasons(found.unknown))
    assert found.perhaps() == found.covered | found.unknown


@SEEDED
@given(records())
def test_every_covered_day_can_be_followed_to_a_record(some):
    found = days_of(some)
    assert DaySet.of(piece.days for piece in found.pieces) == found.covered
    assert {p.source for p in found.pieces} <= {r.source for r in some}


@SEEDED
@given(records(), records())
def test_several_drugs_together_cover_what_each_covers(some, others):
    others = [replace(r, source=f"{r.source}-b") for r in others]
    a, b = days_of(some), days_of(others)
    both = together([a, b])
    assert both.covered == a.covered | b.covered
    assert together([b, a]).covered == both.covered
    assert together([b, a]).unknown == both.unknown
