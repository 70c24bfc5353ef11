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
from ehr.read.medications import source_of
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
        self.purposes = []
        self.changes = True
        self.number = -1
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

    async def can_change(self, _visit):
        return self.changes

    async def write(self, _visit, entries, why="taper-planner"):
        if self.refusal:
            return NotWritten(self.refusal)
        self.transactions.append(entries)
        self.purposes.append(why)
        known = {entry["fullUrl"]: self._reference(entry) for entry in entries}
        return tuple(self._written(entry, known) for entry in entries)

    def _reference(self, entry):
        if entry["request"]["method"] == "PUT":
            return entry["request"]["url"]
        self.number += 1
        return f"{entry['request']['url']}/w{self.number}"

    def _written(self, entry, known):
        reference = known[entry["fullUrl"]]
        resource = decode(self._resolved(encode(entry["resource"]), known))
        held = [it for it in self.resources if source_of(it) == reference]
        version = str(int(held[0]["meta"]["versionId"]) + 1) if held else "1"
        resource |= {"id": reference.partition("/")[2], "meta": {"versionId": version}}
        if self.lists:
            self.resources = [it for it in self.resources if it not in held] + [resource]
        return Written(reference, self.differences)

    def _resolved(self, raw, known):
        for url, reference in known.items():
            raw = raw.replace(url.encode(), reference.encode())
        return raw


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
def make_client(chart, visit, policy):
    """`make_client(now)`: a browser of the planner; `now` gives the visit of each request."""

    def make(now):
        async def visit_of(request):
            if request.path_params["launch_id"] != visit.launch_id:
                raise HTTPException(404)
            return now()

        def check_csrf(request, visit, form):
            if form.get("csrf_token") != visit.csrf_token:
                raise HTTPException(403)

        given = PlannerCollaborators(
            visit_of, check_csrf, chart, lambda _: policy, lambda: "event-1"
        )
        return TestClient(Starlette(routes=routes(given)), follow_redirects=False)

    return make


@pytest.fixture
def client(make_client, visit):
    with make_client(lambda: visit) as client:
        yield client
