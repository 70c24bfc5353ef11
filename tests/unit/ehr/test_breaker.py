"""An EHR that fails again and again is left alone, and asked once after a rest."""

from __future__ import annotations

import pytest

from ehr.breaker import FAILURES_TO_OPEN, REST_SECONDS, Breaker, Way


@pytest.fixture
def breaker() -> Breaker:
    """Opens after three failures, rests for 30 seconds."""
    return Breaker(failures_to_open=3, rest_seconds=30)


def fail(breaker: Breaker, times: int, now: float = 0) -> None:
    for _ in range(times):
        breaker.note(answered=False, now=now)


def test_it_opens_after_so_many_failures_in_a_row_and_not_before(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.lets_pass(0)
    fail(breaker, 1)
    assert breaker.way is Way.OPEN
    assert not breaker.lets_pass(29.9)


def test_an_answer_between_them_begins_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.note(answered=True, now=0)
    fail(breaker, 2)
    assert (breaker.way, breaker.lets_pass(0)) == (Way.CLOSED, True)


def test_after_a_rest_one_request_passes_as_a_trial(breaker: Breaker) -> None:
    fail(breaker, 3)
    assert [breaker.lets_pass(30), breaker.lets_pass(30), breaker.lets_pass(59)] == [
        True,
        False,
        False,
    ]
    assert breaker.way is Way.HALF_OPEN


def test_a_trial_that_succeeds_closes_it(breaker: Breaker) -> None:
    fail(breaker, 3)
    assert breaker.lets_pass(30)
    breaker.note(answered=True, now=31)
    assert [breaker.lets_pass(31) for _ in range(3)] == [True, True, True]
    fail(breaker, 2, now=31)
    assert breaker.lets_pass(31)


def test_a_trial_that_fails_opens_it_for_another_rest(breaker: Breaker) -> None:
    fail(breaker, 3)
    assert breaker.lets_pass(30)
    breaker.note(answered=False, now=32)
    assert (breaker.lets_pass(61.9), breaker.lets_pass(62)) == (False, True)


def test_a_trial_of_which_nobody_heard_again_is_followed_by_the_next(breaker: Breaker) -> None:
    fail(breaker, 3)
    assert [breaker.lets_pass(now) for now in (30, 59, 60)] == [True, False, True]


def test_one_hook_alone_does_not_open_it() -> None:
    """A hook asks for seven lists at once; with ten failures the second one opens it."""
    breaker = Breaker()
    fail(breaker, 7)
    assert breaker.lets_pass(0)
    fail(breaker, FAILURES_TO_OPEN - 7)
    assert not breaker.lets_pass(REST_SECONDS - 1)
