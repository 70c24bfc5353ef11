"""The ordering screen without script: each form, each refusal, and what a person reads."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from taperguard.sandbox.pages.patient_list import GROUPS
from taperguard.sandbox.patients import read_stories

MakeCard = Callable[..., dict[str, Any]]
Ordering = Callable[[str], Any]
OLD = "MedicationRequest/alder-clonazepam"


def order(screen: Any, order_id: str) -> dict[str, Any]:
    found: dict[str, Any] = screen.client.get(f"/fhir/MedicationRequest/{order_id}").json()
    return found


def test_a_typed_order_stands_on_the_list_and_the_safety_check_is_asked(
    ordering: Ordering, service: Any
) -> None:
    screen = ordering("alder")
    assert "No draft yet." in screen.words
    assert screen.add(replaces=OLD) == 303
    assert "Take 1 tablet by mouth three times a day" in screen.words
    assert "90 tablets, no refills, from 23 Nov 2026" in screen.words
    assert "which will be discontinued" in screen.words
    assert "Signing will discontinue:" in screen.words
    assert "has nothing to say" in screen.words
    assert service.hooks() == ["order-select"]


def test_the_page_after_a_form_is_a_redirect_to_a_place_on_it(ordering: Ordering) -> None:
    screen = ordering("alder")
    sent = {"revision": "0", "product": "clonazepam 1 mg tablet", "amount": "1", "unit": "each"}
    sent |= {"frequency": "at-bedtime", "quantity": "30", "refills": "0"}
    answer = screen.client.post(f"{screen.path}/add", data=sent, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/patients/alder/orders#orders"


def test_an_error_keeps_what_was_typed_and_leads_to_the_field(ordering: Ordering) -> None:
    screen = ordering("alder")
    typed = {"amount": "half", "reason": "the <knee>", "quantity": "17", "until": "2027-01-31"}
    assert screen.add("clonaz", **typed) == 422
    for text in ("half", "the &lt;knee&gt;", "17", "2027-01-31", "clonaz"):
        assert f'value="{text}"' in screen.html
    assert '<option value="three-times-a-day" data-per-day="3" selected>' in screen.html
    assert '<a href="#f-amount">' in screen.html
    assert re.search(r'id="f-product"[^>]*aria-invalid="true"[^>]*autofocus', screen.html)
    assert screen.html.count("autofocus") == 1
    assert '<button class="plain" name="pick" value="clonazepam 1 mg tablet">' in screen.html
    assert screen.add("clonaz", pick="clonazepam 1 mg tablet") == 303


def test_a_draft_is_changed_in_its_place(ordering: Ordering) -> None:
    screen = ordering("alder")
    screen.add()
    screen.add("oxycodone 5 mg tablet", quantity="20")
    first, second = screen.drafts
    screen.open(f"?change={first}")
    assert 'list="formulary" value="clonazepam 1 mg tablet"' in screen.html
    assert 'value="90"' in screen.html
    assert screen.add(draft=first, amount="2", quantity="180") == 303
    assert screen.drafts == [first, second]
    assert "Take 2 tablets by mouth three times a day" in screen.words


def test_a_present_order_can_be_ordered_again_and_replaces_itself(ordering: Ordering) -> None:
    screen = ordering("alder")
    screen.open("?again=alder-clonazepam")
    assert 'list="formulary" value="clonazepam 1 mg tablet"' in screen.html
    assert f'<option value="{OLD}" selected>' in screen.html
    assert '<option value="twice-a-day" data-per-day="2" selected>' in screen.html


def test_a_draft_set_aside_is_not_signed(ordering: Ordering) -> None:
    screen = ordering("alder")
    screen.add()
    screen.add("oxycodone 5 mg tablet", quantity="20")
    first, second = screen.drafts
    screen.post("select", order=first)
    assert "set aside, not signed with the others" in screen.words
    assert screen.post("sign", step="check") == 303
    assert "Signed 1 order; active in the chart now oxycodone" in screen.words
    assert screen.drafts == [first]
    assert order(screen, second)["status"] == "active"


def test_removing(ordering: Ordering, service: Any) -> None:
    screen = ordering("alder")
    screen.add()
    screen.add(replaces="")
    first, second = screen.drafts
    screen.post("remove", order=first)
    assert screen.drafts == [second]
    screen.post("remove", all="selected")
    assert screen.drafts == []
    assert "No draft yet." in screen.words
    assert service.hooks() == ["order-select"] * 3  # nothing is left to ask about at the end


def test_a_draft_that_another_one_follows_is_not_removed_alone(ordering: Ordering) -> None:
    screen = ordering("alder")
    screen.add()
    (first,) = screen.drafts
    screen.add(replaces=f"MedicationRequest/{first}")
    assert screen.post("remove", order=first) == 422
    assert "Nothing was changed" in screen.words
    screen.open()
    assert len(screen.drafts) == 2
    assert screen.post("remove", all="selected") == 303


def test_signing_without_cards_puts_the_orders_into_the_chart(
    ordering: Ordering, service: Any
) -> None:
    screen = ordering("alder")
    screen.add(replaces=OLD)
    (draft,) = screen.drafts
    assert screen.post("sign", step="check") == 303
    assert service.hooks() == ["order-select", "order-sign"]
    assert "Signed 1 order" in screen.words
    assert (
        "Discontinued: clonazepam 1 mg tablet: Take 1 tablet by mouth twice a day" in screen.words
    )
    signed, old = order(screen, draft), order(screen, "alder-clonazepam")
    assert (signed["status"], signed["authoredOn"]) == ("active", "2026-11-23")
    assert old["status"] == "stopped"
    assert "Take 1 tablet by mouth three times a day" in screen.client.get("/patients/alder").text


def test_cards_are_seen_before_anything_is_signed(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    service.cards = [a_card()]
    screen = ordering("alder")
    screen.add()
    (draft,) = screen.drafts
    assert screen.post("sign", step="check") == 303
    assert "Not signed yet" in screen.words
    assert "Mind the dose" in screen.words
    assert order(screen, draft)["resourceType"] == "OperationOutcome"
    assert "Sign 1 order anyway" in screen.words
    screen.post("sign", step="final")
    assert "Signed 1 order" in screen.words
    assert order(screen, draft)["status"] == "active"
    assert screen.cards == []


def test_signing_anyway_overrides_open_cards_without_a_reason(
    ordering: Ordering, service: Any, a_card: MakeCard, until: Any
) -> None:
    service.cards = [a_card()]
    screen = ordering("alder")
    screen.add()
    screen.post("sign", step="check")
    screen.post("sign", step="final")
    until(lambda: service.taken, 10)
    (told,) = service.taken
    assert (told["card"], told["outcome"]) == ("card-1", "overridden")
    assert "overrideReason" not in told


def test_final_without_having_been_asked_asks_first(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    service.cards = [a_card()]
    screen = ordering("alder")
    screen.add()
    screen.post("sign", step="final")
    assert service.hooks() == ["order-select", "order-sign"]
    assert "Not signed yet" in screen.words


def test_accepting_applies_the_actions_and_tells_the_service(
    ordering: Ordering, service: Any, a_card: MakeCard, until: Any
) -> None:
    screen = ordering("alder")
    screen.add()
    (draft,) = screen.drafts
    sent = service.asked[-1]["context"]["draftOrders"]["entry"][0]["resource"]
    less = {**sent, "priorPrescription": {"reference": OLD}}
    less["dosageInstruction"] = [{**sent["dosageInstruction"][0], "text": "Take less"}]
    more = {
        **less,
        "id": "their-id",
        "priorPrescription": {"reference": f"MedicationRequest/{draft}"},
    }
    service.cards = [
        a_card(
            {"type": "update", "description": "Less of it", "resource": less},
            {"type": "create", "description": "And then this", "resource": more},
        )
    ]
    screen.post("select", order=draft)
    screen.post("select", order=draft)
    (card,) = screen.cards
    assert "Change Less of it" in screen.words
    assert "Add And then this" in screen.words
    assert "Stop clonazepam 1 mg tablet: Take 1 tablet by mouth twice a day" in screen.words
    assert screen.post("accept", card=card, suggestion="0") == 303
    assert "Accepted: Do this instead" in screen.words
    assert screen.drafts[0] == draft
    assert len(screen.drafts) == 2
    assert "their-id" not in screen.words
    assert "follows clonazepam 1 mg tablet: Take less" in screen.words
    until(lambda: service.taken, 10)
    told = service.taken[0]
    assert told["outcome"] == "accepted"
    assert told["acceptedSuggestions"] == [{"id": "suggestion-1"}]
    assert screen.post("accept", card=card, suggestion="0") == 422
    assert "answered already" in screen.words


def test_an_action_that_cannot_be_applied_is_refused_loudly(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    service.cards = [
        a_card({"type": "delete", "description": "x", "resourceId": "MedicationRequest/other"})
    ]
    screen = ordering("alder")
    screen.add()
    (draft,) = screen.drafts
    (card,) = screen.cards
    assert screen.post("accept", card=card, suggestion="0") == 422
    assert "Nothing was changed" in screen.words
    assert "no draft on the list" in screen.words
    assert screen.drafts == [draft]
    assert screen.post("accept", card=card, suggestion="7") == 422
    assert screen.post("accept", card="999", suggestion="0") == 422
    assert "no longer shown" in screen.words


def test_overriding_needs_one_of_the_reasons(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    service.cards = [a_card()]
    screen = ordering("alder")
    screen.add()
    (card,) = screen.cards
    assert screen.post("override", card=card, reason="") == 422
    assert "Choose a reason" in screen.words
    assert screen.post("override", card=card, reason="invented") == 422
    assert screen.post("override", card=card, reason="", comment="She <knows>") == 422
    assert 'value="She &lt;knows&gt;"' in screen.html
    assert screen.post("override", card=card, reason="fine", comment="x" * 501) == 422
    assert '<option value="fine" selected>' in screen.html
    assert screen.post("override", card=card, reason="fine", comment="I know her") == 303
    assert "Overridden: It is fine - I know her" in screen.words
    assert screen.post("override", card=card, reason="fine") == 422


def test_after_overriding_what_order_sign_said_one_click_signs(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    service.cards = [a_card()]
    screen = ordering("alder")
    screen.add()
    screen.post("sign", step="check")
    (card,) = screen.cards
    screen.post("override", card=card, reason="fine")
    assert "Sign 1 order anyway" not in screen.words
    screen.post("sign", step="final")
    assert "Signed 1 order" in screen.words
    assert service.hooks() == ["order-select", "order-sign"]


def test_a_later_answer_replaces_the_cards_of_the_same_service(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    service.cards = [a_card(summary="First"), a_card(summary="Second", uuid="card-2")]
    screen = ordering("alder")
    screen.add()
    assert len(screen.cards) == 2
    service.cards = [a_card(summary="Third")]
    screen.add("oxycodone 5 mg tablet", quantity="20")
    assert len(screen.cards) == 1
    assert "Third" in screen.words
    assert "Second" not in screen.words


def test_a_card_that_cannot_be_understood_is_shown_as_an_error(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    service.cards = [a_card(indicator="catastrophe"), 3]
    screen = ordering("alder")
    screen.add()
    assert screen.words.count("A card that cannot be understood") >= 2
    assert "'catastrophe'" in screen.words
    screen.post("sign", step="check")
    assert "Sign 1 order anyway" in screen.words


# --- a service in trouble ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 500},
        {"status": 503},
        {"status": 400},
        {"status": 412},
        {"body": b"<html>no</html>"},
        {"body": b"{}"},
        {"body": b"\xff"},
        {"discovery": {}},
        {"discovery": "nothing"},
    ],
)
def test_when_the_check_does_not_answer_the_screen_says_so_and_signing_works(
    ordering: Ordering, service: Any, trouble: dict[str, Any]
) -> None:
    for name, value in trouble.items():
        setattr(service, name, value)
    screen = ordering("alder")
    assert screen.add(replaces=OLD) == 303
    says = "The safety check did not answer; you can sign with your own judgement."
    assert says in screen.words
    (draft,) = screen.drafts
    screen.post("sign", step="check")
    assert says in screen.words
    assert "Sign 1 order without the check" in screen.words
    screen.post("sign", step="final")
    assert "Signed 1 order" in screen.words
    assert order(screen, draft)["status"] == "active"
    assert order(screen, "alder-clonazepam")["status"] == "stopped"


def test_a_service_that_is_down(make_app: Callable[..., Starlette]) -> None:
    app = make_app(service_url="http://127.0.0.1:1")
    with TestClient(app, base_url="http://ehr.test") as client:
        sent = {"revision": "0", "product": "clonazepam 1 mg tablet", "amount": "1"}
        sent |= {"unit": "each", "frequency": "at-bedtime", "quantity": "30", "refills": "0"}
        page = client.post("/patients/birch/orders/add", data=sent).text
        assert "The safety check did not answer" in page
        assert "it could not be reached" in page
        client.post("/patients/birch/orders/sign", data={"revision": "1", "step": "check"})
        page = client.post(
            "/patients/birch/orders/sign", data={"revision": "1", "step": "final"}
        ).text
        assert "Signed 1 order" in page


# --- the list is what was seen ----------------------------------------------------------------


@pytest.mark.parametrize("action", ["add", "select", "remove", "accept", "override", "sign"])
def test_a_form_from_an_older_page_changes_nothing(ordering: Ordering, action: str) -> None:
    screen = ordering("alder")
    screen.add()
    (draft,) = screen.drafts
    fields = {"order": draft, "revision": "0", "step": "check"}
    assert (screen.add(**fields) if action == "add" else screen.post(action, **fields)) == 409
    assert "The list was changed in the meantime" in screen.words
    typed = 'list="formulary" value="clonazepam 1 mg tablet"'
    assert (typed in screen.html) is (action == "add")
    assert screen.drafts == [draft]


def test_drafts_cards_and_answers_outlive_a_restart(
    make_app: Callable[..., Starlette], service: Any, a_card: MakeCard
) -> None:
    service.cards = [a_card()]
    sent = {"revision": "0", "product": "clonazepam 1 mg tablet", "amount": "1", "unit": "each"}
    sent |= {"frequency": "at-bedtime", "quantity": "30", "refills": "0"}
    with TestClient(make_app(service_url=service.url), base_url="http://ehr.test") as client:
        client.post("/patients/birch/orders/add", data=sent)
    with TestClient(make_app(service_url=service.url), base_url="http://ehr.test") as client:
        page = client.get("/patients/birch/orders").text
    assert "Take 1 tablet by mouth at bedtime" in page
    assert "Mind the dose" in page


def test_a_data_file_of_the_first_layout_is_brought_up_to_date(
    make_app: Callable[..., Starlette], tmp_path: Path
) -> None:
    folder = tmp_path / "data with a space"
    with TestClient(make_app()) as client:
        assert client.get("/healthz").status_code == 200
    db = sqlite3.connect(folder / "sandbox-ehr.sqlite3")
    for table in ("worklists", "drafts", "calls", "cards", "feedback"):
        db.execute(f"DROP TABLE {table}")
    db.execute("PRAGMA user_version = 1")
    db.close()
    with TestClient(make_app()) as client:
        assert client.get("/patients/alder/orders").status_code == 200


# --- who may post -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.test"},
        {"Origin": "null"},
        {"Origin": "http://ehr.test.elsewhere.test"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused(ordering: Ordering, headers: dict[str, str]) -> None:
    screen = ordering("alder")
    answer = screen.client.post(f"{screen.path}/sign", data={"revision": "0"}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://ehr.test"}])
def test_our_own_forms_are_taken(ordering: Ordering, headers: dict[str, str]) -> None:
    screen = ordering("alder")
    answer = screen.client.post(f"{screen.path}/sign", data={"revision": "0"}, headers=headers)
    assert answer.status_code == 422  # taken, and there is nothing to sign


def test_what_is_no_form_is_refused(ordering: Ordering) -> None:
    screen = ordering("alder")
    post = screen.client.post
    assert post(f"{screen.path}/sign", json={}).status_code == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (
        post(f"{screen.path}/sign", content=b"a=" + b"x" * 70_000, headers=form).status_code == 413
    )
    assert post(f"{screen.path}/sign", content=b"a=%ff", headers=form).status_code == 400
    assert post(f"{screen.path}/sign", content=b"a=\xff", headers=form).status_code == 400
    assert post(f"{screen.path}/sign", content=b"a=%00", headers=form).status_code == 400
    assert screen.client.get(f"{screen.path}/sign").status_code == 405


@pytest.mark.parametrize("path", ["/patients/nobody/orders", "/patients/alder/orders/nothing"])
def test_what_is_not_there_is_404(ordering: Ordering, path: str) -> None:
    assert ordering("alder").client.get(path).status_code == 404
    assert ordering("alder").client.post(path, data={}).status_code in (404, 405)


# --- the pages themselves ---------------------------------------------------------------------


class Page(HTMLParser):
    """Tags with their attributes, and whether ids are unique."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))


