"""FHIR Timing -> timing, as written (FHIR R4, datatypes, Timing)."""

from __future__ import annotations

import math
import re
from datetime import date
from fractions import Fraction
from typing import Any

from clinical.dosage import DAYS_IN, Bounds, Timing
from clinical.dosing.timing_words import unit_of_time
from clinical.dosing.units import shown
from ehr.read.dates import date_range, first_day, last_day
from ehr.read.json import as_code, as_list, as_object, as_text
from ehr.read.quantities import (
    MOST_DAYS,
    MOST_PARTS,
    Findings,
    aside,
    modifiers,
    read_days,
    read_number,
)


def timing_of(timing: dict[str, Any], found: Findings) -> Timing:
    """The parts of a Timing; what could not be read is added to `found`."""
    repeat = timing.get("repeat")
    if isinstance(repeat, list) and len(repeat) == 1:
        repeat = repeat[0]
    if repeat is not None and not isinstance(repeat, dict):
        found.unreadable.append("the timing's repeat is not an object")
    parts = as_object(repeat)
    found.unreadable += modifiers(parts, "timing")
    _offset_note(parts, found)
    count, count_max = _count(parts, found)
    return Timing(
        frequency=read_number(parts.get("frequency"), "the frequency", found),
        frequency_max=read_number(parts.get("frequencyMax"), "the highest frequency", found),
        period=read_number(parts.get("period"), "the period", found),
        period_max=read_number(parts.get("periodMax"), "the longest period", found),
        period_unit=_period_unit(parts, found),
        days_of_week=_days_of_week(parts, found),
        times_of_day=_times_of_day(parts, found),
        when=_when(parts, found),
        count=count,
        count_max=count_max,
        each_lasts_days=_each_lasts(parts, found),
        events=_events(timing, found),
        named=_names(timing, found),
        bounds=_bounds(parts, found),
    )


def _each_lasts(parts: dict[str, Any], found: Findings) -> tuple[Fraction, Fraction] | None:
    """How long one administration takes. Only a rate makes a dose of it."""
    duration, longest = parts.get("duration"), parts.get("durationMax")
    if duration is None and longest is None:
        return None
    word = as_text(parts.get("durationUnit", parts.get("durationUnits")))
    unit = unit_of_time(word) if word else None
    own = Findings()
    short = read_number(duration if duration is not None else longest, "it", own)
    long = read_number(longest, "it", own) if longest is not None else short
    if unit is None or not short or not long or short > long:
        found.notes.append("how long each administration takes could not be read")
        return None
    if unit in {"d", "wk", "mo", "a"}:
        found.notes.append(
            "the timing gives each administration a length of days; "
            "it was not read as the length of the order"
        )
    return short * DAYS_IN[unit], long * DAYS_IN[unit]


def _offset_note(parts: dict[str, Any], found: Findings) -> None:
    """An offset moves a moment by minutes and changes no dose, but it needs a moment."""
    offset = parts.get("offset")
    if offset is None:
        return
    own = Findings()
    if read_number(offset, "it", own) is None or not parts.get("when"):
        found.notes.append("an offset is given that moves no moment of the day; it was left out")


def _period_unit(parts: dict[str, Any], found: Findings) -> str | None:
    written = parts.get("periodUnit", parts.get("periodUnits"))
    if written is None:
        return None
    text = as_text(written)
    unit = unit_of_time(text) if text else None
    if unit is None:
        found.unreadable.append("the period's unit of time is not known")
    return unit


def _texts(value: object, what: str, found: Findings) -> list[str]:
    entries = as_list(value)
    if len(entries) > MOST_PARTS:
        found.unreadable.append(f"{what} is a list that no order needs")
        return []
    texts = [as_text(entry) for entry in entries]
    if any(text is None for text in texts):
        found.unreadable.append(f"{what} is not text")
    return [text for text in texts if text is not None]


def _days_of_week(parts: dict[str, Any], found: Findings) -> frozenset[str]:
    texts = {text.lower() for text in _texts(parts.get("dayOfWeek"), "the day of week", found)}
    unknown = sorted(text for text in texts if not _WEEKDAY.fullmatch(text))
    if unknown:
        found.unreadable.append(f'the day of week "{shown(unknown[0])}" is not known')
        return frozenset()
    return frozenset(text[:3] for text in texts)


_WEEKDAY = re.compile(
    r"mon(day)?|tue(s|sday)?|wed(nesday)?|thu(r|rs|rsday)?|fri(day)?|sat(urday)?|sun(day)?"
)


