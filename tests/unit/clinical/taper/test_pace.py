"""The paces as data: ids, numbers, sources, and whom each is recommended for."""

from __future__ import annotations

import pytest

from clinical.evidence import cite
from clinical.taper import CannotTaper, pace, paces, recommended_pace


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


@pytest.mark.parametrize(
    ("youngest_age", "long_use", "recommended"),
    [
        pytest.param(64, False, "asam-2025", id="under 65"),
        pytest.param(65, False, "asam-2025-slow", id="from 65 on"),
        pytest.param(40, True, "asam-2025-slow", id="long use at any age"),
        pytest.param(None, False, "asam-2025", id="an unknown age recommends nothing"),
        pytest.param(None, True, "asam-2025-slow", id="long use at an unknown age"),
    ],
)
def test_the_slow_pace_is_for_age_65_and_for_long_use(
    youngest_age: int | None, long_use: bool, recommended: str
) -> None:
    assert recommended_pace(youngest_age, long_use).id == recommended
