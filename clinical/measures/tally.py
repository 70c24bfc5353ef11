"""Patients added up: in any order, in any parts, with the same result. Integers only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from clinical.measures.definitions import overlaps
from clinical.measures.result import MeasureResult, PatientMeasures

_QUOTED = re.compile(r'"[^"]*"')
Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of patients. `counts` holds each number by its key; a key that is absent is 0.

    Keys are paths: "patients", "group/clonazepam", "met/high-dose", "counted/high-dose",
    "not-evaluable/high-dose", "bar/2-4", "no-dose", "overlap/a+b", "off/4", "followed/4",
    "option-met/...", "reason-records/why", "reason-patients/why". Adding is commutative and
    associative, `empty()` adds nothing, and the tally of a whole is the sum of its parts'.
    """

    counts: Counts = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", {k: v for k, v in sorted(self.counts.items()) if v})

    @classmethod
    def empty(cls) -> Tally:
        """No patients."""
        return cls()

    @classmethod
    def of(cls, measures: PatientMeasures) -> Tally:
        """One patient who has facts."""
        return cls(Counter(chain(_keys(measures), _reasons(measures))))

    @classmethod
    def without_benzodiazepine(cls, patients: int) -> Tally:
        """So many patients in whose records there is no benzodiazepine at all."""
        if patients < 0:
            raise ValueError("there cannot be fewer than no patients")
        return cls({"patients": patients})

    @classmethod
    def sum(cls, tallies: Iterable[Tally]) -> Tally:
        """All of them added."""
        total: Counter[str] = Counter()
        for tally in tallies:
            total.update(tally.counts)
        return cls(total)

    def __add__(self, other: Tally) -> Tally:
        return Tally.sum((self, other))

    def __getitem__(self, key: str) -> int:
        return self.counts.get(key, 0)

    def under(self, prefix: str) -> dict[str, int]:
        """The counts whose key begins with "prefix/", by the rest of the key."""
        begins = f"{prefix}/"
        return {k.removeprefix(begins): v for k, v in self.counts.items() if k.startswith(begins)}

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"counts": dict(self.counts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Tally:
        """From what `to_json` made. Raises ValueError for a count that is no whole number."""
        counts = data["counts"]
        if any(type(value) is not int or value < 0 for value in counts.values()):
            raise ValueError("a count is no whole number of patients")
        return cls(counts)


def _keys(measures: PatientMeasures) -> Iterable[str]:
    yield "patients"
    yield from (f"group/{group}" for group in measures.groups)
    for key, result in measures.results.items():
        yield from _answer("", key, result)
    for key, result in measures.options.items():
        yield from _answer("option-", key, result)
    if measures.dose_bar is not None:
        yield f"bar/{measures.dose_bar}"
    if measures.dose_why_not is not None:
        yield "no-dose"
    for overlap in overlaps():
        if all(measures.met(measure) for measure in overlap.measures):
            yield f"overlap/{overlap.id}"
    for month, off in measures.off_by_month:
        yield f"followed/{month}"
        if off:
            yield f"off/{month}"


def _answer(kind: str, key: str, result: MeasureResult) -> Iterable[str]:
    if result.counted:
        yield f"{kind}counted/{key}"
    if result.met:
        yield f"{kind}met/{key}"
    if result.not_evaluable:
        yield f"{kind}not-evaluable/{key}"


def _reasons(measures: PatientMeasures) -> Iterable[str]:
    """What could not be computed, without the words of the record: they may say anything."""
    whys = [_QUOTED.sub("(as written)", why) for _, why in measures.uncomputable]
    yield from (f"reason-records/{why}" for why in whys)
    yield from (f"reason-patients/{why}" for why in set(whys))
