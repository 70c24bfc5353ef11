"""The only place that builds the store, the registry, the sealer and the letterbox.

For serve, worker, beat, the command line and the tests alike. Build a house after a fork.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property
from pathlib import Path

import httpx2
import redis
from sqlalchemy.engine import Engine

from cds_hooks.trust import USES_KEPT
from clinical.policy import Policy, default_policy
from clinical.policy_file import MalformedPolicy, Policies, parse_policy
from ehr import seal
from ehr.backend import BackendTokens, OwnMemory
from ehr.keys import OurKeys, new_key_set
from ehr.network import http_client
from ehr.registry import ClientAuth, Registry, TrustedEhr, parse_registry, read_registry
from ehr.worker_network import worker_client
from store import card_memory, cards_shown, migrate, outbox
from store.card_memory import Whose
from store.cards_shown import CardsShown
from store.database import make_engine, writing
from store.histories import Histories
from store.sealed_cache import HOOK_SECONDS, WORKER_SECONDS, SealedCache, connect
from store.token_uses import DOOR_REST_SECONDS, DOOR_SECONDS, OwnUses, SharedUses
from taperguard.ehr_clients import EhrClients
from taperguard.histories import DoorHistories, server_opener
from taperguard.refusal import Refusal
from taperguard.rxnorm import folder
from taperguard.settings import Settings, SettingsRefused
from workers.history.read import Reader
from workers.letterbox import Letterbox
from workers.relay import Relay
from workers.report.exports import BulkExports

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The instant, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class House:
    """Everything a process works with. `now` is the one clock of the house."""

    settings: Settings
    engine: Engine
    registry: Registry
    sealer: seal.Sealer
    policies: Policies
    relay: Relay = field(repr=False)
    clock: Clock = field(default=utc_now, repr=False)
    alone: bool = False

    def now(self) -> datetime:
        """The instant, in UTC."""
        return self.clock()

    def today(self, ehr: TrustedEhr) -> date:
        """The date where the EHR's clinic is (CLINICAL 1)."""
        return self.clock().astimezone(ehr.time_zone).date()

    def promise_cards_shown(
        self,
        cards: CardsShown,
        whose: Whose | None = None,
        facts: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Keep that these cards were shown, and by card and check on which facts they stand.

        One row in the outbox and one a card in the memory, in one transaction. No broker is
        touched. Raises what the database raises; then nothing was promised.
        """
        if not cards.cards:
            return
        with writing(self.engine) as connection:
            outbox.put(
                connection,
                cards_shown.KIND,
                cards.to_payload(),
                sealer=self.sealer,
                now=self.now(),
            )
            if whose is not None and facts:
                card_memory.remember(connection, whose, facts, sealer=self.sealer, now=self.now())
        self.relay.wake()

    @cached_property
    def histories(self) -> DoorHistories:
        """Kept histories for the doors: a hook waits for Redis no longer than a moment."""
        return DoorHistories(
            registry=self.registry,
            engine=self.engine,
            sealer=self.sealer,
            relay=self.relay,
            kept=self._kept_histories(HOOK_SECONDS),
            now=self.now,
            fresh=timedelta(minutes=self.settings.history_fresh_minutes),
        )

    @cached_property
    def history_reader(self) -> Reader:
        """Reads histories; made when a worker first needs it."""
        return Reader(
            engine=self.engine,
            sealer=self.sealer,
            registry=self.registry,
            kept=self._kept_histories(WORKER_SECONDS),
            open_server=server_opener(self.tokens, self.registry.private_hosts),
            now=self.now,
            fresh=timedelta(minutes=self.settings.history_fresh_minutes),
        )

    def _kept_histories(self, seconds: float) -> Histories:
        cache = SealedCache(connect(self.settings.broker, seconds), self.sealer)
        return Histories(cache, life=timedelta(hours=self.settings.history_kept_hours))

    @cached_property
    def tokens(self) -> BackendTokens:
        """Access tokens for work without a user; made when a worker first needs one."""
        return BackendTokens(
            keys=our_keys(self.settings, self.registry),
            cache=OwnMemory(self.now)
            if self.alone
            else SealedCache(connect(self.settings.broker, WORKER_SECONDS), self.sealer),
            now=self.now,
            http=self.http,
        )

    @cached_property
    def token_uses(self) -> SharedUses:
        """Which tokens of CDS clients were used. Only development does without Redis."""
        cache = SealedCache(
            connect(self.settings.broker, DOOR_SECONDS),
            self.sealer,
            rest_seconds=DOOR_REST_SECONDS,
        )
        own = None if self.settings.is_production else OwnUses(self.now, USES_KEPT)
        return SharedUses(cache, USES_KEPT, otherwise=own)

    @cached_property
    def ehr_clients(self) -> EhrClients:
        """Clients of EHRs for hooks."""
        return EhrClients(self.registry, authorities())

    @property
    def exports_folder(self) -> Path:
        """Below it each export has its folder."""
        return self.settings.data / "exports"

    @property
    def reports_folder(self) -> Path:
        """Below it each report that is being made has its folder."""
        return self.settings.data / "reports"

    @property
    def report_at(self) -> time:
        """From which time of day on a night's report is made."""
        return self.settings.report_at

    def policy_of(self, ehr_id: str) -> Policy:
        """The site's choices where this EHR is used."""
        return self.policies.of(ehr_id)

    @cached_property
    def exports(self) -> BulkExports:
        """Bulk Data exports for the report."""
        return BulkExports(self)

    @property
    def lease(self) -> timedelta:
        """After so long without a sign of life a worker's step is somebody else's."""
        return timedelta(seconds=self.settings.outbox_lease_seconds)

    def http(self) -> httpx2.Client:
        """A client for one piece of work of a worker; it follows no redirects."""
        return worker_http(self.registry.private_hosts)

    def migrations_at_head(self) -> bool:
        """Whether the database is reachable (else it raises) and as this code needs it."""
        return migrate.at_head(self.engine)

    def broker_answers(self, seconds: float = 0.5) -> bool:
        """Whether the broker answers a PING in time."""
        url = self.settings.broker.replace("redis+socket://", "unix://", 1)
        client = redis.Redis.from_url(
            url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=None
        )
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False
        finally:
            client.close()

    def close(self) -> None:
        """Give up connections."""
        self.relay.stop()
        for made in ("histories", "history_reader"):
            if made in self.__dict__:
                kept: Histories = getattr(self, made).kept
                kept.close()
        if "token_uses" in self.__dict__:
            self.token_uses.close()
        self.engine.dispose()


def build(settings: Settings, *, clock: Clock = utc_now, alone: bool = False) -> House:
    """A house for this process. Raises BadRegistry, MalformedKey, UnusableDatabaseUrl or Refusal.

    `alone`: a command that shares nothing with workers and needs no Redis.
    """
    folder.adopt(settings.knowledge)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = registry(settings)
    chosen = policies(settings, known)
    engine = make_engine(settings.database)
    return House(
        settings=settings,
        engine=engine,
        registry=known,
        policies=chosen,
        sealer=sealer(settings),
        relay=Relay(
            engine,
            Letterbox(settings.broker),
            clock=clock,
            lease=timedelta(seconds=settings.outbox_lease_seconds),
        ),
        clock=clock,
        alone=alone,
    )


def registry(settings: Settings) -> Registry:
    """The EHRs we trust. Raises BadRegistry."""
    if settings.ehrs_file is not None:
        return read_registry(settings.ehrs_file)
    # The default knows the sandbox at its usual port; a demo may have moved it.
    text = settings.registry_file.read_text(encoding="utf-8")
    moved = text.replace("//localhost:8701", f"//localhost:{settings.sandbox_port}")
    return parse_registry(moved, settings.registry_file.name)


def policies(settings: Settings, registry: Registry) -> Policies:
    """The policy of every EHR, with the tablets that its pharmacy stocks. Raises Refusal."""
    given = _site_policies(settings.policy_file, registry)
    return Policies(
        given.site,
        {ehr.id: replace(given.of(ehr.id), tablets=ehr.tablets) for ehr in registry},
    )


def _site_policies(file: Path | None, registry: Registry) -> Policies:
    if file is None:
        return Policies(default_policy())
    try:
        return parse_policy(file.read_text(encoding="utf-8"), [ehr.id for ehr in registry])
    except MalformedPolicy as error:
        line = "" if error.line is None else f", line {error.line}"
        raise Refusal(f"{file.name}{line}: {error.reason}") from None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Refusal(f"TAPERGUARD_POLICY_FILE: {file.name} cannot be read: {why}") from None


def sealer(settings: Settings) -> seal.Sealer:
    """The sealer with the keys of the settings, or of this machine's data folder. MalformedKey."""
    keys = (
        settings.seal_keys.get_secret_value()
        if settings.seal_keys is not None
        else kept_secret(settings.data, "seal_keys", lambda: f"dev:{seal.new_secret()}")
    )
    hash_key = (
        settings.hash_key.get_secret_value()
        if settings.hash_key is not None
        else kept_secret(settings.data, "hash_key", seal.new_secret)
    )
    return seal.Sealer(seal.parse_keys(keys), seal.parse_secret(hash_key))


def kept_secret(data: Path, name: str, make: Callable[[], str]) -> str:
    """A development secret: made once, readable by its owner only, the same for all processes."""
    folder = data / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / name
    if not file.exists():
        # Written whole under another name, then linked: of several processes that start at
        # once one wins, and none reads half a key. mkstemp makes files of mode 0600.
        handle, draft = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as out:
                out.write(make())
                out.flush()
                os.fsync(out.fileno())
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            os.unlink(draft)
    file.chmod(0o600)
    return file.read_text(encoding="ascii")


def our_keys(settings: Settings, registry: Registry) -> OurKeys | None:
    """Our signing keys: given, or in development made once; None where nobody needs any.

    Raises MalformedKeys or SettingsRefused.
    """
    if settings.signing_keys is not None:
        return _keys(settings.signing_keys.get_secret_value())
    if not settings.is_production:
        return _keys(kept_secret(settings.data, "signing_keys", new_key_set))
    needing = [
        ehr.id
        for ehr in registry
        if ehr.client_auth is ClientAuth.KEY or ehr.backend_client_id is not None
    ]
    if needing:
        raise SettingsRefused(
            [f"TAPERGUARD_SIGNING_KEYS has to be set: {', '.join(needing)} uses private_key_jwt"]
        )
    return None


@cache
def _keys(text: str) -> OurKeys:
    """A private RSA key is proven when it is read, which takes a tenth of a second: once."""
    return OurKeys(text)


_TIMEOUT = httpx2.Timeout(20, connect=5)


def worker_http(private_hosts: Collection[str]) -> httpx2.Client:
    """A client for one piece of work of a worker; its connections are guarded (`ehr.network`)."""
    return worker_client(private_hosts, trust=authorities(), timeout=_TIMEOUT)


def door_http(private_hosts: Collection[str]) -> httpx2.AsyncClient:
    """A client for one piece of work of a door; its connections are guarded (`ehr.network`)."""
    limits = httpx2.Limits(max_connections=20)
    return http_client(private_hosts, trust=authorities(), timeout=_TIMEOUT, limits=limits)


@cache
def authorities() -> ssl.SSLContext:
    """The authorities of this machine; read once, they are many."""
    return ssl.create_default_context()
