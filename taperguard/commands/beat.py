"""`taperguard beat`: ticks on time. It keeps nothing on disk.

In production several may run: one ticks, the others wait for its lock (RedBeat). In development
it is one plain clock.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from celery import signals

from taperguard.commands import starting
from workers import app as jobs


def run(*, ready_file: Path | None = None) -> int:
    """Tick until a signal asks to end. `ready_file` is made when the clock runs."""
    settings = starting.settings_of_this_process()
    app = jobs.make_app(settings.broker)

    def keep_our_logging(**_: Any) -> None:
        """A receiver: Celery then leaves logging as we configured it."""

    def tell_ready(**_: Any) -> None:
        if ready_file is not None:
            ready_file.touch()

    if settings.is_production:
        # Its receiver waits for the lock: connected first, or ready would be told before it.
        importlib.import_module("redbeat")
    signals.setup_logging.connect(keep_our_logging, weak=False)
    signals.beat_init.connect(tell_ready, weak=False)
    # The plain scheduler keeps no file that a killed beat could break. No pid file either.
    scheduler = "redbeat.RedBeatScheduler" if settings.is_production else "celery.beat:Scheduler"
    app.Beat(scheduler=scheduler, pidfile=None, quiet=True).run()
    return 0
