"""The paces as data: ids, numbers, sources, and whom each is recommended for."""

from __future__ import annotations

import pytest

from clinical.evidence import cite
from clinical.taper import CannotTaper, pace, paces


def test_the_shipped_paces_are_those_of_the_table() -> None:
    assert [known.id for known in paces()] == [
        "asam-2025",
        "asam-2025-slow",
        "nardi-2010",
        "nardi-2010-extended",
        "bzra-25",
    ]


def test_every_pace_says_its_source_its_limits_and_for_whom() -> None:
    for known in paces():
        assert [cite(source).key for source in known.sources] == list(known.sources)
        assert known.sources
        assert known.source_note
        assert known.limits.endswith(".")
        assert known.recommended_for


def test_an_unknown_pace_is_refused_with_the_paces_there_are() -> None:
    with pytest.raises(CannotTaper, match=r'no pace "fast"; the paces are asam-2025, .*bzra-25\.'):
        pace("fast")
