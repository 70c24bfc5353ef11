"""The report of the sandbox's stories against a count by hand.

`report_answer_key.toml` says for every story what each measure has to answer and why, derived by
hand. Here the report is made from the sandbox's own export over real HTTP, and held against it:
each patient's answers with the records they stand on, and each number as the sum of the key.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from story_report import Night, night_of_the_stories

from clinical.measures import MEASURES, measure_patient, measure_rules
from clinical.measures.case import Case
from clinical.policy import default_policy
from ehr.decode import decode
from ehr.read.chart import Resources, read_chart
from taperguard.sandbox.patients import read_stories
from taperguard.sandbox.patients.build import build
from taperguard.sandbox.records import json_text

# One worker makes the night that all of these read.
pytestmark = pytest.mark.xdist_group("report of the stories")

ON = date(2026, 11, 23)
Answers = dict[str, Any]
KEY: dict[str, Answers] = tomllib.loads(
    Path(__file__).with_name("report_answer_key.toml").read_text(encoding="utf-8")
)
USERS = [name for name in KEY if "covered" in KEY[name]]
ANSWERS = ("met", "not_met", "not_evaluable")

# --- the count by hand ------------------------------------------------------------------------

POPULATION = {
    "patients": 77,  # stories; one of them has died
    "with_benzodiazepine": 54,  # 52, and swift (clobazam) and lilac (lorazepam)
    "with_clonazepam": 52,
    "on_clonazepam": 47,  # without clover, daisy, ginkgo, ivy, sycamore
}
MEASURED = {
    # measure: (met, in the denominator, not evaluable)
    "long-term-use": (19, 21, 31),  # not met: plover, ivy
    "high-dose": (18, 46, 1),  # not evaluable: mallow
    "older-adult": (8, 51, 1),  # met: alder elm nettle poppy avocet plover swan linnet; osprey?
    "opioid-overlap": (3, 54, 0),  # alder, kestrel, bluebell
    "poly-cns": (0, 8, 1),  # osprey may be 65
    "triple": (0, 49, 0),  # the 47, and swift and lilac
    "escalated": (1, 48, 2),  # spruce; mallow and ginkgo not evaluable; viburnum, plover new
    "reduced-25": (3, 44, 1),  # thrush, sorrel, starling
    "on-taper": (4, 46, 1),  # thrush, viburnum, sorrel, starling; mallow?
    "taper-on-plan": (2, 3, 1),  # thrush, viburnum; not starling; sorrel's plan is held
    "taper-stalled": (1, 4, 0),  # sorrel
    "taper-reversed": (1, 4, 0),  # starling
    "discontinued": (2, 35, 17),  # daisy, sycamore
    "discontinued-abrupt": (1, 2, 17),  # daisy
    "discontinued-tapered": (1, 2, 17),  # sycamore
    "no-check-in": (0, 0, 4),  # an EHR exports no check-ins
    "naloxone-held": (0, 4, 0),  # alder, kestrel, maple, bluebell
    "supply-ending": (1, 29, 19),  # heron
    "new-since-last-night": (0, 0, 47),  # the first night
    "left-since-last-night": (0, 0, 5),
}
OPTIONS = {
    "long-term-use at 90 days": (22, 23, 29),  # 19, and yew, ibis, clover; not plover
    "long-term-use at 180 days": (16, 21, 31),  # without poppy, thistle, robin (120 days)
    "discontinued at 10 days": (3, 36, 16),  # daisy, sycamore, and clover for certain
    "discontinued at 60 days": (0, 38, 14),  # 41 and 58 days are no such gap
}
BARS = {"under-0.5": 0, "0.5-1": 8, "1-2": 20, "2-4": 15, "4-and-more": 3}
NOT_COMPUTABLE = 1  # mallow: 0 + 8 + 20 + 15 + 3 + 1 = 47
OVERLAPS = {
    "high-dose+older-adult": 2,  # alder, nettle
    "high-dose+opioid-overlap": 2,  # alder, kestrel
    "opioid-overlap+older-adult": 1,  # alder
    "high-dose+opioid-overlap+older-adult": 1,  # alder
    "long-term-use+opioid-overlap": 3,  # alder, kestrel, bluebell
    "escalated+opioid-overlap": 0,
}
OFF_BY_MONTH = {
    # month: (off, followed); sorrel 2 months, starling 1, sycamore 4; thrush, viburnum less than 1
    1: (0, 3),
    2: (0, 2),
    3: (1, 1),
    4: (1, 1),
}
REASONS = {
    # reason: its words in the report, records, patients
    "refills_not_stated": (
        "it stood longer than one fill, and whether it was filled again is not stated",
        *(72, 32),
    ),
    "nothing_of_days": (
        "it states neither a supply, nor a quantity with a dose, nor an end",
        *(12, 7),
    ),
    "on_hold": ("it was put on hold on a day that is not stated", 1, 1),
    "no_dose": ("the dosage is only text, and the text states no dose", 1, 1),
}

# --- what is counted --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """The night of 23 November, from the sandbox's export."""
    with tempfile.TemporaryDirectory(prefix="tg-", dir="/tmp") as short:
        yield night_of_the_stories(ON, tmp_path_factory.mktemp("night"), Path(short))


