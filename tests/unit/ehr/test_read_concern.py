"""Whether orders concern a check at all, told by the orders alone."""

from typing import Any

import cds
import pytest

from ehr.read.concern import concern_no_check

LISINOPRIL = ("314076", "lisinopril 10 MG Oral Tablet")
SERTRALINE = ("312941", "sertraline 50 MG Oral Tablet")
CHARTED = {("MedicationRequest", "c1")}
FOREIGN = cds.order("new", LISINOPRIL)


@pytest.mark.parametrize(
    "drafts",
    [
        [FOREIGN],
        [cds.order("new", SERTRALINE)],
        [{"resourceType": "ServiceRequest", "id": "c1"}],
        [FOREIGN, FOREIGN | {"id": "new-2"}],
    ],
)
def test_orders_of_drugs_that_no_check_judges_concern_none(drafts: list[dict[str, Any]]) -> None:
    """Sertraline is looked at beside clonazepam; an order of it alone is judged by no check."""
    assert concern_no_check(drafts, CHARTED)


@pytest.mark.parametrize(
    "draft",
    [
        cds.order("new", cds.CLONAZEPAM["1"]),
        cds.order("new", cds.OXYCODONE),
        cds.order("new", (SERTRALINE[0], "lisinopril 10 MG Oral Tablet")),
        cds.order("c1", LISINOPRIL),
        FOREIGN | {"id": None},
        FOREIGN | {"priorPrescription": {"reference": "MedicationRequest/c1"}},
        FOREIGN | {"groupIdentifier": {"value": "1"}},
        FOREIGN | {"medicationReference": {"reference": "Medication/1"}},
        FOREIGN | {"medicationCodeableConcept": {}},
    ],
)
def test_an_order_that_may_be_of_another_drug_or_touch_another_order_may_concern_one(
    draft: dict[str, Any],
) -> None:
    """An opioid; a code that says something else than the name; a change of that very order, of one
    that it replaces or of a group; no name.
    """
    assert not concern_no_check([draft], CHARTED)
    assert not concern_no_check([FOREIGN, draft], CHARTED)


def test_of_no_orders_it_cannot_be_said() -> None:
    """A chart is opened, and the review is about what is in it."""
    assert not concern_no_check([], CHARTED)
