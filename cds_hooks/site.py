"""What a site's policy says of its cards: one card or one per check, its own links."""

from __future__ import annotations

from typing import Any

from clinical.policy import Policy

JsonObject = dict[str, Any]


def card_per_check(policy: Policy) -> bool:
    """Whether each check that raises a card raises one of its own."""
    return bool(getattr(policy, "card_per_check", False))


def links(policy: Policy) -> list[JsonObject]:
    """The prescription drug monitoring programme, where the site says where it is looked at."""
    url: str | None = getattr(policy, "pdmp_url", None)
    if url is None:
        return []
    label = "Prescription monitoring program (PDMP)"
    return [{"label": label, "url": url, "type": "absolute"}]
