"""Broken brokers and killed processes."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from demo_tree import Demo


class HungBroker:
    """Accepts connections, reads nothing, answers nothing; counts who came."""

    def __init__(self, socket_file: Path | None) -> None:
        self.came = 0
        self._open: list[socket.socket] = []
        if socket_file is None:
            self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._listener.bind(("127.0.0.1", 0))
            self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        else:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(socket_file))
            self.url = f"redis+socket://{socket_file}"
        self._listener.listen(50)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.came += 1
            self._open.append(connection)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._open:
            connection.close()


@pytest.fixture(params=["socket", "port"])
def hung_broker(request: pytest.FixtureRequest, short_folder: Path) -> Iterator[HungBroker]:
    """A broker that hangs, behind a Unix socket and behind a TCP port."""
    broker = HungBroker(short_folder / "hung.sock" if request.param == "socket" else None)
    yield broker
    broker.close()


@dataclass
class Worker:
    """A real `taperguard worker` with its pool."""

    kept: Any

    def kill_all(self) -> None:
        """Kill -9 of the worker and each of its processes at once."""
        (top,) = psutil.Process(self.kept.process.pid).children()
        for process in [top, *top.children(recursive=True)]:
            process.kill()


@pytest.fixture
def start_worker(
    keep: Callable[..., Any], until: Callable[..., None], tmp_path: Path
) -> Callable[..., Worker]:
    """`start_worker(house)`: a worker process on the store and broker of a house, ready.

    Further settings are given as variables: `start_worker(house, TAPERGUARD_EHRS_FILE=...)`.
    """
    started = 0

    def start(house: Any, **more: str) -> Worker:
        nonlocal started
        started += 1
        ready = tmp_path / f"worker-{started}.ready"
        log = tmp_path / f"worker-{started}.log"
        settings = house.settings
        kept = keep(
            [sys.executable, "-m", "taperguard", "worker", "--ready-file", str(ready)],
            log,
            environment={
                "TAPERGUARD_DATA": str(settings.data),
                "TAPERGUARD_DATABASE_URL": settings.database,
                "TAPERGUARD_BROKER_URL": settings.broker,
                "TAPERGUARD_WORKER_PROCESSES": "1",
                **more,
            },
        )
        until(ready.exists, 90, f"the worker did not come up, see {log}")
        return Worker(kept)

    return start


@pytest.fixture
def demo(tmp_path: Path, clean_environment: None) -> Iterator[Demo]:
    """A demo on free ports, in a folder with a space in its path."""
    running = Demo(tmp_path / "data of it")
    yield running
    running.close()
