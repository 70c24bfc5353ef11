"""A CDS client that others wrote: the public CDS Hooks Sandbox, in a browser of this machine.

It is not part of the project. `docs/outside-client.md` says how to build it; CDS_SANDBOX_BUILD
names the folder of the built pages. Its file is run by name: `make test` does not know of it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from taperguard import doors

BUILD = os.environ["CDS_SANDBOX_BUILD"]
ISSUER = "https://sandbox.cds-hooks.org"
KEYS = f"{ISSUER}/.well-known/jwks.json"

pytestmark = pytest.mark.browser

EHRS = f"""
[[ehr]]
id = "sandbox"
name = "Sandbox EHR"
issuer = "{{ehr}}/fhir"
fhir_base = "{{ehr}}/fhir"
time_zone = "UTC"

[[ehr.cds_clients]]
issuer = "{ISSUER}"
jwks_url = "{KEYS}"
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def client_page() -> Iterator[str]:
    """The origin from which the built pages are served."""
    handler = partial(Quiet, directory=BUILD)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture
def its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its public keys lie where they always do, out of reach of this machine: from its build."""
    keys = json.loads((Path(BUILD or "") / ".well-known" / "jwks.json").read_text())

    def there(request: httpx2.Request) -> httpx2.Response:
        assert str(request.url) == KEYS
        return httpx2.Response(200, json=keys)

    transport = httpx2.MockTransport(there)
    monkeypatch.setattr(doors, "door_http", lambda _: httpx2.AsyncClient(transport=transport))


def let_be_read(route: Any) -> None:
    """The sandbox EHR has no CORS, and refuses the name that this client gives to FHIR."""
    of_any_page = {f"access-control-allow-{what}": "*" for what in ("origin", "headers", "methods")}
    if route.request.method == "OPTIONS":
        route.fulfill(status=204, headers=of_any_page)
        return
    headers = {**route.request.headers, "accept": "application/fhir+json"}
    answer = route.fetch(headers=headers)
    route.fulfill(response=answer, headers={**answer.headers, **of_any_page})


def test_the_public_sandbox_finds_us_shows_our_cards_and_sends_feedback(
    chromium: Any,
    served: Callable[..., Any],
    client_page: str,
    its_keys: None,
    rows: Callable[..., list[dict[str, Any]]],
) -> None:
    with served(EHRS, cors_origins=client_page) as (house, running):
        context = chromium.new_context(viewport={"width": 1500, "height": 1100})
        context.route(f"{running.ehr}/**", let_be_read)
        context.route("https://**", lambda route: route.abort())
        page = context.new_page()
        statuses: list[tuple[str, int]] = []
        page.on("response", lambda it: statuses.append((it.url, it.status)))
        page.goto(
            f"{client_page}/?fhirServiceUrl={running.ehr}/fhir&patientId=alder"
            f"&serviceDiscoveryURL={running.service}/cds-services"
        )
        page.get_by_text("Clonazepam 2 mg/day since").first.wait_for(timeout=60_000)

        page.get_by_role("button", name="Rx Sign").or_(page.get_by_text("Rx Sign")).first.click()
        page.locator("input[name=medication-input]").fill("clonazepam 1 MG Oral Tablet")
        page.get_by_text("Clonazepam 1 MG Oral Tablet", exact=True).click()
        page.locator("#dosage-frequency").click()
        page.get_by_role("option", name="three times daily").click()
        page.get_by_role("button", name="Sign Order").click()
        page.get_by_text("Clonazepam 3 mg/day (raised from 2) with oxycodone").first.wait_for()

        with page.expect_response("**/feedback"):
            page.get_by_role("button", name="Taper from 2 mg/day").click()
        page.get_by_role("button", name="select dismiss reason").last.click()
        with page.expect_response("**/feedback"):
            page.get_by_role("menuitem").first.click()
        context.close()

        ours = [status for url, status in statuses if url.startswith(running.service)]
        assert set(ours) == {200}
        kept = {row["outcome"] for row in rows(house.engine, "card_feedback")}
        assert kept == {"accepted", "overridden"}
