"""/evidence: page and JSON say the same, link to what is there, and tell a site's choices."""

from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from clinical.findings import CheckId
from clinical.knowledge import document
from clinical.policy import CheckChoice, default_policy
from clinical.rules import rule
from clinical.seed import Followed, statements
from taperguard.evidence_data import evidence, severities
from taperguard.evidence_page import day, routes, shown, view_of


class Page(HTMLParser):
    """The anchors of a page, its links and stylesheets, and its text."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links, self.tags, self.text = [], [], set(), ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags |= {tag, *(name for name in found if name in ("style", "onclick"))}
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a":
            self.links.append(found["href"])

    def handle_data(self, data):
        self.text += data


def opened(policy=None, by_ehr=None):
    """A client of the page, of a site with this policy."""
    policy = policy or default_policy()
    return TestClient(Starlette(routes=routes(development=False, policy=policy, by_ehr=by_ehr)))


def page_of(client):
    answer = client.get("/evidence", headers={"accept": "text/html"})
    assert answer.status_code == 200
    return Page(answer.text)


def json_of(client):
    return client.get("/evidence", headers={"accept": "application/json"}).json()


@pytest.fixture(scope="module")
def page():
    return page_of(opened())


@pytest.fixture(scope="module")
def data():
    return json_of(opened())


def test_the_json_has_all_that_the_page_tells(data):
    assert data.keys() >= {
        *("rules_version", "reviews", "checks", "numbers", "measures", "paces", "sources"),
        *("site_tables", "statements", "dependence", "not_shipped", "follow_up", "red_flags"),
    }


def test_every_check_can_be_linked_to_by_its_id(page):
    assert set(page.ids) >= {check.value for check in CheckId}


def test_every_number_can_be_linked_to_by_its_name(page, data):
    assert set(page.ids) >= {number["id"] for number in data["numbers"]}


def test_no_anchor_stands_twice_and_no_link_leads_nowhere(page):
    assert len(page.ids) == len(set(page.ids))
    within = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert within <= set(page.ids)
    assert all(link.startswith(("#", "https://")) for link in page.links)


def test_the_page_needs_no_script_and_no_style_of_its_own(page):
    assert not page.tags & {"script", "style", "onclick", "form"}


def test_a_check_says_in_whom_it_was_studied_and_what_it_cannot_see(page):
    told = rule(CheckId.HIGH_DOSE)
    for words in (told.does, told.population, told.limits, told.age_and_sex):
        assert " ".join(words.split()) in page.text


def test_a_number_is_the_one_that_the_code_uses(data):
    (found,) = [row for row in data["numbers"] if row["id"] == "high_dose_mg_per_day"]
    assert found["of"] == "checks/high-dose"
    assert (found["value"], found["unit"]) == (2, "mg/day")
    assert default_policy().high_dose_mg_per_day == 2
    assert "this_site" not in found


def test_a_convention_of_tapers_is_told_with_its_meaning(data):
    (found,) = [row for row in data["numbers"] if row["id"] == "cap_percent"]
    assert found["value"] == document("paces.toml")["conventions"]["cap_percent"] == 25
    assert found["sources"] == ["ASAM"]


# ASAM 2025, table 2: rare at 3 days a week or fewer; lower under a month; at 1-3 months lower up to
# 0.5 mg a day and likely above; likely from 3 months on, whatever the dose.
def test_the_table_of_dependence_is_worked_out_by_the_rule_itself(data):
    assert [row["likelihood"] for row in data["dependence"]] == [
        "rare",
        "lower but possible",
        "lower but possible",
        "likely",
        "likely",
    ]


# --- what a site has chosen ---------------------------------------------------------------------


def test_a_site_that_has_chosen_nothing_is_told_so(page):
    assert "Nothing: every number, check and text is as shipped." in page.text
    assert "this site:" not in page.text


def test_a_number_that_a_site_has_changed_is_told_beside_the_shipped_one():
    client = opened(replace(default_policy(), high_dose_mg_per_day=Fraction(3, 2)))
    assert "this site: 1.5" in page_of(client).text
    changed = {
        row["id"]: row["this_site"] for row in json_of(client)["numbers"] if "this_site" in row
    }
    assert changed == {"high_dose_mg_per_day": 1.5}


def test_a_number_of_one_ehr_is_told_by_the_ehr_s_name():
    north = replace(default_policy(), older_adult_from_years=70)
    client = opened(by_ehr={"North Clinic": north, "South Clinic": default_policy()})
    assert "North Clinic: 70" in page_of(client).text
    assert "South Clinic" not in page_of(client).text
    (found,) = [row for row in json_of(client)["numbers"] if "at_ehr" in row]
    assert (found["id"], found["at_ehr"]) == ("older_adult_from_years", {"North Clinic": 70})


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (CheckChoice(on=False), "this site: not made"),
        (
            CheckChoice(shadow=True),
            "this site: shadow mode: made and never shown, a card of its own",
        ),
        (CheckChoice(own_card=False), "this site: made, in another card's detail"),
    ],
)
def test_a_check_that_a_site_has_switched_is_told_in_words(choice, words):
    policy = default_policy()
    checks = {**policy.checks, CheckId.PREGNANCY: choice}
    assert words in page_of(opened(replace(policy, checks=checks))).text


# --- reviews and the brief ----------------------------------------------------------------------


def test_a_clinician_who_has_reviewed_a_part_is_counted():
    told = evidence(default_policy(), {})
    assert view_of(told)["signed"] == 0
    told["reviews"][0] = {**told["reviews"][0], "reviewed_by": "Dr. A. Synthetic"}
    assert view_of(told)["signed"] == 1


def test_every_statement_of_the_brief_stands_on_the_page_with_what_is_done(page):
    for told in statements():
        assert f"statement-{told.id}" in page.ids
        assert " ".join(told.says.split()) in page.text
        assert " ".join(told.does.split()) in page.text


def test_a_statement_that_a_primary_source_contradicts_is_changed_or_left():
    for told in statements():
        assert not (told.disagrees and told.followed is Followed.ACTED_ON), told.id


# --- words --------------------------------------------------------------------------------------


def test_severities_are_named_from_the_gravest_on():
    assert [kind.value for kind in severities("warning; critical above 4 mg/day")] == [
        "critical",
        "warning",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [(2, "2"), (True, "yes"), ([7, 14], "7, 14"), ("", "none"), ([], "none"), ("b", "b")],
)
def test_a_value_is_shown_as_a_person_reads_it(value, words):
    assert shown(value) == words


def test_a_date_is_said_as_on_every_page():
    assert day("2027-05-03") == "3 May 2027"
