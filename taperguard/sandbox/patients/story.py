"""A patient's story as it is written in a TOML file, read strictly.

A misspelt key or an unknown product stops the start with the file's name and the reason; a story
that is half understood would be a wrong patient.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

_HERE = Path(__file__).parent
STORIES = _HERE / "stories"
_FORMULARY = _HERE / "formulary.toml"


class UnreadableStory(Exception):
    """A story file that cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True, slots=True)
class Ingredient:
    """What a product contains: `mg` per unit."""

    rxnorm: str
    name: str
    mg: Decimal


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the formulary: `said` is what this EHR calls it, `name` what RxNorm does."""

    said: str
    rxnorm: str
    name: str
    unit: str
    verb: str = "Take"
    route: str = "by mouth"
    ingredient: Ingredient | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A condition on the problem list; `until` when it is over."""

    condition: str
    since: str
    icd10: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """A medicine over time: from the formulary with a dose phrase, or as free text.

    `renewed` and `filled` are rhythms ("every 6 months"); `because` is a condition's code;
    `written` is "by code" or "by reference" (to a Medication resource).
    """

    since: str
    medicine: Product | None = None
    dose: str | None = None
    text: str | None = None
    instructions: str | None = None
    id: str | None = None
    until: str | None = None
    why_stopped: str | None = None
    renewed: str | None = None
    filled: str | None = None
    because: str | None = None
    written: str = "by code"


@dataclass(frozen=True, slots=True)
class Reaction:
    """An allergy or intolerance."""

    substance: str
    reaction: str
    since: str
    rxnorm: str | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """One patient: who it is, one line for the list, the story, and what the chart holds."""

    key: str
    given: str
    family: str
    sex: str
    born: str | None
    line: str
    story: str
    has: tuple[Problem, ...]
    takes: tuple[Course, ...]
    took: tuple[Course, ...]
    reports: tuple[Course, ...]
    reacts_to: tuple[Reaction, ...]


def read_formulary(file: Path = _FORMULARY) -> dict[str, Product]:
    """The products that stories and orders may name."""
    said = _read(file)
    products: dict[str, Product] = {}
    for name, entry in said.items():
        inside = entry.pop("ingredient", None)
        if inside is not None:
            inside = _make(Ingredient, {**inside, "mg": Decimal(inside["mg"])}, file)
        products[name] = _make(Product, {**entry, "said": name, "ingredient": inside}, file)
    return products


def read_stories(folder: Path = STORIES) -> list[Story]:
    """Every story of a folder, in the order of its file names."""
    formulary = read_formulary()
    return [read_story(file, formulary) for file in sorted(folder.glob("*.toml"))]


_LISTS = {"has", "takes", "took", "reports", "reacts_to"}
_REQUIRED = {"name", "sex", "line", "story"}


def read_story(file: Path, formulary: Mapping[str, Product]) -> Story:
    """The story in a file; its key is the file's name without number. UnreadableStory if none."""
    said = _read(file)
    for name in _REQUIRED - said.keys():
        raise UnreadableStory(f"{file.name}: {name!r} is missing")
    for name in said.keys() - _REQUIRED - _LISTS - {"born"}:
        raise UnreadableStory(f"{file.name}: a story has no {name!r}")
    given, _, family = said["name"].rpartition(" ")
    if not family.startswith("Synthetic-"):
        raise UnreadableStory(f"{file.name}: a family name here begins with Synthetic-")

    def courses(name: str) -> tuple[Course, ...]:
        return tuple(_course(entry, formulary, file) for entry in said.get(name, []))

    return Story(
        key=file.stem.partition("-")[2],
        given=given,
        family=family,
        sex=said["sex"],
        born=said.get("born"),
        line=said["line"].strip(),
        story=said["story"].strip(),
        has=tuple(_make(Problem, entry, file) for entry in said.get("has", [])),
        takes=courses("takes"),
        took=courses("took"),
        reports=courses("reports"),
        reacts_to=tuple(_make(Reaction, entry, file) for entry in said.get("reacts_to", [])),
    )


def _course(entry: dict[str, Any], formulary: Mapping[str, Product], file: Path) -> Course:
    said = dict(entry)
    if "medicine" in said:
        product = formulary.get(said["medicine"])
        if product is None:
            raise UnreadableStory(f"{file.name}: the formulary has no {said['medicine']!r}")
        said["medicine"] = product
    course = _make(Course, said, file)
    if (course.medicine is None) == (course.text is None):
        raise UnreadableStory(f"{file.name}: a course has either a medicine or a text")
    if course.written not in ("by code", "by reference"):
        raise UnreadableStory(f"{file.name}: {course.written!r} is no way to write an order")
    return course


_Made = TypeVar("_Made", Product, Ingredient, Problem, Course, Reaction)


def _make(kind: type[_Made], said: Mapping[str, Any], file: Path) -> _Made:
    known: Iterable[str] = {item.name for item in fields(kind)}
    for name in said.keys() - set(known):
        raise UnreadableStory(f"{file.name}: a {kind.__name__.lower()} has no {name!r}")
    try:
        return kind(**said)
    except TypeError as missing:
        raise UnreadableStory(f"{file.name}: {missing}") from missing


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as unreadable:
        raise UnreadableStory(f"{file.name}: {unreadable}") from unreadable
