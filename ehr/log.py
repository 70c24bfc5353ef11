"""Logs hold identifiers and static event names, never patient data (PRODUCT, principle 8).

Every record passes the same gate, ours and the libraries': an event is a fixed name, a value
is a number or a short word without spaces, an exception is its type and the place it was
raised. What does not fit is written as "(withheld)", so a careless call leaks nothing.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from types import TracebackType
from typing import IO, Any, Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

LogFormat = Literal["json", "console"]

WITHHELD = "(withheld)"
_EVENT = re.compile(r"[a-z0-9]+(?:[ ._-][a-z0-9]+)*", re.ASCII)
_VALUE = re.compile(r"[\w.:/|+@=,-]{1,128}", re.ASCII)
_TELLING_KEYS = re.compile(
    r"name|birth|token|secret|password|payload|body|text|address|authorization|comment", re.ASCII
)
# Libraries whose message templates are fixed sentences; their arguments stay out all the same.
_PLAIN_LIBRARIES = ("uvicorn", "celery", "kombu", "py")
_QUIET_LIBRARIES = ("httpx", "httpx2", "httpcore", "authlib", "urllib3", "sqlalchemy", "alembic")
_OURS = ("clinical", "ehr", "store", "cds_hooks", "smart_app", "workers", "taperguard")


def configure(
    style: LogFormat = "json", level: str = "INFO", stream: IO[str] | None = None
) -> None:
    """Send every log record of this process through the gate to one stream (standard error)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter(style))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for quiet in _QUIET_LIBRARIES:
        logging.getLogger(quiet).setLevel(logging.WARNING)


def formatter(style: LogFormat = "json") -> logging.Formatter:
    """Every record as it is written, ours and the libraries'."""
    last: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[template_only, *_shared()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        use_get_message=False,
        pass_foreign_args=True,
    )


def _shared() -> list[Any]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        error_without_words,
        identifiers_only,
    ]


def _put_the_gate_in_place() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `log.get(__name__).info("letters posted", count=3)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def template_only(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A library's record: its message template without the arguments, or nothing of it."""
    record: logging.LogRecord | None = event.get("_record")
    if record is None:
        return event
    library = record.name.partition(".")[0]
    words = str(record.msg).splitlines()[0] if str(record.msg).strip() else ""
    event["event"] = "library record"
    if library in _PLAIN_LIBRARIES:
        event["template"] = words[:120]
    arguments = event.pop("positional_args", None)
    if library == "celery" and isinstance(arguments, dict):
        for key, ours in (("id", "task_id"), ("name", "task")):
            if key in arguments:
                event[ours] = str(arguments[key])
    if record.exc_info:
        event["exc_info"] = record.exc_info
        # The formatter would print the whole traceback, words and all.
        record.exc_info = record.exc_text = None
    return event


def error_without_words(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An exception as its type and place: its message may quote what a patient's record says."""
    raised = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if raised is True:
        raised = sys.exc_info()
    if isinstance(raised, BaseException):
        raised = (type(raised), raised, raised.__traceback__)
    if isinstance(raised, tuple) and raised[0] is not None:
        kind, _value, trace = raised
        event["error"] = f"{kind.__module__}.{kind.__qualname__}"
        event["at"] = _place(trace)
    return event


def _place(trace: TracebackType | None) -> str:
    frames = traceback.extract_tb(trace)
    if not frames:
        return "unknown"
    ours = [f for f in frames if re.search(rf"(^|/)({'|'.join(_OURS)})/", f.filename)]
    frame = (ours or frames)[-1]
    folder, file = frame.filename.replace("\\", "/").rsplit("/", 2)[-2:]
    return f"{folder}/{file}:{frame.lineno}:{frame.name}".replace("<", "").replace(">", "")


def identifiers_only(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The gate itself: a static event name, and values that cannot be prose."""
    foreign = "_record" in event and event.get("_from_structlog") is not True
    for key, value in event.items():
        if key.startswith("_") or key in ("level", "logger", "timestamp"):
            continue
        if key == "event":
            event[key] = value if isinstance(value, str) and _EVENT.fullmatch(value) else WITHHELD
        elif key == "template" and foreign:
            continue
        elif _TELLING_KEYS.search(key) or not _is_identifier(value):
            event[key] = WITHHELD
    return event


def _is_identifier(value: object) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return True
    if isinstance(value, str):
        return _VALUE.fullmatch(value) is not None
    if isinstance(value, list | tuple):
        return all(_is_identifier(item) for item in value)
    return False


# With the import, not with `configure`: what nobody configured would print tracebacks with the
# value of every variable in them.
_put_the_gate_in_place()
