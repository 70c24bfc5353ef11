"""Who the generated patients are, and what they take beside clonazepam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..patients.medicine import Product, read_formulary
from ..patients.story import Course, Person, Problem
from .benzodiazepines import KINDS, without
from .draw import Draw, ago

SEED = 20261123
_PREFIX = "gen-"
_MOST = 9_999_999
_WOMEN = "Ada Bea Cora Dora Ella Faye Gwen Hope Ines June Kate Lena Mary Nell Olga Prue".split()
_MEN = "Abel Bill Carl Dean Evan Fred Glen Hank Ivan Jack Kurt Lars Mark Noel Otis Paul".split()
_REASONS = (
    ("Panic disorder [episodic paroxysmal anxiety]", "F41.0", 45),
    ("Generalized anxiety disorder", "F41.1", 30),
    ("Anxiety disorder, unspecified", "F41.9", 15),
    ("Epilepsy, unspecified, not intractable, without status epilepticus", "G40.909", 10),
)
_PRESSURE = Problem(condition="Essential (primary) hypertension", icd10="I10", since=ago(1500))
_FALL = Problem(condition="History of falling", icd10="Z91.81", since=ago(200))
_OTHERS = (
    ("sertraline 50 mg tablet", "1 tablet in the morning", 30),
    ("escitalopram 10 mg tablet", "1 tablet in the morning", 20),
    ("omeprazole 20 mg capsule", "1 capsule in the morning", 25),
    ("gabapentin 300 mg capsule", "1 capsule 3 times a day", 15),
    ("zolpidem 5 mg tablet", "1 tablet at bedtime", 8),
)


def is_generated(patient_id: str) -> bool:
    """Whether a patient with this id was generated."""
    return patient_id.startswith(_PREFIX)


def people(count: int, *, seed: int = SEED) -> Iterator[Person]:
    """So many generated patients. ValueError for fewer than none, and for more than have a name."""
    if not 0 <= count <= _MOST:
        raise ValueError(f"there are 0 to {_MOST} generated patients, not {count}")
    formulary = read_formulary()
    return (_person(number, seed, formulary) for number in range(1, count + 1))


def _person(number: int, seed: int, formulary: Mapping[str, Product]) -> Person:
    draw = Draw.of(seed, number, formulary)
    # Seven is prime to fifty: neighbours differ, and every fifty are all kinds.
    kind = KINDS[7 * number % len(KINDS)]
    told = kind(draw)
    is_old = draw.happens(35)
    sex = draw.one(("female", "male"), (58, 42))
    given = draw.one(_WOMEN if sex == "female" else _MEN)
    others, conditions = _others(draw, is_old)
    reason = () if kind is without else (_reason(draw),)
    return Person(
        key=f"{_PREFIX}{number:04d}",
        given=given,
        family=f"Synthetic-Generated-{number:04d}",
        sex=sex,
        born=_born(draw, is_old),
        has=(*reason, *told.has, *conditions),
        takes=(*told.takes, *others),
        took=told.took,
    )


def _born(draw: Draw, is_old: bool) -> str | None:
    """When somebody was born; of forty, one birth date is missing and one is only a year."""
    years = draw.days(65, 92) if is_old else draw.days(19, 64)
    born = f"{years} years and {draw.days(0, 11)} months ago"
    said = draw.days(1, 40)
    if said == 1:
        return None
    return f"{born}, year only" if said == 2 else born


def _reason(draw: Draw) -> Problem:
    condition, code, _ = draw.one(_REASONS, [share for *_, share in _REASONS])
    return Problem(condition=condition, icd10=code, since=ago(draw.days(740, 3000)))


def _others(draw: Draw, is_old: bool) -> tuple[list[Course], list[Problem]]:
    """Medicines beside clonazepam, some of them handed over, and the conditions behind them."""
    courses: list[Course] = []
    conditions: list[Problem] = []
    if draw.happens(60 if is_old else 25):
        conditions.append(_PRESSURE)
        medicine = draw.one(("lisinopril 10 mg tablet", "amlodipine 5 mg tablet"))
        dose = "1 tablet in the morning"
        courses.append(draw.course(medicine, dose, draw.days(200, 900), renewed="every 6 months"))
    if is_old and draw.happens(20):
        conditions.append(_FALL)
    for medicine, dose, percent in _OTHERS:
        if draw.happens(percent):
            filled = {"filled": "every 30 days"} if draw.happens(40) else {}
            since = draw.days(60, 500)
            courses.append(draw.course(medicine, dose, since, renewed="every 6 months", **filled))
    return courses, conditions
