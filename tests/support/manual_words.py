"""Values and statements of a test in the words of the manual."""

from __future__ import annotations

import ast
import dataclasses
import enum
import re
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

RESULTS = {
    "Fired": "fired",
    "Clear": "clear",
    "NotEvaluable": "not evaluable",
    "SetAside": "set aside",
    "NotComputable": "not computable",
    "Unrecognised": "not recognised",
}
"""The product's results, by the names that the assertions use."""


def first_upper(words: str) -> str:
    keeps_its_case = re.match(r"[a-z]+[A-Z]|timing\.|mg\b|mL\b", words)
    return words if keeps_its_case else words[:1].upper() + words[1:]


# --- values in words ------------------------------------------------------------------------------


def row_of(value: Any, width: int) -> list[Any]:
    values = getattr(value, "values", None)  # pytest.param
    if isinstance(values, tuple):
        return list(values)
    return [value] if width == 1 else list(value)


def cell(value: Any) -> str:
    if isinstance(value, dict | list) and _has_object(value):
        return code(value)
    return escaped(_words(value))


def _has_object(value: Any) -> bool:
    return isinstance(value, dict) or any(isinstance(item, dict | list) for item in value)


def _words(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case enum.Enum():
            return str(value.value).replace("-", " ")
        case type():
            return RESULTS.get(value.__name__, value.__name__)
        case str():
            return _plain(value)
        case tuple() if hasattr(value, "_fields"):
            return _record(value)
        case list() | tuple():
            return ", ".join(map(_words, value)) or "none"
        case set() | frozenset():
            return _words(sorted(map(_words, value)))
    return _json(value) if isinstance(value, dict) else _thing(value)


def _thing(value: Any) -> str:
    if dataclasses.is_dataclass(value):
        return _record(value)
    if callable(value):
        return first_upper(getattr(value, "__name__", "").replace("_", " "))
    return _shortened(str(value))


def _plain(text: str) -> str:
    """Text as it is; the name of a concept (seizure_disorder) as words."""
    if re.fullmatch(r"[a-z]+(?:_[a-z]+)+", text):
        return text.replace("_", " ")
    return _shortened(text) if text else "(nothing)"


def _record(value: Any) -> str:
    """A record by what is said in it, without what was left open."""
    if isinstance(value, tuple):
        defaults = {name: value._field_defaults.get(name) for name in value._fields}
    else:
        defaults = {field.name: field.default for field in dataclasses.fields(value)}
    told = [
        (name, getattr(value, name))
        for name, default in defaults.items()
        if getattr(value, name) not in (None, (), frozenset(), default)
    ]
    name = RESULTS.get(type(value).__name__)
    words = ", ".join(f"{key.replace('_', ' ')} {_words(part)}" for key, part in told)
    return f"{name}: {words}" if name else words


def _json(value: Any) -> str:
    """Compact JSON with a blank after each colon and comma, numbers as they were written."""
    match value:
        case dict():
            return "{" + ", ".join(f'"{k}": {_json(v)}' for k, v in value.items()) + "}"
        case list() | tuple() | set() | frozenset():
            return "[" + ", ".join(map(_json, value)) + "]"
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int() | float() | Decimal() | Fraction():
            return _number(value)
        case str():
            return f'"{_shortened(value)}"'
    return f'"{_words(value)}"'


def _number(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return "1000000000... (thousands of digits)"
    return _shortened(str(value))


def _shortened(text: str) -> str:
    return text if len(text) <= 240 else f"{text[:40]}... ({len(text)} characters)"


def code(value: Any) -> str:
    return f"`{_json(value).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def escaped(text: str) -> str:
    flat = " ".join(text.split()) if "\n" in text else text
    return flat.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def listing(key: Any, value: Any) -> str:
    """An entry of a table of tables: its name and its lines as they were written."""
    name = _words(key)
    if isinstance(value, str) and "\n" in value:
        return f"{name}:\n\n```text\n{textwrap.dedent(value).strip()}\n```"
    return f"{name}: {cell(value)}"


# --- what a test gives and asserts, in words ------------------------------------------------------


class Filled(ast.NodeTransformer):
    """An expression with the local names filled in by what they stand for."""

    def __init__(self, local: dict[str, ast.expr]) -> None:
        self.local = local

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.local.get(node.id, node)


def outermost_calls(node: ast.AST) -> Iterator[ast.Call]:
    if isinstance(node, ast.Call):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from outermost_calls(child)


def given_in(call: ast.Call) -> str:
    """What is given in a call: "drafts: draft (3, replaces: old); medications: ..."."""
    return "; ".join(_arguments(call))


def _arguments(call: ast.Call) -> list[str]:
    named = [f"{(k.arg or '').replace('_', ' ')}: {_in_words(k.value)}" for k in call.keywords]
    given = [a for a in call.args if not (isinstance(a, ast.Name) and a.id == "tell")]
    return [*map(_in_words, given), *named]


def _in_words(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=value):
            return _words(value)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return ", ".join(map(_in_words, parts)) or "none"
        case ast.JoinedStr(values=parts):
            return "".join(map(_in_words, parts))
        case ast.Name(id=name):
            return (name if name.isupper() else name.lower()).replace("_", " ")
        case ast.Attribute(value=ast.Name(), attr=name):
            return name.lower().replace("_", " ")
        case ast.Starred(value=inner) | ast.FormattedValue(value=inner):
            return _in_words(inner)
        case ast.Attribute(value=inner) | ast.Subscript(value=inner):
            return _in_words(inner)  # a part of what was computed: what it was computed of
        case ast.Call():
            return _call_in_words(node)
        case (
            ast.GeneratorExp(elt=each, generators=[loop])
            | ast.ListComp(elt=each, generators=[loop])
        ):
            return f"{_in_words(each)} for each {_in_words(loop.target)} of {_in_words(loop.iter)}"
    return ast.unparse(node).replace("_", " ")


def _call_in_words(call: ast.Call) -> str:
    match call:
        case ast.Call(func=ast.Name(id="date"), args=[year, month, day]):
            return "-".join(_in_words(part).zfill(2) for part in (year, month, day))
        case ast.Call(func=ast.Attribute(attr="ago"), args=[days], keywords=[]):
            return f"{_in_words(days)} days ago"
    name = ast.unparse(call.func).rpartition(".")[2].replace("_", " ")
    inner = ", ".join(_arguments(call))
    return f"{name} ({inner})" if inner else name


def answers_of(test: ast.FunctionDef) -> list[str]:
    """What is asserted, an entry for each result; what is said of a result follows it."""
    answers: list[str] = []
    may_grow = False
    for statement in ast.walk(test):
        if not isinstance(statement, ast.Assert):
            continue
        result, severity = _result(statement.test)
        words = "; ".join(escaped(text) for text in _sentences(statement.test))
        if result:
            answers.append(result)
            may_grow = True
        if severity and may_grow:
            answers[-1] += f", {severity}"
        elif severity:
            answers.append(severity)
            may_grow = True
        if words and may_grow:
            answers[-1] += f": {words}"
            may_grow = False
        elif words:
            answers.append(words)
        elif not (result or severity) and (equal := _equality(statement.test)):
            answers.append(escaped(equal))
    return answers


def _equality(asserted: ast.expr) -> str | None:
    """As "days: (100, 71)", where a number or a list is asserted that stands there as written."""
    match asserted:
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]) if _is_literal(right):
            if any(isinstance(n, ast.Subscript | ast.comprehension) for n in ast.walk(left)):
                return None
            return f"{_in_words(left)}: {_in_words(right)}"
    return None


def _is_literal(node: ast.expr) -> bool:
    """Whether the value stands in the text: 2, (100, 71), Fraction("1/2")."""
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    return all(name.id in {"Fraction", "Decimal", "date"} for name in names)


def _result(asserted: ast.expr) -> tuple[str, str]:
    """The product's result that an assertion is about, and its severity; else blanks."""
    nodes = list(ast.walk(asserted))
    results = [RESULTS[n.id] for n in nodes if isinstance(n, ast.Name) and n.id in RESULTS]
    severities = [
        node.attr.lower()
        for node in nodes
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Severity"
    ]
    return ", ".join(dict.fromkeys(results)), ", ".join(dict.fromkeys(severities))


def _sentences(node: ast.AST) -> Iterator[str]:
    """The texts of an assertion that are answers: of three words and more, and no argument."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) not in RESULTS:
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if len(node.value.split()) > 2 or "/day" in node.value:
            yield node.value
        return
    for child in ast.iter_child_nodes(node):
        yield from _sentences(child)
