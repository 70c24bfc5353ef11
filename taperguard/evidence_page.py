"""GET /evidence: every rule with its numbers and sources, from the data that the code runs on.

As a page, or as JSON for `Accept: application/json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from clinical.evidence import all_sources
from clinical.findings import CheckId
from clinical.knowledge import document
from clinical.policy import policy_numbers
from clinical.rules import Number, Rule, rules, rules_version
from ehr.decode import encode
from taperguard.rxnorm.folder import adopted

NOT_REVIEWED = "not reviewed by a clinician"


@cache
def evidence() -> dict[str, Any]:
    """The rules, their numbers, the paces and the sources, as data."""
    dependence, paces, replanning, measures, kinetics = (
        document(f"{name}.toml")
        for name in ("dependence", "paces", "replanning", "measures", "kinetics")
    )
    return {
        "rules_version": rules_version(),
        "reviews": [_review(document(name)["review"]) for name in _DOCUMENTS]
        + [_review(row) for row in document("tables.toml")["tables"].values()],
        "checks": [_rule(rule) for rule in rules()],
        "numbers": [_number(number) for number in policy_numbers()]
        + [
            {"id": key, **row}
            for data in (dependence, paces, replanning, measures, kinetics)
            for key, row in data["numbers"].items()
        ],
        "measures": [{"id": key, **row} for key, row in measures["measures"].items()],
        "paces": [_pace(row) for row in paces["paces"]],
        "sources": [
            {
                name: value
                for name in ("key", "title", "year", "doi", "url", "note")
                if (value := getattr(source, name)) is not None
            }
            for source in all_sources()
        ],
    }


_DOCUMENTS = (
    *(f"checks/{check.value}.toml" for check in CheckId),
    "cards.toml",
    "dependence.toml",
    "paces.toml",
    "kinetics.toml",
    "replanning.toml",
    "follow_up.toml",
    "handout.toml",
    "measures.toml",
    "dosage.toml",
    "sources.toml",
)


def _review(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": row["title"],
        "version": row["version"],
        "author": row["author"],
        "authored_on": row["authored_on"].isoformat(),
        "reviewed_by": row["reviewed_by"] or NOT_REVIEWED,
        "next_review": row["next_review"].isoformat(),
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.check.value,
        "title": rule.title,
        "does": rule.does,
        "severity": rule.severity,
        "card": "own" if rule.own_card else "supporting",
        "sources": list(rule.sources),
        "population": rule.population,
        "age_and_sex": rule.age_and_sex,
        "limits": rule.limits,
        "numbers": [number.id for number in rule.numbers],
        "version": rule.version,
        "author": rule.author,
        "authored_on": rule.authored_on.isoformat(),
        "reviewed_by": rule.reviewed_by or NOT_REVIEWED,
        "next_review": rule.next_review.isoformat(),
    }


def _number(number: Number) -> dict[str, Any]:
    told = {
        "id": number.id,
        "value": number.value,
        "unit": number.unit,
        "meaning": number.meaning,
        "sources": list(number.sources),
    }
    return told if number.note is None else {**told, "note": number.note}


def site_tables() -> dict[str, Any] | None:
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


def _pace(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "title", "recommended_for", "limits", "sources", "source_note")
    return {name: row[name] for name in names}


def routes(*, development: bool) -> list[BaseRoute]:
    """The page, its JSON and its style sheet."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("taperguard"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    template = environment.get_template("evidence.html")

    async def page(request: Request) -> Response:
        shown = {**evidence(), "site_tables": site_tables()}
        if "application/json" in request.headers.get("accept", ""):
            return Response(encode(shown), media_type="application/json")
        return Response(
            template.render(evidence=shown, development=development), media_type="text/html"
        )

    static = StaticFiles(directory=str(files("taperguard") / "static"))
    return [Route("/evidence", page), Mount("/static", static, name="static")]
