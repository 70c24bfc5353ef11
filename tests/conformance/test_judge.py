"""The judge of responses can say no: what is whole passes, and each way to break it is named.

It runs on every answer of the whole test suite (`tests/support/judged.py`).
"""

import copy
import json

import cds
import cds_judge
import judged
import pytest
from starlette.responses import Response

from cds_hooks.discovery import services
from cds_hooks.request import read_request
from cds_hooks.services import order_safety
from cds_hooks.services.order_safety import HOOKS, Bench
from clinical.policy import default_policy
from ehr.decode import encode
from ehr.outcome import operation_outcome
from taperguard.doors import new_id

ASKED = cds.request(
    [cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")],
    medications=[cds.order("now", cds.CLONAZEPAM["1"], 2)],
)


@pytest.fixture(scope="module")
def good():
    """A card with an update, creates, override reasons and links."""
    bench = Bench(default_policy(), new_id, "https://taperguard.example")
    read = read_request(json.dumps(ASKED).encode(), HOOKS)
    found = order_safety.answer(read, cds.TODAY, bench)
    return json.loads(encode(found.body))


REMOVED = object()
CARD, SUGGESTION = ("cards", 0), ("cards", 0, "suggestions", 0)
CREATE, UPDATE = (*SUGGESTION, "actions", 1), (*SUGGESTION, "actions", 2)
WHOLE = ("extension", cds_judge.ACCOUNT)
FIRED = (*WHOLE, "checks", 0)
LINK = (*CARD, "links", 0)

BROKEN = {
    "no cards": (("cards",), REMOVED, "cards is no list"),
    "cards that are an object": (("cards",), {"a": 1}, "cards is no list"),
    "a card that is a text": (CARD, "hello", "card 0 is no JSON object"),
    "a null": ((*CARD, "detail"), None, "empty value at .cards[0].detail"),
    "an empty text": ((*CARD, "detail"), "", "empty value at .cards[0].detail"),
    "an empty list": ((*CARD, "links"), [], "empty value at .cards[0].links"),
    "an empty object": ((*CARD, "extension"), {}, "empty value at .cards[0].extension"),
    "a number that is none": ((*UPDATE, "resource", "x"), float("nan"), "no JSON, such as NaN"),
    "an action of the system": (("systemActions",), [{"type": "delete"}], "systemActions"),
    "an unknown member of a card": ((*CARD, "title"), "x", "a member title"),
    "a uuid that is a number": ((*CARD, "uuid"), 7, "uuid is no text"),
    "no summary": ((*CARD, "summary"), REMOVED, "summary is not of 1 to 139"),
    "a summary of 140 characters": ((*CARD, "summary"), "x" * 140, "summary is not of 1 to 139"),
    "a summary of two lines": ((*CARD, "summary"), "a\nb", "more than one line"),
    "another indicator": ((*CARD, "indicator"), "hard-stop", "indicator is none of"),
    "HTML": ((*CARD, "detail"), "a<br>b", "detail holds HTML"),
    "an HTML comment": ((*CARD, "detail"), "<!-- x -->", "detail holds HTML"),
    "a script behind a link": ((*CARD, "detail"), "[x](javascript:a())", "detail links to"),
    "a relative image": ((*CARD, "detail"), "![x](/a.png)", "detail links to"),
    "a detail that is a list": ((*CARD, "detail"), ["x"], "detail is no text"),
    "no source": ((*CARD, "source"), REMOVED, "source is missing"),
    "a source without a label": ((*CARD, "source", "label"), REMOVED, "source has no label"),
    "a relative source": ((*CARD, "source", "url"), "/evidence", "source.url is not absolute"),
    "an icon of a file": ((*CARD, "source", "icon"), "file:///x.png", "source.icon is not"),
    "a topic that is a text": ((*CARD, "source", "topic"), "x", "source.topic is no Coding"),
    "a topic without system": (
        (*CARD, "source", "topic", "system"),
        REMOVED,
        "source.topic is no Coding with",
    ),
    "a topic that nothing accounts for": (
        (*CARD, "source", "topic", "code"),
        "other",
        "does not account for its topic",
    ),
    "suggestions without a behaviour": (
        (*CARD, "selectionBehavior"),
        REMOVED,
        "do not go together",
    ),
    "a behaviour without suggestions": ((*CARD, "suggestions"), REMOVED, "do not go together"),
    "another behaviour": ((*CARD, "selectionBehavior"), "all", "selectionBehavior is unknown"),
    "suggestions that are an object": ((*CARD, "suggestions"), {"a": 1}, "no list of JSON objects"),
    "a suggestion without a label": ((*SUGGESTION, "label"), REMOVED, "has no label"),
    "a recommendation that is a text": (
        (*SUGGESTION, "isRecommended"),
        "yes",
        "neither true nor false",
    ),
    "two recommendations": (
        (*CARD, "suggestions", 1, "isRecommended"),
        True,
        "more than one suggestion is recommended",
    ),
    "actions to choose from": (
        (*SUGGESTION, "actionSelectionBehavior"),
        "any",
        "a member actionSelectionBehavior",
    ),
    "an action of no type": ((*UPDATE, "type"), REMOVED, "an action's type is unknown"),
    "an action of another type": ((*UPDATE, "type"), "patch", "an action's type is unknown"),
    "an action without words": ((*UPDATE, "description"), REMOVED, "no description"),
    "an update without a resource": ((*UPDATE, "resource"), REMOVED, "does not hold its resource"),
    "an update of what was not sent": (
        (*UPDATE, "resource", "id"),
        "else",
        "update of MedicationRequest/else does not fit",
    ),
    "a create of what was sent": (
        (*UPDATE, "type"),
        "create",
        "create of MedicationRequest/new does not fit",
    ),
    "an update that is not whole": (
        (*UPDATE, "resource", "subject"),
        REMOVED,
        "no valid FHIR R4",
    ),
    "a create that is no FHIR": (
        (*CREATE, "resource", "dosageInstruction"),
        "twice a day",
        "no valid FHIR R4",
    ),
    "a create of no resource type": (
        (*CREATE, "resource", "resourceType"),
        "Prescription",
        "there is no resource Prescription",
    ),
    "a create with an id that is none": ((*CREATE, "resource", "id"), "a b", "no id of FHIR"),
    "one target of two actions": (
        CREATE,
        {"type": "delete", "description": "x", "resourceId": "MedicationRequest/new"},
        "two actions of a suggestion have one target",
    ),
    "a delete of what was not sent": (
        CREATE,
        {"type": "delete", "description": "x", "resourceId": "MedicationRequest/now"},
        "a delete of MedicationRequest/now, which is not in draftOrders",
    ),
    "a delete by a bare id": (
        CREATE,
        {"type": "delete", "description": "x", "resourceId": "new"},
        "by resourceId alone",
    ),
    "a delete as 1.0 had it": (
        CREATE,
        {"type": "delete", "description": "x", "resource": "MedicationRequest/new"},
        "by resourceId alone",
    ),
    "a reason without words": ((*CARD, "overrideReasons", 0, "display"), REMOVED, "no display"),
    "a reason without a system": ((*CARD, "overrideReasons", 0, "system"), REMOVED, "no Coding"),
    "a reason twice": ((*CARD, "overrideReasons", 1), "first", "offered twice"),
    "a link without a label": ((*LINK, "label"), REMOVED, "a link has no label"),
    "a relative link": ((*LINK, "url"), "/smart/launch", "URL is not absolute"),
    "a link without a host": ((*LINK, "url"), "https:///x", "URL is not absolute"),
    "a link of another type": ((*LINK, "type"), "relative", "a link's type is unknown"),
    "a context for a page": ((*CARD, "links", 1, "appContext"), "x", "a link that is not smart"),
    "a context that is an object": ((*LINK, "appContext"), {"a": 1}, "appContext is no text"),
    "a link that opens itself": ((*LINK, "autolaunchable"), True, "a member autolaunchable"),
    "an extension without a domain": (("extension", "note"), 1, "not named after a domain"),
    "an extension that is a list": ((*CARD, "extension"), [1], "extension is no JSON object"),
    "an account without a day": ((*WHOLE, "on"), REMOVED, "account: it names no day"),
    "an account without rules": ((*WHOLE, "rules_version"), REMOVED, "no version of the rules"),
    "an account without checks": ((*WHOLE, "checks"), REMOVED, "account: it has no list of checks"),
    "a check without a result": ((*FIRED, "result"), "maybe", "no check with a result"),
    "a check without a reason": ((*FIRED, "why"), REMOVED, "no reason"),
    "a clear check that is shown": ((*FIRED, "shown"), True, "a member shown"),
    "sources that are one text": ((*FIRED, "sources"), "x", "sources are no texts"),
    "a card that accounts for nothing": ((*CARD, "extension"), REMOVED, "account of card 0: there"),
    "a card that tells otherwise": (
        (*CARD, "extension", cds_judge.ACCOUNT, "checks", 0, "why"),
        "because",
        "card 0 tells otherwise",
    ),
    "a check of which no card tells": (
        ("cards",),
        [],
        "is said to be shown, and no card accounts for it",
    ),
}


def test_what_we_answer_is_whole(good):
    assert cds.faults(good, ASKED) == []
    assert cds_judge.no_uuids(good) == []
    taper, *others = good["cards"][0]["suggestions"]
    assert [action["type"] for action in taper["actions"]][1:3] == ["create", "update"]
    assert taper["isRecommended"] is True
    assert others[-1]["actions"][0]["type"] == "delete"


@pytest.mark.parametrize("name", BROKEN)
def test_each_way_to_break_an_answer_is_found(good, name):
    (*way, last), value, words = BROKEN[name]
    body = copy.deepcopy(good)
    holder = body
    for step in way:
        holder = holder[step]
    if value is REMOVED:
        del holder[last]
    else:
        holder[last] = copy.deepcopy(holder[0]) if value == "first" else value
    found = cds.faults(body, ASKED)
    assert [fault for fault in found if words in fault], found


@pytest.mark.parametrize("body", [None, [], "x", 7, {}, {"cards": None}, {"cards": [None, [], 1]}])
def test_what_is_no_answer_at_all_is_said_and_not_raised(body):
    assert cds.faults(body, ASKED)


def test_one_uuid_twice_and_a_uuid_that_is_none_are_found(good):
    body = copy.deepcopy(good)
    body["cards"][0]["suggestions"][0]["uuid"] = body["cards"][0]["uuid"]
    assert "a uuid is used twice" in cds.faults(body, ASKED)
    body["cards"][0]["uuid"] = "card-1"
    assert cds_judge.no_uuids(body) == ["card-1"]


def test_an_answer_without_an_account_is_found(good):
    bare = {key: value for key, value in good.items() if key != "extension"}
    assert "the answer has no account" in judged.answer_faults(bare, ASKED)


def test_an_update_is_no_better_than_the_draft_that_it_updates(good):
    """What the EHR's own draft has wrong is carried over: an update holds the whole resource."""
    body, asked = copy.deepcopy(good), copy.deepcopy(ASKED)
    update = next(a for a in cds.actions_of(body) if a["type"] == "update")
    update["resource"]["note"] = 7
    assert any("no valid FHIR R4" in fault for fault in cds.faults(body, asked))
    asked["context"]["draftOrders"]["entry"][0]["resource"]["note"] = 7
    assert cds.faults(body, asked) == []


DISCOVERY = services()
BROKEN_DISCOVERY = {
    "no list": (("services",), {"a": 1}, "services is no list"),
    "no hook": (("services", 0, "hook"), REMOVED, "hook is missing"),
    "no description": (("services", 0, "description"), REMOVED, "description is missing"),
    "an id with a slash": (("services", 0, "id"), "a/b", "does not fit into a URL"),
    "a version in words": (("services", 0, "version"), "STU3", "no semantic version"),
    "a service twice": (("services", 1, "hook"), "order-select", "listed twice for one hook"),
    "an empty prefetch": (("services", 0, "prefetch"), {}, "empty value at"),
    "an absolute query": (
        ("services", 0, "prefetch", "x"),
        "https://a.example/Patient/1",
        "no relative query",
    ),
    "another token": (
        ("services", 0, "prefetch", "x"),
        "Patient/{{patientId}}",
        "neither a field of the context",
    ),
    "FHIRPath, which only 3.0 has": (
        ("services", 0, "prefetch", "x"),
        "Observation?patient={{context.patientId}}&date=gt{{today() - 90 days}}",
        "neither a field of the context",
    ),
    "a modifier": (("services", 0, "prefetch", "x"), "Condition?code:below=1", "more than an"),
    "a chain": (("services", 0, "prefetch", "x"), "Condition?subject.name=x", "more than an"),
    "an include": (("services", 0, "prefetch", "x"), "Condition?_include=x", "not widely"),
    "another prefix of a date": (
        ("services", 0, "prefetch", "x"),
        "Condition?date=sa2026",
        "another prefix",
    ),
    "an operation": (("services", 0, "prefetch", "x"), "Patient/1/$everything", "neither an"),
}


@pytest.mark.parametrize("name", BROKEN_DISCOVERY)
def test_each_way_to_break_the_discovery_document_is_found(name):
    assert cds_judge.discovery_faults(DISCOVERY) == []
    (*way, last), value, words = BROKEN_DISCOVERY[name]
    body = json.loads(json.dumps(DISCOVERY))
    holder = body
    for step in way:
        holder = holder[step]
    if value is REMOVED:
        del holder[last]
    else:
        holder[last] = value
    found = cds_judge.discovery_faults(body)
    assert [fault for fault in found if words in fault], found


def test_a_refusal_without_an_outcome_of_fhir_is_found():
    good = operation_outcome("invalid", "hook: a text is required.", "hook")
    assert cds_judge.refusal_faults(400, "application/fhir+json", good) == []
    assert cds_judge.refusal_faults(200, "application/fhir+json", good)
    assert cds_judge.refusal_faults(400, "application/json", good)
    assert cds_judge.refusal_faults(400, "application/fhir+json", {"error": "no"})
    assert cds_judge.refusal_faults(400, "application/fhir+json", {**good, "issue": 7})


@pytest.mark.parametrize(
    ("path", "response", "words"),
    [
        ("/cds-services/x", Response("no", 401), "a 401 tells more"),
        ("/cds-services/x", Response("<html>", 502), "is no JSON"),
        ("/cds-services/x", Response("{}", 404, media_type="application/json"), "OperationOutcome"),
        ("/cds-services/x", Response('{"cards": []}', media_type="text/json"), "the media type"),
        ("/cds-services/x", Response('{"a": null}', media_type="application/json"), "empty value"),
        ("/cds-services/x/feedback", Response("{}"), "the answer to feedback has a body"),
        ("/cds-services", Response("{}", media_type="application/json"), "services is no list"),
    ],
)
def test_what_leaves_the_door_otherwise_is_found(path, response, words):
    found = judged.response_faults(path, response)
    assert [fault for fault in found if words in fault], found


def test_the_judge_stands_behind_both_services_and_the_door():
    """Whoever asks them by name in this process asks the judged ones."""
    before = judged.judged["answers"]
    bench = Bench(default_policy(), new_id, "https://taperguard.example")
    order_safety.answer(read_request(json.dumps(ASKED).encode(), HOOKS), cds.TODAY, bench)
    assert judged.judged["answers"] == before + 1
