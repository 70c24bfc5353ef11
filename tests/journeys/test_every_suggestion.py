"""Every action that our cards propose can be applied by an EHR that checks for itself, and signed.

The sandbox runs inside this process, so that its store can be put back after each signing; the
service is the real one and is asked over HTTP.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import judged
import pytest
from ehr_screen import Screen
from starlette.testclient import TestClient

from taperguard.sandbox.app import DATA_FILE, create_app
from taperguard.sandbox.cds.discovery import Discovery
from taperguard.sandbox.cds.feedback import Sender
from taperguard.sandbox.patients import Story, read_stories

pytestmark = pytest.mark.xdist_group("ordering")

STORIES = read_stories()
TIMES_A_DAY = {1: "once-a-day", 2: "twice-a-day", 3: "three-times-a-day", 4: "four-times-a-day"}
OWN_LINK = "the present clonazepam"
# What is ordered: fields of the form. More than one order is one visit with both.
ORDERS: dict[str, list[dict[str, str]]] = {
    "raised to 3 mg, without a link": [{"frequency": "three-times-a-day"}],
    "raised to 4 mg, instead of the present order": [
        {"product": "clonazepam 2 mg tablet", "frequency": "twice-a-day", "replaces": OWN_LINK}
    ],
    "a little, at bedtime": [{"product": "clonazepam 0.5 mg tablet", "frequency": "at-bedtime"}],
    "in mg, as needed": [
        {
            "amount": "0.5",
            "unit": "mg",
            "frequency": "twice-a-day",
            "needed": "y",
            "reason": "panic",
        }
    ],
    "with a last day": [{"frequency": "twice-a-day", "until": "2999-12-31"}],
    "an opioid": [{"product": "oxycodone 5 mg tablet", "frequency": "every-6-hours"}],
    "clonazepam in two strengths and an opioid": [
        {"product": "clonazepam 0.5 mg tablet", "frequency": "in-the-morning"},
        {"product": "clonazepam 1 mg tablet", "frequency": "at-bedtime"},
        {"product": "oxycodone 5 mg tablet", "frequency": "every-6-hours"},
    ],
}
SAMPLE = ("raised to 3 mg, without a link", "an opioid")


@dataclass
class Visit:
    """The sandbox EHR with a store that can be put back to what it was."""

    client: Any
    folder: Path

    def keep(self, name: str) -> None:
        """Remember the store as it is."""
        shutil.copy(self._whole(), self.folder / name)

    def put_back(self, name: str) -> None:
        """Make the store what it was."""
        shutil.copy(self.folder / name, self._whole())

    def _whole(self) -> Path:
        """The data file with everything in it: nobody has it open between two requests."""
        file = self.folder / DATA_FILE
        assert not file.with_name(f"{DATA_FILE}-wal").exists()
        return file


@pytest.fixture(scope="module")
def visit(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """The EHR keeps its feedback: what is accepted once would be settled, and not offered again."""
    folder = tmp_path_factory.mktemp("every suggestion")
    with pytest.MonkeyPatch.context() as patch:
        # Nobody can fetch the keys of an EHR in this process: it calls without a token, as
        # development allows.
        patch.setattr("taperguard.sandbox.app.Discovery", lambda service, _: Discovery(service))
        app = create_app(
            data_dir=folder,
            today=lambda: datetime.now(UTC).date(),
            service_url=demo.service,
            public_url="http://ehr.test",
        )
    client = TestClient(app, base_url="http://ehr.test")
    assert client.get("/healthz").status_code == 200
    visit = Visit(client, folder)
    visit.keep("as told")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sender, "send", lambda _: True)
        yield visit


def own_order(story: Story) -> list[dict[str, str]]:
    """The order that the story is about, or the present order that it stops."""
    expected = story.expect
    if expected.stops:
        return [{"stop": expected.stops}]
    fields = {
        "product": expected.product.said,
        "amount": str(expected.tablets),
        "frequency": TIMES_A_DAY[expected.times_a_day],
    }
    if expected.replaces:
        fields["replaces"] = f"MedicationRequest/{expected.replaces}"
    return [fields]


def present_clonazepam(screen: Screen, patient: str) -> str:
    """The present clonazepam order, or nothing where there is none."""
    bundle = screen.client.get(
        f"/fhir/MedicationRequest?patient={patient}&status=active&_count=200"
    ).json()
    found = [entry["resource"]["id"] for entry in bundle.get("entry", [])]
    clonazepam = [key for key in found if "clonazepam" in key]
    return f"MedicationRequest/{clonazepam[0]}" if clonazepam else ""


def ordered(visit: Visit, story: Story, orders: list[dict[str, str]]) -> Screen:
    """The screen of a patient in whose fresh chart these orders stand as drafts."""
    visit.put_back("as told")
    screen = Screen(visit.client, story.key)
    for fields in orders:
        if "stop" in fields:
            assert screen.post("stop", order=fields["stop"]) == 303, screen.words
            continue
        typed = dict(fields)
        if typed.get("replaces") == OWN_LINK:
            typed["replaces"] = present_clonazepam(screen, story.key)
        assert screen.add(**{"quantity": "28", **typed}) == 303, screen.words
    assert "did not answer" not in screen.words, screen.words
    assert "cannot be understood" not in screen.words, screen.words
    assert judged.calls_in([visit.folder]) == []
    return screen


def accept_and_sign_each(visit: Visit, screen: Screen, patient: str) -> int:
    """Accept each suggestion on the same list, sign it, look into the chart; their number."""
    visit.keep("ordered")
    suggestions = screen.suggestions
    for card, suggestion in suggestions:
        visit.put_back("ordered")
        screen.open()
        before = set(screen.drafts)
        assert screen.post("accept", card=card, suggestion=suggestion) == 303, screen.words
        drafts = screen.drafts
        if not drafts:
            assert before
            continue
        screen.sign()
        assert screen.drafts == []
        for key in drafts:
            signed = screen.client.get(f"/fhir/MedicationRequest/{key}").json()
            assert signed.get("status") == "active", signed
            assert signed["subject"] == {"reference": f"Patient/{patient}"}
            assert "taperguard-" not in str(signed)
    return len(suggestions)


def walk(visit: Visit, story: Story, names: tuple[str, ...]) -> int:
    count = 0
    for orders in (own_order(story), *(ORDERS[name] for name in names)):
        screen = ordered(visit, story, orders)
        count += accept_and_sign_each(visit, screen, story.key)
    return count


@pytest.mark.parametrize("story", STORIES[::6], ids=lambda story: story.key)
def test_every_suggestion_is_applied_and_signed(visit: Visit, story: Story) -> None:
    """For every sixth patient: the order that the story is about, and two that raise cards."""
    walk(visit, story, SAMPLE)


def test_the_72_year_old_is_offered_several_suggestions(visit: Visit) -> None:
    """A walk that meets no suggestion proves nothing: hers has a taper, keeping, naloxone."""
    assert walk(visit, STORIES[0], SAMPLE) >= 6


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.key)
def test_every_suggestion_to_every_kind_of_order_is_applied_and_signed(
    visit: Visit, story: Story
) -> None:
    walk(visit, story, tuple(ORDERS))
