"""`taperguard report run`: files in, a folder out; JSON on standard output alone."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from bulk_folder import patient, write
from processes import Heard
from processes import run as run_command
from small_clinic import of_days, write_clinic

from taperguard import cli
from taperguard.commands import report
from taperguard.refusal import Refusal

ON = date(2026, 11, 25)


@pytest.fixture
def data(clean_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of this test, with a space in its path."""
    folder = tmp_path / "data of it"
    monkeypatch.setenv("TAPERGUARD_DATA", str(folder))
    return folder


def run(source: Path, out: Path, **given: Any) -> tuple[dict[str, Any], str]:
    """The summary, and what stands on standard error."""
    stdout, stderr = io.StringIO(), io.StringIO()
    options = {"on": ON, "ndjson": source, "bulk": None, "group": None, **given}
    assert report.run(out=out, stdout=stdout, stderr=stderr, **options) == 0
    return json.loads(stdout.getvalue()), stderr.getvalue()


def test_a_folder_becomes_a_report_and_a_summary(data: Path, tmp_path: Path) -> None:
    """The small clinic: 11 people, 8 with clonazepam, 4 long-term; 30 lines."""
    summary, stderr = run(write_clinic(tmp_path / "in"), tmp_path / "out")
    assert summary["population"]["patients"] == 11
    assert summary["measures"]["long-term-use"] == [4, 8]
    assert (summary["lines"], summary["quarantined"]) == (30, 0)
    written = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert (written["on"], written["source"]["kind"]) == ("2026-11-25", "ndjson")
    assert "reading" in stderr
    assert "counting" in stderr
    assert list((data / "reports").iterdir()) == [], "no record of a patient stays behind"


def test_lines_that_cannot_be_used_are_said_and_the_rest_is_counted(
    data: Path, tmp_path: Path
) -> None:
    source = write_clinic(tmp_path / "in")
    write(source, "more", [b"null", patient("lee")])
    summary, stderr = run(source, tmp_path / "out")
    assert (summary["population"]["patients"], summary["quarantined"]) == (12, 1)
    assert "1 line could not be used" in stderr


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"on": None}, "--on is needed"),
        ({"ndjson": None}, "give either --ndjson"),
        ({"bulk": "http://localhost:8701/fhir"}, "give either --ndjson"),
        ({"group": "clinic"}, "--group goes with --bulk"),
        ({"ndjson": Path("/nowhere/at/all")}, "the folder cannot be read"),
        ({"ndjson": None, "bulk": "https://unknown.example/fhir"}, "no registered EHR has this"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(
    given: dict[str, Any], sentence: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(Refusal, match=sentence):
        run(write_clinic(tmp_path / "in"), tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_files_that_hold_no_resource_are_refused_and_leave_nothing(
    data: Path, tmp_path: Path
) -> None:
    with pytest.raises(Refusal, match="no file of the folder holds a FHIR resource"):
        run(write(tmp_path / "in", "README.md", [b"# hello"]).parent, tmp_path / "out")
    assert list((data / "reports").iterdir()) == []
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_not_written_to(data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()
    with pytest.raises(Refusal, match="holds other files"):
        run(write_clinic(tmp_path / "in"), tmp_path / "out")


def test_the_command_line_says_what_is_wrong_with_a_date(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.run(["report", "run", "--on", "yesterday", "--out", str(tmp_path / "o")])
    assert code == 2
    assert capsys.readouterr() == ("", "taperguard: --on has to be a date like 2026-11-23\n")


def test_a_run_that_is_killed_goes_on_where_it_was(
    data: Path, tmp_path: Path, until: Callable[..., None]
) -> None:
    """Killed while it counts. What was read is gone; the second run does not need it any more."""
    source = write_clinic(tmp_path / "in")
    names = [f"name{number}" for number in range(400)]
    write(
        source, "more", [of_days(f"{n}-{m}", n, f"2026-{m:02}-01") for n in names for m in (9, 10)]
    )
    command = [
        *(sys.executable, "-m", "taperguard", "report", "run", "--on", "2026-11-25"),
        *("--ndjson", str(source)),
    ]
    process = Heard(
        [*command, "--out", str(tmp_path / "out")],
        stderr=subprocess.STDOUT,
        env={**os.environ, "TAPERGUARD_DATA": str(data)},
    )
    until(lambda: list(data.glob("reports/*/counts/*.json")), 90, "no bucket was counted")
    process.kill()
    process.communicate(timeout=10)
    assert not (tmp_path / "out").exists()
    (work,) = (data / "reports").iterdir()
    counted = {file: file.stat().st_ino for file in work.glob("counts/*.json")}
    kept = {file: file.stat() for file in source.iterdir()}
    for file, about in kept.items():
        file.write_bytes(b"\0" * about.st_size)
        os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    second = run_command(
        [*command, "--out", str(tmp_path / "out")],
        timeout=120,
        env={**os.environ, "TAPERGUARD_DATA": str(data)},
    )
    assert second.returncode == 0, second.stderr
    assert counted
    assert json.loads(second.stdout)["population"]["patients"] == 411
    assert not work.exists()


def test_compressed_files_are_read_whatever_they_are_called(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for file in write_clinic(tmp_path / "plain").iterdir():
        raw = file.read_bytes()
        raw = raw if raw[:2] == b"\x1f\x8b" else gzip.compress(raw)
        (folder / f"part-{file.name.partition('.')[0]}").write_bytes(raw)
    assert run(folder, tmp_path / "out")[0]["population"]["patients"] == 11
