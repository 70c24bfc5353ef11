"""The patient's hand-out: every dose and date in plain words, and the same bytes everywhere."""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pdf_words
import processes
import pytest

from clinical.follow_up import check_ins
from clinical.quantities import Milligrams
from clinical.taper import Pieces, Schedule, TaperRequest, default_products, pace, plan
from smart_app.planner.handout import handout_pdf
from smart_app.planner.handout_presenter import (
    Recipient,
    day_in_full,
    handout,
    tablets_for_patients,
)

PAGE = "/planner/L1"
MONDAY = date(2027, 1, 4)
WORDS = Path(__file__).parents[4] / "clinical" / "knowledge" / "handout.toml"
PAT = Recipient(
    name="Pat Example",
    born=date(1985, 6, 1),
    clinic="Test EHR",
    prescriber="Dr One",
    synthetic=False,
    signed=False,
    rules_version="2026.11",
)


def schedule(from_mg: str = "2", pace_id: str = "asam-2025", to_mg: str = "0", **more) -> Schedule:
    return plan(
        TaperRequest(Milligrams.of(from_mg), Milligrams.of(to_mg), MONDAY, pace(pace_id), **more)
    )


SHORT = schedule("1", "nardi-2010", times_per_day=2)
LONG = schedule("2", "asam-2025-slow", times_per_day=2)


def words(given: Schedule = SHORT, **changed) -> str:
    return pdf_words.words_of(handout_pdf(given, replace(PAT, **changed)))


def test_a_short_plan_says_day_for_day_what_to_take():
    """nardi-2010 from 1 mg (CLINICAL 6): 0.75 on day 0, 0.5 on 7, 0.25 on 14, 0 on 21."""
    said = words()
    for piece in (
        "Your plan to come off clonazepam",
        "Now: 1 mg a day.",
        "Monday 4 January 2027 to Sunday 10 January 2027",
        "0.75 mg a day",
        "one 0.25 mg melting tablet",
        "Monday 11 January 2027 to Sunday 17 January 2027",
        "Monday 18 January 2027 to Sunday 24 January 2027",
        "Monday 25 January 2027 and from then on",
        "No more clonazepam.",
    ):
        assert piece in said
    assert said.index("0.75 mg a day") < said.index("0.5 mg a day") < said.index("0 mg a day No")


@pytest.mark.parametrize("given", [SHORT, LONG, schedule("4", to_mg="1", times_per_day=4)])
def test_every_dose_date_tablet_and_check_in_stands_in_the_file(given):
    said = words(given)
    for step in given.steps:
        assert f"{day_in_full(step.starts)} to {day_in_full(step.ends)}" in said
        assert f"{step.dose} a day" in said
        for pieces in (pieces for intake in step.intakes for pieces in intake.pieces):
            assert tablets_for_patients(pieces) in said
    assert day_in_full(given.ends_on) in said
    for contact in check_ins(given):
        assert day_in_full(contact.on) in said.split("Your check-ins")[1]


def test_check_ins_that_fit_on_a_page_stand_on_one():
    """asam-2025 from 4 to 1 mg has 34 of them; each row is two days that follow one another."""
    given = schedule("4", to_mg="1", times_per_day=4)
    pages = pdf_words.pages_of(handout_pdf(given, PAT))
    days = [day_in_full(contact.on) for contact in check_ins(given)]
    assert len(days) == 34
    (page,) = (page for page in pages if "Your check-ins" in page)
    after = page.split("Your check-ins")[1]
    places = [after.index(day) for day in days]
    assert places == sorted(places)


def test_there_is_a_box_to_tick_for_every_day_of_every_step():
    """asam-2025-slow from 2 mg: 609 days until nothing is taken, and one box for the last step."""
    weeks = [step["weeks"] for step in handout(LONG, PAT).content["steps"]]
    assert sum(len(week) for step in weeks for week in step) == LONG.days
    assert weeks[0][0] == ["M", "T", "W", "T", "F", "S", "S"]
    assert weeks[-1] == []


def test_to_take_less_ends_at_a_dose_that_is_kept():
    said = words(schedule("2", to_mg="1"))
    assert "Your plan to take less clonazepam" in said
    assert "1 mg a day" in said
    assert "No more clonazepam." not in said


