"""GET /planner/{launch_id}: the truth first, then what can be decided."""

import re

import cds
import pytest

from ehr.read.chart import Background

PAGE = "/planner/L1"


def text_of(response):
    """The page's words, without tags and line breaks."""
    body = re.sub(r"<[^>]+>", " ", response.text)
    return re.sub(r"\s+", " ", body.replace("&#39;", "'"))


def test_the_page_leads_with_the_dose_and_shows_the_recommended_plan(client):
    response = client.get(PAGE)
    assert response.status_code == 200
    words = text_of(response)
    assert "Clonazepam 2 mg/day" in words
    assert "born 1 Jun 1985, age 41" in words
    # CLINICAL 6: asam-2025 from 2 mg ends 343 days after the first cut on 23 Nov 2026.
    assert "16 cuts from Mon 23 Nov 2026; 0 mg/day begins on Mon 1 Nov 2027" in words


def test_what_will_be_written_is_what_the_first_28_days_take(client, chart):
    """1.875 = 0.875 (3 x 0.25 + 0.125) + 1 and 1.75 = 0.75 + 1: five fills, and the plan."""
    words = text_of(client.get(PAGE))
    assert words.count("draft order") >= 5
    assert "Save 6 drafts to the chart" in words


def test_the_dose_history_says_how_fresh_the_background_history_is(client, chart):
    assert "Medication history read" not in text_of(client.get(PAGE))
    chart.background = Background("medication history read 4 minutes ago: 1,000 records")
    words = text_of(client.get(PAGE))
    assert "Medication history read 4 minutes ago: 1,000 records." in words


def test_the_findings_are_those_of_the_card(client, chart):
    chart.resources.append(cds.order("oxy", cds.OXYCODONE, 4))
    words = text_of(client.get(PAGE))
    assert "Clonazepam 2 mg/day with oxycodone" in words
    assert "Opioids come to 30 MME/day" in words  # 4 x 5 mg x 1.5
    assert "Agree first. With an opioid in use" in words
    assert "No order is being signed, so there is no new dose to compare" in words


def test_a_missing_birth_date_stands_where_the_age_would(client, chart):
    chart.resources[0].pop("birthDate")
    words = text_of(client.get(PAGE))
    assert "birth date not supplied" in words
    assert "so age cannot be judged" in words


def test_a_birth_year_alone_says_that_the_day_is_missing(client, chart):
    chart.resources[0]["birthDate"] = "1985"
    assert "born 1985 (day not supplied), age 40 or 41" in text_of(client.get(PAGE))


def test_synthetic_is_said_only_of_patients_tagged_so(client, chart):
    assert "synthetic" not in text_of(client.get(PAGE))
    chart.resources[0]["meta"] = {"tag": [{"code": "HTEST"}]}
    assert "synthetic" in text_of(client.get(PAGE))


BLOCKED = {
    "no clonazepam": (
        lambda chart: chart.resources.pop(),
        "No plan: no clonazepam order is current",
    ),
    "a dose that cannot be computed": (
        lambda chart: chart.resources[1].update(dosageInstruction=[{"text": "as directed"}]),
        "No plan: the present dose cannot be computed",
    ),
    "a dose every other day": (
        lambda chart: chart.resources[1]["dosageInstruction"][0]["timing"]["repeat"].update(
            frequency=1, period=2
        ),
        "No plan: what is taken each day is not known",
    ),
    "a seizure disorder": (
        lambda chart: chart.resources.append(cds.condition("G40.909")),
        "a seizure disorder is in the chart",
    ),
    "a medication list that failed": (
        lambda chart: chart.gaps.update(medications="the list of medications was refused (403)"),
        "No plan: the present dose may be incomplete",
    ),
    "conditions that failed": (
        lambda chart: chart.gaps.update(conditions="the list of conditions was refused (403)"),
        "so seizures or pregnancy cannot be ruled out",
    ),
    "a child": (
        lambda chart: chart.resources[0].update(birthDate="2015-01-01"),
        "The patient is under 18",
    ),
    "a patient who has died": (
        lambda chart: chart.resources[0].update(deceasedBoolean=True),
        "the chart says that the patient has died",
    ),
}


@pytest.mark.parametrize("case", BLOCKED)
def test_without_a_way_to_plan_the_page_says_why_and_offers_no_form(case, client, chart):
    change, why = BLOCKED[case]
    change(chart)
    response = client.get(PAGE)
    assert response.status_code == 200
    assert why.lower() in text_of(response).lower()
    assert "<form" not in response.text
    assert client.get(f"{PAGE}/plan.txt").status_code == 409


@pytest.mark.parametrize("case", BLOCKED)
def test_what_cannot_be_planned_cannot_be_saved_either(case, client, chart):
    BLOCKED[case][0](chart)
    response = client.post(f"{PAGE}/save", data={"csrf_token": "the-token"})
    assert response.status_code == 409
    assert "Nothing was written" in response.text
    assert chart.transactions == []


def test_an_unnamed_medicine_may_be_clonazepam(client, chart):
    chart.resources[1] = {
        "resourceType": "MedicationRequest",
        "id": "x",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
    }
    words = text_of(client.get(PAGE))
    assert "No plan: whether clonazepam is taken is not known" in words
    assert "MedicationRequest/x could not be identified" in words
    assert "Nothing was found by the checks that could be made" in words
    assert "Not checked" in words


def test_a_chart_without_clonazepam_says_so_though_other_checks_lack_data(client, chart):
    """A birth date or a list of conditions that is missing says nothing of clonazepam."""
    chart.resources.pop()
    chart.gaps.update(conditions="the list of conditions was refused (403)")
    words = text_of(client.get(PAGE))
    assert "No current clonazepam" in words
    assert "Whether clonazepam is taken is not known" not in words


