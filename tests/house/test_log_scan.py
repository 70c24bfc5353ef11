"""The scan of all logs can fail: each kind of word that it looks for, and a run that logs one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from logged import SCAN

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
        "eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJ4In0.c2ln",
        "refresh-0123456789abcdef",
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
        'taperguard_hooks_total{service="clonazepam-safety",status="200"} 1.0',
    ],
)
def test_an_ordinary_line_is_not(line: str) -> None:
    assert SCAN.told(line) == []


LEAKS = """
import logging
import sys
from prometheus_client import Counter
from ehr import log
from logged import SCAN

def test_our_log():
    log.get("ehr.read").warning("patient seen", patient="alder")

def test_our_log_behind_the_gate():
    log.get("ehr.read").warning("patient seen", name="Synthetic-Alder")

def test_a_library():
    logging.getLogger("some.library").warning("GET %s", "/Patient/alder")

def test_standard_error():
    print("Synthetic-Alder", file=sys.stderr)

def test_a_process(tmp_path):
    logs = tmp_path / "data" / "logs"
    logs.mkdir(parents=True)
    (logs / "worker.log").write_text("read Patient/alder")
    SCAN.look_at_files(tmp_path / "none.log", {"TAPERGUARD_DATA": str(tmp_path / "data")})

def test_metrics():
    Counter("seen", "Seen", ["patient"]).labels("alder").inc()
"""


def test_a_run_that_logs_a_patient_fails_also_where_tests_run_side_by_side(tmp_path: Path) -> None:
    """The gate withholds what it knows to be telling, so those two tests pass."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["log_scan"]\n')
    (tmp_path / "test_leaks.py").write_text(LEAKS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rfE", "-n1", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "support")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 1, run.stdout
    failed = re.findall(r"^(?:FAILED|ERROR) test_leaks.py::(\w+)", run.stdout, re.MULTILINE)
    assert sorted(failed) == [
        "test_a_process",
        "test_metrics",
        "test_our_log",
        "test_standard_error",
    ]
