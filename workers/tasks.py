"""The tasks: each hands over to a function that knows nothing of Celery."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from celery import Celery
from sqlalchemy.engine import Engine

from store import outbox
from store.database import writing
from store.sealing import Sealer
from workers import app as jobs
from workers.export import fetching, steps
from workers.export.tools import ExportTools
from workers.forgetting import forget_old_cards
from workers.history.read import Reader, read_wanted
from workers.recording import record_cards_shown
from workers.relay import Relay
from workers.report import night
from workers.report import tasks as report_tasks

KEEP_DONE_LETTERS = timedelta(days=7)


class Tools(ExportTools, night.Tools, Protocol):
    """What the gate gives to tasks."""

    @property
    def engine(self) -> Engine:
        """The store."""
        ...

    @property
    def sealer(self) -> Sealer:
        """Opens what the outbox holds."""
        ...

    @property
    def relay(self) -> Relay:
        """Posts due letters (not started: rounds on demand)."""
        ...

    @property
    def history_reader(self) -> Reader:
        """Reads medication histories."""
        ...

    def now(self) -> datetime:
        """The instant, in UTC."""
        ...


def register(app: Celery, tools: Callable[[], Tools]) -> None:
    """Add the tasks to the application. `tools` opens them in the process that runs a task."""

    def record(*letter_ids: str) -> None:
        at_hand = tools()
        record_cards_shown(at_hand.engine, at_hand.sealer, letter_ids, at_hand.now())

    def read_history(letter_id: str) -> None:
        read_wanted(letter_id, tools().history_reader)

    def post_due() -> None:
        tools().relay.run_once()

    def forget_done() -> None:
        at_hand = tools()
        with writing(at_hand.engine) as connection:
            outbox.forget_done(connection, at_hand.now() - KEEP_DONE_LETTERS)

    def forget_cards() -> None:
        at_hand = tools()
        forget_old_cards(at_hand.engine, at_hand.now())

    app.task(record, name=jobs.RECORD_CARDS_SHOWN)
    app.task(read_history, name=jobs.READ_HISTORY)
    app.task(post_due, name=jobs.POST_DUE_LETTERS)
    app.task(forget_done, name=jobs.FORGET_DONE_LETTERS)
    app.task(forget_cards, name=jobs.FORGET_OLD_CARDS)

    def look_at_exports() -> None:
        at_hand = tools()
        for export_id in steps.due(at_hand, at_hand.now()):
            steps.advance(export_id, at_hand, at_hand.now())
            post_downloads(export_id)

    def download_export_file(export_id: str, position: int) -> None:
        at_hand = tools()
        fetching.fetch_file(export_id, position, at_hand, at_hand.now())
        post_downloads(export_id)
        export = at_hand.exports.look(export_id)
        if export is not None and export.complete:
            # Whoever waits for it need not wait for the next tick.
            app.send_task(jobs.LOOK_AT_REPORTS)

    def post_downloads(export_id: str) -> None:
        for position in fetching.files_to_fetch(export_id, tools(), tools().now()):
            app.send_task(jobs.DOWNLOAD_EXPORT_FILE, args=[export_id, position])

    app.task(look_at_exports, name=jobs.LOOK_AT_EXPORTS)
    app.task(
        download_export_file,
        name=jobs.DOWNLOAD_EXPORT_FILE,
        acks_late=False,
        time_limit=jobs.DOWNLOAD_LIMIT_SECONDS,
        soft_time_limit=jobs.DOWNLOAD_LIMIT_SECONDS - 60,
    )
    report_tasks.register(app, tools)
