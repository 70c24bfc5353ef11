"""Backend Services: one sign-in for many tasks, by our key, to the registered EHR only."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import bulk_ehr
import httpx2
import pytest
import redis
from bulk_ehr import BulkEhr

from ehr import seal
from ehr.backend import BackendTokens, NoBackend, OwnMemory
from ehr.errors import EhrError, Unreachable, Unusable
from ehr.keys import OurKeys, new_key_set
from ehr.registry import TrustedEhr
from ehr.token_endpoint import NotSignedIn
from store.sealed_cache import SealedCache
from taperguard import wiring


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def later(self, **passed: int) -> None:
        self.time += timedelta(**passed)


@pytest.fixture(scope="module")
def our_keys() -> OurKeys:
    return OurKeys(new_key_set())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ehr(our_keys: OurKeys, clock: Clock) -> Iterator[BulkEhr]:
    running = BulkEhr(our_keys.public())
    running.now = clock
    yield running.start()
    running.stop()


def registered(ehr: BulkEhr, **more: Any) -> TrustedEhr:
    given = {"backend_client_id": bulk_ehr.CLIENT, **more}
    return TrustedEhr("north", "North", ehr.base, ehr.base, ZoneInfo("UTC"), **given)


def http() -> httpx2.Client:
    return wiring.worker_http({"localhost", "127.0.0.1"})


@pytest.fixture
def tokens(our_keys: OurKeys, clock: Clock) -> BackendTokens:
    return BackendTokens(keys=our_keys, cache=OwnMemory(clock), now=clock, http=http)


def test_a_client_signs_in_by_its_key_and_for_reading_only(
    ehr: BulkEhr, tokens: BackendTokens
) -> None:
    """The server checks signature, iss, sub, aud, a life of at most 300 s and a fresh jti."""
    assert tokens.token_for(registered(ehr)) in ehr.valid
    (form,) = ehr.token_forms
    assert form["grant_type"] == "client_credentials"
    scopes = form["scope"].split()
    assert {"system/Patient.rs", "system/MedicationRequest.rs", "system/Group.rs"} <= set(scopes)
    assert all(scope.startswith("system/") and scope.endswith(".rs") for scope in scopes)


def test_a_server_of_the_older_scopes_is_asked_in_them(ehr: BulkEhr, tokens: BackendTokens) -> None:
    ehr.configuration = {"capabilities": ["permission-v1"]}
    tokens.token_for(registered(ehr))
    assert "system/Patient.read" in ehr.token_forms[0]["scope"].split()


def test_registered_scopes_are_asked_for_as_they_stand(ehr: BulkEhr, tokens: BackendTokens) -> None:
    tokens.token_for(registered(ehr, backend_scopes=("system/*.read",)))
    assert ehr.token_forms[0]["scope"] == "system/*.read"


def test_a_token_is_kept_until_a_minute_before_it_expires(
    ehr: BulkEhr, tokens: BackendTokens, clock: Clock
) -> None:
    """It lives 300 s: asked at 0 s, 239 s and 240 s, the third asks anew, with another jti."""
    first = tokens.token_for(registered(ehr))
    clock.later(seconds=239)
    assert tokens.token_for(registered(ehr)) == first
    clock.later(seconds=1)
    assert tokens.token_for(registered(ehr)) != first
    assert len(ehr.jtis) == 2


def test_a_token_that_is_short_from_the_start_is_used_and_not_kept(
    ehr: BulkEhr, tokens: BackendTokens
) -> None:
    ehr.lives_seconds = 60
    assert tokens.token_for(registered(ehr)) != tokens.token_for(registered(ehr))


def test_a_rejected_token_is_not_given_again(ehr: BulkEhr, tokens: BackendTokens) -> None:
    first = tokens.token_for(registered(ehr))
    second = tokens.token_for(registered(ehr), anew=True)
    assert first != second
    assert tokens.token_for(registered(ehr)) == second


def test_another_registration_has_another_token(ehr: BulkEhr, tokens: BackendTokens) -> None:
    """A scope that was taken away is not used on in a token that was kept."""
    first = tokens.token_for(registered(ehr))
    assert tokens.token_for(registered(ehr, backend_scopes=("system/Patient.rs",))) != first


def test_an_ehr_without_a_backend_client_is_not_asked(ehr: BulkEhr, tokens: BackendTokens) -> None:
    with pytest.raises(NoBackend, match="no client for work without a user"):
        tokens.token_for(registered(ehr, backend_client_id=None))
    assert ehr.asked == []


def test_of_many_tasks_that_need_a_token_at_once_one_signs_in(
    ehr: BulkEhr, our_keys: OurKeys, clock: Clock, sealer: seal.Sealer, broker: Any
) -> None:
    """Eight threads, each as a process has it: with its own client of a real Valkey."""
    client = redis.Redis(unix_socket_path=str(broker.socket))
    gate = threading.Barrier(8)
    given: list[str] = []

    def work() -> None:
        own = redis.Redis(unix_socket_path=str(broker.socket))
        cache = SealedCache(own, sealer)
        tokens = BackendTokens(keys=our_keys, cache=cache, now=clock, http=http)
        gate.wait()
        given.append(tokens.token_for(registered(ehr)))
        own.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == 8
    assert len(set(given)) == 1
    assert len(ehr.token_forms) == 1
    held = b"".join(bytes(key) + bytes(client.get(key) or b"") for key in client.keys("*"))
    assert given[0].encode() not in held
    assert bulk_ehr.CLIENT.encode() not in held
    assert all(0 < client.ttl(key) <= 240 for key in client.keys("*"))
    client.close()


def test_whoever_waits_in_vain_for_another_s_sign_in_signs_in_itself(
    ehr: BulkEhr, our_keys: OurKeys, clock: Clock
) -> None:
    """The other holds the lease and is stuck: 12 s of tenths are waited, then nobody waits."""
    memory = OwnMemory(clock)
    waited: list[float] = []
    tokens = BackendTokens(keys=our_keys, cache=memory, now=clock, http=http, pause=waited.append)
    trusted = registered(ehr)
    assert memory.claim("backend-token", trusted.id, bulk_ehr.CLIENT, life=timedelta(seconds=30))
    assert tokens.token_for(trusted) in ehr.valid
    assert sum(waited) == pytest.approx(12, abs=0.2)


def refusing(answer: bulk_ehr.Answer) -> Callable[[BulkEhr], None]:
    def set_fault(ehr: BulkEhr) -> None:
        ehr.token_fault = answer

    return set_fault


def configured(**more: Any) -> Callable[[BulkEhr], None]:
    def set_fault(ehr: BulkEhr) -> None:
        ehr.configuration = more

    return set_fault


@pytest.mark.parametrize(
    ("fault", "error", "why"),
    [
        (
            refusing(bulk_ehr.Answer(401, b'{"error": "invalid_client"}')),
            NotSignedIn,
            "does not know this service",
        ),
        (refusing(bulk_ehr.Answer(200, b"{}")), NotSignedIn, "holds no token"),
        (refusing(bulk_ehr.Answer(500, b"<html>")), NotSignedIn, "gives no reason"),
        (refusing(bulk_ehr.Answer(200, b"<html>")), Unusable, "no JSON object"),
        (
            configured(token_endpoint="https://evil.example/token"),
            Unusable,
            "token_endpoint is not its own",
        ),
        (configured(token_endpoint=None), Unusable, "names no token endpoint"),
        (
            configured(token_endpoint_auth_signing_alg_values_supported=["ES512"]),
            NotSignedIn,
            "no key of a kind",
        ),
    ],
)
def test_what_goes_wrong_is_said_without_token_or_assertion(
    ehr: BulkEhr,
    tokens: BackendTokens,
    fault: Callable[[BulkEhr], None],
    error: type[Exception],
    why: str,
) -> None:
    fault(ehr)
    with pytest.raises(error, match=why) as caught:
        tokens.token_for(registered(ehr))
    assert "access-" not in str(caught.value)
    assert "eyJ" not in str(caught.value)
    ehr.token_fault, ehr.configuration = None, {}
    assert tokens.token_for(registered(ehr)) in ehr.valid  # no lease is left behind


def test_an_ehr_that_is_not_there_is_unreachable(ehr: BulkEhr, tokens: BackendTokens) -> None:
    gone = registered(ehr)
    silent = BulkEhr()
    nowhere = TrustedEhr(
        "south", "South", silent.base, silent.base, gone.time_zone, backend_client_id="x"
    )
    silent._server.server_close()
    with pytest.raises(Unreachable) as caught:
        tokens.token_for(nowhere)
    assert isinstance(caught.value, EhrError)


def test_what_is_kept_says_no_more_than_token_and_end(
    ehr: BulkEhr, our_keys: OurKeys, clock: Clock
) -> None:
    memory = OwnMemory(clock)
    tokens = BackendTokens(keys=our_keys, cache=memory, now=clock, http=http)
    access = tokens.token_for(registered(ehr))
    kept = memory.get("backend-token", "north", bulk_ehr.CLIENT)
    assert kept is not None
    assert json.loads(kept) == {"access": access, "expires_at": "2026-11-23T01:05:00+00:00"}
