"""What is logged and must not be: patients of the stories, and tokens.

`log_scan` is the plugin that has every test of a run looked at; `processes` starts other programs
so that they are.
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
    r"(?:access|refresh|code)-[0-9a-f]{16}",  # of the fake EHRs
    r"(?:Bearer|Basic) [\w.~+/-]{4,}",
    r"(?<![\w+/])[A-Za-z0-9+/]{43}=",  # a key of 256 bits in base64
    r"__Host-taperguard=[\w-]",
    r"[?&](?:code|state|launch|nonce)=[\w.~%-]",
    r"(?:access_token|refresh_token|id_token|client_secret|client_assertion|code_verifier)"
    r"[\"']?\s?[=:]\s?[\"']?[\w.~+/-]{4,}",
)

_RUN = re.compile(r"[\w-]{6,}", re.ASCII)
_UPPER, _LOWER, _DIGIT = re.compile("[A-Z]"), re.compile("[a-z]"), re.compile("[0-9]")
_PASSWORD = re.compile(r"[0-9a-f]{48}")

SECRET_BYTES = 16
"""So many random bytes, or more, make a secret; less is the number of an event or of a key."""
_SECRET_LETTERS = 22
"""16 bytes in base64url."""
_LONG_SECRET_LETTERS = 36
"""The shortest that has a capital letter for certain; no name that we know is so long."""


def looks_random(run: str) -> bool:
    """Whether letters and digits without a break look like a secret that somebody drew.

    That is how the tokens, codes, states and cookies look that a process makes out of our sight:
    256 random bits are 43 letters of base64url. Shorter ones need a digit, for a class may have a
    long name: of those with 144 bits (24 letters) one in sixty has none and is missed. The ids
    that may be logged, UUIDs, 32 hexadecimal digits, and fingerprints with 64 of them, have no
    capital letter.
    """
    if _PASSWORD.fullmatch(run):
        return True
    if len(run) < _SECRET_LETTERS or not (_UPPER.search(run) and _LOWER.search(run)):
        return False
    return len(run) >= _LONG_SECRET_LETTERS or _DIGIT.search(run) is not None


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
        self._issued: set[str] = set()
        self._as_written = log.formatter("json")
        self._found: list[str] = []

    def know(self, secret: str) -> str:
        """The same secret, which from now on must not be logged, whatever it looks like."""
        self._issued.add(secret)
        return secret

    def told(self, text: str) -> list[str]:
        """The lines of a text that name a patient or hold a token, with the word that does."""
        return [
            f"{found!r} in {line[:300]}"
            for line in text.splitlines()
            if (found := self._telling(line)) is not None
        ]

    def _telling(self, line: str) -> str | None:
        if (found := self._words.search(line)) is not None:
            return found[0]
        runs = _RUN.findall(line)
        return next((run for run in runs if run in self._issued or looks_random(run)), None)

    def hear(self, record: logging.LogRecord) -> None:
        """A record, as our processes would write it."""
        self.look_at(self._as_written.format(record))

    def look_at(self, text: str) -> None:
        """A text that was logged."""
        self._found += self.told(text)

    def look_at_files(self, *files: Path) -> None:
        """What a process wrote; of a file that was full, also what was put aside."""
        for file in files:
            for one in (file.with_name(f"{file.name}.1"), file):
                if one.exists():
                    self.look_at(one.read_text(encoding="utf-8", errors="replace"))

    def look_at_logs_of(self, data: Path) -> None:
        """The logs in a data folder: what the parts of a process tree wrote."""
        self.look_at_files(*sorted((data / "logs").glob("*.log")))

    def take(self) -> list[str]:
        """What was found; it is told once."""
        found, self._found = self._found, []
        return found


SCAN = LogScan()
