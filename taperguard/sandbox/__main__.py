"""`python -m taperguard.sandbox`: the pretend EHR as a process of its own.

It prints one line when it is up and ends on TERM or Ctrl-C with status 0; status 2 means that it
could not start, with one sentence on standard error.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import uvicorn

from .app import DATA_FILE, create_app
from .bulk.jobs import Habits
from .patients import UnreadableStory
from .population import people
from .records.store import UnusableStore


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox until it is told to end."""
    asked = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        if asked.fresh:
            _forget(asked.data)
        sockets = _listen(asked.host, asked.port)
        port = sockets[0].getsockname()[1]
        address = f"http://{_in_url(asked.host)}:{port}"
        app = create_app(
            data_dir=asked.data,
            today=_today(asked.today),
            service_url=asked.service_url,
            public_url=asked.public_url or address,
            others=list(people(asked.patients)),
            exporting=Habits(asked.export_seconds, asked.export_rows),
        )
    except (OSError, ValueError, UnusableStore, UnreadableStory) as problem:
        sys.stderr.write(f"sandbox EHR: {problem}\n")
        return 2
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    _Announced(config, f"sandbox EHR: {asked.public_url or address}").run(sockets=sockets)
    return 0


class _Announced(uvicorn.Server):
    """A server that says one line once it takes requests."""

    def __init__(self, config: uvicorn.Config, line: str) -> None:
        super().__init__(config)
        self._line = line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(self._line + "\n")
            sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m taperguard.sandbox",
        description="A pretend EHR with synthetic patients, for the demo and for tests.",
    )
    parser.add_argument("--host", default="localhost", help="name or address to listen on")
    parser.add_argument("--port", type=_port, default=8701, help="0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="folder of its data file")
    parser.add_argument(
        "--service-url", default="http://127.0.0.1:8700", help="the safety service it calls"
    )
    parser.add_argument("--public-url", help="where a browser finds it, if not host and port")
    parser.add_argument("--today", type=_day, help="a fixed day (2026-11-23) instead of the clock")
    parser.add_argument(
        "--patients", type=int, default=300, help="how many generated patients beside the stories"
    )
    parser.add_argument(
        "--export-seconds", type=float, default=1.0, help="how long a bulk export takes"
    )
    parser.add_argument(
        "--export-rows", type=int, default=500, help="the most resources of one exported file"
    )
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs wrote")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as unreadable:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-11-23") from unreadable


def _today(fixed: date | None) -> Callable[[], date]:
    if fixed is not None:
        return lambda: fixed
    # The pretend clinic is in UTC, as are the dates in its charts that say no zone.
    return lambda: datetime.now(UTC).date()


def _listen(host: str, port: int) -> list[socket.socket]:
    """A listening socket for each address of the host: localhost is 127.0.0.1 and often ::1.

    The first address must be free; a machine without IPv6 does without the second.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    for family, *_, address in sorted(set(found), key=lambda item: item[0] != socket.AF_INET):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address[0], port))
        except OSError as taken:
            listener.close()
            if not sockets:
                raise OSError(f"port {port} on {host} cannot be used: {taken.strerror}") from taken
            continue
        port = listener.getsockname()[1]
        sockets.append(listener)
    return sockets


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _forget(folder: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        (folder / f"{DATA_FILE}{ending}").unlink(missing_ok=True)


def _end(*_: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
