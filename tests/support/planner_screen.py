"""The taper planner as a person uses it: by the names of its fields, in a tab or in a frame.

Without a browser, `form_of` is what one would send.
"""

from __future__ import annotations

import re
from typing import Any

SLOW = "10 % of the current dose every 4 weeks"
FASTER = "10 % of the current dose every 2 weeks"


CONFIRMED = ["pdmp", "supply", "treatment", "consent"]
"""The values of all boxes that have to be ticked before a plan is saved."""


def form_of(response: Any) -> dict[str, Any]:
    """The save form of a page, as a browser would send it with every box ticked."""
    form = re.search(r'<form method="post".*?</form>', response.text, re.DOTALL)
    assert form is not None
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[0])
    fields: dict[str, Any] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return {**fields, "confirm": CONFIRMED}


class Planner:
    """The planner's page. `screen` is a page, or the frame of an EHR that shows it."""

    def __init__(self, screen: Any) -> None:
        self.screen = screen

    def choose(self, pace: str = SLOW) -> None:
        """Choose another pace and have its plan shown."""
        self.screen.get_by_role("radio", name=pace).check()
        self.screen.get_by_role("button", name="Show this plan").click()
        self.screen.get_by_role("heading", name=re.compile(re.escape(pace))).first.wait_for()

    def confirm(self) -> None:
        """Tick all that has to be confirmed before a plan is saved."""
        for box in self.confirmations:
            box.check()

    @property
    def confirmations(self) -> list[Any]:
        group = self.screen.get_by_role("group", name="Confirm before saving")
        boxes: list[Any] = group.get_by_role("checkbox").all()
        return boxes

    @property
    def save_button(self) -> Any:
        return self.screen.get_by_role("button", name=re.compile(r"^Save .* to the chart"))

    def save(self) -> None:
        """Confirm, save, and see that it was saved."""
        self.confirm()
        self.save_button.click()
        self.saved.wait_for()

    @property
    def saved(self) -> Any:
        return self.screen.get_by_role("status").filter(has_text="Saved")

    @property
    def words(self) -> str:
        text: str = self.screen.locator("body").inner_text()
        return text
