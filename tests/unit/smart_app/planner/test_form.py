"""The plan form: good choices make a plan, wrong ones a sentence, nothing typed is lost."""

import re
from dataclasses import replace

import pytest

from clinical.policy import default_policy
from clinical.taper import products_of

PAGE = "/planner/L1"
ALL_FIELDS = {
    "form": "1",
    "goal": "discontinue",
    "to": "",
    "review": "2027-02-15",
    "pace": "asam-2025",
    "start": "2026-12-01",
    "products": ["197527", "197528"],
    "times": "2",
}


def ask(client, **changed):
    return client.get(PAGE, params={**ALL_FIELDS, **changed})


def test_the_address_names_the_plan(client):
    """nardi-2010 from 2 mg (CLINICAL 6): 1.5 on day 0, 1 on 14, then down to 0 on day 42."""
    response = ask(client, pace="nardi-2010", products=["197527", "197528", "349195"])
    assert response.status_code == 200
    assert "0 mg/day begins on Tue 12 Jan 2027, after 42 days" in response.text
    assert "51 of 73 were off within 4 months" in response.text


def test_to_reduce_ends_at_the_dose_that_was_typed(client):
    response = ask(client, goal="reduce", to="1,5 mg")
    assert response.status_code == 200
    assert "1.5 mg/day begins on Tue 1 Dec 2026" in response.text


def test_the_dose_that_is_reduced_to_is_reviewed_within_three_months_unless_a_day_is_typed(client):
    """1.5 mg/day begins on 1 Dec 2026; 84 days later is 23 Feb 2027."""
    page = ask(client, goal="reduce", to="1.5").text
    assert "1.5 mg/day stays until the review on Tue 23 Feb 2027." in page
    assert "(empty: Tue 23 Feb 2027)" in page
    page = ask(client, goal="reduce", to="1.5", then="2027-01-04").text
    assert "1.5 mg/day stays until the review on Mon 4 Jan 2027." in page


def test_the_review_of_a_dose_is_after_it_began(client):
    response = ask(client, goal="reduce", to="1.5", then="2026-12-01")
    assert response.status_code == 422
    assert "The review on 2026-12-01 is not after 2026-12-01" in response.text
    assert 'href="#then"' in response.text


THREE_A_DAY = {"times": "3", "to": "1", "goal": "reduce", "products": ["197527"]}


def test_which_intake_is_cut_first_is_a_choice_where_there_are_several(client):
    """2 mg in thirds of 0.5 mg tablets: 0.5, 0.5 and 1 mg. The first cut, to 1.5 mg, takes the
    midday intake away; with the night first, half of the night's.
    """
    page = ask(client, **THREE_A_DAY).text
    assert "Cut: the midday intake first, then the morning, then the night." in page
    first = "one 0.5 mg tablet in the morning; two 0.5 mg tablets at bedtime"
    assert first in page
    page = ask(client, **THREE_A_DAY, first="night").text
    assert "Cut: the night intake first, then the midday, then the morning." in page
    assert "at midday; one 0.5 mg tablet at bedtime" in page
    assert first not in page
    assert '<option value="night" selected>Night</option>' in page


def test_with_one_intake_a_day_nothing_is_asked_of_their_order_and_the_answer_is_kept(client):
    page = ask(client, times="1", first="night").text
    assert "Cut first" not in page
    assert '<input type="hidden" name="first" value="night">' in page


def test_to_maintain_is_a_sentence_with_its_review(client):
    response = ask(client, goal="maintain", review="2027-02-22")
    assert "Clonazepam stays at 2 mg/day until the review on Mon 22 Feb 2027." in response.text
    assert "Save 1 draft to the chart" in response.text


def test_a_review_is_proposed_within_three_months(client):
    """ASAM 16; in whole weeks 12: 7 days of November, 31, 31 and 15 more are 84."""
    page = client.get(PAGE, params={"goal": "maintain"}).text
    assert "until the review on Mon 15 Feb 2027." in page


