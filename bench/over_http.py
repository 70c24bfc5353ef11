"""order-sign over HTTP: a server in a process of its own, and beside it a route that only decodes.

CPU is what the server's process used, all threads together, by request; p50 and p99 are of one
client that waits for each answer; the rate is what several clients get from a server on one core.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from bench import clinic
from bench.server import BROKER, EHRS
from taperguard.valkey import NoServer, answers, configuration, find_server

_ISSUER, _PATH = "https://ehr.example", "/cds-services/clonazepam-safety"
_CLIENTS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """What one request took: CPU of the server and waiting of the client, in ms; and the rate."""

    what: str
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    per_second: float


def rows(count: int) -> list[Row]:
    """Each load with so many different requests, without a token and with one."""
    quiet = list(islice(clinic.shows_no_card(), count))
    hospital = list(islice(clinic.of_a_hospital(), count))
    renewed = list(islice(clinic.clonazepam_without_card(), count))
    cards = list(islice(clinic.shows_a_card(), count))
    with _server() as (port, key):
        address = f"http://127.0.0.1:{port}{_PATH}"

        def signed(_: bytes) -> dict[str, str]:
            return {"Authorization": f"Bearer {_token(key, address)}"}

        def unsigned(_: bytes) -> dict[str, str]:
            return {}

        loads: list[tuple[str, str, list[bytes], Callable[[bytes], dict[str, str]]]] = [
            ("a route that only decodes it", "/bench/decode", quiet, unsigned),
            ("order-sign: a hospital's, 1 % clonazepam", _PATH, hospital, unsigned),
            ("  the same with trust", _PATH, hospital, signed),
            ("  25 % of clonazepam, no card", _PATH, quiet, unsigned),
            ("  100 % of clonazepam, no card", _PATH, renewed, unsigned),
            ("  100 % of clonazepam, with a card", _PATH, cards, unsigned),
            ("  the same with trust", _PATH, cards, signed),
        ]
        for _, path, bodies, headed in loads:
            _send(port, path, bodies[: max(count // 10, 20)], headed)
        return [_measured(port, what, path, bodies, h) for what, path, bodies, h in loads]


def _measured(
    port: int,
    what: str,
    path: str,
    bodies: list[bytes],
    headed: Callable[[bytes], dict[str, str]],
) -> Row:
    before = _cpu_seconds(port)
    took = sorted(_send(port, path, bodies, headed))
    cpu = (_cpu_seconds(port) - before) / len(bodies)
    shares = [bodies[n::_CLIENTS] for n in range(_CLIENTS)]
    # A token is for one call: all are made before the clock runs.
    calls = [[(body, headed(body)) for body in share] for share in shares]
    clients = [threading.Thread(target=_post, args=(port, path, share)) for share in calls]
    began = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    rate = len(bodies) / (time.perf_counter() - began)
    return Row(what, cpu * 1e3, took[len(took) // 2] * 1e3, took[len(took) * 99 // 100] * 1e3, rate)


def _send(
    port: int, path: str, bodies: list[bytes], headed: Callable[[bytes], dict[str, str]]
) -> list[float]:
    return _post(port, path, [(body, headed(body)) for body in bodies])


def _post(port: int, path: str, calls: Sequence[tuple[bytes, dict[str, str]]]) -> list[float]:
    """One connection, one call after the other: how long each took."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took = []
    for body, headers in calls:
        began = time.perf_counter()
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        said = response.read()
        took.append(time.perf_counter() - began)
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}: {said[:300]!r}")
    connection.close()
    return took


def _cpu_seconds(port: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/bench/cpu")
    said = float(connection.getresponse().read())
    connection.close()
    return said


def _token(key: ECKey, address: str) -> str:
    now = int(time.time())
    claims = {"iss": _ISSUER, "aud": address, "iat": now, "exp": now + 300}
    header = {"alg": "ES384", "typ": "JWT", "kid": key.kid}
    claims["jti"] = str(uuid.uuid4())
    return jwt.encode(header, claims, key, algorithms=["ES384"])


@contextmanager
def _server() -> Iterator[tuple[int, ECKey]]:
    """The server on one core, and beside it a broker where there is one; the key of its client."""
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, private=True, auto_kid=True)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, socket.socket() as probe:
        folder = Path(name)
        keys = folder / "jwks.json"
        keys.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
        (folder / EHRS).write_text(_registry(keys))
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        with _broker(folder):
            server = subprocess.Popen(  # noqa: S603  our own module
                [sys.executable, "-m", "bench.server", name, str(port)]
            )
            try:
                os.sched_setaffinity(server.pid, {min(os.sched_getaffinity(0))})
                _wait(lambda: _listens(port))
                yield port, key
            finally:
                server.kill()
                server.wait()


@contextmanager
def _broker(folder: Path) -> Iterator[None]:
    """Where tokens that were used are kept; without one the server keeps them itself."""
    try:
        program = find_server().program
    except NoServer:
        yield
        return
    settings = folder / "broker.conf"
    settings.write_text(configuration(socket_file=folder / BROKER, folder=folder))
    broker = subprocess.Popen(  # noqa: S603  the server that the demo runs too
        [str(program), str(settings)], stdout=subprocess.DEVNULL
    )
    try:
        _wait(lambda: answers(folder / BROKER))
        yield
    finally:
        broker.kill()
        broker.wait()


def _registry(keys: Path) -> str:
    return f"""
[[ehr]]
id = "bench"
name = "A clinic"
issuer = "{clinic.FHIR_SERVER}"
fhir_base = "{clinic.FHIR_SERVER}"
time_zone = "UTC"
prefetch = []

[[ehr.cds_clients]]
issuer = "{_ISSUER}"
jwks_file = "{keys}"
"""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(until: Callable[[], bool], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not until():
        if time.monotonic() > ends:
            raise RuntimeError("the server did not come up")
        time.sleep(0.1)
