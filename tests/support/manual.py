"""The clinical manual, made from the spec tests: `make manual` writes `docs/manual/`.

A page for each spec module: its docstring is the title and the prose, `# --- title ---` begins a
section, a test's name is a sentence, its docstring the case, its parametrised rows a table with
the comment beside each row as the calculation by hand. Where a test is no table, the dosage it
computes and the sentences it asserts are the case and the answer. Nothing is run but what stands
before the assertion of such a test.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from manual_words import (
    Filled,
    answers_of,
    cell,
    code,
    escaped,
    first_upper,
    given_in,
    listing,
    outermost_calls,
    row_of,
)

SPEC = Path(__file__).parents[1] / "spec"
MANUAL = SPEC.parents[1] / "docs" / "manual"
SECTION = re.compile(r"# --- (.+?) -+$")

HEADINGS = {
    "daily_dose": "The daily dose",
    "which": "Drugs and conditions",
    "check": "The checks",
    "taper": "Tapers",
    "dependence": "Use over time",
    "exposure": "Use over time",
    "measure": "The population report",
}
"""Parts of the manual, in their order, by how a module's name begins; others come last."""

FHIR_NAMES = {
    "dose_quantity": "doseQuantity",
    "dose_range": "doseRange",
    "dose_and_rate": "doseAndRate",
    "repeat": "timing.repeat",
    "additional_instruction": "additionalInstruction",
    "max_dose_per_period": "maxDosePerPeriod",
    "dosages": "dosageInstruction",
}
ABBREVIATIONS = "ASAM CNS DSTU2 FHIR HL7 ID LOINC MME NDC PRN R4 R5 RBD RxNorm STU3 UCUM US".split()


def pages() -> dict[str, str]:
    """Every page of the manual, by file name."""
    modules = [Page(path) for path in sorted(SPEC.glob("test_*.py"))]
    made = {page.name: page.text() for page in modules}
    return {"README.md": _contents(modules)} | made


def write() -> None:
    """Make `docs/manual/` anew."""
    MANUAL.mkdir(parents=True, exist_ok=True)
    made = pages()
    for file in MANUAL.glob("*.md"):
        if file.name not in made:
            file.unlink()
    for name, text in made.items():
        (MANUAL / name).write_text(text, encoding="utf-8")


def _contents(modules: list[Page]) -> str:
    parts: dict[str, list[str]] = {title: [] for title in dict.fromkeys(HEADINGS.values())}
    for page in modules:
        begins = [key for key in HEADINGS if page.subject.startswith(key)]
        part = HEADINGS[max(begins, key=len)] if begins else "Other rules"
        parts.setdefault(part, []).append(f"- [{page.title}]({page.name})")
    lists = [f"## {title}\n\n" + "\n".join(entries) for title, entries in parts.items() if entries]
    return "\n\n".join([_PREFACE, *lists]) + "\n"


_PREFACE = """# The clinical manual

What TaperGuard computes and decides, case by case: what the record says, how the answer is worked
out by hand, and the answer. It is made from the tests that hold the software to it (`make manual`
writes it, and a test fails when it is out of date), so what stands here is what happens.

*No clinician has reviewed these pages.* They are written so that one can: a wrong answer here is a
wrong answer of the software, and worth a report.

Records are shown as FHIR writes them. An *answer* in mg per day is of the ingredient; "0.5 to 1"
are the least and the most that the order allows; a *note* is a sentence that the reader of the
result sees beside it. An endless decimal is written as a fraction."""


