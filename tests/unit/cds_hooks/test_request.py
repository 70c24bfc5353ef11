"""What an EHR may send, and what is refused with the field's name."""

import copy
import json

import cds
import pytest

from cds_hooks.gather import gather
from cds_hooks.request import BadRequest, read_request
from cds_hooks.services.order_safety import HOOKS, NothingDecided

ONE_MG = cds.CLONAZEPAM["1"]


def read(body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_request(raw, HOOKS)


@pytest.fixture
def good():
    return cds.request([cds.order("new", ONE_MG, 2, status="draft")])


def without(body, *path):
    changed = copy.deepcopy(body)
    holder = changed
    for name in path[:-1]:
        holder = holder[name]
    del holder[path[-1]]
    return changed


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"hook": NaN}', "not valid JSON"),
        (b"[]", "a JSON object is expected"),
        (b"[" * 100_000, "JSON"),
        (b'"order-sign"', "a JSON object is expected"),
    ],
)
def test_what_is_no_json_object_is_refused(raw, words):
    with pytest.raises(BadRequest, match=words) as refused:
        read(raw)
    assert refused.value.field == "body"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (("hook",), "hook"),
        (("hookInstance",), "hookInstance"),
        (("context",), "context"),
        (("context", "patientId"), "context.patientId"),
        (("context", "userId"), "context.userId"),
        (("context", "draftOrders"), "context.draftOrders"),
    ],
)
def test_a_missing_field_is_named(good, path, field):
    with pytest.raises(BadRequest) as refused:
        read(without(good, *path))
    assert refused.value.field == field


@pytest.mark.parametrize("value", [None, "", 7, [], {"a": 1}, True])
def test_a_field_of_another_type_is_named(good, value):
    good["context"]["patientId"] = value
    with pytest.raises(BadRequest) as refused:
        read(good)
    assert refused.value.field == "context.patientId"


def test_another_hook_is_refused(good):
    good["hook"] = "patient-view"
    with pytest.raises(BadRequest, match="order-select and order-sign"):
        read(good)


def test_order_select_needs_its_selections(good):
    good["hook"] = "order-select"
    with pytest.raises(BadRequest) as refused:
        read(good)
    assert refused.value.field == "context.selections"


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p2",
        "https://ehr.example/fhir/Patient/p2",
        "https://ehr.example/fhir/Patient/p2/_history/3",
    ],
)
def test_another_patient_s_draft_is_refused(good, reference):
    good["context"]["draftOrders"]["entry"][0]["resource"]["subject"] = {"reference": reference}
    with pytest.raises(BadRequest, match="another patient") as refused:
        read(good)
    assert refused.value.field == "context.draftOrders.entry[0].resource.subject"


@pytest.mark.parametrize(
    "reference",
    ["Patient/p1", "https://ehr.example/fhir/Patient/p1", "Patient/p1/_history/1"],
)
def test_the_patient_s_own_draft_is_taken_however_it_is_referred_to(good, reference):
    good["context"]["draftOrders"]["entry"][0]["resource"]["subject"] = {"reference": reference}
    assert read(good).notes == ()


def test_a_draft_without_a_subject_is_taken_with_a_note(good):
    request = read(without(good, "context", "draftOrders", "entry", 0, "resource", "subject"))
    assert request.notes == (
        "MedicationRequest/new names no patient and is taken as the context's",
    )


def test_a_patient_id_may_be_written_as_a_reference(good):
    good["context"]["patientId"] = "Patient/p1"
    assert read(good).patient_id == "p1"


@pytest.mark.parametrize("shape", ["list", "bare in bundle", "single resource"])
def test_draft_orders_may_come_without_their_wrappers(good, shape):
    draft = good["context"]["draftOrders"]["entry"][0]["resource"]
    shapes = {
        "list": [draft],
        "bare in bundle": {"resourceType": "Bundle", "entry": [draft]},
        "single resource": draft,
    }
    good["context"]["draftOrders"] = shapes[shape]
    assert [d.source for d in read(good).drafts] == ["MedicationRequest/new"]


