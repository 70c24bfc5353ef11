"""The pictures say in words what they draw, and are well-formed SVG without looks of their own."""

import re
from datetime import date, timedelta
from fractions import Fraction
from xml.etree import ElementTree as ET

import pytest

from clinical.dose_history import DoseHistory, Known, NotKnown, Stretch, Strip
from clinical.follow_up import check_ins
from clinical.kinetics import dose_curve
from clinical.quantities import Milligrams
from clinical.taper import TaperRequest, pace, plan
from clinical.taper.intakes import present_regimen
from smart_app.planner.curve_picture import curve_picture
from smart_app.planner.curve_presenter import CurveRow, curve_view
from smart_app.planner.history_picture import history_picture
from smart_app.planner.taper_picture import taper_line, taper_picture

SVG = "{http://www.w3.org/2000/svg}"
TODAY = date(2026, 11, 23)


def drawn(picture):
    """The parsed picture; raises where it is no XML."""
    return ET.fromstring(str(picture))  # noqa: S314 - our own picture


def last_of(schedule):
    """Four weeks after the last dose is the last check-in (CLINICAL 7)."""
    return schedule.ends_on + timedelta(days=28)


def words_in(root):
    return [node.text for node in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("pace_id", ["asam-2025", "asam-2025-slow", "nardi-2010", "bzra-25"])
@pytest.mark.parametrize("from_mg", ["0.375", "1", "2.7", "8", "20"])
@pytest.mark.parametrize("width", [350, 600])
def test_every_taper_is_drawn_inside_its_frame(pace_id, from_mg, width):
    schedule = plan(
        TaperRequest(Milligrams.of(from_mg), Milligrams(Fraction(0)), TODAY, pace(pace_id))
    )
    root = drawn(
        taper_picture(schedule, check_ins(schedule), key="t", width=width, last=last_of(schedule))
    )
    height = float(root.get("viewBox").split()[3])
    for node in root.iter():
        for name, most in (("x", width), ("x1", width), ("x2", width), ("y", height)):
            assert 0 <= float(node.get(name, 0)) <= most
        assert node.get("style") is None
    title = root.find(f"{SVG}title")
    assert f"{from_mg} mg/day to 0 mg/day in {len(schedule.steps) + 1} cuts" in title.text


@pytest.mark.parametrize("to_mg", ["0", "1"])
def test_the_small_line_falls_step_by_step_and_says_nothing(to_mg):
    """nardi-2010 from 2 mg has six cuts to 0 (CLINICAL 6), and two to 1."""
    schedule = plan(TaperRequest(Milligrams.of(2), Milligrams.of(to_mg), TODAY, pace("nardi-2010")))
    root = drawn(taper_line(schedule))
    assert root.get("aria-hidden") == "true"
    assert words_in(root) == []
    (path,) = root.iter(f"{SVG}path")
    levels = [float(y) for y in re.findall(r"V([\d.]+)", path.get("d"))]
    assert len(levels) == (6 if to_mg == "0" else 2)
    assert levels == sorted(levels)
    # 36 high with an edge of 2: 0 mg lies at 34, half of the dose in the middle.
    assert levels[-1] == (34 if to_mg == "0" else 18)


def test_each_tread_carries_its_dose_and_each_fall_its_date():
    """nardi-2010 from 2 mg (CLINICAL 6): six cuts on days 0, 14, 21, 28, 35 and 42."""
    schedule = plan(
        TaperRequest(Milligrams.of(2), Milligrams(Fraction(0)), TODAY, pace("nardi-2010"))
    )
    words = words_in(
        drawn(
            taper_picture(schedule, check_ins(schedule), key="t", width=600, last=last_of(schedule))
        )
    )
    for dose in ("1.5", "1", "0.75", "0.5", "0.25", "0", "now 2"):
        assert dose in words
    for day in ("23 Nov 2026", "7 Dec", "14 Dec", "21 Dec", "28 Dec", "4 Jan 2027"):
        assert day in words


def curve_of(pace_id, from_mg, to_mg="0"):
    request = TaperRequest(Milligrams.of(from_mg), Milligrams.of(to_mg), TODAY, pace(pace_id))
    schedule = plan(request)
    return schedule, dose_curve(schedule, present_regimen(request))


@pytest.mark.parametrize("pace_id", ["asam-2025-slow", "nardi-2010", "bzra-25"])
@pytest.mark.parametrize(("from_mg", "to_mg"), [("0.375", "0"), ("2.7", "1"), ("20", "0")])
@pytest.mark.parametrize("width", [350, 600])
def test_every_curve_is_drawn_inside_its_frame(pace_id, from_mg, to_mg, width):
    schedule, curve = curve_of(pace_id, from_mg, to_mg)
    picture = curve_picture(
        schedule, curve.drawn(), key="c", width=width, last=last_of(schedule), description="words"
    )
    root = drawn(picture)
    height = float(root.get("viewBox").split()[3])
    for path in root.iter(f"{SVG}path"):
        for x, y in re.findall(r"([\d.]+) ([\d.]+)", path.get("d")):
            assert 40 <= float(x) <= width
            assert 0 <= float(y) <= height
    # Line and steps begin at the present level and end at the goal: 120/108 px a percent, from 0.
    bottom = next(float(line.get("y1")) for line in root.iter(f"{SVG}line"))
    goal = bottom - 140 * float(Milligrams.of(to_mg).value / Milligrams.of(from_mg).value) / 1.08
    for name in ("level", "dose-steps"):
        (path,) = (p for p in root.iter(f"{SVG}path") if p.get("class") == name)
        levels = [float(y) for y in re.findall(r"(?:V| )([\d.]+)", path.get("d"))]
        assert levels == sorted(levels)
        assert levels[0] == pytest.approx(bottom - 140 / 1.08, abs=0.1)
        assert levels[-1] == pytest.approx(goal, abs=0.3)
    assert root.find(f"{SVG}title").text == "Illustrative level of clonazepam; it sets no dose"
    assert root.find(f"{SVG}desc").text == "words"


def test_a_fall_of_the_dose_stands_under_its_fall_in_the_taper():
    schedule, curve = curve_of("nardi-2010", "2")
    last = last_of(schedule)
    above = drawn(taper_picture(schedule, (), key="t", width=600, last=last))
    below = drawn(
        curve_picture(schedule, curve.drawn(), key="c", width=600, last=last, description="")
    )
    falls = [line.get("x1") for line in above.findall(f"{SVG}line[@class='fall']")]
    (steps,) = below.findall(f"{SVG}path[@class='dose-steps']")
    assert re.findall(r"H([\d.]+)V", steps.get("d")) == falls
    assert len(falls) == 6
    # The level stays where it is until the cut: its first fall begins at the first fall's place.
    (line,) = below.findall(f"{SVG}path[@class='level']")
    points = re.findall(r"([\d.]+) ([\d.]+)", line.get("d"))
    assert points[0][1] == points[1][1]
    assert points[1][0] == falls[0]


def test_the_curve_is_a_table_too_and_says_that_it_sets_no_dose():
    """nardi-2010 from 2 mg. On day 3 after the cut to 1.5 mg, 75 + 7.0 % at 40 h.

    Of the 25 % more than that, 24.393 x 0.65975^3 = 7.00 are left; 1.72 at 19 h, 10.70 at 60 h
    (tests/spec/test_dose_curve.py).
    """
    schedule, curve = curve_of("nardi-2010", "2")
    view = curve_view(schedule, curve, last_of(schedule))
    assert view.rows[0] == CurveRow("Mon 23 Nov 2026", "1.5", "75", "82 (77-86)", "75 (75-76)")
    assert [row.dose for row in view.rows] == ["1.5", "1", "0.75", "0.5", "0.25", "0"]
    assert view.rows[-1].last == "<1"
    assert "100 % is what 2 mg/day keeps, about 19 ng/mL" in view.about
    assert "not for this patient (Greenblatt 2005, label, Berlin 1975)" in view.about
    description = drawn(view.wide).find(f"{SVG}desc").text
    assert "from Mon 23 Nov 2026 82 (77-86) after 3 days" in description


def test_an_unknown_stretch_is_hatched_and_named_never_drawn_as_zero():
    history = DoseHistory(
        (
            Stretch(date(2026, 1, 1), date(2026, 4, 30), Known(Fraction(1), Fraction(2), ("a",))),
            Stretch(
                date(2026, 5, 1), date(2026, 8, 31), NotKnown("the text cannot be read", ("b",))
            ),
            Stretch(date(2026, 9, 1), TODAY, NotKnown("no order covers these days", (), True)),
        ),
        (Strip("oxycodone", True, ((date(2026, 3, 1), date(2026, 6, 1)),)),),
    )
    root = drawn(history_picture(history, TODAY, 2.0))
    words = words_in(root)
    assert "not known" in words
    assert "no order" in words
    assert "2 mg" in words
    assert "oxycodone (opioid)" in words
    assert "2 mg/day: high dose" in words
    description = root.find(f"{SVG}desc").text
    assert "1 Jan 2026 to 30 Apr 2026: 2 mg/day" in description
    assert "1 May 2026 to 31 Aug 2026: not known" in description
    # The range from 1 to 2 mg is a lighter band above the area.
    assert len(root.findall(f"{SVG}rect[@class='dose-range']")) == 1


def test_names_from_the_chart_are_escaped_in_pictures():
    history = DoseHistory((), (Strip("<b>&", False, ((date(2026, 3, 1), TODAY),)),))
    assert "<b>& (sedating)" in words_in(drawn(history_picture(history, TODAY, 2.0)))


def test_nothing_known_is_no_picture():
    assert history_picture(DoseHistory((), ()), TODAY, 2.0) is None
