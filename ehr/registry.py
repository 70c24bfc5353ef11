"""The EHRs we trust, read from `ehrs.toml`. What is not written there is not trusted.

A bad value stops the start with file, line and reason: an EHR that is half understood would
be trusted half.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from clinical.taper import CannotTaper, TabletProduct, default_products, products_of
from ehr import guard
from ehr.cds_client import ALGORITHMS, USUAL_ALGORITHMS, BadKeyFile, CdsClient, read_key_file
from ehr.keys import PublicKey
from ehr.needs import OPTIONAL, STATEMENTS
from ehr.quirks import QUIRKS

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")
_USER = re.compile(r"(?:Practitioner|PractitionerRole|Person)/[A-Za-z0-9.-]{1,64}", re.ASCII)
_FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

ANYBODY = "any"
"""In `report_readers`: whoever this EHR signs in."""


class BadRegistry(ValueError):
    """`ehrs.toml` cannot be used. The sentence names file, line and reason."""


class DraftsOnCard(StrEnum):
    """How many orders of a taper a card offers (CLINICAL 4): every step, or the first."""

    ALL = "all"
    FIRST_STEP = "first-step"


class ClientAuth(StrEnum):
    """How we show who we are at the token endpoint (SMART App Launch 2.2, 4 and 5)."""

    PUBLIC = "public"
    SECRET = "client_secret_basic"  # noqa: S105  the method's name
    KEY = "private_key_jwt"


@dataclass(frozen=True, slots=True)
class TrustedEhr:
    """One EHR we trust. Addresses have no trailing slash.

    `scopes` replace what the SMART app asks for by itself. `endpoint_origins` are origins other
    than the issuer's on which its sign-in may live; `page_origins` are those of the EHR's own
    pages, which may show the app in a frame (without any: the issuer's origin).

    `report_readers` may see the population report with small numbers withheld, `worklist_readers`
    all of its numbers and the patients behind them: users as fhirUser references ("Type/id").

    `backend_client_id` is ours for work without a user (SMART Backend Services, always by key);
    without one nothing is read in the background. `backend_scopes` replace what such work asks
    for by itself, `bulk_group_id` is the FHIR id of the Group that is exported every night.

    `tablets` are the clonazepam tablets that its pharmacy stocks: tapers are made of them.
    `prefetch` are the optional lists (keys of `ehr.needs`) that it is asked for with each hook.
    `private_addresses`: its names may lead into a private network.
    """

    id: str
    name: str
    issuer: str
    fhir_base: str
    time_zone: ZoneInfo
    drafts_on_card: DraftsOnCard = DraftsOnCard.ALL
    client_id: str | None = None
    client_auth: ClientAuth = ClientAuth.PUBLIC
    client_secret_file: Path | None = None
    scopes: tuple[str, ...] = ()
    endpoint_origins: tuple[str, ...] = ()
    page_origins: tuple[str, ...] = ()
    cds_clients: tuple[CdsClient, ...] = ()
    report_readers: tuple[str, ...] = ()
    worklist_readers: tuple[str, ...] = ()
    quirks: frozenset[str] = frozenset()
    backend_client_id: str | None = None
    backend_scopes: tuple[str, ...] = ()
    bulk_group_id: str | None = None
    tablets: tuple[TabletProduct, ...] = field(default_factory=default_products)
    prefetch: tuple[str, ...] = (STATEMENTS.key,)
    private_addresses: bool = False


class Registry:
    """All EHRs we trust, found by what a request says of itself."""

    def __init__(self, ehrs: tuple[TrustedEhr, ...]) -> None:
        self._ehrs = ehrs
        self._by_id = {ehr.id: ehr for ehr in ehrs}
        self._by_base = {ehr.fhir_base: ehr for ehr in ehrs}
        self._by_issuer = {ehr.issuer: ehr for ehr in ehrs}
        self._by_client = {
            client.issuer: (ehr, client) for ehr in ehrs for client in ehr.cds_clients
        }

    def __iter__(self) -> Iterator[TrustedEhr]:
        return iter(self._ehrs)

    def __len__(self) -> int:
        return len(self._ehrs)

    @property
    def private_hosts(self) -> frozenset[str]:
        """Hosts that may have an address in a private network: those of registrations that say so,
        and this machine where an EHR is registered on it.
        """
        hosts: set[str] = set()
        for ehr in self._ehrs:
            key_sets = (client.jwks_url or "" for client in ehr.cds_clients)
            addresses = (ehr.issuer, ehr.fhir_base, *ehr.endpoint_origins, *key_sets)
            names = {urlsplit(address).hostname or "" for address in addresses}
            hosts |= names if ehr.private_addresses else names & set(_THIS_MACHINE)
        return frozenset(hosts)

    def get(self, ehr_id: str) -> TrustedEhr | None:
        """The EHR of this id."""
        return self._by_id.get(ehr_id)

    def by_fhir_base(self, url: str) -> TrustedEhr | None:
        """The EHR whose FHIR base this is; a trailing slash makes no difference."""
        return self._by_base.get(url.rstrip("/"))

    def by_issuer(self, issuer: str) -> TrustedEhr | None:
        """The EHR whose SMART issuer (`iss`) this is."""
        return self._by_issuer.get(issuer.rstrip("/"))

    def by_cds_issuer(self, issuer: str) -> tuple[TrustedEhr, CdsClient] | None:
        """The EHR and the client whose JWT issuer this is, exactly as registered."""
        return self._by_client.get(issuer)


def read_registry(file: Path) -> Registry:
    """The EHRs of a file. Raises BadRegistry."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadRegistry(f"{file.name}: cannot be read: {why}") from None
    return parse_registry(text, file.name)


def parse_registry(text: str, name: str = "ehrs.toml") -> Registry:
    """The EHRs of a TOML text. Raises BadRegistry."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRegistry(f"{name}: not TOML: {error}") from None
    place = _Place(name, text)
    for key in document:
        if key != "ehr":
            raise place.bad((), key, f"{key!r} is no setting here; EHRs stand under [[ehr]]")
    entries = document.get("ehr", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise place.bad((), "ehr", "EHRs are written as [[ehr]] tables")
    if not entries:
        raise BadRegistry(f"{name}: no [[ehr]] is registered")
    ehrs = tuple(_ehr(_Table(entry, place, (index,))) for index, entry in enumerate(entries))
    _refuse_repeats(ehrs, place)
    return Registry(ehrs)


class _Place:
    """Finds the line of a value, so that the person who wrote it finds it too."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._lines = text.splitlines()

    def bad(self, path: tuple[int, ...], key: str, why: str) -> BadRegistry:
        line = self._line(path, key)
        return BadRegistry(f"{self._name}{f', line {line}' if line else ''}: {why}")

    def _line(self, path: tuple[int, ...], key: str) -> int | None:
        """The line of the key, else of the table's head. `path`: which [[ehr]], which client."""
        at: tuple[int, ...] = ()
        head: int | None = None
        for number, line in enumerate(self._lines, start=1):
            table = re.match(r"\s*\[+\s*([\w.\"-]+)\s*\]+", line)
            if table:
                if table[1] == "ehr":
                    at = ((at[0] + 1) if at else 0,)
                elif table[1] == "ehr.cds_clients" and at:
                    at = (at[0], (at[1] + 1) if len(at) > 1 else 0)
                if at == path:
                    head = number
            elif at == path and re.match(rf'\s*"?{re.escape(key)}"?\s*[=.]', line):
                return number
        return head


class _Table:
    """One table of the file: each value is taken once; what is left over is unknown."""

    def __init__(self, values: Mapping[str, Any], place: _Place, path: tuple[int, ...]) -> None:
        self._values = dict(values)
        self._place = place
        self.path = path

    def bad(self, key: str, why: str) -> BadRegistry:
        return self._place.bad(self.path, key, why)

    def text(self, key: str) -> str:
        value = self.optional_text(key)
        if value is None:
            raise self.bad(key, f"{key} is missing")
        return value

    def optional_text(self, key: str) -> str | None:
        value = self._values.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.bad(key, f"{key} has to be a text that is not empty")
        return value

    def url(self, key: str) -> str:
        value = self.text(key)
        why = _why_no_url(value)
        if why:
            raise self.bad(key, f"{key} {why}")
        return value.rstrip("/")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def texts(self, key: str) -> list[str]:
        value = self._values.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.bad(key, f"{key} has to be a list of texts")
        return value

    def flag(self, key: str) -> bool:
        value = self._values.pop(key, False)
        if not isinstance(value, bool):
            raise self.bad(key, f"{key} is true or false")
        return value

    def origins(self, key: str) -> tuple[str, ...]:
        found = []
        for value in self.texts(key):
            why = _why_no_url(value)
            if why is None and urlsplit(value).path not in ("", "/"):
                why = "has to be an origin: scheme, host and port without a path"
            if why:
                raise self.bad(key, f"{key}: {value!r} {why}")
            found.append(guard.origin(value))
        return tuple(found)

    def tables(self, key: str) -> list[_Table]:
        value = self._values.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.bad(key, f"{key} are written as [[ehr.{key}]] tables")
        return [_Table(item, self._place, (*self.path, index)) for index, item in enumerate(value)]

    def nothing_else(self) -> None:
        for key in self._values:
            raise self.bad(key, f"{key!r} is no setting here")


def _why_no_url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        return "has to be an absolute http or https address"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "may not carry a user, a query or a fragment"
    if re.search(r"\s", value):
        return "may not hold spaces"
    if parts.scheme == "http" and parts.hostname not in _THIS_MACHINE:
        return "has to be https: http is only for this machine (localhost)"
    return None


def _ehr(table: _Table) -> TrustedEhr:
    ehr_id = table.text("id")
    if not _ID.fullmatch(ehr_id):
        raise table.bad("id", "id has to be lower-case letters, digits and hyphens")
    quirks = table.texts("quirks")
    for quirk in quirks:
        if quirk not in QUIRKS:
            known = ", ".join(sorted(QUIRKS))
            raise table.bad("quirks", f"quirk {quirk!r} is not known (known: {known})")
    client_id = table.optional_text("client_id")
    client_auth = _client_auth(table, client_id)
    backend_client_id = table.optional_text("backend_client_id")
    ehr = TrustedEhr(
        id=ehr_id,
        name=table.text("name"),
        issuer=table.url("issuer"),
        fhir_base=table.url("fhir_base"),
        time_zone=_time_zone(table),
        drafts_on_card=_drafts_on_card(table),
        client_id=client_id,
        client_auth=client_auth,
        client_secret_file=_secret_file(table, client_auth),
        scopes=_scopes(table),
        endpoint_origins=table.origins("endpoint_origins"),
        page_origins=table.origins("page_origins"),
        cds_clients=tuple(_cds_client(client) for client in table.tables("cds_clients")),
        report_readers=_readers(table, "report_readers", anybody=True),
        worklist_readers=_readers(table, "worklist_readers", anybody=False),
        quirks=frozenset(quirks),
        backend_client_id=backend_client_id,
        backend_scopes=_backend_scopes(table, backend_client_id),
        bulk_group_id=_bulk_group_id(table, backend_client_id),
        tablets=_tablets(table),
        prefetch=_prefetch(table),
        private_addresses=table.flag("private_addresses"),
    )
    table.nothing_else()
    return ehr


def _client_auth(table: _Table, client_id: str | None) -> ClientAuth:
    value = table.optional_text("client_auth") or ClientAuth.PUBLIC
    try:
        method = ClientAuth(value)
    except ValueError:
        known = ", ".join(f'"{one.value}"' for one in ClientAuth)
        raise table.bad("client_auth", f"client_auth is one of {known}, not {value!r}") from None
    if method is not ClientAuth.PUBLIC and client_id is None:
        raise table.bad("client_auth", f"client_auth {method.value!r} needs a client_id")
    return method


def _secret_file(table: _Table, method: ClientAuth) -> Path | None:
    text = table.optional_text("client_secret_file")
    if method is ClientAuth.SECRET and text is None:
        raise table.bad("client_auth", "client_secret_basic needs a client_secret_file")
    if text is None:
        return None
    if method is not ClientAuth.SECRET:
        raise table.bad(
            "client_secret_file", 'client_secret_file goes with client_auth "client_secret_basic"'
        )
    if not Path(text).is_absolute():
        raise table.bad("client_secret_file", "client_secret_file has to be an absolute path")
    return Path(text)


def _words(table: _Table, key: str) -> list[str]:
    scopes = table.texts(key)
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise table.bad(key, f"scope {scope!r} is no scope: one word for each")
    return scopes


def _scopes(table: _Table) -> tuple[str, ...]:
    scopes = _words(table, "scopes")
    if scopes and not {"openid", "fhirUser"} <= set(scopes):
        # Without them nobody knows who read a chart, and the audit has no "who".
        raise table.bad("scopes", 'scopes have to hold "openid" and "fhirUser"')
    return tuple(dict.fromkeys(scopes))


def _readers(table: _Table, key: str, *, anybody: bool) -> tuple[str, ...]:
    """Users of this EHR by reference. Patients' names are never for whoever happens to sign in."""
    readers = table.texts(key)
    for reader in readers:
        if reader == ANYBODY:
            if not anybody:
                why = f"{key} names each user: a list of patients is not for {ANYBODY!r}"
                raise table.bad(key, why)
            if len(readers) > 1:
                raise table.bad(key, f"{key}: {ANYBODY!r} stands alone, or users stand by name")
        elif not _USER.fullmatch(reader):
            raise table.bad(key, f"{key}: {reader!r} is no user like Practitioner/123")
    return tuple(dict.fromkeys(readers))


def _backend_scopes(table: _Table, client_id: str | None) -> tuple[str, ...]:
    scopes = _words(table, "backend_scopes")
    for scope in scopes:
        if not scope.startswith("system/"):
            raise table.bad(
                "backend_scopes", f'backend scope {scope!r} has to begin with "system/"'
            )
    if scopes and client_id is None:
        raise table.bad("backend_scopes", "backend_scopes need a backend_client_id")
    return tuple(dict.fromkeys(scopes))


def _bulk_group_id(table: _Table, client_id: str | None) -> str | None:
    group = table.optional_text("bulk_group_id")
    if group is None:
        return None
    if not _FHIR_ID.fullmatch(group) or group in (".", ".."):
        raise table.bad("bulk_group_id", 'bulk_group_id is a FHIR id, without "Group/"')
    if client_id is None:
        raise table.bad("bulk_group_id", "bulk_group_id needs a backend_client_id")
    return group


def _tablets(table: _Table) -> tuple[TabletProduct, ...]:
    """What the pharmacy stocks, by RxNorm code, and what of it is halved; the default: all, whole.

    Each list is judged by itself, so that the sentence names the line that has to be changed.
    """
    stocked, halved = "tablets_stocked", "tablets_halved"
    tablets = default_products()
    at = stocked
    try:
        if stocked in table:
            tablets = products_of(table.texts(stocked))
        at = halved
        return products_of([tablet.rxcui for tablet in tablets], halved=table.texts(halved))
    except CannotTaper as why:
        raise table.bad(at, f"{at}: {why}") from None


def _prefetch(table: _Table) -> tuple[str, ...]:
    """The optional lists to ask for, in the order of `ehr.needs`."""
    if "prefetch" not in table:
        return (STATEMENTS.key,)
    keys = table.texts("prefetch")
    for key in keys:
        if key not in OPTIONAL:
            known = ", ".join(OPTIONAL)
            raise table.bad("prefetch", f"prefetch {key!r} is no optional list (known: {known})")
    return tuple(key for key in OPTIONAL if key in keys)


def _time_zone(table: _Table) -> ZoneInfo:
    key = table.text("time_zone")
    try:
        return ZoneInfo(key)
    except (OSError, ValueError, KeyError):
        raise table.bad(
            "time_zone", f"time_zone {key!r} is no time zone like America/Chicago"
        ) from None


def _drafts_on_card(table: _Table) -> DraftsOnCard:
    value = table.optional_text("drafts_on_card") or DraftsOnCard.ALL
    try:
        return DraftsOnCard(value)
    except ValueError:
        raise table.bad(
            "drafts_on_card", f'drafts_on_card is "all" or "first-step", not {value!r}'
        ) from None


def _cds_client(table: _Table) -> CdsClient:
    # Both are compared with what a token says as they are written, with a slash at the end or not.
    issuer, jwks_url = table.text("issuer"), table.optional_text("jwks_url")
    for key, value in (("issuer", issuer), ("jwks_url", jwks_url)):
        why = value and _why_no_url(value)
        if why:
            raise table.bad(key, f"{key} {why}")
    algorithms = _algorithms(table)
    client = CdsClient(
        issuer=issuer,
        jwks_url=jwks_url,
        keys=_client_keys(table, algorithms),
        algorithms=algorithms,
        tenant=table.optional_text("tenant"),
        subject=table.optional_text("subject"),
    )
    if client.jwks_url is None and not client.keys:
        raise table.bad(
            "issuer", "a CDS client needs a jwks_url or a jwks_file: where its keys are"
        )
    table.nothing_else()
    return client


def _algorithms(table: _Table) -> tuple[str, ...]:
    if "algorithms" not in table:
        return USUAL_ALGORITHMS
    algorithms = table.texts("algorithms")
    for algorithm in algorithms:
        if algorithm not in ALGORITHMS:
            known = ", ".join(ALGORITHMS)
            raise table.bad(
                "algorithms", f"algorithm {algorithm!r} is not taken of a client (taken: {known})"
            )
    if not algorithms:
        raise table.bad("algorithms", "algorithms has to name one at least")
    return tuple(dict.fromkeys(algorithms))


def _client_keys(table: _Table, algorithms: tuple[str, ...]) -> tuple[PublicKey, ...]:
    text = table.optional_text("jwks_file")
    if text is None:
        return ()
    if not Path(text).is_absolute():
        raise table.bad("jwks_file", "jwks_file has to be an absolute path")
    try:
        return read_key_file(Path(text), algorithms)
    except BadKeyFile as why:
        raise table.bad("jwks_file", f"jwks_file {why}") from None


def _refuse_repeats(ehrs: tuple[TrustedEhr, ...], place: _Place) -> None:
    seen: set[tuple[str, str]] = set()
    for index, ehr in enumerate(ehrs):
        for key, value in (("id", ehr.id), ("fhir_base", ehr.fhir_base), ("issuer", ehr.issuer)):
            if (key, value) in seen:
                raise place.bad((index,), key, f"{key} {value!r} is registered twice")
            seen.add((key, value))
        for number, client in enumerate(ehr.cds_clients):
            # Keys are bound to one issuer, an issuer to one EHR (STANDARDS, trust).
            if ("client", client.issuer) in seen:
                raise place.bad(
                    (index, number), "issuer", f"CDS client {client.issuer!r} is registered twice"
                )
            seen.add(("client", client.issuer))
