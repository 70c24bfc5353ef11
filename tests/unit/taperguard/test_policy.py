"""The site's policy through the real application: per EHR, in shadow mode, and refused at start."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import cds
import pytest
from starlette.testclient import TestClient

from clinical.policy import default_policy
from clinical.policy_file import parse_policy
from taperguard import cli, wiring
from taperguard.app import create_app
from taperguard.commands import check
from taperguard.refusal import Refusal
from taperguard.settings import Settings

SAFETY = "/cds-services/clonazepam-safety"
ACCOUNT, CONFIGURATION = "org.taperguard.assessment", "org.taperguard.configuration"
NORTH, SOUTH = "https://north.example.org/fhir", "https://south.example.org/fhir"
SHADOW = "shadow mode: the site's policy makes this check and shows it to nobody"
EHRS = "".join(
    f"""
[[ehr]]
id = "{name}"
name = "{name}"
issuer = "https://{name}.example.org/fhir"
fhir_base = "https://{name}.example.org/fhir"
time_zone = "UTC"
"""
    for name in ("north", "south")
)


@pytest.fixture
def site(make_settings: Callable[..., Settings], tmp_path: Path) -> Callable[[str], Settings]:
    """`site(policy)`: the settings of a site with two EHRs and this policy file."""
    (tmp_path / "ehrs.toml").write_text(EHRS)

    def make(policy: str) -> Settings:
        file = tmp_path / "policy.toml"
        file.write_text(policy)
        return make_settings(
            ehrs_file=tmp_path / "ehrs.toml",
            policy_file=file,
            broker_url="redis+socket:///nowhere/broker.sock",
        )

    return make


@pytest.fixture
def app(
    site: Callable[[str], Settings], migrated_sqlite: Path
) -> Iterator[Callable[[str], TestClient]]:
    """`app(policy)`: the whole application of that site."""
    houses = []

    def start(policy: str) -> TestClient:
        settings = site(policy)
        settings.data.mkdir(exist_ok=True)
        shutil.copy(migrated_sqlite, settings.data / "taperguard.db")
        houses.append(wiring.build(settings))
        return TestClient(create_app(houses[-1]))

    yield start
    for house in houses:
        house.close()


def order(
    mg: str, times: int, *, born: str = "1985-06-01", at: str | None = None
) -> dict[str, Any]:
    """A new clonazepam order for somebody who takes the same already, so that it is no rise."""
    drafts = [cds.order("new", cds.CLONAZEPAM[mg], times, status="draft")]
    made = cds.request(drafts, born=born, medications=[cds.order("now", cds.CLONAZEPAM[mg], times)])
    return made if at is None else {**made, "fhirServer": at}


def entry_of(body: dict[str, Any], check_id: str) -> dict[str, Any]:
    return next(it for it in body["extension"][ACCOUNT]["checks"] if it["check"] == check_id)


def found_total(client: TestClient, check_id: str, shown: str) -> float:
    """How often it fired, as the metrics count it."""
    name = f'taperguard_findings_total{{check="{check_id}",shown="{shown}"}}'
    line = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(line[1]) if line else 0.0


# --- one EHR -------------------------------------------------------------------------------


def test_a_threshold_of_one_ehr_holds_there_alone(app: Callable[[str], TestClient]) -> None:
    """0.5 mg three times a day is 1.5 mg: a high dose in the north, none in the south."""
    client = app("[ehr.north.checks.high-dose]\nhigh_dose_mg_per_day = 1.5\n")
    north = client.post(SAFETY, json=order("0.5", 3, at=NORTH)).json()
    assert entry_of(north, "high-dose")["why"] == "1.5 mg/day is at or above 1.5 mg/day"
    assert [card["indicator"] for card in north["cards"]] == ["warning"]
    for elsewhere in (SOUTH, None):
        body = client.post(SAFETY, json=order("0.5", 3, at=elsewhere)).json()
        assert entry_of(body, "high-dose")["result"] == "clear"
        assert body["cards"] == []


def test_each_ehr_keeps_the_tablets_of_its_pharmacy(
    site: Callable[[str], Settings], tmp_path: Path
) -> None:
    settings = site("[ehr.north.cards]\nsettled_days = 60\n")
    (tmp_path / "ehrs.toml").write_text(
        EHRS.replace('"UTC"', '"UTC"\ntablets_stocked = ["197527", "349194"]', 1)
    )
    policies = wiring.policies(settings, wiring.registry(settings))
    assert len(policies.of("north").tablets) == 2
    assert policies.of("north").settled_days == 60
    assert policies.of("south") == default_policy()


# --- what a site says on its cards ---------------------------------------------------------


def test_a_card_carries_the_sites_line_and_links(app: Callable[[str], TestClient]) -> None:
    client = app(
        '[cards]\nsite_line = "Questions? Call the pharmacy, (555) 010-0199."\n'
        '[links]\npdmp_url = "https://pdmp.example.org/"\n'
        'links = [{ label = "Sleep clinic", url = "https://sleep.example.org/" }]\n'
    )
    (card,) = client.post(SAFETY, json=order("1", 3)).json()["cards"]
    assert card["detail"].endswith("\n\nQuestions? Call the pharmacy, (555) 010-0199.")
    links = {link["url"]: link["type"] for link in card["links"]}
    assert links["https://pdmp.example.org/"] == "absolute"
    assert links["https://sleep.example.org/"] == "absolute"


# --- shadow mode ---------------------------------------------------------------------------


def test_a_check_in_shadow_mode_is_told_and_counted_and_raises_no_card(
    app: Callable[[str], TestClient],
) -> None:
    client = app("[checks.high-dose]\nshadow = true\n")
    before = found_total(client, "high-dose", "no")
    body = client.post(SAFETY, json=order("1", 3)).json()
    assert body["cards"] == []
    told = entry_of(body, "high-dose")
    assert (told["result"], told["shown"], told["shown_why"]) == ("fired", False, SHADOW)
    assert told["why"] == "3 mg/day is at or above 2 mg/day"
    assert found_total(client, "high-dose", "no") == before + 1


# --- what an EHR may configure -------------------------------------------------------------


def test_discovery_lists_what_the_site_lets_an_ehr_configure(
    app: Callable[[str], TestClient],
) -> None:
    client = app('[configuration]\nclients_may = ["rbd-option"]\n')
    for service in client.get("/cds-services").json()["services"]:
        (option,) = service["extension"][CONFIGURATION]
        assert (option["code"], option["type"], option["default"]) == (
            "rbd-option",
            "boolean",
            True,
        )


# --- the command line ----------------------------------------------------------------------


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_bad_policy_stops_the_start_with_file_line_and_reason(
    command: str,
    site: Callable[[str], Settings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = site("[checks.high-dose]\n# twenty\nhigh_dose_mg_per_day = 20\n")
    monkeypatch.setenv("TAPERGUARD_DATA", str(settings.data))
    monkeypatch.setenv("TAPERGUARD_EHRS_FILE", str(settings.ehrs_file))
    monkeypatch.setenv("TAPERGUARD_POLICY_FILE", str(settings.policy_file))
    monkeypatch.setenv("TAPERGUARD_PORT", "18797")
    assert cli.run([command]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "taperguard: policy.toml, line 3: high_dose_mg_per_day is 20; 1 to 4 mg/day can be chosen"
    )


def test_a_policy_that_cannot_be_read_is_refused_by_the_setting_that_names_it(
    site: Callable[[str], Settings],
) -> None:
    settings = site("")
    assert settings.policy_file is not None
    known = wiring.registry(settings)
    settings.policy_file.write_bytes(b"\xff\xfe")
    with pytest.raises(Refusal, match=r"^TAPERGUARD_POLICY_FILE: policy\.toml .* not UTF-8 text$"):
        wiring.policies(settings, known)
    settings.policy_file.unlink()
    with pytest.raises(Refusal, match=r"^TAPERGUARD_POLICY_FILE: policy\.toml .* No such file"):
        wiring.policies(settings, known)


def test_the_command_check_judges_by_the_policy_of_the_ehr(
    site: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = site("[ehr.north.checks.high-dose]\nhigh_dose_mg_per_day = 1.5\n")
    monkeypatch.setenv("TAPERGUARD_EHRS_FILE", str(settings.ehrs_file))
    monkeypatch.setenv("TAPERGUARD_POLICY_FILE", str(settings.policy_file))
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order("0.5", 3, at=NORTH)))
    out = io.StringIO()
    assert check.run(str(file), date(2026, 11, 23), io.StringIO(), out, io.StringIO()) == 0
    assert entry_of(json.loads(out.getvalue()), "high-dose")["result"] == "fired"


def test_the_command_policy_prints_what_is_in_force(
    site: Callable[[str], Settings],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = site("[ehr.north.checks.high-dose]\nhigh_dose_mg_per_day = 1.5\n")
    monkeypatch.setenv("TAPERGUARD_EHRS_FILE", str(settings.ehrs_file))
    monkeypatch.setenv("TAPERGUARD_POLICY_FILE", str(settings.policy_file))
    assert cli.run(["policy"]) == 0
    assert parse_policy(capsys.readouterr().out).site == default_policy()
    assert cli.run(["policy", "--ehr", "north"]) == 0
    printed = capsys.readouterr().out
    assert "\nhigh_dose_mg_per_day = 1.5\n" in printed
    assert parse_policy(printed).site.high_dose_mg_per_day * 2 == 3
    assert cli.run(["policy", "--ehr", "west"]) == 2
    assert capsys.readouterr().err == (
        "taperguard: no registered EHR has the id 'west'; there are: north, south\n"
    )
