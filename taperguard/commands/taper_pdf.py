"""A schedule as the patient's hand-out (PDF/UA-1), without a patient: names are written by hand."""

from __future__ import annotations

from clinical.policy import default_policy
from clinical.taper import Schedule
from smart_app.planner.handout import handout_pdf
from smart_app.planner.handout_presenter import Recipient


def as_pdf(schedule: Schedule) -> bytes:
    """The hand-out as PDF; the same schedule gives the same bytes."""
    nobody = Recipient(
        name=None,
        born=None,
        clinic=None,
        prescriber=None,
        synthetic=False,
        signed=False,
        rules_version=default_policy().rules_version,
    )
    return handout_pdf(schedule, nobody)
