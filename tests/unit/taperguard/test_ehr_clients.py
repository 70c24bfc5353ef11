"""The EHR clients of hooks: connections are shared, tokens and event loops are not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import httpx2
import pytest
from paged_ehr import PATIENT, PagedEhr, registry_text

from ehr.breaker import FAILURES_TO_OPEN
from ehr.errors import EhrError
from ehr.registry import TrustedEhr, parse_registry
from taperguard.ehr_clients import EhrClients

TOKENS = ("token-of-one", "token-of-another")


@pytest.fixture
def server() -> Iterator[PagedEhr]:
    running = PagedEhr()
    running.valid |= set(TOKENS)
    running.start()
    yield running
    running.stop()


def registered(base: str) -> tuple[EhrClients, TrustedEhr]:
    registry = parse_registry(registry_text(base))
    (ehr,) = registry
    return EhrClients(registry, ssl.create_default_context()), ehr


def test_hooks_share_connections_and_each_has_its_own_token(server: PagedEhr) -> None:
    clients, ehr = registered(server.base)

    async def hooks() -> set[httpx2.AsyncClient]:
        seen = set()
        for token in TOKENS:
            client = clients.open(ehr, token, 5)
            assert (await client.read(f"Patient/{PATIENT}"))["id"] == PATIENT
            seen.add(client._http)
        await clients.close()
        return seen

    first = asyncio.run(hooks())
    assert len(first) == 1
    # Another event loop cannot use the connections of the first.
    assert asyncio.run(hooks()).isdisjoint(first)
    assert [one.headers["authorization"] for one in server.asked] == [
        f"Bearer {token}" for token in (*TOKENS, *TOKENS)
    ]


def test_hooks_share_the_breaker_of_their_ehr() -> None:
    clients, ehr = registered("http://127.0.0.1:9/fhir")

    async def hooks() -> str:
        said = ""
        for number in range(FAILURES_TO_OPEN + 1):
            with pytest.raises(EhrError) as error:
                await clients.open(ehr, f"token-{number}", 0.2).read("Patient/x")
            said = str(error.value)
        await clients.close()
        return said

    assert "failed several times in a row" in asyncio.run(hooks())
