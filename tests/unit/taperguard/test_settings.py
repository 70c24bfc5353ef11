"""Settings: development needs none, production refuses every development default at once."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from taperguard import settings
from taperguard.settings import Settings, SettingsRefused

KEY = base64.b64encode(b"k" * 32).decode()

PRODUCTION = {
    "TAPERGUARD_ENV": "production",
    "TAPERGUARD_PUBLIC_URL": "https://taperguard.example.org",
    "TAPERGUARD_DATABASE_URL": "postgresql://tg:geheim@db/tg",
    "TAPERGUARD_BROKER_URL": "rediss://:geheim@broker/0",
    "TAPERGUARD_SEAL_KEYS": f"k2:{KEY},k1:{KEY}",
    "TAPERGUARD_HASH_KEY": KEY,
    "TAPERGUARD_EHRS_FILE": "ehrs.toml",
}


@pytest.fixture
def environment(
    clean_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dict[str, str]], None]:
    def put(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return put


def _problems(given: dict[str, Any] | None = None) -> list[str]:
    with pytest.raises(SettingsRefused) as caught:
        settings.load(**(given or {}))
    return caught.value.problems


def test_development_needs_no_setting_at_all(clean_environment: None) -> None:
    found = settings.load()
    assert (found.env, found.host, found.port, found.sandbox_port) == (
        "development",
        "127.0.0.1",
        8700,
        8701,
    )
    assert found.base_url == "http://127.0.0.1:8700"
    assert found.data.name == ".data"
    assert found.database == f"sqlite:///{found.data}/taperguard.db"


def test_production_names_every_development_default_at_once(
    environment: Callable[..., None],
) -> None:
    environment({"TAPERGUARD_ENV": "production"})
    problems = " ".join(_problems())
    for name in set(PRODUCTION) - {"TAPERGUARD_ENV"}:
        assert f"{name} has to be set in production" in problems


def test_production_starts_when_all_is_set(environment: Callable[..., None]) -> None:
    environment(PRODUCTION)
    assert settings.load().is_production


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("TAPERGUARD_PUBLIC_URL", "http://taperguard.example.org", "has to be https"),
        ("TAPERGUARD_DATABASE_URL", "sqlite:////var/lib/tg.db", "has to be PostgreSQL"),
        ("TAPERGUARD_CORS_ORIGINS", "http://ehr.example.org", "has to be https"),
        ("TAPERGUARD_PROT", "8700", "did you mean TAPERGUARD_PORT?"),
    ],
)
def test_production_refuses_what_only_development_may(
    environment: Callable[..., None], name: str, value: str, why: str
) -> None:
    environment(PRODUCTION | {name: value})
    (problem,) = _problems()
    assert problem.startswith(name)
    assert why in problem


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("TAPERGUARD_PORT", "87OO", "valid integer"),
        ("TAPERGUARD_PORT", "70000", "less than or equal to 65535"),
        ("SANDBOX_PORT", "0", "greater than or equal to 1"),
        ("TAPERGUARD_ENV", "staging", "'development' or 'production'"),
        ("TAPERGUARD_PUBLIC_URL", "taperguard", "absolute http or https address"),
        ("TAPERGUARD_BROKER_URL", "amqp://geheim@host", "redis://"),
        ("TAPERGUARD_DATABASE_URL", "mysql://geheim@host", "postgresql://"),
        ("TAPERGUARD_SEAL_KEYS", "geheim", "id:base64"),
        ("TAPERGUARD_SEAL_KEYS", "k1:geheim", "base64"),
        ("TAPERGUARD_SEAL_KEYS", f"k1:{KEY},k1:{KEY}", "same id"),
        ("TAPERGUARD_HASH_KEY", "Z2VoZWlt", "32 bytes"),
        ("TAPERGUARD_CORS_ORIGINS", "*", "has to be origins"),
        ("TAPERGUARD_CORS_ORIGINS", "https://a.example.org, https://*.example.org", "origins"),
        ("TAPERGUARD_CORS_ORIGINS", "https://a.example.org/page", "without a path"),
        ("TAPERGUARD_CORS_ORIGINS", "https://a.example.org:443", "has to be origins"),
        ("TAPERGUARD_TRUSTED_PROXIES", "*", "addresses or networks"),
        ("TAPERGUARD_TRUSTED_PROXIES", "10.0.0.1/8", "addresses or networks"),
        ("TAPERGUARD_BODY_SECONDS", "0", "greater than 0"),
        ("TAPERGUARD_REQUESTS_AT_ONCE", "0", "greater than or equal to 1"),
        ("TAPERGUARD_REQUESTS_PER_SECOND", "-1", "greater than or equal to 0"),
    ],
)
def test_a_bad_value_is_named_with_its_variable_and_never_quoted(
    environment: Callable[..., None], name: str, value: str, why: str
) -> None:
    environment({name: value})
    (problem,) = _problems()
    assert problem.startswith(f"{name}: ")
    assert why in problem
    assert "geheim" not in problem
    assert KEY not in problem


def test_origins_and_networks_are_lists_with_commas(environment: Callable[..., None]) -> None:
    environment(
        {
            "TAPERGUARD_CORS_ORIGINS": "https://a.example.org, http://localhost:8080",
            "TAPERGUARD_TRUSTED_PROXIES": "10.1.2.3, 172.16.0.0/12",
        }
    )
    found = settings.load()
    assert found.cors_origins == ("https://a.example.org", "http://localhost:8080")
    assert found.trusted_proxies == "10.1.2.3/32,172.16.0.0/12"


def test_a_rate_is_limited_in_production_and_in_development_on_request(
    environment: Callable[..., None],
) -> None:
    assert settings.load().rate_limit is None
    environment({"TAPERGUARD_REQUESTS_PER_SECOND": "2.5"})
    assert settings.load().rate_limit == 2.5
    environment(PRODUCTION | {"TAPERGUARD_REQUESTS_PER_SECOND": ""})
    assert settings.load().rate_limit == 100
    environment({"TAPERGUARD_REQUESTS_PER_SECOND": "0"})
    assert settings.load().rate_limit is None


def test_several_bad_values_are_named_together(environment: Callable[..., None]) -> None:
    environment({"TAPERGUARD_PORT": "x", "TAPERGUARD_LOG_LEVEL": "loud"})
    assert len(_problems()) == 2


def test_secrets_do_not_show_when_settings_are_printed(environment: Callable[..., None]) -> None:
    environment(PRODUCTION)
    assert "geheim" not in repr(settings.load())
    assert KEY not in repr(settings.load())


def test_a_secret_may_stand_in_a_file(environment: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "taperguard_hash_key").write_text(KEY)
    environment({"TAPERGUARD_SECRETS_DIR": str(tmp_path)})
    found = settings.load().hash_key
    assert found is not None
    assert found.get_secret_value() == KEY


def test_a_folder_of_secrets_that_is_missing_is_an_error(
    environment: Callable[..., None], tmp_path: Path
) -> None:
    """Silently starting without the secrets would seal with others."""
    environment({"TAPERGUARD_SECRETS_DIR": str(tmp_path / "nowhere")})
    assert _problems() == ["TAPERGUARD_SECRETS_DIR is no folder"]


def test_a_misspelled_setting_is_noticed() -> None:
    given = {"TAPERGUARD_PROT": "1", "TAPERGUARD_PORT": "1", "TAPERGUARD_RECORDS": "x", "HOME": "/"}
    assert settings.unknown_variables(given) == ["TAPERGUARD_PROT"]


def test_every_setting_is_described() -> None:
    table = settings.describe()
    for name in Settings.model_fields:
        (row,) = re.findall(rf"^\| `{settings.variable(name)}` \|.*$", table, re.MULTILINE)
        assert len(row.split("|")[4].strip()) > 20, f"{name} has no description"


def test_the_database_in_a_folder_with_odd_signs_is_that_file(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    folder = tmp_path / "50 % what? #1"
    address = sa.make_url(make_settings(data=folder).database)
    assert address.database == str(folder / "taperguard.db")
