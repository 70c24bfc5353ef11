"""What the Celery application promises, and what a message may hold."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import redis

from store import cards_shown, histories
from workers import app as jobs
from workers import tasks
from workers.letterbox import TASK_OF_KIND, Letterbox, NotPosted, UnknownKind


def test_tasks_are_acknowledged_when_done_and_given_back_when_a_worker_is_lost() -> None:
    conf = jobs.make_app("redis://localhost/0").conf
    assert conf.task_acks_late is True
    assert conf.task_reject_on_worker_lost is True
    assert conf.worker_prefetch_multiplier == 1
    assert conf.accept_content == ["json"]
    assert conf.task_ignore_result is True
    assert conf.result_backend is None


def test_no_task_outlives_the_time_after_which_its_message_is_given_to_another() -> None:
    conf = jobs.make_app("redis://localhost/0").conf
    assert conf.task_time_limit < conf.broker_transport_options["visibility_timeout"]


@pytest.fixture(scope="module")
def app() -> Any:
    """The application with its tasks, once: Celery shares tasks between applications."""
    made = jobs.make_app("redis://localhost/0")
    tasks.register(made, lambda: pytest.fail("no task runs here"))
    return made


def test_every_tick_and_every_kind_of_letter_has_its_task(app: Any) -> None:
    ticked = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert ticked | set(TASK_OF_KIND.values()) <= set(app.tasks)


def test_a_message_holds_its_letters_ids_and_nothing_else(broker: Any) -> None:
    """Read from the real queue: body is [args, kwargs, embedding]."""
    letterbox = Letterbox(broker.url)
    letterbox.post(cards_shown.KIND, ["0123456789abcdef" * 2, "fedcba9876543210" * 2])
    letterbox.close()
    client = redis.Redis(unix_socket_path=str(broker.socket))
    try:
        (raw,) = client.lrange(jobs.QUEUE, 0, -1)
    finally:
        client.close()
    message = json.loads(raw)
    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == (["0123456789abcdef" * 2, "fedcba9876543210" * 2], {})
    assert message["headers"]["task"] == jobs.RECORD_CARDS_SHOWN


def test_only_kinds_that_are_kept_in_no_time_share_a_message() -> None:
    """A worker reads one history for minutes: the others of a message would wait behind it."""
    together = Letterbox("redis+socket:///nowhere/broker.sock").together
    assert (cards_shown.KIND in together, histories.KIND in together) == (True, False)
    assert together <= set(TASK_OF_KIND)


def test_a_stopped_broker_refuses_and_takes_letters_again_when_it_is_back(
    broker: Any, until: Callable[..., None]
) -> None:
    letterbox = Letterbox(broker.url)
    letterbox.post(cards_shown.KIND, ["a" * 32])
    broker.stop()
    with pytest.raises(NotPosted):
        letterbox.post(cards_shown.KIND, ["b" * 32])
    broker.start()
    letterbox.post(cards_shown.KIND, ["c" * 32])
    letterbox.close()
    client = redis.Redis(unix_socket_path=str(broker.socket))
    try:
        assert client.llen(jobs.QUEUE) == 2  # the first was kept on disk, the second never sent
    finally:
        client.close()


def test_a_kind_without_a_task_is_refused_before_any_connection() -> None:
    with pytest.raises(UnknownKind):
        Letterbox("redis+socket:///nowhere/broker.sock").post("nonsense", ["a" * 32])


def test_a_download_may_last_hours_because_no_broker_waits_for_it(app: Any) -> None:
    """It is acknowledged when it is received; the lease of its file brings it back."""
    download = app.tasks[jobs.DOWNLOAD_EXPORT_FILE]
    assert download.acks_late is False
    assert download.time_limit == 6 * 3600
    assert app.tasks[jobs.LOOK_AT_EXPORTS].acks_late is True
