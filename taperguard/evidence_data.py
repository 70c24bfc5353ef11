"""What `/evidence` tells, as data: everything from the documents and tables that the code runs on.

Nothing is listed here a second time: a new document of `knowledge/` with a review, with numbers
or with choices of a site is told without a change of this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from clinical.dependence import likelihood, table
from clinical.evidence import all_sources
from clinical.findings import CheckId, Severity
from clinical.knowledge import document, documents
from clinical.knowledge import table as rows_of
from clinical.policy import CheckChoice, Policy, default_policy
from clinical.quantities import plain
from clinical.rules import Rule, rules, rules_version
from clinical.seed import places, statements
from taperguard.rxnorm.folder import adopted

NOT_REVIEWED = "not reviewed by a clinician"

_TABLES = "tables.toml"

_FILLED_IN = re.compile(r"\{(\w+)\}")
"""What a sentence of a document leaves open for a chart's words: {day}."""

_SAID = {"gap": "what could not be read", "told": "what the chart says", "what": "a withdrawal"}

Row = dict[str, Any]


def evidence(policy: Policy, by_ehr: Mapping[str, Policy]) -> Row:
    """The rules with their numbers, sources and reviews, the statements of the brief, and more.

    Numbers and checks that `policy` changes have `this_site`; those that only one EHR has
    otherwise (`by_ehr`, by its name) have `at_ehr`.
    """
    site = _Site(policy, by_ehr)
    return {
        "rules_version": rules_version(),
        "reviews": _reviews(),
        "checks": [site.check(rule) for rule in rules()],
        "numbers": [site.number(row) for row in _numbers()],
        "choices": [site.number(row) for row in _rows("choices")],
        "kept_quiet": [_gate(row) for row in _rows("grounds")],
        "dependence": _dependence(),
        "paces": [_pace(row) for row in document("paces.toml")["paces"]],
        "custom_pace": document("paces.toml")["custom"],
        "gates": [_gate(row) for row in _rows("gates")],
        "not_shipped": document("not_shipped.toml")["not_shipped"],
        "follow_up": document("follow_up.toml")["check_ins"],
        "red_flags": _red_flags(),
        "hand_out": document("handout.toml")["parts"],
        "measures": [
            {"id": key, **row} for key, row in document("measures.toml")["measures"].items()
        ],
        "published_tapers": document("measures.toml")["published_tapers"],
        "tables": _tables(),
        "statements": _statements(),
        "sources": _sources(),
    }


class _Site:
    """What a site has chosen otherwise than the shipped policy."""

    def __init__(self, policy: Policy, by_ehr: Mapping[str, Policy]) -> None:
        self.policy, self.by_ehr = policy, by_ehr

    def number(self, row: Row) -> Row:
        return {**row, **self._otherwise(lambda policy: _told(getattr(policy, row["id"], None)))}

    def check(self, rule: Rule) -> Row:
        def choice(policy: Policy) -> Row:
            made: CheckChoice = policy.checks[rule.check]
            return {"on": made.on, "shadow": made.shadow, "own_card": made.own_card}

        return {**_rule(rule), **self._otherwise(choice)}

    def _otherwise(self, of: Any) -> Row:
        shipped, here = of(default_policy()), of(self.policy)
        there = {name: of(policy) for name, policy in self.by_ehr.items()}
        differing = {name: value for name, value in there.items() if value != here}
        return {
            **({} if here == shipped else {"this_site": here}),
            **({"at_ehr": differing} if differing else {}),
        }


def _told(value: object) -> object:
    """A policy's value as JSON can say it: an exact number as a decimal."""
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else Decimal(plain(value))
    if isinstance(value, frozenset):
        return sorted(map(str, value))
    if isinstance(value, tuple):
        return list(value)
    return value


@cache
def _numbers() -> tuple[Row, ...]:
    """Every `[numbers.*]` of every document; `of` is the document."""
    return tuple(
        {"of": _of(name), "id": key, **row}
        for name in _in_order()
        for key, row in _with_conventions(name)
    )


def _with_conventions(name: str) -> Iterator[tuple[str, Row]]:
    """The numbers of a document; the conventions of tapers have their meanings beside them."""
    data = document(name)
    for key, row in data.get("meaning_of", {}).items():
        yield key, {"value": data["conventions"][key], **row}
    yield from data.get("numbers", {}).items()


def _rows(part: str) -> tuple[Row, ...]:
    """The `[<part>.*]` of every document that has some, such as gates or a site's choices."""
    return tuple(
        {"of": _of(name), "id": key, **row}
        for name in _in_order()
        for key, row in document(name).get(part, {}).items()
    )


def _gate(row: Row) -> Row:
    """A gate, or a ground that keeps a finding quiet; what a chart fills in stands in brackets."""
    why = _FILLED_IN.sub(lambda found: f"[{_SAID.get(found[1], found[1])}]", row["why"])
    return {**row, "why": why}


@cache
def _in_order() -> tuple[str, ...]:
    """Documents with a review: the checks in the order of `CheckId`, then the others by name."""
    checks = [f"checks/{check.value}.toml" for check in CheckId]
    return (*checks, *(n for n in documents() if n not in checks and n != _TABLES))


