"""Each rule of a specification has the test that proves it, or the reason why there is none."""

import ast
import csv
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLES = sorted((ROOT / "tests" / "conformance").glob("*.csv"))
COLUMNS = ["number", "section", "rule", "strength", "test"]
SHORTEST_REASON = 20


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        assert reader.fieldnames == COLUMNS
        return list(reader)


def complaint(row: dict[str, str]) -> str | None:
    """What is wrong with a row; None when nothing is."""
    if row["strength"] not in {"SHALL", "SHOULD"}:
        return "the strength is neither SHALL nor SHOULD"
    if not (row["section"] and row["rule"]):
        return "section or rule is missing"
    if not row["test"].startswith("tests/"):
        if len(row["test"]) < SHORTEST_REASON:
            return "neither a test nor a reason"
        return None
    for named in row["test"].split(" | "):
        if not exists(named):
            return f"there is no test {named}"
    return None


def exists(named: str) -> bool:
    """Whether there is such a file, test in it and case of the test."""
    path, _, test = named.partition("::")
    name, _, case = test.partition("[")
    file = ROOT / path
    if not (file.is_file() and file.name.startswith("test_") and file.suffix == ".py"):
        return False
    tests, texts = names_in(file)
    return (not test or name in tests) and (not case or case.removesuffix("]") in texts)


@cache
def names_in(file: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The names of the tests of a file, and its texts: cases are named by one."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    functions = (it for it in nodes if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef))
    return (
        frozenset(it.name for it in functions if it.name.startswith("test_")),
        frozenset(
            it.value for it in nodes if isinstance(it, ast.Constant) and isinstance(it.value, str)
        ),
    )


@pytest.mark.parametrize("table", TABLES, ids=lambda file: file.name)
def test_every_rule_has_a_test_or_a_reason(table):
    rows = rows_of(table)
    assert [int(row["number"]) for row in rows] == list(range(1, len(rows) + 1))
    wrong = [f"{row['number']}: {why}" for row in rows if (why := complaint(row))]
    assert wrong == []


def test_a_rule_without_a_test_and_a_test_that_is_none_are_found():
    rule = {"number": "1", "section": "s", "rule": "r", "strength": "SHALL"}
    here = "tests/house/test_conformance.py"
    good = f"{here}::test_a_rule_without_a_test_and_a_test_that_is_none_are_found"
    later = "later" * 2  # written nowhere as a whole
    for test, found in (
        ("", "neither a test nor a reason"),
        ("later", "neither a test nor a reason"),
        ("The proxy ends TLS, and no test of ours reaches it.", None),
        (good, None),
        (f"{good}[later]", None),
        (f"{good}[{later}]", "there is no test"),
        (f"{here}::test_nothing", "there is no test"),
        (f"{here}::complaint", "there is no test"),
        ("tests/house/test_gone.py", "there is no test"),
        (f"{good} | {here}::test_gone", "there is no test"),
    ):
        said = complaint({**rule, "test": test})
        assert said is None if found is None else found in (said or ""), test
    assert complaint({**rule, "strength": "MUST", "test": good})
