"""A patient's story as it is written in a TOML file, read strictly.

A misspelt key or an unknown product stops the start with the file's name, the line and the reason;
a story that is half understood would be a wrong patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .answer_key import AnswerKey, read_answer_key
from .medicine import Product, read_formulary
from .toml_file import Table, TomlFile, UnreadableStory

__all__ = [
    "Course",
    "Finding",
    "Person",
    "Problem",
    "Product",
    "Reaction",
    "Step",
    "Story",
    "UnreadableStory",
    "read_formulary",
    "read_stories",
    "read_story",
]

STORIES = Path(__file__).parent / "stories"


@dataclass(frozen=True, slots=True)
class Problem:
    """A condition on the problem list; `until` when it is over."""

    condition: str
    since: str
    icd10: str | None = None
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One dose of a taper, for so many days; `medicine` where the tablets change."""

    dose: str
    days: int
    medicine: Product | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """A medicine over time: from the formulary with a dose phrase, or as free text.

    `instructions` beside a dose are what was typed instead of the dose's own sentence, `called`
    is what was typed instead of the product's name. `renewed` and `filled` are rhythms ("every 6
    months"); `because` is a condition's code; `written` is one of WRITTEN; `status` is that of the
    last order where it is not active or ended; `by` is who reported it. `steps` follow each other
    from `since`; they are `written` as "orders of a plan" or as "one order". A plan of orders may
    be `held` ("at step 2": that step goes on, later ones wait) or given up on the day `until`, and
    it is `filled` "with each step". What is reported and `renewed` was told again each time.
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
    called: str | None = None
    status: str | None = None
    by: str = "the patient"
    held: str | None = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Reaction:
    """An allergy or intolerance."""

    substance: str
    reaction: str
    since: str
    rxnorm: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What was asked or found on a day: one of `findings`, and the answer."""

    what: str
    answer: str
    on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One patient: who it is, and what the chart holds. `key` is the id."""

    key: str
    given: str
    family: str
    sex: str
    born: str | None
    has: tuple[Problem, ...] = ()
    takes: tuple[Course, ...] = ()
    took: tuple[Course, ...] = ()
    reports: tuple[Course, ...] = ()
    reacts_to: tuple[Reaction, ...] = ()
    found: tuple[Finding, ...] = ()
    died: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story(Person):
    """A patient who is there to show something.

    `title` says what the story shows, `line` stands in the patient list, `story` is told on the
    chart and `to_try` is an order worth writing. `expect` is what a safety service should answer
    to it: no page shows that.
    """

    title: str
    line: str
    story: str
    to_try: str
    expect: AnswerKey


@cache
def read_stories(folder: Path = STORIES) -> tuple[Story, ...]:
    """Every story of a folder, in the order of its file names; read once."""
    formulary = read_formulary()
    return tuple(read_story(file, formulary) for file in sorted(folder.glob("*.toml")))


_LISTS = frozenset({"has", "takes", "took", "reports", "reacts_to", "found"})
_REQUIRED = ("name", "sex", "title", "line", "story", "to_try")
_OPTIONAL = ("born", "died")
_SEXES = frozenset({"female", "male", "other", "unknown"})


def read_story(file: Path, formulary: Mapping[str, Product]) -> Story:
    """The story in a file; its key is the file's name without number. UnreadableStory if none."""
    written = TomlFile.read(file)
    said = _top(written)
    given, _, family = said["name"].rpartition(" ")
    if not family.startswith("Synthetic-"):
        raise written.top().refusal("a family name here begins with Synthetic-", "name")
    if said["sex"] not in _SEXES:
        raise written.top().refusal(f"{said['sex']!r} is no administrative gender", "sex")

    def courses(name: str) -> tuple[Course, ...]:
        return tuple(_course(table, formulary) for table in written.tables(name))

    return Story(
        key=file.stem.partition("-")[2],
        given=given,
        family=family,
        sex=said["sex"],
        born=said.get("born"),
        died=said.get("died"),
        title=said["title"].strip(),
        line=said["line"].strip(),
        story=said["story"].strip(),
        to_try=said["to_try"].strip(),
        has=tuple(table.make(Problem, "problem") for table in written.tables("has")),
        takes=courses("takes"),
        took=courses("took"),
        reports=courses("reports"),
        reacts_to=tuple(table.make(Reaction, "reaction") for table in written.tables("reacts_to")),
        found=tuple(table.make(Finding, "finding") for table in written.tables("found")),
        expect=read_answer_key(written.table("expect"), formulary),
    )


