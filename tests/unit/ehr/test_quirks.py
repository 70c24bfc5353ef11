"""What a search becomes for an EHR that understands less."""

from __future__ import annotations

from ehr.quirks import NO_COUNT, ONE_CODE, QUIRKS, as_understood

SEARCH = {"patient": "p1", "code": "44260-8,29463-7", "_count": "200"}


def test_an_ehr_without_quirks_is_asked_as_the_specification_has_it() -> None:
    assert as_understood(SEARCH, ()) == (SEARCH,)


def test_each_quirk_changes_what_is_asked() -> None:
    assert as_understood(SEARCH, {NO_COUNT}) == ({"patient": "p1", "code": "44260-8,29463-7"},)
    assert as_understood(SEARCH, {ONE_CODE}) == (
        {"patient": "p1", "code": "44260-8", "_count": "200"},
        {"patient": "p1", "code": "29463-7", "_count": "200"},
    )
    for quirk in QUIRKS:
        assert as_understood(SEARCH, {quirk}) != (SEARCH,)


def test_a_search_without_codes_stays_one() -> None:
    assert as_understood({"patient": "p1"}, set(QUIRKS)) == ({"patient": "p1"},)
