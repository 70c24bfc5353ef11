"""A refusal of this door: what happened, what is safe, what to do next."""

from __future__ import annotations

NOTHING_READ = "Nothing was read from the chart and nothing was written to it."
NOTHING_WRITTEN = "Nothing was written to the chart."
OPEN_AGAIN = "Open the planner again from the patient's chart."


class Refusal(Exception):
    """The request cannot be answered as asked. All sentences are for the page.

    `code` is a static name for the log. They hold no patient data, no code and no token.
    """

    def __init__(
        self,
        status: int,
        code: str,
        sentence: str,
        *,
        safe: str = NOTHING_READ,
        next_step: str = OPEN_AGAIN,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.sentence = sentence
        self.safe = safe
        self.next_step = next_step
