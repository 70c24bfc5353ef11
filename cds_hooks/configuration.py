"""What an EHR may configure for itself in a request, where the site's policy allows it.

After Da Vinci CRD 2.1 ("configuration options"): discovery lists the options, a request carries a
value for each code. Under a key of our own, for the codes of CRD are bound to its card types. What
is not allowed or not understood changes nothing and is noted in the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cds_hooks.request import HookRequest
from clinical.choices import CARD_PER_CHECK
from clinical.findings import CheckId
from clinical.policy import Policy
from clinical.rules import rule
from clinical.shadow import shadow_reasons

_ASKED = "the EHR asked not to be shown this check, which the site's policy lets it ask"


@dataclass(frozen=True, slots=True)
class Configured:
    """A request as it is answered: under this policy, without the hidden checks (each: why)."""

    request: HookRequest
    policy: Policy
    hidden: Mapping[CheckId, str]


def options(policy: Policy, *, review: bool = False) -> list[dict[str, Any]]:
    """The options that discovery lists for a service; the `review` of a chart has one card."""
    found = []
    if CARD_PER_CHECK in policy.clients_may and not review:
        found.append(
            _option(
                CARD_PER_CHECK,
                "A card for each check",
                "A card of its own for each check that found something, instead of one card for "
                "the order.",
                default=policy.card_per_check,
            )
        )
    for check in CheckId:
        if check.value in policy.clients_may and _shown(policy, check):
            title = rule(check).title
            words = "Whether cards tell what this check finds. The account always does."
            found.append(_option(check.value, title, words, default=True))
    return found


def _option(code: str, name: str, description: str, *, default: bool) -> dict[str, Any]:
    return {
        "code": code,
        "type": "boolean",
        "name": name,
        "description": description,
        "default": default,
    }


def _shown(policy: Policy, check: CheckId) -> bool:
    return policy.checks[check].on and not policy.checks[check].shadow


def configured(request: HookRequest, policy: Policy) -> Configured:
    """What the request's configuration makes of the policy; notes tell what was not followed."""
    hidden = shadow_reasons(policy)
    if not request.configuration:
        return Configured(request, policy, hidden)
    notes = []
    for code in (CARD_PER_CHECK, *(check.value for check in CheckId)):
        value = request.configuration.get(code)
        if value is None:
            continue
        if code not in policy.clients_may:
            notes.append(f"the policy lets no EHR configure {code}, so it was not followed")
        elif not isinstance(value, bool):
            notes.append(f"the configuration of {code} is neither true nor false: not followed")
        elif code == CARD_PER_CHECK:
            policy = replace(policy, card_per_check=value)
        elif not value:
            hidden.setdefault(CheckId(code), _ASKED)
    unknown = len(request.configuration.keys() - {CARD_PER_CHECK, *CheckId})
    if unknown:
        notes.append(f"{unknown} code(s) of the configuration are not known and were not followed")
    return Configured(replace(request, notes=(*request.notes, *notes)), policy, hidden)
