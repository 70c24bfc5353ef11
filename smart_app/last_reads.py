"""The last read of each visit's chart, in memory and for a minute.

A change of the plan form redraws the page from the chart that was read for it, not from the EHR
again. It never leaves this process's memory, so it is not sealed; another process reads anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from ehr.read.chart import Resources
from smart_app.visit import Visit

LIFE = timedelta(seconds=60)
"""How long a read may be drawn from. A page that is loaded, and a save, read anew."""

_MOST_VISITS = 100

_Key = tuple[str, str, frozenset[str]]


class LastReads:
    """Whole reads by visit: the same launch, patient and rights; the oldest are let go first."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: OrderedDict[_Key, tuple[datetime, Resources]] = OrderedDict()
        self._writes = 0

    def begin(self) -> int:
        """Before a read: what `keep` is given, so that a write in between is noticed."""
        return self._writes

    def keep(self, visit: Visit, resources: Resources, begun: int) -> None:
        """Keep a read, unless something was written since it began: it may lack that."""
        self._let_go_of_old()
        if begun != self._writes:
            return
        self._kept[_key(visit)] = (self._now(), resources)
        self._kept.move_to_end(_key(visit))
        while len(self._kept) > _MOST_VISITS:
            self._kept.popitem(last=False)

    def of(self, visit: Visit) -> Resources | None:
        """What was read for this visit in the last minute; None when it has to be read."""
        self._let_go_of_old()
        kept = self._kept.get(_key(visit))
        return None if kept is None else kept[1]

    def written(self) -> None:
        """Something was written somewhere: no earlier read is drawn from any more."""
        self._writes += 1
        self._kept.clear()

    def _let_go_of_old(self) -> None:
        oldest = self._now() - LIFE
        for key in [key for key, (when, _) in self._kept.items() if when <= oldest]:
            del self._kept[key]


def _key(visit: Visit) -> _Key:
    return visit.launch_id, visit.patient_id, visit.scopes
