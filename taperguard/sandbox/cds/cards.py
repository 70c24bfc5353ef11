"""A service's answer read with suspicion: each card is understood whole, or shown as an error.

Written from CDS Hooks 2.0 ("CDS Service Response", "Card Attributes").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..records import json_text
from ..records.json_text import Resource

_INDICATORS = ("info", "warning", "critical")
_BEHAVIOURS = ("at-most-one", "any")
_ACTIONS = ("create", "update", "delete")
_LONGEST_SUMMARY = 139
_DEEPEST = 60


class Nonsense(Exception):
    """The answer is none that a CDS service gives; the message says why."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What can be accepted with one click. `uuid` is empty when the service gave none."""

    label: str
    uuid: str
    is_recommended: bool
    actions: tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class Coding:
    """A coded override reason."""

    code: str
    system: str
    display: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a card; `smart` ones want a SMART launch, which gives `app_context` to the app."""

    label: str
    url: str
    is_smart: bool
    app_context: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A card that was understood whole."""

    uuid: str
    summary: str
    indicator: str
    detail: str
    source_label: str
    source_url: str
    suggestions: tuple[Suggestion, ...]
    only_one: bool
    override_reasons: tuple[Coding, ...]
    links: tuple[Link, ...]


def read_answer(text: str) -> list[Any]:
    """The cards of an answer as raw data, none of them judged yet. Raises Nonsense."""
    try:
        said = json_text.read(text)
    except (ValueError, RecursionError):
        raise Nonsense("its answer is no JSON") from None
    if _is_deep(said):
        raise Nonsense("its answer is nested too deeply")
    try:
        json_text.write(said).encode()
    except UnicodeEncodeError:
        raise Nonsense("its answer holds characters that are no text") from None
    if not isinstance(said, dict):
        raise Nonsense("its answer is no JSON object")
    cards = said.get("cards")
    if not isinstance(cards, list):
        raise Nonsense("its answer has no list of cards")
    if "systemActions" in said:
        raise Nonsense("it wants to act without being asked (systemActions)")
    return cards


def _is_deep(value: Any) -> bool:
    """Whether data goes deeper than any card does; without recursion, for it may go very deep."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    return bool(level)


def read_card(said: Any) -> Card | list[str]:
    """The card, or everything that is wrong with it as sentences."""
    if not isinstance(said, dict):
        return ["A card is no JSON object."]
    faults = [
        *_head_faults(said),
        *_suggestions_faults(said),
        *_reasons_faults(said),
        *_links_faults(said),
    ]
    return faults or _card(said)


def _head_faults(card: Resource) -> Iterator[str]:
    summary = card.get("summary")
    if not _is_text(summary):
        yield "The card has no summary."
    elif len(str(summary)) > _LONGEST_SUMMARY:
        yield "The summary has 140 characters or more."
    if card.get("indicator") not in _INDICATORS:
        yield f"The indicator is {card.get('indicator')!r}: not info, warning or critical."
    for name in ("detail", "uuid"):
        if name in card and not _is_text(card[name]):
            yield f"The card's {name} is no text."
    source = card.get("source")
    if not isinstance(source, dict) or not _is_text(source.get("label")):
        yield "The card does not say whose it is (source.label)."
    elif "url" in source and not _is_web_address(source["url"]):
        yield "The source's URL is no absolute http address."


def _suggestions_faults(card: Resource) -> Iterator[str]:
    if "suggestions" not in card:
        return
    suggestions = card["suggestions"]
    if not isinstance(suggestions, list) or not suggestions:
        yield "The suggestions are no list."
        return
    behaviour = card.get("selectionBehavior")
    if behaviour not in _BEHAVIOURS:
        yield f"The selectionBehavior is {behaviour!r}: not at-most-one or any."
    for suggestion in suggestions:
        yield from _suggestion_faults(suggestion)
    recommended = [s for s in suggestions if isinstance(s, dict) and s.get("isRecommended") is True]
    if behaviour == "at-most-one" and len(recommended) > 1:
        yield "More than one suggestion is recommended where one can be chosen."


def _suggestion_faults(suggestion: Any) -> Iterator[str]:
    if not isinstance(suggestion, dict) or not _is_text(suggestion.get("label")):
        yield "A suggestion has no label."
        return
    if "uuid" in suggestion and not _is_text(suggestion["uuid"]):
        yield "A suggestion's uuid is no text."
    if not isinstance(suggestion.get("isRecommended", False), bool):
        yield "A suggestion's isRecommended is neither true nor false."
    actions = suggestion.get("actions", [])
    if not isinstance(actions, list):
        yield "A suggestion's actions are no list."
        return
    for action in actions:
        yield from _action_faults(action)


def _action_faults(action: Any) -> Iterator[str]:
    if not isinstance(action, dict) or action.get("type") not in _ACTIONS:
        yield "An action is not create, update or delete."
        return
    if not _is_text(action.get("description")):
        yield "An action does not say what it does."
    if action["type"] == "delete":
        if not _is_text(action.get("resourceId")):
            yield "A delete does not name what it deletes."
    elif not isinstance(action.get("resource"), dict):
        yield f"A {action['type']} comes without a resource."


def _reasons_faults(card: Resource) -> Iterator[str]:
    reasons = card.get("overrideReasons", [])
    if not isinstance(reasons, list):
        yield "The override reasons are no list."
        return
    for reason in reasons:
        whole = isinstance(reason, dict) and all(
            _is_text(reason.get(name)) for name in ("code", "system", "display")
        )
        if not whole:
            yield "An override reason has no code, system or display."


def _links_faults(card: Resource) -> Iterator[str]:
    links = card.get("links", [])
    if not isinstance(links, list):
        yield "The links are no list."
        return
    for link in links:
        if not isinstance(link, dict) or not _is_text(link.get("label")):
            yield "A link has no label."
        elif not _is_web_address(link.get("url")):
            yield "A link's URL is no absolute http address."
        elif link.get("type") not in ("absolute", "smart"):
            yield f"A link's type is {link.get('type')!r}: not absolute or smart."
        elif not isinstance(link.get("appContext", ""), str):
            yield "A link's appContext is no text."
        elif "appContext" in link and link["type"] != "smart":
            yield "A link that is not smart has an appContext."


def _card(said: Resource) -> Card:
    return Card(
        uuid=said.get("uuid", ""),
        summary=said["summary"],
        indicator=said["indicator"],
        detail=said.get("detail", ""),
        source_label=said["source"]["label"],
        source_url=said["source"].get("url", ""),
        suggestions=tuple(
            Suggestion(
                label=item["label"],
                uuid=item.get("uuid", ""),
                is_recommended=item.get("isRecommended", False),
                actions=tuple(item.get("actions", [])),
            )
            for item in said.get("suggestions", [])
        ),
        only_one=said.get("selectionBehavior") == "at-most-one",
        override_reasons=tuple(
            Coding(item["code"], item["system"], item["display"])
            for item in said.get("overrideReasons", [])
        ),
        links=tuple(
            Link(item["label"], item["url"], item["type"] == "smart", item.get("appContext", ""))
            for item in said.get("links", [])
        ),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_web_address(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
