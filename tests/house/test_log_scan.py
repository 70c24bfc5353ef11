"""The scan of all logs can fail: each kind of word that it looks for, a run that logs one, and the
demo whose every process says one. And nothing is started that it does not hear.
"""

from __future__ import annotations

import ast
import os
import re
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from authlib.common.security import generate_token
from demo_tree import Demo
from logged import SCAN, LogScan
from processes import run

from ehr import seal
from smart_app.browser import COOKIE
from taperguard import valkey

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "seen", "patient": "alder"}',
        "GET /fhir/Patient/birch 200",
        "SYN-cedar",
        "Synthetic-Dogwood",
        "for Ruth",
        "born 1954-08-23",  # Alder, 72 years and three months before 23 Nov 2026
        "Bearer abcdef",
        "Basic YTpi",
        "eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJ4In0.c2ln",
        "refresh-0123456789abcdef",
        "GET /smart/callback?state=a&code=b",
        "GET /smart/launch?iss=http:%2F%2Flocalhost&launch=a",
        '{"access_token": "abcd", "expires_in": 300}',
        "client_secret='word'",
        f"{COOKIE}=a",
    ],
)
def test_a_line_that_names_a_patient_or_holds_a_token_is_found(line: str) -> None:
    assert SCAN.told(f"a line before\n{line}\na line after") != []


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "letters posted", "at": "workers/relay.py:57:post", "count": 3}',
        "an alderman on 2026-11-23",
        "WWW-Authenticate: Bearer",
        '{"event": "sign-in refused", "error": "ehr.id_token.BadIdToken"}',
        '{"run": "6c9f4c3b6e5a4f0f8d0c1b2a39485766", "state": "complete", "code": 3}',
        f"DETAIL:  Failing row contains ({'d42060f6' * 8}, null, clonazepam-safety)",
        "letter 11111111-1111-4111-8111-111111111111 of InsufficientPrivilegesException",
        'taperguard_hooks_total{service="clonazepam-safety",status="200"} 1.0',
    ],
)
def test_an_ordinary_line_is_not(line: str) -> None:
    assert SCAN.told(line) == []


@pytest.mark.parametrize(
    "draw",
    [
        lambda: secrets.token_urlsafe(32),  # the sandbox's launches, codes and tokens; our cookie
        lambda: secrets.token_hex(24),  # the passwords of the database and the broker
        lambda: generate_token(36),  # the jti of our assertions
        lambda: generate_token(48),  # our states and nonces
        lambda: generate_token(64),  # our code verifiers
        seal.new_secret,  # our keys
    ],
)
def test_a_secret_that_another_process_drew_is_found_by_its_looks(
    draw: Callable[[], str],
) -> None:
    """Of those with letters and digits, one in 150 million has no capital or no small letter."""
    stranger = LogScan()  # nobody has told it what was drawn
    for _ in range(20):
        assert stranger.told(f'{{"event": "seen", "ehr": "{draw()}"}}') != []


@pytest.mark.parametrize("draw", [secrets.token_urlsafe, secrets.token_hex])
def test_a_secret_that_was_drawn_here_is_found_whatever_it_looks_like(
    draw: Callable[[int], str],
) -> None:
    """A planner's launch id has 18 random bytes; one in sixty has no digit. All are known."""
    assert all(SCAN.told(f"GET /planner/{draw(18)} 200") != [] for _ in range(200))


def test_a_secret_that_a_test_chose_is_known_when_it_is_told() -> None:
    scan = LogScan()
    assert scan.told("signed in with word-7") == []
    scan.know("word-7")
    assert scan.told("signed in with word-7") != []


LEAKS = """
import logging
import secrets
import subprocess
import sys
from prometheus_client import Counter
from ehr import log
from logged import SCAN
from processes import Heard, Kept, run

LEAK = [sys.executable, "-c", "import sys; print('Synthetic-Alder', file=sys.std%s)"]

def leak(where):
    return [*LEAK[:-1], LEAK[-1] % where]

def test_our_log():
    log.get("ehr.read").warning("patient seen", patient="alder")

def test_our_log_behind_the_gate():
    log.get("ehr.read").warning("patient seen", name="Synthetic-Alder")

def test_a_library():
    logging.getLogger("some.library").warning("GET %s", "/Patient/alder")

def test_standard_error():
    print("Synthetic-Alder", file=sys.stderr)

def test_our_log_with_a_token_drawn_here():
    log.get("ehr.read").warning("patient seen", ehr=secrets.token_urlsafe(16))

def test_a_kept_process(tmp_path):
    kept = Kept(leak("out"), tmp_path / "one.log")
    kept.process.wait(20)
    kept.stop()

def test_the_logs_of_a_kept_tree(tmp_path):
    logs = tmp_path / "data" / "logs"
    logs.mkdir(parents=True)
    (logs / "worker.log").write_text("read")
    (logs / "worker.log.1").write_text("read Patient/alder")
    environment = {"TAPERGUARD_DATA": str(tmp_path / "data")}
    kept = Kept([sys.executable, "-c", ""], tmp_path / "one.log", environment=environment)
    kept.process.wait(20)
    kept.stop()

def test_a_line_that_is_read():
    heard = Heard(leak("out"))
    heard.line()
    heard.wait(20)
    heard.stdout.close()

def test_the_rest_that_a_process_says():
    Heard(leak("out")).communicate()

def test_standard_error_of_a_process_that_is_read():
    Heard(leak("err"), stderr=subprocess.PIPE).communicate()

def test_standard_error_of_a_process_that_is_ours():
    Heard(leak("err")).communicate()

def test_a_command():
    run(leak("err"))

def test_a_command_in_bytes():
    run(leak("err"), text=False)

def test_a_command_whose_output_is_no_work():
    run(leak("out"), scan_output=True)

def test_the_work_of_a_command_may_name_a_patient():
    run(leak("out"))

def test_metrics():
    Counter("seen", "Seen", ["patient"]).labels("alder").inc()
"""