def test_a_tablet_that_may_be_halved_is_said_in_words():
    half = replace(default_products()[1], halvable=True)
    assert tablets_for_patients(Pieces(half, Decimal("0.5"))) == "half a 1 mg tablet"
    assert tablets_for_patients(Pieces(half, Decimal("1.5"))) == "one and a half 1 mg tablets"
    said = words(schedule("1", "nardi-2010", products=(half,), times_per_day=1))
    assert "half a 1 mg tablet" in said


def test_the_same_plan_gives_the_same_bytes_here_and_in_another_process():
    again = f"""
import datetime, sys
from clinical.quantities import Milligrams
from clinical.taper import TaperRequest, pace, plan
from smart_app.planner.handout import handout_pdf
from smart_app.planner.handout_presenter import Recipient
asked = TaperRequest(Milligrams.of("1"), Milligrams.of("0"), datetime.date(2027, 1, 4),
                     pace("nardi-2010"), times_per_day=2)
sys.stdout.buffer.write(handout_pdf(plan(asked), {PAT!r}))
"""
    first = handout_pdf(SHORT, PAT)
    assert handout_pdf(SHORT, PAT) == first
    elsewhere = processes.run(
        [sys.executable, "-c", again], text=False, check=True, cwd="/", env={"TZ": "UTC+9"}
    )
    assert elsewhere.stdout == first


def test_the_file_is_tagged_for_screen_readers():
    raw = handout_pdf(SHORT, PAT)
    assert raw.startswith(b"%PDF-1.7")
    assert b"/StructTreeRoot" in raw
    assert b"/Marked true" in raw
    assert b"<pdfuaid:part>1</pdfuaid:part>" in raw
    assert b"/Lang(en)" in raw
    assert b"(D:20270104000000Z" in raw.replace(b"/CreationDate ", b"")


