"""A stopped or hung broker slows no answer, and what was promised arrives when it is back."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import cds
import pytest
import redis
import sqlalchemy as sa
from starlette.testclient import TestClient

from store import cards_shown, migrate, outbox, tables
from store.cards_shown import CardsShown, ShownCard
from store.database import reading, writing
from taperguard import wiring
from taperguard.app import create_app
from workers.app import POST_DUE_LETTERS, QUEUE, RECORD_CARDS_SHOWN, make_app
from workers.letterbox import Letterbox, NotPosted


def _cards(count: int = 1) -> CardsShown:
    return CardsShown(
        ehr_id="sandbox",
        patient_id="example-1",
        hook_instance=str(uuid.uuid4()),
        hook="order-sign",
        service="clonazepam-safety",
        rules_version="2026.11",
        cards=tuple(
            ShownCard(str(uuid.uuid4()), ("opioid-together",), "critical") for _ in range(count)
        ),
        shown_at=datetime(2026, 11, 23, 15, 30, tzinfo=UTC),
    )


def _recorded(house: wiring.House) -> int:
    with reading(house.engine) as connection:
        return cards_shown.count(connection)


@pytest.fixture
def build(
    make_settings: Callable[..., Any], store_url: str
) -> Iterator[Callable[[str], wiring.House]]:
    """`build(broker_url)`: a house with the real clock and a lease of one second."""
    built: list[wiring.House] = []

    def make(broker_url: str) -> wiring.House:
        settings = make_settings(
            database_url=store_url, broker_url=broker_url, outbox_lease_seconds=1
        )
        built.append(wiring.build(settings))
        migrate.upgrade(built[-1].engine)
        return built[-1]

    yield make
    for house in built:
        house.close()


# A worker and a broker for each: in the short run with one store, in the long one with both.
ONE_STORE = pytest.mark.parametrize(
    "store_url", [pytest.param("sqlite", marks=pytest.mark.long), "postgresql"], indirect=True
)


def test_a_promise_touches_no_broker(build: Callable[..., wiring.House], hung_broker: Any) -> None:
    """One row in the store is all: the broker would see who came, and nobody came."""
    house = build(hung_broker.url)
    house.promise_cards_shown(_cards())
    assert hung_broker.came == 0
    with reading(house.engine) as connection:
        assert (
            connection.execute(sa.select(sa.func.count()).select_from(tables.outbox)).scalar() == 1
        )


def test_an_answer_without_cards_promises_nothing(
    build: Callable[..., wiring.House], hung_broker: Any
) -> None:
    house = build(hung_broker.url)
    house.promise_cards_shown(_cards(0))
    with reading(house.engine) as connection:
        assert (
            connection.execute(sa.select(sa.func.count()).select_from(tables.outbox)).scalar() == 0
        )


def test_posting_to_a_hung_broker_ends_by_itself(hung_broker: Any) -> None:
    """The relay's thread gets its answer (no) by socket timeout; without one this test hangs."""
    letterbox = Letterbox(hung_broker.url)
    with pytest.raises(NotPosted):
        letterbox.post(cards_shown.KIND, ["a" * 32])
    assert hung_broker.came >= 1


def test_promises_go_on_while_the_relay_sits_in_a_hung_broker(
    build: Callable[..., wiring.House], hung_broker: Any, until: Callable[..., None]
) -> None:
    """The relay is inside the broker; ten promises later it is still the only one who came."""
    house = build(hung_broker.url)
    house.relay.start()
    house.promise_cards_shown(_cards())
    until(lambda: hung_broker.came >= 1)
    came = hung_broker.came
    for _ in range(10):
        house.promise_cards_shown(_cards())
    assert hung_broker.came <= came + 1  # the relay may have tried once more in between
    with reading(house.engine) as connection:
        query = sa.select(sa.func.count()).where(tables.outbox.c.done_at.is_(None))
        assert connection.execute(query).scalar() == 11


def test_the_service_is_ready_with_a_hung_broker_and_says_so(
    build: Callable[..., wiring.House], hung_broker: Any
) -> None:
    with TestClient(create_app(build(hung_broker.url))) as client:
        answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "database": "ok", "broker": "not reachable"}


