"""Addresses of the report's pages. None of them holds anything of a patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that filters or orders what a page shows."""

    words: str
    link: str
    is_this: bool


@dataclass(frozen=True, slots=True)
class Links:
    """The pages of one EHR's report below `root`; patients only for those who may see them."""

    root: str
    ehr_id: str
    to_patients: bool

    @property
    def home(self) -> str:
        """The newest night."""
        return f"{self.root}/reports/{quote(self.ehr_id, safe='')}"

    @property
    def cards(self) -> str:
        """What became of the cards."""
        return f"{self.home}/cards"

    def night(self, night: date) -> str:
        """The report of a night."""
        return f"{self.home}/{night.isoformat()}"

    def file(self, night: date, name: str) -> str:
        """A download of a night."""
        return f"{self.night(night)}/{name}"

    def patients(
        self, night: date, query: Sequence[tuple[str, str]] | Mapping[str, str] = ()
    ) -> str | None:
        """The worklist with a filter; None for a reader who may not see it."""
        if not self.to_patients:
            return None
        asked = urlencode(list(query.items()) if isinstance(query, Mapping) else list(query))
        return f"{self.night(night)}/patients{f'?{asked}' if asked else ''}"
