"""AllergyIntolerance -> is it to a benzodiazepine, how sure - and whether anybody looked."""

from typing import Any

import pytest

from clinical import code_systems
from clinical.facts import AllergyFact, Unknown
from ehr.read.allergies import NOBODY_KNOWS, allergy_facts

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
IPS = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"


def coded(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def allergy(code: Any = None, **more: Any) -> dict[str, Any]:
    said = {"text": "Diazepam"} if code is None else code
    return {"resourceType": "AllergyIntolerance", "id": "a", "code": said, **more}


def fact(resource: dict[str, Any]) -> AllergyFact:
    found = allergy_facts([resource])
    assert isinstance(found, tuple)
    (one,) = found
    return one


# --- what it is to ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "agent"),
    [
        (coded(RXNORM, "3322"), "diazepam"),  # ingredient
        (coded(RXNORM, "197528"), "clonazepam"),  # clonazepam 1 MG Oral Tablet
        (coded(RXNORM, "2598", "Clonazepam"), "clonazepam"),
        (coded("urn:oid:2.16.840.1.113883.6.88", "596"), "alprazolam"),
        ({"text": "Klonopin"}, "clonazepam"),
        ({"text": "clonazePAM tablets"}, "clonazepam"),
        ({"text": "Allergy to lorazepam"}, "lorazepam"),
        ({"text": "Librax"}, "chlordiazepoxide/clidinium"),
        ({"coding": [{"display": "Midazolam"}]}, "midazolam"),
        ({"text": "Benzodiazepines"}, "benzodiazepines"),
        ({"text": "BENZODIAZEPINE ANALOGUES"}, "benzodiazepines"),
        ({"text": "benzos"}, "benzodiazepines"),
        (coded(SNOMED, "372664007"), "benzodiazepines"),
        (coded(SNOMED, "387383007"), "benzodiazepines"),
        (coded("http://hl7.org/fhir/ndfrt", "N0000175694"), "benzodiazepines"),
        (coded("http://www.whocc.no/atc", "N05BA01"), "benzodiazepines"),  # diazepam
        (coded("http://www.whocc.no/atc", "N03AE01"), "benzodiazepines"),  # clonazepam
    ],
)
def test_a_benzodiazepine_is_known_by_code_class_or_whole_word(code, agent):
    found = fact(allergy(code))
    assert (found.benzodiazepine, found.agent) == (True, agent)


@pytest.mark.parametrize(
    ("code", "agent"),
    [
        ({"text": "Penicillin V"}, "Penicillin V"),
        (coded(RXNORM, "7980", "Penicillin G"), "Penicillin G"),
        ({"text": "clonidine"}, "clonidine"),
        ({"text": "zolpidem"}, "zolpidem"),  # acts alike, and is none
        ({"text": "Flumazenil"}, "Flumazenil"),
        ({"text": "benzocaine"}, "benzocaine"),
        ({"text": "dorzolamide"}, "dorzolamide"),
        (coded("http://www.whocc.no/atc", "N05CF02"), "an agent that is not named"),
        ({}, "an agent that is not named"),
    ],
)
def test_another_agent_is_no_benzodiazepine(code, agent):
    found = fact(allergy(code))
    assert (found.benzodiazepine, found.agent) == (False, agent)


def test_of_a_code_and_words_that_disagree_the_benzodiazepine_counts():
    found = fact(allergy({**coded(RXNORM, "5489", "hydrocodone"), "text": "diazepam"}))
    assert (found.benzodiazepine, found.agent) == (True, "diazepam")


def test_the_agent_of_a_reaction_is_read_too():
    """The list says "sedatives", the reaction says to which."""
    found = fact(
        allergy({"text": "Sedatives"}, reaction=[{"substance": {"text": "Lorazepam 1 mg"}}])
    )
    assert (found.benzodiazepine, found.agent) == (True, "lorazepam")


def test_dstu2_wrote_the_agent_as_a_substance():
    old = {"resourceType": "AllergyIntolerance", "substance": {"text": "Valium"}}
    assert fact(old).agent == "diazepam"


# --- whether it is so ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status",
    [
        {"clinicalStatus": coded(CLINICAL, "inactive")},
        {"clinicalStatus": coded(CLINICAL, "resolved")},
        {"verificationStatus": coded(VERIFICATION, "refuted")},
        {"verificationStatus": coded(VERIFICATION, "entered-in-error")},
        {"verificationStatus": "entered-in-error"},  # STU3
        {"status": "refuted"},  # DSTU2
    ],
)
def test_an_allergy_that_is_over_or_refuted_is_no_fact(status):
    assert allergy_facts([allergy(**status)]) == ()


@pytest.mark.parametrize(
    "status",
    [{"verificationStatus": coded(VERIFICATION, "unconfirmed")}, {"status": "unconfirmed"}],
)
def test_an_allergy_that_is_only_suspected_is_not_confirmed(status):
    assert not fact(allergy(**status)).confirmed


@pytest.mark.parametrize(
    ("said", "is_intolerance"),
    [({"type": "intolerance"}, True), ({"type": "allergy"}, False), ({}, False)],
)
def test_a_side_effect_is_an_intolerance(said, is_intolerance):
    assert fact(allergy(**said)).intolerance is is_intolerance


def test_an_allergy_says_where_it_stands_and_is_confirmed_unless_said_otherwise():
    assert fact(allergy()) == AllergyFact("AllergyIntolerance/a", "diazepam", benzodiazepine=True)


# --- whether anybody looked -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        coded(SNOMED, "716186003", "No known allergy"),
        coded(SNOMED, "409137002"),
        coded(IPS, "no-known-allergies"),
        {"text": "NKDA"},
        {"text": "No Known Allergies"},
        {"text": "No known drug allergies, incl. benzodiazepines"},
        {"text": "None"},
    ],
)
def test_no_known_allergy_is_an_empty_list_that_somebody_looked_at(code):
    assert allergy_facts([allergy(code)]) == ()


def test_no_information_is_not_an_empty_list():
    assert allergy_facts([allergy(coded(IPS, "no-allergy-info"))]) == Unknown(NOBODY_KNOWS)


def test_no_information_beside_an_allergy_takes_nothing_away():
    found = allergy_facts([allergy(coded(IPS, "no-allergy-info")), allergy()])
    assert isinstance(found, tuple)
    assert [one.agent for one in found] == ["diazepam"]


def test_without_the_optional_snomed_ct_table_words_still_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def table(name: str) -> list[dict[str, str]]:
        raise FileNotFoundError(name)

    monkeypatch.setattr(code_systems, "table", table)
    code_systems.by_snomed.cache_clear()
    try:
        assert not fact(allergy(coded(SNOMED, "372664007"))).benzodiazepine
        assert fact(allergy(coded(SNOMED, "372664007", "Benzodiazepine"))).benzodiazepine
    finally:
        code_systems.by_snomed.cache_clear()


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"code": 7, "reaction": 7},
        {"code": {"coding": [{"system": 1, "code": 2}]}},
        {"reaction": [None, {"substance": []}]},
        {"clinicalStatus": [], "type": {"coding": 1}},
    ],
)
def test_no_shape_of_an_allergy_raises(broken):
    allergy_facts([broken])
