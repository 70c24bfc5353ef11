"""`taperguard policy`: the policy that is in force, every value with its meaning and sources."""

from __future__ import annotations

from typing import TextIO

from clinical.policy_text import policy_text
from taperguard import settings as settings_module
from taperguard import wiring
from taperguard.commands import starting
from taperguard.refusal import Refusal


def run(*, ehr_id: str | None, stdout: TextIO) -> int:
    """Print it as a policy file: the site's, or that of one EHR. Raises Refusal."""
    settings = settings_module.load()
    with starting.said_plainly():
        registry = wiring.registry(settings)
        policies = wiring.policies(settings, registry)
    if ehr_id is not None and registry.get(ehr_id) is None:
        known = ", ".join(ehr.id for ehr in registry)
        raise Refusal(f"no registered EHR has the id {ehr_id!r}; there are: {known}")
    stdout.write(policy_text(policies.of(ehr_id)))
    return 0
