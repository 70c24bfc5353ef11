"""What holds for every taper, on generated requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tablets_by_trial import Way, best_ways, least_unrest, products_used, unrest

from clinical.quantities import Milligrams
from clinical.taper import (
    CannotTaper,
    IntakeTime,
    Limit,
    Pace,
    Pieces,
    Schedule,
    TabletProduct,
    TakenAsNeeded,
    TaperRequest,
    default_products,
    dispensing,
    fills,
    judge,
    milligram_pace,
    paces,
    percent_pace,
    plan,
)
from clinical.taper.choice import choose
from clinical.taper.intakes import present_regimen
from clinical.taper.tablets import TabletBox, box_of

SEEDED = settings(
    derandomize=True,
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

FEWER = settings(SEEDED, max_examples=60)


@st.composite
def shelves(draw: st.DrawFn) -> tuple[TabletProduct, ...]:
    """Some of the US tablets, with halves allowed for some of the plain ones."""
    chosen = draw(st.lists(st.sampled_from(default_products()), min_size=1, unique=True))
    return tuple(
        replace(tablet, halvable=tablet.form == "tablet" and draw(st.booleans()))
        for tablet in chosen
    )


@st.composite
def paces_by_hand(draw: st.DrawFn) -> Pace:
    """Custom paces within the limits, some with a floor."""
    interval = draw(st.integers(1, 12)) * 7
    floor = draw(st.one_of(st.just(0), st.integers(1, 16)))
    lowest = Milligrams(Fraction(floor, 16))
    if draw(st.booleans()):
        # Up to 13 %: allowed at every interval (two cuts in 14 days are 24.3 %).
        return percent_pace(Fraction(draw(st.integers(1, 26)), 2), interval, lowest)
    return milligram_pace(Milligrams(Fraction(draw(st.integers(1, 40)), 20)), interval, lowest)


@st.composite
def requests(draw: st.DrawFn) -> TaperRequest:
    """Doses on and off the grid up to 20 mg/day, any pace and shelf, 1 to 4 intakes a day."""
    products = draw(shelves())
    unit = min(tablet.smallest_piece_ug for tablet in products)
    from_ug = draw(
        st.one_of(
            st.integers(2, 20_000 // unit).map(lambda n: n * unit),
            st.integers(unit + 1, 20_000),
            st.integers(unit + 1, 20_000).map(lambda n: n + Fraction(1, 3)),
        )
    )
    goal = draw(st.one_of(st.just(0), st.integers(0, int(from_ug) // unit).map(lambda n: n * unit)))
    times = draw(st.integers(1, 4))
    weights = draw(
        st.one_of(st.none(), st.lists(st.integers(1, 9), min_size=times, max_size=times))
    )
    intakes = (
        tuple(Milligrams(Fraction(from_ug) * weight / sum(weights) / 1000) for weight in weights)
        if weights
        else ()
    )
    return TaperRequest(
        from_mg=Milligrams(Fraction(from_ug) / 1000),
        to_mg=Milligrams(Fraction(goal, 1000)),
        starts_on=draw(st.dates(date(2020, 1, 1), date(2040, 1, 1))),
        pace=draw(st.one_of(st.sampled_from(paces()), paces_by_hand())),
        products=products,
        intakes=intakes,
        times_per_day=times,
        cut_order=draw(st.permutations(list(IntakeTime)).map(tuple)),
    )


def planned(request: TaperRequest) -> Schedule | None:
    """The schedule, or None when it is refused."""
    try:
        return plan(request)
    except CannotTaper:
        return None


def doses(schedule: Schedule) -> list[Fraction]:
    return [
        schedule.from_mg.value,
        *(step.dose.value for step in schedule.steps),
        schedule.to_mg.value,
    ]


@SEEDED
@given(requests())
def test_the_dose_falls_at_every_step_and_ends_at_the_goal(request: TaperRequest) -> None:
    schedule = planned(request)
    if schedule is None:
        return
    assert all(after < before for before, after in pairwise(doses(schedule)))
    days = schedule.starts_on
    for step in schedule.steps:
        assert step.starts == days
        days = step.ends + timedelta(days=1)
    assert schedule.ends_on == days
    assert schedule.to_mg == request.to_mg


@SEEDED
@given(requests())
def test_every_intake_is_made_of_the_products_given(request: TaperRequest) -> None:
    schedule = planned(request)
    if schedule is None:
        return
    parts = [(step.dose, step.intakes) for step in schedule.steps]
    for dose, intakes in [*parts, (schedule.to_mg, schedule.target.intakes)]:
        pieces = [piece for intake in intakes for piece in intake.pieces]
        assert sum(Fraction(p.count) * p.product.strength_ug for p in pieces) == dose.value * 1000
        for piece in pieces:
            assert piece.product in request.products
            assert piece.count > 0
            assert (piece.count * (2 if piece.product.halvable else 1)) % 1 == 0


@SEEDED
@given(requests())
def test_no_fall_above_a_quarter_in_14_days_is_without_its_warning(request: TaperRequest) -> None:
    """Judged day by day from the doses alone, not with the engine's own limits."""
    schedule = planned(request)
    if schedule is None:
        return
    taken = {schedule.starts_on + timedelta(days=n): schedule.from_mg.value for n in range(-14, 0)}
    warnings = []
    for step in schedule.steps:
        taken |= {step.starts + timedelta(days=n): step.dose.value for n in range(step.days)}
        warnings.append((step.starts, step.dose.value, step.warnings))
    warnings.append((schedule.ends_on, schedule.to_mg.value, schedule.warnings))
    for day, dose, texts in warnings:
        highest = max(taken[day - timedelta(days=n)] for n in range(1, 15))
        named = any(f"on {day}" in text and "more than 25 % in 14 days" in text for text in texts)
        assert named == (highest - dose > highest / 4)