@pytest.fixture(scope="module")
def charts() -> dict[str, dict[str, Any]]:
    """The resources of each story, by their reference, as the sandbox keeps them."""
    return {
        story.key: {
            f"{resource['resourceType']}/{resource['id']}": decode(
                json_text.write(resource).encode()
            )
            for resource in build(story, ON)
        }
        for story in read_stories()
    }


def case_of(chart: dict[str, Any]) -> Case:
    by_type: dict[str, list[Any]] = {}
    for reference, resource in chart.items():
        by_type.setdefault(reference.partition("/")[0], []).append(resource)
    facts = read_chart(Resources({kind: tuple(of) for kind, of in by_type.items()}), ON).facts
    return Case(facts, ON, default_policy(), measure_rules())


# --- story by story ---------------------------------------------------------------------------


def test_the_key_has_every_story_and_every_measure() -> None:
    assert list(KEY) == [story.key for story in read_stories()]
    known = {measure.id for measure in MEASURES}
    assert set(MEASURED) == known
    for name, said in KEY.items():
        listed = [measure for answer in ANSWERS for measure in said.get(answer, ())]
        assert set(listed) <= known, name
        assert len(listed) == len(set(listed)), f"{name}: a measure has two answers"
        assert said["because"].strip(), name


@pytest.mark.parametrize("name", [name for name in KEY if "met" in KEY[name]])
def test_each_measure_of_a_story_is_answered_as_its_key_says(
    charts: dict[str, dict[str, Any]], name: str
) -> None:
    said, case = KEY[name], case_of(charts[name])
    results = measure_patient(case.facts, ON, default_policy()).results
    wanted = dict.fromkeys(results, "not asked")
    wanted |= {measure: answer for answer in ANSWERS for measure in said[answer]}
    found = {}
    for measure, result in results.items():
        counted = "met" if result.met else "not_met" if result.counted else "not asked"
        found[measure] = "not_evaluable" if result.not_evaluable else counted
    wrong = {m: (found[m], results[m].why) for m in results if found[m] != wanted[m]}
    assert not wrong, f"{name}: {said['because']}"


@pytest.mark.parametrize("name", USERS)
def test_the_days_of_a_story_are_those_that_were_counted(
    charts: dict[str, dict[str, Any]], name: str
) -> None:
    said, case = KEY[name], case_of(charts[name])
    covered = case.clonazepam.covered & case.window
    perhaps = case.clonazepam.perhaps() & case.window
    last, last_perhaps = covered.last_before(ON), perhaps.last_before(ON)
    assert last_perhaps is not None, name
    found = {
        "covered": len(covered),
        "perhaps": len(perhaps) - len(covered),
        "last_covered": None if last is None else (ON - last).days,
        "last_perhaps": (ON - last_perhaps).days,
    }
    assert found == {day: said.get(day) for day in found}, f"{name}: {said['because']}"


