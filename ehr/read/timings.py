"""FHIR Timing -> timing, as written (FHIR R4, datatypes, Timing)."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

from clinical.dosage import WEEKDAYS, Bounds, Timing
from clinical.dosing.timing_words import unit_of_time
from clinical.dosing.units import shown
from ehr.read.dates import first_day, last_day
from ehr.read.json import as_code, as_list, as_object, as_text
from ehr.read.quantities import MOST_DAYS, MOST_PARTS, Findings, aside, read_days, read_number


def timing_of(timing: dict[str, Any], found: Findings) -> Timing:
    """The parts of a Timing; what could not be read is added to `found`."""
    repeat = timing.get("repeat")
    if isinstance(repeat, list) and len(repeat) == 1:
        repeat = repeat[0]
    if repeat is not None and not isinstance(repeat, dict):
        found.unreadable.append("the timing's repeat is not an object")
    parts = as_object(repeat)
    _duration_note(parts, found)
    return Timing(
        frequency=read_number(parts.get("frequency"), "the frequency", found),
        frequency_max=read_number(parts.get("frequencyMax"), "the highest frequency", found),
        period=read_number(parts.get("period"), "the period", found),
        period_max=read_number(parts.get("periodMax"), "the longest period", found),
        period_unit=_period_unit(parts, found),
        days_of_week=_days_of_week(parts, found),
        times_of_day=_times_of_day(parts, found),
        when=_when(parts, found),
        count=_count(parts, found),
        events=_events(timing, found),
        named=_names(timing, found),
        bounds=_bounds(parts, found),
    )


def _duration_note(parts: dict[str, Any], found: Findings) -> None:
    unit = as_text(parts.get("durationUnit"))
    if parts.get("duration") is not None and unit and unit_of_time(unit) in {"d", "wk", "mo", "a"}:
        found.notes.append(
            "the timing gives each administration a length of days; "
            "it was not read as the length of the order"
        )


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
    days = {text.lower()[:3] for text in _texts(parts.get("dayOfWeek"), "the day of week", found)}
    unknown = sorted(days - set(WEEKDAYS))
    if unknown:
        found.unreadable.append(f'the day of week "{shown(unknown[0])}" is not known')
    return frozenset(days & set(WEEKDAYS))


def _times_of_day(parts: dict[str, Any], found: Findings) -> tuple[str, ...]:
    times = _texts(parts.get("timeOfDay"), "the time of day", found)
    for time in times:
        clock = time.split(":")
        fine = 2 <= len(clock) <= 3 and all(
            part.replace(".", "", 1).isdecimal() and len(part) <= 12 for part in clock
        )
        if not fine or int(clock[0].split(".")[0] or 99) > 23:
            found.unreadable.append(f'the time of day "{shown(time)}" is not a time')
            return ()
    # 08:00 and 08:00:00 are one time said twice.
    return tuple(dict.fromkeys(":".join(time.split(":")[:2]).zfill(5) for time in times))


def _when(parts: dict[str, Any], found: Findings) -> tuple[str, ...]:
    moments = _texts(parts.get("when"), "the moment of the day", found)
    return tuple(dict.fromkeys(moment.upper() for moment in moments))


def _count(parts: dict[str, Any], found: Findings) -> int | None:
    count = read_number(parts.get("count"), "the count", found)
    count_max = read_number(parts.get("countMax"), "the highest count", found)
    if count is None:
        return None
    if count == 0:
        found.unreadable.append("the count of administrations is zero")
        return None
    most = max(count, count_max or count)
    if most > MOST_DAYS * 100:
        found.unreadable.append("the count of administrations is beyond any order")
        return None
    return math.ceil(most)


def _events(timing: dict[str, Any], found: Findings) -> tuple[date, ...]:
    entries = as_list(timing.get("event"))
    if len(entries) > MOST_PARTS:
        found.unreadable.append("the timing lists more events than any order needs")
        return ()
    days = [first_day(entry) for entry in entries]
    if any(day is None for day in days):
        found.unreadable.append("the date of an event cannot be read")
    return tuple(day for day in days if day is not None)


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
    duration, written_range = parts.get("boundsDuration"), parts.get("boundsRange")
    if duration is not None:
        days = aside(lambda own: read_days(as_object(duration), own), found, "the duration")
        return None if days is None else (math.ceil(days), math.ceil(days))
    if written_range is None:
        return None
    ends = as_object(written_range)
    high = aside(lambda own: read_days(as_object(ends.get("high")), own), found, "the duration")
    low = aside(lambda own: read_days(as_object(ends.get("low")), own), found, "the duration")
    if high is None:
        found.notes.append("the duration has no upper end; the order is read as open")
        return None
    return (math.ceil(min(low or high, high)), math.ceil(high))
