"""What the tests of commands share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """A command configures logging for its process, here ours: put back what was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    mask = os.umask(0o077)
    yield
    os.umask(mask)
    root.handlers[:] = before[0]
    root.setLevel(before[1])
