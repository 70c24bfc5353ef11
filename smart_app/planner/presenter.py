"""The words of the planner's page about the patient: banner, dose, findings, history.

Templates only place what stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from clinical.checks.older_adult_fall_risk import RISKS
from clinical.checks.words import drug_name
from clinical.daily_dose import NotComputable
from clinical.dependence import Dependence
from clinical.dose_history import Known
from clinical.evidence import cite
from clinical.facts import MedicationRecord, Unknown
from clinical.findings import CheckId, Clear, Finding, NotEvaluable, SetAside
from clinical.plain_words import plain_words
from clinical.policy import Policy
from clinical.quantities import plain
from clinical.review import why_perhaps_current
from clinical.rules import rule
from clinical.totals import total_on
from ehr.read.json import as_list, as_object, as_text
from smart_app.planner.handout_presenter import Recipient
from smart_app.planner.history_picture import history_picture
from smart_app.planner.save import requester_of
from smart_app.planner.situation import Resource, Situation, not_counted
from smart_app.planner.words import day_of_record, listed, sentence

_FALLS = ("falls_history", "fall_event", "fracture")
_HTEST = "HTEST"
_NO_NAME = "name not supplied"


@dataclass(frozen=True, slots=True)
class Banner:
    """Who this page is about. Unknowns stand where the value would."""

    name: str
    born: str
    sex: str
    ehr: str
    user: str | None
    synthetic: bool
    deceased: bool


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One present order: what it is, its daily dose with its working, or why there is none."""

    name: str
    as_written: str
    dose: str | None
    working: str
    since: str
    source: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PresentDose:
    """The present dose; `total` is a number with unit, or the reason in its place.

    `dependence` says whether dependence is likely, for the prescriber to confirm.
    """

    known: bool
    total: str
    orders: tuple[OrderLine, ...]
    notes: tuple[str, ...]
    dependence: str | None


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding, an unknown or an all-clear: `kind` is its style, `word` what it is called."""

    kind: str
    word: str
    title: str
    why: str
    details: tuple[str, ...]
    sources: str


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """Days with one dose, as a row."""

    days: str
    dose: str
    source: str


@dataclass(frozen=True, slots=True)
class History:
    """The dose history as picture and rows; `empty` says why there is none.

    `read` says how fresh the history is that was read in the background; None without one.
    """

    picture: Markup | None
    rows: tuple[HistoryRow, ...]
    beside: tuple[HistoryRow, ...]
    empty: str | None
    read: str | None


@dataclass(frozen=True, slots=True)
class PatientView:
    """Everything of the page that does not depend on the plan."""

    banner: Banner
    headline: str
    present: PresentDose
    findings: tuple[FindingLine, ...]
    unknowns: tuple[FindingLine, ...]
    quiet: tuple[FindingLine, ...]
    notes: tuple[str, ...]
    history: History
    rules: str


def patient_view(found: Situation, policy: Policy) -> PatientView:
    """The patient's part of the page."""
    plainly = plain_words(found.facts)
    return PatientView(
        banner=banner(found),
        headline=headline(found),
        present=present_dose(found),
        findings=tuple(_finding(f, plainly) for f in found.assessment.findings),
        unknowns=_lines(found, NotEvaluable, "unknown", "Not checked"),
        quiet=(
            *_lines(found, Clear, "clear", "Clear"),
            *_lines(found, SetAside, "clear", "Set aside"),
        ),
        notes=tuple(map(plainly, found.assessment.notes)),
        history=history(found, policy),
        rules=(
            f"Rules {found.assessment.rules_version}, on {day_of_record(found.visit.today)}. "
            "No clinician has reviewed this content yet; every proposal is a draft that you sign."
        ),
    )


def banner(found: Situation) -> Banner:
    """The patient banner."""
    patient, visit = found.patient, found.visit
    return Banner(
        name=_name(patient),
        born=_born(found),
        sex=_sex(patient),
        ehr=visit.ehr_name,
        user=visit.user_name,
        synthetic=_is_synthetic(patient),
        deceased=found.facts.deceased is True,
    )