@FEWER
@given(requests())
def test_our_own_schedules_break_no_limit_but_the_cap(request: TaperRequest) -> None:
    schedule = planned(request)
    if schedule is not None:
        assert {found.limit for found in judge(schedule)} <= {Limit.CUT_OVER_CAP}


@FEWER
@given(requests())
def test_below_the_floor_of_a_pace_there_is_only_the_goal(request: TaperRequest) -> None:
    schedule = planned(request)
    if schedule is not None:
        assert all(step.dose.value * 1000 >= request.pace.floor_ug for step in schedule.steps)


@SEEDED
@given(requests())
def test_no_intake_grows_without_a_note_that_names_it(request: TaperRequest) -> None:
    schedule = planned(request)
    if schedule is None:
        return
    before = present_regimen(request)
    parts = [(step.intakes, step.warnings) for step in schedule.steps]
    for intakes, notes in [*parts, (schedule.target.intakes, schedule.warnings)]:
        after = {intake.time: Fraction(intake.micrograms) for intake in intakes}
        assert set(after) <= set(before)
        for time, amount in after.items():
            named = any(note.startswith(f"The {time} intake grows from ") for note in notes)
            assert named == (amount > before.get(time, 0))
        before = {time: after.get(time, Fraction(0)) for time in before}


@SEEDED
@given(requests())
def test_holds_are_whole_weeks_and_never_shorter_than_the_pace(request: TaperRequest) -> None:
    schedule = planned(request)
    if schedule is None:
        return
    shortest = {
        "asam-2025": 14,
        "asam-2025-slow": 28,
        "nardi-2010": 7,
        "nardi-2010-extended": 14,
        "bzra-25": 14,
        "custom": 7,
    }[schedule.pace.id]
    assert all(step.days % 7 == 0 and step.days >= shortest for step in schedule.steps)


@SEEDED
@given(requests(), st.sampled_from([7, 10, 28]))
def test_fills_add_up_to_what_the_step_needs(request: TaperRequest, max_days: int) -> None:
    schedule = planned(request)
    if schedule is None:
        return
    parts = fills(schedule, max_days)
    for place, step in enumerate(schedule.steps):
        own = [fill for fill in parts if fill.step_index == place]
        quantities: dict[TabletProduct, int] = {}
        taken: dict[IntakeTime, Fraction] = {}
        for fill in own:
            assert fill.days <= max_days
            assert len({count for _, count in fill.per_intake}) == 1
            quantities[fill.product] = quantities.get(fill.product, 0) + fill.quantity
            for time, count in fill.per_intake:
                amount = Fraction(count) * fill.product.strength_ug * fill.days
                taken[time] = taken.get(time, Fraction(0)) + amount
        assert quantities == {line.product: line.quantity for line in step.dispense}
        assert taken == {i.time: i.micrograms * step.days for i in step.intakes}
        needed = sum(line.quantity * line.product.strength_ug for line in step.dispense)
        assert needed >= step.dose.value * 1000 * step.days


@SEEDED
@given(requests())
def test_the_same_request_gives_the_same_plan_in_whatever_order_the_products_stand(
    request: TaperRequest,
) -> None:
    backwards = replace(request, products=tuple(reversed(request.products)))
    one, other = planned(request), planned(backwards)
    if one is None or other is None:
        assert one is other
        return
    assert one == planned(request)
    assert replace(one, products=other.products) == other


