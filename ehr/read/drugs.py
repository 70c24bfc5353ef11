"""How a medication record names its drug -> DrugDescription (FHIR R4, medication[x]).

Read are R4's medicationCodeableConcept and medicationReference, R5's medication with concept
or reference, and STU3's shapes. A reference leads to a contained Medication, to one that the
`lookup` knows, or at least to its own display.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from clinical.dosage import UnitKind
from clinical.dosing.units import known_unit
from clinical.drug.forms import per_unit_of
from clinical.drug.readings import stated_form
from clinical.drug.tables import tables_in_use
from clinical.drugs import (
    Coded,
    Drug,
    DrugDescription,
    IngredientAsWritten,
    Unrecognised,
    recognise,
)
from clinical.quantities import MalformedQuantity, exact
from ehr.read.alike import LONGEST_KEPT, MOST_KEPT, ReadOnce
from ehr.read.conditions import codes_of
from ehr.read.json import as_code, as_list, as_object, as_text, reference_key

Lookup = Callable[[str], dict[str, Any] | None]
"""From "Medication/1" to the resource, or None."""

_DEEPEST = 3
"""Medications within medications that are followed; deeper ones are a circle or a mistake."""


def drug_description(resource: dict[str, Any], lookup: Lookup) -> DrugDescription:
    """Codes, words, ingredients and form of the record's drug. Never raises.

    Whatever cannot be read is left out: a record without any name gives an empty description.
    """
    plain = resource.get("medicationCodeableConcept")
    if isinstance(plain, dict) and plain and _ELSEWHERE.isdisjoint(resource):
        return _of_concept(plain)  # as most records have it
    if as_text(resource.get("resourceType")) == "Medication":
        return _of_medication(resource, lookup, resource, 0)
    both = as_object(resource.get("medication"))
    concept = as_object(resource.get("medicationCodeableConcept")) or as_object(both.get("concept"))
    reference = as_object(resource.get("medicationReference")) or as_object(both.get("reference"))
    if not concept and ("coding" in both or "text" in both):
        concept = both
    if not reference and ("reference" in both or "display" in both):
        reference = both if isinstance(both.get("reference"), str) else reference
    described = DrugDescription(codes_of(concept), _text_of(concept))
    if not reference:
        return described
    return _joined(described, _of_reference(reference, resource, lookup, 0))


def drug_of(resource: dict[str, Any], lookup: Lookup) -> Drug | Unrecognised:
    """The drug of a record. Never raises."""
    return recognise(drug_description(resource, lookup))


def names_a_foreign_drug(concept: bytes) -> bool:
    """Whether this CodeableConcept, as JSON, names a drug and none of ours. Raises NotJson."""
    if len(concept) > LONGEST_KEPT:
        return is_foreign(recognise(_of_concept.of_json(concept)))
    return _is_kept_as_foreign(concept, tables_in_use())


@lru_cache(maxsize=MOST_KEPT)
def _is_kept_as_foreign(concept: bytes, _tables: int) -> bool:
    return is_foreign(recognise(_of_concept.of_json(concept)))


def is_foreign(drug: Drug | Unrecognised) -> bool:
    """Whether it is named and none of ours: most of a medication list is that."""
    return isinstance(drug, Unrecognised) and drug.named is not None


# What it is recognised as depends on a site's tables too, and is kept with the number of those.
_of_concept = ReadOnce(lambda concept: DrugDescription(codes_of(concept), _text_of(concept)))
NAMES_A_DRUG_TOO = ("medication", "medicationReference", "code", "ingredient", "product")
"""Elements of a record or of a Medication, beside medicationCodeableConcept.