def _name(patient: Resource | None) -> str:
    names = [as_object(name) for name in as_list((patient or {}).get("name"))]
    official = [name for name in names if name.get("use") == "official"]
    for name in (*official, *names):
        given = " ".join(filter(None, map(as_text, as_list(name.get("given")))))
        words = as_text(name.get("text")) or f"{given} {as_text(name.get('family')) or ''}".strip()
        if words:
            return words
    return _NO_NAME


def _born(found: Situation) -> str:
    born, on = found.facts.birth_date, found.visit.today
    if isinstance(born, Unknown):
        return "birth date not supplied" if "not supplied" in born.why else born.why
    youngest, oldest = born.youngest_age_on(on), born.oldest_age_on(on)
    age = f"age {youngest}" if youngest == oldest else f"age {youngest} or {oldest}"
    if born.earliest == born.latest:
        return f"born {day_of_record(born.earliest)}, {age}"
    if born.earliest.month == born.latest.month:
        return f"born {born.earliest:%b} {born.earliest.year} (day not supplied), {age}"
    return f"born {born.earliest.year} (day not supplied), {age}"


def _sex(patient: Resource | None) -> str:
    gender = as_text((patient or {}).get("gender"))
    return {"unknown": "sex recorded as unknown", None: "sex not supplied"}.get(
        gender, gender or ""
    )


def _is_synthetic(patient: Resource | None) -> bool:
    tags = as_list(as_object((patient or {}).get("meta")).get("tag"))
    return any(as_object(tag).get("code") == _HTEST for tag in tags)


def recipient(found: Situation, *, signed: bool) -> Recipient:
    """Whose hand-out it is; what the chart does not say is a line to write on."""
    patient, visit, born = found.patient, found.visit, found.facts.birth_date
    name = _name(patient)
    exact = not isinstance(born, Unknown) and born.earliest == born.latest
    return Recipient(
        name=None if name == _NO_NAME else name,
        born=born.earliest if exact and not isinstance(born, Unknown) else None,
        clinic=visit.ehr_name,
        prescriber=visit.user_name if requester_of(visit.user) is not None else None,
        synthetic=_is_synthetic(patient),
        signed=signed,
        rules_version=found.assessment.rules_version,
    )


def headline(found: Situation) -> str:
    """The fact with its number: "Clonazepam 2 mg/day with oxycodone, age 72"."""
    if found.facts.deceased is True:
        return "The chart says that the patient has died"
    if not found.current:
        unknown = why_perhaps_current(found.facts, found.visit.today) is not None
        return "Whether clonazepam is taken is not known" if unknown else "No current clonazepam"
    words = "Clonazepam"
    if found.present.sources:
        words += f" {_dose_words(found)}"
    elif found.as_needed:
        words += " as needed, no maximum given"
    else:
        words += ", dose not computable"
    for finding in found.assessment.findings:
        if finding.check.value == "opioid-together":
            words += f" {finding.fired.summary}"
    for finding in found.assessment.findings:
        if finding.check.value == "older-adult-fall-risk":
            words += f", {finding.fired.summary}"
    return words


def _dose_words(found: Situation) -> str:
    """The known part of the present dose, and what it is of all that may be taken."""
    total = found.present
    if not found.as_needed:
        return str(total) if total.complete else f"at least {total}"
    if not total.complete:
        return f"{total}, and more as needed without a maximum"
    return f"{'partly ' if found.daily_too else ''}as needed, at most {total}"


def present_dose(found: Situation) -> PresentDose:
    """The present dose and the orders that it is made of."""
    total = found.present
    if not found.current:
        words = "no current order" if found.facts.medications_gap is None else "not known"
    elif total.sources:
        words = _dose_words(found)
    elif found.as_needed:
        words = "as needed, no maximum given"
    else:
        words = "not computable"
    notes = []
    if not total.complete:
        notes.append(sentence(f"not counted: {not_counted(found.current, total)}"))
    if found.facts.medications_gap is not None:
        notes.append(sentence(found.facts.medications_gap.why))
    return PresentDose(
        known=bool(total.sources) and total.complete and found.facts.medications_gap is None,
        total=words,
        orders=tuple(_order(record, found.visit.today) for record in found.current),
        notes=tuple(notes),
        dependence=_dependence(found) if found.current else None,
    )


