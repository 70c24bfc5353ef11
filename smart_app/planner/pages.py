"""What the planner's pages share: their templates, a live part of them, one save at a time."""

from __future__ import annotations

import asyncio
from functools import cache
from weakref import WeakValueDictionary

import jinja2
from starlette.requests import Request

from smart_app.planner.words import in_days
from smart_app.visit import Visit


@cache
def templates() -> jinja2.Environment:
    """The templates of this door; what they are not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("smart_app"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["in_days"] = in_days
    return environment


def is_live(request: Request) -> bool:
    """Whether htmx asks for a part of the page (it asks for a whole one to go back to)."""
    return request.method == "GET" and request.headers.get("hx-request-type") == "partial"


class PatientLocks:
    """One save at a time for one patient: the second click waits, and then finds the first."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, visit: Visit) -> asyncio.Lock:
        """The lock of the visit's patient; hold on to it while it is used."""
        key = f"{visit.ehr_id} {visit.patient_id}"
        return self._locks.setdefault(key, asyncio.Lock())
