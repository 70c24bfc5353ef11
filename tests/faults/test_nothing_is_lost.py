"""kill -9 in the middle of work: what was answered with 2xx is there afterwards, once."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import judged
import psutil
import pytest
from demo_tree import Demo

pytestmark = pytest.mark.xdist_group("demo")

ORDER = (Path(__file__).parents[2] / "examples" / "order-sign.json").read_text()
PATIENT = "alder"
PARTS = ["serve", "worker", "valkey-server"]


@dataclass
class Prescriber:
    """Orders, gets cards, overrides the first of them - again and again, and remembers each 2xx.

    For another patient each time: what was overridden stays quiet.
    """

    base: str
    pause: float = 0
    stop: threading.Event = field(default_factory=threading.Event)
    shown: set[str] = field(default_factory=set)
    overridden: set[str] = field(default_factory=set)
    unanswered: int = 0
    patients: Iterator[int] = field(default_factory=itertools.count)

    def work(self) -> None:
        while not self.stop.is_set():
            try:
                order = ORDER.replace(PATIENT, f"{PATIENT}-{next(self.patients)}").encode()
                body = json.loads(self._post("/cds-services/clonazepam-safety", order))
                judged.found += judged.answer_faults(body, json.loads(order))
                cards = [card["uuid"] for card in body["cards"]]
                if body["extension"].get("org.taperguard.recorded", True):
                    self.shown.update(cards)
                self._post("/cds-services/clonazepam-safety/feedback", self._feedback(cards[0]))
                self.overridden.add(cards[0])
                time.sleep(self.pause)
            except (OSError, urllib.error.URLError):
                self.unanswered += 1
                time.sleep(0.05)

    def _post(self, path: str, body: bytes) -> bytes:
        request = urllib.request.Request(
            self.base + path, data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=5) as response:
            return bytes(response.read())

    @staticmethod
    def _feedback(card: str) -> bytes:
        report = {
            "card": card,
            "outcome": "overridden",
            "overrideReason": {
                "reason": {
                    "system": "https://taperguard.org/fhir/CodeSystem/override-reasons",
                    "code": "will-monitor",
                }
            },
            "outcomeTimestamp": datetime.now(UTC).isoformat(),
        }
        return json.dumps({"feedback": [report]}).encode()


def kill(demo: Demo, part: str) -> None:
    """Kill -9 the process of this part itself; its keeper and the supervisor see it go."""
    for process in map(psutil.Process, demo.living()):
        # Valkey writes its title as one word, with whatever folder it lies in.
        words = " ".join(process.cmdline())
        if f" {part}" in f" {words}".replace("/", " ") and "keeper.py" not in words:
            os.kill(process.pid, signal.SIGKILL)
            return
    raise AssertionError(f"no {part} is living")


def kept(demo: Demo, query: str) -> list[Any]:
    connection = sqlite3.connect(f"file:{demo.folder / 'taperguard.db'}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def walk(
    demo: Demo, until: Callable[..., None], kills: list[str], pause: float, thinks: float = 0
) -> None:
    """Kill these parts one after the other while somebody orders, thinking for so many seconds."""
    demo.start(TAPERGUARD_OUTBOX_LEASE_SECONDS="2")
    demo.lines_until_ready()
    prescriber = Prescriber(f"http://127.0.0.1:{demo.port}", thinks)
    thread = threading.Thread(target=prescriber.work)
    thread.start()
    try:
        for part in kills:
            answered = len(prescriber.overridden)
            until(lambda seen=answered: len(prescriber.overridden) > seen + 3, 30, "no answers")
            kill(demo, part)
            time.sleep(pause)
        answered = len(prescriber.overridden)
        until(lambda: len(prescriber.overridden) > answered + 3, 30, "no answers after the kills")
    finally:
        prescriber.stop.set()
        thread.join(20)

    def shown_rows() -> list[str]:
        return [row[0] for row in kept(demo, "SELECT card_uuid FROM cards_shown")]

    until(lambda: prescriber.shown <= set(shown_rows()), 60, "a shown card was lost")
    rows = shown_rows()
    assert len(rows) == len(set(rows))
    reported = [row[0] for row in kept(demo, "SELECT card_uuid FROM card_feedback")]
    assert prescriber.overridden <= set(reported)
    assert len(reported) == len(set(reported))


def test_service_worker_and_broker_are_killed_and_nothing_answered_is_lost(
    demo: Demo, until: Callable[..., None]
) -> None:
    walk(demo, until, PARTS, pause=0.5, thinks=0.05)


@pytest.mark.long
@pytest.mark.parametrize("part", PARTS)
def test_four_kills_of_one_part_in_a_row_lose_nothing(
    demo: Demo, until: Callable[..., None], part: str
) -> None:
    walk(demo, until, [part] * 4, pause=1.5)