@pytest.mark.parametrize("name", KEY)
def test_the_worklist_says_what_the_key_says(night: Night, name: str) -> None:
    said, row = KEY[name], night.worklist.get(name)
    if "met" not in said:
        assert row is None or not (row["measures"] or row["not_evaluable"]), name
        return
    assert row is not None, f"{name} is not in the worklist"
    assert row["measures"] == said["met"], f"{name}: {said['because']}"
    assert set(row["not_evaluable"]) == set(said["not_evaluable"]), f"{name}: {said['because']}"
    dose = said.get("mg_per_day")
    if dose == "not computable":
        assert (row["mg_per_day"], bool(row["dose_why_not"])) == (None, True), name
    else:
        mg = None if row["mg_per_day"] is None else Fraction(row["mg_per_day"])
        assert mg == (None if dose is None else Fraction(dose)), name


@pytest.mark.parametrize("name", [name for name in KEY if KEY[name].get("met")])
def test_every_answer_can_be_followed_to_records_of_the_patient(
    night: Night, charts: dict[str, dict[str, Any]], name: str
) -> None:
    """Each source is a resource of this chart. The age stands on the birth date beside it."""
    row = night.worklist[name]
    assert row["birth_date"] == charts[name][f"Patient/{name}"]["birthDate"]
    for measure in KEY[name]["met"]:
        sources = row["sources"][measure]
        assert sources or measure == "older-adult", f"{name}: {measure} names no record"
        assert set(sources) <= set(charts[name]), f"{name}: {measure}"
        assert row["why"][measure], f"{name}: {measure}"


def test_the_export_was_read_to_its_last_line(night: Night, charts: dict[str, Any]) -> None:
    """As many lines of each kind as the charts hold."""
    held = Counter(ref.partition("/")[0] for chart in charts.values() for ref in chart)
    lines: Counter[str] = Counter()
    for file in night.report["completeness"]["files"]:
        assert file["lines"] == file["read"]
        lines[file["type"]] += file["lines"]
    kinds = ("Patient", "Condition", "MedicationRequest", "MedicationDispense")
    for kind in (*kinds, "MedicationStatement", "Medication"):
        assert lines[kind] == held[kind], kind
    assert night.report["completeness"]["quarantine"] == []


# --- number by number -------------------------------------------------------------------------


def who(measure: str) -> str:
    """For a failure's message: whom the key has, by answer."""
    return "; ".join(
        f"{answer}: {' '.join(n for n, said in KEY.items() if measure in said.get(answer, ()))}"
        for answer in ANSWERS
    )


def test_the_population(night: Night) -> None:
    assert len(KEY) == POPULATION["patients"]
    assert sum("met" in said for said in KEY.values()) == POPULATION["with_benzodiazepine"]
    assert len(USERS) == POPULATION["with_clonazepam"]
    assert sum("mg_per_day" in said for said in KEY.values()) == POPULATION["on_clonazepam"]
    assert night.report["population"] == POPULATION


@pytest.mark.parametrize("measure", MEASURED)
def test_the_numbers_of_a_measure(night: Night, measure: str) -> None:
    met, not_met, open_ = (
        sum(measure in said.get(answer, ()) for said in KEY.values()) for answer in ANSWERS
    )
    assert (met, met + not_met, open_) == MEASURED[measure], f"the key: {who(measure)}"
    (row,) = [row for row in night.report["measures"] if row["id"] == measure]
    found = (row["numerator"], row["denominator"], row["not_evaluable"])
    assert found == MEASURED[measure], f"the report: {who(measure)}"


def at_least(said: Answers, days: int) -> str:
    """Long-term use at so many days."""
    if said["covered"] >= days:
        return "met"
    return "not_met" if said["covered"] + said["perhaps"] < days else "not_evaluable"


def gap_of(said: Answers, days: int) -> str:
    """Discontinued, by a gap of so many days."""
    if "last_covered" not in said or said["last_covered"] > days >= said["last_perhaps"]:
        return "not_evaluable"
    return "met" if said["last_covered"] > days else "not_met"


