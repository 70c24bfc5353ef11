"""Who may see what of a report: a truth table."""

from __future__ import annotations

import pytest

from ehr.registry import parse_registry
from smart_app.reports.roles import Role, role_of


def ehr(**readers: list[str]):
    lines = "\n".join(f"{key} = {value}" for key, value in readers.items())
    (one,) = parse_registry(
        f"""
[[ehr]]
id = "north"
name = "North Clinic"
issuer = "https://north.example.org/fhir"
fhir_base = "https://north.example.org/fhir"
time_zone = "UTC"
{lines}
"""
    )
    return one


NAMED = {"report_readers": ["Practitioner/ash"], "worklist_readers": ["Practitioner/hazel"]}
ANY = {"report_readers": ["any"], "worklist_readers": ["Practitioner/hazel"]}


@pytest.mark.parametrize(
    ("readers", "user", "role"),
    [
        (NAMED, "Practitioner/hazel", Role.WORKLIST),
        (NAMED, "Practitioner/ash", Role.REPORT),
        (NAMED, "Practitioner/reed", Role.NOBODY),
        (NAMED, None, Role.NOBODY),  # the EHR names no user
        ({}, "Practitioner/hazel", Role.NOBODY),  # nobody is named: nobody reads
        (ANY, "Practitioner/reed", Role.REPORT),
        (ANY, "PractitionerRole/reed-1", Role.REPORT),
        (ANY, "Practitioner/hazel", Role.WORKLIST),
        (ANY, "Patient/alder", Role.NOBODY),  # "any" is any of the staff
        (ANY, "RelatedPerson/alder-1", Role.NOBODY),
        (ANY, None, Role.NOBODY),
    ],
)
def test_a_role_comes_from_the_registry_and_the_user_that_the_ehr_names(
    readers, user, role
) -> None:
    assert role_of(ehr(**readers), user) is role


def test_a_name_counts_to_the_letter() -> None:
    assert role_of(ehr(**NAMED), "Practitioner/Hazel") is Role.NOBODY
