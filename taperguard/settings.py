"""Every setting, from the environment or from files of secrets. `describe()` is its manual.

Development needs none of them. Production refuses every development default at the start and
names all of them at once.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from datetime import time
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ehr import guard, seal
from ehr.keys import OurKeys
from taperguard.refusal import Refusal

PREFIX = "TAPERGUARD_"
PRODUCTION_RATE = 100.0
"""Requests a second of one caller: a loop or a flood, never the orders of a hospital."""
# Read by the tests only; named here so that it is not taken for a misspelled setting.
_NOT_SETTINGS = ("TAPERGUARD_RECORDS", "TAPERGUARD_SECRETS_DIR")
_PACKAGE = Path(__file__).parent


class SettingsRefused(Refusal):
    """The settings cannot be used; `problems` holds one sentence for each reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _default_data() -> Path:
    project = _PACKAGE.parent
    return (project if (project / "pyproject.toml").exists() else Path.cwd()) / ".data"


class Settings(BaseSettings):
    """The settings of one process; immutable."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    env: Literal["development", "production"] = Field(
        default="development",
        description=(
            "`development` accepts hooks without a client token and says so in every answer; "
            "`production` never does and refuses every development default at start."
        ),
    )
    data: Path = Field(
        default_factory=_default_data,
        description="Folder of all that is kept on this machine.",
        json_schema_extra={"default_words": "`.data/` in the project"},
    )
    host: str = Field(default="127.0.0.1", description="Address on which the service listens.")
    port: int = Field(
        default=8700, ge=1, le=65535, description="Port on which the service listens."
    )
    public_url: str | None = Field(
        default=None,
        description="Address under which EHRs and browsers reach the service.",
        json_schema_extra={
            "default_words": "`http://127.0.0.1:PORT`",
            "production": "required, https",
        },
    )
    sandbox_port: int = Field(
        default=8701,
        ge=1,
        le=65535,
        validation_alias="SANDBOX_PORT",
        description="Port of the sandbox EHR on localhost (`taperguard demo` only).",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="Database: `postgresql://...`, or `sqlite:////path/file.db` in development.",
        json_schema_extra={
            "default_words": "SQLite in the data folder",
            "production": "required, PostgreSQL",
        },
    )
    broker_url: SecretStr | None = Field(
        default=None,
        description="Redis or Valkey that carries tasks to the workers: "
        "`redis://`, `rediss://` or `redis+socket:///path`.",
        json_schema_extra={
            "default_words": "`redis://127.0.0.1:6379/0`; the demo starts its own",
            "production": "required",
        },
    )
    seal_keys: SecretStr | None = Field(
        default=None,
        description="Keys that seal patient data at rest, `id:base64` of 32 bytes, separated by "
        "commas: the first seals, all open (put a new key first, keep the old one).",
        json_schema_extra={
            "default_words": "made once in the data folder",
            "production": "required",
        },
    )
    hash_key: SecretStr | None = Field(
        default=None,
        description="Key of patient fingerprints, base64 of 32 bytes; never changed, or earlier "
        "records of a patient are no longer found.",
        json_schema_extra={
            "default_words": "made once in the data folder",
            "production": "required",
        },
    )
    signing_keys: SecretStr | None = Field(
        default=None,
        description="Private keys with which this service signs in to EHRs (`private_key_jwt`): a "
        "JWK set of EC P-384 and RSA keys, each with `kid` and `alg` ES384 or RS384.",
        json_schema_extra={
            "default_words": "made once in the data folder",
            "production": "required for private_key_jwt",
        },
    )
    ehrs_file: Path | None = Field(
        default=None,
        description="The EHRs we trust (TOML; `taperguard/ehrs.toml` explains each value).",
        json_schema_extra={"default_words": "the sandbox only", "production": "required"},
    )
    policy_file: Path | None = Field(
        default=None,
        description="The site's clinical policy (TOML): thresholds, checks, paces, links, and what "
        "differs at one EHR. Only what differs from `taperguard/policy.toml`, which explains each "
        "value, has to stand in it.",
        json_schema_extra={"default_words": "as shipped"},
    )
    knowledge: Path | None = Field(
        default=None,
        description="Folder of the site's own drug tables, made by `taperguard knowledge import`; "
        "they are read at the start, over the shipped ones.",
        json_schema_extra={"default_words": "the shipped tables only"},
    )
    worker_processes: int = Field(
        default=2, ge=1, le=64, description="Processes of one Celery worker."
    )
    outbox_lease_seconds: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="Seconds after which a promise that was posted and not kept is posted again, "
        "and a step of an export whose worker gave no sign of life is taken again.",
    )
    report_at: time = Field(
        default=time(2),
        description="From which time of day on, where the EHR's clinic is, the report of the night "
        "is made, like `02:00`.",
        json_schema_extra={"default_words": "`02:00`"},
    )
    history_kept_hours: int = Field(
        default=12,
        ge=1,
        le=72,
        description="Hours that a medication history read in the background is kept (sealed).",
    )
    history_fresh_minutes: int = Field(
        default=60,
        ge=1,
        le=1440,
        description="Minutes in which a kept history may close a gap and is not read again.",
    )
    body_seconds: float = Field(
        default=10,
        gt=0,
        le=300,
        description="Seconds in which the body of a request has to come.",
    )
    requests_at_once: int = Field(
        default=200,
        ge=1,
        le=10_000,
        description="Requests that one process answers at the same time; one more is told to come "
        "again.",
    )
    requests_per_second: float | None = Field(
        default=None,
        ge=0,
        le=100_000,
        description="Requests a second of one CDS client (by its token) or else of one address, "
        "on average and per process, with a burst of five seconds' worth; 0 is without limit.",
        json_schema_extra={"default_words": "no limit; in production `100`"},
    )
    trusted_proxies: str = Field(
        default="127.0.0.1",
        description="Addresses or networks of your proxies, separated by commas, whose "
        "`X-Forwarded-For` says from where a request comes.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins of browser pages that may call the CDS service "
        "(`https://ehr.example.org`), separated by commas; never `*`.",
        json_schema_extra={"default_words": "none"},
    )
    hook_fetch_seconds: float = Field(
        default=0.3,
        ge=0,
        le=5,
        description="Seconds in which a hook fetches from the EHR what its prefetch lacks; what is "
        "not there by then is named in the answer. `0` fetches nothing.",
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="Log records as JSON lines or for a person's eye."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least severe log record that is written."
    )

    @field_validator("report_at", mode="before")
    @classmethod
    def _a_time_of_day(cls, value: object) -> object:
        if isinstance(value, str) and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value, re.ASCII):
            raise ValueError("has to be a time of day like 02:00")
        return value

    @field_validator("trusted_proxies", mode="after")
    @classmethod
    def _networks(cls, value: str) -> str:
        try:
            return ",".join(str(ip_network(one.strip())) for one in value.split(","))
        except ValueError:
            raise ValueError("has to be addresses or networks, separated by commas") from None

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        """Each as a browser writes it, or it would never match."""
        if not isinstance(value, str):
            return value
        return tuple(one.strip() for one in value.split(",") if one.strip())

    @field_validator("cors_origins", mode="after")
    @classmethod
    def _each_an_origin(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                is_origin = guard.origin(one) == one
            except guard.Elsewhere:
                is_origin = False
            if not is_origin:
                raise ValueError("has to be origins like https://ehr.example.org, without a path")
        return value

    @field_validator("data", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("public_url", mode="after")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("has to be an absolute http or https address")
        return value.rstrip("/")

    @field_validator("broker_url", mode="after")
    @classmethod
    def _a_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(
            ("redis://", "rediss://", "redis+socket:///")
        ):
            raise ValueError("has to begin with redis://, rediss:// or redis+socket:///")
        return value

    @field_validator("database_url", mode="after")
    @classmethod
    def _a_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(
            ("sqlite:", "postgresql:", "postgresql+psycopg:")
        ):
            raise ValueError("has to begin with sqlite:// or postgresql://")
        return value

    @field_validator("seal_keys", mode="after")
    @classmethod
    def _usable_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            seal.parse_keys(value.get_secret_value())
        return value

    @field_validator("hash_key", mode="after")
    @classmethod
    def _usable_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            seal.parse_secret(value.get_secret_value())
        return value

    @field_validator("signing_keys", mode="after")
    @classmethod
    def _usable_signing_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            OurKeys(value.get_secret_value())
        return value

    @property
    def is_production(self) -> bool:
        """Whether real patients may be concerned."""
        return self.env == "production"

    @property
    def rate_limit(self) -> float | None:
        """Requests a second of one caller; None is without limit."""
        if self.requests_per_second is None:
            return PRODUCTION_RATE if self.is_production else None
        return self.requests_per_second or None

    @property
    def base_url(self) -> str:
        """The service's address as others reach it, without a trailing slash."""
        return self.public_url or f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        """The database's address; it may hold a password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        # As a URL: a folder may have a space, a percent or a question mark in its path.
        path = str(self.data / "taperguard.db")
        for sign, code in (("%", "%25"), ("?", "%3F"), ("#", "%23")):
            path = path.replace(sign, code)
        return f"sqlite:///{path}"

    @property
    def broker(self) -> str:
        """The broker's address; it may hold a password."""
        if self.broker_url is not None:
            return self.broker_url.get_secret_value()
        return "redis://127.0.0.1:6379/0"

    @property
    def registry_file(self) -> Path:
        """The file of EHRs we trust."""
        return self.ehrs_file or _PACKAGE / "ehrs.toml"


