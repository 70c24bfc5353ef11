"""A small EHR on a real port whose lists come in pages (FHIR R4, Search and Paging).

Signing in without a user is `bulk_ehr`'s; the paging here is written from the specification:
`Type?patient=..&_count=..` answers a searchset with `total` and a `next` link that is the
server's own business. What a test wants broken it sets as an attribute.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import cds
from bulk_ehr import Answer, Asked, BulkEhr, outcome

PATIENT = "p-4711"
NAMES = ("Wilhelmina", "Quillfeather", "1948-07-09", PATIENT)
"""What must not stand in clear anywhere: names, birth date and id of the patient."""

Resource = dict[str, Any]


def person(key: str = PATIENT) -> Resource:
    return {
        "resourceType": "Patient",
        "id": key,
        "name": [{"family": "Quillfeather", "given": ["Wilhelmina"]}],
        "birthDate": "1948-07-09",
    }


def many_orders(count: int = 1000, patient: str = PATIENT) -> list[Resource]:
    """A long list, newest first: paracetamol mostly, every tenth clonazepam that has ended.

    The first is no clonazepam, and the very last is the one that is taken: 2 mg a day since
    3 Mar 2024, and an oxycodone before it. Whoever reads only the first page misses both.
    """
    tylenol = ("313782", "acetaminophen 325 MG Oral Tablet")
    orders = [
        cds.order(
            f"m{number}",
            cds.CLONAZEPAM["1"] if number % 10 == 9 else tylenol,
            patient=patient,
            status="completed",
            authoredOn="2023-01-10",
        )
        for number in range(count - 2)
    ]
    orders.append(cds.order("oxy", cds.OXYCODONE, 4, patient=patient, authoredOn="2026-01-10"))
    orders.append(
        cds.order("now", cds.CLONAZEPAM["1"], 2, patient=patient, authoredOn="2024-03-03")
    )
    return orders


class PagedEhr(BulkEhr):
    """An EHR with the patients that a test gives it. Start it, take `base`, stop it."""

    def __init__(self, keys: dict[str, Any] | None = None) -> None:
        super().__init__(keys)
        self.resources: dict[str, Resource] = {f"Patient/{PATIENT}": person()}
        self.lists: dict[str, list[Resource]] = {"MedicationRequest": [], "Condition": []}
        self.page_size = 50
        self.next_link: Callable[[str], str] = lambda address: address
        self.hold: threading.Event | None = None
        self.hold_at_page = 0
        self.holding = threading.Event()

    def stop(self) -> None:
        if self.hold is not None:
            self.hold.set()
        super().stop()

    def pages_asked(self, kind: str = "MedicationRequest") -> int:
        return sum(one.path == f"/fhir/{kind}" for one in self.asked)

    def answer(self, asked: Asked, body: bytes) -> Answer:
        if self.hold is not None and asked.path == "/fhir/MedicationRequest":
            page = int(asked.query.get("page", ["1"])[0])
            if page == self.hold_at_page:
                self.holding.set()
                self.hold.wait(60)
        return super().answer(asked, body)

    def _answer(self, asked: Asked, body: bytes) -> Answer:
        parts = asked.path.removeprefix("/fhir/").split("/")
        if not asked.path.startswith("/fhir/") or asked.path.endswith(("configuration", "$export")):
            return super()._answer(asked, body)
        if not asked.signed_in:
            return Answer(401, outcome("login"))
        if len(parts) == 2:
            found = self.resources.get("/".join(parts))
            return Answer(404, outcome("not-found")) if found is None else _fhir(found)
        if parts[0] not in self.lists:
            return Answer(404, outcome("not-supported"))
        return _fhir(self._page(parts[0], asked))

    def _page(self, kind: str, asked: Asked) -> Resource:
        """`page` is this server's own way to say where the next one begins."""
        patient = asked.query["patient"][0]
        found = [
            one for one in self.lists[kind] if one["subject"]["reference"] == f"Patient/{patient}"
        ]
        number = int(asked.query.get("page", ["1"])[0])
        size = min(self.page_size, int(asked.query["_count"][0]))
        first = (number - 1) * size
        links = []
        if first + size < len(found):
            query = {"patient": patient, "_count": size, "page": number + 1}
            address = self.next_link(f"{self.base}/{kind}?{urlencode(query)}")
            links.append({"relation": "next", "url": address})
        return {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(found),
            "link": links,
            "entry": [{"resource": one} for one in found[first : first + size]],
        }


def _fhir(body: Resource) -> Answer:
    return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/fhir+json"})


def registry_text(base: str) -> str:
    """`ehrs.toml` of this one EHR."""
    return f"""
[[ehr]]
id = "paged"
name = "An EHR with pages"
issuer = "{base}"
fhir_base = "{base}"
time_zone = "UTC"
backend_client_id = "taperguard-backend"
"""