def _dependence(found: Situation) -> str:
    told = found.use.dependence
    if isinstance(told, Dependence):
        return f"{told.in_words} ({cite('ASAM').called})"
    why = sentence(f"whether dependence is likely cannot be estimated: {told.why}")
    return f"{why} Ask how it is taken. ({cite('ASAM').called})"


def _order(record: MedicationRecord, today: date) -> OrderLine:
    overall = record.course.overall
    that_day = total_on([record], today)
    dose = str(that_day) if that_day.sources else None
    working = "; ".join(that_day.workings)
    if dose is None:
        why = [item.why for item in that_day.uncounted]
        working = sentence(f"dose not computable: {why[0]}") if why else "Not taken on this day."
    since = record.period_starts or record.course.starts or record.authored_on
    warnings = list(record.warnings) + list(overall.warnings)
    if not isinstance(overall, NotComputable) and overall.as_needed:
        warnings.append("as needed: counted at its most")
    return OrderLine(
        name=drug_name(record),
        as_written=record.dosage_text or "dosage not supplied as text",
        dose=dose,
        working=working,
        since=day_of_record(since) if since else "start not supplied",
        source=record.source,
        warnings=tuple(sentence(words) for words in dict.fromkeys(warnings)),
    )


def _title(check: str) -> str:
    return rule(CheckId(check)).title


def _finding(finding: Finding, plainly: Callable[[str], str]) -> FindingLine:
    fired = finding.fired
    return FindingLine(
        kind=fired.severity.value,
        word=fired.severity.word,
        title=_title(finding.check.value),
        why=plainly(fired.why),
        details=tuple(map(plainly, fired.details)),
        sources=listed(cite(key).called for key in fired.evidence),
    )


def _lines(found: Situation, verdict: type, kind: str, word: str) -> tuple[FindingLine, ...]:
    plainly = plain_words(found.facts)
    return tuple(
        FindingLine(kind, word, _title(c.check.value), plainly(c.verdict.why), (), "")
        for c in found.assessment.checks
        if isinstance(c.verdict, verdict)
    )


def history(found: Situation, policy: Policy) -> History:
    """The dose history: the picture, and the same numbers as rows."""
    told, on = found.history, found.visit.today
    names = {r.source: drug_name(r) for r in found.facts.medications}
    rows = []
    for stretch in told.stretches:
        dose = stretch.dose
        if isinstance(dose, Known):
            low = "" if dose.low == dose.high else f"{plain(dose.low)} to "
            words = f"{low}{plain(dose.high)}"
        else:
            words = sentence(dose.why)
        sources = listed(dict.fromkeys(names.get(source, source) for source in dose.sources))
        rows.append(HistoryRow(_days(stretch.starts, stretch.ends, on), words, sources))
    beside = []
    for strip in told.strips:
        kind = "opioid" if strip.opioid else "sedating"
        spans = [_days(starts, ends, on) for starts, ends in strip.spans]
        spans += [f"from {day_of_record(starts)}, end not known" for starts in strip.open_ends]
        beside.append(HistoryRow("; ".join(spans), strip.name, kind))
    picture = history_picture(told, on, float(policy.high_dose_mg_per_day), _marks(found))
    empty = None
    if not told.stretches:
        empty = (
            "No clonazepam order with a date is in the chart. Orders appear here with their days."
        )
    read = None if found.history_read is None else sentence(found.history_read)
    return History(picture, tuple(rows), tuple(beside), empty, read)


def _days(starts: date, ends: date, today: date) -> str:
    until = "today" if ends >= today else day_of_record(ends)
    return f"{day_of_record(starts)} to {until}"


def _marks(found: Situation) -> tuple[tuple[date, str], ...]:
    marks: dict[date, str] = {}
    for fact in found.facts.has_had_condition(*_FALLS):
        if fact.onset is not None:
            marks.setdefault(fact.onset, f"recorded: {RISKS[fact.concept]}")
    return tuple(sorted(marks.items()))