WRONG = {
    "a start in the past": ({"start": "2026-11-22"}, "Choose today, Mon 23 Nov 2026"),
    "a start that is no date": ({"start": "1/2/27"}, "Enter a date as year-month-day"),
    "a start at the end of time": ({"start": "9999-12-31"}, "the calendar ends before the taper"),
    "no tablets": ({"products": []}, "Choose at least one tablet"),
    "tablets of something else": ({"products": ["1049621"]}, "Choose tablets from the list"),
    "a pace that does not exist": ({"pace": "fast"}, "Choose one of the paces"),
    "five intakes": ({"times": "5"}, "Choose 1 to 4 intakes a day"),
    "a goal that does not exist": ({"goal": "double"}, "Choose to discontinue"),
    "a reduction to nothing said": ({"goal": "reduce"}, "Enter the dose to reduce to"),
    "a reduction to words": ({"goal": "reduce", "to": "half"}, "Enter the dose to reduce to"),
    "a reduction upwards": ({"goal": "reduce", "to": "3"}, "Enter a dose below the present 2 mg"),
    "a dose that tablets cannot make": ({"goal": "reduce", "to": "0.7"}, "nearest doses they make"),
    "a negative dose": ({"goal": "reduce", "to": "-1"}, "Enter the dose to reduce to"),
    "an intake that does not exist": ({"first": "noon"}, "Choose which intake is cut first"),
    "a review today": ({"goal": "maintain", "review": "2026-11-23"}, "Choose a day after today"),
    "a review in the past": ({"goal": "maintain", "review": "2020-01-01"}, "Choose today"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_at_the_field_and_nothing_typed_is_lost(case, client):
    changed, sentence = WRONG[case]
    response = ask(client, **changed)
    assert response.status_code == 422
    # Once in the summary, as a link to the field, and once beside the field.
    assert len(re.findall(re.escape(sentence), response.text)) == 2
    for value in changed.values():
        typed = isinstance(value, str) and value not in {
            "fast",
            "5",
            "noon",
            "double",
            "discontinue",
        }
        if typed and value not in {"reduce", "maintain"}:
            assert f'value="{value}"' in response.text
    assert "Save" not in response.text


def test_every_error_of_a_form_is_said_at_once(client):
    response = ask(client, start="", products=[], pace="")
    assert response.text.count('class="error"') == 3
    for name in ("start", "pace-0", "product-0"):
        assert f'href="#{name}"' in response.text
        assert f'id="{name}"' in response.text


def test_a_link_that_names_only_a_pace_takes_the_recommended_rest(client):
    response = client.get(PAGE, params={"pace": "nardi-2010"})
    assert response.status_code == 200
    assert response.text.count(" checked>") == 1 + 1 + 8  # goal, pace, eight tablets


def test_one_tablet_product_alone_makes_its_own_grid(client):
    """Only 1 mg: from 2 the one step is 1, then 0; both cuts are above 25 % and say so."""
    response = ask(client, products=["197528"])
    assert "2 cuts from Tue 1 Dec 2026" in response.text
    assert response.text.count('class="warned"') == 2


def test_a_coarse_tablet_that_would_stop_at_once_is_refused(client):
    response = ask(client, products=["197529"])
    assert response.status_code == 422
    assert "an abrupt stop" in response.text


@pytest.mark.parametrize("junk", ["\x00", "<b>", "9" * 500, "\uff11", "\u0663"])
def test_junk_in_any_field_is_refused_in_a_sentence(junk, client):
    for name in ("goal", "to", "review", "pace", "start", "times", "products"):
        response = ask(client, **{"goal": "reduce", "to": "1", name: junk})
        assert response.status_code in {200, 422}
        assert "<b>" not in response.text


class TestWhatThePharmacyStocks:
    """A site that stocks 0.5 mg tablets, which it halves, and 1 mg tablets."""

    @pytest.fixture
    def policy(self):
        stocked = products_of(["197527", "197528"], halved=["197527"])
        return replace(default_policy(), tablets=stocked)

    def test_only_that_is_offered_and_all_of_it_is_ticked(self, client):
        page = client.get(PAGE).text
        boxes = re.findall(r'<input[^>]*type="checkbox"[^>]*name="products"[^>]*>', page)
        assert [re.search(r'value="(\d+)"', box)[1] for box in boxes] == ["197527", "197528"]
        assert all("checked" in box for box in boxes)

    def test_its_halves_are_used(self, client):
        """1.75 mg: 1 mg at night, 1.5 x 0.5 mg in the morning."""
        response = ask(client, times="2")
        assert "1.75 mg" in response.text
        assert "349195" not in response.text

    def test_anything_else_is_refused(self, client):
        response = ask(client, products=["197527", "349194"])
        assert "Choose tablets from the list" in response.text


class TestWithAPolicyOfItsOwn:
    @pytest.fixture
    def policy(self):
        return replace(
            default_policy(),
            recommended_pace="bzra-25",
            recommended_slow_pace="asam-2025",
            offered_pace=None,
            planner_paces=("asam-2025", "bzra-25"),
            pace_for_long_use_days=400,
            pdmp_url="https://pdmp.example.org/?state=IL&from=ehr",
        )

    def test_the_planner_offers_the_paces_of_the_site_the_recommended_first(self, client):
        page = client.get(PAGE).text
        radios = re.findall(r'<input[^>]*type="radio"[^>]*name="pace"[^>]*>', page)
        values = [re.search(r'value="([^"]+)"', radio)[1] for radio in radios]
        assert values == ["bzra-25", "asam-2025", "custom", "typed-in"]

    def test_the_reason_for_the_recommended_pace_has_the_numbers_of_the_site(self, client):
        assert "no use of more than 400 days in the chart" in client.get(PAGE).text

    def test_the_monitoring_programme_of_the_site_is_one_click_away(self, client):
        page = ask(client).text
        assert 'href="https://pdmp.example.org/?state=IL&amp;from=ehr"' in page

    def test_a_pace_that_the_site_does_not_offer_is_none(self, client):
        assert "Choose one of the paces" in ask(client, pace="nardi-2010").text
