"""A planner with a chart in memory: what is written is read again."""

from datetime import date

import cds
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from clinical.policy import default_policy
from ehr.decode import decode, encode
from ehr.read.chart import Resources
from ehr.write import ladder
from smart_app.planner import PlannerCollaborators, routes
from smart_app.visit import NotWritten, Visit, Written

TODAY = date(2026, 11, 23)
ALL_RUNGS = (ladder.ORDERS_AND_PLAN, ladder.PLAN, ladder.TEXT)


class ChartInMemory:
    """Implements `smart_app.visit.Chart`; `lists` says whether writes are found again."""

    def __init__(self):
        self.resources = []
        self.gaps = {}
        self.rungs = ALL_RUNGS
        self.refusal = None
        self.differences = ()
        self.lists = True
        self.transactions = []
        self.reads = 0
        self.reads_again = 0
        self.background = None

    async def read_again(self, visit):
        self.reads_again += 1
        return await self.read(visit)

    async def read(self, _visit):
        self.reads += 1
        by_type = {}
        for resource in self.resources:
            by_type.setdefault(resource["resourceType"], []).append(resource)
        return Resources(
            {kind: tuple(found) for kind, found in by_type.items()},
            gaps=self.gaps,
            background=self.background,
        )

    async def can_write(self, _visit):
        return self.rungs

    async def write(self, _visit, entries):
        if self.refusal:
            return NotWritten(self.refusal)
        self.transactions.append(entries)
        written = []
        for number, entry in enumerate(entries):
            resource = {**decode(encode(entry["resource"])), "id": f"w{number}"}
            if self.lists:
                self.resources.append(resource)
            written.append(Written(f"{resource['resourceType']}/w{number}", self.differences))
        return tuple(written)


def patient(born="1985-06-01", **more):
    person = {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"given": ["Pat"], "family": "Example"}],
        "gender": "female",
        **more,
    }
    return person if born is None else {**person, "birthDate": born}


@pytest.fixture
def chart():
    """A woman of 41 on clonazepam 1 mg twice a day since 10 Jan 2026."""
    found = ChartInMemory()
    found.resources = [patient(), cds.order("now", cds.CLONAZEPAM["1"], 2)]
    return found


@pytest.fixture
def visit():
    return Visit(
        launch_id="L1",
        ehr_id="test",
        ehr_name="Test EHR",
        fhir_base="https://ehr.example/fhir",
        patient_id="p1",
        user="https://ehr.example/fhir/Practitioner/dr1",
        user_name="Dr One",
        scopes=frozenset(),
        csrf_token="the-token",
        need_patient_banner=True,
        today=TODAY,
    )


@pytest.fixture
def policy():
    """As shipped; a test may have its own."""
    return default_policy()


@pytest.fixture
def client(chart, visit, policy):
    async def visit_of(request):
        if request.path_params["launch_id"] != visit.launch_id:
            raise HTTPException(404)
        return visit

    def check_csrf(request, visit, form):
        if form.get("csrf_token") != visit.csrf_token:
            raise HTTPException(403)

    given = PlannerCollaborators(visit_of, check_csrf, chart, lambda _: policy, lambda: "event-1")
    app = Starlette(routes=routes(given))
    with TestClient(app, follow_redirects=False) as client:
        yield client
