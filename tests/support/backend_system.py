"""A system that signs in by itself, from the text of SMART App Launch 2.2 (Backend Services)."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CLIENT = "taperguard-backend"
EVERYTHING = " ".join(
    f"system/{name}.rs"
    for name in (
        "Group",
        "Patient",
        "Medication",
        "MedicationRequest",
        "MedicationStatement",
        "MedicationDispense",
        "Condition",
    )
)


class BackendSystem:
    """A client and its key; `algorithm` is ES384 or RS384."""

    def __init__(self, algorithm: str = "ES384", client: str = CLIENT) -> None:
        made = {"use": "sig", "alg": algorithm}
        self.key: ECKey | RSAKey = (
            ECKey.generate_key("P-384", made, auto_kid=True)
            if algorithm == "ES384"
            else RSAKey.generate_key(2048, made, auto_kid=True)
        )
        self.algorithm = algorithm
        self.client = client

    def jwks(self) -> dict[str, Any]:
        """The public keys, as they are fetched."""
        return {"keys": [self.key.as_dict(private=False)]}

    def form(self, token_url: str, now: datetime, scope: str = EVERYTHING, **claims: Any) -> Any:
        """A token request; `claims` replace those of the assertion, None takes one out."""
        said = {
            "iss": self.client,
            "sub": self.client,
            "aud": token_url,
            "exp": int(now.timestamp()) + 300,
            "jti": uuid.uuid4().hex,
            **claims,
        }
        header = {"alg": self.algorithm, "kid": self.key.kid, "typ": "JWT"}
        kept = {name: value for name, value in said.items() if value is not None}
        return {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode(header, kept, self.key, algorithms=[self.algorithm]),
        }

    @contextmanager
    def published(self) -> Iterator[str]:
        """The address of a service that shows these keys at /.well-known/jwks.json."""
        body = json.dumps(self.jwks()).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_there = self.path == "/.well-known/jwks.json"
                self.send_response(200 if is_there else 404)
                self.send_header("Content-Length", str(len(body) if is_there else 0))
                self.end_headers()
                if is_there:
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