HOSTILE = [
    '#read("/etc/passwd")',
    '#include "x" $x$ *bold* _x_ `raw` <label> @ref \\ // /* [',
    "= Heading",
    'https://evil.example #link("x")[y]',
    "Łukasz Ђорђе Αθηνά O'Neill \u00e9",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_words_of_the_chart_are_shown_and_never_read(name):
    said = words(name=name, clinic=name, prescriber=name)
    assert said.count(f"For: {name}") == 1
    assert "root:" not in said


@pytest.mark.parametrize("name", ["李明", "😀 Pat", "\u1780\u1781"])
def test_a_name_in_letters_that_the_fonts_lack_is_a_line_to_write_on(name):
    said = words(name=name)
    assert "For: Born: 1 June 1985" in said.replace("For:Born", "For: Born")
    assert "Dr One" in said
    assert "draft" in said


def test_characters_that_are_no_letters_turn_no_line_around():
    assert "For: Pat elpmaxE x" in words(name="Pat\x00 \u202eelpmaxE\u2066\n x")


def test_a_name_without_end_is_cut():
    assert len(words(name="Pat " * 5000)) < 6000


def test_what_the_chart_does_not_say_is_a_line_to_write_on():
    said = words(name=None, born=None, clinic=None, prescriber=None)
    assert re.search(r"For: ?Born: ?From: ?Prescriber: ?Draft", said)
    # Nor is a telephone number ever made up: lines, and no digits until the tablets.
    urgent = said.split("Get emergency help at once")[1].split("Your tablets")[0]
    assert "Your clinic, by day:" in urgent
    assert not re.search(r"\d", urgent)


def test_a_draft_says_so_until_it_is_signed():
    draft = "Draft: to be checked by your prescriber. Keep your present dose"
    assert draft in words()
    assert "draft" not in words(signed=True).lower()


def test_synthetic_is_said_of_synthetic_patients_only():
    assert "Synthetic: made for a demonstration" in words(synthetic=True)
    assert "ynthetic" not in words()


def test_the_words_are_short_calm_and_blame_nobody():
    """Flesch-Kincaid grade: 0.39 x words a sentence + 11.8 x syllables a word - 15.59."""
    parts = tomllib.loads(WORDS.read_text(encoding="utf-8"))["parts"]
    sentences = [
        said
        for part in parts
        for text in (part["lead"], *part["points"], part.get("after", ""))
        for said in re.split(r"(?<=[.:])\s+", text)
        if said
    ]
    every = [word for said in sentences for word in re.findall(r"[A-Za-z']+", said)]
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", w.lower().rstrip("e")))) for w in every)
    grade = 0.39 * len(every) / len(sentences) + 11.8 * syllables / len(every) - 15.59
    assert grade < 6
    text = " ".join(sentences).lower()
    for word in ("!", "please", "must", "fail", "abuse", "addict", "non-complian"):
        assert word not in text


# --- behind the planner's page -----------------------------------------------------------------


def test_the_page_links_to_the_hand_out_of_the_plan_that_it_shows(client):
    page = client.get(PAGE, params={"pace": "nardi-2010", "start": "2027-01-04"})
    (link,) = re.findall(r'href="([^"]+handout\.pdf[^"]*)"', page.text)
    answer = client.get(link.replace("&amp;", "&"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="clonazepam-plan.pdf"'
    said = pdf_words.words_of(answer.content)
    # 2 mg/day by nardi-2010: 0 on day 42 (CLINICAL 6).
    assert "Monday 15 February 2027 and from then on" in said
    assert "For: Pat Example" in said
    assert "Born: 1 June 1985" in said
    assert "From: Test EHR" in said
    assert "Prescriber: Dr One" in said


def test_where_no_plan_is_possible_there_is_no_hand_out_but_the_reason(client, chart):
    wrong = client.get(f"{PAGE}/handout.pdf", params={"pace": "fast"})
    assert wrong.status_code == 422
    assert "Choose one of the paces" in wrong.text
    chart.resources.pop()
    blocked = client.get(f"{PAGE}/handout.pdf")
    assert blocked.status_code == 409
    assert "no clonazepam order is current" in blocked.text
    assert "handout.pdf" not in client.get(PAGE).text


def test_a_plan_is_a_draft_in_the_hand_out_until_its_orders_are_signed(client, chart):
    address = f"{PAGE}/handout.pdf"
    fields = dict(re.findall(r'name="(seen|csrf_token)" value="([^"]*)"', client.get(PAGE).text))
    confirm = ["pdmp", "supply", "treatment", "consent"]
    client.post(f"{PAGE}/save", data={**fields, "confirm": confirm})
    assert "Draft: to be checked" in pdf_words.words_of(client.get(address).content)
    for resource in chart.resources[2:]:
        if resource["resourceType"] == "MedicationRequest":
            resource["status"] = "active"
            # Signed, and not begun yet: the present dose is still the old order's.
            resource["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["start"] = (
                "2026-12-24"
            )
    assert "Draft: to be checked" not in pdf_words.words_of(client.get(address).content)


def test_once_saved_the_hand_out_is_offered_where_that_is_said(client):
    fields = dict(re.findall(r'name="(seen|csrf_token)" value="([^"]*)"', client.get(PAGE).text))
    confirm = ["pdmp", "supply", "treatment", "consent"]
    saved = client.post(f"{PAGE}/save", data={**fields, "confirm": confirm})
    page = client.get(saved.headers["location"]).text
    assert page.index("Saved: this plan is in the chart") < page.index("Hand-out of this plan")


def test_a_nurse_is_no_prescriber_on_the_hand_out(client, visit):
    object.__setattr__(visit, "user", "RelatedPerson/x")
    said = pdf_words.words_of(client.get(f"{PAGE}/handout.pdf").content)
    assert "Dr One" not in said


def test_a_birth_year_alone_is_a_line_to_write_on(client, chart):
    chart.resources[0]["birthDate"] = "1985"
    assert "1985" not in pdf_words.words_of(client.get(f"{PAGE}/handout.pdf").content)


def test_a_dose_that_stays_says_when_it_is_looked_at_again():
    said = words(schedule("2", to_mg="1", review_on=date(2027, 9, 6)))
    assert "This dose stays. On Monday 6 September 2027 you and your prescriber look at it" in said
