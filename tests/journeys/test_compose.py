"""`docker-compose.yml` as plain processes: each service's own command with its own environment.

No Docker engine is needed to believe it. What Compose would do (mount secrets and configs, resolve
the names of services) is done here by hand: paths of the containers become folders of the test,
`postgres` and `redis` become a real PostgreSQL and a real Valkey with the secrets' own password.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ports import free_port
from processes import bare_environment, run

from store.cards_shown import CardsShown, ShownCard
from taperguard import settings as settings_module
from taperguard import valkey as valkey_server
from taperguard import wiring

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("migrate", "api", "worker", "beat")
LASTING = ("api", "worker", "beat")


def interpolated(text: str, given: dict[str, str]) -> str:
    """`${NAME:-default}` and `${NAME:?reason}` as Compose reads them."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match["name"], match["kind"], match["rest"]
        if given.get(name):
            return given[name]
        assert kind == ":-", f"{name} has to be given: {rest}"
        return rest

    return re.sub(r"\$\{(?P<name>\w+)(?P<kind>:[-?])(?P<rest>[^}]*)\}", value, text)


@dataclass(frozen=True)
class Stack:
    """What Compose would have made around the services."""

    folder: Path
    environment: dict[str, str]
    port: int

    def command(self, service: str) -> list[str]:
        return self._own(SERVICES[service]["command"])

    def health(self, service: str) -> list[str]:
        kind, *command = SERVICES[service]["healthcheck"]["test"]
        assert kind == "CMD"
        return self._own(command)

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return run(command, scan_output=True, env=self.environment, timeout=60)

    def _own(self, command: list[str]) -> list[str]:
        assert command[0] == "taperguard"
        return [sys.executable, "-m", *command]


@pytest.fixture
def stack(short_folder: Path, tmp_path: Path, keep, postgres, until) -> Stack:
    secrets, data = short_folder / "secrets", tmp_path / "data of it"
    command = [sys.executable, "-m", "taperguard", "secrets", str(secrets)]
    run(command, scan_output=True, check=True, env=bare_environment())
    ehrs = tmp_path / "ehrs.toml"
    ehrs.write_text((ROOT / "deploy" / "ehrs.example.toml").read_text(encoding="utf-8"))
    broker_port, port = free_port(), free_port()
    start_valkey(keep, secrets, short_folder, broker_port, until)
    rewrite(secrets / "taperguard_broker_url", "@redis:6379", f"@127.0.0.1:{broker_port}")
    database_url = postgres.new_empty_database()
    (secrets / "taperguard_database_url").chmod(0o644)
    (secrets / "taperguard_database_url").write_text(database_url)
    places = {
        "/var/lib/taperguard": str(data),
        "/etc/taperguard/ehrs.toml": str(ehrs),
        "/run/secrets": str(secrets),
        "0.0.0.0": "127.0.0.1",  # noqa: S104
        "8700": str(port),
    }
    given = {"TAPERGUARD_PUBLIC_URL": "https://taperguard.example.org"}
    environment = bare_environment()
    for name, value in SERVICES["api"]["environment"].items():
        text = interpolated(value, given)
        environment[name] = places.get(text, text)
    return Stack(short_folder, environment, port)


