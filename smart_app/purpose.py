"""What somebody signs in for. A session opens the pages of its purpose and no others."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """Kept with the sign-in when it begins, so that its end cannot be talked into another."""

    PLANNER = "planner"
    REPORT = "report"