def test_the_page_has_one_script_of_its_own_no_inline_style_and_unique_ids(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    table = "| a | b |\n|:--|--:|\n| 1 | 2 |"
    service.cards = [a_card(detail=table), a_card(uuid="card-2")]
    screen = ordering("alder")
    screen.add()
    page = Page(screen.html)
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert scripts == [{"src": "/static/orders.js", "defer": ""}]
    assert screen.client.get("/static/orders.js").status_code == 200
    assert not any(tag == "style" or "style" in attributes for tag, attributes in page.tags)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert '<td class="right">2</td>' in screen.html


def test_a_card_cannot_bring_markup_or_script_into_the_page(
    ordering: Ordering, service: Any, a_card: MakeCard
) -> None:
    service.cards = [
        a_card(
            summary="<b>bold</b>",
            detail="<script>alert(1)</script> [x](javascript:alert(1)) ![p](https://spy.test/p.png)"
            "\n\n# Loud",
        )
    ]
    screen = ordering("alder")
    screen.add()
    page = Page(screen.html)
    assert len([1 for tag, _ in page.tags if tag == "script"]) == 1
    assert not any(tag in ("b", "iframe") for tag, _ in page.tags)
    assert not any("javascript:" in attributes.get("href", "") for _, attributes in page.tags)
    assert not any("spy.test" in attributes.get("src", "") for _, attributes in page.tags)
    assert [tag for tag, _ in page.tags].count("h1") == 1


def test_patients_are_found_by_the_words_of_their_stories(ordering: Ordering) -> None:
    client = ordering("alder").client
    page = client.get("/?q=ruth+ALDER").text
    assert "Ruth Synthetic-Alder" in page
    assert "Daniel Synthetic-Birch" not in page
    assert 'value="ruth ALDER"' in page
    nobody = client.get("/?q=%3Cb%3Enobody")
    assert "<b>nobody" not in nobody.text
    assert "Show all" in nobody.text


def test_every_patient_has_a_way_to_the_orders(ordering: Ordering, visible: Any) -> None:
    client = ordering("alder").client
    page = client.get("/").text
    for patient in ("alder", "birch", "fir"):
        assert f'href="/patients/{patient}/orders"' in page
    assert 'href="/patients/alder/orders"' in client.get("/patients/alder").text


def test_every_group_of_patients_begins_with_a_story_that_exists() -> None:
    keys = [story.key for story in read_stories()]
    assert set(GROUPS) <= set(keys)
    assert list(GROUPS) == sorted(GROUPS, key=keys.index)
    assert next(iter(GROUPS)) == keys[0]
