"""How often a caller may ask: so often on average, a burst at once, and a bounded memory."""

from __future__ import annotations

import pytest

from taperguard.rates import MOST_CALLERS, Rates, count_as


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def asked(rates: Rates, times: int, caller: str = "a") -> int:
    """How many of so many requests went through."""
    return sum(rates.take(caller) is None for _ in range(times))


def test_at_once_five_seconds_worth_goes_through() -> None:
    """10 a second x 5 s = 50."""
    assert asked(Rates(10, Clock()), 200) == 50


def test_afterwards_as_many_as_the_rate_allows() -> None:
    """A burst of 50, then 10 a second: 30 in three seconds, whenever they come."""
    clock = Clock()
    rates = Rates(10, clock)
    asked(rates, 200)
    clock.now += 3
    assert asked(rates, 200) == 30


def test_after_a_rest_there_is_one_burst_and_not_a_saved_up_hour() -> None:
    clock = Clock()
    rates = Rates(10, clock)
    asked(rates, 200)
    clock.now += 3600
    assert asked(rates, 200) == 50


def test_who_is_refused_is_told_when_and_loses_nothing_by_asking() -> None:
    """One in ten seconds, a burst of one: the next after 10 s, however often it was asked."""
    clock = Clock()
    rates = Rates(0.1, clock)
    assert rates.take("a") is None
    assert [rates.take("a") for _ in range(3)] == [10, 10, 10]
    clock.now += 7.5
    assert rates.take("a") == 3
    clock.now += 2.5
    assert rates.take("a") is None


def test_of_more_callers_than_are_remembered_the_one_longest_unheard_of_is_forgotten() -> None:
    """So memory has an end. What it costs: the forgotten one has its burst again."""
    rates = Rates(1, Clock())
    asked(rates, 5, "first")
    asked(rates, 5, "second")
    for number in range(MOST_CALLERS - 1):
        rates.take(str(number))
    assert rates.take("second") is not None
    assert rates.take("first") is None


# --- who it is that asks ------------------------------------------------------------------------


def scope(address: str | None) -> dict[str, object]:
    return {"type": "http", "client": None if address is None else (address, 4711)}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),  # one network of 64 bits
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),  # IPv4 on a socket of IPv6
        (None, None, True),  # a Unix socket
        ("no address", None, True),
    ],
)
def test_an_address_or_a_network_of_ipv6_is_one_caller(one, other, same) -> None:
    """One a second with a burst of five, used up by the first."""
    rates = Rates(1, Clock())
    for _ in range(5):
        assert rates.take_for(scope(one)) is None
    assert (rates.take_for(scope(other)) is not None) == same


def test_what_a_known_client_asks_counts_for_it_and_not_for_the_address() -> None:
    """A hospital and its neighbours come from one address. The hospital uses up its own share."""
    rates = Rates(1, Clock())
    waits = []
    for _ in range(7):
        request = scope("192.0.2.7")
        assert rates.take_for(request) is None
        waits.append(count_as(request, "https://ehr.example.org"))
    assert waits == [None] * 5 + [1, 1]
    assert rates.take_for(scope("192.0.2.7")) is None


def test_without_a_limit_nobody_is_counted() -> None:
    assert count_as(scope("192.0.2.7"), "https://ehr.example.org") is None
