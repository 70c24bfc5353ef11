"""`taperguard demo`: everything on one machine, in one supervised process tree."""

from __future__ import annotations

import http.client
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from ehr import log
from store import reports
from store.database import make_engine, reading
from taperguard import supervise, valkey
from taperguard.commands import starting
from taperguard.refusal import Refusal
from taperguard.settings import Settings
from taperguard.supervise import Part

SANDBOX = "sandbox"
"""The id of the sandbox among the EHRs we trust (`ehrs.toml`)."""

_LONGEST_SOCKET_FOLDER = 60
_REPORT_PATIENCE_SECONDS = 120.0


def run(*, verbose: bool = False, say: Callable[[str], None]) -> int:
    """Run the demo until a signal asks to end. Raises Refusal before anything is started."""
    settings = starting.settings_of_this_process()
    if settings.is_production:
        raise Refusal("the demo is for development: TAPERGUARD_ENV is production")
    if importlib.util.find_spec("taperguard.sandbox.__main__") is None:
        raise Refusal("the sandbox EHR is not part of this installation")
    log.configure("console", "WARNING")
    server = valkey.find_server()
    starting.make_data_folder(settings)
    lock = supervise.take_lock(settings.data / "demo.lock")
    starting.refuse_taken_port(settings.host, settings.port, "TAPERGUARD_PORT")
    starting.refuse_taken_port("localhost", settings.sandbox_port, "SANDBOX_PORT")
    folder = _short_folder(settings.data)
    try:
        say("TaperGuard demo: synthetic patients, hooks accepted without a client token.")
        began = time.monotonic()
        starting.bring_store_up_to_date(settings)
        say(f"  {'tables':<11} ready   {time.monotonic() - began:5.1f} s")
        supervisor = supervise.Supervisor(
            logs=settings.data / "logs",
            say=say,
            lock=lock,
            echo=verbose,
            # Under make: when make is killed, nobody would be left to press Ctrl-C.
            end_with_parent="MAKELEVEL" in os.environ,
        )

        return supervisor.run(
            _stages(settings, server, folder),
            lambda: say(
                f"Ready: TaperGuard {settings.base_url} and the sandbox EHR "
                f"http://localhost:{settings.sandbox_port} (Ctrl-C ends both)"
            ),
            awaited=supervise.Awaited(
                "report",
                lambda: _is_there(settings),
                _REPORT_PATIENCE_SECONDS,
                f"is being made; it will be at {settings.base_url}/reports",
            ),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _is_there(settings: Settings) -> bool:
    """Whether a night's report is there to be opened."""
    engine = make_engine(settings.database)
    try:
        with reading(engine) as connection:
            return bool(reports.nights(connection, SANDBOX))
    except SQLAlchemyError:
        return False
    finally:
        engine.dispose()


def _short_folder(data: Path) -> Path:
    """A new temporary folder for sockets: their paths must be short. Removes that of a crash."""
    note = data / "demo.folder"
    if note.exists():
        earlier = Path(note.read_text(encoding="utf-8"))
        if re.fullmatch(r"tg-[\w-]+", earlier.name) and earlier.parent == _temporary():
            shutil.rmtree(earlier, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="tg-", dir=_temporary()))
    note.write_text(str(folder), encoding="utf-8")
    return folder


def _temporary() -> Path:
    usual = tempfile.gettempdir()
    plain = re.fullmatch(r"[\w./+-]+", usual, re.ASCII) and len(usual) <= _LONGEST_SOCKET_FOLDER
    # mkdtemp makes a folder of our own in it.
    return Path(usual if plain else "/tmp")  # noqa: S108  # nosec B108


def _stages(settings: Settings, server: valkey.BrokerServer, folder: Path) -> list[list[Part]]:
    socket_file = folder / "broker.sock"
    environment = {
        "TAPERGUARD_DATA": str(settings.data),
        "TAPERGUARD_BROKER_URL": f"redis+socket://{socket_file}",
        "PYTHONUNBUFFERED": "1",
        # The first report is made at once, whatever time it is.
        "TAPERGUARD_REPORT_AT": "00:00",
    }
    python = (sys.executable, "-m")
    broker = Part(
        "valkey",
        (str(server.program), str(_configuration(settings, server, socket_file))),
        ready=lambda: valkey.answers(socket_file),
    )
    sandbox = Part(
        "sandbox",
        (
            *python,
            "taperguard.sandbox",
            *("--host", "localhost", "--port", str(settings.sandbox_port)),
            *("--data", str(settings.data / "sandbox"), "--service-url", settings.base_url),
        ),
        ready=lambda: _answers_http("localhost", settings.sandbox_port, "/healthz"),
        environment=environment,
    )
    service = Part(
        "service",
        (*python, "taperguard", "serve"),
        ready=lambda: _answers_http(settings.host, settings.port, "/readyz"),
        environment=environment,
    )
    return [
        [broker],
        [
            sandbox,
            service,
            _celery("worker", folder, environment),
            _celery("beat", folder, environment),
        ],
    ]


def _celery(name: str, folder: Path, environment: dict[str, str]) -> Part:
    ready_file = folder / f"{name}.ready"
    return Part(
        name,
        (sys.executable, "-m", "taperguard", name, "--ready-file", str(ready_file)),
        ready=ready_file.exists,
        ready_file=ready_file,
        environment=environment,
    )


def _configuration(settings: Settings, server: valkey.BrokerServer, socket_file: Path) -> Path:
    # A folder for each version: an older server cannot read what a newer one has written.
    kept = settings.data / "broker" / server.version
    kept.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = socket_file.with_name("broker.conf")
    text = valkey.configuration(socket_file=socket_file, folder=kept)
    file.write_text(text, encoding="utf-8")
    return file


def _answers_http(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
