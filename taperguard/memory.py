"""What the gate gives to the CDS Hooks door of what was settled: read in time, or not at all."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from queue import Empty, SimpleQueue
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from cds_hooks.discovery import PATIENT_REVIEW
from cds_hooks.memory import WILL_MONITOR, MemoryDown, Recalled, Standing, known_reason
from clinical.findings import CheckId
from clinical.policy import Policy
from ehr.registry import Registry, TrustedEhr
from store import card_memory, follow_ups
from store.card_memory import Whose
from store.database import reading
from store.feedback import Feedback
from store.follow_ups import FollowUp
from store.sealing import Sealer

UNREGISTERED = "unregistered"
"""The id under which calls of an EHR that is in no registry are kept (development only)."""

RECALL_SECONDS = 0.25
"""So long a hook waits for what was settled: half of what the specification gives an answer."""

WORKS, IDLE = "impatient", "impatient, idle"
"""What its threads are called: by the first one sees what hangs."""

_REST_SECONDS = 5.0
_MOST_AT_ONCE = 64

_Found = TypeVar("_Found")


class TooSlow(Exception):
    """The work was not done in time, or not begun because others were not."""


class Impatient:
    """Does work that may hang in a thread beside, and waits only so long for it.

    The time-outs of a driver are no bound: a connection that hangs or a pool that is empty has
    its own. What came too late goes on behind us. With `rest_seconds` nobody tries again for so
    long after something was too slow. Threads are kept for the next work: to start one takes as
    long as a look into the database.
    """

    def __init__(
        self,
        seconds: float,
        *,
        rest_seconds: float = 0,
        most_at_once: int = _MOST_AT_ONCE,
        seconds_now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._rest_seconds = rest_seconds
        self._slots = threading.BoundedSemaphore(most_at_once)
        self._seconds_now = seconds_now
        self._closed_until = float("-inf")
        self._idle: deque[_Hands] = deque()

    def __call__(self, work: Callable[[], _Found]) -> _Found:
        """What the work gives, or raises. Raises TooSlow."""
        if self._seconds_now() < self._closed_until:
            raise TooSlow("it was too slow a moment ago")
        if not self._slots.acquire(blocking=False):
            raise TooSlow("too many wait for it")
        said: SimpleQueue[Callable[[], _Found]] = SimpleQueue()
        self._hand_over(work, said)
        try:
            result = said.get(timeout=self._seconds)
        except Empty:
            self._closed_until = self._seconds_now() + self._rest_seconds
            raise TooSlow("it was not done in time") from None
        return result()

    def _hand_over(
        self, work: Callable[[], _Found], said: SimpleQueue[Callable[[], _Found]]
    ) -> None:
        try:
            hands = self._idle.pop()
        except IndexError:
            hands = self._more_hands()

        def run() -> None:
            thread = threading.current_thread()
            thread.name = WORKS
            result = _outcome(work)
            thread.name = IDLE
            self._idle.append(hands)
            self._slots.release()
            said.put(result)

        hands.put(run)

    def _more_hands(self) -> _Hands:
        hands: _Hands = SimpleQueue()
        # A daemon: what hangs does not keep the process alive.
        thread = threading.Thread(target=_serve, args=(hands,), name=IDLE, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._slots.release()
            raise TooSlow("the system has no thread for it") from None
        return hands


_Hands = SimpleQueue[Callable[[], None]]
"""What a waiting thread is given to do."""


def _serve(hands: _Hands) -> None:
    while True:
        hands.get()()


def _outcome(work: Callable[[], _Found]) -> Callable[[], _Found]:
    """Do the work; the answer gives its result, or raises what it raised."""
    try:
        found = work()
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits
        failed = error

        def fail() -> _Found:
            raise failed

        return fail
    return lambda: found


@dataclass(frozen=True)
class HouseMemory:
    """The memory of a house. `policy_of` an EHR's id says for how long its cards stay quiet."""

    engine: Engine = field(repr=False)
    sealer: Sealer
    registry: Registry
    now: Callable[[], datetime]
    policy_of: Callable[[str], Policy]
    in_time: Impatient = field(
        default_factory=lambda: Impatient(RECALL_SECONDS, rest_seconds=_REST_SECONDS)
    )

    def of(self, ehr: TrustedEhr | None, fhir_server: str | None) -> EhrMemory:
        """The memory of one EHR."""
        return EhrMemory(self, ehr, fhir_server)

    def settle(
        self,
        connection: Connection,
        service: str,
        reports: Iterable[Feedback],
        *,
        ehr_id: str | None,
    ) -> None:
        """Settle what these reports answer, in the caller's transaction.

        A card that was never shown, or not by this service, or not to users of the EHR that
        reports (None: nobody says who calls), settles nothing.
        """
        for report in reports:
            card = card_memory.find(connection, report.card, service=service, ehr_id=ehr_id)
            if card is not None:
                self._settle(connection, card, report)

    def _settle(self, connection: Connection, card: card_memory.Card, report: Feedback) -> None:
        ehr = self.registry.get(card.ehr_id)
        zone: tzinfo = UTC if ehr is None else ehr.time_zone
        policy = self.policy_of(card.ehr_id)
        # An EHR's clock may be wrong: nobody answers a card before it is shown, or in the future.
        at = max(card.shown_at, min(report.outcome_timestamp, self.now()))
        on = at.astimezone(zone).date()
        reason = known_reason(report.reason)
        monitors = reason == WILL_MONITOR
        due_on = on + timedelta(days=policy.monitor_days)
        settled = card_memory.settle(
            connection,
            card,
            outcome=report.outcome,
            reason_code=reason,
            at=at,
            on=on,
            quiet_until=due_on - timedelta(days=1)
            if monitors
            else on + timedelta(days=policy.settled_days),
        )
        if not settled:
            return
        follow_ups.end(connection, card, on, whole=card.service == PATIENT_REVIEW, anew=monitors)
        if monitors:
            follow_ups.promise(
                connection,
                card,
                FollowUp(card.checks, WILL_MONITOR, promised_on=on, due_on=due_on),
                kept_until=due_on + timedelta(days=policy.settled_days),
            )


