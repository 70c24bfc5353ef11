"""How long to wait before the EHR is asked again: what `Retry-After` says, within reason. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SOONEST = timedelta(seconds=1)
LATEST = timedelta(hours=6)

# A number this large is no count of seconds: servers write the instant, as epoch (milli)seconds.
_EPOCH_SECONDS = 1_000_000_000
_EPOCH_MILLISECONDS = 1_000_000_000_000
_MOST_DIGITS = 15


def retry_after(said: str | None, now: datetime) -> timedelta | None:
    """The wait of a Retry-After header (RFC 9110: seconds or a date), from 1 s to 6 h.

    None when nothing is said, or nothing that can be understood: then the caller's own pace holds.
    """
    text = (said or "").strip()
    if text.isascii() and text.isdigit():
        return _clamped(_of_number(int(text), now)) if len(text) <= _MOST_DIGITS else None
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if instant.tzinfo is None:  # "-0000": UTC, of an unknown place
        instant = instant.replace(tzinfo=UTC)
    return _clamped(instant - now)


def _of_number(number: int, now: datetime) -> timedelta:
    if number >= _EPOCH_MILLISECONDS:
        return timedelta(milliseconds=number) - timedelta(seconds=now.timestamp())
    if number >= _EPOCH_SECONDS:
        return timedelta(seconds=number - now.timestamp())
    return timedelta(seconds=number)


def _clamped(wait: timedelta) -> timedelta:
    return min(max(wait, SOONEST), LATEST)