def test_only_selected_orders_are_selected():
    drafts = [cds.order(key, ONE_MG, status="draft") for key in ("a", "b")]
    body = cds.request(drafts, hook="order-select", selections=["MedicationRequest/b"])
    assert [(d.source, d.selected) for d in read(body).drafts] == [
        ("MedicationRequest/a", False),
        ("MedicationRequest/b", True),
    ]


def test_selections_that_name_nothing_do_not_silence_the_checks():
    body = cds.request(
        [cds.order("a", ONE_MG, status="draft")], hook="order-select", selections=["X/y"]
    )
    request = read(body)
    assert [d.selected for d in request.drafts] == [True]
    assert "1 selection(s) name no resource in draftOrders" in request.notes


# What a prefetch may hold.


def gaps(body):
    return dict(gather(read(body)).gaps)


def test_a_whole_prefetch_has_no_gaps(good):
    assert gaps(good) == {}


def test_an_absent_key_was_not_supplied(good):
    assert gaps(without(good, "prefetch", "medications")) == {
        "medications": "the list of medications was not supplied"
    }


def test_null_was_searched_and_nothing_found(good):
    good["prefetch"]["medications"] = None
    assert gaps(good) == {}


def test_no_patient_found_is_a_gap(good):
    good["prefetch"]["patient"] = None
    assert gaps(good) == {"patient": "the patient's record was not found"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"resourceType": "OperationOutcome"}, "could not be supplied by the EHR"),
        (
            {
                "resourceType": "OperationOutcome",
                "issue": [{"severity": "error", "code": "forbidden", "diagnostics": "Mrs. Alder"}],
            },
            "could not be supplied by the EHR: it does not allow this",
        ),
        ({"resourceType": "Patient", "id": "p1"}, "is something else than a MedicationRequest"),
        (cds.searchset(cds.condition("F41.0")), "is something else than a MedicationRequest"),
        ("text", "could not be read"),
        (
            {"resourceType": "Bundle", "link": [{"relation": "next", "url": "x"}]},
            "only its first page",
        ),
        ({"resourceType": "Bundle", "total": 3}, "0 of 3 records"),
        (
            {
                "resourceType": "Bundle",
                "entry": [
                    {
                        "resource": {
                            "resourceType": "OperationOutcome",
                            "issue": [{"severity": "error"}],
                        }
                    }
                ],
            },
            "error among its entries",
        ),
        ({"resourceType": "Bundle", "entry": [{"resource": 7}]}, "no FHIR resource"),
        ({"resourceType": "Bundle", "entry": [{"resource": {"id": "x"}}]}, "without a resource"),
    ],
)
def test_a_failed_or_partial_list_is_a_gap_and_not_an_empty_list(good, value, words):
    good["prefetch"]["medications"] = value
    assert words in gaps(good)["medications"]


def test_what_a_search_includes_is_no_other_list(good):
    """Medications beside the orders, by `_include`; or nothing but a remark and an included one."""
    included = {
        "resource": {"resourceType": "Medication", "id": "m"},
        "search": {"mode": "include"},
    }
    orders = cds.searchset(cds.order("x", ONE_MG))
    orders["entry"].append(included)
    good["prefetch"]["medications"] = orders
    assert gaps(good) == {}
    good["prefetch"]["medications"] = {"resourceType": "Bundle", "entry": [included]}
    assert gaps(good) == {}


@pytest.mark.parametrize("value", [{"resourceType": "Bundle"}, cds.searchset(), []])
def test_an_empty_searchset_for_the_patient_is_nobody_found(good, value):
    good["prefetch"]["patient"] = value
    assert gaps(good) == {"patient": "the patient's record was not found"}


