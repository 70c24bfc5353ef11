"""The patient's hand-out as PDF: tagged (PDF/UA-1), and the same bytes everywhere.

Set by Typst with its own fonts only, stamped with the plan's day. The words go in as data: the
template shows them and reads none of them as its own language.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from importlib.resources import files
from pathlib import Path

import typst

from clinical.taper import Schedule
from smart_app.planner.handout_presenter import Handout, Recipient, handout, with_lines_for

_TEMPLATES = Path(str(files("smart_app") / "templates" / "handout"))
_NO_LETTER = "could not be displayed"


def handout_pdf(schedule: Schedule, recipient: Recipient) -> bytes:
    """The hand-out of a schedule as PDF. It takes a fraction of a second of computing.

    Typst's fonts know Latin, Greek, Cyrillic, Hebrew, Arabic and some more letters. A name in
    others is not set as empty boxes: a line stands in its place, to write it by hand.
    """
    words = handout(schedule, recipient)
    try:
        return _set(words)
    except typst.TypstError as error:
        if _NO_LETTER not in str(error):
            raise
    from_chart = [value for _, value in words.content["who"] if value is not None]
    return _set(with_lines_for(words, [each for each in from_chart if not _has_letters(each)]))


def _set(words: Handout) -> bytes:
    return _compile("handout.typ", {"handout": json.dumps(words.content)}, words.day)


def _has_letters(words: str) -> bool:
    """Whether the fonts can show the words."""
    try:
        _compile("letters.typ", {"words": words}, date.min)
    except typst.TypstError:
        return False
    return True


def _compile(template: str, inputs: dict[str, str], day: date) -> bytes:
    """A template as PDF. It can read nothing outside its folder, and reads nothing in it."""
    return typst.compile(
        _TEMPLATES / template,
        root=_TEMPLATES,
        ignore_system_fonts=True,
        format="pdf",
        pdf_standards=["ua-1"],
        sys_inputs=inputs,
        timestamp=datetime.combine(day, time(), UTC),
    )
