"""patient-view: services asked when a chart is opened (CDS Hooks 2.0, "patient-view").

A page never waits longer than a second for them, discovery included: what has not answered by
then is said in its place, and the chart is opened all the same. The server asks before it answers
(and not a script after it), so that the page is the same with and without script, is read in one
go, and nothing on it moves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..orders.signing import PRESCRIBER
from ..records.store import Charts
from .cards import Card, read_card
from .discovery import Discovery, NoDiscovery
from .hooks import now, understood
from .http import exchange
from .requests import Requests
from .shown import put_call

PATIENT_VIEW = "patient-view"
TOTAL_SECONDS = 1.0
_KEPT_SECONDS = 300.0
_TROUBLE_KEPT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What one service said: its cards (or what is wrong with them), or the trouble with it."""

    service: str
    cards: tuple[Card | list[str], ...] = ()
    problem: str = ""


class PatientView:
    """Asks about charts. `clock` counts seconds."""

    def __init__(
        self,
        charts: Callable[[], Charts],
        discovery: Discovery,
        requests: Requests,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._charts = charts
        self._discovery = discovery
        self._requests = requests
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, tuple[Heard, ...]]] = {}

    def open(self, patient_id: str, encounter: str | None) -> tuple[Heard, ...]:
        """Ask all services about a chart that is being opened, and record the calls."""
        heard = self._ask(patient_id, encounter)
        has_trouble = any(one.problem for one in heard)
        until = self._clock() + (_TROUBLE_KEPT_SECONDS if has_trouble else _KEPT_SECONDS)
        with self._lock:
            self._kept[patient_id] = (until, heard)
        return heard

    def beside(self, patient_id: str, encounter: str | None) -> tuple[Heard, ...]:
        """What was said when the chart was opened a little while ago; else as `open`.

        The specification asks for one call at the beginning of the work on a chart, not for one
        with each page.
        """
        with self._lock:
            until, heard = self._kept.get(patient_id, (0.0, ()))
        return heard if self._clock() < until else self.open(patient_id, encounter)

    def _ask(self, patient_id: str, encounter: str | None) -> tuple[Heard, ...]:
        charts, began = self._charts(), self._clock()
        try:
            services = self._discovery.services(PATIENT_VIEW, seconds=TOTAL_SECONDS)
        except NoDiscovery as none:
            with charts.transaction(writing=True) as db:
                put_call(db, patient_id, "discovery", now(), none.attempt, none.problem)
            return (Heard("Decision support", problem=none.problem),)
        context: dict[str, Any] = {"userId": PRESCRIBER, "patientId": patient_id}
        if encounter is not None:
            context["encounterId"] = encounter.removeprefix("Encounter/")
        heard = []
        with self._requests.to(services, context, charts) as asks:
            left = max(0.05, TOTAL_SECONDS - (self._clock() - began))
            calls = exchange(
                asks, sign=self._discovery.sign, total_seconds=left, of_seconds=TOTAL_SECONDS
            )
        with charts.transaction(writing=True) as db:
            for service, call in zip(services, calls, strict=True):
                cards, problem = understood(call)
                put_call(db, patient_id, PATIENT_VIEW, now(), call, problem)
                heard.append(Heard(service.title, tuple(map(read_card, cards)), problem))
        return tuple(heard)
