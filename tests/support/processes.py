"""Other programs that tests start: whatever they say goes through the scan of the logs.

A house test holds that tests start them here. Of a program that serves, all is looked at: its
output and what it logs. Of a command, its output is its work, and what it says beside that is
looked at.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from logged import SCAN

from taperguard.settings import PREFIX
from taperguard.supervise import KEEPER


def bare_environment() -> dict[str, str]:
    """The environment of this process without any setting of ours."""
    ours = ("SANDBOX_PORT", "MAKELEVEL")
    return {k: v for k, v in os.environ.items() if not k.startswith(PREFIX) and k not in ours}


class Kept:
    """A process under its keeper: it ends when we stop it or when we are gone.

    `environment` comes on top of `surroundings` (by default, of what this process has).
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        user: int | None = None,
        environment: Mapping[str, str] | None = None,
        surroundings: Mapping[str, str] | None = None,
        grace_seconds: int = 3,
    ) -> None:
        lifeline, self._held = os.pipe()
        as_user = [] if user is None else ["--user", str(user)]
        self.log = log
        self._grace_seconds = grace_seconds
        self._data = (environment or {}).get("TAPERGUARD_DATA")
        around = os.environ if surroundings is None else surroundings
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", str(KEEPER), "--lifeline", str(lifeline)),
                *("--grace", str(grace_seconds), "--log", str(log), *as_user, "--", *command),
            ],
            pass_fds=[lifeline],
            start_new_session=True,
            env={**around, **(environment or {})},
        )
        os.close(lifeline)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(2 * self._grace_seconds + 5)
        if self._held >= 0:
            os.close(self._held)
            self._held = -1
            SCAN.look_at_files(self.log)
            if self._data is not None:
                SCAN.look_at_logs_of(Path(self._data))


class Heard(subprocess.Popen[str]):
    """A process whose output we read ourselves, by `line` and `communicate`.

    Standard error goes to ours, where pytest hears it, unless a test wants it elsewhere.
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        super().__init__(command, **{"stdout": subprocess.PIPE, "text": True, **options})

    def line(self) -> str:
        """The next line of its output with its end; "" when there is none any more."""
        assert self.stdout is not None
        line = self.stdout.readline()
        SCAN.look_at(line)
        return line

    def communicate(self, *given: Any, **more: Any) -> tuple[str, str]:
        """As of any process."""
        said = super().communicate(*given, **more)
        for text in said:
            SCAN.look_at(text or "")
        return said

    def end(self) -> None:
        """Ask it to end, and hear the rest of what it says."""
        self.terminate()
        self.communicate(timeout=20)


def run(
    command: Sequence[str], *, scan_output: bool = False, check: bool = False, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """As `subprocess.run`, with what it says kept; text unless `text=False`."""
    given = {"capture_output": True, "text": True, **options}
    done = subprocess.run(command, check=False, **given)
    for said in (done.stdout, done.stderr) if scan_output else (done.stderr,):
        SCAN.look_at(said if isinstance(said, str) else (said or b"").decode(errors="replace"))
    if check:
        assert done.returncode == 0, done.stderr
    return done
