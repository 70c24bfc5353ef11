"""A small EHR with Backend Services and Bulk Data `$export`, on a real port, by the specifications.

SMART App Launch 2.2 (Backend Services) and Bulk Data Access 2.0: asynchronous kick-off, status,
manifest, NDJSON, delete. It shares no code with ours or with the sandbox. What a test wants broken
or slow it sets as an attribute; what was asked of it stands in `asked`.
"""

from __future__ import annotations

import gzip
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet

CLIENT = "taperguard-backend"
GROUP = "clinic"
TRANSACTION_TIME = "2026-11-23T01:00:00.000Z"


@dataclass
class Asked:
    """One request: what it was and whether it showed a valid token."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str] = field(repr=False)
    signed_in: bool


@dataclass
class Answer:
    """One answer of the server."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def outcome(code: str, text: str = "Ruth Synthetic-Alder is not here") -> bytes:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


def ndjson(*resources: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in resources)


def patient(number: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number}", "birthDate": "1954-03-01"}


def order(number: int, **more: Any) -> dict[str, Any]:
    subject = {"reference": f"Patient/p{number}"}
    plain = {"resourceType": "MedicationRequest", "id": f"m{number}", "subject": subject}
    return {**plain, "status": "active", "intent": "order", **more}


class BulkEhr:
    """An EHR with one Group. Start it, take `base`, stop it."""

    def __init__(self, keys: dict[str, Any] | None = None) -> None:
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.client_keys = None if keys is None else KeySet.import_key_set(keys)
        self.lives_seconds: object = 300
        self.valid: set[str] = set()
        self.jtis: set[str] = set()
        self.token_forms: list[dict[str, str]] = []
        self.token_fault: Answer | None = None
        self.configuration: dict[str, Any] = {}
        self.files: list[tuple[str, bytes]] = [
            ("Patient", ndjson(*map(patient, range(3)))),
            ("MedicationRequest", ndjson(*map(order, range(4)))),
            ("MedicationRequest", ndjson(*map(order, range(4, 6)))),
        ]
        self.errors: list[bytes] = []
        self.alters: Callable[[dict[str, Any]], dict[str, Any]] = lambda manifest: manifest
        self.looks_until_ready = 1
        self.faults: list[tuple[str, str, Answer]] = []
        self.pauses: dict[str, threading.Event] = {}
        self.asked: list[Asked] = []
        self.jobs: dict[str, int] = {}
        self.deleted: list[str] = []
        self._lock = threading.Lock()
        owner = self

        class Handler(_Handler):
            ehr = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.base = f"{self.origin}/fhir"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def start(self) -> BulkEhr:
        self._thread.start()
        return self

    def stop(self) -> None:
        for event in self.pauses.values():
            event.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # ------------------------------------------------------------------ what tests set and ask

    def fault(self, method: str, path_part: str, answer: Answer) -> None:
        """The next request of this method whose path holds this part is answered so."""
        self.faults.append((method, path_part, answer))

    def pause_at(self, path_part: str) -> threading.Event:
        """Requests whose path holds this part get half of their answer until the event is set."""
        return self.pauses.setdefault(path_part, threading.Event())

    def count(self, method: str, path_part: str) -> int:
        return sum(one.method == method and path_part in one.path for one in self.asked)

    # ------------------------------------------------------------------ answers

    def answer(self, asked: Asked, body: bytes) -> Answer:
        with self._lock:
            self.asked.append(asked)
            for one in self.faults:
                if one[0] == asked.method and one[1] in asked.path:
                    self.faults.remove(one)
                    return one[2]
            return self._answer(asked, body)

    def _answer(self, asked: Asked, body: bytes) -> Answer:
        path = asked.path
        if path == "/fhir/.well-known/smart-configuration":
            plain = {
                "token_endpoint": f"{self.origin}/auth/token",
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
                "capabilities": ["client-confidential-asymmetric", "permission-v2"],
            }
            return _json(200, {**plain, **self.configuration})
        if path == "/auth/token":
            return self.token_fault or self._token(body)
        if path.startswith("/fhir/") and path.endswith("/$export"):
            return self._kick_off(asked)
        if path.startswith("/jobs/"):
            return self._job(asked)
        return Answer(404, outcome("not-found"))

    def _token(self, body: bytes) -> Answer:
        form = dict(parse_qsl(body.decode(), strict_parsing=True))
        self.token_forms.append(form)
        if form["grant_type"] != "client_credentials" or not self._is_client(form):
            return _json(401, {"error": "invalid_client"})
        token = f"access-{secrets.token_hex(8)}"
        self.valid.add(token)
        said = {"access_token": token, "token_type": "bearer", "expires_in": self.lives_seconds}
        return _json(200, {**said, "scope": form["scope"]})

    def _is_client(self, form: dict[str, str]) -> bool:
        if self.client_keys is None:
            return True
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        token = jwt.decode(
            form["client_assertion"], self.client_keys, algorithms=["ES384", "RS384"]
        )
        claims, now = token.claims, self.now().timestamp()
        fresh = claims["jti"] not in self.jtis
        self.jtis.add(claims["jti"])
        return (
            fresh
            and form["client_assertion_type"] == kind
            and claims["iss"] == claims["sub"] == CLIENT
            and claims["aud"] == f"{self.origin}/auth/token"
            and now < claims["exp"] <= now + 300
        )

    def _kick_off(self, asked: Asked) -> Answer:
        if not asked.signed_in:
            return Answer(401, outcome("login"))
        if asked.headers.get("prefer") != "respond-async":
            return Answer(400, outcome("processing"))
        if asked.headers.get("accept") != "application/fhir+json":
            return Answer(406, outcome("not-supported"))
        if asked.path != f"/fhir/Group/{GROUP}/$export":
            return Answer(404, outcome("not-found"))
        job = f"job-{secrets.token_hex(8)}"
        self.jobs[job] = 0
        return Answer(202, headers={"Content-Location": f"{self.origin}/jobs/{job}"})

    def _job(self, asked: Asked) -> Answer:
        if not asked.signed_in:
            return Answer(401, outcome("login"))
        _, _, job, *rest = asked.path.split("/")
        if job not in self.jobs:
            return Answer(404, outcome("not-found"))
        if rest:
            kind, number = rest
            held = self.errors[int(number)] if kind == "errors" else self.files[int(number)][1]
            return Answer(200, held, {"Content-Type": "application/fhir+ndjson"})
        if asked.method == "DELETE":
            del self.jobs[job]
            self.deleted.append(job)
            return Answer(202)
        self.jobs[job] += 1
        if self.jobs[job] <= self.looks_until_ready:
            return Answer(202, headers={"Retry-After": "1", "X-Progress": "half of it"})
        return _json(200, self.alters(self.manifest(job)))

    def manifest(self, job: str) -> dict[str, Any]:
        below = f"{self.origin}/jobs/{job}"
        return {
            "transactionTime": TRANSACTION_TIME,
            "request": f"{self.base}/Group/{GROUP}/$export",
            "requiresAccessToken": True,
            "output": [
                {"type": kind, "url": f"{below}/files/{number}", "count": len(held.splitlines())}
                for number, (kind, held) in enumerate(self.files)
            ],
            "error": [
                {"type": "OperationOutcome", "url": f"{below}/errors/{number}"}
                for number in range(len(self.errors))
            ],
        }


def _json(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def zipped(held: bytes) -> Answer:
    """A file with `Content-Encoding: gzip`."""
    return Answer(200, gzip.compress(held), {"Content-Encoding": "gzip"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ehr: BulkEhr

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        parts = urlsplit(self.path)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        asked = Asked(
            self.command,
            parts.path,
            parse_qs(parts.query),
            {name.lower(): value for name, value in self.headers.items()},
            token in self.ehr.valid,
        )
        try:
            self._send(asked.path, self.ehr.answer(asked, body))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, path: str, answer: Answer) -> None:
        pauses = [event for part, event in list(self.ehr.pauses.items()) if part in path]
        half = len(answer.body) // 2
        if pauses and not answer.body:
            pauses[0].wait()
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body[:half])
        self.wfile.flush()
        if pauses and answer.body:
            pauses[0].wait()
        self.wfile.write(answer.body[half:])

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815  the names that the library asks for

    def log_message(self, *_: object) -> None:
        """Nothing: `asked` knows."""
