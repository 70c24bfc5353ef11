"""What we know of the patient: the drafts, what the EHR supplied, and what is missing."""

from __future__ import annotations

from cds_hooks.request import BadRequest, HookRequest
from ehr.read.chart import Resources
from ehr.read.supplied import WrongPatient, read_prefetch


def gather(request: HookRequest) -> Resources:
    """The resources of this call. Raises BadRequest for a prefetched Patient of somebody else."""
    try:
        supplied = read_prefetch(request.prefetch or {}, request.patient_id)
    except WrongPatient as error:
        raise BadRequest("prefetch.patient", str(error)) from None
    return Resources(
        by_type={kind: tuple(found) for kind, found in supplied.by_type.items()},
        drafts=request.drafts,
        gaps=supplied.gaps,
        notes=(*request.notes, *supplied.notes),
    )
