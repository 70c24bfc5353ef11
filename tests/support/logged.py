"""What is logged and must not be: patients of the stories, and tokens.

`log_scan` is the plugin that has every test of a run looked at.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, date, datetime
from pathlib import Path

from ehr import log
from taperguard.sandbox.patients import read_stories
from taperguard.sandbox.patients.build import _birth_date

_TOLD_ON = date(2026, 11, 23)
"""The day of the tests that stop the clock; processes live today."""

_TOKENS = (
    r"eyJ[\w-]{8,}\.[\w-]+",  # a JWT
    r"(?:access|refresh|code)-[0-9a-f]{16}",  # of the fake EHR
    r"Bearer [\w.~+/-]{4,}",
)


def _words() -> re.Pattern[str]:
    """Names, ids (with them the MRN "SYN-alder" and "Patient/alder"), birth dates and tokens."""
    stories = read_stories()
    days = (_TOLD_ON, datetime.now(UTC).date())
    born = {_birth_date(story.born, day) for story in stories for day in days if story.born}
    words = {
        *(story.key for story in stories),
        *(story.given for story in stories),
        *(day for day in born if len(day) == len("1954-08-23")),
    }
    listed = "|".join(re.escape(word) for word in sorted(words))
    return re.compile(rf"\b(?:{listed})\b|Synthetic-[A-Z]\w*|{'|'.join(_TOKENS)}")


class LogScan:
    """What was found since somebody last asked."""

    def __init__(self) -> None:
        self._words = _words()
        self._as_written = log.formatter("json")
        self._found: list[str] = []

    def told(self, text: str) -> list[str]:
        """The lines of a text that name a patient or hold a token, with the word that does."""
        return [
            f"{found[0]!r} in {line[:300]}"
            for line in text.splitlines()
            if (found := self._words.search(line)) is not None
        ]

    def hear(self, record: logging.LogRecord) -> None:
        """A record, as our processes would write it."""
        self.look_at(self._as_written.format(record))

    def look_at(self, text: str) -> None:
        """A text that was logged."""
        self._found += self.told(text)

    def look_at_files(self, log_file: Path, environment: dict[str, str] | None = None) -> None:
        """What a process wrote: its output, and the logs in its data folder."""
        files = [log_file]
        if environment and "TAPERGUARD_DATA" in environment:
            files += sorted((Path(environment["TAPERGUARD_DATA"]) / "logs").glob("*.log"))
        for file in files:
            if file.exists():
                self.look_at(file.read_text(encoding="utf-8", errors="replace"))

    def take(self) -> list[str]:
        """What was found; it is told once."""
        found, self._found = self._found, []
        return found


SCAN = LogScan()
