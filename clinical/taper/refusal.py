"""Why a taper cannot be made."""

from __future__ import annotations


class CannotTaper(ValueError):
    """No schedule can be made of this request. The message is a sentence for the prescriber."""