@dataclass(frozen=True)
class EhrMemory:
    """The memory as the services of one EHR's calls ask for it (`cds_hooks.memory.Memory`)."""

    house: HouseMemory
    ehr: TrustedEhr | None
    fhir_server: str | None

    def whose(self, patient_id: str, service: str) -> Whose:
        """The patient. Of EHRs that are in no registry two may have patients of one id."""
        if self.ehr is not None:
            return Whose(self.ehr.id, patient_id, service)
        return Whose(UNREGISTERED, f"{self.fhir_server or ''}/Patient/{patient_id}", service)

    def recall(self, patient_id: str, service: str, standing: Standing, on: date) -> Recalled:
        """What is settled on these facts and what is due. Raises MemoryDown, and in time."""
        whose = self.whose(patient_id, service)
        try:
            found, due = self.house.in_time(lambda: self._read(whose, on))
        except (TooSlow, SQLAlchemyError, OSError) as error:
            raise MemoryDown from error
        texts = {check.value: text for check, text in standing.items()}
        settled = card_memory.settled_by_check(found, whose, texts, sealer=self.house.sealer)
        return Recalled({CheckId(check): it for check, it in settled.items()}, due)

    def _read(
        self, whose: Whose, on: date
    ) -> tuple[list[card_memory.Settled], tuple[FollowUp, ...]]:
        patient = whose.patient_fingerprint(self.house.sealer)
        with reading(self.house.engine) as connection:
            if connection.dialect.name == "postgresql":
                # What nobody waits for any more need not hold a connection either.
                limit = int(RECALL_SECONDS * 1000)
                connection.execute(sa.text(f"SET LOCAL statement_timeout = {limit}"))
            if not card_memory.anything(connection, patient, whose.service, on):
                return [], ()
            found = card_memory.recall(connection, whose, on, sealer=self.house.sealer)
            return found, follow_ups.due_of(connection, patient, on)
