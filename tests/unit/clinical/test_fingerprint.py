"""What changes the facts on which a finding stands, and what does not.

A settled finding stays quiet while the text is the same and returns when it is another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest

from clinical.checks.high_dose import high_dose
from clinical.daily_dose import DailyDose, DoseCourse, DoseStep, NotComputable
from clinical.drugs import DrugDescription, recognise
from clinical.facts import (
    OWN_PLAN,
    AllergyFact,
    BirthDate,
    ConditionFact,
    DraftOrder,
    MedicationRecord,
    ObservationFact,
    PatientFacts,
    RecordKind,
    Unknown,
)
from clinical.findings import Checked, CheckId, Clear, Fired, NotEvaluable, SetAside, Severity
from clinical.fingerprint import stands_on
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)
HIGH, RAISED, OPIOID, OLDER, LONG = (
    CheckId.HIGH_DOSE,
    CheckId.DOSE_ESCALATION,
    CheckId.OPIOID_TOGETHER,
    CheckId.OLDER_ADULT,
    CheckId.LONG_TERM_USE,
)


def order(
    key: str, mg: str | None = "2", drug: str = "clonazepam 1 mg tablet", **more: object
) -> MedicationRecord:
    """An active order of so many mg a day; None: its dose cannot be computed."""
    course = DoseCourse(NotComputable("as directed"))
    if mg is not None:
        dose = DailyDose("mg", Fraction(mg), Fraction(mg), Fraction(mg), False, "as told")
        course = DoseCourse(dose, (DoseStep(None, None, dose),), intakes_per_day=1)
    return MedicationRecord(
        source=f"MedicationRequest/{key}",
        kind=RecordKind.REQUEST,
        drug=recognise(DrugDescription(text=drug)),
        course=course,
        status=str(more.pop("status", "active")),
        intent="order",
        **more,
    )


def draft(key: str = "new", mg: str | None = "3", **more: object) -> DraftOrder:
    return DraftOrder(order(key, mg, status="draft", **more))


def oxycodone(mg: str | None = "20", key: str = "oxy") -> MedicationRecord:
    return order(key, mg, "oxycodone 5 mg tablet")


def condition(concept: str, key: str = "c1") -> ConditionFact:
    return ConditionFact(f"Condition/{key}", concept, active=True)


def born(*day: int) -> BirthDate:
    return BirthDate(date(*day), date(*day))


FACTS = PatientFacts(
    birth_date=born(1954, 8, 20),
    drafts=(draft(),),
    medications=(order("now"), oxycodone()),
    conditions=(condition("falls_history"),),
    allergies=(AllergyFact("AllergyIntolerance/a1", "Diazepam", benzodiazepine=True),),
    observations=(ObservationFact("Observation/o1", "phq9_item9", Fraction(1)),),
)
"""72 with a history of falls; clonazepam 2 mg/day and oxycodone; 3 mg/day is being ordered."""


def text(
    check: CheckId,
    facts: PatientFacts = FACTS,
    *,
    names: tuple[str, ...] | None = None,
    severity: Severity = Severity.WARNING,
    on: date = TODAY,
    only_if_added: bool = False,
) -> str:
    """What a finding of this check stands on that names these resources (or all there are)."""
    every = [*facts.medications, *(d.record for d in facts.drafts), *facts.conditions]
    for listed in (facts.allergies, facts.observations):
        every += [] if isinstance(listed, Unknown) else listed
    named = tuple(it.source for it in every) if names is None else names
    fired = Fired(severity, "a summary", "a reason", named, (), only_if_added=only_if_added)
    found = stands_on(OrderCase(facts, on, default_policy()), Checked(check, fired))
    assert found is not None
    return found


Change = Callable[[PatientFacts], PatientFacts]


def medicines(*records: MedicationRecord) -> Change:
    return lambda facts: replace(facts, medications=records)


def drafts(*orders: DraftOrder) -> Change:
    return lambda facts: replace(facts, drafts=orders)


def conditions(*concepts: str) -> Change:
    found = tuple(condition(it, f"c{n}") for n, it in enumerate(concepts))
    return lambda facts: replace(facts, conditions=found)


def who(birth_date: BirthDate | Unknown) -> Change:
    return lambda facts: replace(facts, birth_date=birth_date)


ANOTHER_ORDER_OF_THE_LISTS: Change = lambda facts: replace(  # noqa: E731
    facts, medications=facts.medications[::-1], conditions=facts.conditions[::-1]
)
HALVES = tuple(order(key, "1") for key in ("am", "pm"))
NOT_SIGNED_PLAN = draft("plan", "1.5", group=f"{OWN_PLAN}|t1").record


@pytest.mark.parametrize(
    ("check", "change"),
    [
        pytest.param(HIGH, drafts(draft(mg="4")), id="more is ordered"),
        pytest.param(HIGH, drafts(draft(mg="2.999")), id="a trifle less is ordered"),
        pytest.param(HIGH, drafts(draft(mg=None)), id="the dose cannot be computed any more"),
        pytest.param(RAISED, medicines(order("now", "1"), oxycodone()), id="present dose less"),
        pytest.param(HIGH, who(born(1961, 11, 24)), id="64: another age band"),
        pytest.param(HIGH, who(born(1951, 11, 23)), id="75 today: another age band"),
        pytest.param(HIGH, who(Unknown("not supplied")), id="the age is not known any more"),
        pytest.param(OLDER, conditions("falls_history", "dementia"), id="a new risk"),
        pytest.param(OLDER, conditions(), id="a risk less"),
        pytest.param(OLDER, medicines(order("now")), id="a medicine less"),
        pytest.param(OPIOID, medicines(order("now"), oxycodone("30")), id="more of the opioid"),
        pytest.param(
            OPIOID,
            medicines(order("now"), order("t", "20", "tramadol 50 mg tablet")),
            id="another opioid",
        ),
        pytest.param(
            OPIOID, drafts(draft(), DraftOrder(oxycodone("10", "more"))), id="an opioid beside it"
        ),
        pytest.param(
            HIGH,
            lambda facts: replace(facts, medications=(*facts.medications, NOT_SIGNED_PLAN)),
            id="a taper has been saved",
        ),
        pytest.param(
            CheckId.SUICIDE_RISK,
            lambda facts: replace(
                facts, observations=(ObservationFact("Observation/o1", "phq9_item9", Fraction(2)),)
            ),
            id="another answer to the same question",
        ),
        pytest.param(
            CheckId.CONTRAINDICATION,
            lambda facts: replace(
                facts, allergies=(AllergyFact("AllergyIntolerance/a1", "lorazepam", True),)
            ),
            id="another allergy",
        ),
    ],
)
def test_the_card_returns_when(check: CheckId, change: Change) -> None:
    assert text(check, change(FACTS)) != text(check)


@pytest.mark.parametrize(
    ("check", "change"),
    [
        pytest.param(HIGH, drafts(draft("other")), id="the draft has another id"),
        pytest.param(
            RAISED,
            drafts(draft("a", "1"), draft("b", "2", drug="clonazepam 2 mg tablet")),
            id="the same 3 mg/day in other tablets and two orders",
        ),
        pytest.param(RAISED, medicines(*HALVES, oxycodone()), id="the present 2 mg in two orders"),
        pytest.param(HIGH, medicines(order("now", "1"), oxycodone()), id="not of a present dose"),
        pytest.param(OPIOID, ANOTHER_ORDER_OF_THE_LISTS, id="the lists in another order"),
        pytest.param(OLDER, ANOTHER_ORDER_OF_THE_LISTS, id="the lists in another order, older"),
        pytest.param(
            OPIOID,
            medicines(order("now"), oxycodone("10", "a"), oxycodone("10", "b")),
            id="the same opioid dose in two orders",
        ),
        pytest.param(
            OPIOID,
            drafts(draft(), DraftOrder(oxycodone("20", "again"))),
            id="the opioid is renewed beside it",
        ),
        pytest.param(OLDER, medicines(order("now"), oxycodone("30")), id="not of another's dose"),
        pytest.param(HIGH, who(born(1954, 11, 24)), id="71: the same age band"),
        pytest.param(HIGH, who(born(1951, 11, 24)), id="74: the day before the next age band"),
        pytest.param(
            OLDER,
            lambda facts: replace(facts, conditions=(condition("falls_history", "another id"),)),
            id="the condition has another id",
        ),
        pytest.param(
            OLDER,
            lambda facts: replace(
                facts, conditions=(*facts.conditions, condition("falls_history", "c2"))
            ),
            id="the condition is listed twice",
        ),
        pytest.param(
            CheckId.SUICIDE_RISK,
            lambda facts: replace(
                facts,
                observations=(ObservationFact("Observation/o2", "phq9_item9", Fraction(1), TODAY),),
            ),
            id="the same answer asked again",
        ),
    ],
)
def test_the_card_stays_quiet_when(check: CheckId, change: Change) -> None:
    assert text(check, change(FACTS)) == text(check)


def test_the_day_is_no_fact_until_a_birthday_opens_another_age_band() -> None:
    """Born 20 Aug 1954: 74 until 19 Aug 2029, 75 from the 20th on."""
    assert text(HIGH, on=TODAY + timedelta(days=80)) == text(HIGH)
    assert text(HIGH, on=date(2029, 8, 19)) == text(HIGH)
    assert text(HIGH, on=date(2029, 8, 20)) != text(HIGH)


def test_a_condition_that_the_finding_does_not_name_is_another_finding_s_business() -> None:
    more = replace(FACTS, conditions=(*FACTS.conditions, condition("copd", "c9")))
    named = tuple(it.source for it in FACTS.medications)
    assert text(HIGH, more, names=named) == text(HIGH, names=named)


def test_another_severity_is_another_fact_and_so_is_a_finding_only_if_doses_add_up() -> None:
    texts = {
        text(HIGH, severity=Severity.WARNING),
        text(HIGH, severity=Severity.CRITICAL),
        text(HIGH, severity=Severity.INFORMATION),
        text(HIGH, severity=Severity.INFORMATION, only_if_added=True),
    }
    assert len(texts) == 4


def test_the_same_facts_under_two_checks_are_two_texts() -> None:
    assert text(HIGH) != text(RAISED)


def test_an_order_once_signed_says_what_it_said_as_a_draft() -> None:
    """3 mg/day settled as a draft beside 2 mg/day; then it is the present order and renewed."""
    names = ("MedicationRequest/new",)
    signed = replace(FACTS, medications=(order("new", "3"), oxycodone()), drafts=(draft("again"),))
    assert text(HIGH, signed, names=("MedicationRequest/again",)) == text(HIGH, names=names)


def test_an_unknown_dose_is_told_by_the_words_of_its_order() -> None:
    """Another "as directed" is the same order again; other words may be another dose."""

    def unknown(words: str) -> PatientFacts:
        return replace(FACTS, drafts=(draft(mg=None, dosage_text=words),))

    assert text(HIGH, unknown("as  directed")) == text(HIGH, unknown("as directed"))
    assert text(HIGH, unknown("as directed")) != text(HIGH, unknown("as needed at night"))


def test_an_opioid_that_is_ordered_alone_stands_on_the_present_dose_of_clonazepam() -> None:
    alone = replace(FACTS, drafts=(DraftOrder(oxycodone("10", "new")),))
    risen = replace(alone, medications=(order("now", "4"), oxycodone()))
    assert text(OPIOID, alone) != text(OPIOID, risen)


def test_a_resource_of_which_nothing_is_known_here_counts_by_its_id() -> None:
    assert text(HIGH, names=("Device/1",)) != text(HIGH, names=("Device/2",))


def test_long_term_use_asks_the_same_while_its_days_are_not_known_for_certain() -> None:
    case = OrderCase(replace(FACTS, drafts=()), TODAY, default_policy())
    fired = Fired(Severity.INFORMATION, "s", "200 of 365 days", ("MedicationRequest/now",), ())
    texts = {
        stands_on(case, Checked(LONG, verdict))
        for verdict in (fired, NotEvaluable("165 days unknown", ("MedicationRequest/now",)))
    }
    assert len(texts) == 1


def test_a_check_that_could_not_be_made_is_not_the_finding_that_it_might_be() -> None:
    case = OrderCase(FACTS, TODAY, default_policy())
    could_not = stands_on(case, Checked(OLDER, NotEvaluable("the birth date was not supplied")))
    assert could_not not in {None, text(OLDER, names=())}


def test_what_is_clear_or_set_aside_says_nothing_that_could_be_settled() -> None:
    case = OrderCase(FACTS, TODAY, default_policy())
    assert stands_on(case, Checked(HIGH, Clear("under 2 mg/day"))) is None
    assert stands_on(case, Checked(HIGH, SetAside("has died"))) is None


def test_a_real_finding_stands_on_its_dose_and_its_age_band() -> None:
    """3 mg/day at or above 2 (a warning) at 72: the second of the bands 65 to 74, 75 to 84, 85."""
    case = OrderCase(FACTS, TODAY, default_policy())
    found = stands_on(case, Checked(HIGH, high_dose(case)))
    assert found == "after signing 3 mg/day\nage band 2 to 2\ncheck high-dose\nwarning"
