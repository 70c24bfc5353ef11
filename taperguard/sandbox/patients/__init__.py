"""The patients of the sandbox: short stories (TOML) and the FHIR resources built from them."""

from __future__ import annotations

from .build import build_all, clinic
from .story import Story, UnreadableStory, read_stories

__all__ = ["Story", "UnreadableStory", "build_all", "clinic", "read_stories"]
