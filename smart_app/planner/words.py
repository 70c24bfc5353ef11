"""Words that the planner's pages share: dates, doses, tablets, lists (UI, Words)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from clinical.checks.words import drug_name, listed
from clinical.facts import MedicationRecord
from clinical.plain_words import day as day_of_record
from clinical.plain_words import in_days, sentence
from clinical.taper import Intake, IntakeTime, Pieces, TaperStep, Target

__all__ = [
    "day_in_plan",
    "day_of_record",
    "in_days",
    "intakes_in_words",
    "listed",
    "number_word",
    "order_name",
    "plural",
    "sentence",
    "tablets_in_words",
    "taken_in_words",
]

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WHEN = {
    IntakeTime.MORNING: "in the morning",
    IntakeTime.MIDDAY: "at midday",
    IntakeTime.EVENING: "in the evening",
    IntakeTime.NIGHT: "at bedtime",
}


def day_in_plan(day: date) -> str:
    """A date one acts on: "Mon 4 Jan 2027"."""
    return f"{day:%a} {day_of_record(day)}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """As in "1 draft" and "4 drafts"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def number_word(number: int) -> str:
    """As in "three"; digits above ten."""
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)


def tablets_in_words(pieces: Pieces) -> str:
    """As in "half a 1 mg tablet" or "three 0.25 mg disintegrating tablets"."""
    name, count = pieces.product.short_name, pieces.count
    if count == Decimal("0.5"):
        return f"half a {name}"
    whole = int(count)
    if count != whole:
        return f"{number_word(whole)} and a half {name}s"
    return f"{number_word(whole)} {name}{'' if whole == 1 else 's'}"


def intakes_in_words(intakes: Sequence[Intake]) -> str:
    """As in "one 1 mg tablet in the morning; one 2 mg tablet at bedtime"."""
    return (
        "; ".join(
            f"{listed(map(tablets_in_words, intake.pieces))} {_WHEN[intake.time]}"
            for intake in intakes
        )
        or "no clonazepam"
    )


def taken_in_words(of: TaperStep | Target) -> str:
    """The same of a step; a dose that no tablets make, typed in by hand, is not "nothing"."""
    if of.dose.value and not of.intakes:
        return "not made by these tablets"
    return intakes_in_words(of.intakes)


def order_name(record: MedicationRecord) -> str:
    """An order as one would name it on the telephone."""
    dosage = f" ({record.dosage_text})" if record.dosage_text else ""
    return f"{drug_name(record)}{dosage}"