def _times_of_day(parts: dict[str, Any], found: Findings) -> tuple[str, ...]:
    times = _texts(parts.get("timeOfDay"), "the time of day", found)
    for time in times:
        if not _TIME.fullmatch(time):
            found.unreadable.append(f'the time of day "{shown(time)}" is not a time')
            return ()
    # 08:00 and 08:00:00 are one time said twice.
    return tuple(dict.fromkeys(":".join(time.split(":")[:2]).zfill(5) for time in times))


_TIME = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-6]\d(?:\.\d{1,9})?)?", re.ASCII)


def _when(parts: dict[str, Any], found: Findings) -> tuple[str, ...]:
    moments = _texts(parts.get("when"), "the moment of the day", found)
    return tuple(dict.fromkeys(moment.upper() for moment in moments))


def _count(parts: dict[str, Any], found: Findings) -> tuple[int | None, int | None]:
    count = read_number(parts.get("count"), "the count", found)
    count_max = read_number(parts.get("countMax"), "the highest count", found)
    if count is None and count_max is not None:
        found.notes.append("only the highest count of administrations is given; it was read as it")
        count = count_max
    if count is None:
        return None, None
    if count == 0:
        found.unreadable.append("the count of administrations is zero")
        return None, None
    most = max(count, count_max or count)
    if most > MOST_DAYS * 100:
        found.unreadable.append("the count of administrations is beyond any order")
        return None, None
    return math.ceil(count), math.ceil(most) if most > count else None


def _events(timing: dict[str, Any], found: Findings) -> tuple[date, ...]:
    entries = as_list(timing.get("event"))
    if len(entries) > MOST_PARTS:
        found.unreadable.append("the timing lists more events than any order needs")
        return ()
    texts = [as_text(entry) for entry in entries]
    moments = dict.fromkeys(text for text in texts if text and "T" in text)
    # A moment written twice is one; a day written twice is two moments of it.
    days = [date_range(t) for t in (*moments, *(t for t in texts if t not in moments))]
    if any(day is None for day in days):
        found.unreadable.append("the date of an event cannot be read")
    elif any(day is not None and day[0] != day[1] for day in days):
        found.unreadable.append("an event is given only by its month or year")
    return tuple(sorted(day[0] for day in days if day is not None))


def _names(timing: dict[str, Any], found: Findings) -> tuple[tuple[str, ...], ...]:
    """Each coding with its spellings, then the text, of the timing's code."""
    code = timing.get("code")
    if isinstance(code, str):
        return ((code.strip(),),) if code.strip() else ()
    concept = as_object(code)
    codings = as_list(concept.get("coding"))
    if len(codings) > MOST_PARTS:
        found.unreadable.append("the timing has more codes than any order needs")
        return ()
    names: list[tuple[str, ...]] = []
    for coding in map(as_object, codings):
        spellings = (as_code(coding.get("code")), as_text(coding.get("display")))
        names.append(tuple(s for s in spellings if s))
    text = as_text(concept.get("text"))
    if text:
        names.append((text,))
    if code is not None and not any(names):
        found.unreadable.append("the timing's code says nothing that can be read")
    return tuple(name for name in names if name)


def _bounds(parts: dict[str, Any], found: Findings) -> Bounds:
    period = parts.get("boundsPeriod")
    starts = ends = None
    if period is not None:
        written = as_object(period)
        starts, ends = first_day(written.get("start")), last_day(written.get("end"))
        for name, day in (("start", starts), ("end", ends)):
            if written.get(name) is not None and day is None:
                found.notes.append(f"the {name} of the dosage's period cannot be read")
        if not isinstance(period, dict):
            found.notes.append("the dosage's period cannot be read")
    return Bounds(starts, ends, _lasts(parts, found))


def _lasts(parts: dict[str, Any], found: Findings) -> tuple[int, int] | None:
    # DSTU2's name of boundsDuration is boundsQuantity.
    duration = parts.get("boundsDuration", parts.get("boundsQuantity"))
    written_range = parts.get("boundsRange")
    if parts.get("boundsPeriod") is not None and (duration or written_range):
        found.notes.append("the length of the dosage is given as a period and as a duration")
    if duration is not None:
        days = aside(lambda own: read_days(as_object(duration), own), found, "the duration")
        return None if days is None else (math.ceil(days), math.ceil(days))
    if written_range is None:
        return None
    ends = as_object(written_range)
    high = aside(lambda own: read_days(as_object(ends.get("high")), own), found, "the duration")
    if high is None:
        found.notes.append("the duration has no upper end; the order is read as open")
        return None
    if ends.get("low") is None:
        found.notes.append("the duration has no lower end; read as its upper end")
        return (math.ceil(high), math.ceil(high))
    low = aside(lambda own: read_days(as_object(ends.get("low")), own), found, "the duration")
    return (math.ceil(min(low or high, high)), math.ceil(high))
