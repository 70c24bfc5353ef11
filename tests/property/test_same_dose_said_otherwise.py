"""One dosage said in several ways is one dose; a calendar kept by hand agrees; junk is answered."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical.daily_dose import DailyDose, DoseCourse, NotComputable
from clinical.dose_course import course_of, dose_on, highest_from
from clinical.drugs import Strength
from ehr.read.dosages import dosage_lines
from ehr.read.medications import medication_record

SEEDED = settings(
    derandomize=True,
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONDAY = date(2027, 1, 4)
TABLET = Strength(Fraction(1, 2), "tablet")


def course(*dosages: Any, strength: Strength | None = TABLET, **more: Any) -> DoseCourse:
    resource = {"resourceType": "MedicationRequest", "dosageInstruction": list(dosages)}
    return course_of(dosage_lines(resource), strength=strength, **more)


def computed(*dosages: Any, **more: Any) -> DailyDose:
    overall = course(*dosages, **more).overall
    assert isinstance(overall, DailyDose), overall
    return overall


def numbers(dose: DailyDose) -> tuple[str, Fraction, Fraction, Fraction]:
    return dose.unit, dose.low, dose.high, dose.peak_day


AMOUNTS = st.sampled_from(["0.125", "0.25", "0.5", "1", "1.5", "2"]).map(Decimal)

WAYS_TO_SAY_TWICE_A_DAY: list[dict[str, Any]] = [
    {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
    {"repeat": {"frequency": 1, "period": 12, "periodUnit": "h"}},
    {"repeat": {"frequency": 14, "period": 1, "periodUnit": "wk"}},
    {"repeat": {"frequency": 2, "period": 24, "periodUnit": "h"}},
    {"repeat": {"frequency": 1, "period": 720, "periodUnit": "min"}},
    {"repeat": {"frequency": 4, "period": 2, "periodUnit": "d"}},
    {"repeat": {"timeOfDay": ["08:00:00", "20:00:00"]}},
    {"repeat": {"when": ["MORN", "EVE"]}},
    {"repeat": {"when": ["WAKE", "HS"], "dayOfWeek": list(WEEKDAYS)}},
    {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "when": ["MORN", "EVE"]}},
    {"code": {"coding": [{"code": "BID"}]}},
    {"code": {"text": "twice daily"}},
    {"code": {"text": "every 12 hours"}},
    {
        "code": {"coding": [{"code": "BID"}]},
        "repeat": {"frequency": 2, "period": 1, "periodUnit": "d"},
    },
]
TEXTS_THAT_SAY_TWICE_A_DAY = [
    "{} mg bid",
    "take {} mg by mouth twice daily",
    "{} mg q12h",
    "{} mg every 12 hours",
    "{} mg in the morning and at bedtime",
    "{} mg qam and {} mg qhs",
    "{} mg 2x/day",
    "{} mg at 8 am and 8 pm",
]


@SEEDED
@given(amount=AMOUNTS, way=st.sampled_from(WAYS_TO_SAY_TWICE_A_DAY))
def test_twice_a_day_is_twice_a_day_however_it_is_said(
    amount: Decimal, way: dict[str, Any]
) -> None:
    dosage = {"doseAndRate": [{"doseQuantity": {"value": amount, "unit": "mg"}}], "timing": way}
    twice = 2 * Fraction(amount)
    assert numbers(computed(dosage)) == ("mg", twice, twice, twice)


@SEEDED
@given(amount=AMOUNTS, text=st.sampled_from(TEXTS_THAT_SAY_TWICE_A_DAY))
def test_a_text_says_the_same_as_the_structure(amount: Decimal, text: str) -> None:
    twice = 2 * Fraction(amount)
    assert numbers(computed({"text": text.replace("{}", str(amount))})) == (
        *("mg", twice, twice),
        twice,
    )


@SEEDED
@given(tablets=st.integers(1, 8), way=st.sampled_from(WAYS_TO_SAY_TWICE_A_DAY))
def test_tablets_and_their_mg_are_one_dose_in_every_shape_of_the_record(
    tablets: int, way: dict[str, Any]
) -> None:
    mg = {"value": tablets * Decimal("0.5"), "unit": "mg", "code": "mg"}
    grams = {"value": tablets * Decimal("0.0005"), "unit": "g"}
    count = {"value": tablets, "unit": "tablet"}
    written: list[dict[str, Any]] = [
        {"doseAndRate": [{"doseQuantity": mg}]},
        {"doseAndRate": [{"doseQuantity": grams}]},
        {"doseAndRate": [{"doseQuantity": count}]},
        {"doseAndRate": {"doseQuantity": count}},
        {"doseQuantity": count},
        {"doseSimpleQuantity": count},
        {"doseRange": {"low": count, "high": count}},
        {"doseAndRate": [{"doseQuantity": mg}, {"doseQuantity": count}]},
    ]
    doses = {numbers(computed(dosage | {"timing": way})) for dosage in written}
    assert doses == {("mg", Fraction(tablets), Fraction(tablets), Fraction(tablets))}


TIMING_CODES = {
    "QD": 1, "BID": 2, "TID": 3, "QID": 4, "Q4H": 6, "Q6H": 4, "Q8H": 3, "AM": 1, "PM": 1, "BED": 1,
}  # fmt: skip
AS_NEEDED = [
    {"asNeededBoolean": True},
    {"asNeededCodeableConcept": {"text": "anxiety"}},
    {"asNeeded": True},
    {"asNeeded": True, "asNeededFor": [{"text": "anxiety"}]},
    {"asNeededFor": [{"text": "anxiety"}]},
]
NOT_AS_NEEDED: list[dict[str, Any]] = [{}, {"asNeededBoolean": False}, {"asNeeded": False}]


@st.composite
def one_dosage_in_two_versions(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """As R4 writes it, and the same in the names and shapes of another version or server."""
    tablets, per_day = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    as_needed = draw(st.booleans())
    amounts = [
        {"value": tablets, "unit": "tablet"},
        {"value": tablets, "code": "{tbl}", "system": "http://unitsofmeasure.org"},
        {"value": tablets * Decimal("0.5"), "unit": "mg"},
        {"value": tablets * 500, "unit": "mcg", "code": "ug"},
        {"value": tablets * Decimal("0.0005"), "code": "g"},
    ]
    amount = draw(st.sampled_from(amounts))
    dose = draw(
        st.sampled_from(
            [
                {"doseAndRate": [{"doseQuantity": amount}]},
                {"doseAndRate": {"doseQuantity": amount}},
                {"doseAndRate": [{"doseRange": {"low": amount, "high": amount}}]},
                {"doseAndRate": [{"doseQuantity": one} for one in amounts]},
                {"doseQuantity": amount},
                {"doseSimpleQuantity": amount},
                {"quantityQuantity": amount},
                {"doseRange": {"low": amount, "high": amount}},
            ]
        )
    )
    structure = {"frequency": per_day, "period": 1, "periodUnit": "d"}
    ways: list[dict[str, Any]] = [
        {"repeat": structure},
        {"repeat": [structure]},
        {"repeat": {"frequency": per_day, "period": 1, "periodUnits": "d"}},
        {"repeat": {"frequency": per_day, "period": 24, "periodUnit": "h"}},
        {"repeat": structure | {"frequencyMax": per_day, "periodMax": 1}},
        {
            "repeat": {"frequency": per_day},
            "code": {"text": ["QD", "BID", "TID", "QID"][per_day - 1]},
        },
    ]
    ways += [{"code": {"coding": [{"code": c}]}} for c, n in TIMING_CODES.items() if n == per_day]
    ways += [{"code": c} for c, n in TIMING_CODES.items() if n == per_day]
    most = {
        "numerator": amounts[0] | {"value": tablets * per_day},
        "denominator": {"value": 1, "unit": "d"},
    }
    other = dose | {"timing": draw(st.sampled_from(ways))}
    other |= draw(st.sampled_from(AS_NEEDED if as_needed else NOT_AS_NEEDED))
    other |= draw(st.sampled_from([{}, {"maxDosePerPeriod": most}, {"maxDosePerPeriod": [most]}]))
    r4 = {
        "doseAndRate": [{"doseQuantity": amounts[0]}],
        "timing": {"repeat": structure},
        "asNeededBoolean": as_needed,
    }
    return r4, other


@SEEDED
@given(
    versions=one_dosage_in_two_versions(),
    shape=st.sampled_from(
        [
            ("MedicationRequest", "dosageInstruction", list),
            ("MedicationDispense", "dosageInstruction", list),
            ("MedicationStatement", "dosage", list),
            ("MedicationStatement", "dosage", dict),
            ("MedicationOrder", "dosageInstruction", list),
        ]
    ),
)
def test_a_dose_is_the_same_in_every_version_and_kind_of_record(
    versions: tuple[dict[str, Any], dict[str, Any]], shape: tuple[str, str, type]
) -> None:
    """R4, R4B, STU3, DSTU2 and R5 names; request, statement and dispense; units and codes."""
    r4, other = versions
    kind, name, container = shape
    resource = {
        "resourceType": kind,
        "medicationCodeableConcept": {"text": "clonazepam 0.5 mg tablet"},
        name: [other] if container is list else other,
    }
    read = medication_record(resource, lambda _: None).course.overall
    assert isinstance(read, DailyDose), read
    assert numbers(read) == numbers(computed(r4))
    assert read.warnings == ()


# --- a calendar kept by hand ------------------------------------------------------------------


def by_hand(intakes_at_minutes: list[int], days: int, amount: Fraction) -> tuple[Fraction, ...]:
    """The average and the most on one day of intakes at these minutes within so many days."""
    per_day = Counter(minute // 1440 for minute in intakes_at_minutes)
    return Fraction(len(intakes_at_minutes)) * amount / days, max(per_day.values()) * amount


@SEEDED
@given(hours=st.integers(1, 96), amount=AMOUNTS)
def test_a_calendar_of_every_so_many_hours_agrees(hours: int, amount: Decimal) -> None:
    days = hours  # so many days hold exactly 24 intervals
    intakes = list(range(0, days * 1440, hours * 60))
    average, peak = by_hand(intakes, days, Fraction(amount))
    timing = {"repeat": {"frequency": 1, "period": hours, "periodUnit": "h"}}
    quantity = {"value": amount, "unit": "mg"}
    dose = computed({"doseAndRate": [{"doseQuantity": quantity}], "timing": timing})
    assert (dose.low, dose.high, dose.peak_day) == (average, average, peak)


@SEEDED
@given(times=st.integers(1, 30), days=st.integers(1, 21), amount=AMOUNTS)
def test_a_calendar_of_intakes_spread_over_days_agrees(
    times: int, days: int, amount: Decimal
) -> None:
    """N times in M days, evenly spread from midnight of the first day on."""
    minutes = [index * days * 1440 // times for index in range(times)]
    average, peak = by_hand(minutes, days, Fraction(amount))
    timing = {"repeat": {"frequency": times, "period": days, "periodUnit": "d"}}
    quantity = {"value": amount, "unit": "mg"}
    dose = computed({"doseAndRate": [{"doseQuantity": quantity}], "timing": timing})
    assert (dose.low, dose.high, dose.peak_day) == (average, average, peak)


WEEKLY_LINES = st.lists(
    st.tuples(
        st.sets(st.sampled_from(WEEKDAYS), min_size=1),
        st.sets(st.sampled_from(["MORN", "NOON", "EVE", "HS"]), min_size=1),
        AMOUNTS,
    ),
    min_size=1,
    max_size=5,
)


@SEEDED
@given(lines=WEEKLY_LINES)
def test_a_week_kept_by_hand_agrees(lines: list[tuple[set[str], set[str], Decimal]]) -> None:
    """Any number of lines on days of the week and moments of the day, added day by day."""
    week = dict.fromkeys(WEEKDAYS, Fraction(0))
    dosages = []
    for days, moments, amount in lines:
        for day in days:
            for _ in moments:
                week[day] += Fraction(amount)
        dosages.append(
            {
                "doseAndRate": [{"doseQuantity": {"value": amount, "unit": "mg"}}],
                "timing": {"repeat": {"dayOfWeek": sorted(days), "when": sorted(moments)}},
            }
        )
    dose = computed(*dosages)
    assert dose.low == dose.high == sum(week.values()) / 7
    assert dose.peak_day == max(week.values())


@SEEDED
@given(steps=st.lists(st.tuples(AMOUNTS, st.integers(1, 30)), min_size=1, max_size=8))
def test_a_taper_kept_by_hand_agrees_on_every_day(steps: list[tuple[Decimal, int]]) -> None:
    calendar: list[Fraction] = []
    for amount, days in steps:
        calendar += [Fraction(amount)] * days
    order = course(
        *(
            {
                "sequence": number,
                "doseAndRate": [{"doseQuantity": {"value": amount, "unit": "mg"}}],
                "timing": {
                    "repeat": {"when": ["HS"], "boundsDuration": {"value": days, "unit": "d"}}
                },
            }
            for number, (amount, days) in enumerate(steps, start=1)
        ),
        starts=MONDAY,
    )
    for offset in range(-1, len(calendar) + 1):
        dose = dose_on(order, MONDAY + timedelta(days=offset))
        if 0 <= offset < len(calendar):
            assert isinstance(dose, DailyDose)
            assert dose.low == dose.high == calendar[offset]
            left = highest_from(order, MONDAY + timedelta(days=offset))
            assert isinstance(left, DailyDose)
            assert left.high == max(calendar[offset:])
        else:
            assert dose is None


PERIODS = st.lists(
    st.tuples(AMOUNTS, st.integers(0, 40), st.integers(1, 20)), min_size=1, max_size=6
)


@SEEDED
@given(periods=PERIODS)
def test_periods_side_by_side_kept_by_hand_agree_on_every_day(
    periods: list[tuple[Decimal, int, int]],
) -> None:
    """Lines with periods and no sequence add up, but a day on which one ends and another begins
    belongs to the one that begins.
    """
    calendar = [Fraction(0)] * 62
    begins = {begin for _, begin, _ in periods}
    dosages = []
    for amount, begin, more in periods:
        end = begin + more
        for day in range(begin, end + 1):
            if day != end or end not in begins:
                calendar[day] += Fraction(amount)
        dosages.append(
            {
                "doseAndRate": [{"doseQuantity": {"value": amount, "unit": "mg"}}],
                "timing": {
                    "repeat": {
                        "frequency": 1,
                        "period": 1,
                        "periodUnit": "d",
                        "boundsPeriod": {
                            "start": (MONDAY + timedelta(days=begin)).isoformat(),
                            "end": (MONDAY + timedelta(days=end)).isoformat(),
                        },
                    }
                },
            }
        )
    order = course(*dosages)
    for offset, expected in enumerate(calendar):
        dose = dose_on(order, MONDAY + timedelta(days=offset))
        if expected == 0:
            assert dose is None
        else:
            assert isinstance(dose, DailyDose)
            assert dose.high == expected


@SEEDED
@given(periods=PERIODS, data=st.data())
def test_the_order_of_lines_without_sequence_changes_no_number(
    periods: list[tuple[Decimal, int, int]], data: st.DataObject
) -> None:
    dosages = [
        {
            "doseAndRate": [{"doseQuantity": {"value": amount, "unit": "mg"}}],
            "timing": {
                "repeat": {
                    "when": ["HS"],
                    "boundsPeriod": {"start": str(MONDAY + timedelta(days=begin))},
                }
            },
        }
        for amount, begin, _ in periods
    ]
    shuffled = data.draw(st.permutations(dosages))
    assert numbers(computed(*dosages)) == numbers(computed(*shuffled))


# --- junk -------------------------------------------------------------------------------------

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**301)
    | st.floats()
    | st.decimals()
    | st.text(max_size=12)
    | st.sampled_from(
        [
            "1",
            "0,5",
            "mg",
            "tablet",
            "d",
            "BID",
            "1 tab bid",
            "mon",
            "HS",
            "2027-01-01",
            "9999-12-31",
        ]
    )
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "unit", "code", "coding", "low", "high", "start", "end"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
WHOLE: dict[str, Any] = {
    "sequence": 1,
    "text": "1 tab bid",
    "patientInstruction": "1 tab bid",
    "asNeededBoolean": False,
    "timing": {
        "event": ["2027-01-01"],
        "code": {"coding": [{"code": "BID", "display": "BID"}], "text": "BID"},
        "repeat": {
            "boundsPeriod": {"start": "2027-01-01", "end": "2027-02-01"},
            "count": 28,
            "countMax": 30,
            "duration": 1,
            "durationUnit": "h",
            "frequency": 2,
            "frequencyMax": 3,
            "period": 1,
            "periodMax": 2,
            "periodUnit": "d",
            "dayOfWeek": ["mon"],
            "timeOfDay": ["08:00:00"],
            "when": ["HS"],
            "offset": 30,
        },
    },
    "doseAndRate": [
        {
            "type": {"coding": [{"code": "ordered"}]},
            "doseQuantity": {"value": 1, "unit": "tablet", "code": "{tbl}"},
            "doseRange": {"low": {"value": 1, "unit": "mg"}, "high": {"value": 2, "unit": "mg"}},
            "rateQuantity": {"value": 1, "unit": "mL/h"},
        }
    ],
    "maxDosePerPeriod": [
        {"numerator": {"value": 2, "unit": "mg"}, "denominator": {"value": 1, "unit": "d"}}
    ],
    "maxDosePerAdministration": {"value": 2, "unit": "mg"},
    "additionalInstruction": [{"text": "max 2 a day", "coding": [{"display": "as required"}]}],
    "rateRatio": {
        "numerator": {"value": 2, "unit": "mg"},
        "denominator": {"value": 1, "unit": "h"},
    },
    "maxDosePerLifetime": {"value": 200, "unit": "mg"},
    "modifierExtension": [],
}
LINE_KEYS = [
    *WHOLE,
    "rateQuantity",
    "rateRange",
    "quantityQuantity",
    "doseQuantity",
    "doseRange",
    "asNeededCodeableConcept",
    "asNeeded",
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, as a path."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(place for key, below in inner for place in places(below, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        return value | {key: replaced(value[key], rest, new)}
    return [replaced(v, rest, new) if i == key else v for i, v in enumerate(value)]


def without(value: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    """The value, without these keys on its first two levels."""
    return {
        key: without(below, keys) if isinstance(below, dict) else below
        for key, below in value.items()
        if key not in keys
    }


def is_an_answer(order: DoseCourse) -> None:
    """A dose with sane bounds and a working, or a sentence: never a silent zero."""
    if isinstance(order.overall, NotComputable):
        assert order.overall.why
        assert order.steps == ()
        return
    dose = order.overall
    assert 0 <= dose.low <= dose.high <= dose.peak_day
    assert dose.high > 0
    assert dose.working
    assert order.steps
    assert len(dose.working) < 5000


@SEEDED
@given(place=st.sampled_from(places(WHOLE)), junk=JUNK, dropped=st.sets(st.sampled_from(
    ["text", "code", "repeat", "event", "frequency", "doseRange", "dayOfWeek", "timeOfDay", "when"]
)))  # fmt: skip
def test_junk_in_any_field_of_a_dosage_never_raises(
    place: tuple[Any, ...], junk: Any, dropped: set[str]
) -> None:
    dosage = replaced(WHOLE, place, junk)
    if isinstance(dosage, dict):
        dosage = without(dosage, dropped)
    is_an_answer(course(dosage, starts=MONDAY))
    is_an_answer(course(dosage, {"sequence": 2, "text": "1 mg qhs"}, strength=None))


@SEEDED
@given(line=st.dictionaries(st.sampled_from(LINE_KEYS), JUNK), starts=st.dates())
def test_a_line_of_nothing_but_junk_never_raises(line: dict[str, Any], starts: date) -> None:
    order = course(line, line, starts=starts)
    is_an_answer(order)
    dose_on(order, starts)
    highest_from(order, starts)


@SEEDED
@given(junk=JUNK)
def test_junk_instead_of_a_dosage_never_raises(junk: Any) -> None:
    for resource in ({"dosageInstruction": junk}, {"dosage": junk, "modifierExtension": junk}):
        is_an_answer(course_of(dosage_lines(resource), strength=TABLET))


SIG_WORDS = st.sampled_from(
    "1 2 1/2 0.5 .5 1/0 0 half a one two to or - , ; ( ) = and then mg tab tablets mL po bid tid "
    "daily qhs q8h every 8 hours other day for 7 days weeks max per prn as needed anxiety up in "
    "the morning at bedtime x not exceed 24 am pm mon once twice times / + . ½ mcg/kg".split()
)


@SEEDED
@given(words=st.lists(SIG_WORDS, max_size=25), glue=st.sampled_from([" ", ""]))
def test_any_text_made_of_the_words_of_a_sig_has_an_answer(words: list[str], glue: str) -> None:
    is_an_answer(course({"text": glue.join(words)}))


@SEEDED
@given(text=st.text(max_size=1200))
def test_any_text_has_an_answer(text: str) -> None:
    is_an_answer(course({"text": text}, {"sequence": 2, "text": text}))
