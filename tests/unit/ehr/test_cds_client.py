"""CDS clients in `ehrs.toml`: who issues tokens, with which keys, and what else they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cds_client import ec, rsa

from ehr.cds_client import CdsClient
from ehr.registry import BadRegistry, parse_registry

HEAD = """\
[[ehr]]
id = "north"
name = "North Clinic"
issuer = "https://north.example.org/fhir"
fhir_base = "https://north.example.org/fhir"
time_zone = "UTC"

[[ehr.cds_clients]]
issuer = "https://north.example.org/cds"
"""
EC, RSA = ec("k1"), rsa("k2")


def client_of(*lines: str) -> CdsClient:
    (ehr,) = parse_registry(HEAD + "\n".join(lines) + "\n")
    (client,) = ehr.cds_clients
    return client


def key_file(folder: Path, *rows: Any) -> Path:
    file = folder / "keys of north.json"
    file.write_text(json.dumps({"keys": rows}))
    return file


def public(key: Any, **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **more}


def test_a_client_needs_an_issuer_and_the_place_of_its_keys() -> None:
    client = client_of('jwks_url = "https://north.example.org/cds/jwks.json/"')
    assert client.issuer == "https://north.example.org/cds"
    # Compared with a token's jku, so it stays as it was written.
    assert client.jwks_url == "https://north.example.org/cds/jwks.json/"
    assert client.algorithms == ("ES384", "RS384")
    assert (client.tenant, client.subject, client.keys) == (None, None, ())


def test_what_else_a_token_has_to_say_is_registered_with_the_client() -> None:
    client = client_of(
        'jwks_url = "https://north.example.org/cds/jwks.json"',
        'algorithms = ["RS256", "ES256", "RS256"]',
        'tenant = "north-1"',
        'subject = "north-ehr"',
    )
    assert client.algorithms == ("RS256", "ES256")
    assert (client.tenant, client.subject) == ("north-1", "north-ehr")


def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    client = client_of(f'jwks_file = "{key_file(tmp_path, public(EC), public(RSA))}"')
    assert [key.kid for key in client.keys] == ["k1", "k2"]
    assert client.jwks_url is None


def test_a_jku_may_be_registered_beside_a_file(tmp_path: Path) -> None:
    """A site without a way out to the EHR's key set, whose EHR names it in every token."""
    client = client_of(
        f'jwks_file = "{key_file(tmp_path, public(EC))}"',
        'jwks_url = "https://north.example.org/cds/jwks.json"',
    )
    assert client.keys
    assert client.jwks_url == "https://north.example.org/cds/jwks.json"


@pytest.mark.parametrize(
    ("lines", "line", "why"),
    [
        ((), 9, "needs a jwks_url or a jwks_file"),
        (('jwks_url = "keys"',), 10, "jwks_url has to be an absolute http or https address"),
        (('jwks_url = "http://north.example.org/k"',), 10, "jwks_url has to be https"),
        (('jwks_url = "https://u:p@north.example.org/k"',), 10, "may not carry a user"),
        (('jwks_url = ""',), 10, "jwks_url has to be a text that is not empty"),
        (('jwks_file = "keys.json"',), 10, "jwks_file has to be an absolute path"),
        (('jwks_file = "/nowhere/keys.json"',), 10, "jwks_file cannot be read: No such file"),
        (('jwks_url = "https://n.example/k"', "algorithms = []"), 11, "has to name one at least"),
        (('jwks_url = "https://n.example/k"', 'algorithms = "ES384"'), 11, "a list of texts"),
        (('jwks_url = "https://n.example/k"', 'algorithms = ["none"]'), 11, "'none' is not taken"),
        (('jwks_url = "https://n.example/k"', 'algorithms = ["HS256"]'), 11, "'HS256' is not"),
        (('jwks_url = "https://n.example/k"', 'algorithms = ["es384"]'), 11, "'es384' is not"),
        (('jwks_url = "https://n.example/k"', "tenant = 7"), 11, "tenant has to be a text"),
        (('jwks_url = "https://n.example/k"', 'subject = ""'), 11, "subject has to be a text"),
        (('jwks_url = "https://n.example/k"', 'jku = "x"'), 11, "'jku' is no setting here"),
    ],
)
def test_a_bad_value_is_told_with_its_line(lines: tuple[str, ...], line: int, why: str) -> None:
    with pytest.raises(BadRegistry) as caught:
        client_of(*lines)
    assert str(caught.value).startswith(f"ehrs.toml, line {line}: ")
    assert why in str(caught.value)


@pytest.mark.filterwarnings("ignore:Key size should be")
@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "holds no public key"),
        ([EC.as_dict(private=True)], "holds a private or a shared key"),
        ([public(EC), RSA.as_dict(private=True)], "holds a private or a shared key"),
        ([{"kty": "oct", "k": "AAAA", "kid": "k1"}], "holds a private or a shared key"),
        ([{name: part for name, part in public(EC).items() if name != "kid"}], "with a kid"),
        ([public(ec("k1", "P-256"))], "fits ES384, RS384"),
        ([public(rsa("k1", 1024))], "fits ES384, RS384"),
        ([public(EC, use="enc")], "holds no public key"),
        (["key", None, 7], "holds no public key"),
    ],
)
def test_a_file_without_a_key_that_could_verify_stops_the_start(
    tmp_path: Path, rows: list[Any], why: str
) -> None:
    with pytest.raises(BadRegistry) as caught:
        client_of(f'jwks_file = "{key_file(tmp_path, *rows)}"')
    assert str(caught.value).startswith("ehrs.toml, line 10: jwks_file holds ")
    assert why in str(caught.value)


def test_a_file_that_is_no_key_set_is_told_without_its_content(tmp_path: Path) -> None:
    file = tmp_path / "keys.pem"
    file.write_text("-----BEGIN PRIVATE KEY-----")
    with pytest.raises(BadRegistry, match=r"jwks_file is no JWK set$"):
        client_of(f'jwks_file = "{file}"')
