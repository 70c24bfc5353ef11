"""A schedule as a calendar (iCalendar, RFC 5545): the start of each step, and the check-ins.

Every event is a whole day without a clock time or an alarm, private and not busy. The same schedule
gives the same bytes: identifiers are made of it, and the stamp is the day of its first cut.
Nothing in it is of the patient.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from uuid import UUID, uuid5

from icalendar import Calendar, Event

from clinical.follow_up import CheckIn, check_in_rules, check_ins
from clinical.taper import Schedule
from ehr.write.plan_entries import plan_key
from smart_app.planner.handout_presenter import day_in_full, intakes_for_patients

_EVENTS = UUID("6a1f2d0e-9c55-5f0b-8b0d-3f0a3c1d9b57")
_ABOUT = (
    "Part of a plan that the prescriber checks and may change: follow the latest one. Never stop "
    "clonazepam all at once. A sudden stop can cause seizures."
)


def as_ics(schedule: Schedule) -> bytes:
    """The schedule as the bytes of an .ics file."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//TaperGuard//Clonazepam taper//EN")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", "Clonazepam taper")
    key = plan_key(schedule)
    stamp = datetime.combine(schedule.starts_on, time(), UTC)
    for kind, day, summary, words in (*_steps(schedule), *_check_ins(schedule)):
        event = Event()
        event.add("uid", str(uuid5(_EVENTS, f"{key} {kind} {day}")))
        event.add("dtstamp", stamp)
        event.add("dtstart", day)
        event.add("summary", summary)
        event.add("description", words)
        event.add("class", "PRIVATE")
        event.add("status", "TENTATIVE")
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _steps(schedule: Schedule) -> Iterator[tuple[str, date, str, str]]:
    of = len(schedule.steps) + 1
    for number, step in enumerate(schedule.steps, start=1):
        words = (
            f"Step {number} of {of}, until {day_in_full(step.ends)}. "
            f"{intakes_for_patients(step.intakes)} {_ABOUT}"
        )
        yield "step", step.starts, f"Clonazepam: {step.dose} a day from today", words
    target = schedule.target
    stops = target.dose.value == 0
    taken = "No more clonazepam." if stops else intakes_for_patients(target.intakes)
    summary = f"Clonazepam: {'none' if stops else f'{target.dose} a day'} from today on"
    yield "step", schedule.ends_on, summary, f"Step {of} of {of}. {taken} {_ABOUT}"


def _check_ins(schedule: Schedule) -> Iterator[tuple[str, date, str, str]]:
    what = check_in_rules().what
    for contact in check_ins(schedule):
        words = f"{_since(contact)}. About {what}."
        yield "check-in", contact.on, "Clonazepam check-in with the clinic", words


def _since(contact: CheckIn) -> str:
    words = " and ".join(f"day {days} of {dose} a day" for days, dose in contact.after)
    return words[:1].upper() + words[1:]
