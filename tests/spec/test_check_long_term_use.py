"""long-term-use: clonazepam on at least 120 of the past 365 days, by the days of the report.

Today is 23 Nov 2026, so the window is 24 Nov 2025 to 23 Nov 2026, both included. The card of a
chart that is opened, the planner and the population report answer this from one count
(`clinical.duration`), so that one patient has one answer.
"""

from __future__ import annotations

from datetime import date

import pytest

from clinical.checks.long_term_use import long_term_use, year_of_use
from clinical.facts import Unknown
from clinical.findings import Clear, Fired, NotEvaluable, SetAside, Severity
from clinical.measures import measure_patient
from clinical.order_case import OrderCase
from clinical.policy import default_policy

POLICY = default_policy()


def judged(tell, *records, **facts):
    return long_term_use(OrderCase(tell.patient(medications=records, **facts), tell.today, POLICY))


def use(tell, *records):
    return year_of_use(tell.patient(medications=records), tell.today, POLICY)


def test_one_hundred_and_twenty_days_are_long_term_and_one_day_less_is_not(tell):
    # The 119th to the 0th day before today are 120 days.
    long = judged(tell, tell.order("d1", ago=119, supply=120))
    assert isinstance(long, Fired)
    assert long.severity is Severity.INFORMATION
    assert "120 of the past 365 days covered (prescribed days)" in long.why
    assert long.sources == ("MedicationRequest/d1",)
    short = judged(tell, tell.order("d1", ago=118, supply=119))
    assert isinstance(short, Clear)
    assert "119 of the past 365 days" in short.why


def test_only_days_of_the_past_year_count(tell):
    # Filled for 400 days 399 days ago: 24 Nov 2025 to 23 Nov 2026 are 365 days, no more.
    assert use(tell, tell.order("d1", ago=399, supply=400)).covered == 365
    # Ended 245 days ago (23 Mar 2026): days 364 to 245 are 120.
    past = tell.order("d1", ago=700, until=245, status="completed")
    assert isinstance(judged(tell, past), Fired)


def test_two_orders_on_one_day_are_one_day_of_use(tell):
    # The 114th to the 0th day: 115 days, and not 230.
    both = [tell.order(key, ago=114, supply=115) for key in ("a", "b")]
    assert use(tell, *both).covered == 115
    assert isinstance(judged(tell, *both), Clear)


def test_days_without_a_known_supply_are_not_counted_and_are_said(tell):
    # 100 days of supply (99 to 0); before them an order that says neither supply nor end.
    known = tell.order("b", ago=99, supply=100, replaces=("a",))
    vague = tell.order("a", ago=299, status="completed")
    found = judged(tell, known, vague)
    assert isinstance(found, NotEvaluable)
    assert "100 of the past 365 days covered" in found.why
    # The 299th to the 100th day are 200 days.
    assert "200 more cannot be worked out: it states neither a supply" in found.why


def test_unknown_days_beside_enough_known_ones_are_a_line_of_the_finding(tell):
    known = tell.order("b", ago=145, supply=146, replaces=("a",))
    vague = tell.order("a", ago=175, status="completed")
    found = judged(tell, known, vague)
    assert isinstance(found, Fired)
    # The 175th to the 146th day are 30 days.
    (detail,) = found.details
    assert detail.startswith("30 more cannot be worked out")


def test_the_dose_need_not_be_known(tell):
    """What is taken for so long counts, whatever its dose: the supply says the days."""
    assert isinstance(judged(tell, tell.order("d1", None, ago=150, supply=151)), Fired)


def test_an_active_order_without_a_supply_is_not_evaluable_and_neither_yes_nor_no(tell):
    found = judged(tell, tell.record("d1", mg_per_day="1", starts=date(2020, 1, 1)))
    assert isinstance(found, NotEvaluable)
    assert found.why.startswith("0 of the past 365 days covered (prescribed days); 365 more")


@pytest.mark.parametrize(
    ("ago", "supply", "refills"), [(119, 120, 0), (118, 119, 0), (200, 30, None), (40, None, 0)]
)
def test_the_card_and_the_report_answer_alike(tell, ago, supply, refills):
    order = tell.order("d1", ago=ago, supply=supply, refills=refills)
    verdict = judged(tell, order)
    facts = tell.patient(medications=[order])
    answer = measure_patient(facts, tell.today, POLICY).results["long-term-use"]
    assert isinstance(verdict, Fired) == bool(answer.met)
    assert isinstance(verdict, NotEvaluable) == answer.not_evaluable
    assert verdict.why.startswith(answer.why)


def test_an_incomplete_list_fires_on_what_is_known_and_is_never_clear(tell):
    gap = Unknown("the list of medications is incomplete: only its first page was supplied")
    enough = tell.order("d1", ago=300, supply=301)
    assert isinstance(judged(tell, enough, medications_gap=gap), Fired)
    nothing = judged(tell, medications_gap=gap)
    assert isinstance(nothing, NotEvaluable)
    assert gap.why in nothing.why


@pytest.mark.parametrize("name", ["lorazepam 1 mg tablet", "oxycodone 5 mg tablet"])
def test_another_drug_is_no_use_of_clonazepam(tell, name):
    other = tell.order("o", ago=300, supply=301, name=name)
    assert isinstance(judged(tell, other), Clear)


def test_a_patient_who_has_died_is_set_aside(tell):
    assert isinstance(judged(tell, deceased=True), SetAside)
