"""Retry-After as servers really write it: seconds, a date, an instant in milliseconds, nonsense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ehr.pace import retry_after

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
MILLISECONDS = int(NOW.timestamp() * 1000)


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 120 ", timedelta(minutes=2)),
        ("0", timedelta(seconds=1)),
        ("86400", timedelta(hours=6)),
        ("999999999", timedelta(hours=6)),
        ("Mon, 23 Nov 2026 01:10:00 GMT", timedelta(minutes=10)),
        ("Mon, 23 Nov 2026 01:10:00 -0000", timedelta(minutes=10)),
        ("Mon, 23 Nov 2026 00:10:00 GMT", timedelta(seconds=1)),
        ("Sat, 23 Jan 2027 01:00:00 GMT", timedelta(hours=6)),
        (str(MILLISECONDS + 90_000), timedelta(seconds=90)),
        (str(MILLISECONDS // 1000 + 90), timedelta(seconds=90)),
        (str(MILLISECONDS - 90_000), timedelta(seconds=1)),
    ],
)
def test_a_wait_is_understood_and_kept_between_one_second_and_six_hours(
    said: str, wait: timedelta
) -> None:
    assert retry_after(said, NOW) == wait


@pytest.mark.parametrize(
    "said", [None, "", "soon", "-5", "1.5", "\u0665", "9" * 400, "Mon, 99 Foo"]
)
def test_nonsense_says_nothing(said: str | None) -> None:
    """The caller's own pace holds."""
    assert retry_after(said, NOW) is None
