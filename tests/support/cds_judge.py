"""A judge of what a CDS service answers: cards, refusals, discovery.

Written from CDS Hooks 2.0 and the 3.0.0 ballot, and from nothing of ours but the shape of the
account that the product promises, so that it can disagree. A fault is a sentence with its place.
Whatever it is given it judges: it never raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import ValidationError

JsonObject = dict[str, Any]
ACCOUNT = "org.taperguard.assessment"

# The members of each structure. 3.0 adds what is left out here on purpose: autolaunchable would
# hide a card, actionSelectionBehavior and systemActions need an agreement with the client.
_RESPONSE = {"cards", "extension"}
_CARD = {
    *("uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior"),
    *("overrideReasons", "links", "extension"),
}
_SOURCE = {"label", "url", "icon", "topic", "extension"}
_SUGGESTION = {"label", "uuid", "isRecommended", "actions", "extension"}
_ACTION = {"type", "description", "resource", "resourceId", "extension"}
_LINK = {"label", "url", "type", "appContext", "extension"}
_CODING = {"code", "system", "display"}
_SERVICE = {
    *("hook", "id", "title", "description", "prefetch", "usageRequirements", "version"),
    *("hookVersion", "extension"),
}

_HTML = re.compile(r"<[a-zA-Z/!?]")
# A link or image of Markdown; a backslash before the bracket makes it plain text.
_MARKDOWN_LINK = re.compile(r"(?<!\\)\]\((?!https?://)")
# The id is the EHR's own, whatever is in it: that it names a draft is asked separately.
_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/.+", re.DOTALL)
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_REVERSE_DOMAIN = re.compile(r"[a-z]+(\.[A-Za-z0-9_-]+)+")
_SEMANTIC_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
_RESULTS = {"fired", "clear", "not-evaluable", "set-aside"}
_SEVERITIES = {"information", "warning", "critical"}


def faults(body: Any, asked: Any) -> list[str]:
    """What is wrong with the 200 response to this hook request; an empty list when nothing is."""
    try:
        return list(_response_faults(body, asked))
    except RecursionError:
        return ["the response is nested too deeply to be judged"]


def _response_faults(body: Any, asked: Any) -> Iterator[str]:
    if not isinstance(body, dict):
        yield "the response is no JSON object"
        return
    yield from (f"empty value at {path}" for path in empties(body))
    yield from _strangers(body, _RESPONSE, "the response")
    yield from _extension_faults(body, "the response")
    try:
        json.dumps(body, allow_nan=False)
    except (ValueError, TypeError):
        yield "the response holds what is no JSON, such as NaN"
    cards = body.get("cards")
    if not isinstance(cards, list):
        yield "cards is no list"
        return
    drafts = _drafts(asked)
    for number, card in enumerate(cards):
        if isinstance(card, dict):
            yield from (f"card {number}: {fault}" for fault in _card_faults(card, drafts))
        else:
            yield f"card {number} is no JSON object"
    uuids = [uuid for card in cards if isinstance(card, dict) for uuid in _uuids(card)]
    if len(uuids) != len(set(uuids)):
        yield "a uuid is used twice"
    yield from _account_faults(body, [card for card in cards if isinstance(card, dict)])


def _drafts(asked: Any) -> dict[str, JsonObject]:
    """The draft orders by "Type/id", from a Bundle or from what clients send in its place."""
    context = asked.get("context") if isinstance(asked, dict) else None
    bundle = context.get("draftOrders") if isinstance(context, dict) else None
    if isinstance(bundle, dict) and bundle.get("resourceType", "Bundle") == "Bundle":
        entries = bundle.get("entry", [])
    else:
        entries = bundle
    found = {}
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, dict):
            resource = entry if "resourceType" in entry else entry.get("resource")
            if isinstance(resource, dict):
                found[f"{resource.get('resourceType')}/{resource.get('id')}"] = resource
    return found


def empties(value: object, path: str = "") -> Iterator[str]:
    """Every place that holds null, "", [] or {}; only `cards` and `services` may be empty."""
    if value is None or value in ("", {}) or (value == [] and path not in (".cards", ".services")):
        yield path or "the whole"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from empties(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from empties(inner, f"{path}[{number}]")


def _strangers(held: Mapping[str, Any], known: Iterable[str], what: str) -> Iterator[str]:
    for name in sorted(held.keys() - set(known)):
        yield f"{what} has a member {name}, which is not ours to send"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _objects(value: object) -> list[JsonObject]:
    return [it for it in value if isinstance(it, dict)] if isinstance(value, list) else []


def _lists(held: JsonObject, *names: str) -> Iterator[str]:
    """Members that hold something else than a list of objects."""
    for name in names:
        value = held.get(name, [])
        if not isinstance(value, list) or len(_objects(value)) != len(value):
            yield f"{name} is no list of JSON objects"


def _card_faults(card: JsonObject, drafts: Mapping[str, JsonObject]) -> Iterator[str]:
    yield from _strangers(card, _CARD, "it")
    yield from _lists(card, "suggestions", "overrideReasons", "links")
    yield from _extension_faults(card, "it")
    if "uuid" in card and not _is_text(card["uuid"]):
        yield "uuid is no text"
    summary = card.get("summary")
    if not isinstance(summary, str) or not 0 < len(summary.strip()) <= len(summary) < 140:
        yield "summary is not of 1 to 139 characters"
    elif "\n" in summary:
        yield "summary is more than one line"
    if card.get("indicator") not in ("info", "warning", "critical"):
        yield "indicator is none of info, warning, critical"
    yield from _detail_faults(card.get("detail", "-"))
    yield from _source_faults(card.get("source"))
    yield from _suggestions_faults(card, drafts)
    for reason in _objects(card.get("overrideReasons")):
        yield from _coding_faults(reason, "an override reason", display=True)
    codes = [(it.get("system"), it.get("code")) for it in _objects(card.get("overrideReasons"))]
    if any(codes.count(it) > 1 for it in codes):
        yield "an override reason is offered twice"
    for link in _objects(card.get("links")):
        yield from _link_faults(link)


def _detail_faults(detail: object) -> Iterator[str]:
    if not isinstance(detail, str):
        yield "detail is no text"
        return
    if _HTML.search(detail):
        yield "detail holds HTML"
    if _MARKDOWN_LINK.search(detail):
        yield "detail links to something that is no absolute URL"


def _source_faults(source: object) -> Iterator[str]:
    if not isinstance(source, dict):
        yield "source is missing"
        return
    yield from _strangers(source, _SOURCE, "source")
    if not _is_text(source.get("label")):
        yield "source has no label"
    for name in ("url", "icon"):
        if name in source and not _is_absolute(source[name]):
            yield f"source.{name} is not absolute"
    if "topic" in source:
        yield from _coding_faults(source["topic"], "source.topic", display=False)


def _coding_faults(coding: object, what: str, *, display: bool) -> Iterator[str]:
    if not isinstance(coding, dict):
        yield f"{what} is no Coding"
        return
    yield from _strangers(coding, _CODING, what)
    if not (_is_text(coding.get("code")) and _is_text(coding.get("system"))):
        yield f"{what} is no Coding with code and system"
    if (display or "display" in coding) and not _is_text(coding.get("display")):
        yield f"{what} has no display"


def _suggestions_faults(card: JsonObject, drafts: Mapping[str, JsonObject]) -> Iterator[str]:
    suggestions, behaviour = _objects(card.get("suggestions")), card.get("selectionBehavior")
    if ("suggestions" in card) != ("selectionBehavior" in card):
        yield "selectionBehavior and suggestions do not go together"
    if "selectionBehavior" in card and behaviour not in ("at-most-one", "any"):
        yield "selectionBehavior is unknown"
    if behaviour != "any" and sum(s.get("isRecommended") is True for s in suggestions) > 1:
        yield "more than one suggestion is recommended where one can be chosen"
    for suggestion in suggestions:
        yield from _suggestion_faults(suggestion, drafts)


def _suggestion_faults(suggestion: JsonObject, drafts: Mapping[str, JsonObject]) -> Iterator[str]:
    yield from _strangers(suggestion, _SUGGESTION, "a suggestion")
    yield from _lists(suggestion, "actions")
    if not _is_text(suggestion.get("label")):
        yield "a suggestion has no label"
    if "uuid" in suggestion and not _is_text(suggestion["uuid"]):
        yield "a suggestion's uuid is no text"
    if not isinstance(suggestion.get("isRecommended", False), bool):
        yield "isRecommended is neither true nor false"
    targets = []
    for action in _objects(suggestion.get("actions")):
        yield from _action_faults(action, drafts)
        targets.append(_target(action))
    if len(targets) != len(set(targets)):
        yield "two actions of a suggestion have one target"


def _target(action: JsonObject) -> str:
    resource = action.get("resource")
    if isinstance(resource, dict):
        return f"{resource.get('resourceType')}/{resource.get('id')}"
    return str(action.get("resourceId"))


def _action_faults(action: JsonObject, drafts: Mapping[str, JsonObject]) -> Iterator[str]:
    yield from _strangers(action, _ACTION, "an action")
    kind, target = action.get("type"), _target(action)
    if not _is_text(action.get("description")):
        yield "an action has no description"
    if kind == "delete":
        if "resource" in action or not _REFERENCE.fullmatch(str(action.get("resourceId"))):
            yield "a delete does not name its resource by resourceId alone"
        elif target not in drafts:
            yield f"a delete of {target}, which is not in draftOrders"
    elif kind in ("create", "update"):
        if not isinstance(action.get("resource"), dict) or "resourceId" in action:
            yield f"a {kind} does not hold its resource alone"
            return
        if kind == "create" and not _ID.fullmatch(str(action["resource"].get("id", "x"))):
            yield "a create names no id of FHIR"
        if (kind == "update") != (target in drafts):
            yield f"{kind} of {target} does not fit draftOrders"
        yield from _resource_faults(action["resource"], drafts.get(target))
    else:
        yield "an action's type is unknown"


def _resource_faults(resource: JsonObject, draft: JsonObject | None) -> Iterator[str]:
    """Whether an independent parser takes the resource; an update of what it did not take may be
    as wrong as the EHR's own draft was, for an update carries over what it does not change.
    """
    why = _why_no_fhir(resource)
    if why is not None and (draft is None or _why_no_fhir(draft) is None):
        yield f"a resource is no valid FHIR R4: {why}"


def _why_no_fhir(resource: JsonObject) -> str | None:
    """The parser is slow and each answer has new ids: what is alike but for them is parsed once."""
    told = {name: value for name, value in resource.items() if name != "id"}
    for name, member in (("groupIdentifier", "value"), ("priorPrescription", "reference")):
        held = told.get(name)
        if isinstance(held, dict) and isinstance(held.get(member), str):
            told[name] = {**held, member: "Any/one"}
    try:
        return _refused(json.dumps(told, sort_keys=True))
    except (ValueError, TypeError, RecursionError):
        return "it cannot be written as JSON"


@lru_cache(maxsize=10_000)
def _refused(text: str) -> str | None:
    kind = json.loads(text).get("resourceType")
    try:
        model = getattr(import_module(f"fhir.resources.R4B.{str(kind).lower()}"), str(kind))
    except (ImportError, AttributeError):
        return f"there is no resource {kind}"
    try:
        model.model_validate_json(text)
    except ValidationError as error:
        return str(error.errors()[0]["loc"])
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        return type(error).__name__
    return None


def _link_faults(link: JsonObject) -> Iterator[str]:
    yield from _strangers(link, _LINK, "a link")
    if not _is_text(link.get("label")):
        yield "a link has no label"
    if not _is_absolute(link.get("url")):
        yield "a link's URL is not absolute"
    if link.get("type") not in ("absolute", "smart"):
        yield "a link's type is unknown"
    if "appContext" in link:
        if link.get("type") != "smart":
            yield "appContext on a link that is not smart"
        if not _is_text(link["appContext"]):
            yield "appContext is no text"


def _is_absolute(url: object) -> bool:
    if not isinstance(url, str) or re.search(r"\s", url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _uuids(card: JsonObject) -> Iterator[str]:
    for held in (card, *_objects(card.get("suggestions"))):
        if "uuid" in held:
            yield str(held["uuid"])


def no_uuids(body: JsonObject) -> list[str]:
    """The uuids of cards and suggestions that are none, as the 3.0 ballot's model has them.

    Apart from `faults`: most tests count their ids, so that they can be named.
    """
    found = []
    for uuid in (u for card in _objects(body.get("cards")) for u in _uuids(card)):
        try:
            if str(UUID(uuid)) != uuid:
                found.append(uuid)
        except ValueError:
            found.append(uuid)
    return found


# The extension: the specification's rules on names, then the account that the product promises.


def _extension_faults(held: JsonObject, what: str) -> Iterator[str]:
    extension = held.get("extension")
    if extension is None:
        return
    if not isinstance(extension, dict):
        yield f"{what}: extension is no JSON object"
        return
    for name in extension:
        if not _REVERSE_DOMAIN.fullmatch(name):
            yield f"{what}: the extension {name} is not named after a domain"


def _account(held: JsonObject) -> Any:
    extension = held.get("extension")
    return extension.get(ACCOUNT) if isinstance(extension, dict) else None


def _account_faults(body: JsonObject, cards: list[JsonObject]) -> Iterator[str]:
    whole = _account(body)
    if whole is None:
        return
    yield from (f"account: {fault}" for fault in _one_account_faults(whole))
    told = {str(it.get("check")): it for it in _checks(whole)}
    spoken_for: set[str] = set()
    for number, card in enumerate(cards):
        part = _account(card)
        yield from (f"account of card {number}: {fault}" for fault in _one_account_faults(part))
        for entry in _checks(part):
            if told.get(str(entry.get("check"))) != entry:
                yield f"card {number} tells otherwise of {entry.get('check')} than the response"
            spoken_for.add(str(entry.get("check")))
        topic = card.get("source", {}).get("topic", {})
        if isinstance(topic, dict) and topic.get("code") not in {
            it.get("check") for it in _checks(part)
        }:
            yield f"card {number} does not account for its topic"
    for check, entry in told.items():
        if entry.get("shown") is True and check not in spoken_for:
            yield f"{check} is said to be shown, and no card accounts for it"


def _checks(account: object) -> list[JsonObject]:
    return _objects(account.get("checks")) if isinstance(account, dict) else []


def _one_account_faults(account: object) -> Iterator[str]:
    if not isinstance(account, dict):
        yield "there is none"
        return
    yield from _strangers(account, {"rules_version", "on", "checks", "notes"}, "it")
    if not _is_text(account.get("rules_version")):
        yield "it names no version of the rules"
    try:
        date.fromisoformat(str(account.get("on")))
    except ValueError:
        yield "it names no day"
    checks = account.get("checks")
    if not isinstance(checks, list) or len(_objects(checks)) != len(checks) or not checks:
        yield "it has no list of checks"
        return
    names = [it.get("check") for it in _objects(checks)]
    if len(names) != len(set(map(str, names))):
        yield "a check is told of twice"
    for entry in _objects(checks):
        yield from (f"{entry.get('check')}: {fault}" for fault in _entry_faults(entry))


def _entry_faults(entry: JsonObject) -> Iterator[str]:
    fired = entry.get("result") == "fired"
    known = {"check", "result", "why", "sources"}
    known |= {"severity", "shown", "shown_why"} if fired else set()
    yield from _strangers(entry, known, "it")
    if not _is_text(entry.get("check")) or entry.get("result") not in _RESULTS:
        yield "no check with a result"
    if not _is_text(entry.get("why")):
        yield "no reason"
    sources = entry.get("sources", ["-"])
    if not isinstance(sources, list) or not all(map(_is_text, sources)):
        yield "sources are no texts"
    if fired:
        if entry.get("severity") not in _SEVERITIES:
            yield "no severity"
        if not isinstance(entry.get("shown"), bool):
            yield "whether it is shown is not said"
        if (entry.get("shown") is False) != _is_text(entry.get("shown_why")):
            yield "why it is not shown goes with its not being shown"


# What is no answer with cards.


def refusal_faults(status: int, media_type: str, body: Any) -> list[str]:
    """What is wrong with a response of another status than 2xx (3.0 ballot, OperationOutcome)."""
    found = []
    if not 400 <= status < 600:
        found.append(f"{status} is no status of a refusal")
    if not media_type.startswith("application/fhir+json"):
        found.append("the media type is not that of FHIR")
    if not isinstance(body, dict) or body.get("resourceType") != "OperationOutcome":
        return [*found, "the body is no OperationOutcome"]
    found += [f"empty value at {path}" for path in empties(body)]
    why = _why_no_fhir(body)
    return found if why is None else [*found, f"the OperationOutcome is no valid FHIR R4: {why}"]


def discovery_faults(body: Any) -> list[str]:
    """What is wrong with a discovery document."""
    services = body.get("services") if isinstance(body, dict) else None
    if not isinstance(services, list) or len(_objects(services)) != len(services):
        return ["services is no list of JSON objects"]
    found = [f"empty value at {path}" for path in empties(body)]
    for number, service in enumerate(services):
        found += [f"service {number}: {fault}" for fault in _service_faults(service)]
    pairs = [(service.get("hook"), service.get("id")) for service in services]
    if len(pairs) != len(set(map(str, pairs))):
        found.append("a service is listed twice for one hook")
    return found


def _service_faults(service: JsonObject) -> Iterator[str]:
    yield from _strangers(service, _SERVICE, "it")
    yield from _extension_faults(service, "it")
    for name in ("hook", "id", "description", "title"):
        if not _is_text(service.get(name)):
            yield f"{name} is missing"
    if not re.fullmatch(r"[A-Za-z0-9._~-]+", str(service.get("id"))):
        yield "the id does not fit into a URL"
    if "version" in service and not _SEMANTIC_VERSION.fullmatch(str(service["version"])):
        yield "version is no semantic version"
    prefetch = service.get("prefetch", {"-": "Patient/1"})
    if not isinstance(prefetch, dict):
        yield "prefetch is no JSON object"
        return
    for key, template in prefetch.items():
        yield from (f"prefetch {key}: {fault}" for fault in _template_faults(template))


_TOKEN = re.compile(r"\{\{(.*?)\}\}")
_TOKENS = {"userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId"}
_DATES = {"date", "authoredon", "effective", "issued", "whenhandedover", "_lastUpdated"}


def _template_faults(template: object) -> Iterator[str]:
    """Whether a template keeps to the restricted queries (2.0 and 3.0: query restrictions)."""
    if not isinstance(template, str) or template.startswith(("/", "http")):
        yield "the template is no relative query"
        return
    for token in _TOKEN.findall(template):
        if token not in _TOKENS and not re.fullmatch(r"context\.[A-Za-z]+", token):
            yield f"the token {token} is neither a field of the context nor the user"
    plain = _TOKEN.sub("1", template)
    if not re.fullmatch(r"[A-Z][A-Za-z]+(/[A-Za-z0-9.-]+|\?[^?#\s]+)", plain):
        yield "it is neither an instance read nor a search of a type"
        return
    for part in plain.partition("?")[2].split("&") if "?" in plain else []:
        name, _, value = part.partition("=")
        bare, _, modifier = name.partition(":")
        if not value or "." in bare or modifier not in ("", "in"):
            yield f"{name} is more than an equality or :in"
        if bare.startswith("_") and bare not in ("_count", "_sort", "_maxresults", "_id"):
            yield f"{name} is not widely supported"
        if bare in _DATES and not re.match(r"(eq|lt|gt|ge|le)?\d", value):
            yield f"{name} has another prefix than eq, lt, gt, ge or le"
