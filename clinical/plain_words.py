"""Sentences of the core and the chart, as a person reads them on a card or a page.

The core and the account name records by their ids and days as FHIR does; a person reads names and
"4 Jan 2027".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from clinical.checks.words import drug_name
from clinical.drugs import Unrecognised
from clinical.facts import PatientFacts

_DAY = re.compile(r"(?<![\w/.-])(\d{4})-(\d\d)-(\d\d)(?![\w-])")
_RECORD = re.compile(r"\bMedication(?:Request|Statement|Dispense|Order)/[^\s,:;()]+")


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day(of: date) -> str:
    """For example "4 Jan 2027"."""
    return f"{of.day} {_MONTHS[of.month - 1]} {of.year:04d}"


def sentence(words: str) -> str:
    """With a capital first and a full stop last."""
    words = words.strip()
    first = words[:1].upper() + words[1:]
    return first if first.endswith((".", "!", "?")) else f"{first}."


def in_days(words: str) -> str:
    """The same with each "2027-01-04" as "4 Jan 2027"; what is no day of the calendar stays."""
    return _DAY.sub(_day_in_words, words)


def plain_words(facts: PatientFacts) -> Callable[[str], str]:
    """What makes a sentence about this chart one for a person: drugs by name, days in words.

    A drug that nobody could identify keeps its record's id: there is nothing else to find it by.
    Where a draft changes an order of the chart, and both have one id, it is called as in the draft.
    """
    records = (*facts.medications, *(d.record for d in facts.drafts))
    names = {record.source: drug_name(record) for record in records if _is_named(record.drug)}

    def name(found: re.Match[str]) -> str:
        source = found[0]
        if source in names:
            return names[source]
        # The full stop may end the sentence and not the id.
        return names.get(source.rstrip("."), source.rstrip(".")) + source[len(source.rstrip(".")) :]

    return lambda words: sentence(in_days(_RECORD.sub(name, words)))


def _is_named(drug: object) -> bool:
    return not isinstance(drug, Unrecognised) or drug.named is not None


def _day_in_words(found: re.Match[str]) -> str:
    try:
        return day(date(int(found[1]), int(found[2]), int(found[3])))
    except ValueError:
        return found[0]
