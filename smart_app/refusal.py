"""A refusal of this door: what happened, what is safe, what to do next."""

from __future__ import annotations

from smart_app.purpose import Purpose

NOTHING_READ = "Nothing was read from the chart and nothing was written to it."
NOTHING_WRITTEN = "Nothing was written to the chart."
OPEN_AGAIN = "Open the planner again from the patient's chart."
SIGN_IN_AGAIN = "Open the report again and sign in at the EHR."


class Refusal(Exception):
    """The request cannot be answered as asked. All sentences are for the page.

    `code` is a static name for the log. They hold no patient data, no code and no token.
    `purpose` is whose page tells it, with the next step that fits unless one is given.
    """

    def __init__(
        self,
        status: int,
        code: str,
        sentence: str,
        *,
        safe: str = NOTHING_READ,
        next_step: str | None = None,
        purpose: Purpose = Purpose.PLANNER,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.sentence = sentence
        self.safe = safe
        self.purpose = purpose
        self._next_step = next_step

    @property
    def next_step(self) -> str:
        """What to do next."""
        if self._next_step is not None:
            return self._next_step
        return OPEN_AGAIN if self.purpose is Purpose.PLANNER else SIGN_IN_AGAIN
