"""Keeps what a letter `history-wanted` promised: the patient's history, read once, sealed.

A letter is delivered more than once, and two letters may want one patient: the lease of the
reader and the freshness of what is kept make all of them one read. A worker that is killed loses
its lease within seconds, and its letter is posted again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.engine import Engine

from ehr import log
from ehr.backend import NoBackend
from ehr.errors import EhrError, Unreachable
from ehr.history import NEEDS, KeptHistory, NotAHistory, is_fresh
from ehr.history_read import Server, read_history
from ehr.registry import Registry, TrustedEhr
from ehr.token_endpoint import NotSignedIn
from store import audit, outbox
from store.audit import Action, Deed, Stage
from store.database import reading, writing
from store.histories import Histories, Wanted
from store.sealed_cache import CacheDown
from store.sealing import Sealer

TRY_AGAIN = timedelta(seconds=20)
LOOK_AGAIN = timedelta(seconds=5)
MOST_TRIES = 3
WANTED_FOR = timedelta(hours=1)
"""A letter that could not be kept for so long is given up: nobody waits for it any more."""


class Outcome(StrEnum):
    """What became of one delivery of a letter."""

    READ = "read"
    FRESH = "fresh already"
    HELD = "read by another"
    LATER = "tried again later"
    FAILED = "failed"
    OVER = "over"


OpensServers = Callable[[TrustedEhr, Callable[[], None]], contextlib.AbstractContextManager[Server]]
"""Makes the server of an EHR for one read; the second is called before each request.

Reading raises NotSignedIn, NoBackend or EhrError.
"""


@dataclass(frozen=True, slots=True)
class Reader:
    """What the work needs. `fresh` is the age up to which a kept history is not read again."""

    engine: Engine
    sealer: Sealer
    registry: Registry
    kept: Histories
    open_server: OpensServers
    now: Callable[[], datetime]
    fresh: timedelta


class _Superseded(Exception):
    """The lease is another reader's by now."""


def read_wanted(letter_id: str, given: Reader) -> Outcome:
    """Read what the letter wants, keep it and mark the letter done; what came of it.

    Raises CacheDown or what the database raises: the letter then stays, and is posted again.
    """
    with reading(given.engine) as connection:
        letter = outbox.get(connection, letter_id)
    if letter is None or letter.done_at is not None:
        return Outcome.OVER
    wanted = Wanted.from_payload(letter.open(given.sealer))
    ehr = given.registry.get(wanted.ehr_id)
    if ehr is None or given.now() - letter.created_at > WANTED_FOR:
        return _done(given, letter_id, wanted, Outcome.OVER)
    if _is_fresh(given, wanted):
        return _done(given, letter_id, wanted, Outcome.FRESH)
    lease = given.kept.begin(wanted)
    if lease is None:
        return _later(given, letter_id, LOOK_AGAIN, Outcome.HELD)
    try:
        return _read(given, ehr, letter_id, letter.attempts, wanted, lease)
    finally:
        with contextlib.suppress(CacheDown):
            given.kept.end(wanted, lease)


def _read(
    given: Reader, ehr: TrustedEhr, letter_id: str, attempts: int, wanted: Wanted, lease: str
) -> Outcome:
    def hold() -> None:
        if not given.kept.go_on(wanted, lease):
            raise _Superseded

    logger = log.get(__name__)
    try:
        history = _audited(given, ehr, letter_id, wanted, hold)
    except _Superseded:
        return _later(given, letter_id, LOOK_AGAIN, Outcome.HELD)
    except (EhrError, NotSignedIn, NoBackend) as error:
        logger.warning("history not read", letter=letter_id, ehr=ehr.id, exc_info=True)
        if _may_pass(error) and attempts < MOST_TRIES:
            return _later(given, letter_id, TRY_AGAIN, Outcome.LATER)
        given.kept.failed(wanted.ehr_id, wanted.patient_id, f"{_FAILED}: {error}")
        return _done(given, letter_id, wanted, Outcome.FAILED)
    given.kept.keep(wanted.ehr_id, wanted.patient_id, history.to_bytes())
    logger.info(
        "history read",
        letter=letter_id,
        ehr=ehr.id,
        records=history.records,
        pages=history.pages,
        whole=not history.gaps,
    )
    return _done(given, letter_id, wanted, Outcome.READ)


def _audited(
    given: Reader, ehr: TrustedEhr, letter_id: str, wanted: Wanted, hold: Callable[[], None]
) -> KeptHistory:
    """The read, written down before it and after it: what cannot be written down is not done."""
    now = given.now()
    deed = Deed(
        ehr_id=ehr.id,
        launch_id=letter_id,
        who=f"system/{ehr.backend_client_id}"[:128],
        whose=given.sealer.fingerprint("patient", ehr.id, wanted.patient_id),
        action=Action.READ,
        what=tuple(dict.fromkeys(need.resource_type for need in NEEDS)),
        why="medication-history",
    )
    with writing(given.engine) as connection:
        line = audit.write_down(connection, deed, Stage.ASKED, now=now)
    stage = Stage.UNKNOWN
    try:
        with given.open_server(ehr, hold) as server:
            history = read_history(
                server, wanted.patient_id, on=now.astimezone(ehr.time_zone).date(), now=now
            )
    except (NotSignedIn, NoBackend):
        stage = Stage.REFUSED
        raise
    except EhrError as error:
        stage = Stage.UNKNOWN if isinstance(error, Unreachable) else Stage.REFUSED
        raise
    else:
        stage = Stage.PARTLY if history.gaps else Stage.DONE
        return history
    finally:
        with writing(given.engine) as connection:
            audit.write_down(connection, deed, stage, now=given.now(), about=line)


_FAILED = "the medication history could not be read in the background"


def _may_pass(error: Exception) -> bool:
    """Whether another try may bring more: no answer, or one that blames the moment."""
    if isinstance(error, EhrError):
        return isinstance(error, Unreachable) or (error.status or 0) in (429, *range(500, 600))
    return isinstance(error, NotSignedIn) and not error.final


def _is_fresh(given: Reader, wanted: Wanted) -> bool:
    raw = given.kept.get(wanted.ehr_id, wanted.patient_id)
    if raw is None:
        return False
    try:
        kept = KeptHistory.from_bytes(raw)
    except NotAHistory:
        return False
    return is_fresh(kept, given.now(), given.fresh)


def _done(given: Reader, letter_id: str, wanted: Wanted, outcome: Outcome) -> Outcome:
    with writing(given.engine) as connection:
        outbox.mark_done(connection, letter_id, given.now())
    # Last: until the letter is done nobody has to write another.
    given.kept.unask(wanted)
    return outcome


def _later(given: Reader, letter_id: str, pause: timedelta, outcome: Outcome) -> Outcome:
    with writing(given.engine) as connection:
        outbox.postpone(connection, letter_id, given.now() + pause)
    return outcome
