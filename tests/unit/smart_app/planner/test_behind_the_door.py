"""The planner behind the real door: launched, read with the token, saved as one transaction."""

import re

import cds
import pytest
import smart_ehr
from starlette.applications import Starlette
from starlette.testclient import TestClient

from taperguard.headers import ResponseHeaders
from taperguard.smart_door import smart_routes

PLANNER = "https://planner.example"
LAUNCH = f"/smart/launch?iss={smart_ehr.BASE}&launch=abc"


@pytest.fixture
def launched(smart, ehr):
    """A browser and the planner's address, after a whole launch."""
    app = Starlette(routes=smart_routes(smart.house, http=ehr.http))
    browser = TestClient(
        ResponseHeaders(app, development=True), base_url=PLANNER, follow_redirects=False
    )
    back = browser.get(ehr.sign_in(browser.get(LAUNCH).headers["location"]))
    return browser, back.headers["location"]


def form_of(page):
    form = re.search(r'<form method="post".*?</form>', page.text, re.DOTALL)[0]
    fields = {"confirm": ["pdmp", "supply", "treatment", "consent"]}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form):
        fields.setdefault(name, []).append(value)
    return fields


def test_launch_page_and_save_go_through_in_one_transaction(launched, ehr):
    browser, address = launched
    now = cds.order("now", cds.CLONAZEPAM["1"], 2, patient=smart_ehr.PATIENT)
    ehr.pages["MedicationRequest"] = [smart_ehr.searchset(now)]
    page = browser.get(address)
    assert "Clonazepam 2 mg/day, age 72" in page.text
    fields = form_of(page)
    saved = browser.post(f"{address}/save", data=fields, headers={"Origin": PLANNER})
    assert saved.status_code == 303, saved.text
    (transaction,) = ehr.transactions
    kinds = [entry["resource"]["resourceType"] for entry in transaction["entry"]]
    # age 72: asam-2025-slow, 1.875 mg/day for 28 days, which takes three products.
    assert kinds == ["CarePlan", "MedicationRequest", "MedicationRequest", "MedicationRequest"]
    # What the EHR kept is in its chart: a second click finds it.
    kept = [one for name, one in ehr.resources.items() if name.startswith("MedicationRequest/")]
    assert len(kept) == 3
    ehr.pages["MedicationRequest"] = [smart_ehr.searchset(now, *kept)]
    assert "this plan is in the chart" in browser.get(saved.headers["location"]).text
    again = browser.post(f"{address}/save", data=fields, headers={"Origin": PLANNER})
    assert again.status_code == 303
    assert len(ehr.transactions) == 1


def test_a_form_from_elsewhere_is_refused_and_nothing_is_written(launched, ehr):
    browser, address = launched
    now = cds.order("now", cds.CLONAZEPAM["1"], 2, patient=smart_ehr.PATIENT)
    ehr.pages["MedicationRequest"] = [smart_ehr.searchset(now)]
    fields = {**form_of(browser.get(address)), "csrf_token": ["guessed"]}
    refused = browser.post(f"{address}/save", data=fields, headers={"Origin": PLANNER})
    assert refused.status_code == 403
    assert ehr.transactions == []


def test_no_token_of_the_ehr_stands_on_the_page(launched, ehr):
    browser, address = launched
    page = browser.get(address).text
    assert not any(token in page for token in (*ehr.valid, *ehr.refresh_tokens))
    assert ehr.valid