def load(**given: Any) -> Settings:
    """The settings of this process. Raises SettingsRefused with every reason at once.

    `given` overrides the environment (tests, the demo); keys are field names.
    """
    secrets = os.environ.get("TAPERGUARD_SECRETS_DIR")
    if secrets and not Path(secrets).is_dir():
        raise SettingsRefused(["TAPERGUARD_SECRETS_DIR is no folder"])
    if secrets:
        given = {"_secrets_dir": secrets, **given}
    if "sandbox_port" in given:
        given["SANDBOX_PORT"] = given.pop("sandbox_port")
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise SettingsRefused(_sentences(error)) from None
    problems = production_problems(settings) if settings.is_production else []
    if problems:
        raise SettingsRefused(problems)
    return settings


def production_problems(settings: Settings) -> list[str]:
    """Every development default that production refuses, each as one sentence."""
    problems = [
        f"{variable(name)} has to be set in production"
        for name in ("public_url", "database_url", "broker_url", "seal_keys", "hash_key")
        if getattr(settings, name) is None
    ]
    if settings.ehrs_file is None:
        problems.append(
            "TAPERGUARD_EHRS_FILE has to be set in production: the default trusts only the sandbox"
        )
    if settings.public_url is not None and not settings.public_url.startswith("https://"):
        problems.append("TAPERGUARD_PUBLIC_URL has to be https in production")
    if any(not origin.startswith("https://") for origin in settings.cors_origins):
        problems.append("TAPERGUARD_CORS_ORIGINS has to be https in production")
    if settings.database_url is not None and settings.database.startswith("sqlite"):
        problems.append("TAPERGUARD_DATABASE_URL has to be PostgreSQL in production")
    problems += [f"{name} is no setting{_nearest(name)}" for name in unknown_variables()]
    return problems


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """Variables with our prefix that are no setting: most likely misspelled."""
    known = {variable(name) for name in Settings.model_fields} | set(_NOT_SETTINGS)
    environment = os.environ if environment is None else environment
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def variable(name: str) -> str:
    """The environment variable of a field."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else PREFIX + name.upper()


def describe() -> str:
    """All settings as a Markdown table: variable, default, production, meaning."""
    lines = ["| variable | default | production | meaning |", "|---|---|---|---|"]
    for name, info in Settings.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        default = extra.get("default_words") or f"`{info.default}`"
        required = extra.get("production", "")
        lines.append(f"| `{variable(name)}` | {default} | {required} | {info.description} |")
    lines.append(
        "| `TAPERGUARD_SECRETS_DIR` | |  | Folder whose files hold secrets: a file "
        "`taperguard_seal_keys` is `TAPERGUARD_SEAL_KEYS`, and so on. |"
    )
    return "\n".join(lines) + "\n"


def _sentences(error: ValidationError) -> list[str]:
    """One sentence for each refused value, without the value: it may be a secret."""
    sentences = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        place = str(problem["loc"][0]) if problem["loc"] else ""
        name = variable(place) if place in Settings.model_fields else place
        reason = problem["msg"].removeprefix("Value error, ")
        sentences.append(f"{name}: {reason[0].lower()}{reason[1:]}")
    return sentences


def _nearest(name: str) -> str:
    known = [variable(field) for field in Settings.model_fields]
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
