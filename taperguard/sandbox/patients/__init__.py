"""The patients of the sandbox: short stories (TOML) and the FHIR resources built from them."""

from __future__ import annotations

from .build import build_all, clinic
from .edition import edition
from .story import Person, Story, UnreadableStory, read_stories

__all__ = [
    "Person",
    "Story",
    "UnreadableStory",
    "build_all",
    "clinic",
    "edition",
    "read_stories",
]
