"""The words of the planner's page about the plan: schedule, preview, text to copy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from clinical.follow_up import check_in_rules, check_ins
from clinical.kinetics import DoseCurve
from clinical.quantities import plain
from clinical.taper import Schedule, TaperStep, Target, dispensing, fills
from ehr.write import ladder
from ehr.write.plan_entries import Draft
from smart_app.planner.curve_presenter import CurveView, curve_view
from smart_app.planner.form_presenter import Option, more_than_taken
from smart_app.planner.forms import Planned
from smart_app.planner.presenter import banner
from smart_app.planner.save import CONFIRMATIONS, InChart, Saving
from smart_app.planner.situation import Situation
from smart_app.planner.taper_picture import taper_line, taper_picture
from smart_app.planner.words import (
    day_in_plan,
    order_name,
    plural,
    taken_in_words,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One step of the schedule as a row. `notes` are its warnings."""

    starts: str
    days: str
    dose: str
    tablets: str
    cut: str
    cut_14: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """The schedule: its one-sentence summary, a small line, pictures for two widths, rows."""

    title: str
    summary: str
    line: Markup
    wide: Markup
    narrow: Markup
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]
    check_ins: tuple[str, ...]
    about_check_ins: str
    stays: str
    cut_first: str
    outline: str
    curve: CurveView | None


def schedule_view(
    schedule: Schedule,
    curve: DoseCurve | None,
    beside: Schedule | None = None,
    *,
    judged_only: bool = False,
) -> ScheduleView:
    """The schedule in words and pictures; `beside` is drawn as an outline to compare with.

    `judged_only`: it was typed in, and is no plan.
    """
    contacts = check_ins(schedule)
    last = contacts[-1].on
    if curve is not None:
        last = max(last, curve.ends_on + timedelta(days=1))

    def picture(key: str, width: int) -> Markup:
        return taper_picture(schedule, contacts, key=key, width=width, last=last, beside=beside)

    return ScheduleView(
        title=_title(schedule),
        summary=_AS_TYPED if judged_only else _summary(schedule),
        line=taper_line(schedule),
        wide=picture("taper-wide", 600),
        narrow=picture("taper-narrow", 350),
        rows=_rows(schedule),
        warnings=() if judged_only else _warnings(schedule),
        check_ins=_check_ins(schedule),
        about_check_ins=_about_check_ins(),
        stays="" if judged_only else _stays(schedule),
        cut_first=_cut_first(schedule),
        outline=(
            ""
            if beside is None
            else f"Dashed: the recommended {beside.pace.title}, which reaches "
            f"{beside.to_mg}/day on {day_in_plan(beside.ends_on)}."
        ),
        curve=None if curve is None else curve_view(schedule, curve, last),
    )


_AS_TYPED = "As it was typed, with what the limits say of each step. It is no plan yet."


def _title(schedule: Schedule) -> str:
    return f"{schedule.from_words} to {schedule.to_mg}/day, {schedule.pace.title}"


def _summary(schedule: Schedule) -> str:
    return (
        f"{plural(len(schedule.steps) + 1, 'cut')} from {day_in_plan(schedule.starts_on)}; "
        f"{schedule.to_mg}/day begins on {day_in_plan(schedule.ends_on)}, "
        f"after {plural(schedule.days, 'day')}."
    )


def _stays(schedule: Schedule) -> str:
    """When a dose that stays is looked at again."""
    if schedule.review_on is None:
        return ""
    return f"{schedule.to_mg}/day stays until the review on {day_in_plan(schedule.review_on)}."


def _cut_first(schedule: Schedule) -> str:
    """Which intake gives way first, where there are several."""
    return f"Cut: {schedule.cut_first}." if schedule.cut_first else ""


def _rows(schedule: Schedule) -> tuple[Row, ...]:
    steps = tuple(_row(step.starts, str(step.days), step) for step in schedule.steps)
    return (*steps, _row(schedule.ends_on, "on", schedule.target))


def _row(starts: date, days: str, of: TaperStep | Target) -> Row:
    return Row(
        day_in_plan(starts),
        days,
        plain(of.dose.value),
        taken_in_words(of),
        str(of.cut_percent),
        str(of.cut_percent_14_days),
        of.warnings,
    )


def _warnings(schedule: Schedule) -> tuple[str, ...]:
    return tuple(words for words in schedule.warnings if words not in schedule.target.warnings)


