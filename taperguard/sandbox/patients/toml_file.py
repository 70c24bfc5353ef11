"""A TOML file that was written by a person: its tables, and where in it something is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

Made = TypeVar("Made")
_HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?")


class UnreadableStory(Exception):
    """A story file that cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a file: its words, and its place, so that a complaint can name the line.

    `turn` counts the tables of one name, from 1. `table` is empty for the top of the file.
    """

    file: TomlFile
    said: Mapping[str, Any]
    table: str = ""
    turn: int = 1

    def refusal(self, why: str, key: str | None = None) -> UnreadableStory:
        """An error that says where: the line of the key, else of the table's beginning."""
        return UnreadableStory(f"{self.file.place(self.table, self.turn, key)}: {why}")

    def make(self, kind: type[Made], what: str, **known: Any) -> Made:
        """A dataclass from the table's words; `known` replaces words that are read already.

        UnreadableStory for a word that the dataclass does not have, or that it lacks.
        """
        said = {**self.said, **known}
        items = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
        for name in said:
            if name not in items:
                raise self.refusal(f"a {what} has no {name!r}", name)
        for name, item in items.items():
            if name not in said and item.default is MISSING:
                raise self.refusal(f"{name!r} is missing in a {what}")
        for name, value in self.said.items():
            if name not in known and not isinstance(value, str):
                raise self.refusal(f"{name!r} is no text", name)
        return kind(**said)


@dataclass(frozen=True, slots=True)
class TomlFile:
    """The file's name, its text and what it says."""

    name: str
    text: str
    said: Mapping[str, Any]

    @classmethod
    def read(cls, file: Path) -> TomlFile:
        """Read a file; UnreadableStory when there is none or it is no TOML."""
        try:
            text = file.read_text(encoding="utf-8")
            return cls(file.name, text, tomllib.loads(text))
        except (OSError, ValueError) as unreadable:
            raise UnreadableStory(f"{file.name}: {unreadable}") from unreadable

    def top(self) -> Table:
        """The words before the first table."""
        return Table(self, self.said)

    def table(self, name: str) -> Table:
        """One [table]; UnreadableStory when it is none."""
        found = Table(self, self.said.get(name, {}), name)
        if not isinstance(found.said, dict):
            raise self.top().refusal(f"{name!r} is no table", name)
        return found

    def tables(self, name: str) -> list[Table]:
        """The [[tables]] of a name, in their order; UnreadableStory when they are none."""
        said = self.said.get(name, [])
        if not isinstance(said, list) or not all(isinstance(item, dict) for item in said):
            raise self.top().refusal(f"{name!r} is no list of tables", name)
        return [Table(self, item, name, turn) for turn, item in enumerate(said, start=1)]

    def place(self, table: str, turn: int, key: str | None) -> str:
        """The file's name, with the line of a key in a table as far as it can be found."""
        here, met, beginning = "", 0, None
        pattern = None if key is None else re.compile(rf'(?:^|[{{,\s])"?{re.escape(key)}"?\s*=')
        for number, line in enumerate(self.text.splitlines(), start=1):
            header = _HEADER.fullmatch(line)
            if header is not None:
                here = header["name"].strip('"')
                met += here == table
            if here != table or (table and met != turn):
                continue
            beginning = beginning or number
            if pattern is not None and header is None and pattern.search(line):
                return f"{self.name}, line {number}"
        return f"{self.name}, line {beginning}" if table and beginning else self.name