def _of(name: str) -> str:
    return name.removesuffix(".toml")


def _reviews() -> list[Row]:
    return [
        *({"of": _of(name), **_review(document(name)["review"])} for name in _in_order()),
        *({"of": name, **_review(row)} for name, row in document(_TABLES)["tables"].items()),
    ]


def _review(row: Mapping[str, Any]) -> Row:
    return {
        "title": row["title"],
        **_signed(
            row["version"],
            row["author"],
            row["authored_on"],
            row["reviewed_by"],
            row["next_review"],
        ),
    }


def _signed(version: str, author: str, on: date, reviewed_by: str, again: date) -> Row:
    return {
        "version": version,
        "author": author,
        "authored_on": on.isoformat(),
        "reviewed_by": reviewed_by or NOT_REVIEWED,
        "next_review": again.isoformat(),
    }


def _rule(rule: Rule) -> Row:
    return {
        "id": rule.check.value,
        "title": rule.title,
        "does": rule.does,
        "severity": rule.severity,
        "severities": [kind.value for kind in severities(rule.severity)],
        "card": "own" if rule.own_card else "supporting",
        "sources": list(rule.sources),
        "population": rule.population,
        "age_and_sex": rule.age_and_sex,
        "limits": rule.limits,
        "numbers": [number.id for number in rule.numbers],
        **_signed(rule.version, rule.author, rule.authored_on, rule.reviewed_by, rule.next_review),
    }


def severities(words: str) -> tuple[Severity, ...]:
    """The severities that these words name, most severe first."""
    return tuple(kind for kind in Severity if kind.value in words)


def _pace(row: Mapping[str, Any]) -> Row:
    names = ("id", "title", "recommended_for", "limits", "sources", "source_note")
    return {name: row[name] for name in names}


def _dependence() -> list[Row]:
    """The table's rows: the words from its numbers, the likelihood from the function itself."""
    limits = table()
    rare, short, long = limits.rare_days_a_week, limits.short_use_days, limits.long_use_days
    low = limits.low_dose_mg_per_day
    often = f"on {rare + 1} days a week or more"
    rows = (
        (f"on {rare} days a week or fewer", "any time", "any dose", (None, long, rare)),
        (often, f"under {short} days", "any dose", (None, short - 1, rare + 1)),
        (often, f"{short} to {long - 1} days", f"up to {plain(low)} mg/day", (low, short, 7)),
        (often, f"{short} to {long - 1} days", f"over {plain(low)} mg/day", (low * 2, short, 7)),
        (often, f"{long} days or more", "any dose", (None, long, rare + 1)),
    )
    told = []
    for taken, time, dose, (mg_per_day, days, days_a_week) in rows:
        found = likelihood(mg_per_day, days, Fraction(days_a_week))
        assert found is not None  # noqa: S101 - every row with an open dose is decided without it
        told.append({"taken": taken, "time": time, "dose": dose, "likelihood": found.value})
    return told


def _red_flags() -> Row:
    found = document("replanning.toml")
    urgent = found["urgent"]
    return {
        "flags": list(found["red_flags"]["called"].values()),
        "steps": urgent["steps"],
        "sources": sorted({*found["red_flags"]["sources"], *urgent["sources"]}),
        "source_note": f"{found['red_flags']['source_note']}; {urgent['source_note']}",
    }


@cache
def _tables() -> tuple[Row, ...]:
    return tuple(
        {
            "id": name,
            "title": row["title"],
            "rows": len(rows_of(name)),
            "sources_in_words": row["sources"],
        }
        for name, row in document(_TABLES)["tables"].items()
    )


def _statements() -> list[Row]:
    titles = {name: place.title for name, place in places().items()}
    return [
        {
            "id": told.id,
            "part": told.part,
            "says": told.says,
            "status": told.followed.value,
            "does": told.does,
            "where": {
                kind: [titles[key] if kind == "places" else key for key in keys]
                for kind, keys in told.where.items()
            },
            "agrees": list(told.agrees),
            "disagrees": list(told.disagrees),
        }
        for told in statements()
    ]


def _sources() -> list[Row]:
    used: dict[str, list[str]] = {}
    for rule in rules():
        for key in rule.sources:
            used.setdefault(key, []).append(rule.check.value)
    return [
        {
            **{
                name: value
                for name in ("key", "called", "title", "year", "doi", "url", "note")
                if (value := getattr(source, name)) is not None
            },
            "checked_on": None if source.checked_on is None else source.checked_on.isoformat(),
            "checks": used.get(source.key, []),
        }
        for source in all_sources()
    ]


def site_tables() -> Row | None:
    """The release of RxNorm whose tables this site uses over the shipped ones."""
    release = adopted()
    if release is None:
        return None
    return {
        "source": "RxNorm",
        "version": release.version,
        "released_on": release.released_on.isoformat(),
        "imported_on": release.imported_on.isoformat(),
        "with_ndc": release.ndc is not None,
    }
