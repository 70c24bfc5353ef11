"""A letter `history-wanted` is kept once in effect, whatever happens on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import cds
import pytest
from sqlalchemy.engine import Engine

from ehr import seal
from ehr.client import Found
from ehr.errors import NotAllowed, Unreachable
from ehr.history import KeptHistory
from ehr.registry import Registry, TrustedEhr
from ehr.token_endpoint import NotSignedIn
from store import audit, histories, outbox
from store.database import reading, writing
from store.histories import Histories
from store.sealed_cache import CacheDown, SealedCache, connect
from workers.history.read import Outcome, Reader, read_wanted

BASE = "https://north.example/fhir"
NORTH = TrustedEhr("north", "North", BASE, BASE, ZoneInfo("UTC"), backend_client_id="us")


class Desk:
    """A reader whose EHR is told what to answer, and the letters for it."""

    def __init__(self, engine: Engine, sealer: seal.Sealer, kept: Histories) -> None:
        self.engine, self.sealer, self.kept = engine, sealer, kept
        self.time = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
        self.reads = 0
        self.trouble: Exception | None = None
        self.between: Callable[[], None] = lambda: None
        self.given = Reader(
            engine=engine,
            sealer=sealer,
            registry=Registry((NORTH,)),
            kept=kept,
            open_server=self._open,
            now=lambda: self.time,
            fresh=timedelta(hours=1),
        )

    @contextlib.contextmanager
    def _open(self, ehr: TrustedEhr, before_each: Callable[[], None]) -> Iterator[Any]:
        assert ehr is NORTH
        self.reads += 1
        desk = self

        class Server:
            pages = 3

            def read(self, reference: str) -> dict[str, Any]:
                return {"resourceType": "Patient", "id": reference.removeprefix("Patient/")}

            def search(self, kind: str, parameters: object) -> Found:
                assert parameters
                desk.between()
                before_each()
                if desk.trouble is not None:
                    raise desk.trouble
                orders = [cds.order("a", cds.CLONAZEPAM["1"], 2)]
                return Found(cds.searchset(*(orders if kind == "MedicationRequest" else [])), 1)

        yield Server()

    def letter(self, ehr_id: str = "north") -> str:
        wanted = self.kept.ask(ehr_id, "p1")
        assert wanted is not None
        with writing(self.engine) as connection:
            return outbox.put(
                connection,
                histories.KIND,
                wanted.to_payload(),
                sealer=self.sealer,
                now=self.time,
            )

    def state(self, letter_id: str) -> outbox.Letter:
        with reading(self.engine) as connection:
            letter = outbox.get(connection, letter_id)
        assert letter is not None
        return letter

    def history(self) -> KeptHistory | None:
        raw = self.kept.get("north", "p1")
        return None if raw is None else KeptHistory.from_bytes(raw)


@pytest.fixture
def desk(store: Engine, sealer: seal.Sealer, broker: Any) -> Iterator[Desk]:
    cache = SealedCache(connect(broker.url, 2.0), sealer)
    yield Desk(store, sealer, Histories(cache, life=timedelta(hours=12)))
    cache.close()


def test_a_letter_is_read_kept_and_done_and_can_be_asked_for_again(desk: Desk) -> None:
    letter = desk.letter()
    assert desk.kept.is_asked("north", "p1")
    assert read_wanted(letter, desk.given) is Outcome.READ
    kept = desk.history()
    assert kept is not None
    assert (kept.records, kept.read_at) == (1, desk.time)
    done = desk.state(letter)
    assert done.done_at == desk.time
    assert done.payload == b""
    assert not desk.kept.is_asked("north", "p1")


def test_a_letter_that_is_delivered_again_reads_nothing(desk: Desk) -> None:
    letter = desk.letter()
    read_wanted(letter, desk.given)
    assert read_wanted(letter, desk.given) is Outcome.OVER
    assert read_wanted("no-such-letter", desk.given) is Outcome.OVER
    assert read_wanted(desk.letter(), desk.given) is Outcome.FRESH
    assert desk.reads == 1


def test_an_old_history_is_read_again(desk: Desk) -> None:
    read_wanted(desk.letter(), desk.given)
    desk.time += timedelta(minutes=61)
    assert read_wanted(desk.letter(), desk.given) is Outcome.READ
    assert desk.reads == 2


def test_while_another_reads_the_patient_the_letter_waits_a_moment(desk: Desk) -> None:
    letter = desk.letter()
    desk.between = lambda: second.append(read_wanted(letter, desk.given))
    second: list[Outcome] = []
    assert read_wanted(letter, desk.given) is Outcome.READ
    assert set(second) == {Outcome.HELD}
    assert desk.reads == 1


def test_a_reader_that_lost_its_lease_keeps_nothing(desk: Desk, broker: Any) -> None:
    letter = desk.letter()

    def lose() -> None:
        client = connect(broker.url, 2.0)
        for key in client.keys("*:lease:history-reading:*"):
            client.delete(key)
        client.close()

    desk.between = lose
    assert read_wanted(letter, desk.given) is Outcome.HELD
    assert desk.history() is None
    waiting = desk.state(letter)
    assert waiting.done_at is None
    assert waiting.next_attempt_at == desk.time + timedelta(seconds=5)


def test_a_read_that_brings_only_a_part_is_kept_with_its_gaps(desk: Desk) -> None:
    letter = desk.letter()
    desk.trouble = Unreachable("the EHR could not be reached")
    # The patient alone came.
    assert read_wanted(letter, desk.given) is Outcome.READ
    kept = desk.history()
    assert kept is not None
    assert set(kept.gaps) == {"medications", "conditions", "statements", "dispenses"}


@pytest.mark.parametrize(
    ("trouble", "tries"),
    [
        (NotSignedIn("the EHR gave no token: it is busy"), 3),
        (NotSignedIn("the EHR does not know us", final=True), 1),
    ],
)
def test_a_sign_in_that_fails_is_tried_as_often_as_it_makes_sense(
    desk: Desk, trouble: Exception, tries: int
) -> None:
    letter = desk.letter()
    desk.trouble = trouble
    outcomes = []
    for _ in range(tries):
        with writing(desk.engine) as connection:
            due_at = desk.state(letter).next_attempt_at
            assert outbox.claim(connection, due_at, lease_of=lambda _: timedelta(0), most=1)
        outcomes.append(read_wanted(letter, desk.given))
    assert outcomes == [Outcome.LATER] * (tries - 1) + [Outcome.FAILED]
    failure = desk.kept.failure("north", "p1")
    assert failure == f"the medication history could not be read in the background: {trouble}"
    assert desk.state(letter).done_at is not None


def test_a_letter_that_waited_for_an_hour_and_one_of_no_ehr_are_given_up(desk: Desk) -> None:
    letter = desk.letter()
    desk.time += timedelta(minutes=61)
    assert read_wanted(letter, desk.given) is Outcome.OVER
    assert read_wanted(desk.letter("south"), desk.given) is Outcome.OVER
    assert desk.reads == 0


def test_when_redis_is_down_the_letter_stays(desk: Desk, broker: Any) -> None:
    letter = desk.letter()
    broker.stop()
    with pytest.raises(CacheDown):
        read_wanted(letter, desk.given)
    assert desk.state(letter).done_at is None


def test_a_refusal_of_everything_is_told_at_once(desk: Desk, monkeypatch: Any) -> None:
    def refused(*_: object, **__: object) -> None:
        raise NotAllowed("the EHR does not allow this", status=403)

    monkeypatch.setattr("workers.history.read.read_history", refused)
    assert read_wanted(desk.letter(), desk.given) is Outcome.FAILED


def lines_of(desk: Desk) -> list[tuple[Any, ...]]:
    whose = desk.sealer.fingerprint("patient", "north", "p1")
    with reading(desk.engine) as connection:
        lines = audit.of_patient(connection, "north", whose)
    return [(line["who"], line["why"], line["action"], line["outcome"]) for line in lines]


def test_who_read_whose_history_and_why_is_written_down_before_and_after(desk: Desk) -> None:
    read_wanted(desk.letter(), desk.given)
    told = ("system/us", "medication-history", "read")
    assert lines_of(desk) == [(*told, "asked"), (*told, "done")]


def test_a_read_that_the_ehr_refused_is_written_down_as_such(desk: Desk) -> None:
    desk.trouble = NotSignedIn("the EHR gave no token", final=True)
    assert read_wanted(desk.letter(), desk.given) is Outcome.FAILED
    assert [line[-1] for line in lines_of(desk)] == ["asked", "refused"]
