"""The house: one place builds it, one clock runs in it, its secrets are made once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bulk_ehr import BulkEhr

from ehr.registry import BadRegistry, TrustedEhr
from ehr.seal import Sealer
from store.sealed_cache import CacheDown
from taperguard import wiring
from taperguard.settings import Settings


def _ehr(zone: str) -> TrustedEhr:
    base = "https://ehr.example.org/fhir"
    return TrustedEhr("here", "Here", base, base, ZoneInfo(zone))


@pytest.mark.parametrize(
    ("zone", "today"),
    [
        ("UTC", date(2026, 11, 23)),
        ("Pacific/Auckland", date(2026, 11, 24)),  # 15:30 UTC is 04:30 of the next day
        ("America/Los_Angeles", date(2026, 11, 23)),
    ],
)
def test_today_is_the_date_where_the_clinic_is(house: wiring.House, zone: str, today: date) -> None:
    assert house.now() == datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
    assert house.today(_ehr(zone)) == today


def test_the_sandbox_is_trusted_at_the_port_where_the_demo_put_it(
    make_settings: Callable[..., Settings],
) -> None:
    usual = wiring.registry(make_settings())
    moved = wiring.registry(make_settings(sandbox_port=9901))
    assert [ehr.id for ehr in usual] == ["sandbox"]
    assert usual.by_fhir_base("http://localhost:8701/fhir/") is not None
    assert moved.by_fhir_base("http://localhost:9901/fhir") is not None
    assert moved.by_fhir_base("http://localhost:8701/fhir") is None


def test_a_file_of_ehrs_that_is_missing_stops_the_start(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    with pytest.raises(BadRegistry, match=r"mine\.toml: cannot be read"):
        wiring.build(make_settings(ehrs_file=tmp_path / "mine.toml"))


def test_processes_that_start_at_once_agree_on_the_development_secrets(
    make_settings: Callable[..., Settings],
) -> None:
    """Eight at once: what one seals, each of the others opens."""
    settings = make_settings()
    gate = threading.Barrier(8)
    sealers: list[Sealer] = []

    def start() -> None:
        gate.wait()
        sealers.append(wiring.sealer(settings))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sealed = sealers[0].seal(b"one", "here")
    assert [sealer.open(sealed, "here") for sealer in sealers] == [b"one"] * 8
    assert len({sealer.fingerprint("p") for sealer in sealers}) == 1
    modes = {file.stat().st_mode & 0o777 for file in (settings.data / "secrets").iterdir()}
    assert modes == {0o600}


def test_a_second_start_opens_what_the_first_has_sealed(
    make_settings: Callable[..., Settings],
) -> None:
    sealed = wiring.sealer(make_settings()).seal(b"one", "here")
    assert wiring.sealer(make_settings()).open(sealed, "here") == b"one"


def test_a_broker_that_is_not_there_does_not_answer(house: wiring.House) -> None:
    assert house.broker_answers() is False


@pytest.mark.parametrize("alone", [True, False])
def test_a_house_of_a_single_command_signs_in_without_redis(
    make_settings: Callable[..., Settings], tmp_path: Path, alone: bool
) -> None:
    """The same EHR, and nothing listens where Redis should be."""
    ehr = BulkEhr().start()
    file = tmp_path / "ehrs.toml"
    file.write_text(
        f'[[ehr]]\nid = "north"\nname = "North"\nissuer = "{ehr.base}"\n'
        f'fhir_base = "{ehr.base}"\ntime_zone = "UTC"\n'
        'backend_client_id = "taperguard-backend"\n'
    )
    house = wiring.build(
        make_settings(ehrs_file=file, broker_url="redis+socket:///nowhere/b.sock"), alone=alone
    )
    (trusted,) = house.registry
    try:
        if alone:
            assert house.tokens.token_for(trusted) in ehr.valid
        else:
            with pytest.raises(CacheDown):
                house.tokens.token_for(trusted)
    finally:
        house.close()
        ehr.stop()
