"""SMART launches and sessions, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from ehr.seal import CannotOpen, Sealer
from store import smart_sessions
from store.database import reading, writing
from store.smart_sessions import AlreadyUsed, Expired, LaunchRefused, OtherBrowser, UnknownState

NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
LIFE = timedelta(minutes=10)
KEPT = {"verifier": "v-secret", "nonce": "n-secret"}


def begin(store: Engine, sealer: Sealer, state: str = "s1", now: datetime = NOW) -> None:
    with writing(store) as connection:
        smart_sessions.begin(
            connection,
            state=state,
            browser="b1",
            ehr_id="north",
            kept=KEPT,
            sealer=sealer,
            now=now,
            life=LIFE,
        )


def take(store: Engine, sealer: Sealer, now: datetime = NOW, **given: Any) -> Any:
    with writing(store) as connection:
        return smart_sessions.take(
            connection, **{"state": "s1", "browser": "b1", **given}, sealer=sealer, now=now
        )


def open_one(store: Engine, sealer: Sealer, launch_id: str = "l1") -> None:
    with writing(store) as connection:
        smart_sessions.open_session(
            connection,
            launch_id=launch_id,
            browser="b1",
            ehr_id="north",
            kept={"access": "a-secret"},
            sealer=sealer,
            now=NOW,
            expires_at=NOW + timedelta(hours=10),
        )


def test_a_launch_is_taken_once_by_its_browser_in_time(store: Engine, sealer: Sealer) -> None:
    begin(store, sealer)
    assert take(store, sealer) == ("north", KEPT)
    with pytest.raises(AlreadyUsed):
        take(store, sealer)


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"state": "s2"}, UnknownState),
        ({"browser": "b2"}, OtherBrowser),
        ({"browser": None}, OtherBrowser),
        ({"now": NOW + LIFE}, Expired),
    ],
)
def test_what_is_not_its_own_does_not_use_it_up(
    store: Engine, sealer: Sealer, given: Any, refusal: type[LaunchRefused]
) -> None:
    begin(store, sealer)
    with pytest.raises(refusal):
        take(store, sealer, **given)
    assert take(store, sealer) == ("north", KEPT)


def test_of_two_callbacks_at_once_one_gets_through(store: Engine, sealer: Sealer) -> None:
    """The second looks while the first has not committed yet."""
    begin(store, sealer)
    came: list[object] = []

    def call() -> None:
        try:
            came.append(take(store, sealer))
        except AlreadyUsed as refused:
            came.append(type(refused))

    second = threading.Thread(target=call)
    with writing(store) as connection:
        smart_sessions.take(connection, state="s1", browser="b1", sealer=sealer, now=NOW)
        second.start()
        second.join(0.5)
        assert came == []
    second.join()
    assert came == [AlreadyUsed]


def test_nothing_stands_in_the_clear(store: Engine, sealer: Sealer, rows: Any) -> None:
    begin(store, sealer)
    open_one(store, sealer)
    seen = "".join(repr(rows(store, t)) for t in ("smart_launches", "smart_sessions"))
    for word in ("s1", "b1'", "secret"):
        assert f"'{word}" not in seen
    assert "secret" not in seen


def test_what_is_long_over_is_forgotten(store: Engine, sealer: Sealer, rows: Any) -> None:
    begin(store, sealer, "old")
    open_one(store, sealer)
    begin(store, sealer, "new", now=NOW + timedelta(days=2))
    assert len(rows(store, "smart_launches")) == 1
    assert rows(store, "smart_sessions") == []


def test_a_session_is_found_by_path_and_browser_together(store: Engine, sealer: Sealer) -> None:
    open_one(store, sealer)
    with reading(store) as connection:
        for launch_id, browser, found in (
            ("l1", "b1", True),
            ("l1", "b2", False),
            ("l1", None, False),
            ("l2", "b1", False),
        ):
            session = smart_sessions.find(
                connection, launch_id=launch_id, browser=browser, sealer=sealer
            )
            assert (session is not None) is found


def test_a_sealed_session_that_was_moved_does_not_open(store: Engine, sealer: Sealer) -> None:
    open_one(store, sealer)
    with writing(store) as connection:
        connection.execute(sa.text("UPDATE smart_sessions SET launch_id = 'l9'"))
    with reading(store) as connection, pytest.raises(CannotOpen):
        smart_sessions.find(connection, launch_id="l9", browser="b1", sealer=sealer)


def test_one_of_two_renews_and_the_other_after_the_lease(store: Engine, sealer: Sealer) -> None:
    open_one(store, sealer)
    lease = timedelta(seconds=20)

    def claim(turn: int, after: int = 0) -> bool:
        with writing(store) as connection:
            now = NOW + timedelta(seconds=after)
            return smart_sessions.claim_renewal(connection, "l1", turn, now=now, lease=lease)

    assert [claim(0), claim(0), claim(0, after=19), claim(0, after=20)] == [
        True,
        False,
        False,
        True,
    ]
    with writing(store) as connection:
        smart_sessions.keep_renewed(connection, "l1", 0, {"access": "b"}, sealer=sealer)
        renewed = smart_sessions.again(connection, "l1", sealer=sealer)
    assert renewed is not None
    assert (renewed.turn, renewed.kept) == (1, {"access": "b"})
    assert [claim(0, after=99), claim(1)] == [False, True]
    with writing(store) as connection:
        smart_sessions.give_up_renewal(connection, "l1", 1)
    assert claim(1)


def test_a_late_renewal_does_not_overwrite_a_newer_one(store: Engine, sealer: Sealer) -> None:
    open_one(store, sealer)
    with writing(store) as connection:
        smart_sessions.keep_renewed(connection, "l1", 0, {"access": "new"}, sealer=sealer)
        smart_sessions.keep_renewed(connection, "l1", 0, {"access": "late"}, sealer=sealer)
        found = smart_sessions.again(connection, "l1", sealer=sealer)
    assert found is not None
    assert found.kept == {"access": "new"}


def test_an_ended_session_is_gone_with_its_tokens(store: Engine, sealer: Sealer, rows: Any) -> None:
    open_one(store, sealer)
    with writing(store) as connection:
        smart_sessions.end(connection, "l1")
    assert rows(store, "smart_sessions") == []


def of_browser(store: Engine, sealer: Sealer, **changed: Any) -> list[str]:
    given = {"browser": "b1", "ehr_id": "north", "now": NOW, **changed}
    with reading(store) as connection:
        found = smart_sessions.of_browser(connection, sealer=sealer, **given)
    return [session.launch_id for session in found]


def test_a_browser_s_sessions_at_an_ehr_are_found_without_a_launch(
    store: Engine, sealer: Sealer
) -> None:
    open_one(store, sealer, "l1")
    open_one(store, sealer, "l2")
    assert sorted(of_browser(store, sealer)) == ["l1", "l2"]
    assert of_browser(store, sealer, browser="b2") == []
    assert of_browser(store, sealer, browser=None) == []
    assert of_browser(store, sealer, ehr_id="south") == []
    assert of_browser(store, sealer, now=NOW + timedelta(hours=10)) == []
