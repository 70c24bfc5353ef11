"""The tally in the report's words: the part of `report.json` that counts patients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from clinical.measures.definitions import (
    MEASURES,
    Measure,
    dose_distribution,
    measures_by_id,
    options,
    overlaps,
    published_tapers,
)
from clinical.measures.tally import Tally
from clinical.policy import Policy, default_policy
from clinical.quantities import plain

SCHEMA = "taperguard-report/1"


def report_of(
    tally: Tally,
    *,
    on: date,
    rules_version: str | None = None,
    policy: Policy | None = None,
    before: Tally | None = None,
) -> dict[str, Any]:
    """The aggregate part of the report: integers, texts, and percentages as texts.

    `before` is the tally of the night before, for each measure's `change`; None in the first
    night. The caller adds what it knows alone: night, made_at, ehr, source, history, and of
    `completeness` the files, the quarantine and the problems.
    """
    policy = policy or default_policy()
    return {
        "schema": SCHEMA,
        "on": on.isoformat(),
        "rules_version": rules_version or policy.rules_version,
        "population": {
            "patients": tally["patients"],
            "with_benzodiazepine": tally["group/benzodiazepine"],
            "with_clonazepam": tally["group/clonazepam"],
            "on_clonazepam": tally["group/clonazepam-today"],
        },
        "measures": [_measure(measure.worded(policy), tally, before) for measure in MEASURES],
        "options": _options(tally),
        "distributions": [_distribution(tally, policy)],
        "overlaps": [
            {"id": each.id, "label": each.label, "count": tally[f"overlap/{each.id}"]}
            for each in (overlap.worded(policy) for overlap in overlaps())
        ],
        "courses": {
            "off_by_month": _months(tally),
            "nardi": [{"months": p.months, "off": p.off, "of": p.of} for p in published_tapers()],
        },
        "completeness": {"reasons": _reasons(tally)},
    }


def percent(numerator: int, denominator: int) -> str | None:
    """One decimal, half-up, as text; None of nothing."""
    if denominator == 0:
        return None
    share = Decimal(100 * numerator) / Decimal(denominator)
    return str(share.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP))


def _measure(measure: Measure, tally: Tally, before: Tally | None) -> dict[str, Any]:
    numerator, denominator = tally[f"met/{measure.id}"], tally[f"counted/{measure.id}"]
    return {
        "id": measure.id,
        "title": measure.title,
        "definition": measure.definition,
        "numerator": numerator,
        "denominator": denominator,
        "denominator_words": measure.denominator_words,
        "not_evaluable": tally[f"not-evaluable/{measure.id}"],
        "percent": percent(numerator, denominator),
        "sources": list(measure.sources),
        "version": measure.version,
        "note": measure.note,
        "change": None if before is None else numerator - before[f"met/{measure.id}"],
    }


def _options(tally: Tally) -> list[dict[str, Any]]:
    """What other choices of a number would give, beside the measure they belong to."""
    rows = []
    for option in options():
        numerator, denominator = (
            tally[f"option-met/{option.id}"],
            tally[f"option-counted/{option.id}"],
        )
        rows.append(
            {
                "id": option.id,
                "measure": option.measure,
                "label": f"{measures_by_id()[option.measure].title}: {option.label}",
                "numerator": numerator,
                "denominator": denominator,
                "not_evaluable": tally[f"option-not-evaluable/{option.id}"],
                "percent": percent(numerator, denominator),
            }
        )
    return rows


def _distribution(tally: Tally, policy: Policy) -> dict[str, Any]:
    shown = dose_distribution()
    return {
        "id": shown.id,
        "title": shown.title,
        "unit": shown.unit,
        "threshold": plain(policy.high_dose_mg_per_day),
        "bars": [
            {"id": bar.id, "label": bar.label, "count": tally[f"bar/{bar.id}"]}
            for bar in shown.bars
        ],
        "not_computable": tally["no-dose"],
    }


def _months(tally: Tally) -> list[dict[str, int]]:
    followed: Mapping[str, int] = tally.under("followed")
    return [
        {"month": month, "off": tally[f"off/{month}"], "followed": followed[str(month)]}
        for month in sorted(int(m) for m in followed)
    ]


def _reasons(tally: Tally) -> list[dict[str, Any]]:
    patients = tally.under("reason-patients")
    records = tally.under("reason-records")
    rows = [{"why": w, "records": records[w], "patients": patients[w]} for w in patients]
    return sorted(rows, key=lambda row: (-int(row["patients"]), str(row["why"])))
