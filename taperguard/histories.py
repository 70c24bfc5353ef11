"""What the gate gives to the doors and the worker for background histories."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from ehr import log
from ehr.backend import BackendTokens
from ehr.history import KeptHistory, NotAHistory, Seen, is_fresh
from ehr.history_server import HistoryServer
from ehr.registry import Registry, TrustedEhr
from store import histories, outbox
from store.database import writing
from store.sealed_cache import CacheDown
from store.sealing import Sealer
from workers.relay import Relay

_NOT_LOOKED_UP = "whether a medication history is kept could not be looked up"


@dataclass(frozen=True)
class DoorHistories:
    """The kept histories as the doors ask for them (`ehr.history.Histories`).

    Only of registered EHRs that let us read without a user; of any other nothing is said.
    """

    registry: Registry
    engine: Engine
    sealer: Sealer
    relay: Relay
    kept: histories.Histories
    now: Callable[[], datetime]
    fresh: timedelta

    def seen(self, ehr_id: str, patient_id: str, *, wanted: bool) -> Seen:
        """What is kept; `wanted` writes one letter unless it is fresh or asked for. Never raises.

        After a failure nobody asks again for some minutes.
        """
        now = self.now()
        ehr = self.registry.get(ehr_id)
        if ehr is None or ehr.backend_client_id is None:
            return Seen(now)
        try:
            history = self._history(ehr.id, patient_id)
            if history is not None and is_fresh(history, now, self.fresh):
                return Seen(now, history, fresh=True)
            if self.kept.is_asked(ehr.id, patient_id):
                return Seen(now, history, being_read=True)
            failure = self.kept.failure(ehr.id, patient_id)
            if failure is not None or not wanted:
                return Seen(now, history, trouble=failure)
            return Seen(now, history, being_read=self._ask(ehr.id, patient_id, now))
        except CacheDown:
            log.get(__name__).warning("kept histories not reachable", ehr=ehr.id)
            return Seen(now, trouble=_NOT_LOOKED_UP)

    def _history(self, ehr_id: str, patient_id: str) -> KeptHistory | None:
        raw = self.kept.get(ehr_id, patient_id)
        if raw is None:
            return None
        try:
            return KeptHistory.from_bytes(raw)
        except NotAHistory:
            return None

    def _ask(self, ehr_id: str, patient_id: str, now: datetime) -> bool:
        """Write the letter; whether a read is on its way. No broker is touched."""
        wanted = self.kept.ask(ehr_id, patient_id)
        if wanted is None:
            return True
        try:
            with writing(self.engine) as connection:
                outbox.put(
                    connection,
                    histories.KIND,
                    wanted.to_payload(),
                    sealer=self.sealer,
                    now=now,
                )
        except (SQLAlchemyError, OSError):
            log.get(__name__).error("history not asked for", ehr=ehr_id, exc_info=True)
            self.kept.unask(wanted)
            return False
        self.relay.wake()
        return True


def server_opener(
    tokens: BackendTokens, private_hosts: Collection[str]
) -> Callable[[TrustedEhr, Callable[[], None]], AbstractContextManager[HistoryServer]]:
    """Opens the guarded server of an EHR for one read, with a Backend Services token."""

    @contextlib.contextmanager
    def opened(ehr: TrustedEhr, before_each: Callable[[], None]) -> Iterator[HistoryServer]:
        server = HistoryServer(
            ehr.fhir_base,
            lambda rejected: tokens.token_for(ehr, anew=rejected),
            private_hosts=private_hosts,
            quirks=ehr.quirks,
            before_each=before_each,
        )
        try:
            yield server
        finally:
            server.close()

    return opened
