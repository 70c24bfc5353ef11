"""The order form: what a person typed, and the MedicationRequest that it means (or why it is none).

What was typed is kept as it was typed, so that an error never costs anybody a field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

from ..patients.story import Product
from ..patients.vocabulary import DRUG_FORM, RXNORM, UCUM, concept, reference, synthetic
from ..records.json_text import Resource
from .formulary import Formulary
from .references import ORDER
from .signing import PRESCRIBER

_CATEGORY = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
_AMOUNT = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,3})?")
_WHOLE = re.compile(r"[0-9]{1,4}")
_FORM_CODES = {"tablet": "TAB", "capsule": "CAP"}
_UNCOUNTED = {"mg", "mL", "g"}
_MOST_REFILLS = 11
_LONGEST_REASON = 120
EACH, MG = "each", "mg"


@dataclass(frozen=True, slots=True)
class Frequency:
    """A way to take a medicine: its words and its FHIR Timing.repeat."""

    key: str
    words: str
    repeat: Resource

    @property
    def per_day(self) -> Decimal:
        """How often a day, on average."""
        hours_per_unit = {"h": 1, "d": 24, "wk": 168}[self.repeat["periodUnit"]]
        return Decimal(24 * int(self.repeat["frequency"])) / (
            hours_per_unit * int(self.repeat["period"])
        )


def _daily(times: int, *when: str) -> Resource:
    repeat: Resource = {"frequency": times, "period": 1, "periodUnit": "d"}
    return {**repeat, "when": list(when)} if when else repeat


def _every(period: int, unit: str) -> Resource:
    return {"frequency": 1, "period": period, "periodUnit": unit}


FREQUENCIES = tuple(
    Frequency(words.replace(" ", "-"), words, repeat)
    for words, repeat in (
        ("once a day", _daily(1)),
        ("twice a day", _daily(2)),
        ("three times a day", _daily(3)),
        ("four times a day", _daily(4)),
        ("in the morning", _daily(1, "MORN")),
        ("at midday", _daily(1, "NOON")),
        ("in the evening", _daily(1, "EVE")),
        ("at bedtime", _daily(1, "HS")),
        ("in the morning and at bedtime", _daily(2, "MORN", "HS")),
        ("every other day", _every(2, "d")),
        ("once a week", _every(1, "wk")),
        ("every 4 hours", _every(4, "h")),
        ("every 6 hours", _every(6, "h")),
        ("every 8 hours", _every(8, "h")),
        ("every 12 hours", _every(12, "h")),
    )
)
_BY_KEY = {frequency.key: frequency for frequency in FREQUENCIES}


@dataclass(frozen=True, slots=True)
class Entry:
    """The fields of the form as texts. `draft` is the draft being changed, or empty."""

    product: str = ""
    amount: str = ""
    unit: str = EACH
    frequency: str = ""
    needed: str = ""
    reason: str = ""
    quantity: str = ""
    refills: str = "0"
    start: str = ""
    until: str = ""
    replaces: str = ""
    draft: str = ""

    @classmethod
    def of(cls, posted: Mapping[str, str]) -> Entry:
        """What was posted; a field that is missing is empty, and an unknown one is nobody's."""
        known = {item.name for item in fields(cls)}
        empty = dict.fromkeys(known, "")
        return cls(**{**empty, **{k: v.strip() for k, v in posted.items() if k in known}})

    def texts(self) -> dict[str, str]:
        """The fields by name."""
        return asdict(self)


class Incomplete(Exception):
    """The form is no order yet: a sentence for each field that has to be looked at."""

    def __init__(self, problems: dict[str, str], alike: Sequence[Product] = ()) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems
        self.alike = list(alike)


@dataclass(frozen=True, slots=True)
class Desk:
    """What an order is written with: the formulary, whose it is, the day, the visit."""

    formulary: Formulary
    patient_id: str
    today: date
    encounter: str | None
    replaceable: frozenset[str]


def order_of(
    entry: Entry, desk: Desk, *, order_id: str, changed: Resource | None = None
) -> Resource:
    """The draft order that a form means; Incomplete with every problem at once.

    `changed` is the draft that is being changed: what the form has no field for stays as it is.
    """
    reader = _Reader(entry, desk, changed)
    order = reader.order(order_id)
    if reader.problems:
        raise Incomplete(reader.problems, reader.alike)
    return order


