"""The shareable report: no number from which a small group of patients can be told."""

from __future__ import annotations

from typing import Any


def shareable(report: dict[str, Any]) -> dict[str, Any]:
    """The report without small cells."""
    raise NotImplementedError(len(report))
