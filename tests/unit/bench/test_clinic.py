"""The requests that speed is measured with are what their names say, and no two are alike."""

from itertools import islice

import pytest

from bench import clinic
from cds_hooks.request import read_request
from cds_hooks.services.order_safety import HOOKS, Bench, answer, answer_at_once
from clinical.policy import default_policy
from ehr.decode import decode
from taperguard.doors import new_id


@pytest.mark.parametrize(
    ("morning", "shown"),
    [
        (clinic.shows_no_card, False),
        (clinic.of_a_hospital, False),
        (clinic.clonazepam_without_card, False),
        (clinic.shows_a_card, True),
    ],
)
def test_a_morning_is_of_different_patients_and_answered_as_it_says(morning, shown):
    requests = list(islice(morning(), 24))
    bodies = [decode(raw) for raw in requests]
    assert len({body["context"]["patientId"] for body in bodies}) == 24
    assert len({body["hookInstance"] for body in bodies}) == 24
    for raw, body in zip(requests, bodies, strict=True):
        assert 30_000 < len(raw) < 45_000
        assert len(body["prefetch"]["medications"]["entry"]) == clinic.MEDICATIONS
        bench = Bench(default_policy(), new_id, "https://taperguard.example")
        found = answer(read_request(raw, HOOKS), clinic.TODAY, bench)
        assert bool(found.body["cards"]) is shown


@pytest.mark.parametrize(
    ("morning", "worked_out"),
    [
        (clinic.of_a_hospital, 5),
        (clinic.shows_no_card, 25),
        (clinic.clonazepam_without_card, 100),
    ],
)
def test_of_a_hundred_orders_so_many_concern_a_check(morning, worked_out):
    """A hospital's are one of clonazepam and four of an opioid; the others are answered at once."""
    bench = Bench(default_policy(), new_id, "https://taperguard.example")
    requests = [read_request(raw, HOOKS) for raw in islice(morning(), 100)]
    found = [answer_at_once(request, clinic.TODAY, bench) for request in requests]
    assert found.count(None) == worked_out


def test_a_morning_is_the_same_in_every_run():
    assert list(islice(clinic.shows_a_card(), 5)) == list(islice(clinic.shows_a_card(), 5))
