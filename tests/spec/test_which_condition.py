"""Which concepts the codes of a condition belong to (ICD-10-CM tabular list, April 2026)."""

from __future__ import annotations

import pytest

from clinical import code_systems, conditions
from clinical.conditions import concepts_of
from clinical.drugs import Coded

ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"


def concepts(system: str | None, code: str | None) -> set[str]:
    return set(concepts_of([Coded(system, code, None)]))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("Z91.81", {"falls_history"}),
        ("Z9181", {"falls_history"}),
        ("z91.81", {"falls_history"}),
        ("W01.0XXA", {"fall_event"}),
        ("W01", {"fall_event"}),
        ("R26.81", {"gait_problem"}),
        ("R26.8", set()),  # exact rows only: the header is none of them
        ("M81.0", {"osteoporosis"}),
        ("S72.001A", {"fracture"}),
        ("F03.90", {"dementia"}),
        ("G31.83", {"dementia"}),
        ("G31.84", {"mci"}),
        ("F05", {"delirium"}),
        ("G40.909", {"seizure_disorder"}),
        ("G47.33", {"sleep_apnoea"}),
        ("G47.52", {"rbd"}),
        ("F11.20", {"opioid_use_disorder"}),
        ("F10.20", {"alcohol_use_disorder"}),
        ("Z51.5", {"palliative"}),
        ("K74.60", {"hepatic_impairment"}),
        ("Z3A.20", {"pregnancy"}),
        ("I10", set()),
        ("G4", set()),
        ("nonsense", set()),
    ],
)
def test_icd_10_codes_belong_to_concepts_exactly_or_by_their_beginning(
    code: str, expected: set[str]
) -> None:
    assert concepts(ICD10, code) == expected


@pytest.mark.parametrize(
    "system",
    [
        ICD10,
        "http://hl7.org/fhir/sid/icd-10",
        "https://hl7.org/fhir/sid/icd-10-cm/",
        "urn:oid:2.16.840.1.113883.6.90",
        "urn:oid:2.16.840.1.113883.6.3",
    ],
)
def test_icd_10_is_known_by_its_other_uris(system: str) -> None:
    assert concepts(system, "R29.6") == {"falls_history"}


@pytest.mark.parametrize("system", [None, "", "http://hl7.org/fhir/sid/icd-9-cm", "urn:oid:1.2.3"])
def test_a_code_of_another_or_no_system_means_nothing(system: str | None) -> None:
    assert concepts(system, "R29.6") == set()


@pytest.mark.parametrize(
    "system", [SNOMED, "http://snomed.info/sct/731000124108", "urn:oid:2.16.840.1.113883.6.96"]
)
def test_snomed_ct_identifiers_count_as_they_stand(system: str) -> None:
    assert concepts(system, "84757009") == {"seizure_disorder"}
    assert concepts(system, "385763009") == {"hospice"}
    assert concepts(system, "38341003") == set()


def test_every_condition_that_the_checks_ask_for_has_a_code() -> None:
    asked = """falls_history fall_event fracture gait_problem osteoporosis dementia delirium
        seizure_disorder rbd alcohol_withdrawal benzodiazepine_withdrawal hospice palliative
        opioid_use_disorder pregnancy hepatic_impairment"""
    assert set(asked.split()) <= conditions.concepts()


def test_one_code_may_belong_to_several_concepts() -> None:
    assert concepts(ICD10, "F10.230") == {
        "alcohol_use_disorder",
        "alcohol_withdrawal",
        "seizure_withdrawal_risk_history",
    }


def test_several_codes_of_one_condition_add_up() -> None:
    both = [Coded(ICD10, "F11.20", None), Coded(SNOMED, "84757009", None), Coded(ICD10, None, "x")]
    assert concepts_of(both) == {"opioid_use_disorder", "seizure_disorder"}


def test_without_the_optional_snomed_ct_table_icd_10_still_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def table(name: str) -> list[dict[str, str]]:
        raise FileNotFoundError(name)

    concepts_of([Coded(ICD10, "I10", None)])  # its table is read by now
    monkeypatch.setattr(code_systems, "table", table)
    code_systems.by_snomed.cache_clear()
    try:
        assert concepts(SNOMED, "84757009") == set()
        assert concepts(ICD10, "R29.6") == {"falls_history"}
    finally:
        code_systems.by_snomed.cache_clear()
