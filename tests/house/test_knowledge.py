"""Clinical data has a source, an author and a review that is not overdue."""

import tomllib
from datetime import date
from pathlib import Path

import pytest

from clinical.evidence import cite
from clinical.findings import CheckId
from clinical.policy import default_policy
from clinical.policy_file import parse_policy
from clinical.policy_text import policy_text
from clinical.quantities import plain

ROOT = Path(__file__).parents[2]
KNOWLEDGE = ROOT / "clinical" / "knowledge"
FIELDS = {"title", "author", "authored_on", "reviewed_by", "next_review", "version"}
DOCUMENTS = sorted(f for f in KNOWLEDGE.rglob("*.toml") if f.name != "tables.toml")
TABLES = sorted(KNOWLEDGE.glob("*.csv"))


def read(file: Path) -> dict:
    return tomllib.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda f: f.name)
def test_every_document_has_a_review_that_is_not_overdue(file):
    review = read(file)["review"]
    assert review.keys() >= FIELDS
    assert review["next_review"] > date.today()  # noqa: DTZ011 - a review date has no time zone


@pytest.mark.parametrize("file", TABLES, ids=lambda f: f.name)
def test_every_table_has_sources_and_a_review_that_is_not_overdue(file):
    row = read(KNOWLEDGE / "tables.toml")["tables"][file.name]
    assert row.keys() >= FIELDS | {"sources"}
    assert row["sources"]
    assert row["next_review"] > date.today()  # noqa: DTZ011 - a review date has no time zone


def test_every_number_and_check_cites_sources_that_exist():
    rows = [read(KNOWLEDGE / "checks" / f"{check.value}.toml")["rule"] for check in CheckId]
    for file in [*(KNOWLEDGE / "checks").glob("*.toml"), KNOWLEDGE / "cards.toml"]:
        rows += read(file).get("numbers", {}).values()
    for row in [*rows, *read(KNOWLEDGE / "dependence.toml")["numbers"].values()]:
        assert row["sources"]
        for key in row["sources"]:
            cite(key)


def test_every_pace_and_its_numbers_cite_sources_that_exist():
    data = read(KNOWLEDGE / "paces.toml")
    rows = [*data["paces"], data["conventions"], data["custom"], *data["numbers"].values()]
    for row in rows:
        assert row["sources"]
        for key in row["sources"]:
            cite(key)


def test_every_number_and_measure_of_the_report_cites_sources_that_exist():
    data = read(KNOWLEDGE / "measures.toml")
    rows = [*data["numbers"].values(), *data["measures"].values()]
    rows += [*data["distributions"].values(), *data["published_tapers"]]
    for row in rows:
        assert row["sources"]
        for key in row["sources"]:
            cite(key)


def test_every_number_of_the_dose_curve_cites_sources_that_exist():
    for row in read(KNOWLEDGE / "kinetics.toml")["numbers"].values():
        assert row["sources"]
        for key in row["sources"]:
            cite(key)


def test_every_word_to_patients_cites_sources_that_exist():
    words = read(KNOWLEDGE / "handout.toml")
    for row in [*words["forms"].values(), *words["parts"]]:
        assert row["sources"]
        for key in row["sources"]:
            cite(key)


def test_every_rule_of_a_changed_plan_cites_sources_that_exist():
    rules = read(KNOWLEDGE / "replanning.toml")
    for row in [*rules["numbers"].values(), rules["red_flags"], rules["urgent"]]:
        assert row["sources"]
        for key in row["sources"]:
            cite(key)


def test_a_measure_is_worded_the_same_with_the_shipped_numbers():
    """The words that take a site's numbers, and those that stand in the file, do not drift."""
    data = read(KNOWLEDGE / "measures.toml")
    policy = default_policy()
    numbers = {
        "high_dose_mg_per_day": plain(policy.high_dose_mg_per_day),
        "older_adult_from_years": policy.older_adult_from_years,
    }
    worded = [row for row in [*data["measures"].values(), *data["overlaps"]] if "as_chosen" in row]
    assert worded
    for row in worded:
        for name, template in row["as_chosen"].items():
            assert template.format_map(numbers) == row[name]


def test_the_shipped_policy_file_says_what_the_knowledge_says():
    """If this fails: `make policy`, and read what has changed."""
    shipped = (ROOT / "taperguard" / "policy.toml").read_text(encoding="utf-8")
    assert parse_policy(shipped).site == default_policy()
    assert shipped == policy_text(default_policy())
