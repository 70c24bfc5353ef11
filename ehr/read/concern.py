"""Whether drafts concern any check: most orders of a hospital are of drugs that none looks at."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from ehr.read.drugs import NAMES_A_DRUG_TOO, drug_of, is_foreign
from ehr.read.json import as_text
from ehr.read.medications import MEDICATION_RECORDS, is_tied

Resource = dict[str, Any]


def concern_no_check(drafts: Sequence[Resource], charted: Container[tuple[str, str]]) -> bool:
    """Whether every draft is surely of a drug that no check looks at, and touches no other order.

    Whatever the patient takes or has, no check has anything to say of them then. `charted` are
    type and id of the records that the EHR supplied. Of no drafts at all this cannot be said.
    """
    return bool(drafts) and not any(_may_concern_one(draft, charted) for draft in drafts)


def _may_concern_one(draft: Resource, charted: Container[tuple[str, str]]) -> bool:
    kind, key = draft.get("resourceType"), as_text(draft.get("id"))
    if kind not in MEDICATION_RECORDS:
        return False
    if key is None or (kind, key) in charted:
        return True  # perhaps, or surely, it changes an order of the chart
    if is_tied(draft) or not _REFERS.isdisjoint(draft):
        return True
    return not is_foreign(drug_of(draft, _nowhere))


_REFERS = frozenset(NAMES_A_DRUG_TOO)


def _nowhere(_reference: str) -> None:
    """Nothing is looked up."""