@pytest.mark.parametrize("option", OPTIONS)
def test_what_other_choices_would_give(night: Night, option: str) -> None:
    measure, _, rest = option.partition(" at ")
    decide = at_least if measure == "long-term-use" else gap_of
    answers = Counter(decide(KEY[name], int(rest.split()[0])) for name in USERS)
    met, not_met, open_ = (answers[answer] for answer in ANSWERS)
    assert (met, met + not_met, open_) == OPTIONS[option]
    (row,) = [row for row in night.report["options"] if row["id"] == option]
    assert (row["numerator"], row["denominator"], row["not_evaluable"]) == OPTIONS[option]


def bar_of(mg_per_day: str) -> str:
    edges = [("4", "4-and-more"), ("2", "2-4"), ("1", "1-2"), ("0.5", "0.5-1"), ("0", "under-0.5")]
    return next(bar for edge, bar in edges if Fraction(mg_per_day) >= Fraction(edge))


def test_the_doses(night: Night) -> None:
    doses = [said["mg_per_day"] for said in KEY.values() if "mg_per_day" in said]
    assert doses.count("not computable") == NOT_COMPUTABLE
    said = Counter(bar_of(dose) for dose in doses if dose != "not computable")
    assert {bar: said[bar] for bar in BARS} == BARS
    (found,) = night.report["distributions"]
    assert {bar["id"]: bar["count"] for bar in found["bars"]} == BARS
    assert found["not_computable"] == NOT_COMPUTABLE


def test_the_overlaps(night: Night) -> None:
    for overlap, count in OVERLAPS.items():
        names = [
            n for n, said in KEY.items() if set(overlap.split("+")) <= set(said.get("met", ()))
        ]
        assert len(names) == count, f"{overlap}: {names}"
    assert {row["id"]: row["count"] for row in night.report["overlaps"]} == OVERLAPS


def test_who_is_off_month_by_month(night: Night) -> None:
    off: Counter[int] = Counter()
    followed: Counter[int] = Counter()
    for said in KEY.values():
        for month, is_off in enumerate(said.get("off_by_month", ()), start=1):
            followed[month] += 1
            off[month] += is_off
    assert {month: (off[month], followed[month]) for month in followed} == OFF_BY_MONTH
    rows = night.report["courses"]["off_by_month"]
    assert {row["month"]: (row["off"], row["followed"]) for row in rows} == OFF_BY_MONTH


def test_what_could_not_be_worked_out(night: Night) -> None:
    for reason, (_, records, patients) in REASONS.items():
        by_name = {
            n: said["records"].get(reason, 0) for n, said in KEY.items() if "records" in said
        }
        held = {name: count for name, count in by_name.items() if count}
        assert (sum(held.values()), len(held)) == (records, patients), f"{reason}: {held}"
    rows = night.report["completeness"]["reasons"]
    assert {(row["why"], row["records"], row["patients"]) for row in rows} == set(REASONS.values())


# --- what may be passed on --------------------------------------------------------------------


def numbers(report: dict[str, Any]) -> dict[str, Any]:
    """Every count of patients in a report, by where it stands; what is left out is not there."""
    found = {f"population {name}": value for name, value in report["population"].items()}
    for row in (*report["measures"], *report["options"]):
        for part in ("numerator", "denominator", "not_evaluable"):
            found[f"{row['id']} {part}"] = row[part]
    (doses,) = report["distributions"]
    found |= {bar["id"]: bar["count"] for bar in doses["bars"]}
    found["no dose"] = doses["not_computable"]
    found |= {row["id"]: row["count"] for row in report["overlaps"]}
    for row in report["courses"]["off_by_month"]:
        found |= {f"month {row['month']} {part}": row[part] for part in ("off", "followed")}
    found |= {row["why"]: row["patients"] for row in report["completeness"]["reasons"]}
    return found


def test_the_shareable_report_says_the_same_or_nothing(night: Night) -> None:
    whole, shared = numbers(night.report), numbers(night.shareable)
    assert shared.keys() <= whole.keys()
    for where, value in shared.items():
        assert value in (whole[where], "<11", "suppressed"), where
        assert not isinstance(value, int) or value >= 11, f"{where} is a small cell"