def _check_ins(schedule: Schedule) -> tuple[str, ...]:
    return tuple(
        f"{day_in_plan(contact.on)}: "
        + " and ".join(f"day {days} of {dose}/day" for days, dose in contact.after)
        for contact in check_ins(schedule)
    )


def _about_check_ins() -> str:
    return f"Each asks about {check_in_rules().what}."


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One draft order as it will stand in the chart."""

    product: str
    dosage: str
    quantity: str
    starts: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a click on save writes, which orders to discontinue, and the state of it.

    `button` is None when nothing can be written or it is already there.
    """

    rung: str
    drafts: tuple[DraftLine, ...]
    noted: str
    plan: str | None
    discontinue: tuple[str, ...]
    button: str | None
    saved: str | None
    others: str | None
    confirmations: tuple[Option, ...]
    pdmp_url: str | None
    seen: str
    key: str
    later: str


def preview(
    found: Situation,
    schedule: Schedule | None,
    write: Saving,
    held: InChart,
    *,
    confirmed: tuple[str, ...] = (),
    saved_key: str | None = None,
) -> Preview:
    """Exactly what will be written; without a schedule the present orders go on."""
    orders = write.drafts if write.rung == ladder.ORDERS_AND_PLAN else ()
    saved = _saved(write, held, saved_key)
    can_save = saved is None and write.rung != ladder.TEXT
    last = orders[-1].fill.ends if orders else None
    return Preview(
        rung=_RUNG_WORDS[write.rung] if schedule is not None else "",
        drafts=tuple(map(draft_line, orders)),
        noted=f"Each order is noted: {orders[0].resource['note'][0]['text']}" if orders else "",
        plan=_plan_line(schedule, write),
        discontinue=()
        if schedule is None
        else tuple(order_name(record) for record in found.to_discontinue),
        button=f"Save {plural(write.count, 'draft')} to the chart" if can_save else None,
        saved=saved,
        others=_others(held),
        confirmations=tuple(
            Option(value, words[:1].upper() + words[1:], value in confirmed)
            for value, words in CONFIRMATIONS.items()
            if value in write.confirming
        ),
        pdmp_url=found.pdmp_url,
        seen=write.seen,
        key=write.key,
        later=(
            f"Orders reach until {day_in_plan(last)}. Later steps are ordered after the "
            "reassessment that each reduction asks for."
            if last and schedule is not None and last < schedule.ends_on
            else ""
        ),
    )


def _plan_line(schedule: Schedule | None, write: Saving) -> str | None:
    if write.rung == ladder.TEXT:
        return None
    title = f"Care plan, draft: {write.plan['title'][:1].lower() + write.plan['title'][1:]}"
    if schedule is None:
        review_on = date.fromisoformat(write.plan["period"]["end"])
        return f"{title}, on {day_in_plan(review_on)}."
    contacts = check_ins(schedule)
    review = ", its review" if schedule.review_on is not None else ""
    return (
        f"{title}, {plural(len(schedule.steps) + 1, 'step')}{review} and "
        f"{plural(len(contacts), 'check-in')}, "
        f"{day_in_plan(schedule.starts_on)} to {day_in_plan(contacts[-1].on)}."
    )


_RUNG_WORDS = {
    ladder.ORDERS_AND_PLAN: "This EHR takes draft orders and a draft care plan.",
    ladder.PLAN: (
        "This EHR takes a draft care plan, but no draft orders: write the orders by hand from "
        "the text below."
    ),
    ladder.TEXT: (
        "This EHR, or the rights granted to this visit, take neither draft orders nor a care "
        "plan. Copy the text below into the chart; nothing is written from here."
    ),
}


def draft_line(draft: Draft) -> DraftLine:
    """A draft order in words."""
    order = draft.resource
    quantity = order["dispenseRequest"]["quantity"]["value"]
    return DraftLine(
        product=draft.fill.product.name,
        dosage=order["dosageInstruction"][0]["text"],
        quantity=f"{plural(quantity, 'tablet')}, no refills",
        starts=day_in_plan(draft.fill.starts),
    )


def _saved(write: Saving, held: InChart, saved_key: str | None) -> str | None:
    if held.this_plan:
        return (
            f"Saved: this plan is in the chart ({plural(len(held.this_plan), 'record')}), each a "
            "draft that you sign in the EHR. Nothing needs to be saved again."
        )
    if saved_key == write.key:
        return (
            "Saved. The EHR has taken the plan and does not list it yet: look into the chart "
            "before saving it again."
        )
    return None


