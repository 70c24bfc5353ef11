"""The policy: what is shipped, which pace it recommends, and what shadow mode hides."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

import pytest

from clinical.choices import choices
from clinical.evidence import cite
from clinical.findings import Assessment, Checked, CheckId, Clear, Fired, SetAside, Severity
from clinical.policy import CheckChoice, Policy, default_policy, policy_numbers
from clinical.quantities import exact
from clinical.shadow import IN_SHADOW, shadow_reasons, without


@pytest.mark.parametrize(
    ("youngest_age", "long_use", "recommended"),
    [
        pytest.param(64, False, "asam-2025", id="under 65"),
        pytest.param(65, False, "asam-2025-slow", id="from 65 on"),
        pytest.param(40, True, "asam-2025-slow", id="long use at any age"),
        pytest.param(None, False, "asam-2025", id="an unknown age recommends nothing"),
        pytest.param(None, True, "asam-2025-slow", id="long use at an unknown age"),
    ],
)
def test_the_slow_pace_is_for_age_65_and_for_long_use(
    youngest_age: int | None, long_use: bool, recommended: str
) -> None:
    assert default_policy().pace_for(youngest_age, long_use=long_use).id == recommended


def test_a_site_chooses_who_is_an_older_adult_and_both_paces() -> None:
    """From 60 on; 25 % every two weeks, and 10 % every two weeks for whoever needs it slower."""
    chosen = replace(
        default_policy(),
        older_adult_from_years=60,
        recommended_pace="bzra-25",
        recommended_slow_pace="asam-2025",
    )
    assert chosen.pace_for(59, long_use=False).id == "bzra-25"
    assert chosen.pace_for(60, long_use=False).id == "asam-2025"


def test_every_number_that_a_site_may_choose_is_shipped_within_its_range() -> None:
    for number in policy_numbers():
        assert (number.least is None) == (number.most is None), number.id
        if number.least is not None:
            assert exact(number.least) < exact(number.most), number.id
            assert exact(number.least) <= exact(number.value) <= exact(number.most), number.id


def test_every_other_choice_is_a_field_of_the_policy_and_cites_sources_that_exist() -> None:
    names = {field.name for field in fields(Policy)}
    for choice in choices():
        assert choice.id in names
        assert choice.allowed
        assert [cite(key).key for key in choice.sources] == list(choice.sources)


def test_shadow_mode_hides_a_finding_and_nothing_else() -> None:
    fired = Fired(Severity.WARNING, "3 mg/day", "3 mg/day is high", (), ())
    found = Assessment(
        date(2026, 11, 23),
        "2026.11",
        (Checked(CheckId.HIGH_DOSE, fired), Checked(CheckId.DOSE_ESCALATION, Clear("no rise"))),
    )
    checks = {**default_policy().checks, CheckId.HIGH_DOSE: CheckChoice(shadow=True)}
    hidden = shadow_reasons(replace(default_policy(), checks=checks))
    assert hidden == {CheckId.HIGH_DOSE: IN_SHADOW}
    shown = without(found, hidden)
    assert shown.verdict(CheckId.HIGH_DOSE) == SetAside(IN_SHADOW)
    assert shown.verdict(CheckId.DOSE_ESCALATION) == Clear("no rise")
    assert found.verdict(CheckId.HIGH_DOSE) == fired
    assert without(found, {}) is found