class _Reader:
    """Reads each field once and collects what is wrong."""

    def __init__(self, entry: Entry, desk: Desk, changed: Resource | None) -> None:
        self.entry = entry
        self.desk = desk
        self.changed = changed
        self.problems: dict[str, str] = {}
        self.alike: list[Product] = []

    def order(self, order_id: str) -> Resource:
        medicine, product = self._medicine()
        amount, unit = self._amount(product)
        often = _BY_KEY.get(self.entry.frequency)
        if often is None:
            self.problems["frequency"] = "Choose how often it is taken."
            often = FREQUENCIES[0]
        start, until = self._period()
        dosage = self._dosage(product, amount, unit, often, (start, until))
        supply = self._supply(product, start)
        kept: Resource = self.changed or {
            **synthetic(ORDER, order_id),
            "category": [concept(_CATEGORY, "community", "Community")],
        }
        dropped = {"medicationCodeableConcept", "medicationReference", "priorPrescription"}
        order: Resource = {
            **{name: item for name, item in kept.items() if name not in dropped},
            "id": order_id,
            "status": "draft",
            "intent": "order",
            **medicine,
            "subject": reference("Patient", self.desk.patient_id),
            "authoredOn": self.desk.today.isoformat(),
            "requester": {"reference": PRESCRIBER},
            "dosageInstruction": [dosage],
            "dispenseRequest": supply,
        }
        if self.desk.encounter is not None:
            order["encounter"] = {"reference": self.desk.encounter}
        if (prior := self._replaces()) is not None:
            order["priorPrescription"] = {"reference": prior}
        return order

    def _medicine(self) -> tuple[Resource, Product | None]:
        said = self.entry.product
        product = self.desk.formulary.product(said)
        if product is not None:
            coded = concept(RXNORM, product.rxnorm, product.name, text=product.said)
            return {"medicationCodeableConcept": coded}, product
        if self.changed is not None and said and said == medicine_text(self.changed):
            return {k: v for k, v in self.changed.items() if k.startswith("medication")}, None
        if not said:
            self.problems["product"] = "Choose a medication."
        else:
            self.alike = self.desk.formulary.like(said)
            self.problems["product"] = (
                f"“{said[:80]}” is no product of the formulary. Choose one of these."
                if self.alike
                else f"The formulary has nothing like “{said[:80]}”. Type a drug's name."
            )
        return {}, None

    def _amount(self, product: Product | None) -> tuple[Decimal, str]:
        unit = product.unit if product is not None else self._present_unit()
        if self.entry.unit == MG:
            unit = MG
        elif self.entry.unit != EACH:
            self.problems["unit"] = "A dose is counted in units of the product or in mg."
        if not self.entry.amount:
            self.problems["amount"] = "Write how much is taken each time."
        elif not _AMOUNT.fullmatch(self.entry.amount) or not Decimal(self.entry.amount):
            self.problems["amount"] = "The dose is a number above zero, such as 0.5 or 1."
        else:
            return Decimal(self.entry.amount), unit
        return Decimal(1), unit

    def _present_unit(self) -> str:
        """The unit that the changed draft is dosed in."""
        quantity = dose_quantity(self.changed or {})
        unit = quantity.get("unit")
        return unit if isinstance(unit, str) and unit != MG else "tablet"

    def _period(self) -> tuple[date, date | None]:
        start, until = self.desk.today, None
        if self.entry.start:
            start = self._day("start", "first day") or start
            if start < self.desk.today:
                self.problems["start"] = "The first day cannot lie before today."
        if self.entry.until:
            until = self._day("until", "last day")
            if until is not None and until < start:
                self.problems["until"] = "The last day cannot lie before the first."
        return start, until

    def _day(self, name: str, words: str) -> date | None:
        try:
            return date.fromisoformat(self.entry.texts()[name])
        except ValueError:
            self.problems[name] = f"The {words} is written 2027-01-04."
            return None

    def _dosage(
        self,
        product: Product | None,
        amount: Decimal,
        unit: str,
        often: Frequency,
        period: tuple[date, date | None],
    ) -> Resource:
        start, until = period
        verb, route = (product.verb, product.route) if product else ("Take", "by mouth")
        text = f"{verb} {self.entry.amount} {_counted(unit, amount)} {route} {often.words}"
        repeat: Resource = dict(often.repeat)
        if until is not None:
            repeat = {"boundsPeriod": _bounds(start, until), **repeat}
        needed: Resource = {}
        if reason := self._reason():
            text += f" as needed for {reason}"
            needed = {"asNeededCodeableConcept": {"text": reason}}
        if until is not None:
            text += f", from {start.isoformat()} to {until.isoformat()}"
        return {
            "text": text,
            "timing": {"repeat": repeat},
            **needed,
            "route": {"text": route},
            "doseAndRate": [{"doseQuantity": _quantity(amount, unit)}],
        }

    def _reason(self) -> str:
        reason = " ".join(self.entry.reason.split())
        if self.entry.needed and not reason:
            self.problems["reason"] = "As needed for what? Write the reason."
        elif reason and not self.entry.needed:
            self.problems["reason"] = "A reason is written, but “as needed” is not ticked."
        elif len(reason) > _LONGEST_REASON:
            self.problems["reason"] = f"The reason has at most {_LONGEST_REASON} characters."
        return reason

    def _supply(self, product: Product | None, start: date) -> Resource:
        at_least_one = "Write a whole number, at least 1."
        quantity = self._whole("quantity", at_least_one)
        if quantity == 0:
            self.problems["quantity"] = at_least_one
        some_or_none = f"Write a number from 0 to {_MOST_REFILLS}."
        refills = self._whole("refills", some_or_none)
        if refills > _MOST_REFILLS:
            self.problems["refills"] = some_or_none
        unit = product.unit if product is not None else self._present_unit()
        return {
            "validityPeriod": {"start": start.isoformat()},
            "numberOfRepeatsAllowed": refills,
            "quantity": _quantity(Decimal(quantity or 1), unit),
        }

    def _whole(self, name: str, problem: str) -> int:
        said = self.entry.texts()[name] or ("0" if name == "refills" else "")
        if not _WHOLE.fullmatch(said):
            self.problems[name] = problem
            return 1
        return int(said)

    def _replaces(self) -> str | None:
        if not self.entry.replaces:
            return None
        if self.entry.replaces not in self.desk.replaceable:
            self.problems["replaces"] = "The order to be replaced is no longer there."
        return self.entry.replaces


