"""What an EHR made of a resource that we sent: field by field, what differs from ours."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ehr.read.json import reference_key

# The EHR's own business: its id and version, and the narrative that it may write anew.
_ITS_OWN = ("id", "meta", "text", "implicitRules", "language")
# Lists that an EHR may lengthen without changing what a plan or an order says.
_MAY_GROW = ("identifier", "extension", "category", "note")
_LONGEST_SHOWN = 60


def differences(
    sent: Mapping[str, Any], kept: Mapping[str, Any], references: Mapping[str, str]
) -> tuple[str, ...]:
    """Sentences, one for each field that is not as it was sent; none when all are.

    `references` are those that the EHR put in place of ours ("urn:uuid:..." to "Type/id"). What
    the EHR adds is its own, unless it turns the meaning: a modifier, or `doNotPerform`.
    """
    found: list[str] = []
    ours = {name: value for name, value in sent.items() if name not in _ITS_OWN}
    _compare(ours, kept, "", references, found)
    found += [
        f"the EHR added {name}, which changes the meaning"
        for name in ("modifierExtension", "doNotPerform")
        if kept.get(name) and name not in sent
    ]
    return tuple(found)


def _compare(
    sent: Any, kept: Any, path: str, references: Mapping[str, str], found: list[str]
) -> None:
    if isinstance(sent, Mapping):
        if not isinstance(kept, Mapping):
            found.append(f"{path} is not as it was sent")
            return
        for name, value in sent.items():
            place = f"{path}.{name}" if path else name
            if name not in kept:
                found.append(f"{place} was not kept")
            elif name == "reference" and isinstance(value, str):
                _compare_references(value, kept[name], place, references, found)
            else:
                _compare(value, kept[name], place, references, found)
        return
    if isinstance(sent, list | tuple):
        _compare_lists(list(sent), kept, path, references, found)
        return
    if not _same(sent, kept):
        found.append(f"{path} was sent as {_shown(sent)} and is now {_shown(kept)}")


def _compare_lists(
    sent: list[Any], kept: Any, path: str, references: Mapping[str, str], found: list[str]
) -> None:
    name = path.rpartition(".")[2]
    if not isinstance(kept, list):
        found.append(f"{path} is not as it was sent")
    elif name in _MAY_GROW:
        for number, item in enumerate(sent):
            if not any(_is_kept(item, other, references) for other in kept):
                found.append(f"{path}[{number}] was not kept")
    elif len(sent) != len(kept):
        found.append(f"{path} had {len(sent)} entries and has {len(kept)} now")
    else:
        for number, (item, other) in enumerate(zip(sent, kept, strict=True)):
            _compare(item, other, f"{path}[{number}]", references, found)


def _is_kept(sent: Any, kept: Any, references: Mapping[str, str]) -> bool:
    trouble: list[str] = []
    _compare(sent, kept, "", references, trouble)
    return not trouble


def _compare_references(
    sent: str, kept: Any, path: str, references: Mapping[str, str], found: list[str]
) -> None:
    meant = references.get(sent, sent)
    if reference_key(kept) != reference_key(meant):
        found.append(f"{path} points at something else than was sent")


def _same(sent: Any, kept: Any) -> bool:
    if isinstance(sent, bool) or isinstance(kept, bool):
        return sent is kept
    if isinstance(sent, int | Decimal) and isinstance(kept, int | Decimal):
        return Decimal(sent) == Decimal(kept)
    return type(sent) is type(kept) and bool(sent == kept)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return "something else"
    text = str(value)
    return f'"{text[:_LONGEST_SHOWN]}{"..." if len(text) > _LONGEST_SHOWN else ""}"'
