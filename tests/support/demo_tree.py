"""`taperguard demo` as a process tree that a test starts, watches and ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest
from logged import SCAN
from ports import free_port
from processes import Heard


class Demo:
    """`taperguard demo` with a mark in its environment that all its descendants carry."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.port, self.sandbox_port = free_port(), free_port()
        self.process: Heard | None = None
        self.sockets: set[str] = set()

    def start(self, **environment: str) -> Heard:
        self.process = Heard(
            [sys.executable, "-m", "taperguard", "demo"],
            stderr=subprocess.STDOUT,
            # A background job ignores Ctrl-C, and so would what it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env={**os.environ, **self.environment(), **environment},
        )
        return self.process

    def environment(self) -> dict[str, str]:
        return {
            "TG_TEST_MARK": self.mark,
            "TAPERGUARD_DATA": str(self.folder),
            "TAPERGUARD_PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
        }

    def lines_until_ready(self) -> list[str]:
        assert self.process is not None
        lines = []
        while line := self.process.line():
            lines.append(line.rstrip("\n"))
            if line.startswith("Ready:"):
                return lines
        pytest.fail("the demo ended before it was ready:\n" + "\n".join(lines))

    def living(self) -> list[int]:
        """All processes of this demo that live, wherever in the tree they are.

        Valkey writes its title over its environment; its title names our socket's folder.
        """
        note = self.folder / "demo.folder"
        if note.exists():
            self.sockets.add(note.read_text())
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("TG_TEST_MARK") == self.mark or any(
                    folder in " ".join(process.cmdline()) for folder in self.sockets
                )
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
            except psutil.Error:
                continue
        return found

    def close(self) -> None:
        """End it whole. What its processes wrote is looked at, as is what it says itself."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.communicate()
        for pid in self.living():
            os.kill(pid, signal.SIGKILL)
        for folder in self.sockets:
            shutil.rmtree(folder, ignore_errors=True)
        SCAN.look_at_logs_of(self.folder)
