"""What the README says is true."""

import io
import re
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from clinical.findings import CheckId
from clinical.policy_file import MalformedPolicy, parse_policy
from taperguard import settings
from taperguard.commands import check

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_setting_is_documented_as_the_code_has_it():
    found = re.search(r"<!-- settings:.*?-->\n(.*?)<!-- end of settings -->", README, re.DOTALL)
    assert found is not None
    assert found[1] == settings.describe()


def test_the_request_it_shows_gets_the_card_it_shows(clean_environment):
    out = io.StringIO()
    request = str(ROOT / "examples" / "order-sign.json")
    status = check.run(request, date(2026, 11, 23), io.StringIO(), out, io.StringIO())
    assert status == 0
    shown = " ".join(README.replace("> ", "").split())
    for words in (
        "Clonazepam 3 mg/day (raised from 2) with oxycodone, age 72, a history of falls",
        "Taper from 2 mg/day, 10 % every 4 weeks (ASAM 2025): 1.875 mg/day from 23 Nov 2026; "
        "discontinue clonazepam 1 mg tablet",
        "Keep the present 2 mg/day: remove the new order",
    ):
        assert words in out.getvalue()
        assert words in shown


def test_it_says_that_no_clinician_has_reviewed_it():
    assert "No clinician has reviewed the clinical content" in README


def test_every_room_it_names_exists():
    for room in re.findall(r"^(\w+)/ ", README, re.MULTILINE):
        assert (ROOT / room).is_dir()


def test_the_policy_it_shows_is_one_and_the_refusal_is_ours():
    shown = re.search(r"```toml\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    policies = parse_policy(shown[1], ["north"])
    assert policies.site.high_dose_mg_per_day == Fraction(3, 2)
    assert policies.of("north").checks[CheckId.DOSE_ESCALATION].own_card is False
    with pytest.raises(MalformedPolicy) as refused:
        parse_policy("[checks.high-dose]\nhigh_dose_mg_per_day = 20")
    assert f"policy.toml, {refused.value}" in " ".join(README.split())