def _top(written: TomlFile) -> dict[str, str]:
    """The words about the patient; UnreadableStory for one that is missing, unknown or no text."""
    top = written.top()
    for name in written.said.keys() - _LISTS - {*_REQUIRED, *_OPTIONAL, "expect"}:
        raise top.refusal(f"a story has no {name!r}", name)
    for name in (*_REQUIRED, "expect"):
        if name not in written.said:
            raise top.refusal(f"{name!r} is missing")
    said: dict[str, str] = {}
    for name in (*_REQUIRED, *_OPTIONAL):
        value = written.said.get(name)
        if value is not None and not isinstance(value, str):
            raise top.refusal(f"{name!r} is no text", name)
        if value is not None:
            said[name] = value
    return said


WRITTEN = (
    "by code",
    "by reference",
    "contained",
    "orders of a plan",
    "one order",
)
WITH_EACH_STEP = "with each step"
_STATUSES = frozenset({"on-hold", "entered-in-error"})
_REPORTERS = frozenset({"the patient", "another clinic"})


def _course(table: Table, formulary: Mapping[str, Product]) -> Course:
    known: dict[str, Any] = {}
    if "medicine" in table.said:
        known["medicine"] = _product(table, table.said["medicine"], formulary)
    if "steps" in table.said:
        known["steps"] = _steps(table, formulary)
    course = table.make(Course, "course", **known)
    if (course.medicine is None) == (course.text is None):
        raise table.refusal("a course has either a medicine or a text")
    if course.written not in WRITTEN:
        raise table.refusal(f"{course.written!r} is no way to write an order", "written")
    if bool(course.steps) != (course.written in ("orders of a plan", "one order")):
        raise table.refusal("steps are written as 'orders of a plan' or as 'one order'")
    if course.steps and (course.medicine is None or course.dose or course.renewed):
        raise table.refusal("a course of steps has a medicine, and no dose or rhythm of its own")
    is_plan = course.written == "orders of a plan"
    if (course.filled == WITH_EACH_STEP or course.held is not None) and not is_plan:
        raise table.refusal("only orders of a plan are held, or filled with each step")
    if is_plan and course.filled not in (None, WITH_EACH_STEP):
        raise table.refusal("orders of a plan are filled 'with each step'", "filled")
    steps = [f"at step {number}" for number in range(1, len(course.steps) + 1)]
    if course.held is not None and course.held not in steps:
        raise table.refusal(f"{course.held!r} is no step of a plan", "held")
    if course.status is not None and course.status not in _STATUSES:
        raise table.refusal(f"{course.status!r} is no status of a story", "status")
    if course.by not in _REPORTERS:
        raise table.refusal(f"{course.by!r} reports nothing here", "by")
    return course


def _steps(table: Table, formulary: Mapping[str, Product]) -> tuple[Step, ...]:
    said = table.said["steps"]
    if not isinstance(said, list) or not all(isinstance(item, dict) for item in said):
        raise table.refusal("'steps' is no list of steps", "steps")
    found = []
    for item in said:
        inner = Table(table.file, item, table.table, table.turn)
        known: dict[str, Any] = {"days": item.get("days")}
        if type(known["days"]) is not int or known["days"] < 1:
            raise inner.refusal("'days' is no number of days", "days")
        if "medicine" in item:
            known["medicine"] = _product(inner, item["medicine"], formulary)
        found.append(inner.make(Step, "step", **known))
    return tuple(found)


def _product(table: Table, named: object, formulary: Mapping[str, Product]) -> Product:
    product = formulary.get(named) if isinstance(named, str) else None
    if product is None:
        raise table.refusal(f"the formulary has no {named!r}", "medicine")
    return product
