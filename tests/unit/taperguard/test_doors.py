"""What the gate gives to its doors: the policy with the tablets of the pharmacy at hand."""

from __future__ import annotations

import pytest

from cds_hooks.caller import Caller, ehr_of
from cds_hooks.request import BadRequest
from clinical.policy import default_policy
from clinical.taper import default_products
from ehr.registry import Registry, parse_registry
from taperguard import settings, wiring
from taperguard.doors import bench_of, optional_needs

TWO_SITES = """\
[[ehr]]
id = "north"
name = "North Clinic"
issuer = "https://north.example.org/fhir"
fhir_base = "https://north.example.org/fhir"
time_zone = "UTC"
tablets_stocked = ["197527", "349194"]
tablets_halved = ["197527"]
prefetch = ["observations", "statements"]

[[ehr]]
id = "south"
name = "South Clinic"
issuer = "https://south.example.org/fhir"
fhir_base = "https://south.example.org/fhir"
time_zone = "UTC"
"""


@pytest.fixture
def registry() -> Registry:
    return parse_registry(TWO_SITES)


def test_each_site_has_its_own_tablets_and_else_the_same_policy(registry: Registry) -> None:
    policies = wiring.policies(settings.load(), registry)
    north, south = (policies.of(ehr.id) for ehr in registry)
    assert [(t.rxcui, t.halvable) for t in north.tablets] == [("197527", True), ("349194", False)]
    assert south == default_policy()
    assert north.high_dose_mg_per_day == south.high_dose_mg_per_day


def test_a_hook_of_a_site_is_answered_with_its_tablets(registry: Registry) -> None:
    loaded = settings.load()
    bench = bench_of(loaded, wiring.policies(loaded, registry))
    north = "https://north.example.org/fhir"
    assert len(bench(ehr_of(Caller(), north, registry), north).policy.tablets) == 2
    # One whose EHR is not registered (development) gets the shipped ones.
    west = "https://west.example.org/fhir"
    assert bench(ehr_of(Caller(), west, registry), west).policy.tablets == default_products()
    assert bench(None, None).policy.tablets == default_products()


def test_a_client_calls_about_its_own_ehr_and_no_other(registry: Registry) -> None:
    north = registry.get("north")
    caller = Caller(north)
    assert ehr_of(caller, None, registry) is north
    assert ehr_of(caller, "https://north.example.org/fhir/", registry) is north
    for elsewhere in ("https://south.example.org/fhir", "https://west.example.org/fhir"):
        with pytest.raises(BadRequest, match="not the FHIR server of the client"):
            ehr_of(caller, elsewhere, registry)


def test_discovery_asks_for_what_some_site_sends(registry: Registry) -> None:
    """It answers one thing to all sites; the south sends reported medications alone."""
    assert optional_needs(registry) == ("statements", "observations")
