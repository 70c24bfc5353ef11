"""What is asked for, in the languages that EHRs are asked in."""

import re

from ehr import ask

CODES = "44260-8,44249-1,52552-7,59454-9,82810-3,29463-7,3141-9,3142-7"


def test_observations_are_asked_for_by_their_codes_and_never_all_of_them():
    """A chart may hold ten thousand blood pressures."""
    template = ask.prefetch_templates(("observations",))["observations"]
    assert template == f"Observation?patient={{{{context.patientId}}}}&code={CODES}"
    (search,) = [one for one in ask.searches("p1") if one.need.key == "observations"]
    assert search.parameters == (("patient", "p1"), ("code", CODES), ("_count", "200"))


def test_allergies_are_asked_for_whole():
    template = ask.prefetch_templates(("allergies",))["allergies"]
    assert template == "AllergyIntolerance?patient={{context.patientId}}"


def test_every_template_is_one_that_cds_hooks_allows():
    """CDS Hooks 2.0, Prefetch query restrictions: reads, and searches by tokens with equality."""
    allowed = re.compile(
        r"[A-Z]\w+/\{\{context\.patientId\}\}|[A-Z]\w+\?patient=\{\{context\.patientId\}\}(&code=[\d,-]+)?"
    )
    templates = ask.prefetch_templates([need.key for need in ask.NEEDS])
    assert len(templates) == len(ask.NEEDS)
    for template in templates.values():
        assert allowed.fullmatch(template), template


def test_an_export_asks_for_whole_types():
    assert {"Observation", "AllergyIntolerance"} <= set(ask.export_types())