class Page:
    """One spec module as a page."""

    def __init__(self, path: Path) -> None:
        self.subject = path.stem.removeprefix("test_")
        self.name = f"{self.subject}.md"
        self.source = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.source)
        self.module = _imported(path)
        self.comments = dict(_comments(self.source))
        self.title, self.prose = _title_and_prose(ast.get_docstring(self.tree) or self.subject)
        self.is_dose = self.subject.startswith("daily_dose")

    def text(self) -> str:
        """The page in Markdown."""
        blocks = [f"# {self.title}", self.prose, _GENERATED]
        sections = sorted(
            (line, found[1].strip())
            for line, comment in self.comments.items()
            if (found := SECTION.match(comment))
        )
        for test in self._tests():
            while sections and sections[0][0] < test.lineno:
                blocks.append(f"## {first_upper(sections.pop(0)[1])}")
            blocks += self._test(test)
        return "\n\n".join(block for block in blocks if block) + "\n"

    def _tests(self) -> Iterator[ast.FunctionDef]:
        for node in self.tree.body:
            inner = node.body if isinstance(node, ast.ClassDef) else [node]
            yield from (
                f for f in inner if isinstance(f, ast.FunctionDef) and f.name.startswith("test_")
            )

    def _test(self, test: ast.FunctionDef) -> list[str]:
        docstring = ast.get_docstring(test)
        blocks = [f"**{sentence(test.name)}**", _paragraphs(docstring) if docstring else ""]
        tables = [table for mark in self._marks(test) for table in self._tables(mark)]
        return [*blocks, *self._case(test), *tables] if tables else [*blocks, *self._case(test)]

    # --- tables ---

    def _marks(self, test: ast.FunctionDef) -> list[ast.Call]:
        return [
            mark
            for mark in test.decorator_list
            if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith("mark.parametrize")
        ]

    def _tables(self, mark: ast.Call) -> list[str]:
        names, values = (self._value(node) for node in mark.args[:2])
        if isinstance(names, str):
            names = [name.strip() for name in names.split(",")]
        if isinstance(values, dict):
            return [listing(key, value) for key, value in values.items()]
        rows = [row_of(value, len(names)) for value in values or ()]
        reasons = self._reasons(mark.args[1], len(rows))
        heads = [self._head(name) for name in names]
        shown = [[cell(value) for value in row] for row in rows]
        if any(reasons):
            place = _first_answer(rows) if self.is_dose and len(heads) > 1 else len(heads)
            heads.insert(place, "By hand" if self.is_dose else "Because")
            for cells, reason in zip(shown, reasons, strict=True):
                cells.insert(place, escaped(reason))
        return [_table(heads, shown)]

    def _head(self, name: str) -> str:
        if self.is_dose and name in FHIR_NAMES:
            return FHIR_NAMES[name]
        return first_upper(name.replace("_", " "))

    def _value(self, node: ast.expr) -> Any:
        return eval(ast.unparse(node), vars(self.module))  # noqa: S307 - our own test

    def _reasons(self, rows: ast.expr, count: int) -> list[str]:
        """The comment above or beside each row of a literal list."""
        if not isinstance(rows, ast.List | ast.Tuple) or len(rows.elts) != count:
            return [""] * count
        reasons, before = [], rows.lineno
        for row in rows.elts:
            end = row.end_lineno or row.lineno
            lines = range(before + 1, end + 1)
            reasons.append(" ".join(self._comment(n) for n in lines if self._comment(n)))
            before = end
        return reasons

    def _comment(self, line: int) -> str:
        words = self.comments.get(line, "").lstrip("# ").strip()
        return "" if re.match(r"type:|noqa|fmt:|pragma|---", words) else words

    # --- single cases ---

    def _case(self, test: ast.FunctionDef) -> list[str]:
        if self.is_dose:
            cases = [code(value) for value in self._dosages(test)]
        else:
            cases = list(self._told_cases(test))
        return [_one_or_list("Case", cases), _one_or_list("Answer", answers_of(test))]

    def _told_cases(self, test: ast.FunctionDef) -> Iterator[str]:
        """What the test gives to the fixture or helper that decides, in words."""
        deciding = {argument.arg for argument in test.args.args} | {
            name for name, value in vars(self.module).items() if inspect.isfunction(value)
        }
        local: dict[str, ast.expr] = {}
        decided: set[str] = set()
        for statement in test.body:
            calls = [c for c in outermost_calls(statement) if ast.unparse(c.func) in deciding]
            for call in calls:
                given = {n.id for a in call.args for n in ast.walk(a) if isinstance(n, ast.Name)}
                bare = [a for a in call.args if not isinstance(a, ast.Name)]
                if (bare or call.keywords) and not given & decided:
                    yield escaped(given_in(Filled(local).visit(call)))
            if isinstance(statement, ast.Assign):
                names = {
                    n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)
                }
                decided |= names if calls else set()
                local |= {} if calls else dict.fromkeys(names, statement.value)

    def _dosages(self, test: ast.FunctionDef) -> Iterator[Any]:
        """What the test gives to `course`, as far as it can be told before its assertions."""
        names = dict(vars(self.module))
        for statement in test.body:
            for call in ast.walk(statement):
                if isinstance(call, ast.Call) and ast.unparse(call.func) in {"course", "why_not"}:
                    given = ast.List([*call.args], ast.Load())
                    try:
                        yield from eval(ast.unparse(given), names)  # noqa: S307 - our own test
                    except (NameError, TypeError):
                        continue
            if isinstance(statement, ast.Assign | ast.AugAssign):
                try:
                    exec(ast.unparse(statement), names)  # noqa: S102 - our own test
                except NameError:
                    continue


def _first_answer(rows: list[list[Any]]) -> int:
    """The column after the parts of a record, which are written as FHIR writes them."""
    width = len(rows[0])
    parts = [all(isinstance(row[n], dict | list) for row in rows) for n in range(width)]
    return max(1, next((n for n in range(width) if not parts[n]), width))


def _one_or_list(title: str, entries: Iterable[str]) -> str:
    unique = list(dict.fromkeys(entries))
    if len(unique) < 2:
        return "".join(f"{title}: {entry}" for entry in unique)
    return f"{title}s:\n\n" + "\n".join(f"- {entry}" for entry in unique)


_GENERATED = "*Made from the spec tests by `make manual`; change those, not this page.*"


def _imported(path: Path) -> ModuleType:
    name = f"manual_of_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _title_and_prose(docstring: str) -> tuple[str, str]:
    first, _, rest = inspect.cleandoc(docstring).partition("\n\n")
    first = " ".join(first.split())
    title, stop, more = first.partition(". ")
    return title.rstrip("."), _paragraphs((more + "\n\n" if stop else "") + rest)


def _paragraphs(text: str) -> str:
    """Prose with one line a paragraph; what is indented stays as it is."""
    parts = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(p if re.match(r"\s|[-|]", p) else " ".join(p.split()) for p in parts).strip()


def sentence(name: str) -> str:
    """A test's name as a sentence: `test_the_label_s_dose` is "The label's dose."."""
    words = name.removeprefix("test_").replace("_", " ")
    words = re.sub(r"(\w) s\b", r"\1's", words)
    for known in ABBREVIATIONS:
        words = re.sub(rf"\b{known.lower()}\b", known, words)
    return first_upper(words) + "."


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    write()
