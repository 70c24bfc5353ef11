"""What the planner works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from clinical.policy import Policy
from smart_app.planner.typed import Fields
from smart_app.visit import Chart, Visit

CsrfCheck = Callable[[Request, Visit, Fields], None]


@dataclass(frozen=True, slots=True)
class PlannerCollaborators:
    """What the planner works with.

    `visit_of` answers with the visit of a request, or raises an HTTPException with its page.
    `check_csrf` raises when a form does not carry the visit's token (field "csrf_token").
    `policy_of` is the policy where the visit's EHR is used.
    `static_prefix` is the path under which the planner's style sheet is served.
    """

    visit_of: Callable[[Request], Awaitable[Visit]]
    check_csrf: CsrfCheck
    chart: Chart
    policy_of: Callable[[Visit], Policy]
    new_id: Callable[[], str]
    static_prefix: str = "/planner-static"