def test_days_of_the_chart_are_written_as_people_write_them(client, chart):
    new = cds.order("k1", ("6135", "ketoconazole"), authoredOn="2026-11-20")
    chart.resources.append(new)
    words = text_of(client.get(PAGE))
    assert "20 Nov 2026" in words
    assert "2026-11-20" not in words


def test_words_from_the_chart_are_shown_as_words(client, chart):
    chart.resources[0]["name"] = [{"text": "<script>alert(1)</script>"}]
    chart.resources[1]["dosageInstruction"][0]["text"] = '"><img src=x onerror=alert(1)>'
    chart.resources[1]["medicationCodeableConcept"]["text"] = "clonazepam 1 mg <b>tablet</b>"
    body = client.get(PAGE).text
    assert "<script>" not in body
    assert "<img" not in body
    assert "<b>" not in body


def test_scripts_and_styles_are_files_of_our_own_and_nothing_is_inline(client):
    body = client.get(PAGE).text
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", body, re.DOTALL)
    assert len(scripts) == 2
    for attributes, content in scripts:
        assert content == ""
        assert attributes.endswith(" defer")
    assert "<style" not in body
    assert not re.search(r"\s(style|on\w+|hx-on[^=]*)=", body)
    for address in re.findall(r'(?:src|<link[^>]* href)="([^"]+)"', body):
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"
        again = client.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304


def test_ids_are_used_once_and_labels_point_at_fields(client, chart):
    chart.resources.append(cds.order("oxy", cds.OXYCODONE, 4))
    body = client.get(PAGE).text
    ids = re.findall(r'\sid="([^"]+)"', body)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'\sfor="([^"]+)"', body):
        assert target in ids
    for names in re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', body):
        assert set(names.split()) <= set(ids)


def test_drafts_of_another_taper_are_pointed_out(client, chart):
    other = cds.order("old", cds.CLONAZEPAM["1"], 1, status="draft")
    other["groupIdentifier"] = {
        "system": "https://taperguard.org/fhir/NamingSystem/taper",
        "value": "another",
    }
    chart.resources.append(other)
    assert "1 draft of another taper plan is in the chart" in text_of(client.get(PAGE))


def test_the_text_to_copy_holds_every_step(client):
    response = client.get(f"{PAGE}/plan.txt")
    assert response.headers["content-type"].startswith("text/plain")
    assert "Mon 23 Nov 2026 (14 days): 1.875 mg/day" in response.text
    assert "Mon 1 Nov 2027 (from then on): 0 mg/day, no clonazepam" in response.text
    assert "Discontinue when the taper is signed" in response.text


def test_the_text_to_copy_says_what_is_dispensed_in_all(client):
    """2 mg/day as 1 mg twice: the night's 1 mg is taken until day 105, through 1.125 mg.

    The 0.5 mg tablet is taken once a day at 1.625, 1.5 (14 days each), 0.625 and 0.5 mg (28).
    """
    text = client.get(f"{PAGE}/plan.txt").text
    lines = text.splitlines()
    about = lines.index("Tablets in all, until the last step ends:")
    # 1 mg: 105 days beside a morning dose, 21 days alone.
    assert lines[about + 1] == "- 126 x clonazepam 1 MG Oral Tablet"
    assert lines[about + 2] == "- 84 x clonazepam 0.5 MG Oral Tablet"
    assert "refilled at most 5 times (21 CFR 1306.22(a))" in text
    assert "Orders issued now are filled until 2027-05-23" in text


@pytest.mark.parametrize("ends", ["9999-12-31", "0001-01-01", "2026-11-23"])
def test_an_order_that_ends_at_the_end_of_time_is_drawn(ends, client, chart):
    repeat = chart.resources[1]["dosageInstruction"][0]["timing"]["repeat"]
    repeat["boundsPeriod"] = {"start": "0001-01-01", "end": ends}
    assert client.get(PAGE).status_code == 200


JUNK = [None, 0, True, "", "x", [], {}, [[]], {"value": {}}, "9999-12-31", "0001-01-01"]


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_junk_anywhere_in_the_chart_gives_a_page(junk, client, chart):
    """Each field of the patient, the order and a condition in turn."""
    chart.resources.append(cds.condition("F41.0"))
    chart.resources.append({"resourceType": "CarePlan", "id": "c", "identifier": [{}]})
    for resource in list(chart.resources):
        for name in list(resource):
            if name == "resourceType":
                continue
            kept = resource[name]
            resource[name] = junk
            assert client.get(PAGE).status_code == 200, name
            resource[name] = kept


def test_a_faster_pace_is_compared_with_the_recommended_one(client):
    words = text_of(client.get(PAGE, params={"pace": "nardi-2010"}))
    assert "Dashed: the recommended 10 % of the current dose every 2 weeks" in words
    assert "reaches 0 mg/day on Mon 1 Nov 2027" in words
    assert "Dashed" not in text_of(client.get(PAGE))


def test_the_level_is_shown_as_an_illustration_with_its_numbers(client):
    """asam-2025 from 2 mg: 1.875 mg is 93.8 % of the present dose."""
    response = client.get(PAGE)
    words = text_of(response)
    assert "Level in blood: illustrative, it sets no dose" in words
    assert "Mon 23 Nov 2026 1.875 93.8 " in words
    for key in ("curve-wide-title", "curve-narrow-title"):
        assert f'id="{key}">Illustrative level of clonazepam; it sets no dose<' in response.text


def test_a_long_time_in_use_is_the_reason_that_is_given(client, chart):
    chart.resources[1]["authoredOn"] = "2024-09-23"
    words = text_of(client.get(PAGE))
    assert "recommended in use since 23 Sep 2024 or longer" in words