def test_a_run_that_logs_a_patient_fails_also_where_tests_run_side_by_side(tmp_path: Path) -> None:
    """The gate withholds what it knows to be telling, so two of the tests pass; and a command may
    print what it was asked for.
    """
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["log_scan"]\n')
    (tmp_path / "test_leaks.py").write_text(LEAKS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = run(
        [sys.executable, "-m", "pytest", "-q", "-rfE", "-n1", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "support")},
        timeout=120,
    )
    assert done.returncode == 1, done.stdout
    failed = re.findall(r"^(?:FAILED|ERROR) test_leaks.py::(\w+)", done.stdout, re.MULTILINE)
    passed = {
        "test_our_log_behind_the_gate",
        "test_a_library",
        "test_the_work_of_a_command_may_name_a_patient",
    }
    assert set(failed) == set(re.findall(r"^def (test_\w+)", LEAKS, re.MULTILINE)) - passed


# --- the processes of the demo --------------------------------------------------------------------

# Python runs this before anything else in each process but the keepers (-I) and what was forked.
SAYS_WHO_IT_IS = """
import secrets, sys
planted = {
    "demo": "for Ruth",
    "taperguard.sandbox": secrets.token_urlsafe(32),
    "serve": "__Host-taperguard=a",
    "worker": "Patient/alder",
    "beat": "born 1954-08-23",
}
part = next((word for word in sys.orig_argv if word in planted), None)
if part:
    print("planted by", part, planted[part], file=sys.stderr, flush=True)
"""

BROKER_THAT_LEAKS = """#!/bin/sh
[ "$1" = --version ] || echo "planted by valkey Synthetic-Birch"
exec "{program}" "$@"
"""


@pytest.mark.usefixtures("clean_environment")
def test_what_any_process_of_the_demo_says_is_heard(
    tmp_path: Path, until: Callable[..., None]
) -> None:
    """Supervisor, sandbox, service, worker, beat and Valkey each say something telling."""
    (tmp_path / "sitecustomize.py").write_text(SAYS_WHO_IT_IS)
    broker = tmp_path / "valkey-server"
    broker.write_text(BROKER_THAT_LEAKS.format(program=valkey.find_server().program))
    broker.chmod(0o755)
    demo = Demo(tmp_path / "data of it")
    try:
        demo.start(PYTHONPATH=str(tmp_path), PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        logs = demo.folder / "logs"
        parts = {f"{name}.log" for name in ("valkey", "sandbox", "service", "worker", "beat")}

        def planted() -> set[str]:
            return {log.name for log in logs.glob("*.log") if "planted" in log.read_text()}

        until(lambda: planted() == parts, 60)
    finally:
        demo.close()
    heard = {" ".join(re.findall(r"planted by (\S+)", line)) for line in SCAN.take()}
    assert heard == {"demo", "taperguard.sandbox", "serve", "worker", "beat", "valkey"}


# --- nothing else is started ----------------------------------------------------------------------

STARTS = re.compile(
    r"subprocess\.(?:Popen|run|call|check_call|check_output|getoutput|getstatusoutput)|multiprocessing"
    r"|os\.(?:system|popen|fork|forkpty|posix_spawnp?|spawn\w+|exec[lv]\w*)"
    r"|asyncio\.create_subprocess_\w+|[\w.]*ProcessPoolExecutor|pty\.\w+"
)
MENTIONS = re.compile(r"\b(?:subprocess|multiprocessing|os|asyncio|pty|\w*ProcessPoolExecutor)\b")
STARTING = ("subprocess", "os", "asyncio", "pty")
NOT_HEARD = {
    "tests/support/processes.py": "hears them",
    "tests/unit/taperguard/test_supervise.py": "keeps scripts of its own that say numbers",
}


def started_in(source: str) -> list[str]:
    """What a module calls or inherits that starts a process, and what it imports by name for it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found.append(ast.unparse(node.func))
        elif isinstance(node, ast.ClassDef):
            found += [ast.unparse(base).partition("[")[0] for base in node.bases]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name == "multiprocessing"]
            # Under another name we would not know what is called.
            renamed = [alias.name for alias in node.names if alias.asname]
            found += ["subprocess.Popen" for name in renamed if name in STARTING]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in found if STARTS.fullmatch(name)]


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.run(['x'])",
        "import subprocess\nclass Mine(subprocess.Popen[str]): pass",
        "import subprocess as s\ns.run(['x'])",
        "from subprocess import Popen",
        "import os as system\nsystem.fork()",
        "import asyncio\nasyncio.create_subprocess_exec('x')",
        "import os\nos.execv('x', [])",
        "import multiprocessing",
        "from concurrent.futures import ProcessPoolExecutor",
    ],
)
def test_whoever_starts_a_process_is_seen(source: str) -> None:
    assert started_in(source) != []


def test_tests_start_processes_where_they_are_heard() -> None:
    """Two do it themselves; both still do, so the list holds no dead name."""
    starting = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "tests").rglob("*.py")
        if MENTIONS.search(source := file.read_text(encoding="utf-8")) and started_in(source)
    }
    assert starting == set(NOT_HEARD)
