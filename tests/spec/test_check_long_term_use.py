"""long-term-use: clonazepam on at least 120 of the past 365 days, counted on known records only.

Today is 23 Nov 2026, so the window is 24 Nov 2025 to 23 Nov 2026, both included.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from clinical.checks.long_term_use import long_term_use, use_until
from clinical.dose_history import dose_history
from clinical.facts import Unknown
from clinical.findings import Clear, Fired, NotEvaluable, SetAside, Severity
from clinical.policy import default_policy

POLICY = default_policy()


def judged(tell, *records, **facts):
    return long_term_use(tell.patient(medications=records, **facts), tell.today, POLICY)


def use(tell, *records):
    return use_until(
        dose_history(tell.patient(medications=records), tell.today), tell.today, POLICY
    )


def test_one_hundred_and_twenty_days_are_long_term_and_one_day_less_is_not(tell):
    # 27 Jul to 23 Nov 2026: 5 + 31 + 30 + 31 + 23 = 120 days, both ends included.
    long = judged(tell, tell.record("d1", mg_per_day="1", starts=date(2026, 7, 27)))
    assert isinstance(long, Fired)
    assert long.severity is Severity.INFORMATION
    assert "120 of the past 365 days" in long.why
    assert long.sources == ("MedicationRequest/d1",)
    short = judged(tell, tell.record("d1", mg_per_day="1", starts=date(2026, 7, 28)))
    assert isinstance(short, Clear)
    assert "119 of the past 365 days" in short.why


def test_only_days_of_the_past_year_count(tell):
    # Since 2020: 24 Nov 2025 to 23 Nov 2026 are 365 days, no more.
    found = use(tell, tell.record("d1", mg_per_day="1", starts=date(2020, 1, 1)))
    assert found.covered == 365
    assert found.since == date(2020, 1, 1)
    # Ended on 23 Mar 2026: 7 + 31 + 31 + 28 + 23 = 120 days of the window.
    past = tell.record(
        "d1", mg_per_day="1", starts=date(2020, 1, 1), ends=date(2026, 3, 23), status="completed"
    )
    assert isinstance(judged(tell, past), Fired)
    assert use(tell, past).since is None


def test_two_orders_on_one_day_are_one_day_of_use(tell):
    # 1 Aug to 23 Nov 2026: 31 + 30 + 31 + 23 = 115 days, and not 230.
    both = [tell.record(key, mg_per_day="1", starts=date(2026, 8, 1)) for key in ("a", "b")]
    assert use(tell, *both).covered == 115
    assert isinstance(judged(tell, *both), Clear)


def test_days_without_a_known_dose_are_not_counted_and_are_said(tell):
    # 100 days known (16 Aug to 23 Nov: 16 + 30 + 31 + 23), 200 days before them without a dosage.
    known = tell.record("b", mg_per_day="1", starts=date(2026, 8, 16))
    vague = tell.record(
        "a",
        period_starts=date(2026, 8, 16) - timedelta(days=200),
        period_ends=date(2026, 8, 15),
        status="completed",
    )
    found = judged(tell, known, vague)
    assert isinstance(found, NotEvaluable)
    assert "100 of the past 365 days" in found.why
    assert "200 days are not counted: no dosage was given" in found.why


def test_unknown_days_beside_enough_known_ones_are_a_line_of_the_finding(tell):
    known = tell.record("b", mg_per_day="1", starts=date(2026, 7, 1))
    vague = tell.record(
        "a", period_starts=date(2026, 6, 1), period_ends=date(2026, 6, 30), status="completed"
    )
    found = judged(tell, known, vague)
    assert isinstance(found, Fired)
    assert found.details == ("30 days are not counted: no dosage was given",)


def test_an_incomplete_list_fires_on_what_is_known_and_is_never_clear(tell):
    gap = Unknown("the list of medications is incomplete: only its first page was supplied")
    enough = tell.record("d1", mg_per_day="1", starts=date(2026, 1, 1))
    assert isinstance(judged(tell, enough, medications_gap=gap), Fired)
    nothing = judged(tell, medications_gap=gap)
    assert isinstance(nothing, NotEvaluable)
    assert gap.why in nothing.why


@pytest.mark.parametrize("name", ["lorazepam 1 mg tablet", "oxycodone 5 mg tablet"])
def test_another_drug_is_no_use_of_clonazepam(tell, name):
    other = tell.record("o", name, mg_per_day="1", starts=date(2020, 1, 1))
    assert isinstance(judged(tell, other), Clear)


def test_a_late_renewal_does_not_interrupt_the_use_and_a_longer_gap_does(tell):
    # First order until 30 Jun. A renewal on 31 Jul leaves 30 days (1 to 30 Jul): still one use.
    first = tell.record(
        "a", mg_per_day="1", starts=date(2024, 3, 3), ends=date(2026, 6, 30), status="completed"
    )
    soon = tell.record("b", mg_per_day="2", starts=date(2026, 7, 31))
    assert use(tell, first, soon).since == date(2024, 3, 3)
    late = tell.record("b", mg_per_day="2", starts=date(2026, 8, 1))
    assert use(tell, first, late).since == date(2026, 8, 1)


def test_a_patient_who_has_died_is_set_aside(tell):
    assert isinstance(judged(tell, deceased=True), SetAside)