# --- from an order back to the form -----------------------------------------------------------


def entry_of(order: Resource, formulary: Formulary, today: date) -> Entry:
    """The form as it would have been filled in for an order; what has no field stays empty."""
    product = formulary.of_order(order)
    quantity = dose_quantity(order)
    dosage = _first(order.get("dosageInstruction"))
    repeat = _dict(_dict(dosage.get("timing")).get("repeat"))
    bounds = _dict(repeat.get("boundsPeriod"))
    supply = _dict(order.get("dispenseRequest"))
    start = bounds.get("start") or _dict(supply.get("validityPeriod")).get("start")
    reason = _dict(dosage.get("asNeededCodeableConcept")).get("text")
    return Entry(
        product=product.said if product is not None else medicine_text(order),
        amount=_number(quantity.get("value")),
        unit=MG if quantity.get("unit") == MG else EACH,
        frequency=_frequency_of(repeat),
        needed="yes" if reason or dosage.get("asNeededBoolean") is True else "",
        reason=str(reason or ""),
        quantity=_number(_dict(supply.get("quantity")).get("value")),
        refills=_number(supply.get("numberOfRepeatsAllowed")) or "0",
        start=max(str(start), today.isoformat()) if start else "",
        until=str(bounds.get("end") or ""),
        replaces=str(_dict(order.get("priorPrescription")).get("reference") or ""),
        draft=str(order.get("id", "")),
    )


def medicine_text(order: Resource) -> str:
    """What the medication is called in the order itself."""
    medicine = _dict(order.get("medicationCodeableConcept"))
    coding = _first(medicine.get("coding"))
    return str(medicine.get("text") or coding.get("display") or "")


def dose_quantity(order: Resource) -> Resource:
    """The dose each time, as far as the order has exactly one."""
    rate = _first(_first(order.get("dosageInstruction")).get("doseAndRate"))
    return _dict(rate.get("doseQuantity"))


def _frequency_of(repeat: Resource) -> str:
    plain = {name: item for name, item in repeat.items() if name != "boundsPeriod"}
    return next((item.key for item in FREQUENCIES if item.repeat == plain), "")


# --- small parts ------------------------------------------------------------------------------


def _quantity(value: Decimal, unit: str) -> Resource:
    number: Decimal | int = int(value) if value == value.to_integral_value() else value
    if unit in _FORM_CODES:
        return {"value": number, "unit": unit, "system": DRUG_FORM, "code": _FORM_CODES[unit]}
    if unit in _UNCOUNTED:
        return {"value": number, "unit": unit, "system": UCUM, "code": unit}
    return {"value": number, "unit": unit}


def _counted(unit: str, amount: Decimal) -> str:
    return unit if unit in _UNCOUNTED or amount <= 1 else f"{unit}s"


def _bounds(start: date, until: date) -> Resource:
    return {"start": start.isoformat(), "end": until.isoformat()}


def _number(value: Any) -> str:
    return "" if value is None or isinstance(value, bool) else f"{value}"


def _dict(value: Any) -> Resource:
    return value if isinstance(value, dict) else {}


def _first(value: Any) -> Resource:
    return _dict(value[0]) if isinstance(value, list) and value else {}
