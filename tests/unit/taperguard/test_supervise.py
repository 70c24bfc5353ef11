"""One process tree: started in order, restarted when a part dies, ended whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from taperguard import supervise
from taperguard.supervise import KEEPER, AlreadyRunning, Part, Supervisor


def _alive(pid: int) -> bool:
    """Whether a process lives (a zombie does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def _keep(script: str, log: Path, *options: str) -> tuple[subprocess.Popen[bytes], int]:
    """A keeper around a script; the keeper, and the end of its lifeline that we hold."""
    lifeline, held = os.pipe()
    keeper = subprocess.Popen(
        [
            *(sys.executable, "-I", "-S", str(KEEPER), "--lifeline", str(lifeline)),
            *("--log", str(log), *options, "--", sys.executable, "-u", "-c", script),
        ],
        pass_fds=[lifeline],
        start_new_session=True,
    )
    os.close(lifeline)
    return keeper, held


# Says its own pid and that of a child it forks, and ignores every polite request to end.
STUBBORN_FAMILY = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    print(os.getpid(), child, flush=True)
time.sleep(60)
"""


def _pids(log: Path, until: Callable[..., None]) -> list[int]:
    until(lambda: log.exists() and log.read_text().endswith("\n"), 10)
    return [int(word) for word in log.read_text().split()]


def test_the_end_of_the_lifeline_ends_a_stubborn_family(
    tmp_path: Path, until: Callable[..., None]
) -> None:
    """The pipe's end is all a kill -9 of the supervisor leaves: child and grandchild die of it."""
    keeper, held = _keep(STUBBORN_FAMILY, tmp_path / "log")
    pids = _pids(tmp_path / "log", until)
    os.close(held)
    assert keeper.wait(10) == 128 + signal.SIGKILL
    until(lambda: not any(map(_alive, pids)), 5)


def test_a_polite_request_turns_into_a_kill_after_the_grace(
    tmp_path: Path, until: Callable[..., None]
) -> None:
    keeper, held = _keep(STUBBORN_FAMILY, tmp_path / "log", "--grace", "0.3")
    pids = _pids(tmp_path / "log", until)
    keeper.terminate()
    assert keeper.wait(10) == 128 + signal.SIGKILL
    until(lambda: not any(map(_alive, pids)), 5)
    os.close(held)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child")
def test_a_killed_keeper_takes_its_child_along(tmp_path: Path, until: Callable[..., None]) -> None:
    keeper, held = _keep("import os, time; print(os.getpid()); time.sleep(60)", tmp_path / "log")
    (pid,) = _pids(tmp_path / "log", until)
    keeper.kill()
    keeper.wait()
    until(lambda: not _alive(pid), 5)
    os.close(held)


def test_what_a_dead_child_has_left_running_ends_with_it(
    tmp_path: Path, until: Callable[..., None]
) -> None:
    """The child forks and exits with 3: the exit code is told, the orphan is not left."""
    script = "import os, time\nif os.fork(): os._exit(3)\nprint(os.getpid()); time.sleep(60)"
    script = script.replace("if os.fork(): os._exit(3)", "if os.fork(): time.sleep(1); os._exit(3)")
    keeper, held = _keep(script, tmp_path / "log")
    (orphan,) = _pids(tmp_path / "log", until)
    assert keeper.wait(10) == 3
    until(lambda: not _alive(orphan), 5)
    os.close(held)


def test_a_log_keeps_to_its_size(tmp_path: Path) -> None:
    """60,000 bytes into a limit of 10,000: two files, neither larger than that."""
    script = "for n in range(6000): print('123456789')"
    keeper, held = _keep(script, tmp_path / "log", "--log-limit", "10000")
    assert keeper.wait(20) == 0
    os.close(held)
    kept = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert set(kept) == {"log", "log.1"}
    # One chunk (64 KiB at most) may be larger than the limit: it is never cut in two.
    assert sum(kept.values()) <= 60_000


class Stage:
    """A supervisor in this process, run in the main thread, with what it said."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.supervisor = Supervisor(logs=folder / "logs", say=self.said.append)

    def run(self, *stages: list[Part], end_when: Callable[[], object]) -> int:
        def watch() -> None:
            until = time.monotonic() + 20
            while not end_when() and time.monotonic() < until:
                time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGTERM)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            return self.supervisor.run(stages, lambda: self.said.append("all ready"))
        finally:
            watcher.join()


def _part(name: str, script: str, ready: Callable[[], bool] = lambda: True) -> Part:
    return Part(name, (sys.executable, "-c", script), ready, grace_seconds=2)


SLEEP = "import time; time.sleep(60)"


def test_stages_come_up_in_order_and_a_signal_ends_them_with_code_0(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    code = stage.run(
        [_part("first", SLEEP)],
        [_part("second", SLEEP)],
        end_when=lambda: "all ready" in stage.said,
    )
    assert code == 0
    assert [line.split()[0] for line in stage.said] == ["first", "second", "all"]


def test_a_part_that_dies_is_started_again_with_a_note(tmp_path: Path) -> None:
    """It dies by signal 9 the first time and stays the second time."""
    marker = tmp_path / "died"
    script = f"""
import os, pathlib, signal, time
marker = pathlib.Path({str(marker)!r})
if not marker.exists():
    marker.touch()
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(60)
"""
    stage = Stage(tmp_path)
    restarted = "  part ended (signal 9); started again (1 of 5)"
    assert stage.run([_part("part", script)], end_when=lambda: restarted in stage.said) == 0
    assert restarted in stage.said


def test_a_part_that_never_stays_up_ends_all_with_its_last_words(tmp_path: Path) -> None:
    """Five restarts are allowed; the sixth death ends the tree with code 1."""
    stage = Stage(tmp_path)
    script = "import sys; sys.exit('port 9 is taken by a fish')"
    code = stage.run(
        [_part("good", SLEEP), _part("bad", script, ready=lambda: False)],
        end_when=lambda: any("in a row" in line for line in stage.said),
    )
    assert code == 1
    assert stage.said.count("  bad ended (code 1); started again (5 of 5)") == 1
    assert stage.said[-1].startswith("bad ended 6 times in a row; its last words in ")
    assert stage.said[-1].endswith("port 9 is taken by a fish")


def test_a_part_that_does_not_come_up_in_time_ends_all(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    part = Part("slow", (sys.executable, "-c", SLEEP), lambda: False, ready_within_seconds=0.3)
    assert stage.run([part], end_when=lambda: bool(stage.said)) == 1
    assert "slow did not come up in 0 s" in stage.said[0]


def test_one_data_folder_holds_one_demo(tmp_path: Path) -> None:
    lock = supervise.take_lock(tmp_path / "demo.lock")
    with pytest.raises(AlreadyRunning, match="another demo is running"):
        supervise.take_lock(tmp_path / "demo.lock", patience_seconds=0)
    os.close(lock)
    os.close(supervise.take_lock(tmp_path / "demo.lock", patience_seconds=0))


def test_a_lock_waits_for_what_a_crash_left_to_end(tmp_path: Path) -> None:
    """A child that inherited the lock still runs for a moment: the next start waits for it."""
    lock = supervise.take_lock(tmp_path / "demo.lock")
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(0.5)"], pass_fds=[lock]
    )
    os.close(lock)
    began = time.monotonic()
    os.close(supervise.take_lock(tmp_path / "demo.lock", patience_seconds=10))
    assert time.monotonic() - began > 0.2
    child.wait()