def _others(held: InChart) -> str | None:
    if not held.others:
        return None
    number = plural(len(held.others), "draft")
    return (
        f"{number} of another taper plan {'is' if len(held.others) == 1 else 'are'} in the chart. "
        "Discard what is not wanted before signing, or the doses add up."
    )


@dataclass(frozen=True, slots=True)
class Maintain:
    """To stay at the present dose: a sentence with its review date."""

    words: str
    why: str


def maintain_view(planned: Planned, found: Situation) -> Maintain | None:
    """The sentence for the goal to maintain; None for another goal."""
    if planned.review_on is None:
        return None
    return Maintain(
        f"Clonazepam stays {stays(planned, found)} until the review on "
        f"{day_in_plan(planned.review_on)}.",
        "Stopping is not right for everybody. The present orders go on as they are; the review "
        "stands in the care plan.",
    )


def stays(planned: Planned, found: Situation) -> str:
    """What stays where the goal is to maintain: "at 2 mg/day"."""
    if not found.as_needed:
        return f"at {found.present_dose}/day"
    ordered = "partly as needed, as ordered" if found.daily_too else "as needed"
    return ordered + ("" if planned.use is None else f" ({planned.use.in_words})")


def spoken(found: Situation, planned: Planned) -> str:
    """What a screen reader says after a changed field: what the page below now shows."""
    if found.blocked is not None:
        return f"{found.blocked.title}."
    kept = maintain_view(planned, found)
    if kept is not None:
        return kept.words
    if planned.instead is not None:
        return f"No daily schedule: {planned.instead}"
    if planned.forbids:
        return " ".join(["The schedule cannot be saved as it is.", *planned.forbids])
    if planned.schedule is None:
        return " ".join(["There is no schedule yet.", *planned.why_none])
    return f"{_title(planned.schedule)}: {_summary(planned.schedule)}"


def plan_text(found: Situation, planned: Planned) -> str:
    """The plan as text to copy into a chart where nothing can be written."""
    who = banner(found)
    lines = [f"{who.name}, {who.born}, {who.sex}", ""]
    kept = maintain_view(planned, found)
    if kept is not None:
        return "\n".join([*lines, kept.words, "", _signature(found)])
    more = more_than_taken(planned, found)
    asked = [] if more is None else [f"Note: {more}"]
    if planned.instead is not None:
        words = f"No daily clonazepam schedule: {planned.instead}"
        return "\n".join([*lines, words, *asked, "", _signature(found)])
    schedule = planned.schedule
    if schedule is None or planned.forbids:
        why = (f"- {words}" for words in planned.forbids or planned.why_none)
        return "\n".join([*lines, "There is no plan:", *why, ""])
    lines += [f"Clonazepam taper: {_title(schedule)}", _summary(schedule)]
    lines += [*filter(None, (_stays(schedule), _cut_first(schedule))), ""]
    for row in _rows(schedule):
        days = plural(int(row.days), "day") if row.days.isdigit() else "from then on"
        lines.append(f"{row.starts} ({days}): {row.dose} mg/day, {row.tablets} (-{row.cut} %)")
        lines += [f"    Warning: {note}" for note in row.notes]
    lines += ["", *(f"Note: {words}" for words in _warnings(schedule)), *asked]
    lines += [f"Agree first: {gate.why}" for gate in found.notices]
    lines += [
        f"Stops a taper: {words} Planned because a specialist has agreed: ________ (who, and why)."
        for words in found.overridden
    ]
    lines += ["", "Discontinue when the taper is signed, or the doses add up:"]
    lines += [f"- {order_name(record)}" for record in found.to_discontinue]
    supply = dispensing(fills(schedule), found.visit.today)
    if supply.totals:
        lines += ["", "Tablets in all, until the last step ends:"]
        lines += [f"- {line.quantity} x {line.product.name}" for line in supply.totals]
        lines += supply.assumptions
    lines += ["", "Check-ins:", *(f"- {words}" for words in _check_ins(schedule))]
    lines += [_about_check_ins(), "", _signature(found)]
    return "\n".join(lines)


def _signature(found: Situation) -> str:
    return (
        f"Planned with TaperGuard on {day_in_plan(found.visit.today)}, rules "
        f"{found.assessment.rules_version}. Not reviewed by a clinician; to be checked and "
        "signed by the prescriber.\n"
    )
