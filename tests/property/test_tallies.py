"""A tally is the same however the patients are parted and in whatever order they are added."""

from __future__ import annotations

import json
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from clinical.measures import MEASURES, MeasureResult, PatientMeasures, Tally, report_of
from clinical.measures.definitions import dose_distribution, options

SEEDED = settings(derandomize=True, max_examples=100, deadline=None)

results = st.sampled_from([(True, True), (True, False), (False, None), (False, False)]).map(
    lambda answer: MeasureResult(answer[0], answer[1], "w")
)


@st.composite
def patients(draw: st.DrawFn) -> PatientMeasures:
    bars = [bar.id for bar in dose_distribution().bars]
    return PatientMeasures(
        {measure.id: draw(results) for measure in MEASURES},
        frozenset(draw(st.sets(st.sampled_from(["benzodiazepine", "clonazepam"])))),
        dose_bar=draw(st.none() | st.sampled_from(bars)),
        options={option.id: draw(results) for option in options()},
        off_by_month=tuple(draw(st.lists(st.tuples(st.integers(1, 12), st.booleans())))),
        uncomputable=tuple(
            draw(st.lists(st.tuples(st.text(max_size=3), st.sampled_from(["a", "b"]))))
        ),
    )


@SEEDED
@given(st.lists(patients(), max_size=6), st.randoms(use_true_random=False))
def test_buckets_in_any_order_come_to_the_whole(people, chance):
    whole = Tally.sum(Tally.of(person) for person in people)
    buckets = [Tally.empty() for _ in range(3)]
    for person in people:
        place = chance.randrange(3)
        buckets[place] += Tally.of(person)
    chance.shuffle(buckets)
    first, second, third = buckets
    assert (first + second) + third == first + (second + third) == third + first + second == whole
    on = date(2026, 11, 25)
    assert report_of(Tally.sum(buckets), on=on) == report_of(whole, on=on)


@SEEDED
@given(st.lists(patients(), max_size=4))
def test_a_tally_goes_through_json_unchanged_and_nothing_adds_nothing(people):
    tally = Tally.sum(Tally.of(person) for person in people)
    assert Tally.from_json(json.loads(json.dumps(tally.to_json()))) == tally
    assert tally + Tally.empty() == tally == Tally.empty() + tally
    assert all(type(count) is int for count in tally.counts.values())


@SEEDED
@given(patients())
def test_a_patient_goes_through_json_unchanged(person):
    assert PatientMeasures.from_json(json.loads(json.dumps(person.to_json()))) == person
