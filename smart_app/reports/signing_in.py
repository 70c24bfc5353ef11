"""GET /reports/sign-in: who somebody is, asked of their EHR; no patient, no chart."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from ehr.registry import TrustedEhr
from smart_app import security
from smart_app.collaborators import Collaborators
from smart_app.launch import Aim, depart, only_one, registered
from smart_app.purpose import Purpose
from smart_app.refusal import Refusal

_PAGE = re.compile(
    r"(?:/cards|/\d{4}-\d{2}-\d{2}(?:/patients)?)?(?:\?[\w.=&%+-]{0,300})?", re.ASCII
)


async def sign_in(request: Request, given: Collaborators) -> Response:
    """To the EHR that `iss` names, and afterwards to `back_to`. Raises Refusal."""
    try:
        issuer = only_one(request, "iss")
        ehr = registered(given, issuer)
        security.belongs_to(request, ehr)
        back_to = _back_to(request, ehr, only_one(request, "back_to"))
        return await depart(
            request,
            given,
            ehr,
            audience=f"{ehr.issuer}/" if issuer == f"{ehr.issuer}/" else ehr.issuer,
            aim=Aim(Purpose.REPORT, back_to),
        )
    except Refusal as refusal:
        refusal.purpose = Purpose.REPORT
        raise


def _back_to(request: Request, ehr: TrustedEhr, asked: str | None) -> str:
    """A page of this EHR's report; anything else becomes its newest night."""
    home = f"{request.scope.get('root_path', '')}/reports/{ehr.id}"
    if asked is not None and asked.startswith(home) and _PAGE.fullmatch(asked[len(home) :]):
        return asked
    return home
