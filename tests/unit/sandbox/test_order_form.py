"""The order form: what was typed, as a MedicationRequest, or a sentence beside each field."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.medicationrequest import MedicationRequest

from taperguard.sandbox.orders.form import FREQUENCIES, Desk, Entry, Incomplete, entry_of, order_of
from taperguard.sandbox.orders.formulary import Formulary
from taperguard.sandbox.patients.story import read_formulary
from taperguard.sandbox.records import json_text

TODAY = date(2026, 11, 23)
FORMULARY = Formulary(read_formulary())
DESK = Desk(FORMULARY, "alder", TODAY, "Encounter/visit", frozenset({"MedicationRequest/old"}))
PLAIN = {
    "product": "clonazepam 1 mg tablet",
    "amount": "1",
    "unit": "each",
    "frequency": "three-times-a-day",
    "quantity": "90",
    "refills": "1",
}


def typed(**fields: str) -> Entry:
    return Entry.of({**PLAIN, **fields})


def written(**fields: str) -> dict[str, Any]:
    return order_of(typed(**fields), DESK, order_id="d1")


def test_one_tablet_three_times_a_day() -> None:
    order = written(replaces="MedicationRequest/old")
    assert order["medicationCodeableConcept"]["coding"][0]["code"] == "197528"  # RxNorm, 1 mg
    (dosage,) = order["dosageInstruction"]
    assert dosage["text"] == "Take 1 tablet by mouth three times a day"
    assert dosage["timing"]["repeat"] == {"frequency": 3, "period": 1, "periodUnit": "d"}
    assert dosage["doseAndRate"][0]["doseQuantity"]["value"] == 1
    assert order["dispenseRequest"]["quantity"]["value"] == 90
    assert order["dispenseRequest"]["numberOfRepeatsAllowed"] == 1
    assert order["dispenseRequest"]["validityPeriod"] == {"start": "2026-11-23"}
    assert order["priorPrescription"] == {"reference": "MedicationRequest/old"}
    assert order["encounter"] == {"reference": "Encounter/visit"}
    assert (order["status"], order["intent"]) == ("draft", "order")
    MedicationRequest.model_validate_json(json_text.write(order))


def test_a_dose_in_mg_and_a_half_tablet_keep_their_digits() -> None:
    (in_mg,) = written(unit="mg", amount="0.50")["dosageInstruction"]
    assert in_mg["text"] == "Take 0.50 mg by mouth three times a day"
    assert str(in_mg["doseAndRate"][0]["doseQuantity"]["value"]) == "0.50"
    assert in_mg["doseAndRate"][0]["doseQuantity"]["code"] == "mg"
    (half,) = written(amount="0.5")["dosageInstruction"]
    assert half["text"] == "Take 0.5 tablet by mouth three times a day"
    assert half["doseAndRate"][0]["doseQuantity"]["value"] == Decimal("0.5")
    (two,) = written(amount="2")["dosageInstruction"]
    assert two["text"] == "Take 2 tablets by mouth three times a day"


def test_as_needed_with_its_reason_and_a_last_day() -> None:
    order = written(needed="yes", reason="panic  attacks", until="2026-12-06")
    (dosage,) = order["dosageInstruction"]
    assert dosage["asNeededCodeableConcept"] == {"text": "panic attacks"}
    assert dosage["text"] == (
        "Take 1 tablet by mouth three times a day as needed for panic attacks, "
        "from 2026-11-23 to 2026-12-06"
    )
    assert dosage["timing"]["repeat"]["boundsPeriod"] == {
        "start": "2026-11-23",
        "end": "2026-12-06",
    }
    MedicationRequest.model_validate_json(json_text.write(order))


@pytest.mark.parametrize("frequency", FREQUENCIES, ids=lambda item: item.key)
def test_every_frequency_is_written_and_read_back(frequency: Any) -> None:
    order = written(frequency=frequency.key, needed="yes", reason="x", start="2026-12-01")
    MedicationRequest.model_validate_json(json_text.write(order))
    again = entry_of(order, FORMULARY, TODAY)
    assert again == typed(
        frequency=frequency.key, needed="yes", reason="x", start="2026-12-01", draft="d1"
    )


@pytest.mark.parametrize(
    ("words", "per_day"),
    [
        ("once a day", "1"),
        ("four times a day", "4"),
        ("every other day", "0.5"),
        ("every 6 hours", "4"),
        ("every 8 hours", "3"),
        ("every 12 hours", "2"),
    ],
)
def test_how_often_a_day(words: str, per_day: str) -> None:
    (frequency,) = [item for item in FREQUENCIES if item.words == words]
    assert frequency.per_day == Decimal(per_day)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"product": ""}, "product"),
        ({"product": "clonaz"}, "product"),
        ({"product": "moonshine"}, "product"),
        ({"amount": ""}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "0.000"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "1,5"}, "amount"),
        ({"amount": "one"}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"amount": "\u0661"}, "amount"),
        ({"unit": "spoons"}, "unit"),
        ({"frequency": ""}, "frequency"),
        ({"frequency": "sometimes"}, "frequency"),
        ({"quantity": ""}, "quantity"),
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "2.5"}, "quantity"),
        ({"quantity": "-2"}, "quantity"),
        ({"refills": "12"}, "refills"),
        ({"refills": "x"}, "refills"),
        ({"needed": "yes"}, "reason"),
        ({"reason": "pain"}, "reason"),
        ({"needed": "yes", "reason": "x" * 121}, "reason"),
        ({"start": "2026-11-22"}, "start"),
        ({"start": "tomorrow"}, "start"),
        ({"until": "2026-11-22"}, "until"),
        ({"start": "2026-12-02", "until": "2026-12-01"}, "until"),
        ({"until": "31.12.2026"}, "until"),
        ({"replaces": "MedicationRequest/gone"}, "replaces"),
    ],
)
def test_each_field_that_cannot_be_used_has_a_sentence(fields: dict[str, str], field: str) -> None:
    with pytest.raises(Incomplete) as raised:
        written(**fields)
    assert list(raised.value.problems) == [field]
    assert raised.value.problems[field].endswith(".")


def test_an_empty_form_names_everything_that_is_missing_at_once() -> None:
    with pytest.raises(Incomplete) as raised:
        order_of(Entry.of({}), DESK, order_id="d1")
    assert {"product", "amount", "frequency", "quantity"} <= raised.value.problems.keys()


def test_a_part_of_a_name_offers_the_products_that_hold_it_and_takes_none() -> None:
    with pytest.raises(Incomplete) as raised:
        written(product="1 mg CLONAZ")
    offered = {product.said: product.name for product in raised.value.alike}
    assert "clonazepam 1 mg tablet" in offered
    assert all("clonaz" in f"{said} {name}" for said, name in offered.items())


def test_products_stand_in_the_order_of_their_strength() -> None:
    tablets = [p.said for p in FORMULARY.products if p.said.startswith("clonazepam")]
    tablets = [name for name in tablets if name.endswith(" mg tablet")]
    assert tablets == [f"clonazepam {mg} mg tablet" for mg in ("0.5", "1", "2")]


def test_changing_an_order_keeps_what_the_form_has_no_field_for() -> None:
    made = {
        **written(),
        "groupIdentifier": {"value": "plan"},
        "reasonReference": [{"reference": "Condition/c"}],
    }
    changed = order_of(typed(amount="2", draft="d1"), DESK, order_id="d1", changed=made)
    assert changed["groupIdentifier"] == {"value": "plan"}
    assert changed["reasonReference"] == [{"reference": "Condition/c"}]
    assert changed["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] == 2


def test_a_product_that_a_card_brought_and_the_formulary_lacks_can_stay() -> None:
    made = written()
    made["medicationCodeableConcept"] = {
        "coding": [{"system": "urn:x", "code": "9", "display": "Rare 3 MG Film"}]
    }
    made["dosageInstruction"][0]["doseAndRate"] = [{"doseQuantity": {"value": 1, "unit": "film"}}]
    entry = entry_of(made, FORMULARY, TODAY)
    assert entry.product == "Rare 3 MG Film"
    changed = order_of(entry, DESK, order_id="d1", changed=made)
    assert changed["medicationCodeableConcept"] == made["medicationCodeableConcept"]
    assert changed["dosageInstruction"][0]["text"] == "Take 1 film by mouth three times a day"


def test_a_schedule_that_the_form_cannot_say_has_to_be_chosen() -> None:
    made = written()
    made["dosageInstruction"][0]["timing"]["repeat"] = {"dayOfWeek": ["mon"]}
    assert entry_of(made, FORMULARY, TODAY).frequency == ""
