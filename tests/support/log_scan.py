"""Nothing that is logged during the whole run names a patient of the stories, or holds a token.

A plugin over every test. It reads what each log record would be written as, what a test wrote to
standard error, what the processes that tests start say and write (`processes`), and in the end the
metrics. Who finds something fails the test in which it was written. Tokens that are made in this
process, by the service, the sandbox or a fake EHR, are known from then on.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from logged import SCAN, SECRET_BYTES
from prometheus_client import generate_latest


def pytest_configure(config: pytest.Config) -> None:
    """Hear every record that some handler would get, and know every secret that is drawn."""
    call_handlers: Callable[[logging.Logger, logging.LogRecord], None] = logging.Logger.callHandlers

    def heard(self: logging.Logger, record: logging.LogRecord) -> None:
        SCAN.hear(record)
        call_handlers(self, record)

    logging.Logger.callHandlers = heard  # type: ignore[method-assign]
    config.add_cleanup(lambda: setattr(logging.Logger, "callHandlers", call_handlers))
    for name in ("token_urlsafe", "token_hex"):
        config.add_cleanup(_known_from_now_on(name))


def _known_from_now_on(name: str) -> Callable[[], None]:
    """Have the scan know what a function of `secrets` makes; gives what undoes it."""
    draw: Callable[[int | None], str] = getattr(secrets, name)

    def drawn(nbytes: int | None = None) -> str:
        secret = draw(nbytes)
        return SCAN.know(secret) if nbytes is None or nbytes >= SECRET_BYTES else secret

    setattr(secrets, name, drawn)
    return lambda: setattr(secrets, name, draw)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, Any, Any]:
    """Fail the test, or its clearing up, in which something was found."""
    report = yield
    if report.when == "teardown":
        # Of all three phases; what a test wrote before it failed is told with it anyway.
        SCAN.look_at(report.capstderr)
    found = SCAN.take()
    if found and not report.failed:
        report.outcome = "failed"
        report.longrepr = "\n".join(("A patient or a token was logged:", *found[:20]))
    return report


@pytest.fixture(scope="session", autouse=True)
def _metrics_name_nobody() -> Iterator[None]:
    yield
    SCAN.look_at(generate_latest().decode())
