"""Generated patients: a clinic's worth of courses that nobody wrote by hand.

Each is made from a seed and a number, so that patient 17 is the same whoever asks for how many.
What they show is spread as in a clinic; a story is still the place for what must be exact.
`python -m taperguard.sandbox.population` writes them as files of a bulk export.
"""

from __future__ import annotations

from .people import SEED, is_generated, people

__all__ = ["SEED", "is_generated", "people"]
