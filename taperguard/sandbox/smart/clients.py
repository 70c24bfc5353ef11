"""The apps that are registered with this EHR: read from clients.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PUBLIC = "none"
BY_KEY = "private_key_jwt"
_FILE = Path(__file__).parent / "clients.toml"


@dataclass(frozen=True, slots=True)
class Client:
    """One app. `jwks` are its public keys, or `jwks_url` is where they are; a public one has none.

    `redirect_uris` and `launch_urls` are compared letter by letter.
    """

    id: str
    name: str
    authentication: str
    redirect_uris: tuple[str, ...]
    launch_urls: tuple[str, ...]
    scopes: tuple[str, ...]
    jwks_url: str = ""
    jwks: Mapping[str, Any] | None = None


def read_clients(service_url: str, file: Path = _FILE) -> dict[str, Client]:
    """The registered apps by their id, with the service's address filled in.

    ValueError for a registration that cannot be.
    """
    with file.open("rb") as opened:
        said = tomllib.load(opened)
    clients: dict[str, Client] = {}
    for table in said.get("client", []):
        client = _client(table, service_url.rstrip("/"))
        if client.id in clients:
            raise ValueError(f"the client {client.id!r} is registered twice")
        clients[client.id] = client
    return clients


def _client(table: Mapping[str, Any], service_url: str) -> Client:
    def filled(text: str) -> str:
        return text.replace("{service_url}", service_url)

    client = Client(
        id=table["id"],
        name=table["name"],
        authentication=table["authentication"],
        redirect_uris=tuple(map(filled, table["redirect_uris"])),
        launch_urls=tuple(map(filled, table["launch_urls"])),
        scopes=tuple(table["scopes"]),
        jwks_url=filled(table.get("jwks_url", "")),
        jwks=table.get("jwks"),
    )
    if client.authentication not in (PUBLIC, BY_KEY):
        raise ValueError(f"the client {client.id!r} has an unknown kind of authentication")
    has_keys = bool(client.jwks_url) or client.jwks is not None
    if has_keys != (client.authentication == BY_KEY):
        raise ValueError(f"the client {client.id!r}: keys go with private_key_jwt, and only there")
    return client
