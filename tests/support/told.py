"""Patients told in a few words, built as facts: a line a medicine."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from clinical.daily_dose import DailyDose, DoseCourse, DoseStep, NotComputable
from clinical.drugs import Drug, DrugDescription, Unrecognised, recognise
from clinical.facts import (
    BirthDate,
    ConditionFact,
    DraftOrder,
    MedicationRecord,
    PatientFacts,
    RecordKind,
    Unknown,
)

TODAY = date(2026, 11, 23)


class Stories:
    """Makes facts from few words. Every amount is text, so that it is exact."""

    today = TODAY

    def drug(self, name: str) -> Drug | Unrecognised:
        return recognise(DrugDescription(text=name))

    def record(
        self,
        key: str,
        name: str = "clonazepam 1 mg tablet",
        mg_per_day: str | None = None,
        *,
        kind: RecordKind = RecordKind.REQUEST,
        status: str = "active",
        starts: date | None = None,
        ends: date | None = None,
        replaces: tuple[str, ...] = (),
        **more: object,
    ) -> MedicationRecord:
        if mg_per_day is None:
            course = DoseCourse(NotComputable("no dosage was given"))
        else:
            mg = Fraction(mg_per_day)
            dose = DailyDose("mg", mg, mg, mg, False, f"{mg_per_day} mg/day as told")
            course = DoseCourse(
                dose, (DoseStep(starts, ends, dose),), starts=starts, ends=ends, intakes_per_day=1
            )
        return MedicationRecord(
            source=f"{kind.value}/{key}",
            kind=kind,
            drug=self.drug(name),
            course=more.pop("course", course),
            status=status,
            intent="order",
            replaces=tuple(f"MedicationRequest/{item}" for item in replaces),
            **more,
        )

    def ago(self, days: int) -> date:
        return TODAY - timedelta(days=days)

    def fill(
        self, key: str, days: int | None, *, ago: int, mg_per_day: str | None = None, **more: object
    ) -> MedicationRecord:
        """Handed over so many days ago, for so many days."""
        return self.record(
            f"{key}",
            mg_per_day=mg_per_day,
            kind=RecordKind.DISPENSE,
            status=str(more.pop("status", "completed")),
            period_starts=self.ago(ago),
            supply_days=days,
            **more,
        )

    def order(
        self,
        key: str,
        mg_per_day: str | None = "1",
        *,
        ago: int,
        until: int | None = None,
        supply: int | None = None,
        refills: int | None = 0,
        **more: object,
    ) -> MedicationRecord:
        """Written so many days ago; `until` so many days ago its instructions end."""
        return self.record(
            key,
            mg_per_day=mg_per_day,
            starts=self.ago(ago),
            ends=None if until is None else self.ago(until),
            authored_on=self.ago(ago),
            supply_days=supply,
            refills=refills,
            **more,
        )

    def draft(self, mg_per_day: str | None, key: str = "new", **more: object) -> DraftOrder:
        selected = bool(more.pop("selected", True))
        return DraftOrder(self.record(key, mg_per_day=mg_per_day, status="draft", **more), selected)

    def patient(
        self, *, born: date | BirthDate | None = date(1985, 6, 1), **facts: object
    ) -> PatientFacts:
        if isinstance(born, date):
            born = BirthDate(born, born)
        conditions = tuple(
            c if isinstance(c, ConditionFact) else ConditionFact(f"Condition/{c}", c, active=True)
            for c in facts.pop("conditions", ())
        )
        return PatientFacts(
            birth_date=born or Unknown("the patient's birth date was not supplied"),
            conditions=conditions,
            drafts=tuple(facts.pop("drafts", ())),
            medications=tuple(facts.pop("medications", ())),
            **facts,
        )
