"""A record's dosage -> its dose over time. What is written alike is worked out once.

A clinic writes the same few dosages for thousands of patients, and working one out takes a hundred
times as long as decoding it. Kept in this process, by the dosage as written and by what makes mg of
it; by the day of the order only where lengths without dates are counted from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Any

from clinical.daily_dose import DoseCourse
from clinical.dose_course import course_of
from clinical.drugs import Drug, Strength
from ehr.decode import NotJson, decode, encode
from ehr.read.dosages import DOSAGE_ELEMENTS, dosage_lines

_LONGEST_KEPT = 4000
"""Bytes of a dosage; longer ones are no usual ones and are worked out each time."""


@dataclass(frozen=True, slots=True)
class Dosed:
    """The dose over time, and the dosage in its own words where it has any."""

    course: DoseCourse
    text: str | None


@dataclass(frozen=True, slots=True)
class _Means:
    """What makes mg of a dosage."""

    strength: Strength | None
    is_clonazepam: bool
    weight_kg: Fraction | None


def dosed(
    resource: dict[str, Any], drug: Drug | None, starts: date | None, weight_kg: Fraction | None
) -> Dosed:
    """The dose of a medication record; `starts` is the day from which lengths count."""
    written = {name: resource[name] for name in DOSAGE_ELEMENTS if name in resource}
    means = _Means(
        None if drug is None else drug.strength,
        drug is not None and drug.contains("clonazepam"),
        weight_kg,
    )
    try:
        key = encode(written)
        # Only what reads back as it was written may be found by its bytes.
        if len(key) > _LONGEST_KEPT or decode(key) != written:
            return _worked_out(written, means, starts)
    except (NotJson, TypeError, ValueError, RecursionError):
        return _worked_out(written, means, starts)
    found = _kept(key, means, None)
    return _kept(key, means, starts) if found.course.counts_from_start and starts else found


def forget() -> None:
    """Work everything out anew: for whoever measures, or changes what a dosage means."""
    _kept.cache_clear()


@lru_cache(maxsize=4096)
def _kept(key: bytes, means: _Means, starts: date | None) -> Dosed:
    return _worked_out(decode(key), means, starts)


def _worked_out(written: dict[str, Any], means: _Means, starts: date | None) -> Dosed:
    lines = dosage_lines(written)
    course = course_of(
        lines,
        strength=means.strength,
        ingredient_is_clonazepam=means.is_clonazepam,
        starts=starts,
        weight_kg=means.weight_kg,
    )
    texts = [line.text for line in lines if line.text]
    return Dosed(course, "; ".join(texts) or None)