def test_a_hook_is_answered_with_its_cards_while_the_broker_hangs(
    build: Callable[..., wiring.House], hung_broker: Any, until: Callable[..., None]
) -> None:
    """The relay sits in the broker before the hook comes; the answer is whole and promised."""
    house = build(hung_broker.url)
    order = cds.request(
        [cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")],
        medications=[
            cds.order("now", cds.CLONAZEPAM["1"], 2),
            cds.order("oxy", cds.OXYCODONE),
        ],
        born="1954-02-01",
    )
    with TestClient(create_app(house)) as client:
        house.promise_cards_shown(_cards())
        until(lambda: hung_broker.came >= 1)
        answer = client.post("/cds-services/clonazepam-safety", json=order)
    assert answer.status_code == 200
    assert answer.json()["cards"]
    assert _waiting(house) == 2  # the promise before, and that of this answer


@ONE_STORE
def test_letters_reach_the_workers_without_any_service(
    build: Callable[..., wiring.House],
    broker: Any,
    start_worker: Callable[..., Any],
    until: Callable[..., None],
) -> None:
    """The service died after its promise: the tick that beat sends has a worker post it."""
    house = build(broker.url)
    house.promise_cards_shown(_cards(2))
    start_worker(house)
    assert _recorded(house) == 0
    make_app(broker.url).send_task(POST_DUE_LETTERS)
    until(lambda: _recorded(house) == 2, 20)


@ONE_STORE
def test_cards_arrive_when_a_stopped_broker_is_back(
    build: Callable[..., wiring.House],
    broker: Any,
    start_worker: Callable[..., Any],
    until: Callable[..., None],
) -> None:
    """Promised while it is down; then it comes back, and a real worker records them."""
    house = build(broker.url)
    broker.stop()
    house.relay.start()
    house.promise_cards_shown(_cards(2))
    house.promise_cards_shown(_cards(1))
    assert _recorded(house) == 0
    broker.start()
    start_worker(house)
    until(lambda: _recorded(house) == 3, 40, "three cards were promised")
    until(lambda: _waiting(house) == 0, 10, "both letters are done")


def _waiting(house: wiring.House) -> int:
    with reading(house.engine) as connection:
        return outbox.backlog(connection).waiting


@ONE_STORE
def test_a_worker_survives_a_restart_of_its_broker(
    build: Callable[..., wiring.House],
    broker: Any,
    start_worker: Callable[..., Any],
    until: Callable[..., None],
) -> None:
    house = build(broker.url)
    house.relay.start()
    start_worker(house)
    house.promise_cards_shown(_cards())
    until(lambda: _recorded(house) == 1, 20)
    broker.stop()
    house.promise_cards_shown(_cards())
    broker.start()
    until(lambda: _recorded(house) == 2, 60, "the worker connects again")


def _kill_between_receive_and_done(
    house: wiring.House, start_worker: Callable[..., Any], until: Callable[..., None]
) -> None:
    """We hold the store's write lock, so the task waits inside its transaction; then kill -9.

    Two letters are in its one message.

    The worker starts under the lock: one that already runs may have recorded the letter before we
    hold it.
    """
    house.promise_cards_shown(_cards())
    house.promise_cards_shown(_cards())
    assert house.relay.run_once().posted == 2
    with writing(house.engine) as connection:
        # PostgreSQL locks the row that the task asks for; SQLite the whole database.
        connection.execute(sa.select(tables.outbox.c.id).with_for_update()).all()
        worker = start_worker(house)
        until(lambda: not _in_queue(house), 30, "the worker took the letters")
        worker.kill_all()
    assert _recorded(house) == 0
    start_worker(house)
    house.relay.start()
    until(lambda: _recorded(house) == 2, 40, "the letters were posted again after their lease")
    until(lambda: _waiting(house) == 0, 10)
    assert _recorded(house) == 2


def _in_queue(house: wiring.House) -> int:
    """How many messages about cards wait; a worker that comes up looks for other work too."""
    path = house.settings.broker.removeprefix("redis+socket://")
    client = redis.Redis(unix_socket_path=path)
    try:
        waiting = client.lrange(QUEUE, 0, -1)
        return sum(RECORD_CARDS_SHOWN.encode() in message for message in waiting)
    finally:
        client.close()


@ONE_STORE
def test_a_worker_killed_between_receive_and_done_records_once(
    build: Callable[..., wiring.House],
    broker: Any,
    start_worker: Callable[..., Any],
    until: Callable[..., None],
) -> None:
    _kill_between_receive_and_done(build(broker.url), start_worker, until)


@pytest.mark.long
def test_a_worker_killed_at_any_moment_records_each_card_once(
    build: Callable[..., wiring.House],
    broker: Any,
    start_worker: Callable[..., Any],
    until: Callable[..., None],
) -> None:
    """Five workers in turn, each killed while 40 letters flow; 80 cards in the end, none twice."""
    house = build(broker.url)
    house.relay.start()
    for turn in range(5):
        worker = start_worker(house)
        for _ in range(8):
            house.promise_cards_shown(_cards(2))
        seen = _recorded(house)
        until(lambda seen=seen: _recorded(house) > seen, 30, f"turn {turn} records something")
        worker.kill_all()
    start_worker(house)
    until(lambda: _recorded(house) == 80, 120, "all cards of 40 letters")
    until(lambda: _waiting(house) == 0, 30)
