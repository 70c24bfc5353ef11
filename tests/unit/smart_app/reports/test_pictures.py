"""The pictures: the same numbers as the tables, readable without colour, honest where withheld."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import sample_report

from smart_app.reports.pictures import (
    NARROW,
    WIDE,
    dose_bars,
    overlap_bars,
    sparkline,
    taper_curve,
)

SVG = "{http://www.w3.org/2000/svg}"


def drawn(markup) -> ElementTree.Element:
    return ElementTree.fromstring(str(markup))  # noqa: S314  our own


def words_of(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def rects(picture: ElementTree.Element, css: str) -> list[ElementTree.Element]:
    return [rect for rect in picture.iter(f"{SVG}rect") if rect.get("class") == css]


def report(form="whole"):
    return sample_report.report() if form == "whole" else sample_report.small()


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("form", ["whole", "small"])
def test_each_picture_has_a_title_a_description_and_nothing_outside_its_frame(width, form) -> None:
    made = report(form)
    for picture in (
        dose_bars("a", made["distributions"][0], width),
        overlap_bars("b", made["overlaps"], width),
        taper_curve("c", made["courses"], width),
    ):
        root = drawn(picture)
        assert root.get("role") == "img"
        assert [root.find(f"{SVG}{part}").text != "" for part in ("title", "desc")] == [True, True]
        for rect in root.iter(f"{SVG}rect"):
            assert float(rect.get("x")) >= 0
            assert float(rect.get("x")) + float(rect.get("width")) <= width
            assert float(rect.get("y")) >= 0


def test_every_dose_bar_stands_with_its_number_and_the_threshold_with_its_name() -> None:
    picture = drawn(dose_bars("a", report()["distributions"][0], WIDE))
    said = words_of(picture)
    assert [word for word in said if word.isdigit() and word not in ("0", "1", "2", "4")] == [
        *("41", "62", "48", "27", "7", "5"),
    ]
    assert "2 mg/day or more" in said
    # The bars from 2 mg/day on look different: two of five.
    assert len(rects(picture, "over")) == 2
    assert len(rects(picture, "bar")) == 3


def test_heights_are_in_proportion_to_the_counts() -> None:
    picture = drawn(dose_bars("a", report()["distributions"][0], WIDE))
    heights = [float(rect.get("height")) for rect in rects(picture, "bar")]
    assert [round(height / heights[1] * 62) for height in heights] == [41, 62, 48]


def test_the_threshold_stands_where_its_bar_begins() -> None:
    picture = drawn(dose_bars("a", report()["distributions"][0], WIDE))
    (line,) = [one for one in picture.iter(f"{SVG}line") if one.get("class") == "threshold"]
    first_over = rects(picture, "over")[0]
    assert float(first_over.get("x")) - float(line.get("x1")) == pytest.approx(3, abs=0.2)


def test_fewer_than_11_is_drawn_as_what_it_can_be_and_withheld_is_a_word_without_a_bar() -> None:
    picture = drawn(dose_bars("a", report("small")["distributions"][0], WIDE))
    possible = rects(picture, "possible")
    # "4 and more" and the unknown doses: both up to 10, where 62 fills 150.
    assert [float(rect.get("height")) for rect in possible] == [
        pytest.approx(150 * 10 / 62, abs=0.1)
    ] * 2
    said = " ".join(words_of(picture))
    assert said.count("fewer than 11") + said.count("11 than fewer") == 2
    assert "withheld" in said


def test_overlaps_stand_in_the_order_that_they_are_given_with_name_and_number() -> None:
    said = words_of(drawn(overlap_bars("b", report("small")["overlaps"], NARROW)))
    assert said[:4] == ["2 mg a day or more", "34", "65 or older, three drugs", "14"]
    assert said[-2:] == ["2 mg a day or more, 65 or older, opioid", "fewer than 11"]


def test_the_course_stands_beside_the_published_one_by_name() -> None:
    said = words_of(drawn(taper_curve("c", report()["courses"], WIDE)))
    assert "Nardi 2010: 51 of 73" in said
    assert "Nardi 2010: 70 of 73" in said
    assert "here: 17 of 21" in said


def test_a_month_between_withheld_ones_is_a_mark_and_no_line_is_drawn_over_the_gap() -> None:
    courses = {
        "off_by_month": [
            {"month": 1, "off": "<11", "followed": 40},
            {"month": 2, "off": "suppressed", "followed": 40},
            {"month": 4, "off": 20, "followed": 40},
        ],
        "nardi": [],
    }
    picture = drawn(taper_curve("c", courses, WIDE))
    (line,) = [p for p in picture.iter(f"{SVG}path") if p.get("class") == "dose-edge"]
    assert re.fullmatch(r"M[\d.]+ [\d.]+", line.get("d"))
    (span,) = [one for one in picture.iter(f"{SVG}line") if one.get("class") == "possible-range"]
    # Between 1 and 10 of 40: a quarter of the height less one fortieth.
    assert float(span.get("y1")) - float(span.get("y2")) == pytest.approx(190 * 9 / 40, abs=0.2)


def test_a_night_without_a_number_leaves_a_gap_in_the_trend() -> None:
    points = [("23 Nov", 10), ("24 Nov", "suppressed"), ("25 Nov", 12)]
    picture = drawn(sparkline("t", "Long-term use", points))
    (line,) = [p for p in picture.iter(f"{SVG}path") if p.get("class") == "spark"]
    assert line.get("d").count("M") == 2
    assert picture.find(f"{SVG}desc").text == "23 Nov: 10; 24 Nov: withheld; 25 Nov: 12"


def test_one_patient_more_among_hundreds_is_no_cliff() -> None:
    picture = drawn(sparkline("t", "Long-term use", [("23 Nov", 400), ("24 Nov", 401)]))
    (line,) = [p for p in picture.iter(f"{SVG}path") if p.get("class") == "spark"]
    first, second = re.findall(r" ([\d.]+)", line.get("d"))
    assert 0 < float(first) - float(second) < 1
