"""A lease is renewed while its work goes on: it may be short, and the work as long as it takes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from ehr import log


@contextlib.contextmanager
def held(renew: Callable[[], bool], lease: timedelta) -> Iterator[None]:
    """Renew from a thread, three times in each lease, until the work is done.

    A lease that is lost is not fought for: whoever holds it now does the same work, and the
    outcome of ours is refused where it is written down.
    """
    done = threading.Event()

    def go_on() -> None:
        while not done.wait(lease.total_seconds() / 3):
            try:
                if not renew():
                    return
            except SQLAlchemyError:
                log.get(__name__).warning("lease not renewed", exc_info=True)

    thread = threading.Thread(target=go_on, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
