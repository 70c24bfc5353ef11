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
        (clinic.concerns_no_check, False),
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


def test_an_order_that_concerns_no_check_is_answered_at_once_and_one_of_clonazepam_is_not():
    bench = Bench(default_policy(), new_id, "https://taperguard.example")
    for morning, at_once in (
        (clinic.concerns_no_check, [True] * 8),
        (clinic.clonazepam_without_card, [False] * 8),
        (clinic.shows_no_card, [True, True, True, False] * 2),
    ):
        requests = (read_request(raw, HOOKS) for raw in islice(morning(), 8))
        assert [
            answer_at_once(request, clinic.TODAY, bench) is not None for request in requests
        ] == at_once


def test_a_morning_is_the_same_in_every_run():
    assert list(islice(clinic.shows_a_card(), 5)) == list(islice(clinic.shows_a_card(), 5))
