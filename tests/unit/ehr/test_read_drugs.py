"""Records as EHRs send them -> how they describe their drug (FHIR R4, medication[x])."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest

from clinical.drug.tables import Product, SiteTables
from clinical.drugs import (
    Coded,
    Drug,
    DrugDescription,
    Unrecognised,
    recognise,
    use_site_tables,
)
from ehr.decode import encode
from ehr.read.drugs import drug_description, drug_of, names_a_foreign_drug
from ehr.read.json import as_bool, as_code, as_list, as_object, as_text, reference_key

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CLONAZEPAM = {"coding": [{"system": RXNORM, "code": "197527"}], "text": "clonazepam 0.5 mg tablet"}


def nowhere(key: str) -> dict[str, Any] | None:
    del key
    return None


def describe(resource: dict[str, Any], **known: dict[str, Any]) -> DrugDescription:
    return drug_description(resource, lambda key: known.get(key.replace("/", "_")))


def test_a_concept_gives_its_codes_and_text() -> None:
    description = describe({"medicationCodeableConcept": CLONAZEPAM})
    assert description == DrugDescription(
        (Coded(RXNORM, "197527", None),), "clonazepam 0.5 mg tablet"
    )


@pytest.mark.parametrize(
    "reference",
    [
        "Medication/m1",
        "http://ehr.example/fhir/Medication/m1",
        "https://ehr.example/Medication/m1/_history/3",
    ],
)
def test_a_referenced_medication_is_looked_up(reference: str) -> None:
    description = describe(
        {"medicationReference": {"reference": reference, "display": "something"}},
        Medication_m1={"resourceType": "Medication", "id": "m1", "code": CLONAZEPAM},
    )
    assert description.codes == (Coded(RXNORM, "197527", None),)
    assert description.text == "clonazepam 0.5 mg tablet"


@pytest.mark.parametrize("contained_id", ["m1", "#m1"])
def test_a_contained_medication_is_found_with_and_without_its_hash(contained_id: str) -> None:
    description = describe(
        {
            "contained": [
                {"resourceType": "Practitioner", "id": "p"},
                {"resourceType": "Medication", "id": contained_id, "code": CLONAZEPAM},
            ],
            "medicationReference": {"reference": "#m1"},
        }
    )
    assert description.codes[0].code == "197527"


def test_a_reference_that_leads_nowhere_leaves_its_display() -> None:
    reference = {"reference": "Medication/gone", "display": "Klonopin 1 mg tab"}
    assert describe({"medicationReference": reference}) == DrugDescription(text="Klonopin 1 mg tab")


def test_a_medication_without_words_takes_those_of_the_reference() -> None:
    description = describe(
        {"medicationReference": {"reference": "Medication/m1", "display": "Klonopin"}},
        Medication_m1={"code": {"coding": [{"system": "urn:oid:1.2", "code": "x"}]}},
    )
    assert description.text == "Klonopin"


@pytest.mark.parametrize(
    "medication",
    [
        {"concept": CLONAZEPAM},  # R5
        {"reference": {"reference": "Medication/m1"}},  # R5
        CLONAZEPAM,
        {"reference": "Medication/m1"},
    ],
)
def test_other_shapes_of_medication_are_understood(medication: dict[str, Any]) -> None:
    description = describe({"medication": medication}, Medication_m1={"code": CLONAZEPAM})
    assert description.codes == (Coded(RXNORM, "197527", None),)


def test_a_whole_number_as_code_is_read_as_its_digits() -> None:
    concept = {"coding": {"system": RXNORM, "code": 197527}}
    assert describe({"medicationCodeableConcept": concept}).codes[0].code == "197527"


def _with(numerator: object, denominator: object = None) -> DrugDescription:
    strength = {"numerator": numerator}
    if denominator is not None:
        strength["denominator"] = denominator
    ingredient = {"itemCodeableConcept": {"text": "clonazepam"}, "strength": strength}
    return describe(
        {"medicationReference": {"reference": "#m"},
         "contained": [{"resourceType": "Medication", "id": "m", "ingredient": [ingredient]}]}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("numerator", "denominator", "mg", "per_unit"),
    [
        ({"value": Decimal("0.5"), "unit": "mg"}, {"value": 1, "unit": "tablet"}, "1/2", "tablet"),
        ({"value": 500, "unit": "mcg"}, {"value": 1, "code": "TAB"}, "1/2", "tablet"),
        ({"value": 500, "code": "ug"}, {"value": 1, "code": "{tbl}"}, "1/2", "tablet"),
        ({"value": 1, "code": "mg"}, {"value": 2, "unit": "tablets"}, "1/2", "tablet"),
        ({"value": Decimal("0.001"), "code": "g"}, {"value": 1, "code": "mL"}, "1", "mL"),
        ({"value": Decimal("0.5"), "code": "mg"}, {"value": 5, "code": "mL"}, "1/10", "mL"),
        ({"value": 100, "code": "mg"}, {"value": 1, "code": "L"}, "1/10", "mL"),
        ({"value": Decimal("0.5"), "unit": "mg"}, None, "1/2", None),
        ({"value": Decimal("0.5"), "unit": "mg"}, {"unit": "tablet"}, "1/2", "tablet"),
        ({"value": Decimal("0.5"), "unit": "mg"}, {"value": 1, "code": "1"}, "1/2", None),
        ({"value": 2, "unit": "mg"}, {"value": 1, "code": "1", "unit": "tablet"}, "2", "tablet"),
        ({"value": Decimal("0.6"), "unit": "mg"}, {"value": 24, "code": "h"}, "1/40", "hour"),
        ({"value": Decimal("0.6"), "unit": "mg"}, {"value": 1, "code": "d"}, "1/40", "hour"),
        ({"value": 1, "unit": "mg"}, {"value": 1, "unit": "oral tablet"}, "1", "tablet"),
        ({"value": 1, "unit": "mg"}, {"value": 1, "unit": "{unit}"}, "1", None),
        ({"value": 100, "unit": "ug"}, {"value": 1, "unit": "actuation"}, "1/10", "spray"),
    ],
)
def test_a_strength_is_mg_per_one_of_its_denominator(
    numerator: object, denominator: object, mg: str, per_unit: str | None
) -> None:
    (ingredient,) = _with(numerator, denominator).ingredients
    assert (ingredient.strength_mg, ingredient.per_unit) == (Fraction(mg), per_unit)


@pytest.mark.parametrize(
    ("numerator", "denominator"),
    [
        ({"value": 5, "unit": "mg/hr"}, {"value": 4, "unit": "mg/hr"}),
        ({"value": 100, "code": "U"}, {"value": 1, "code": "mL"}),
        ({"value": 2, "code": "mEq"}, None),
        ({"value": 5, "code": "mg"}, {"value": 0, "unit": "tablet"}),
        ({"value": -5, "code": "mg"}, None),
        ({"value": 5}, None),
        ({"value": "5", "unit": "mg"}, None),
        ({"value": 0.5, "unit": "mg"}, None),
        ({"value": True, "unit": "mg"}, None),
        ({"value": 5, "unit": "mg", "comparator": "<"}, None),
        ({"value": Decimal("NaN"), "unit": "mg"}, None),
        ({"value": 5, "code": "mg"}, {"value": 1, "unit": "spoonful"}),
        ({"value": 2, "code": "mg"}, {"value": 1, "unit": "dose"}),
        ({"value": 2, "code": "mg"}, {"value": 100, "unit": "mg"}),
        ({"value": 2, "code": "mg"}, {"value": 1, "unit": "[IU]"}),
        ("5 mg", None),
        ([], "tablet"),
    ],
)
def test_a_strength_that_cannot_be_read_is_left_out(numerator: object, denominator: object) -> None:
    (ingredient,) = _with(numerator, denominator).ingredients
    assert (ingredient.strength_mg, ingredient.per_unit) == (None, None)
    assert ingredient.text == "clonazepam"


def test_an_ingredient_by_reference_takes_the_codes_of_its_medication() -> None:
    medication = {
        "resourceType": "Medication",
        "ingredient": [
            {
                "itemReference": {"reference": "Medication/i1"},
                "strength": {"numerator": {"value": 1, "unit": "mg"}},
            },
            {"itemReference": {"reference": "Substance/s1", "display": "lactose"}},
            {"itemCodeableConcept": {"text": "not in it"}, "isActive": False},
        ],
        "form": {"coding": [{"display": "Tablet"}]},
    }
    description = describe(
        {"medicationReference": {"reference": "Medication/m1"}},
        Medication_m1=medication,
        Medication_i1={"code": {"coding": [{"system": RXNORM, "code": "2598"}]}},
    )
    first, second = description.ingredients
    assert first.codes == (Coded(RXNORM, "2598", None),)
    assert first.strength_mg == 1
    assert second.text == "lactose"
    drug = recognise(description)
    assert isinstance(drug, Drug)
    assert drug.strength is not None
    assert (drug.strength.mg, drug.strength.per_unit, drug.form) == (1, "tablet", "tablet")


@pytest.mark.parametrize(
    "strength",
    [
        {"strengthRatio": {"numerator": {"value": 5, "unit": "mg"},
                           "denominator": {"value": 10, "unit": "tablet"}}},
        {"strengthQuantity": {"value": Decimal("0.5"), "unit": "mg"}},
        {"strengthQuantity": {"value": 500, "unit": "ug/tablet"}},
    ],
)  # fmt: skip
def test_r5_ingredients_of_a_substance_are_understood(strength: dict[str, Any]) -> None:
    """R5 nests the substance's concept in `code.concept`, and may give the strength alone."""
    reference = {"reference": {"reference": "Substance/s1"}}
    drug = recognise(
        describe(
            {"medication": {"reference": {"reference": "Medication/m1"}}},
            Medication_m1={"ingredient": [{"item": reference, **strength}],
                           "doseForm": {"text": "Tablet"}},
            Substance_s1={"code": {"concept": {"coding": [{"system": RXNORM, "code": "2598"}]}}},
        )
    )  # fmt: skip
    assert isinstance(drug, Drug)
    assert drug.strength is not None
    assert (drug.ingredients, drug.strength.mg) == (("clonazepam",), Fraction(1, 2))


