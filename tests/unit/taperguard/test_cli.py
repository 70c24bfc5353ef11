"""The command line: exit 2 and one sentence for what cannot be used; nothing loaded in vain."""

from __future__ import annotations

import sys
from pathlib import Path

import processes
import pytest

from taperguard import cli


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["dose"], "taperguard: Missing argument 'FILE'."),
        (["dose", "x.json", "--on", "23.11.2026"], "taperguard: --on has to be a date like"),
        (["check", "x.json", "--on", "2026-02-30"], "taperguard: --on has to be a date like"),
        (["check", "x.json", "--on", "20261123"], "taperguard: --on has to be a date like"),
        (["bogus"], "taperguard: No such command 'bogus'."),
        (["dose", "x.json", "--nonsense"], "taperguard: No such option: --nonsense"),
        (["taper", "--start", "2027-01-04"], "taperguard: Missing option '--from-mg'."),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(sentence)
    assert said.err.count("\n") == 1


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("taperguard 20")


def test_every_command_has_one_line_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    said = capsys.readouterr().out
    for command in ("demo", "serve", "worker", "beat", "dose", "check", "taper"):
        assert f"\n  {command} " in said


def test_a_defect_shows_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message of an exception may quote a patient: only its kind and place are said."""

    def fail(_: str) -> None:
        raise KeyError("Jane Doe, 1954")

    monkeypatch.setattr(cli, "_command", fail)
    assert cli.run(["dose", "x.json"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("taperguard: internal error: KeyError in test_cli.py, line ")
    assert "Jane" not in said


def test_bad_settings_stop_a_command_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    clean_environment: None,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("TAPERGUARD_DATA", str(tmp_path))
    monkeypatch.setenv("TAPERGUARD_PORT", "none")
    for command in ("serve", "worker", "beat", "demo"):
        assert cli.run([command]) == 2
        assert capsys.readouterr().err.startswith("taperguard: TAPERGUARD_PORT: ")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("TAPERGUARD_DATABASE_URL", "postgresql://tg:geheim@/tg?host=/nowhere", "the database"),
        ("TAPERGUARD_DATA", "{file}/below a file", "the data folder cannot be made"),
        ("TAPERGUARD_EHRS_FILE", "{file}", "ehrs.toml, line 1: 'clinic' is no setting here"),
    ],
)
def test_what_a_service_cannot_start_with_is_said_in_one_sentence(
    variable: str,
    value: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    clean_environment: None,
    tmp_path: Path,
) -> None:
    file = tmp_path / "ehrs.toml"
    file.write_text("clinic = 5\n")
    monkeypatch.setenv("TAPERGUARD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TAPERGUARD_PORT", "18799")
    monkeypatch.setenv(variable, value.format(file=file))
    assert cli.run(["serve"]) == 2
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith(f"taperguard: {sentence}")
    assert "geheim" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["dose", "taper"])
def test_a_calculation_loads_neither_celery_nor_a_database(command: str) -> None:
    """`taperguard dose` answers in a blink: what it does not need is not imported."""
    script = f"""
import sys
from taperguard import cli
import taperguard.commands.{command}
heavy = {{"celery", "kombu", "sqlalchemy", "redis", "fastapi", "uvicorn", "fhir"}}
sys.exit(", ".join(sorted(heavy & set(sys.modules))) or 0)
"""
    done = processes.run([sys.executable, "-c", script])
    assert (done.returncode, done.stderr) == (0, "")
