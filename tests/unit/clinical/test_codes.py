"""Each code system is its own type and refuses what cannot be one of its codes."""

from __future__ import annotations

import pytest

from clinical.codes import Icd10Code, LoincCode, MalformedCode, NdcCode, RxNormCode, SnomedCode


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("0069-2587-10", "00069258710"),  # 4-4-2
        ("50580-506-02", "50580050602"),  # 5-3-2
        ("60505-7001-2", "60505700102"),  # 5-4-1
        ("00069-2587-10", "00069258710"),  # 5-4-2
        ("00069258710", "00069258710"),
    ],
)
def test_an_ndc_has_eleven_digits_however_it_is_written(written: str, digits: str) -> None:
    assert NdcCode.of(written).value == digits


@pytest.mark.parametrize(
    "written", ["0143963401", "50090-0001", "1-2-3", "00069 2587 10", "", "abc", "٠٠٠٦٩٢٥٨٧١٠"]
)
def test_an_ndc_that_may_be_several_packages_is_refused(written: str) -> None:
    with pytest.raises(MalformedCode):
        NdcCode.of(written)


@pytest.mark.parametrize(
    ("written", "dotted"),
    [("R29.6", "R29.6"), ("r296", "R29.6"), (" Z3A ", "Z3A"), ("W01.0XXA", "W01.0XXA")],
)
def test_icd_10_codes_are_equal_with_and_without_dot(written: str, dotted: str) -> None:
    assert Icd10Code.of(written).dotted == dotted


@pytest.mark.parametrize("written", ["", "R", "29.6", "R29.", "R2.96", "W01.0XXAB", "R29.6; R26"])
def test_what_is_no_icd_10_code_is_refused(written: str) -> None:
    with pytest.raises(MalformedCode):
        Icd10Code.of(written)


def test_check_digits_of_snomed_ct_and_loinc_are_checked() -> None:
    assert SnomedCode.of("84757009").value == "84757009"
    assert LoincCode.of("44249-1").value == "44249-1"
    for wrong in ("84757008", "84757090", "123", "084757009"):
        with pytest.raises(MalformedCode):
            SnomedCode.of(wrong)
    for wrong in ("44249-2", "44249", "44249-11"):
        with pytest.raises(MalformedCode):
            LoincCode.of(wrong)


@pytest.mark.parametrize(
    "written", ["", "0", "02598", "2598a", "197527.0", "123456789", "\uff12598"]
)
def test_what_is_no_rxnorm_code_is_refused(written: str) -> None:
    with pytest.raises(MalformedCode):
        RxNormCode.of(written)


def test_codes_of_two_systems_are_never_equal() -> None:
    assert RxNormCode("84757009") != SnomedCode("84757009")
