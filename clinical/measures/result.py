"""One patient's answers, each with its reason and its records, as values and as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """One measure's answer for one patient.

    `counted`: the patient is in the denominator. `met`: yes or no; None is the third answer, "not
    evaluable", never a no. A patient outside the denominator is neither counted nor met; one for
    whom the question cannot be answered is not counted and `met` is None. `why` is a sentence,
    `sources` are the records and conditions that the answer stands on.
    """

    counted: bool
    met: bool | None
    why: str
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.counted and self.met is None:
            raise ValueError("a patient who cannot be evaluated is not in the denominator")
        if self.met and not self.counted:
            raise ValueError("a patient outside the denominator cannot meet the measure")

    @property
    def not_evaluable(self) -> bool:
        """Whether the question applies, or may, and cannot be answered."""
        return self.met is None

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "counted": self.counted,
            "met": self.met,
            "why": self.why,
            "sources": list(self.sources),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MeasureResult:
        """From what `to_json` made."""
        return cls(data["counted"], data["met"], data["why"], tuple(data["sources"]))


def yes(why: str, sources: tuple[str, ...] = ()) -> MeasureResult:
    """In the denominator, and met."""
    return MeasureResult(counted=True, met=True, why=why, sources=sources)


def no(why: str, sources: tuple[str, ...] = ()) -> MeasureResult:
    """In the denominator, and not met."""
    return MeasureResult(counted=True, met=False, why=why, sources=sources)


def not_evaluable(why: str, sources: tuple[str, ...] = ()) -> MeasureResult:
    """The question cannot be answered."""
    return MeasureResult(counted=False, met=None, why=why, sources=sources)


def outside(why: str) -> MeasureResult:
    """The question is not asked of this patient."""
    return MeasureResult(counted=False, met=False, why=why)


@dataclass(frozen=True, slots=True)
class PatientMeasures:
    """One patient's part of the report.

    `groups` are the parts of the population that the patient belongs to: "benzodiazepine" and
    "clonazepam" (in the past 365 days), "clonazepam-today". `micrograms_per_day` is the highest
    total of one day today, rounded down to whole micrograms; None with `dose_why_not` when it
    cannot be said; both None for a patient who is not on clonazepam. `options` are the answers that
    other choices would give ("long-term-use at 90 days"). `off_by_month` says for each month
    since a taper began whether the patient was off on that day. `uncomputable` are records of a
    benzodiazepine or an opioid whose days or dose could not be worked out, each with its reason.
    """

    results: Mapping[str, MeasureResult]
    groups: frozenset[str] = frozenset()
    micrograms_per_day: int | None = None
    dose_why_not: str | None = None
    dose_bar: str | None = None
    options: Mapping[str, MeasureResult] = field(default_factory=dict)
    off_by_month: tuple[tuple[int, bool], ...] = ()
    uncomputable: tuple[tuple[str, str], ...] = ()

    @classmethod
    def not_there(cls) -> PatientMeasures:
        """A patient of whom the report of that night held nothing (for `before`)."""
        return cls({})

    def met(self, measure_id: str) -> bool:
        """Whether the patient meets the measure for certain."""
        result = self.results.get(measure_id)
        return result is not None and result.met is True

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "results": {key: result.to_json() for key, result in self.results.items()},
            "groups": sorted(self.groups),
            "micrograms_per_day": self.micrograms_per_day,
            "dose_why_not": self.dose_why_not,
            "dose_bar": self.dose_bar,
            "options": {key: result.to_json() for key, result in self.options.items()},
            "off_by_month": [list(pair) for pair in self.off_by_month],
            "uncomputable": [list(pair) for pair in self.uncomputable],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PatientMeasures:
        """From what `to_json` made; the two are exact opposites."""
        return cls(
            results={k: MeasureResult.from_json(v) for k, v in data["results"].items()},
            groups=frozenset(data["groups"]),
            micrograms_per_day=data["micrograms_per_day"],
            dose_why_not=data["dose_why_not"],
            dose_bar=data["dose_bar"],
            options={k: MeasureResult.from_json(v) for k, v in data["options"].items()},
            off_by_month=tuple((month, off) for month, off in data["off_by_month"]),
            uncomputable=tuple((source, why) for source, why in data["uncomputable"]),
        )
