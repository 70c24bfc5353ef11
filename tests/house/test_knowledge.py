"""Clinical data has a source, an author and a review that is not overdue."""

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clinical.evidence import all_sources, cite
from clinical.findings import CheckId, Severity
from clinical.knowledge import documents, table
from clinical.policy import default_policy
from clinical.policy_file import parse_policy
from clinical.policy_text import policy_text
from clinical.quantities import plain
from clinical.rules import rule
from clinical.seed import Followed, places, statements
from taperguard.evidence_page import anchors

ROOT = Path(__file__).parents[2]
KNOWLEDGE = ROOT / "clinical" / "knowledge"
FIELDS = {"title", "author", "authored_on", "reviewed_by", "next_review", "version"}
DOCUMENTS = [name for name in documents() if name != "tables.toml"]
TABLES = sorted(file.name for file in KNOWLEDGE.glob("*.csv"))

KEYS_OF_SOURCES = ("sources", "agrees", "disagrees")

FIRST_DRAFT = {
    "Sees what the EHR sends.",
    "As the label and the guideline: adults.",
}
"""Words with which a check's record is begun, and which tell a reader nothing."""


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((KNOWLEDGE / name).read_text(encoding="utf-8"))


def rows_in(data: object) -> Iterator[dict[str, Any]]:
    """Every table of a document, however deep."""
    if isinstance(data, dict):
        yield data
        for value in data.values():
            yield from rows_in(value)
    elif isinstance(data, list):
        for value in data:
            yield from rows_in(value)


# --- reviews ----------------------------------------------------------------------------------


def test_every_document_of_the_folder_is_looked_at():
    assert set(DOCUMENTS) == {
        str(file.relative_to(KNOWLEDGE)) for file in KNOWLEDGE.rglob("*.toml")
    } - {"tables.toml"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_has_a_review_that_is_not_overdue(name):
    review = read(name)["review"]
    assert review.keys() >= FIELDS
    assert review["authored_on"] < review["next_review"]
    assert review["next_review"] > date.today()  # noqa: DTZ011 - a review date has no time zone


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_sources_and_a_review_that_is_not_overdue(name):
    row = read("tables.toml")["tables"][name]
    assert row.keys() >= FIELDS | {"sources"}
    assert row["sources"]
    assert row["next_review"] > date.today()  # noqa: DTZ011 - a review date has no time zone


# --- sources ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DOCUMENTS)
def test_whatever_cites_sources_cites_some_that_exist(name):
    for row in rows_in(read(name)):
        for field in KEYS_OF_SOURCES:
            for key in row.get(field, ()) if name != "sources.toml" else ():
                cite(key)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_number_without_a_source_is_said_to_be_our_choice(name):
    """An empty list of sources is an answer only beside a note that says whose choice it is."""
    for row in rows_in(read(name)):
        if "unit" in row and not row["sources"]:
            assert row["note"].startswith("Our choice")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_number_says_its_unit_its_meaning_and_its_sources(name):
    data = read(name)
    for row in data.get("numbers", {}).values():
        assert row.keys() >= {"value", "unit", "meaning", "sources"}
        assert row["unit"]
        assert row["meaning"].endswith(".")


def test_the_conventions_of_tapers_say_what_they_mean():
    data = read("paces.toml")
    numbers = {name for name, value in data["conventions"].items() if isinstance(value, int)}
    assert data["meaning_of"].keys() == numbers
    assert all(row.keys() >= {"unit", "meaning", "sources"} for row in data["meaning_of"].values())


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_a_table_with_a_source_column_names_its_source(name):
    for row in table(name):
        assert row.get("source", "named for the whole table").strip(), row


def test_every_source_is_cited_and_can_be_found():
    """A source that nothing rests on is no source; one without an address says how it was found."""
    cited = {
        key
        for name in DOCUMENTS
        if name != "sources.toml"
        for row in rows_in(read(name))
        for field in KEYS_OF_SOURCES
        for key in row.get(field, ())
    }
    assert {source.key for source in all_sources()} == cited
    for source in all_sources():
        assert source.address or source.note, source.key


# --- checks -----------------------------------------------------------------------------------


def told_of(check: CheckId) -> dict[str, str]:
    found = rule(check)
    names = ("title", "called", "does", "severity", "limits", "population", "age_and_sex")
    return {name: getattr(found, name) for name in names}


@pytest.mark.parametrize("check", CheckId)
def test_every_check_has_a_whole_record_with_sources(check):
    assert all(told_of(check).values())
    assert rule(check).sources
    assert any(kind.value in rule(check).severity for kind in Severity)


@pytest.mark.parametrize("check", CheckId)
def test_no_check_s_record_is_a_first_draft(check):
    assert not FIRST_DRAFT & set(told_of(check).values())


# --- the brief, statement by statement ----------------------------------------------------------

WHERE = {
    "checks": {check.value for check in CheckId},
    "rules": anchors(),
    "paces": {row["id"] for row in read("paces.toml")["paces"]},
    "numbers": {
        key
        for name in DOCUMENTS
        for part in ("numbers", "meaning_of")
        for key in read(name).get(part, {})
    },
    "measures": set(read("measures.toml")["measures"]),
    "places": set(places()),
}


@pytest.mark.parametrize("told", statements(), ids=lambda told: told.id)
def test_every_statement_says_what_is_done_where_and_by_which_primary_source(told):
    assert told.says.endswith(".")
    assert told.does.endswith(".")
    assert "SEED" not in (*told.agrees, *told.disagrees)
    assert told.agrees or told.disagrees
    assert told.where
    for kind, names in told.where.items():
        assert set(names) <= WHERE[kind], (kind, names)


@pytest.mark.parametrize("told", statements(), ids=lambda told: told.id)
def test_what_is_acted_on_is_acted_on_somewhere(told):
    """Only what is not acted on may stand on the page of rules alone."""
    if told.followed is not Followed.NOT_ACTED_ON and told.part != "Of the article itself":
        assert set(told.where.get("places", ())) - {"evidence"}


def test_every_place_that_statements_name_is_made_by_this_repository():
    named = {name for told in statements() for name in told.where.get("places", ())}
    assert named == set(places())
    for place in places().values():
        assert (ROOT / place.made_by).exists(), place.made_by


# --- the site's choices -------------------------------------------------------------------------


def test_a_measure_is_worded_the_same_with_the_shipped_numbers():
    """The words that take a site's numbers, and those that stand in the file, do not drift."""
    data = read("measures.toml")
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
