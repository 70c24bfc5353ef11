"""The demo's process tree: it comes up, it ends whole, and a killed one leaves nothing behind."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from demo_tree import Demo
from processes import Heard

pytestmark = pytest.mark.xdist_group("demo")


def _answers(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("localhost", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_demo_comes_up_ends_on_a_signal_and_starts_again_after_kill_9(
    demo: Demo, until: Callable[..., None]
) -> None:
    """One long walk, because each start costs seconds."""
    demo.start()
    lines = demo.lines_until_ready()
    for part in ("tables", "valkey", "sandbox", "service", "worker", "beat"):
        assert any(line.split()[:2] == [part, "ready"] for line in lines), (part, lines)
    assert f"http://127.0.0.1:{demo.port}" in lines[-1]
    assert f"http://localhost:{demo.sandbox_port}" in lines[-1]
    assert _answers(demo.port, "/readyz") == 200
    assert _answers(demo.sandbox_port, "/healthz") == 200
    # Supervisor, five keepers, five parts, two processes in the worker's pool.
    assert len(demo.living()) >= 13

    demo.process.kill()  # type: ignore[union-attr]
    demo.process.communicate()  # type: ignore[union-attr]
    until(lambda: demo.living() == [], 5, "kill -9 of the supervisor leaves no orphan")

    second = demo.start()
    demo.lines_until_ready()
    (worker,) = [
        process
        for process in map(psutil.Process, demo.living())
        if process.cmdline()[1:4] == ["-m", "taperguard", "worker"]
        and process.parent().cmdline()[1:2] == ["-I"]  # type: ignore[union-attr]
    ]
    worker.kill()
    assert "worker ended (signal 9); started again (1 of 5)" in second.line()
    assert second.line().split()[:2] == ["worker", "ready"]

    second.send_signal(signal.SIGINT)
    words, _ = second.communicate(timeout=30)
    assert (second.returncode, words) == (0, "")
    assert demo.living() == []
    assert _modes(demo.folder / "secrets") == {
        "hash_key": 0o600,
        "seal_keys": 0o600,
        "signing_keys": 0o600,
    }


def _modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in sorted(folder.iterdir())}


def test_a_port_in_use_is_said_before_anything_is_started(demo: Demo) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", demo.port))
        taken.listen()
        process = demo.start()
        words, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert words.startswith(f"taperguard: port {demo.port} on 127.0.0.1 cannot be used")
    assert words.count("\n") == 1
    assert "TAPERGUARD_PORT" in words
    assert not (demo.folder / "logs").exists()


def test_the_demo_refuses_production(demo: Demo) -> None:
    process = demo.start(TAPERGUARD_ENV="production")
    words, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert words.count("\n") == 1


@pytest.mark.long
def test_a_demo_under_make_ends_when_make_is_killed(demo: Demo, until: Callable[..., None]) -> None:
    """Kill -9 of make leaves the recipe's process alone in the world: it ends by itself."""
    maker = Heard(
        ["/bin/sh", "-c", f'"{sys.executable}" -m taperguard demo; true'],
        stderr=subprocess.STDOUT,
        env={**os.environ, **demo.environment(), "MAKELEVEL": "1"},
    )
    demo.process = maker
    demo.lines_until_ready()
    maker.kill()
    maker.wait()
    until(lambda: demo.living() == [], 20)


@pytest.mark.long
@pytest.mark.parametrize("seconds", [0.2, 0.5, 0.8, 1.1, 1.5, 2.0, 3.0, 4.0])
def test_a_demo_killed_at_any_moment_of_its_start_leaves_nothing(
    demo: Demo, seconds: float, until: Callable[..., None]
) -> None:
    process = demo.start()
    time.sleep(seconds)
    process.kill()
    process.communicate()
    until(lambda: demo.living() == [], 5, f"killed after {seconds} s")
    again: Any = demo.start()
    demo.lines_until_ready()
    again.terminate()
    again.communicate(timeout=30)
    assert again.returncode == 0
    assert demo.living() == []


@pytest.mark.long
@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0, 2.0, 3.0])
def test_a_demo_told_to_end_while_it_starts_ends_whole(demo: Demo, seconds: float) -> None:
    process = demo.start()
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert demo.living() == []


@pytest.mark.long
@pytest.mark.parametrize("part", ["serve", "worker", "beat", "valkey-server", "keeper.py"])
def test_whatever_part_is_killed_comes_back(
    demo: Demo, part: str, until: Callable[..., None]
) -> None:
    """Kill -9 of one part; the tree is whole and ready again, and ends clean."""
    process = demo.start()
    demo.lines_until_ready()
    victims = [
        found
        for found in map(psutil.Process, demo.living())
        if (part in found.cmdline() or part in " ".join(found.cmdline()[:4]))
        and ("keeper.py" in " ".join(found.cmdline()[:4])) is (part == "keeper.py")
    ]
    victims[0].kill()
    assert "started again (1 of 5)" in process.line()
    assert "ready" in process.line()
    until(lambda: _answers(demo.port, "/readyz") == 200, 20)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert demo.living() == []
