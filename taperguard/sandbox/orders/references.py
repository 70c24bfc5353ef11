"""References between resources: found, compared and rewritten wherever they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..records.json_text import Resource

ORDER = "MedicationRequest"


def references(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each literal reference in a resource with the path where it stands."""
    match value:
        case dict():
            for name, item in value.items():
                here = f"{path}.{name}" if path else name
                if name == "reference" and isinstance(item, str):
                    yield path, item
                else:
                    yield from references(item, here)
        case list():
            for item in value:
                yield from references(item, path)


def local(reference: str, base: str) -> str:
    """A reference to this EHR as "Type/id", without address and version; any other as it is."""
    text = reference.removeprefix(f"{base}/")
    return text.partition("/_history/")[0]


def rewritten(value: Any, names: Mapping[str, str], base: str) -> Any:
    """A copy in which references to a key of `names` ("Type/id") point to its value."""
    match value:
        case dict():
            return {
                name: names.get(local(item, base), item)
                if name == "reference" and isinstance(item, str)
                else rewritten(item, names, base)
                for name, item in value.items()
            }
        case list():
            return [rewritten(item, names, base) for item in value]
    return value


def prior_of(order: Resource, base: str) -> str | None:
    """The order that this one replaces, as "MedicationRequest/id"; None if it names none."""
    prior = order.get("priorPrescription")
    said = prior.get("reference") if isinstance(prior, dict) else None
    return local(said, base) if isinstance(said, str) else None