@pytest.mark.parametrize(
    "value", [{"resourceType": "Condition", "id": "c"}, cds.searchset(cds.condition("F41.0"))]
)
def test_another_resource_for_the_patient_is_a_gap(good, value):
    good["prefetch"]["patient"] = value
    assert gaps(good) == {"patient": "the patient's record is something else than a Patient"}


def test_a_remark_of_the_ehr_is_no_gap(good):
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "information"}]}
    good["prefetch"]["medications"] = cds.searchset()
    good["prefetch"]["medications"]["entry"] = [
        {"resource": outcome, "search": {"mode": "outcome"}}
    ]
    assert gaps(good) == {}


def test_the_prefetched_patient_of_somebody_else_is_refused(good):
    good["prefetch"]["patient"]["id"] = "p2"
    with pytest.raises(BadRequest, match=r"prefetch\.patient"):
        gather(read(good))


def test_a_stray_record_is_set_aside_and_its_list_is_no_longer_whole(good):
    good["prefetch"]["medications"] = cds.searchset(cds.order("x", ONE_MG, patient="p2"))
    resources = gather(read(good))
    assert "another patient" in resources.gaps["medications"]
    assert "MedicationRequest" not in resources.by_type


def test_a_resource_is_read_by_its_type_whatever_its_key(good):
    good["prefetch"]["their-own-key"] = cds.searchset(cds.order("x", ONE_MG))
    assert [r["id"] for r in gather(read(good)).by_type["MedicationRequest"]] == ["x"]


def test_a_record_that_comes_twice_is_read_once(good):
    good["prefetch"]["medications"] = cds.searchset(cds.order("x", ONE_MG))
    good["prefetch"]["more"] = cds.searchset(cds.order("x", ONE_MG))
    assert len(gather(read(good)).by_type["MedicationRequest"]) == 1


# When nothing can be decided.


def test_without_any_data_a_draft_that_decides_nothing_is_a_412(ask, good):
    good["prefetch"] = {}
    good["context"]["draftOrders"]["entry"][0]["resource"] = cds.order(
        "new", cds.CLONAZEPAM["0.5"], status="draft"
    )
    with pytest.raises(NothingDecided, match="the list of medications was not supplied"):
        ask(good)


def test_without_any_data_a_high_dose_is_still_answered(ask, good):
    good["prefetch"] = {}
    assert cds.four_of(ask(good)) == {
        "high-dose": "fired",
        "opioid-together": "not-evaluable",
        "dose-escalation": "not-evaluable",
        "older-adult-fall-risk": "not-evaluable",
    }


def test_without_any_data_an_order_of_another_drug_is_clear(ask, good):
    good["prefetch"] = {}
    good["context"]["draftOrders"]["entry"][0]["resource"] = cds.order(
        "new", ("314076", "lisinopril 10 MG Oral Tablet"), status="draft"
    )
    assert set(cds.results_of(ask(good)).values()) == {"clear"}


# --- access to the EHR -------------------------------------------------------------------------


def test_the_token_of_a_request_is_taken_and_never_shown(good):
    good["fhirAuthorization"] = {
        "access_token": "abc.def",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/MedicationRequest.rs",
        "subject": "taperguard",
        "patient": "Patient/p1",
    }
    taken = read(good)
    assert taken.authorization.access_token == "abc.def"
    assert taken.authorization.patient == "p1"
    assert "abc.def" not in repr(taken)


@pytest.mark.parametrize(
    "given",
    [
        "abc",
        [],
        {"access_token": "abc", "token_type": "MAC"},
        {"access_token": "abc"},
        {"token_type": "Bearer"},
        {"access_token": "abc\r\nHost: elsewhere", "token_type": "Bearer"},
        {"access_token": "a" * 20_000, "token_type": "Bearer"},
    ],
)
def test_a_token_that_cannot_be_used_is_noted_and_the_prefetch_is_read_all_the_same(good, given):
    good["fhirAuthorization"] = given
    taken = read(good)
    assert taken.authorization is None
    assert any("fhirAuthorization" in note for note in taken.notes)
