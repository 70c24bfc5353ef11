"""Patients for the spec tests, told in a few words, and what the measures say of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from told import TODAY, Stories

from clinical.facts import MedicationRecord
from clinical.measures import PatientMeasures, measure_patient
from clinical.policy import default_policy


@pytest.fixture
def tell() -> Stories:
    return Stories()


@pytest.fixture
def measured(tell: Stories) -> Callable[..., PatientMeasures]:
    """Every measure of a patient who has these medications (and these other facts) today."""

    def run(
        *medications: MedicationRecord, before: PatientMeasures | None = None, **facts: object
    ) -> PatientMeasures:
        patient = tell.patient(medications=medications, **facts)
        return measure_patient(patient, TODAY, default_policy(), before=before)

    return run
