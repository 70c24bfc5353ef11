"""One transaction: its entries as they are sent, and what the EHR made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ehr import guard
from ehr.client import EhrClient
from ehr.errors import EhrError
from ehr.read.json import as_list, as_object, as_text
from ehr.write.compare import differences
from smart_app.visit import Visit, Written

_URL = re.compile(r"[A-Z][A-Za-z]{1,63}(?:/[A-Za-z0-9.-]{1,64})?")
# What is written as a draft, and how a draft is taken back.
_WITHDRAWN = {"MedicationRequest": "cancelled", "CarePlan": "revoked"}


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is sent. `why_not` says why it may not be, if so."""

    base: str
    entries: tuple[Mapping[str, Any], ...]
    why_not: str | None

    @classmethod
    def of(cls, visit: Visit, given: Sequence[Mapping[str, Any]]) -> Transaction:
        """The entries of a visit; bare resources become entries."""
        entries = tuple(one if "request" in one else _entry(one) for one in given)
        why = next((why for one in entries if (why := _why_not(one, visit)) is not None), None)
        return cls(visit.fhir_base, entries, why)

    @property
    def types(self) -> tuple[str, ...]:
        """The resource types, each once."""
        return tuple(dict.fromkeys(str(_resource(one).get("resourceType")) for one in self.entries))

    def answered(self, response: Mapping[str, Any]) -> list[str | None]:
        """For each entry the reference under which the EHR has it, None where it does not say."""
        answers = list(map(as_object, as_list(response.get("entry"))))
        answers += [{}] * (len(self.entries) - len(answers))
        found: list[str | None] = []
        for sent, answer in zip(self.entries, answers, strict=False):
            kind = _resource(sent).get("resourceType")
            location = as_text(as_object(answer.get("response")).get("location"))
            reference = guard.local_reference(self.base, location) if location else None
            if reference is None:
                echoed = as_object(answer.get("resource"))
                reference = f"{echoed.get('resourceType')}/{echoed.get('id')}"
                reference = guard.local_reference(self.base, reference)
            if reference is not None and not reference.startswith(f"{kind}/"):
                reference = None
            found.append(reference)
        return found

    async def compared(self, client: EhrClient, kept: Sequence[str | None]) -> tuple[Written, ...]:
        """Each resource read again and compared with what was sent."""
        references = {
            str(entry["fullUrl"]): reference
            for entry, reference in zip(self.entries, kept, strict=True)
            if reference is not None and "fullUrl" in entry
        }
        written = []
        for entry, reference in zip(self.entries, kept, strict=True):
            sent = _resource(entry)
            if reference is None:
                words = "the EHR does not say where it keeps it: look for it in the chart"
                written.append(Written(str(sent.get("resourceType")), (words,)))
                continue
            try:
                found = differences(sent, await client.read(reference), references)
            except EhrError as error:
                found = (f"it could not be read again to compare: {error}",)
            written.append(Written(reference, found))
        return tuple(written)


def _entry(resource: Mapping[str, Any]) -> dict[str, Any]:
    """A bare resource as an entry: an update when it has id and version, else a creation."""
    kind, key = resource.get("resourceType"), as_text(resource.get("id"))
    version = as_text(as_object(resource.get("meta")).get("versionId"))
    if key is not None and version is not None:
        request = {"method": "PUT", "url": f"{kind}/{key}", "ifMatch": f'W/"{version}"'}
        return {"resource": resource, "request": request}
    ours = {name: value for name, value in resource.items() if name != "id"}
    request = {"method": "POST", "url": str(kind)}
    return {"fullUrl": f"urn:uuid:{uuid4()}", "resource": ours, "request": request}


def _resource(entry: Mapping[str, Any]) -> dict[str, Any]:
    return as_object(entry.get("resource"))


def _why_not(entry: Mapping[str, Any], visit: Visit) -> str | None:
    """Why an entry may not be sent: only drafts, made, changed or taken back, of this patient."""
    resource, request = _resource(entry), as_object(entry.get("request"))
    kind = as_text(resource.get("resourceType"))
    url = as_text(request.get("url")) or ""
    if kind is None or not _URL.fullmatch(url) or url.partition("/")[0] != kind:
        return "an entry does not say what it is"
    if request.get("method") not in ("POST", "PUT"):
        return "an entry would do something else than create or change a record"
    if request.get("method") == "PUT" and not request.get("ifMatch"):
        return "a change has to name the version that it changes"
    subject = as_text(as_object(resource.get("subject")).get("reference"))
    if subject is None or guard.local_reference(visit.fhir_base, subject) != (
        f"Patient/{visit.patient_id}"
    ):
        return "an entry is not about the patient of this visit"
    allowed = ("draft", _WITHDRAWN.get(kind)) if request["method"] == "PUT" else ("draft",)
    if kind in _WITHDRAWN and resource.get("status") not in allowed:
        return "an entry is not a draft"
    return None