def rewrite(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.chmod(0o644)
    file.write_text(text.replace(before, after), encoding="utf-8")


def start_valkey(keep, secrets: Path, folder: Path, port: int, until) -> None:
    """The broker's own command, with the configuration that holds its password."""
    program, configuration = SERVICES["redis"]["command"]
    assert program == "valkey-server"
    assert configuration == "/run/secrets/redis_conf"
    keep(
        [
            *(str(valkey_server.find_server().program), str(secrets / "redis_conf")),
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
        ],
        folder / "valkey.log",
    )

    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    until(answers, 10, "Valkey did not come up")


def get(stack: Stack, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.port}{path}", timeout=5) as answer:
        body: dict[str, Any] = json.load(answer)
        return body


def letter_is_kept(stack: Stack, rows) -> Any:
    """Promise a shown card as the service would; whoever finds it later did the whole way."""
    given = {
        name.removeprefix("TAPERGUARD_").lower(): value
        for name, value in stack.environment.items()
        if name in ("TAPERGUARD_DATA", "TAPERGUARD_EHRS_FILE")
    }
    for secret in ("database_url", "broker_url", "seal_keys", "hash_key", "signing_keys"):
        file = Path(stack.environment["TAPERGUARD_SECRETS_DIR"]) / f"taperguard_{secret}"
        given[secret] = file.read_text(encoding="utf-8")
    house = wiring.build(settings_module.load(**given))
    house.promise_cards_shown(
        CardsShown(
            ehr_id="example",
            patient_id="p1",
            hook_instance="11111111-1111-4111-8111-111111111111",
            hook="order-sign",
            service="clonazepam-safety",
            rules_version="2026.11",
            cards=(ShownCard("card-1", ("high-dose",), "warning"),),
            shown_at=datetime.now(UTC),
        )
    )
    return house, lambda: rows(house.engine, "cards_shown")


@pytest.mark.usefixtures("clean_environment")
def test_each_service_s_command_runs_in_production_and_does_its_work(stack, keep, until, rows):
    migrated = stack.run(stack.command("migrate"))
    assert migrated.returncode == 0, migrated.stderr
    again = stack.run(stack.command("migrate"))
    assert again.returncode == 0, again.stderr

    for name in LASTING:
        before = stack.run(stack.health(name))
        assert before.returncode == 1, f"{name} is called healthy before it runs"
        assert before.stderr.count("\n") == 1
    for name in LASTING:
        keep(stack.command(name), stack.folder / f"{name}.log", environment=stack.environment)
    for name in LASTING:
        until(lambda n=name: stack.run(stack.health(n)).returncode == 0, 60, f"{name} is unwell")

    assert get(stack, "/readyz") == {"ready": True, "database": "ok", "broker": "ok"}
    # Beat's tick has a worker post the letter, and a worker keeps what it promised.
    house, kept = letter_is_kept(stack, rows)
    try:
        until(kept, 75, "beat and worker did not keep the letter")
        assert [row["card_uuid"] for row in kept()] == ["card-1"]
    finally:
        house.close()
    logs = "".join((stack.folder / f"{name}.log").read_text() for name in LASTING)
    assert "Traceback" not in logs
    for secret in Path(stack.environment["TAPERGUARD_SECRETS_DIR"]).iterdir():
        assert secret.read_text(encoding="utf-8").strip() not in logs


@pytest.mark.long
@pytest.mark.usefixtures("clean_environment")
def test_of_two_clocks_one_ticks_and_the_other_takes_over_when_it_is_killed(stack, keep, until):
    assert stack.run(stack.command("migrate")).returncode == 0
    first = keep(stack.command("beat"), stack.folder / "b1.log", environment=stack.environment)
    until(lambda: stack.run(stack.health("beat")).returncode == 0, 30)
    ready = stack.folder / "second.ready"
    second = [*stack.command("beat"), "--ready-file", str(ready)]
    keep(second, stack.folder / "b2.log", environment=stack.environment)
    with pytest.raises(pytest.fail.Exception):
        until(ready.exists, 8)
    first.process.kill()
    # The lock of the killed clock runs out after 30 s; it is looked for every 5 s.
    until(ready.exists, 45, "the second clock did not take over")
    assert stack.run(stack.health("beat")).returncode == 0


@pytest.mark.parametrize("name", ["api", "worker", "beat", "postgres", "redis"])
def test_every_lasting_service_is_looked_after(name):
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", LASTING)
def test_our_services_wait_for_the_migrations_and_what_they_stand_on(name):
    assert SERVICES[name]["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
    }


def test_secrets_come_as_files_and_never_in_the_environment():
    in_files = set(COMPOSE["secrets"])
    for name, service in SERVICES.items():
        assert set(service["secrets"]) <= in_files
        for variable, value in service["environment"].items() if "environment" in service else ():
            assert not re.search(r"KEY|PASSWORD(?!_FILE)|BROKER_URL|DATABASE_URL", variable), name
            assert "redis://" not in value
            assert "postgresql://" not in value
    for name in OURS:
        assert set(SERVICES[name]["secrets"]) == {s for s in in_files if s.startswith("taperguard")}


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_change_nothing_but_their_data(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["volumes"] == ["data:/var/lib/taperguard"]


def test_only_this_machine_reaches_the_api_and_nothing_else_is_published():
    assert {name: s["ports"] for name, s in SERVICES.items() if "ports" in s} == {
        "api": ["127.0.0.1:8700:8700"]
    }


def test_every_secret_of_the_file_is_made_by_the_command(tmp_path):
    folder = tmp_path / "new secrets"
    command = [sys.executable, "-m", "taperguard", "secrets", str(folder)]
    run(command, scan_output=True, check=True, env=bare_environment())
    assert {file.name for file in folder.iterdir()} == set(COMPOSE["secrets"])
    assert folder.stat().st_mode & 0o777 == 0o700
    refused = run(command, scan_output=True, env=bare_environment())
    assert refused.returncode == 2
    assert "holds secrets already" in refused.stderr


def test_the_image_runs_as_nobody_special_from_the_smaller_lock():
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    stages = text.split("\nFROM ")[1:] if text.startswith("#") else text.split("\nFROM ")
    assert len(stages) == 2
    last = stages[-1]
    assert re.search(r"^USER taperguard$", last, re.MULTILINE)
    assert not re.search(r"^USER root", last, re.MULTILINE)
    assert "pip" not in last.replace("/opt/taperguard", "")
    assert "--require-hashes deploy/locks/image.txt" in text
    assert "dev.txt" not in text
    uid = re.search(r"--uid (\d+)", last)
    assert uid is not None
    assert int(uid[1]) > 1000


@pytest.mark.long
def test_the_smaller_lock_is_enough_to_run_what_the_image_runs(tmp_path):
    """The Dockerfile's own build steps, as far as they are Python's, in a fresh environment."""
    tools, image, source = tmp_path / "tools", tmp_path / "image", tmp_path / "source"
    for place in (tools, image):
        run([sys.executable, "-m", "venv", str(place)], check=True)
    locks = ROOT / "deploy" / "locks"
    pip = [str(tools / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    run([*pip, "-r", str(locks / "installer.txt")], check=True)
    uv, python = str(tools / "bin" / "uv"), str(image / "bin" / "python")
    sync = [uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes"]
    run([*sync, str(locks / "image.txt")], check=True)
    archive = run(["git", "ls-files", "-z"], cwd=ROOT, check=True).stdout
    for name in filter(None, archive.split("\0")):
        if in_the_image(name) and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [str(tools / "bin" / "python"), "-m", "hatchling", "build", "-t", "wheel"]
    run(build, cwd=source, check=True)
    (wheel,) = (source / "dist").glob("*.whl")
    install = [uv, "pip", "install", "--quiet", "--python", python, "--no-deps", str(wheel)]
    run(install, check=True)
    everything = (
        "import pkgutil, importlib\n"
        "for room in ('clinical','ehr','store','cds_hooks','smart_app','workers','taperguard'):\n"
        "    package = importlib.import_module(room)\n"
        "    for module in pkgutil.walk_packages(package.__path__, room + '.'):\n"
        "        if not module.name.endswith('__main__') and '.migrations' not in module.name:\n"
        "            importlib.import_module(module.name)\n"
    )
    environment = {**bare_environment(), "PYTHONPATH": ""}
    loaded = [python, "-I", "-c", everything]
    run(loaded, cwd=tmp_path, env=environment, check=True)
    dose = [str(image / "bin" / "taperguard"), "taper", "--from-mg", "2", "--start", "2027-01-04"]
    run(dose, cwd=tmp_path, env=environment, check=True)


def in_the_image(name: str) -> bool:
    """Whether `.dockerignore` lets a file into the build: the last line that fits decides."""
    let_in = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        bare_pattern = pattern.lstrip("!")
        if bare_pattern in ("*", name) or name.startswith(f"{bare_pattern}/"):
            let_in = pattern.startswith("!")
    return let_in