`ehr.read.sifted` has a field for each, or it would leave out a record that one of them names.
"""
_ELSEWHERE = frozenset(NAMES_A_DRUG_TOO)


def _text_of(concept: object) -> str | None:
    return as_text(concept) or as_text(as_object(concept).get("text"))


def _joined(first: DrugDescription, second: DrugDescription) -> DrugDescription:
    """One description from a concept and a reference that both stand in the record."""
    codes = tuple(dict.fromkeys((*first.codes, *second.codes)))
    extra: tuple[Coded, ...] = ()
    if first.text and second.text and first.text != second.text:
        extra = (Coded(None, None, second.text),)
    return DrugDescription(
        codes=(*codes, *extra),
        text=first.text or second.text,
        ingredients=first.ingredients or second.ingredients,
        form_text=first.form_text or second.form_text,
    )


def _of_reference(
    reference: dict[str, Any], owner: dict[str, Any], lookup: Lookup, depth: int
) -> DrugDescription:
    display = as_text(reference.get("display"))
    medication = None if depth > _DEEPEST else _resolved(reference, owner, lookup)
    if medication is None:
        return DrugDescription(text=display)
    described = _of_medication(medication, lookup, owner, depth)
    if described.text is None:
        return DrugDescription(described.codes, display, described.ingredients, described.form_text)
    return described


def _resolved(
    reference: dict[str, Any], owner: dict[str, Any], lookup: Lookup
) -> dict[str, Any] | None:
    """The Medication that a reference leads to: contained in its owner, or known elsewhere."""
    key = reference_key(reference.get("reference"))
    if key is None:
        return None
    if not key.startswith("#"):
        found = lookup(key)
        return found if isinstance(found, dict) else None
    for contained in map(as_object, as_list(owner.get("contained"))):
        # Some servers write the contained id with its "#".
        if as_text(contained.get("id")) in {key, key[1:]}:
            return contained
    return None


def _of_medication(
    medication: dict[str, Any], lookup: Lookup, owner: dict[str, Any], depth: int
) -> DrugDescription:
    # A Substance of R5 has its concept one level deeper (CodeableReference).
    code = as_object(medication.get("code")).get("concept") or medication.get("code")
    form = as_object(medication.get("form")) or as_object(medication.get("doseForm"))
    product = as_object(medication.get("product"))  # DSTU2 and STU3
    listed = as_list(medication.get("ingredient")) or as_list(product.get("ingredient"))
    form = form or as_object(product.get("form"))
    displays = [coded.display for coded in codes_of(form) if coded.display]
    holder = medication if medication.get("contained") else owner
    return DrugDescription(
        codes=codes_of(code),
        text=_text_of(code),
        ingredients=tuple(
            ingredient
            for item in map(as_object, listed)
            for ingredient in _ingredients(item, lookup, holder, depth)
        ),
        form_text=as_text(form.get("text")) or (displays[0] if displays else None),
    )


def _ingredients(
    item: dict[str, Any], lookup: Lookup, owner: dict[str, Any], depth: int
) -> Iterator[IngredientAsWritten]:
    """One ingredient, by concept or by reference to a Medication or Substance.

    An inactive ingredient (isActive false) is left out; R5 nests concept and reference in item.
    """
    if item.get("isActive") is False:
        return
    nested = as_object(item.get("item"))
    concept = as_object(item.get("itemCodeableConcept")) or as_object(nested.get("concept"))
    reference = as_object(item.get("itemReference")) or as_object(nested.get("reference"))
    if not concept and "coding" in nested:
        concept = nested
    strength, per_unit = _strength(item)
    codes, text = codes_of(concept), _text_of(concept)
    if reference:
        within = _of_reference(reference, owner, lookup, depth + 1)
        codes, text = (*codes, *within.codes), text or within.text
        if strength is None and len(within.ingredients) == 1 and not codes:
            yield from within.ingredients
            return
    if codes or text:
        yield IngredientAsWritten(codes, text, strength, per_unit)


_ANY_COUNT = frozenset({"1", "{each}", "each", "ea", "unit", "{unit}", "unit of the product"})
_HOURS_PER = {
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 1),
    **dict.fromkeys(("d", "day", "days"), 24),
}
"""A patch's strength is what it gives off per hour, or per day."""
_SPRAYED = frozenset({"actuat", "actuation", "actuations"})


def _strength(item: dict[str, Any]) -> tuple[Fraction | None, str | None]:
    """Strength in mg per one unit of the denominator (Ratio); nothing for units that are no mass.

    An absent denominator, or one without a unit, is "per one of the product": 5 mg of a tablet.
    R5 also writes one quantity, of "mg" or of "mg/mL".
    """
    ratio = as_object(item.get("strength")) or as_object(item.get("strengthRatio"))
    if not ratio:
        quantity = as_object(item.get("strengthQuantity")) or as_object(item.get("amount"))
        ratio = quantity if "numerator" in quantity else _as_ratio(quantity)
    milligrams = _milligrams(as_object(ratio.get("numerator")))
    denominator = as_object(ratio.get("denominator"))
    count = _amount(denominator) if "value" in denominator else Fraction(1)
    if milligrams is None or not count or "comparator" in denominator:
        return None, None
    of = _unit(denominator)
    if of is None or of.lower() in _ANY_COUNT:
        return milligrams / count, None
    per_unit, factor = _per(of)
    return (None, None) if per_unit is None else (milligrams / (count * factor), per_unit)


def _as_ratio(quantity: dict[str, Any]) -> dict[str, Any]:
    """A quantity of "mg/mL" as its ratio; any other as a numerator alone."""
    over, _, per = (_unit(quantity) or "").partition("/")
    if not per:
        return {"numerator": quantity}
    numerator = {name: held for name, held in quantity.items() if name not in {"unit", "code"}}
    return {"numerator": {**numerator, "unit": over}, "denominator": {"value": 1, "unit": per}}


def _per(of: str) -> tuple[str | None, Fraction]:
    """The one thing that a strength is counted in, and how many of it the unit is; or None.

    Neither "0.02 mg per mg" nor "2 mg per dose" says how much one piece holds.
    """
    word = of.strip("{}[] ").lower()
    if word in _HOURS_PER:
        return "hour", Fraction(_HOURS_PER[word])
    if word in _SPRAYED:
        return "spray", Fraction(1)
    unit = known_unit(of)
    if unit is None:
        return per_unit_of(stated_form(of)), Fraction(1)  # "oral tablet", "film-coated tablet"
    if unit.kind in {UnitKind.VOLUME, UnitKind.COUNT, UnitKind.UNDEFINED}:
        return unit.name, unit.factor
    return None, Fraction(1)


def _milligrams(quantity: dict[str, Any]) -> Fraction | None:
    value, unit = _amount(quantity), _unit(quantity)
    mass = known_unit(unit) if unit else None
    if value is None or mass is None or mass.name != "mg" or "comparator" in quantity:
        return None
    return value * mass.factor


def _amount(quantity: dict[str, Any]) -> Fraction | None:
    """An exact number; a number that is text or a binary float is none."""
    value = quantity.get("value")
    if not isinstance(value, int | Decimal):
        return None
    try:
        return exact(value)
    except MalformedQuantity:
        return None


def _unit(quantity: dict[str, Any]) -> str | None:
    """The unit's code, or its words where the code is a bare count or not one we know."""
    code, words = as_code(quantity.get("code")), as_text(quantity.get("unit"))
    if code is None or (words is not None and code.lower() in _ANY_COUNT):
        return words or code
    known = code.lower() in _HOURS_PER or known_unit(code) is not None
    return code if known or words is None else words
