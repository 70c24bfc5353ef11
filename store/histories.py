"""Medication histories that were read in the background: kept sealed, asked for, being read.

All of it lies in Redis with an expiry, and may be gone at any moment: then it is read again.
Three things are kept of a patient: the history itself (`keep`), that somebody asked for it
(`ask`, so that one letter is written and not one a click), and that a worker reads it (`begin`,
so that it is read once at a time). Why the last read failed is kept for some minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from store.sealed_cache import SealedCache

KIND = "history-wanted"
"""The kind of the letter that asks for a read."""

ASKED_FOR = timedelta(minutes=10)
"""How long an asking counts. After it the next hook asks again."""

LEASE = timedelta(seconds=25)
"""How long a reader holds a patient between two requests: longer is not waited for a killed one."""

FAILED_FOR = timedelta(minutes=10)
"""How long a failure is told, and not tried again."""

_HISTORY, _FAILURE, _ASKING, _READING = (
    "history",
    "history-failure",
    "history-asked",
    "history-reading",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a letter asks for. `asking` is the lease of whoever asked."""

    ehr_id: str
    patient_id: str = field(repr=False)
    asking: str = field(repr=False)

    def to_payload(self) -> dict[str, Any]:
        """As a letter of the outbox holds it (sealed there)."""
        return {"ehr_id": self.ehr_id, "patient_id": self.patient_id, "asking": self.asking}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Wanted:
        """Read back from a letter."""
        return cls(payload["ehr_id"], payload["patient_id"], payload["asking"])


class Histories:
    """Histories by EHR and patient. Every method raises CacheDown when Redis does not answer."""

    def __init__(self, cache: SealedCache, *, life: timedelta) -> None:
        self._cache = cache
        self._life = life

    def close(self) -> None:
        """Give up connections."""
        self._cache.close()

    def get(self, ehr_id: str, patient_id: str) -> bytes | None:
        """The history as it was kept, or None."""
        return self._cache.get(_HISTORY, ehr_id, patient_id)

    def keep(self, ehr_id: str, patient_id: str, history: bytes) -> None:
        """Keep the history for its life; a failure before it is forgotten."""
        self._cache.put(_HISTORY, ehr_id, patient_id, value=history, life=self._life)
        self._cache.forget(_FAILURE, ehr_id, patient_id)

    def failed(self, ehr_id: str, patient_id: str, why: str) -> None:
        """Keep for some minutes why it could not be read."""
        self._cache.put(_FAILURE, ehr_id, patient_id, value=why.encode(), life=FAILED_FOR)

    def failure(self, ehr_id: str, patient_id: str) -> str | None:
        """Why the last read failed, a sentence; None when it did not, or long ago."""
        why = self._cache.get(_FAILURE, ehr_id, patient_id)
        return None if why is None else why.decode()

    def ask(self, ehr_id: str, patient_id: str) -> Wanted | None:
        """The letter to write; None when somebody asked already and it is not read yet."""
        asking = self._cache.claim(_ASKING, ehr_id, patient_id, life=ASKED_FOR)
        return None if asking is None else Wanted(ehr_id, patient_id, asking)

    def is_asked(self, ehr_id: str, patient_id: str) -> bool:
        """Whether a read is asked for or under way."""
        return self._cache.is_claimed(_ASKING, ehr_id, patient_id)

    def unask(self, wanted: Wanted) -> None:
        """The asking is answered, or could not be written down."""
        self._cache.release(_ASKING, wanted.ehr_id, wanted.patient_id, lease=wanted.asking)

    def begin(self, wanted: Wanted) -> str | None:
        """The lease of a reader; None while another reads this patient."""
        return self._cache.claim(_READING, wanted.ehr_id, wanted.patient_id, life=LEASE)

    def go_on(self, wanted: Wanted, lease: str) -> bool:
        """Hold the lease longer; False when it is another's by now."""
        return self._cache.renew(
            _READING, wanted.ehr_id, wanted.patient_id, lease=lease, life=LEASE
        )

    def end(self, wanted: Wanted, lease: str) -> None:
        """Give the lease back."""
        self._cache.release(_READING, wanted.ehr_id, wanted.patient_id, lease=lease)
