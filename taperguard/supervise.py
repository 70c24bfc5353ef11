"""One process tree: parts are started in order, restarted when they die, ended together.

Every part runs under a keeper (`keeper.py`) that holds the reading end of our lifeline: when
this process ends in whatever way, `kill -9` too, every keeper ends its part. The lock of the
data folder is inherited by all of them, so it is free exactly when none of them is left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from taperguard.refusal import Refusal

KEEPER = Path(__file__).with_name("keeper.py")
RESTARTS_ALLOWED = 5
RESTARTS_WITHIN_SECONDS = 60.0
_TICK_SECONDS = 0.05
_AWAITED_TICK_SECONDS = 0.5


class AlreadyRunning(Refusal):
    """Another process tree holds the data folder."""


class PartFailed(Exception):
    """A part did not come up, or dies again and again."""


@dataclass(frozen=True)
class Part:
    """One process of the tree. `ready` is asked until it says yes; it must answer quickly.

    `ready_file`, if it tells by one, is removed before each start.
    """

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_file: Path | None = None
    ready_within_seconds: float = 60.0
    grace_seconds: float = 8.0


@dataclass(frozen=True)
class Awaited:
    """What the running parts bring about and whoever starts the tree wants to find: not a process.

    `ready` is asked until it says yes, for so many seconds; then `otherwise` is said and the tree
    is ready without it.
    """

    name: str
    ready: Callable[[], bool]
    patience_seconds: float
    otherwise: str


@dataclass
class _Running:
    part: Part
    keeper: subprocess.Popen[bytes]
    started: float
    is_ready: bool = False
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS_ALLOWED + 1))


def take_lock(file: Path, patience_seconds: float = 10.0) -> int:
    """The lock of a data folder, as a file descriptor to be inherited. Raises AlreadyRunning.

    After a crash the parts of the earlier tree need a moment to end; that is what the
    patience is for.
    """
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= until:
                os.close(handle)
                raise AlreadyRunning(
                    "another demo is running on this data folder; end it first, or set "
                    "TAPERGUARD_DATA to another folder"
                ) from None
            time.sleep(0.1)
        else:
            return handle


class Supervisor:
    """Starts stages of parts one after the other, the parts of one stage together."""

    def __init__(
        self,
        *,
        logs: Path,
        say: Callable[[str], None],
        lock: int | None = None,
        echo: bool = False,
        end_with_parent: bool = False,
    ) -> None:
        self._logs = logs
        self._say = say
        self._lock = lock
        self._echo = echo
        self._parent = os.getppid() if end_with_parent else None
        self._lifeline, self._lifeline_held = os.pipe()
        self._parts: list[_Running] = []
        self._ends = 0

    def run(
        self,
        stages: Sequence[Sequence[Part]],
        on_ready: Callable[[], None],
        awaited: Awaited | None = None,
    ) -> int:
        """Run until a signal asks to end (0), or a part cannot be kept up (1)."""
        earlier = {
            number: signal.signal(number, self._end_asked)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            for stage in stages:
                self._bring_up(stage)
            if awaited is not None:
                self._await(awaited)
            if not self._ending:
                on_ready()
            while not self._ending:
                self._look_after()
                time.sleep(_TICK_SECONDS)
        except PartFailed as failure:
            self._say(str(failure))
            return 1
        else:
            return 0
        finally:
            self.end_all()
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _end_asked(self, *_: object) -> None:
        self._ends += 1

    @property
    def _ending(self) -> bool:
        if self._parent is not None and os.getppid() != self._parent:
            return True
        return self._ends > 0

    def _bring_up(self, stage: Sequence[Part]) -> None:
        if self._ending:
            return
        names = {part.name for part in stage}
        self._parts += [self._start(part) for part in stage]
        while not self._ending:
            self._look_after()
            if all(running.is_ready for running in self._parts if running.part.name in names):
                return
            time.sleep(_TICK_SECONDS)

    def _await(self, awaited: Awaited) -> None:
        began = time.monotonic()
        while not self._ending:
            self._look_after()
            took = time.monotonic() - began
            if awaited.ready():
                self._say_ready(awaited.name, took)
                return
            if took > awaited.patience_seconds:
                self._say(f"  {awaited.name:<11} {awaited.otherwise}")
                return
            time.sleep(_AWAITED_TICK_SECONDS)

    def _say_ready(self, name: str, took: float) -> None:
        self._say(f"  {name:<11} ready   {took:5.1f} s")

    def _start(self, part: Part) -> _Running:
        self._logs.mkdir(parents=True, exist_ok=True)
        if part.ready_file is not None:
            part.ready_file.unlink(missing_ok=True)
        log = self._logs / f"{part.name}.log"
        kept = () if self._lock is None else (self._lock,)
        command = [
            # -I and -S: nothing of the environment and no packages, a few milliseconds.
            *(sys.executable, "-I", "-S", str(KEEPER), "--lifeline", str(self._lifeline)),
            *(f"--keep-open={number}" for number in kept),
            *("--grace", str(part.grace_seconds), "--log", str(log)),
            *(("--echo", part.name) if self._echo else ()),
            "--",
            *part.command,
        ]
        keeper = subprocess.Popen(  # noqa: S603  our own keeper
            command,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **part.environment},
            pass_fds=(self._lifeline, *kept),
            # Ctrl-C in a terminal reaches this process alone, which then ends the parts in order.
            start_new_session=True,
        )
        return _Running(part, keeper, time.monotonic())

    def _look_after(self) -> None:
        """Notice deaths and new readiness, once."""
        for index, running in enumerate(self._parts):
            code = running.keeper.poll()
            if code is not None:
                self._parts[index] = self._restart(running, code)
            elif not running.is_ready:
                self._ask_ready(running)

    def _ask_ready(self, running: _Running) -> None:
        took = time.monotonic() - running.started
        if running.part.ready():
            running.is_ready = True
            self._say_ready(running.part.name, took)
        elif took > running.part.ready_within_seconds:
            raise PartFailed(
                f"{running.part.name} did not come up in {running.part.ready_within_seconds:.0f} s"
                f"{self._where(running.part)}"
            )

    def _restart(self, running: _Running, code: int) -> _Running:
        name = running.part.name
        how = f"signal {code - 128}" if code > 128 else f"code {code}"
        now = time.monotonic()
        running.deaths.append(now)
        recent = [died for died in running.deaths if now - died < RESTARTS_WITHIN_SECONDS]
        if len(recent) > RESTARTS_ALLOWED:
            raise PartFailed(
                f"{name} ended {len(recent)} times in a row{self._where(running.part)}"
            )
        self._say(f"  {name} ended ({how}); started again ({len(recent)} of {RESTARTS_ALLOWED})")
        time.sleep(0.2 * len(recent))
        again = self._start(running.part)
        again.deaths = running.deaths
        return again

    def _where(self, part: Part) -> str:
        """The last words of a part and where the others are."""
        log = self._logs / f"{part.name}.log"
        with contextlib.suppress(OSError):
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if lines:
                return f"; its last words in {log}: {lines[-1][:300]}"
        return f"; it left no words in {log}"

    def end_all(self) -> None:
        """End every part, the last started first; what does not end in its grace is killed."""
        for running in reversed(self._parts[1:]):
            self._ask_to_end(running)
        for running in reversed(self._parts[1:]):
            self._see_ended(running)
        # The first part is what the others stand on (the broker): it ends when they have.
        for running in self._parts[:1]:
            self._ask_to_end(running)
            self._see_ended(running)
        self._parts.clear()
        for end in (self._lifeline_held, self._lifeline):
            with contextlib.suppress(OSError):
                os.close(end)

    def _ask_to_end(self, running: _Running) -> None:
        if running.keeper.poll() is None:
            running.keeper.terminate()

    def _see_ended(self, running: _Running) -> None:
        until = time.monotonic() + running.part.grace_seconds + 2
        hurried = False
        while running.keeper.poll() is None:
            if self._ends > 1 and not hurried:
                # A second Ctrl-C: no more grace.
                running.keeper.terminate()
                hurried = True
            if time.monotonic() > until:
                running.keeper.kill()
                running.keeper.wait()
            time.sleep(0.02)
