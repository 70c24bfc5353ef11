"""What every process of the service does before its work: settings, logs, tables, addresses."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

from ehr import log
from ehr.keys import MalformedKeys
from ehr.registry import BadRegistry
from ehr.seal import MalformedKey
from store import migrate
from store.database import UnusableDatabaseUrl, make_engine
from taperguard.refusal import Refusal
from taperguard.settings import Settings, load, unknown_variables


def settings_of_this_process() -> Settings:
    """The settings, with a word on standard error about each misspelled one. Raises Refusal."""
    settings = load()
    # Whatever this process writes is for its own user.
    os.umask(0o077)
    for name in unknown_variables():
        sys.stderr.write(f"{name} is no setting and has no effect.\n")
    log.configure(settings.log_format, settings.log_level)
    return settings


def make_data_folder(settings: Settings) -> None:
    """The folder of all that is kept here, for its own user only. Raises Refusal."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Refusal(
            f"the data folder cannot be made ({error.strerror}): set TAPERGUARD_DATA to another"
        ) from None


def bring_store_up_to_date(settings: Settings) -> None:
    """Run the migrations that are missing, on an engine of its own (gone before any fork)."""
    make_data_folder(settings)
    try:
        engine = make_engine(settings.database)
    except UnusableDatabaseUrl as error:
        raise Refusal(f"TAPERGUARD_DATABASE_URL: {error}") from None
    try:
        if migrate.upgrade(engine):
            log.get(__name__).info("store brought up to date")
    except SQLAlchemyError as error:
        log.get(__name__).warning("store not brought up to date", exc_info=True)
        raise Refusal(
            f"the database cannot be reached or brought up to date ({type(error).__name__}): "
            "see TAPERGUARD_DATABASE_URL"
        ) from None
    finally:
        engine.dispose()


@contextlib.contextmanager
def said_plainly() -> Iterator[None]:
    """Turn what a house refuses to be built with into a Refusal."""
    try:
        yield
    except (BadRegistry, MalformedKey, MalformedKeys, UnusableDatabaseUrl) as error:
        raise Refusal(str(error)) from None


def refuse_taken_port(host: str, port: int, variable: str) -> None:
    """Raise Refusal when something listens on the port already, on any address of the host."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise Refusal(f"the address {host} is not known on this machine") from None
    for family, kind, protocol, _, address in addresses:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if family == socket.AF_INET6 and error.errno not in (98, 48):
                    continue  # localhost has a name for IPv6 on machines that have no IPv6
                raise Refusal(
                    f"port {port} on {host} cannot be used ({error.strerror}): "
                    f"set {variable} to another port"
                ) from None
