"""Many patterns in one look: at most words none of them matches, and that is told at once."""

from __future__ import annotations

import re
from collections.abc import Iterable


def one_look(patterns: Iterable[re.Pattern[str]]) -> re.Pattern[str]:
    """A pattern, without groups, that matches where any of these does. Their flags are one's."""
    listed = tuple(patterns)
    (flags,) = {one.flags for one in listed}
    return re.compile("|".join(f"(?:{_without_names(one)})" for one in listed), flags)


def _without_names(one: re.Pattern[str]) -> str:
    return re.sub(r"\(\?P<[a-z_0-9]+>", "(?:", one.pattern)
