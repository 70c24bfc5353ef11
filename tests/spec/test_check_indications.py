"""What clonazepam may be taken for, and what comes first (CLINICAL section 4).

Three lines in the detail of another finding's card, none of them a card by itself: a seizure
disorder (`seizure-indication`), REM sleep behaviour disorder (`rbd-option`), and PTSD or a mood
disorder with disturbed sleep (`psychiatric-first`). All read active conditions, and the reason
that an order of clonazepam states.
"""

from datetime import date

import pytest

from clinical.checks.psychiatric_first import psychiatric_first
from clinical.checks.rbd_option import rbd_option
from clinical.checks.seizure_indication import seizure_indication
from clinical.facts import ConditionFact, Unknown
from clinical.findings import CheckId, Clear, Fired, NotEvaluable, Severity
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)
GAP = Unknown("the list was refused (403)")
EACH = [
    (seizure_indication, ["seizure_disorder"], "a seizure disorder"),
    (rbd_option, ["rbd"], "REM sleep behaviour disorder"),
    (psychiatric_first, ["ptsd"], "PTSD"),
    (psychiatric_first, ["depression", "insomnia"], "depression with insomnia"),
    (psychiatric_first, ["bipolar", "insomnia"], "bipolar disorder with insomnia"),
]


@pytest.fixture
def verdict_of(tell):
    def run(check, **facts):
        facts.setdefault("drafts", [tell.draft("0.5")])
        return check(OrderCase(tell.patient(**facts), TODAY, default_policy()))

    return run


# --- All three --------------------------------------------------------------------------


@pytest.mark.parametrize(("check", "concepts", "words"), EACH)
def test_each_is_information_in_another_card_s_detail(verdict_of, check, concepts, words):
    verdict = verdict_of(check, conditions=concepts)
    assert isinstance(verdict, Fired)
    assert (verdict.severity, verdict.summary) == (Severity.INFORMATION, f"with {words}")
    assert verdict.why.startswith(f"the chart has {words}")
    assert verdict.sources == tuple(f"Condition/{concept}" for concept in concepts)


@pytest.mark.parametrize(
    "check", [CheckId.SEIZURE_INDICATION, CheckId.RBD_OPTION, CheckId.PSYCHIATRIC_FIRST]
)
def test_none_has_a_card_of_its_own(check):
    assert default_policy().checks[check].own_card is False


@pytest.mark.parametrize(("check", "concepts", "words"), EACH)
def test_a_resolved_condition_does_not_count(verdict_of, check, concepts, words):
    over = [ConditionFact(f"Condition/{c}", c, active=False) for c in concepts]
    assert isinstance(verdict_of(check, conditions=over), Clear)


@pytest.mark.parametrize(("check", "concepts", "words"), EACH)
def test_one_that_is_not_confirmed_says_so(verdict_of, check, concepts, words):
    doubtful = [ConditionFact(f"Condition/{c}", c, True, confirmed=False) for c in concepts]
    assert "(not confirmed)" in verdict_of(check, conditions=doubtful).summary


@pytest.mark.parametrize(("check", "concepts", "words"), EACH)
def test_the_reason_of_an_order_counts_as_well(verdict_of, tell, check, concepts, words):
    ordered = tell.draft("0.5", reasons=frozenset(concepts))
    verdict = verdict_of(check, drafts=[ordered])
    assert isinstance(verdict, Fired)
    assert verdict.sources == ("MedicationRequest/new",)


@pytest.mark.parametrize(("check", "concepts", "words"), EACH)
def test_so_does_that_of_the_present_order(verdict_of, tell, check, concepts, words):
    now = tell.record("now", mg_per_day="0.5", reasons=frozenset(concepts))
    assert isinstance(verdict_of(check, medications=[now]), Fired)
    ended = tell.record("now", mg_per_day="0.5", reasons=frozenset(concepts), status="completed")
    assert isinstance(verdict_of(check, medications=[ended]), Clear)


@pytest.mark.parametrize(("check", "concepts", "words"), EACH)
@pytest.mark.parametrize("gap", ["conditions_gap", "medications_gap"])
def test_a_list_that_failed_is_never_clear(verdict_of, check, concepts, words, gap):
    verdict = verdict_of(check, **{gap: GAP})
    assert isinstance(verdict, NotEvaluable)
    assert verdict.why.endswith("is in the chart: the list was refused (403)")
    assert isinstance(verdict_of(check, conditions=concepts, **{gap: GAP}), Fired)


@pytest.mark.parametrize(("check", "concepts", "words"), EACH)
def test_without_a_clonazepam_order_it_is_clear(verdict_of, check, concepts, words):
    assert verdict_of(check, drafts=[], conditions=concepts) == Clear("no clonazepam order")


# --- Seizures ---------------------------------------------------------------------------


def test_no_taper_is_proposed_without_neurology(verdict_of):
    verdict = verdict_of(seizure_indication, conditions=["seizure_disorder"])
    assert verdict.details == (
        "No taper is drafted: neurology co-signs one. Withdrawal can bring status epilepticus.",
    )


# --- REM sleep behaviour disorder -------------------------------------------------------


def test_melatonin_is_an_option_and_not_preferred(verdict_of):
    (line,) = verdict_of(rbd_option, conditions=["rbd"]).details
    assert line.startswith("Immediate-release melatonin, 3-12 mg at bedtime, is an option")
    assert "prefer" not in line


def test_melatonin_that_is_taken_already_is_not_offered(verdict_of, tell):
    taken = tell.record("m", "melatonin 3 mg tablet")
    verdict = verdict_of(rbd_option, conditions=["rbd"], medications=[taken])
    assert verdict.details[0].startswith("Melatonin is on the list already")
    assert "MedicationRequest/m" in verdict.sources


# --- The psychiatric illness first ------------------------------------------------------


def test_in_ptsd_a_taper_is_strongly_considered(verdict_of):
    verdict = verdict_of(psychiatric_first, conditions=["ptsd"])
    assert (
        "In PTSD a taper should be strongly considered (ASAM 2025, statement 25)."
        in verdict.details
    )


@pytest.mark.parametrize(("mood", "mania"), [("depression", False), ("bipolar", True)])
def test_a_taper_pauses_while_sleep_is_much_disturbed(verdict_of, mood, mania):
    verdict = verdict_of(psychiatric_first, conditions=[mood, "insomnia"])
    assert "pause a taper while it is much disturbed" in verdict.details[-1]
    assert ("mania" in verdict.details[-1]) is mania


def test_a_mood_disorder_without_insomnia_is_clear(verdict_of):
    verdict = verdict_of(psychiatric_first, conditions=["depression"])
    assert verdict == Clear(
        "depression is in the chart, and no insomnia", ("Condition/depression",)
    )


def test_insomnia_alone_is_clear(verdict_of):
    assert isinstance(verdict_of(psychiatric_first, conditions=["insomnia"]), Clear)
