"""Whether drafts concern any check: most orders of a hospital are of drugs that none judges."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from clinical.assess import judges_orders_of
from clinical.drugs import Unrecognised
from ehr.read.drugs import NAMES_A_DRUG_TOO, drug_of
from ehr.read.json import as_text
from ehr.read.medications import MEDICATION_RECORDS, is_tied

Resource = dict[str, Any]


def concern_no_check(drafts: Sequence[Resource], charted: Container[tuple[str, str]]) -> bool:
    """Whether every draft is surely of a drug whose orders no check judges, and touches no other.

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
    drug = drug_of(draft, _nowhere)
    if isinstance(drug, Unrecognised):
        return drug.named is None
    return bool(drug.warnings) or judges_orders_of(drug)  # what is odd about a drug is told


_REFERS = frozenset(NAMES_A_DRUG_TOO)


def _nowhere(_reference: str) -> None:
    """Nothing is looked up."""