@SEEDED
@given(shelves(), st.integers(1, 24))
def test_the_best_way_to_make_an_intake_equals_brute_force(
    products: tuple[TabletProduct, ...], eighths: int
) -> None:
    """Every count of every tablet up to 3 mg, by trying them all (at most four products)."""
    products = products[:4]
    micrograms = eighths * 125
    tried = best_ways(micrograms, products)
    box = TabletBox(products, 40_000)
    assert box.makes(micrograms) == bool(tried)
    if not tried:
        return
    best = box.best(micrograms)
    assert {frozenset(as_way(box.pieces(way))) for way in best} == {frozenset(w) for w in tried}
    assert len(best) == len(tried)


def as_way(pieces: Sequence[Pieces]) -> Way:
    """Our tablets as the trial writes them: counted in smallest pieces."""
    return tuple((p.product, int(p.count * (2 if p.product.halvable else 1))) for p in pieces)


@st.composite
def courses(draw: st.DrawFn) -> tuple[tuple[TabletProduct, ...], list[list[int]]]:
    """Up to four products and up to four steps of one or two makeable intakes up to 2.5 mg.

    Half of the intakes are some that can be made in several equally good ways.
    """
    products = draw(shelves())[:4]
    box = box_of(products, 40_000)
    made = [n * 125 for n in range(1, 21) if box.makes(n * 125)]
    ties = [amount for amount in made if len(box.best(amount)) > 1]
    intake = st.one_of(st.sampled_from(made), st.sampled_from(ties or made))
    intakes = st.lists(intake, min_size=1, max_size=2)
    return products, draw(st.lists(intakes, min_size=2, max_size=4))


@SEEDED
@given(courses())
def test_the_tablets_of_a_course_change_as_little_as_any_equally_good_choice(
    asked: tuple[tuple[TabletProduct, ...], list[list[int]]],
) -> None:
    """Every combination of every best way of every intake, tried one by one."""
    products, steps = asked
    box = box_of(products, 40_000)
    chosen = choose([frozenset(step) for step in steps], box)
    used = []
    for step, choice in zip(steps, chosen, strict=True):
        ways = {amount: as_way(box.pieces(choice[amount])) for amount in step}
        for amount, way in ways.items():
            assert frozenset(way) in {frozenset(tried) for tried in best_ways(amount, products)}
        used.append(products_used(list(ways.values())))
    assert unrest(used) == least_unrest(steps, products)


@st.composite
def short_requests(draw: st.DrawFn) -> TaperRequest:
    """Few products, few steps and one or two intakes: small enough to try everything."""
    return replace(
        draw(requests()),
        from_mg=Milligrams(Fraction(draw(st.integers(2, 24)), 8)),
        to_mg=Milligrams(Fraction(draw(st.sampled_from([0, 0, 2, 4])), 8)),
        pace=milligram_pace(Milligrams(Fraction(draw(st.integers(3, 6)), 8)), 14),
        products=draw(shelves())[:3],
        intakes=(),
        times_per_day=draw(st.integers(1, 2)),
    )


@FEWER
@given(short_requests())
def test_a_whole_plan_is_as_calm_as_any_made_of_the_best_intakes(request: TaperRequest) -> None:
    schedule = planned(request)
    if schedule is None:
        return
    # A goal of nothing is a step without tablets: every product goes, whichever they were.
    steps = [*(step.intakes for step in schedule.steps), schedule.target.intakes]
    amounts = [[intake.micrograms for intake in intakes] for intakes in steps]
    used = [frozenset(p.product for i in intakes for p in i.pieces) for intakes in steps]
    assert unrest(used) == least_unrest(amounts, request.products)


TAKEN = st.builds(
    TakenAsNeeded,
    on_a_day=st.integers(1, 160).map(lambda n: Milligrams(Fraction(n, 8))),
    days_a_week=st.integers(1, 7),
)


@FEWER
@given(requests(), TAKEN)
def test_a_taper_of_as_needed_use_has_no_week_with_more_than_before(
    request: TaperRequest, taken: TakenAsNeeded
) -> None:
    schedule = planned(
        replace(request, from_mg=taken.average, to_mg=Milligrams.of(0), intakes=(), as_needed=taken)
    )
    if schedule is None:
        return
    assert taken.days_a_week > 3
    for dose in doses(schedule)[1:]:
        assert dose * 7 < taken.on_a_day.value * taken.days_a_week
        assert dose < taken.on_a_day.value


@FEWER
@given(requests())
def test_totals_are_the_tablets_of_all_days(request: TaperRequest) -> None:
    """In mg: what is dispensed is what is taken, and half a tablet of a product a step at most."""
    schedule = planned(request)
    if schedule is None:
        return
    told = dispensing(fills(schedule), schedule.starts_on)
    dispensed = sum(line.quantity * line.product.strength_ug for line in told.totals)
    taken = sum(step.dose.value * 1000 * step.days for step in schedule.steps)
    halves = sum(line.product.strength_ug for step in schedule.steps for line in step.dispense)
    assert 0 <= dispensed - taken <= Fraction(halves, 2)