def test_medications_that_refer_to_one_another_end() -> None:
    circle = {"ingredient": [{"itemReference": {"reference": "Medication/m1", "display": "x"}}]}
    description = describe(
        {"medicationReference": {"reference": "Medication/m1"}}, Medication_m1=circle
    )
    assert recognise(description) == Unrecognised(None)


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {"medicationCodeableConcept": None},
        {"medicationCodeableConcept": []},
        {"medicationCodeableConcept": "text"},
        {"medicationCodeableConcept": {"coding": "x", "text": 5}},
        {"medicationCodeableConcept": {"coding": [None, 1, [], {"code": {}, "display": []}]}},
        {"medicationReference": "Medication/1"},
        {"medicationReference": {"reference": 5, "display": {}}},
        {"medicationReference": {"reference": "#a"}, "contained": {"id": "a", "ingredient": 5}},
        {"medicationReference": {"reference": "#a"}, "contained": [None, "a", {"id": ["a"]}]},
        {"medication": [{"concept": 5}]},
        {"medication": "x"},
    ],
)
def test_nonsense_gives_a_nameless_drug_and_never_an_error(resource: dict[str, Any]) -> None:
    assert recognise(drug_description(resource, nowhere)) == Unrecognised(None)


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("MedicationRequest/1", "MedicationRequest/1"),
        ("http://x/fhir/MedicationRequest/1/_history/2", "MedicationRequest/1"),
        ("https://x/fhir/r4/Patient/a.b-C", "Patient/a.b-C"),
        ({"reference": " Patient/1 "}, "Patient/1"),
        ("Patient/1/", "Patient/1"),
        ("Patient/1#part", "Patient/1"),
        ("#contained", "#contained"),
        ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520",) * 2,
        ("1", None),
        ("http://x/fhir/", None),
        ("", None),
        (None, None),
        (5, None),
        ({"identifier": {"value": "x"}}, None),
        (["Patient/1"], None),
    ],
)
def test_a_reference_has_one_key_however_it_is_written(reference: object, key: str | None) -> None:
    assert reference_key(reference) == key


