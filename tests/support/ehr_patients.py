"""Everybody in the sandbox EHR, read as a stranger would: page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2


def all_of(ehr: str) -> Iterator[dict[str, Any]]:
    """The Patient resources of the EHR at this address, the generated ones too."""
    address: str | None = f"{ehr}/fhir/Patient?_count=200"
    while address is not None:
        page = httpx2.get(address, timeout=30).json()
        yield from (entry["resource"] for entry in page.get("entry", []))
        address = next((k["url"] for k in page.get("link", []) if k["relation"] == "next"), None)
