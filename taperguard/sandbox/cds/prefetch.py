"""Prefetch: a service's templates filled from this EHR's own FHIR store (CDS Hooks 2.0, Prefetch).

A read that finds nothing gives null, as the specification says. A template that this EHR cannot
fill is left out, so that the service knows that it was not supplied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from ..records import json_text
from ..records.outcome import Refused
from ..records.parameters import PARAMETERS
from ..records.question import LARGEST_COUNT, understand
from ..records.store import Charts, Stored

_TOKEN = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_MOST_MATCHES = 400


class CannotFill(Exception):
    """A template asks for something that this EHR does not have."""


def fill(
    templates: Mapping[str, str], context: Mapping[str, Any], charts: Charts, *, base: str
) -> dict[str, Any]:
    """The prefetch for these templates; a key that cannot be filled is absent."""
    filled: dict[str, Any] = {}
    for key, template in templates.items():
        try:
            filled[key] = _answer(with_context(template, context), charts, base)
        except CannotFill:
            continue
    return filled


def with_context(template: str, context: Mapping[str, Any]) -> str:
    """The template with its tokens replaced; CannotFill for a token that we do not know."""
    practitioner = str(context.get("userId", "")).removeprefix("Practitioner/")
    known = {f"context.{name}": value for name, value in context.items()}
    known["userPractitionerId"] = practitioner

    def value(match: re.Match[str]) -> str:
        found = known.get(match[1])
        if not isinstance(found, str) or not _ID.fullmatch(found):
            raise CannotFill(match[1])
        return found

    return _TOKEN.sub(value, template)


def _answer(query: str, charts: Charts, base: str) -> Any:
    path, _, parameters = query.partition("?")
    resource_type, _, resource_id = path.partition("/")
    if resource_type not in PARAMETERS:
        raise CannotFill(resource_type)
    if resource_id:
        stored = charts.read(resource_type, resource_id)
        return None if stored is None else stored.resource()
    try:
        return _searchset(resource_type, parameters, charts, base)
    except Refused as refused:
        raise CannotFill(refused.sentence) from refused


def _searchset(resource_type: str, parameters: str, charts: Charts, base: str) -> dict[str, Any]:
    """All pages of a search as one Bundle. Unknown parameters are refused: they would widen it.

    Of more than 400 matches it is the first page, with a link to the next: a prefetch is to be
    quick, and no EHR sends a thousand records with every click.
    """
    asked = parse_qsl(parameters, keep_blank_values=True)
    own_count = any(name == "_count" for name, _ in asked)
    pairs = asked if own_count else [*asked, ("_count", str(LARGEST_COUNT))]
    question = understand(resource_type, pairs, base=base, strict=True)
    matches: list[Stored] = []
    included: dict[tuple[str, str], Stored] = {}
    while True:
        page = charts.find(question, base=base)
        matches += page.matches
        included |= {(item.type, item.id): item for item in page.included}
        question.offset += question.count
        is_whole = not page.matches or question.offset >= page.total
        if own_count or is_whole or page.total > _MOST_MATCHES:
            break
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": page.total}
    if question.offset < page.total:
        bundle["link"] = [{"relation": "next", "url": question.link(base)}]
    entries = [_entry(item, "match", base) for item in matches]
    entries += [_entry(item, "include", base) for item in included.values()]
    if entries:
        bundle["entry"] = entries
    return bundle


def _entry(stored: Stored, mode: str, base: str) -> dict[str, Any]:
    return {
        "fullUrl": f"{base}/{stored.type}/{stored.id}",
        "resource": json_text.read(stored.text),
        "search": {"mode": mode},
    }
