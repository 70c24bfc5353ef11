"""GET /cds-services (CDS Hooks 2.0, Discovery)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cds_hooks.request import ORDER_SELECT, ORDER_SIGN
from ehr.ask import prefetch_templates

ORDER_SAFETY = "clonazepam-safety"

_TITLE = "Clonazepam safety"
_DESCRIPTION = (
    "Looks at clonazepam orders: opioid co-prescription, 2 mg/day or more, falls in older adults "
    "and a rising dose. Answers with one card that carries taper drafts to accept."
)


def services(optional_needs: Collection[str] = ()) -> dict[str, Any]:
    """The discovery document. One id under two hooks: the later card replaces the earlier."""
    prefetch = prefetch_templates(optional_needs)
    return {
        "services": [
            {
                "hook": hook,
                "id": ORDER_SAFETY,
                "title": _TITLE,
                "description": _DESCRIPTION,
                "prefetch": prefetch,
            }
            for hook in (ORDER_SELECT, ORDER_SIGN)
        ]
    }
