"""Pregnancy (CLINICAL section 4, pregnancy).

Told by codes and by a recorded status; both go out of date. Today is 23 Nov 2026, and 300 days
before is 27 Jan 2026: 4 days to the end of January, 273 of February to October, 23 of November.
"""

from datetime import date, timedelta

import pytest

from clinical.checks.pregnancy import pregnancy
from clinical.facts import ConditionFact, ObservationFact, Unknown
from clinical.findings import Clear, Fired, NotEvaluable, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)
MARCH, MAY = date(2026, 3, 1), date(2026, 5, 1)
GAP = Unknown("the list was refused (403)")


@pytest.fixture
def check(tell):
    def run(**facts):
        facts.setdefault("drafts", [tell.draft("0.5")])
        facts.setdefault("observations", ())
        return pregnancy(OrderCase(tell.patient(**facts), TODAY, default_policy()))

    return run


def coded(onset=None, **told):
    return ConditionFact("Condition/p", "pregnancy", told.pop("active", True), onset, **told)


def status(value, on=None, key="s"):
    return ObservationFact(f"Observation/{key}", "pregnant", value, on)


# --- It fires ---------------------------------------------------------------------------


def test_a_code_is_a_warning(check):
    verdict = check(conditions=[coded(MARCH)])
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.summary) == (Severity.WARNING, "in pregnancy")
    assert verdict.why == "pregnancy since 2026-03-01 is in the chart"
    assert verdict.sources == ("Condition/p",)


def test_a_recorded_status_is_one_too(check):
    verdict = check(observations=(status(True, MAY),))
    assert verdict.why == '"pregnant" was recorded on 2026-05-01'
    assert verdict.sources == ("Observation/s",)


def test_a_code_that_is_not_confirmed_says_so(check):
    verdict = check(conditions=[coded(confirmed=False)])
    assert verdict.why == "pregnancy is in the chart (not confirmed)"


def test_mother_and_child_are_weighed_together_and_nothing_is_stopped_abruptly(check, tell):
    new = check(conditions=[coded(MARCH)]).details
    assert new[0].startswith("Weigh with obstetrics")
    assert "newborn" in new[1]
    taken = check(conditions=[coded(MARCH)], medications=[tell.record("old", mg_per_day="0.5")])
    assert "Do not stop it abruptly: seizures harm both." in taken.details


# --- Out of date ------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "verdict"), [(300, Fired), (301, Clear)])
def test_a_code_counts_for_as_long_as_a_pregnancy_can_last(check, days, verdict):
    assert isinstance(check(conditions=[coded(TODAY - timedelta(days=days))]), verdict)


@pytest.mark.parametrize(("days", "verdict"), [(300, Fired), (301, Clear)])
def test_so_does_a_status(check, days, verdict):
    old = status(True, TODAY - timedelta(days=days))
    assert isinstance(check(observations=(old,)), verdict)


def test_a_code_that_is_resolved_does_not_count(check):
    over = coded(MARCH, active=False, abated_on=MAY)
    assert check(conditions=[over]) == Clear("no pregnancy is in the chart")


def test_an_old_code_is_told_all_the_same(check):
    verdict = check(conditions=[coded(date(2024, 1, 5))])
    assert verdict.why == "the pregnancy of 2024-01-05 is more than 300 days old"


# --- Code and status disagree -----------------------------------------------------------


def test_not_pregnant_after_the_code_began_is_clear_and_both_are_told(check):
    verdict = check(conditions=[coded(MARCH)], observations=(status(False, MAY),))
    assert verdict == Clear(
        'pregnancy since 2026-03-01 is in the chart; "not pregnant" was recorded on 2026-05-01',
        ("Condition/p", "Observation/s"),
    )


@pytest.mark.parametrize(
    ("onset", "observed"),
    [
        (MAY, MARCH),  # before the code began
        (MAY, MAY),  # on the same day
        (None, MAY),  # the code has no day
        (MARCH, None),  # the status has none
    ],
)
def test_where_the_days_do_not_decide_it_fires_and_both_are_told(check, onset, observed):
    verdict = check(conditions=[coded(onset)], observations=(status(False, observed),))
    assert isinstance(verdict, Fired)
    assert "is in the chart" in verdict.why
    assert '"not pregnant" was recorded' in verdict.why
    assert len(verdict.sources) == 2


def test_the_latest_status_counts(check):
    now = status(True, MAY)
    before = status(False, MARCH, "b")
    assert isinstance(check(observations=(now, before)), Fired)
    after = status(False, date(2026, 6, 1), "b")
    assert isinstance(check(observations=(now, after)), Clear)


def test_of_two_on_one_day_pregnant_counts(check):
    assert isinstance(check(observations=(status(True, MAY), status(False, MAY, "b"))), Fired)


def test_a_status_of_a_later_day_says_nothing_of_today(check):
    tomorrow = status(False, TODAY + timedelta(days=1))
    assert isinstance(check(conditions=[coded(MARCH)], observations=(tomorrow,)), Fired)


# --- Not evaluable, and no order --------------------------------------------------------


@pytest.mark.parametrize("gap", ["conditions_gap", "observations_gap"])
def test_a_list_that_failed_is_never_clear(check, gap):
    assert check(**{gap: GAP}) == NotEvaluable(
        "whether the patient is pregnant is not known: the list was refused (403)"
    )
    no = check(observations=(status(False, MAY),), **{gap: GAP})
    assert isinstance(no, NotEvaluable)
    assert isinstance(check(conditions=[coded(MARCH)], **{gap: GAP}), Fired)


def test_a_status_that_was_not_asked_for_is_said(check):
    verdict = check(observations=Unknown("observations were not asked for"))
    assert verdict == Clear("no pregnancy is in the chart; observations were not asked for")


def test_without_a_clonazepam_order_it_is_clear(check):
    assert check(drafts=[], conditions=[coded(MARCH)]) == Clear("no clonazepam order")
