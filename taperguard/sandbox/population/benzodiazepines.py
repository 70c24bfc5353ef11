"""How a generated patient takes clonazepam: one function for each kind of course.

The definitions behind them are those of the population report: long-term, raised, tapering (as
planned, stalled, reversed), finished, stopped at once, with an opioid, not computable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..patients.story import WITH_EACH_STEP, Course, Problem, Step
from .draw import Draw, ago

HALF, ONE, TWO = (f"clonazepam {mg} mg tablet" for mg in ("0.5", "1", "2"))
QUARTER = "clonazepam 0.25 mg disintegrating tablet"
NIGHT, TWICE, THRICE = "1 tablet at bedtime", "1 tablet twice a day", "1 tablet 3 times a day"

# From low to high: product, dose phrase, and how many of a hundred take it. 0.5, 1, 1, 1.5, 2, 3, 4
DOSES = (
    (HALF, NIGHT, 22),
    (HALF, TWICE, 24),
    (ONE, NIGHT, 12),
    (HALF, THRICE, 14),
    (ONE, TWICE, 17),
    (ONE, THRICE, 7),
    (TWO, TWICE, 4),
)
RHYTHMS = ("every 28 days", "every 30 days", "every 31 days", "every 33 days")
RENEWALS = ("every 3 months", "every 4 months", "every 6 months")
# A plan from 2 mg down, written with what stands in the formulary: 1.5, 1, 0.5, 0.25.
PLAN = ((HALF, THRICE), (HALF, TWICE), (HALF, NIGHT), (QUARTER, NIGHT))
_BEFORE = "clonazepam-before"
_TAPER = "clonazepam-taper"


@dataclass(frozen=True, slots=True)
class Told:
    """What a kind of course puts into the chart."""

    takes: tuple[Course, ...] = ()
    took: tuple[Course, ...] = ()
    has: tuple[Problem, ...] = ()


Kind = Callable[[Draw], Told]


def _dose(draw: Draw, low: int = 0, high: int = len(DOSES)) -> tuple[str, str]:
    medicine, dose, _ = draw.one(DOSES[low:high], [share for *_, share in DOSES[low:high]])
    return medicine, dose


def _habits(draw: Draw, filled: int = 75) -> dict[str, str]:
    """How often it is written anew, and in `filled` of a hundred charts when it was handed over."""
    habits = {"renewed": draw.one(RENEWALS)}
    if draw.happens(filled):
        habits["filled"] = draw.one(RHYTHMS)
    return habits


def steady(draw: Draw) -> Told:
    """The same dose for months or years."""
    return Told(takes=(draw.course(*_dose(draw), draw.days(130, 730), **_habits(draw)),))


def starter(draw: Draw) -> Told:
    """A few weeks of a low dose."""
    course = draw.course(*_dose(draw, 0, 3), draw.days(3, 80), **_habits(draw))
    return Told(takes=(course,))


def raised(draw: Draw) -> Told:
    """More since some weeks than before."""
    place, changed = draw.days(1, len(DOSES) - 1), draw.days(20, 85)
    before = DOSES[0 if place < 3 else place - 2]
    return _changed(draw, (before[0], before[1]), (DOSES[place][0], DOSES[place][1]), changed)


def lowered(draw: Draw) -> Told:
    """Less since some weeks than before, by a quarter or more."""
    place, changed = draw.days(3, len(DOSES) - 1), draw.days(20, 85)
    after = DOSES[place - 3]
    return _changed(draw, (DOSES[place][0], DOSES[place][1]), (after[0], after[1]), changed)


def _changed(draw: Draw, before: tuple[str, str], after: tuple[str, str], changed: int) -> Told:
    habits = _habits(draw, filled=85)
    first = draw.course(
        *before, changed + draw.days(150, 600), until=ago(changed + 1), id=_BEFORE, **habits
    )
    return Told(takes=(draw.course(*after, changed, **habits),), took=(first,))


# --- tapers -----------------------------------------------------------------------------------


def _plan(draw: Draw, since: int, days: int, **more: str) -> Course:
    steps = tuple(
        Step(dose=dose, days=days, medicine=draw.formulary[medicine]) for medicine, dose in PLAN
    )
    return Course(
        since=ago(since),
        medicine=draw.formulary[HALF],
        written="orders of a plan",
        filled=WITH_EACH_STEP,
        id=_TAPER,
        steps=steps,
        **more,
    )


def _before(draw: Draw, plan_since: int) -> Course:
    since = plan_since + 1 + 30 * draw.days(6, 18)
    return draw.course(
        ONE,
        TWICE,
        since,
        until=ago(plan_since + 1),
        id=_BEFORE,
        renewed="every 6 months",
        filled="every 30 days",
    )


def on_plan(draw: Draw) -> Told:
    """On the way down from 2 mg, as planned."""
    days = draw.one((14, 28))
    since = draw.days(2, 4 * days - 3)
    return Told(takes=(_plan(draw, since, days),), took=(_before(draw, since),))


def stalled(draw: Draw) -> Told:
    """Held at a step for more than twice as long as was planned."""
    days, step = 14, draw.days(2, 3)
    since = (step - 1) * days + 2 * days + draw.days(5, 60)
    plan = _plan(draw, since, days, held=f"at step {step}")
    return Told(takes=(plan,), took=(_before(draw, since),))


def reversed_taper(draw: Draw) -> Told:
    """Down to half a milligram, and up again in the past weeks."""
    back = draw.days(5, 40)
    since = back + 3 * 14
    plan = _plan(draw, since, 14, until=ago(back + 1))
    again = draw.course(HALF, TWICE, back, filled="every 30 days")
    return Told(takes=(again,), took=(plan, _before(draw, since)))


def finished(draw: Draw) -> Told:
    """Tapered off, some months ago."""
    days = draw.one((14, 28))
    since = 4 * days + draw.days(35, 300)
    return Told(took=(_plan(draw, since, days), _before(draw, since)))


def abrupt(draw: Draw) -> Told:
    """The last fill, at the full dose, ran out more than 31 days ago."""
    last = draw.days(65, 300)
    course = draw.course(
        *_dose(draw, 1),
        last + 30 * draw.days(5, 14),
        until=ago(last - 29),
        renewed="every 6 months",
        filled="every 30 days",
    )
    return Told(took=(course,))


# --- with an opioid, and what cannot be computed ----------------------------------------------


def with_opioid(draw: Draw) -> Told:
    """Clonazepam and an opioid, both handed over month by month."""
    medicine, dose = draw.one(
        (
            ("oxycodone 5 mg tablet", "1 tablet every 6 hours"),
            ("hydrocodone 5 mg / acetaminophen 325 mg tablet", "1 tablet every 8 hours"),
            ("tramadol 50 mg tablet", "1 tablet 3 times a day"),
            ("morphine ER 15 mg tablet", "1 tablet every 12 hours"),
        )
    )
    opioid = draw.course(
        medicine,
        dose,
        draw.days(95, 600),
        renewed="every 30 days",
        filled="every 30 days",
        because="M54.50",
    )
    takes = [
        draw.course(
            *_dose(draw), draw.days(130, 730), renewed="every 3 months", filled="every 30 days"
        ),
        opioid,
    ]
    if draw.happens(40):
        takes.append(
            draw.course(
                "cyclobenzaprine 10 mg tablet",
                "1 tablet at bedtime",
                draw.days(70, 200),
                filled="every 30 days",
            )
        )
    if draw.happens(35):
        spray = draw.course(
            "naloxone 4 mg nasal spray",
            None,
            draw.days(10, 400),
            instructions="1 spray into one nostril for suspected overdose",
        )
        takes.append(spray)
    back = Problem(condition="Low back pain, unspecified", icd10="M54.50", since=ago(700))
    return Told(takes=tuple(takes), has=(back,))


def as_needed(draw: Draw) -> Told:
    """When needed: with a most, or without one, and then no daily dose can be computed."""
    dose = draw.one(
        (
            "1 tablet every 6 hours as needed",
            "1 to 2 tablets every 8 hours as needed",
            "1 tablet every 6 hours as needed, at most 2 tablets a day",
        )
    )
    return Told(takes=(draw.course(HALF, dose, draw.days(30, 500), renewed="every 3 months"),))


def words_only(draw: Draw) -> Told:
    """An order that is only typed words, or a product to be taken as directed."""
    since = draw.days(30, 500)
    if draw.happens(50):
        typed = draw.one(("1 tab PO qhs", "1 tab po bid prn anxiety", "use as directed"))
        course = Course(
            since=ago(since), text="clonazePAM 0.5 mg tab", instructions=typed, id="clonazepam"
        )
    else:
        course = draw.course(ONE, None, since, instructions="Take as directed")
    return Told(takes=(course,))


def another(draw: Draw) -> Told:
    """Another benzodiazepine."""
    course = draw.course("lorazepam 1 mg tablet", TWICE, draw.days(40, 500), **_habits(draw))
    return Told(takes=(course,))


def without(draw: Draw) -> Told:
    """No benzodiazepine at all."""
    del draw
    return Told()


# Of fifty patients in a row so many are of each kind.
_SHARES: tuple[tuple[Kind, int], ...] = (
    (steady, 12),
    (starter, 4),
    (raised, 3),
    (lowered, 2),
    (on_plan, 3),
    (stalled, 2),
    (reversed_taper, 2),
    (finished, 3),
    (abrupt, 3),
    (with_opioid, 5),
    (as_needed, 3),
    (words_only, 2),
    (another, 1),
    (without, 5),
)
KINDS: tuple[Kind, ...] = tuple(kind for kind, share in _SHARES for _ in range(share))
"""The kinds of fifty patients in a row, in the order in which they come."""
