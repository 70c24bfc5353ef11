"""`taperguard worker`: one Celery worker with its pool of processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import signals

from taperguard import wiring
from taperguard.commands import starting
from taperguard.keeper import die_with_parent
from taperguard.rxnorm import folder
from taperguard.settings import Settings
from workers import app as jobs
from workers import tasks


class HouseOfThisProcess:
    """A house for whichever process asks: connections do not survive a fork."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._house: wiring.House | None = None
        self._process = 0

    def __call__(self) -> wiring.House:
        """The house, built when the process first asks."""
        if self._house is None or self._process != os.getpid():
            self._house = wiring.build(self._settings)
            self._process = os.getpid()
        return self._house


def run(*, ready_file: Path | None = None) -> int:
    """Work until a signal asks to end. `ready_file` is made when the worker takes tasks."""
    settings = starting.settings_of_this_process()
    starting.bring_store_up_to_date(settings)
    with starting.said_plainly():
        # A bad registry, policy or key stops the worker now, not its first task; no store is built.
        known = wiring.registry(settings)
        wiring.our_keys(settings, known)
        wiring.policies(settings, known)
        wiring.sealer(settings)
        folder.adopt(settings.knowledge)  # before the pool forks: its processes share the tables
    app = jobs.make_app(settings.broker)
    tasks.register(app, HouseOfThisProcess(settings))

    def keep_our_logging(**_: Any) -> None:
        """A receiver: Celery then leaves logging as we configured it."""

    end_with_this_process = die_with_parent(os.getpid())

    def end_with_the_worker(**_: Any) -> None:
        end_with_this_process()

    def take_up_work(**_: Any) -> None:
        # What was left when the last worker ended is looked for now, not at beat's next tick.
        for task in (jobs.LOOK_AT_EXPORTS, jobs.LOOK_AT_REPORTS):
            app.send_task(task)
        if ready_file is not None:
            ready_file.touch()

    signals.setup_logging.connect(keep_our_logging, weak=False)
    signals.worker_process_init.connect(end_with_the_worker, weak=False)
    signals.worker_ready.connect(take_up_work, weak=False)
    app.worker_main(
        [
            *("--quiet", "worker", "--pool", "prefork"),
            *("--concurrency", str(settings.worker_processes)),
            *("--queues", jobs.QUEUE, "--without-gossip", "--without-mingle"),
        ]
    )
    return 0