def test_values_of_the_wrong_type_are_empty_and_never_an_error() -> None:
    assert (as_object([1]), as_object(None)) == ({}, {})
    assert (as_list(None), as_list({"a": 1}), as_list([1])) == ([], [{"a": 1}], [1])
    assert (as_text("  "), as_text(5), as_text(" a ")) == (None, None, "a")
    assert (as_bool(True), as_bool("false"), as_bool(1), as_bool("x")) == (True, False, None, None)
    assert [as_code(v) for v in (5, Decimal(5), Decimal("5.5"), True, Decimal("NaN"), " a ")] == [
        *("5", "5", None, None, None, "a")
    ]
    assert as_code(Decimal("1e400")) is None


def test_a_drug_is_recognised_by_the_tables_in_use_also_when_it_was_read_before() -> None:
    concept = {"coding": [{"system": RXNORM, "code": "9999991"}], "text": "zzyx tablet"}
    record = {"resourceType": "MedicationRequest", "medicationCodeableConcept": concept}
    assert drug_of(record, nowhere) == Unrecognised("zzyx tablet")
    assert names_a_foreign_drug(encode(concept))
    name, strengths = "clonazepam zzyx tablet", MappingProxyType({"clonazepam": Fraction(1)})
    own = Product("9999991", "SCD", name, ("clonazepam",), strengths, "tablet", "tablet", None)
    use_site_tables(SiteTables("site", {own.rxcui: own}, {}, {}, frozenset()))
    try:
        drug = drug_of(record, nowhere)
        assert not names_a_foreign_drug(encode(concept))
    finally:
        use_site_tables(None)
    assert isinstance(drug, Drug)
    assert drug.contains("clonazepam")
    assert drug_of(record, nowhere) == Unrecognised("zzyx tablet")
    assert names_a_foreign_drug(encode(concept))


def test_a_concept_of_many_words_names_a_foreign_drug_too() -> None:
    """A long one is read each time and not kept."""
    assert names_a_foreign_drug(encode({"text": "zzyx tablet", "id": "x" * 5000}))
    assert not names_a_foreign_drug(encode(CLONAZEPAM | {"id": "x" * 5000}))
