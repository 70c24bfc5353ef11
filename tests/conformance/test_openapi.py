"""The OpenAPI document is true: every route is in it, and what it says is what is answered.

schemathesis makes requests from the document, such as it allows and such as it does not, and holds
each answer to it.
"""

import json
import shutil
from functools import partial

import cds
import hypothesis
import jsonschema_rs
import pytest
import schemathesis
from schemathesis import GenerationMode, checks
from starlette.routing import Mount
from starlette.testclient import TestClient

from cds_hooks.feedback import LONGEST_COMMENT, MOST_REPORTS
from cds_hooks.request import MOST_DRAFTS
from clinical.findings import CheckId
from taperguard import openapi, wiring
from taperguard import settings as settings_module
from taperguard.app import create_app
from taperguard.limits import MOST_BODY_BYTES

SAFETY, REVIEW = "/cds-services/clonazepam-safety", "/cds-services/clonazepam-review"
FEEDBACK = "/cds-services/{id}/feedback"

checks.load_all_checks()
HOLDS = checks.CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    ]
)


@pytest.fixture(scope="module")
def app(tmp_path_factory, migrated_sqlite):
    folder = tmp_path_factory.mktemp("openapi")
    shutil.copy(migrated_sqlite, folder / "taperguard.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(f"{settings_module.PREFIX}EHRS_FILE", raising=False)
        settings = settings_module.load(
            data=folder,
            database_url=f"sqlite:///{folder / 'taperguard.db'}",
            broker_url="redis+socket:///nowhere/broker.sock",
        )
    house = wiring.build(settings)
    yield create_app(house)
    house.close()


@pytest.fixture(scope="module")
def document(app):
    """The document as it is served."""
    return TestClient(app).get("/openapi.json").json()


def routes_of(app):
    """The paths of the application, whatever stands around it."""
    while not hasattr(app, "routes"):
        app = app.app
    return [(route.path, isinstance(route, Mount)) for route in app.routes]


def test_every_route_is_described_or_there_is_a_reason(app, document):
    left_out = []
    for path, is_folder in routes_of(app):
        described = path in document["paths"]
        # A service that does not exist is told of with the status 404 alone.
        unknown = path == "/cds-services/{id}"
        reasons = [why for start, why in openapi.NOT_DESCRIBED.items() if path.startswith(start)]
        assert described + unknown + len(reasons) == 1, path
        assert described <= (not is_folder)
        left_out += reasons
    assert set(left_out) == set(openapi.NOT_DESCRIBED.values())
    paths = {path for path, _ in routes_of(app)}
    assert document["paths"].keys() <= paths


def test_the_numbers_are_those_of_the_code(document):
    schemas = document["components"]["schemas"]
    assert schemas["Feedback"]["properties"]["feedback"]["maxItems"] == MOST_REPORTS
    comment = schemas["Report"]["properties"]["overrideReason"]["properties"]["userComment"]
    assert comment["maxLength"] == LONGEST_COMMENT
    drafts = schemas["OrderSignRequest"]["properties"]["context"]["properties"]["draftOrders"]
    assert drafts["properties"]["entry"]["maxItems"] == MOST_DRAFTS
    too_large = document["paths"][SAFETY]["post"]["responses"]["413"]
    assert str(MOST_BODY_BYTES) in too_large["description"]
    fired, _quiet = schemas["Checked"]["oneOf"]
    assert fired["properties"]["check"]["enum"] == [check.value for check in CheckId]


def test_only_development_takes_calls_without_a_token():
    for development, taken in ((True, [{"cdsClient": []}, {}]), (False, [{"cdsClient": []}])):
        found = openapi.document("https://a.example", development=development)["paths"]
        assert found["/cds-services"]["get"]["security"] == taken
        assert found[SAFETY]["post"]["security"] == taken
        assert found[FEEDBACK]["post"]["security"] == taken


def validator(document, name):
    """The schema of this name, with all that it refers to."""
    whole = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def test_each_schema_is_one_and_refers_to_one(document):
    for name in document["components"]["schemas"]:
        jsonschema_rs.meta.validate(document["components"]["schemas"][name])
        validator(document, name)
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert text.count(f'"#/components/schemas/{name}"'), name


def test_requests_and_answers_as_they_are_fit_the_document(app, document):
    """An order of 3 mg a day beside 2 mg and oxycodone: two cards with all that a card can have."""
    order = cds.request(
        [cds.order("new", cds.CLONAZEPAM["1"], 3, status="draft")],
        medications=[
            cds.order("now", cds.CLONAZEPAM["1"], 2),
            cds.order("oxy", cds.OXYCODONE, 4),
        ],
    )
    validator(document, "OrderSignRequest").validate(order)
    client = TestClient(app)
    body = client.post(SAFETY, json=order).json()
    assert len(body["cards"]) == 2
    validator(document, "Cards").validate(body)
    validator(document, "Discovery").validate(client.get("/cds-services").json())
    del body["cards"][0]["summary"]
    assert not validator(document, "Cards").is_valid(body)


def asked(app, document, path, count, mode, seed=1):
    """How many requests of each status schemathesis made; each answer held to the document."""
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app
    method = "GET" if "get" in document["paths"][path] else "POST"
    seen = {}

    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.seed(seed)
    @hypothesis.given(schema[path][method].as_strategy(generation_mode=mode))
    def ask(case):
        response = case.call()
        seen[response.status_code] = seen.get(response.status_code, 0) + 1
        case.validate_response(response, checks=HOLDS)

    ask()
    return seen


ALLOWED, FORBIDDEN = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
FEW = [(SAFETY, 8), (REVIEW, 6), (FEEDBACK, 3)]
MANY = [(SAFETY, 300), (REVIEW, 200), (FEEDBACK, 30)]
READ = ["/cds-services", "/healthz", "/readyz", "/openapi.json"]


@pytest.mark.parametrize("path", READ)
def test_what_is_only_read_answers_as_described(app, document, path):
    seen = asked(app, document, path, 1, ALLOWED)
    assert seen.keys() <= {200, 503}


@pytest.mark.parametrize(("path", "count"), FEW)
def test_a_few_requests_are_answered_as_described(app, document, path, count):
    allowed = asked(app, document, path, count, ALLOWED)
    assert 200 in allowed or path == FEEDBACK  # made-up instants are seldom of our time
    assert allowed.keys() <= {200, 400}
    assert asked(app, document, path, count, FORBIDDEN).keys() - {200}


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize(("path", "count"), MANY)
def test_many_requests_are_answered_as_described(app, document, path, count, seed):
    ask = partial(asked, app, document, path, count, seed=seed)
    assert ask(ALLOWED).get(200, 0) > ask(FORBIDDEN).get(200, 0)
