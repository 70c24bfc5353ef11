"""Which tests run one after the other in the same process, when several processes share the run.

A file is a unit: its module's fixtures are made once. (Of the long tests, which have few fixtures
and much to do, each is one.) Files that bear the same `pytest.mark.xdist_group("name")` are one
unit together: they share a server that takes long to come up, or disturb each other on it.

pytest-xdist's own "loadgroup" does this by renaming the tests, which pytest 9.2 ignores (seen with
xdist 3.8.0, November 2026): each test went to whoever was free, and each process started every
server.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[2]
_MARK = re.compile(r"""^pytestmark\b.*\bxdist_group\(["']([^"']+)["']\)""", re.MULTILINE)


class FilesTogether(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist publishes no types
    """Hands out whole files, or the files of one group, in the order in which they are found."""

    def _split_scope(self, nodeid: str) -> str:
        alone = self.config.getoption("markexpr") == "long"
        return unit_of(nodeid.partition("::")[0], otherwise=nodeid if alone else None)


@cache
def unit_of(file: str, otherwise: str | None = None) -> str:
    """The unit of a file of tests, by its path from the project's root.

    `otherwise` is what it is when the file bears no mark: without one the file itself.
    """
    found = _MARK.search((ROOT / file).read_text(encoding="utf-8"))
    return found[1] if found else otherwise or file
