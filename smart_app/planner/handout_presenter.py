"""The words of the patient's hand-out: a schedule as somebody reads it at a kitchen table.

No web framework and no chart here: the page and the command line fill the same `Recipient`.
What is said beside the schedule is reviewed data (`clinical/knowledge/handout.toml`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from clinical.follow_up import check_ins
from clinical.knowledge import document
from clinical.taper import Intake, IntakeTime, Pieces, Schedule, TabletProduct
from smart_app.planner.words import listed, number_word, plural

_TIMES = {
    IntakeTime.MORNING: "Morning",
    IntakeTime.MIDDAY: "Noon",
    IntakeTime.EVENING: "Evening",
    IntakeTime.NIGHT: "Night",
}
_LARGEST_UG = 2000  # The strength that is drawn largest; what is stronger is drawn as large.
_LONGEST_WORDS = 120

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whose hand-out it is, and from whom. `None` is a line to write on by hand.

    `signed` is whether the orders of this plan are signed in the chart; until then it is a draft.
    """

    name: str | None
    born: date | None
    clinic: str | None
    prescriber: str | None
    synthetic: bool
    signed: bool
    rules_version: str


@dataclass(frozen=True, slots=True)
class Handout:
    """Every word of a hand-out as the template takes it, and the day that stamps the file."""

    content: Json
    day: date


def handout(schedule: Schedule, recipient: Recipient) -> Handout:
    """The hand-out of a schedule. The same schedule and recipient give the same words."""
    stops = schedule.to_mg.value == 0
    title = "Your plan to come off clonazepam" if stops else "Your plan to take less clonazepam"
    name = _printable(recipient.name)
    times = _times(schedule)
    content = {
        "title": title,
        "description": (
            f"From {_present(schedule)} to {schedule.to_mg} a day, "
            f"{day_in_full(schedule.starts_on)} to {day_in_full(schedule.ends_on)}"
        ),
        "who": [
            ["For", name],
            ["Born", None if recipient.born is None else _date(recipient.born)],
            ["From", _printable(recipient.clinic)],
            ["Prescriber", _printable(recipient.prescriber)],
        ],
        "banners": _banners(recipient),
        "parts": {key: _part(row) for key, row in _parts().items()},
        "numbers": [
            "Emergency number",
            "Your clinic, by day",
            "At night and on weekends",
            "Crisis line",
        ],
        "legend": _legend(schedule),
        "schedule": {
            "title": "Your plan, step by step",
            "lead": (
                f"Now: {_present(schedule)}. {_every_day(schedule)}"
                "Tick a box each day, when you have taken that day's tablets."
            ),
            "when": "When",
            "tick": "Tick each day",
            "none": "nothing",
        },
        "times": [_TIMES[time] for time in times],
        "steps": [*_steps(schedule, times)],
        "check-ins": [day_in_full(contact.on) for contact in check_ins(schedule)],
        "footer": _footer(name, recipient, schedule),
        "about": (
            f"Made with TaperGuard, rules {recipient.rules_version}. No clinician has reviewed "
            "the wording of this sheet yet. Your prescriber checks that it is right for you."
        ),
    }
    return Handout(content, schedule.starts_on)


def with_lines_for(given: Handout, unprintable: Sequence[str]) -> Handout:
    """The same with a line to write on in place of these words of the chart."""
    who = [
        [label, None if value in unprintable else value] for label, value in given.content["who"]
    ]
    footer = given.content["footer"]
    for words in unprintable:
        footer = footer.replace(f"{words} - ", "")
    return Handout({**given.content, "who": who, "footer": footer}, given.day)


def _present(schedule: Schedule) -> str:
    """What is taken now."""
    if schedule.as_needed is not None:
        return schedule.as_needed.in_words
    return f"{schedule.from_mg} a day"


def _every_day(schedule: Schedule) -> str:
    """What is new to whoever took clonazepam on some days only."""
    if schedule.as_needed is None:
        return ""
    return "From step 1 on you take a smaller amount every day, and none besides. "


def day_in_full(day: date) -> str:
    """A date as a patient reads it: "Monday 4 January 2027"."""
    return f"{day:%A} {_date(day)}"


def _date(day: date) -> str:
    return f"{day.day} {day:%B} {day.year:04d}"


def _printable(words: str | None) -> str | None:
    """Words of the chart on one line, without characters that are no letters at all."""
    if words is None:
        return None
    # A control or bidi character would be no letter on paper and could turn the line around.
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Cf"} else c for c in words)
    return " ".join(kept.split())[:_LONGEST_WORDS] or None


def _banners(recipient: Recipient) -> list[str]:
    banners = []
    if not recipient.signed:
        banners.append(
            "Draft: to be checked by your prescriber. Keep your present dose until your "
            "prescriber tells you to start."
        )
    if recipient.synthetic:
        banners.append("Synthetic: made for a demonstration, not for a real person.")
    return banners


def _footer(name: str | None, recipient: Recipient, schedule: Schedule) -> str:
    whose = f"{name} - " if name else ""
    state = "" if recipient.signed else " - draft"
    synthetic = " - synthetic" if recipient.synthetic else ""
    return f"{whose}clonazepam plan from {_date(schedule.starts_on)}{state}{synthetic}"


# --- tablets --------------------------------------------------------------------------------


