"""GET /evidence: every rule with its numbers, reviews and sources, and the brief by statement.

As a page, or as JSON for `Accept: application/json`. What is told stands in `evidence_data`; here
is where on the page it stands and in which words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from clinical.evidence import cite
from clinical.policy import Policy
from clinical.quantities import exact, plain
from clinical.seed import Followed
from ehr.decode import encode
from taperguard.evidence_data import NOT_REVIEWED, evidence, site_tables


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page: its anchor, its title, the sections in it."""

    id: str
    title: str
    parts: tuple[Section, ...] = ()


SECTIONS = (
    Section("checks", "Checks"),
    Section("kept-quiet", "What keeps a finding quiet"),
    Section(
        "before-a-taper",
        "Before a taper",
        (
            Section("dependence", "Is the patient likely to be dependent?"),
            Section("gates", "Gates: when no taper is drafted"),
            Section("cards", "Cards and offers"),
        ),
    ),
    Section(
        "tapers",
        "Tapers",
        (
            Section("paces", "Paces"),
            Section("conventions", "What all paces share"),
            Section("follow-up", "Contacts during and after a taper"),
            Section("changing-a-taper", "Changing a taper under way"),
            Section("red-flags", "Red flags"),
            Section("not-shipped", "Published and not shipped"),
            Section("hand-out", "The patient's hand-out"),
        ),
    ),
    Section(
        "doses",
        "Doses",
        (
            Section("dose-reading", "How a dosage is read"),
            Section("dose-curve", "The dose curve"),
            Section("tables", "Tables of drugs, conditions and words"),
        ),
    ),
    Section("report", "Population report"),
    Section("site", "What this site has chosen"),
    Section("brief", "The clinical brief, statement by statement"),
    Section("sources", "Sources"),
    Section("reviews", "Authors and reviews"),
)

_PLACED = {
    "set_aside": "kept-quiet",
    "gates": "gates",
    "cards": "cards",
    "dependence": "dependence",
    "paces": "conventions",
    "replanning": "changing-a-taper",
    "dosage": "dose-reading",
    "kinetics": "dose-curve",
    "measures": "report",
}
"""Where the numbers of a document stand; those of a check stand with it."""

_ANCHORS = {"paces": "pace-", "measures": "measure-"}
"""How the anchor of a pace or a measure begins: a measure may have a check's name."""


def anchors() -> frozenset[str]:
    """The anchors of all sections."""
    return frozenset(part.id for section in SECTIONS for part in (section, *section.parts))


def day(written: str) -> str:
    """A date as the pages say it: 4 Jan 2027."""
    on = date.fromisoformat(written)
    return f"{on.day} {on:%b %Y}"


def shown(value: object) -> str:
    """A value of a number or a choice, as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | Decimal):
        return plain(exact(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(shown, value)) or "none"
    return "none" if value in (None, "") else str(value)


def choice_of_a_check(made: Mapping[str, bool]) -> str:
    """What a site wants of a check, in words."""
    if not made["on"]:
        return "not made"
    told = "shadow mode: made and never shown" if made["shadow"] else "made"
    return f"{told}, a card of its own" if made["own_card"] else f"{told}, in another card's detail"


def called(key: str) -> str:
    """A source's name, as a list of sources begins."""
    name = cite(key).called
    return name[0].upper() + name[1:]


def view_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """The page's own arrangement of what is told."""
    numbers = _by_document(told["numbers"])
    by_section: dict[str, list[Any]] = {name: [] for name in (*_PLACED.values(), "site")}
    for document, rows in numbers.items():
        if not document.startswith("checks/"):
            by_section[_PLACED.get(document, "site")].extend(rows)
    reviews = told["reviews"]
    signed = [row for row in reviews if row["reviewed_by"] != NOT_REVIEWED]
    statements = told["statements"]
    return {
        "sections": SECTIONS,
        "numbers": by_section,
        "of_check": {
            check["id"]: numbers.get(f"checks/{check['id']}", ()) for check in told["checks"]
        },
        "signed": len(signed),
        "reviews": len(reviews),
        "beside_checks": [row for row in reviews if not row["of"].startswith("checks/")],
        "next_review": min(row["next_review"] for row in reviews),
        "followed": [
            (kind, sum(row["status"] == kind.value for row in statements)) for kind in Followed
        ],
        "kinds": {kind.value: kind for kind in Followed},
        "parts": list(dict.fromkeys(row["part"] for row in statements)),
        "links": _links(told),
        "differing": [
            row
            for row in (*told["numbers"], *told["choices"], *told["checks"])
            if "this_site" in row or "at_ehr" in row
        ],
    }


def _by_document(numbers: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The numbers of each document, with an anchor: the number's name where it is the first."""
    found: dict[str, list[dict[str, Any]]] = {}
    taken: set[str] = set()
    for row in numbers:
        anchor = f"{row['of']}-{row['id']}" if row["id"] in taken else row["id"]
        taken.add(anchor)
        found.setdefault(row["of"], []).append({**row, "anchor": anchor})
    return found


def _links(told: Mapping[str, Any]) -> dict[str, dict[str, tuple[str, str]]]:
    """For each kind of thing that a statement names: its anchor and its title, by id."""
    titles = {part.id: part.title for s in SECTIONS for part in (s, *s.parts)}
    return {
        "checks": {row["id"]: (row["id"], row["title"]) for row in told["checks"]},
        "rules": {key: (key, title) for key, title in titles.items()},
        "numbers": {
            row["id"]: (row["id"], f"{shown(row['value'])} {row['unit']}")
            for row in told["numbers"]
        },
        **{
            kind: {row["id"]: (begin + row["id"], row["title"]) for row in told[kind]}
            for kind, begin in _ANCHORS.items()
        },
    }


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("taperguard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for words in (day, shown, called, choice_of_a_check):
        environment.filters[words.__name__] = words
    return environment.get_template("evidence.html")


def routes(
    *, development: bool, policy: Policy, by_ehr: Mapping[str, Policy] | None = None
) -> list[BaseRoute]:
    """The page, its JSON and its style sheets.

    `policy` is the site's; `by_ehr` are the policies of single EHRs, by their names.
    """
    template = _template()
    told = evidence(policy, by_ehr or {})
    view = view_of(told)

    async def page(request: Request) -> Response:
        now = {**told, "site_tables": site_tables()}
        if "application/json" in request.headers.get("accept", ""):
            return Response(encode(now), media_type="application/json")
        return Response(
            template.render(evidence=now, view=view, development=development),
            media_type="text/html",
        )

    static = StaticFiles(directory=str(files("taperguard") / "static"))
    return [Route("/evidence", page), Mount("/static", static, name="static")]
