"""Logs: identifiers and static event names come through, a patient's words do not."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ehr import log


def _raise(words: str) -> None:
    raise ValueError(words)


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The records written in this test; logging is as it was afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("json", "INFO", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], _ = before
    root.setLevel(before[1])


def test_an_event_with_identifiers_is_written_as_it_is(lines: Callable[..., Any]) -> None:
    log.get("workers.relay").info("letters posted", count=3, letter="0f2b", done=True, why=None)
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "letters posted",
        "level": "info",
        "logger": "workers.relay",
        "count": 3,
        "letter": "0f2b",
        "done": True,
        "why": None,
    }


@pytest.mark.parametrize(
    "given",
    [
        {"detail": "Jane Doe"},
        {"patient_name": "Jane"},
        {"token": "Jane"},
        {"resource": {"family": "Jane"}},
        {"ids": ["ok", "Jane Doe"]},
        {"note": "Jane" * 40},
    ],
)
def test_prose_names_and_structures_are_withheld(
    lines: Callable[..., Any], given: dict[str, Any]
) -> None:
    log.get("ehr.read").warning("resource not read", **given)
    (line,) = lines()
    assert "Jane" not in json.dumps(line)
    assert line[next(iter(given))] == "(withheld)"


def test_an_event_that_is_no_fixed_name_is_withheld(lines: Callable[..., Any]) -> None:
    log.get("ehr.read").warning("could not read Jane Doe's order")
    assert lines()[0]["event"] == "(withheld)"


def test_an_exception_is_its_kind_and_place_without_its_words(lines: Callable[..., Any]) -> None:
    def read() -> None:
        raise ValueError("bad dose for Jane Doe")

    try:
        read()
    except ValueError:
        log.get("ehr.read").exception("resource not read")
    (line,) = lines()
    assert line["error"] == "builtins.ValueError"
    assert line["at"].startswith("ehr/test_log.py:")
    assert line["at"].endswith(":read")
    assert "Jane" not in json.dumps(line)


@pytest.mark.parametrize("library", ["uvicorn.error", "celery.worker", "some.library"])
def test_a_library_is_heard_without_its_arguments(lines: Callable[..., Any], library: str) -> None:
    try:
        _raise("Jane Doe")
    except ValueError:
        logging.getLogger(library).error("failed for %s", "Jane Doe", exc_info=True)  # noqa: G201
    (line,) = lines()
    assert (line["event"], line["logger"], line["level"]) == ("library record", library, "error")
    assert line["error"] == "builtins.ValueError"
    assert "Jane" not in json.dumps(line)


def test_a_celery_record_names_its_task(lines: Callable[..., Any]) -> None:
    logging.getLogger("celery.worker").info(
        "Task %(name)s[%(id)s] received", {"name": "taperguard.x", "id": "1-2", "args": "Jane"}
    )
    (line,) = lines()
    assert (line["task"], line["task_id"]) == ("taperguard.x", "1-2")
    assert "Jane" not in json.dumps(line)


def test_libraries_that_log_addresses_are_quiet(lines: Callable[..., Any]) -> None:
    """An HTTP client's line would hold Patient?name=..."""
    logging.getLogger("httpx").info("GET https://ehr.example.org/Patient?name=Jane")
    assert lines() == []


def test_without_any_configuration_nothing_leaks_either(capsys: pytest.CaptureFixture[str]) -> None:
    """Unconfigured, the library would print each variable of each frame of a traceback."""
    secret = "Jane Doe"
    try:
        _raise(secret)
    except ValueError:
        log.get("ehr.nobody").warning("resource not read", exc_info=True, detail=secret)
    assert "Jane" not in "".join(capsys.readouterr())
