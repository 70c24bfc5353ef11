"""How a taper goes: on plan, stalled or reversed, by the records that say so.

The dose is what the chart's orders come to (CLINICAL 1; else statements, else fills); what was
handed over is compared beside it:

- *On plan*: today's dose is at or below the planned one, and no more was handed over since the
  taper began than is planned for as long as it lasts and the days by which one may fill early
  (`early_fill_days`). A total in mg, for the tablets of one step are picked up on different days.
- *Stalled*: no cut for more than so many planned holds (`stalled_holds`).
- *Reversed*: today's dose is above the lowest of so many days (`lowest_days`), or one fill by
  itself holds more than the lowest dose of those days before it needs, with the same days early.

Supply from before the taper is none of it: old tablets are often what the first steps are taken
from. What is not known leaves a question open and never answers it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from clinical.dose_history import Known, NotKnown, Stretch, dose_on_day, why_unknown, within
from clinical.exposure import exposure
from clinical.facts import MedicationRecord, PatientFacts, RecordKind, is_clonazepam
from clinical.quantities import plain
from clinical.standing import each_once, why_not_used
from clinical.supply import assumed_lengths, fill_days, milligrams_of_a_fill
from clinical.tapers.reader import Taper
from clinical.tapers.series import changes
from clinical.tapers.signs import TaperSigns


@dataclass(frozen=True, slots=True)
class Answer:
    """Yes, no, or None: cannot be said. `why` is a sentence, `sources` the records behind it."""

    met: bool | None
    why: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """The three answers about one taper on one day."""

    on_plan: Answer
    stalled: Answer
    reversed: Answer

    @property
    def in_words(self) -> str:
        """For a sentence about the taper: "on plan", or what is wrong with its numbers."""
        said = []
        if self.on_plan.met is None:
            said.append(f"whether it is on plan is not known: {self.on_plan.why}")
        elif self.on_plan.met:
            said.append("on plan")
        else:
            said.append(f"not on plan: {self.on_plan.why}")
        said += [f"stalled: {self.stalled.why}"] if self.stalled.met else []
        said += [f"reversed: {self.reversed.why}"] if self.reversed.met else []
        return "; ".join(said)


def progress(
    taper: Taper, facts: PatientFacts, stretches: Sequence[Stretch], on: date, signs: TaperSigns
) -> Progress:
    """How a taper goes on the day; `stretches` is the dose over time until then."""
    fills = _fills_since(taper.begun, facts, on)
    return Progress(
        on_plan=_on_plan(taper, stretches, fills, on, signs),
        stalled=_stalled(taper, stretches, on, signs),
        reversed=_reversed(taper, stretches, fills, on, signs),
    )


def _fills_since(begun: date, facts: PatientFacts, on: date) -> tuple[MedicationRecord, ...]:
    """What was handed over since the first day of a taper."""
    return tuple(
        record
        for record in each_once(facts.medications)
        if record.kind is RecordKind.DISPENSE
        and is_clonazepam(record)
        and why_not_used(record) is None
        and record.period_starts is not None
        and begun <= record.period_starts <= on
    )


# --- on plan ------------------------------------------------------------------------------------


def _on_plan(
    taper: Taper,
    stretches: Sequence[Stretch],
    fills: Sequence[MedicationRecord],
    on: date,
    signs: TaperSigns,
) -> Answer:
    planned = taper.planned_on(on)
    if planned is None:
        return Answer(None, _why_not_planned(taper), taper.sources)
    if taper.held:
        return Answer(
            None, "a later step is on hold, so what is planned now is not said", taper.held
        )
    today = dose_on_day(stretches, on)
    ordered = _ordered(taper, today, planned)
    if ordered.met is False:
        return ordered
    supplied = _supplied(taper, fills, on, signs)
    if supplied is None or supplied.met or (ordered.met is None and supplied.met is None):
        return ordered
    return supplied


def _why_not_planned(taper: Taper) -> str:
    if taper.is_plan:
        return "the doses or the days of its orders cannot be read"
    return "no plan states the doses of this taper"


def _ordered(taper: Taper, today: Known | NotKnown, planned: Fraction) -> Answer:
    if isinstance(today, NotKnown) and not today.no_order:
        return Answer(None, f"today's dose is not known: {today.why}", today.sources)
    dose = today.high if isinstance(today, Known) else Fraction(0)
    said = f"{plain(dose)} mg/day today, planned {plain(planned)} mg/day"
    return Answer(dose <= planned, said, _sources(taper.sources, today.sources))


def _supplied(
    taper: Taper, fills: Sequence[MedicationRecord], on: date, signs: TaperSigns
) -> Answer | None:
    """Whether what was handed over is within the plan; None where nothing was."""
    if not fills:
        return None
    sources = _sources(taper.sources, (fill.source for fill in fills))
    amounts = [milligrams_of_a_fill(fill) for fill in fills]
    held = [amount for amount in amounts if amount is not None]
    taken = exposure(fills, on=on, since=taper.begun, followed={}, assumed=assumed_lengths())
    if len(held) < len(amounts) or taken.unsaid:
        why = "how much was handed over since it began, or for how many days, is not stated"
        return Answer(None, why, sources)
    covered = max(piece.days[1] for piece in taken.pieces)
    until = date.fromordinal(min(covered + signs.early_fill_days, date.max.toordinal()))
    total, planned = sum(held, Fraction(0)), taper.planned_between(taper.begun, until)
    said = (
        f"{plain(total)} mg were handed over since it began, and {plain(planned)} mg are planned "
        f"until {signs.early_fill_days} days after they last"
    )
    return Answer(total <= planned, said, sources)


# --- stalled ------------------------------------------------------------------------------------


def _stalled(taper: Taper, stretches: Sequence[Stretch], on: date, signs: TaperSigns) -> Answer:
    cuts = [c for c in changes(stretches) if c.is_cut and taper.begun <= c.day <= on]
    since = cuts[-1].day if cuts else taper.begun
    gap = why_unknown(within(stretches, since, on))
    if gap is not None:
        return Answer(None, f"whether the dose was cut is not known: {gap}", taper.sources)
    days, longest = (on - since).days, taper.hold_days * signs.stalled_holds
    what = "last cut" if cuts else "begun, and no cut since,"
    said = f"{what} {days} days ago; {signs.stalled_holds} holds are {longest} days"
    return Answer(days > longest, said, _sources(taper.sources, cuts[-1].sources if cuts else ()))


# --- reversed -----------------------------------------------------------------------------------


def _reversed(
    taper: Taper,
    stretches: Sequence[Stretch],
    fills: Sequence[MedicationRecord],
    on: date,
    signs: TaperSigns,
) -> Answer:
    first = on - timedelta(days=signs.lowest_days - 1)
    ordered = _dose_reversed(taper, stretches, first, on, signs)
    if ordered.met:
        return ordered
    return _fill_reversed(taper, stretches, fills, first, signs) or ordered


def _dose_reversed(
    taper: Taper, stretches: Sequence[Stretch], first: date, on: date, signs: TaperSigns
) -> Answer:
    today = dose_on_day(stretches, on)
    if isinstance(today, NotKnown):
        if today.no_order:
            return Answer(False, "no order today", taper.sources)
        return Answer(None, f"today's dose is not known: {today.why}", today.sources)
    recent = within(stretches, first, on)
    lowest = min(s.dose.high for s in recent if isinstance(s.dose, Known))
    said = f"{plain(today.high)} mg/day today, at least {plain(lowest)} mg/day in "
    said += f"{signs.lowest_days} days"
    sources = _sources(taper.sources, today.sources)
    if today.high > lowest:
        return Answer(True, said, sources)
    unknown = why_unknown(recent)
    if unknown is not None:
        return Answer(None, f"the lowest dose is not known: {unknown}", sources)
    return Answer(False, said, sources)


def _fill_reversed(
    taper: Taper,
    stretches: Sequence[Stretch],
    fills: Sequence[MedicationRecord],
    first: date,
    signs: TaperSigns,
) -> Answer | None:
    """A fill that by itself is for more than the lowest dose before it; None: there is none."""
    for fill in fills:
        held, days, starts = milligrams_of_a_fill(fill), fill_days(fill), fill.period_starts
        if held is None or not days or starts is None or starts < first:
            continue
        before = [s.dose for s in within(stretches, first, starts)]
        lowest = min((dose.high for dose in before if isinstance(dose, Known)), default=None)
        if lowest is not None and held > lowest * (days + signs.early_fill_days):
            said = (
                f"a fill of {plain(held)} mg for {days} days, and {plain(lowest)} mg/day were "
                "ordered before it"
            )
            return Answer(True, said, _sources(taper.sources, (fill.source,)))
    return None


def _sources(*several: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({source for sources in several for source in sources}))
