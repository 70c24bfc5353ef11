"""What stands between a finding and a taper draft (CLINICAL section 6, Gates).

A stop gate allows no draft; a named specialist may take over. A coordinate gate allows drafts with
a notice. Each says in words why, by which source, and by which records of the chart.
"""

from datetime import date, timedelta

import pytest

from clinical.assess import assess
from clinical.evidence import cite
from clinical.facts import BirthDate, ConditionFact, ObservationFact, Unknown
from clinical.gates import coordinate_gates, stop_gates
from clinical.knowledge import document
from clinical.order_case import OrderCase
from clinical.policy import default_policy

TODAY = date(2026, 11, 23)


@pytest.fixture
def stops(tell):
    def run(**facts):
        return stop_gates(tell.patient(**facts), TODAY, default_policy())

    return run


def ago(days):
    return TODAY - timedelta(days=days)


def item_9(score, on=None):
    return ObservationFact("Observation/q", "phq9_item9", score, on)


# --- Stop: no drafts --------------------------------------------------------------------


def test_without_any_of_these_nothing_stops_a_taper(stops):
    assert stops(conditions=["depression", "hepatitis"], observations=(item_9(0, TODAY),)) == ()


@pytest.mark.parametrize(
    ("concept", "gate", "words"),
    [
        ("seizure_disorder", "seizures", "a taper needs neurology's co-signature"),
        ("pregnancy", "pregnancy", "weigh maternal and fetal risk with obstetrics first"),
        ("hepatic_impairment", "liver", "a taper needs a specialist"),
        ("suicidal_ideation", "suicidal-thoughts", "stabilise first"),
        ("suicide_attempt", "recent-attempt", "stabilise first"),
        (
            "seizure_withdrawal_risk_history",
            "complicated-withdrawal",
            "consider inpatient care",
        ),
    ],
)
def test_each_stops_and_names_its_record(stops, concept, gate, words):
    (found,) = stops(conditions=[concept])
    assert (found.id, found.sources) == (gate, (f"Condition/{concept}",))
    assert found.why.endswith(words)


@pytest.mark.parametrize(
    ("concept", "stopping"),
    [
        ("seizure_disorder", False),
        ("pregnancy", False),
        ("hepatic_impairment", False),
        ("suicidal_ideation", False),
        ("suicide_attempt", False),
        # An earlier withdrawal with seizures or delirium is over by its nature.
        ("seizure_withdrawal_risk_history", True),
    ],
)
def test_what_is_over_stops_only_where_the_past_is_meant(stops, concept, stopping):
    over = ConditionFact("Condition/c", concept, active=False)
    assert bool(stops(conditions=[over])) is stopping


def test_an_order_for_seizures_stops_as_well(stops, tell):
    now = tell.record("now", mg_per_day="1", reasons=frozenset({"seizure_disorder"}))
    (found,) = stops(medications=[now])
    assert (found.id, found.sources) == ("seizures", ("MedicationRequest/now",))


def test_a_recorded_pregnancy_stops_as_a_code_does(stops):
    pregnant = ObservationFact("Observation/p", "pregnant", True, ago(10))
    (found,) = stops(observations=(pregnant,))
    assert found.sources == ("Observation/p",)
    assert found.why.startswith('"pregnant" was recorded on 2026-11-13')


@pytest.mark.parametrize(("days", "stopping"), [(90, True), (91, False), (None, True)])
def test_a_suicide_attempt_is_recent_for_ninety_days(stops, days, stopping):
    on = None if days is None else ago(days)
    attempt = ConditionFact("Condition/t", "suicide_attempt", True, on)
    assert bool(stops(conditions=[attempt])) is stopping


@pytest.mark.parametrize(
    ("score", "on", "stopping"),
    [
        (0, ago(1), False),
        (1, ago(1), True),
        (3, ago(30), True),
        (3, ago(31), False),
        (1, None, True),
    ],
)
def test_any_answer_to_item_9_but_not_at_all_stops_for_thirty_days(stops, score, on, stopping):
    found = stops(observations=(item_9(score, on),))
    assert bool(found) is stopping


def test_the_latest_answer_to_item_9_counts(stops):
    now = ObservationFact("Observation/now", "phq9_item9", 0, ago(1))
    assert stops(observations=(item_9(2, ago(8)), now)) == ()
    (found,) = stops(observations=(item_9(2, TODAY),))
    assert found.why == (
        "thoughts of death or self-harm were stated in PHQ-9 item 9 (2, on 2026-11-23): ask, and "
        "stabilise first"
    )


@pytest.mark.parametrize(
    ("born", "stopping"),
    [(date(2008, 11, 23), False), (date(2008, 11, 24), True)],  # 18 today, 18 tomorrow
)
def test_under_eighteen_nothing_is_drafted(stops, born, stopping):
    assert [gate.why for gate in stops(born=born)] == ["the patient is under 18"] * stopping


def test_a_year_of_birth_that_may_be_under_eighteen_stops(stops):
    (found,) = stops(born=BirthDate(date(2008, 1, 1), date(2008, 12, 31)))
    assert found.id == "under-age"


def test_what_cannot_be_looked_up_stops(stops):
    assert [gate.why for gate in stops(born=None)] == [
        "the patient's birth date was not supplied, so age cannot be judged"
    ]
    (found,) = stops(conditions_gap=Unknown("the list was refused (403)"))
    assert found.why == ("the list was refused (403), so seizures or pregnancy cannot be ruled out")


def test_several_are_all_told(stops):
    found = stops(born=date(2015, 1, 1), conditions=["seizure_disorder", "hepatic_impairment"])
    assert [gate.id for gate in found] == ["under-age", "seizures", "liver"]


# --- Coordinate: drafts with a notice ---------------------------------------------------


def test_with_an_opioid_who_tapers_what_is_agreed_first(tell):
    facts = tell.patient(
        drafts=[tell.draft("1")], medications=[tell.record("oxy", "oxycodone 5 mg tablet")]
    )
    (gate,) = coordinate_gates(assess(OrderCase(facts, TODAY, default_policy())))
    assert gate.why.startswith("With an opioid in use, agree who tapers what")
    assert "MedicationRequest/oxy" in gate.sources
    without = tell.patient(drafts=[tell.draft("1")])
    assert coordinate_gates(assess(OrderCase(without, TODAY, default_policy()))) == ()


# --- Their data -------------------------------------------------------------------------


def test_every_gate_and_number_cites_sources_that_exist():
    data = document("gates.toml")
    for row in (*data["gates"].values(), *data["numbers"].values()):
        assert row["sources"]
        for key in row["sources"]:
            cite(key)
