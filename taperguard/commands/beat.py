"""`taperguard beat`: ticks on time. One of it; it keeps nothing on disk."""

from __future__ import annotations

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

    signals.setup_logging.connect(keep_our_logging, weak=False)
    signals.beat_init.connect(tell_ready, weak=False)
    # The plain scheduler: all our ticks are short intervals, there is nothing to remember, and
    # a file of a killed beat cannot be broken. No pid file either.
    app.Beat(scheduler="celery.beat:Scheduler", pidfile=None, quiet=True).run()
    return 0