@cache
def _forms() -> Mapping[str, Mapping[str, Any]]:
    return dict(document("handout.toml")["forms"])


@cache
def _parts() -> Mapping[str, Mapping[str, Any]]:
    return {row["id"]: row for row in document("handout.toml")["parts"]}


def _part(row: Mapping[str, Any]) -> Json:
    return {
        "title": row["title"],
        "lead": row["lead"],
        "points": list(row["points"]),
        "after": row.get("after", ""),
    }


def _form_word(product: TabletProduct) -> str:
    return str(_forms()[product.form]["word"])


def tablets_for_patients(pieces: Pieces) -> str:
    """As in "half a 1 mg tablet" or "three 0.25 mg melting tablets"."""
    name, count = f"{pieces.product.strength} {_form_word(pieces.product)}", pieces.count
    if count == Decimal("0.5"):
        return f"half a {name}"
    whole = int(count)
    if count != whole:
        return f"{number_word(whole)} and a half {name}s"
    return f"{number_word(whole)} {name}{'' if whole == 1 else 's'}"


def intakes_for_patients(intakes: Sequence[Intake]) -> str:
    """As in "Morning: one 0.5 mg tablet. Night: one 1 mg tablet."; nothing for no intakes."""
    return " ".join(
        f"{_TIMES[intake.time]}: {listed(map(tablets_for_patients, intake.pieces))}."
        for intake in intakes
    )


def _drawn(product: TabletProduct, count: int = 1, *, half: bool = False) -> Json:
    return {
        "strength": str(product.strength).removesuffix(" mg"),
        "size": min(product.strength_ug, _LARGEST_UG) / _LARGEST_UG,
        "melts": product.form != "tablet",
        "count": count,
        "half": half,
    }


def _drawing(pieces: Pieces) -> Iterator[Json]:
    whole = int(pieces.count)
    if whole:
        yield _drawn(pieces.product, whole)
    if pieces.count != whole:
        yield _drawn(pieces.product, half=True)


def _legend(schedule: Schedule) -> Json:
    used = {
        pieces.product
        for intakes in (*(s.intakes for s in schedule.steps), schedule.target.intakes)
        for intake in intakes
        for pieces in intake.pieces
    }
    shown = sorted(used, key=lambda p: (p.form != "tablet", -p.strength_ug))
    forms = dict.fromkeys(product.form for product in shown)
    return {
        "title": "Your tablets",
        "lead": (
            "The drawings show the strength. Real tablets look different: check the strength in "
            "mg on the box."
        ),
        "tablets": [
            {
                "piece": _drawn(product),
                "word": f"{product.strength} {_form_word(product)}",
                "on-the-box": (
                    f"On the box: clonazepam {product.strength} "
                    f"{_forms()[product.form]['on_the_box']}"
                ),
            }
            for product in shown
        ],
        "how": [
            f"{_forms()[form]['word'].capitalize()}s: {_forms()[form]['how']}" for form in forms
        ],
    }


# --- steps ----------------------------------------------------------------------------------


def _times(schedule: Schedule) -> list[IntakeTime]:
    """The times of day at which anything is taken in any step, in the order of the day."""
    used = {
        intake.time
        for intakes in (*(s.intakes for s in schedule.steps), schedule.target.intakes)
        for intake in intakes
    }
    return [time for time in IntakeTime if time in used]


def _steps(schedule: Schedule, times: Sequence[IntakeTime]) -> Iterator[Json]:
    of = len(schedule.steps) + 1
    for number, step in enumerate(schedule.steps, start=1):
        yield {
            "number": f"Step {number} of {of}, {plural(step.days, 'day')}",
            "starts": day_in_full(step.starts),
            "ends": f"to {day_in_full(step.ends)}",
            "dose": f"{step.dose} a day",
            "intakes": _intakes(step.intakes, times),
            "words": "",
            "weeks": _weeks(step.starts, step.days),
        }
    target = schedule.target
    stops = target.dose.value == 0
    yield {
        "number": f"Step {of} of {of}",
        "starts": day_in_full(schedule.ends_on),
        "ends": "and from then on",
        "dose": "0 mg a day" if stops else f"{target.dose} a day",
        "intakes": None if stops else _intakes(target.intakes, times),
        "words": "No more clonazepam." if stops else _stays(schedule),
        "weeks": [],
    }


def _stays(schedule: Schedule) -> str:
    """How long the dose of the goal is taken."""
    if schedule.review_on is None:
        return ""
    return (
        f"This dose stays. On {day_in_full(schedule.review_on)} you and your prescriber look at "
        "it again."
    )


def _intakes(intakes: Sequence[Intake], times: Sequence[IntakeTime]) -> list[Json | None]:
    at = {intake.time: intake for intake in intakes}
    return [None if time not in at else _intake(at[time]) for time in times]


def _intake(intake: Intake) -> Json:
    return {
        "words": listed(map(tablets_for_patients, intake.pieces)),
        "pieces": [drawn for pieces in intake.pieces for drawn in _drawing(pieces)],
    }


def _weeks(starts: date, days: int) -> list[list[str]]:
    """The days of a step as rows of seven, each day by its first letter."""
    letters = [f"{starts + timedelta(days=day):%a}"[:1] for day in range(days)]
    return [letters[first : first + 7] for first in range(0, days, 7)]
