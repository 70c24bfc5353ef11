"""The public records of others, where they are: TAPERGUARD_RECORDS or ../shared/data."""

from __future__ import annotations

import os
from pathlib import Path

_DEFAULT = Path(__file__).parents[3] / "shared" / "data"
ROOT = Path(os.environ.get("TAPERGUARD_RECORDS") or _DEFAULT)


def files(folder: str, pattern: str = "*.json") -> list[Path]:
    """The files of a folder, sorted; none where the records are absent."""
    return sorted((ROOT / folder).glob(pattern))
