"""What we know of the patient: the drafts, what the EHR supplied, and what is missing.

What the EHR left out may stand in a history that a worker read before; nobody waits for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cds_hooks.request import ORDER_SIGN, PATIENT_VIEW, BadRequest, HookRequest
from ehr import history
from ehr.history import Histories
from ehr.read.chart import Resources
from ehr.read.supplied import WrongPatient, read_prefetch


@dataclass(frozen=True, slots=True)
class Background:
    """The kept histories, and the registered EHR that the request is from."""

    histories: Histories
    ehr_id: str


def gather(request: HookRequest) -> Resources:
    """The resources of this call. Raises BadRequest for a prefetched Patient of somebody else."""
    try:
        supplied = read_prefetch(request.prefetch or {}, request.patient_id)
    except WrongPatient as error:
        raise BadRequest("prefetch.patient", str(error)) from None
    return Resources(
        by_type={kind: tuple(found) for kind, found in supplied.by_type.items()},
        drafts=request.drafts,
        gaps={**supplied.gaps, **request.unfetched},
        notes=(*request.notes, *supplied.notes),
        asked=supplied.asked,
    )


def gather_with_history(request: HookRequest, on: date, background: Background | None) -> Resources:
    """The same, completed from the kept history; where that is wanted a read is asked for.

    Opening a chart and selecting an order announce that a history will be needed; signing an
    order asks only for what is missing. Only the review also takes lists that were not asked
    for in the prefetch: an order is judged on what the EHR was asked for. Raises BadRequest.
    """
    resources = gather(request)
    if background is None:
        return resources
    wanted = request.hook != ORDER_SIGN or history.wants_history(resources)
    if not wanted:
        return resources  # nothing is missing: the prescriber does not wait for a look at Redis
    seen = background.histories.seen(background.ehr_id, request.patient_id, wanted=True)
    absent: tuple[str, ...] = ()
    if request.hook == PATIENT_VIEW:
        prefetched = request.prefetch or {}
        absent = tuple(need.key for need in history.NEEDS if need.key not in prefetched)
    return history.completed(resources, seen, on, absent=absent)
