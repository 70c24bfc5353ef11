"""Keeps one child process, and ends it with everything it started when its time has come.

Run by path with a bare interpreter, one keeper for each child of the supervisor:

    python -I -S keeper.py --lifeline FD [options] -- COMMAND ...

The lifeline is the reading end of a pipe whose writing end only the supervisor holds. When
the supervisor dies, however it dies, the pipe ends and the keeper ends the child. The child
leads a process group of its own, so what it forked (Celery's pool, a server's helper) ends
with it. On Linux the kernel also kills the child should the keeper itself be killed.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_ORPHAN_GRACE_SECONDS = 0.7


def die_with_parent(parent: int) -> Callable[[], None]:
    """For a child after a fork: SIGKILL when the thread that forked it ends (Linux only)."""
    libc = ctypes.CDLL(None) if sys.platform.startswith("linux") else None

    def prepare() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


class Journal:
    """The child's words: to a file of limited size, to our standard error, or both."""

    def __init__(self, file: Path | None, limit: int, echo: str | None) -> None:
        self._file = file
        self._limit = limit
        self._echo = echo
        self._rest = b""

    def write(self, chunk: bytes) -> None:
        """Append what the child wrote. A full disk loses words, never the child."""
        with contextlib.suppress(OSError):
            if self._file is not None:
                if self._file.exists() and self._file.stat().st_size + len(chunk) > self._limit:
                    self._file.replace(self._file.with_name(self._file.name + ".1"))
                with self._file.open("ab") as out:
                    out.write(chunk)
        if self._echo is not None:
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            prefix = self._echo.encode() + b" | "
            with contextlib.suppress(OSError):
                for line in lines:
                    os.write(2, prefix + line + b"\n")


class Keeper:
    """One child, one lifeline."""

    def __init__(self, lifeline: int, grace: float, journal: Journal) -> None:
        self._lifeline = lifeline
        self._grace = grace
        self._journal = journal
        self._wake, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._asked_to_end = 0
        self._kill_at: float | None = None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end_asked)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _end_asked(self, *_: object) -> None:
        self._asked_to_end += 1

    def run(self, command: Sequence[str], keep_open: Sequence[int], user: int | None) -> int:
        """Start the child and stay until it has ended; its exit code (128 + n for signal n)."""
        words, child_words = os.pipe()
        group = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        try:
            child: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603  our own commands, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=child_words,
                stderr=child_words,
                pass_fds=keep_open,
                process_group=0,
                preexec_fn=die_with_parent(os.getpid()),  # noqa: PLW1509  one thread, a plain system call
                **group,  # type: ignore[call-overload]
            )
        except OSError as error:
            self._journal.write(f"cannot start: {error.strerror}\n".encode())
            return 127
        os.close(child_words)
        # Reaping is left to the end: until then the group's number cannot become another's.
        while not _has_ended(child):
            self._wait(words, child.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        self._drain(words)
        code = child.wait()
        return 128 - code if code < 0 else code

    def _wait(self, words: int, child: int) -> None:
        watched = [words, self._wake] if self._lifeline < 0 else [words, self._wake, self._lifeline]
        timeout = None if self._kill_at is None else max(0.0, self._kill_at - time.monotonic())
        readable, _, _ = select.select(watched, [], [], timeout)
        if self._wake in readable:
            os.read(self._wake, 4096)
        if words in readable:
            chunk = os.read(words, 65536)
            if chunk:
                self._journal.write(chunk)
            else:
                # The child closed its output and lives on: wait for signals alone.
                time.sleep(0.05)
        if self._lifeline >= 0 and self._lifeline in readable:
            self._lifeline = -1
            self._end(child, _ORPHAN_GRACE_SECONDS)
        if self._asked_to_end:
            # Asked a second time: no more grace.
            self._end(child, self._grace if self._asked_to_end == 1 else 0)
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)
            # Whatever the group forks while it dies is met again.
            self._kill_at = time.monotonic() + 0.2

    def _end(self, child: int, grace: float) -> None:
        if self._kill_at is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGTERM)
        soonest = time.monotonic() + grace
        self._kill_at = soonest if self._kill_at is None else min(self._kill_at, soonest)

    def _drain(self, words: int) -> None:
        os.set_blocking(words, False)
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(words, 65536):
                self._journal.write(chunk)


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Whether the child has ended; where the system can tell without reaping, it is not reaped."""
    if not hasattr(os, "waitid"):
        return child.poll() is not None
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def main(arguments: Sequence[str]) -> int:
    """Keep the command that stands after `--`."""
    options = argparse.ArgumentParser()
    options.add_argument("--lifeline", type=int, required=True)
    options.add_argument("--keep-open", type=int, action="append", default=[])
    options.add_argument("--grace", type=float, default=8.0)
    options.add_argument("--log", type=Path, default=None)
    options.add_argument("--log-limit", type=int, default=5_000_000)
    options.add_argument("--echo", default=None)
    options.add_argument("--user", type=int, default=None)
    options.add_argument("command", nargs="+")
    given = options.parse_args(arguments)
    journal = Journal(given.log, given.log_limit, given.echo)
    keeper = Keeper(given.lifeline, given.grace, journal)
    return keeper.run(given.command, given.keep_open, given.user)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
