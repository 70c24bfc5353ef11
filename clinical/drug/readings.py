"""What a record's codes, ingredients and words each say of its drug, before they are weighed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from clinical.codes import MalformedCode, NdcCode
from clinical.drug.description import Coded, DrugDescription, IngredientAsWritten, RecognisedBy
from clinical.drug.forms import form_of, per_unit_of
from clinical.drug.names import LONGEST_NAME, names_something, read_name
from clinical.drug.tables import (
    WORD,
    Product,
    folded,
    ingredients,
    ndc_products,
    products,
    products_of,
)
from clinical.quantities import plain


@dataclass(frozen=True, slots=True)
class Reading:
    """One saying of which drug it is. `said` quotes it for a warning; `exact` is a product code."""

    by: RecognisedBy
    said: str
    ingredients: tuple[str, ...]
    strengths: Mapping[str, Fraction]
    per_unit: str | None
    form: str | None
    brand: str | None = None
    rxcui: str | None = None

    @property
    def relevant(self) -> frozenset[str]:
        """Its ingredients without mere partners in a combination."""
        known = ingredients()
        return frozenset(name for name in self.ingredients if known[name].classes)

    @property
    def exact(self) -> bool:
        """Whether it is the code of one product."""
        return self.rxcui is not None and bool(self.strengths)


RXNORM, _NDC = "rxnorm", "ndc"
_SYSTEMS = {
    "www.nlm.nih.gov/research/umls/rxnorm": RXNORM,
    "nlm.nih.gov/research/umls/rxnorm": RXNORM,
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "2.16.840.1.113883.6.88": RXNORM,
    "rxnorm": RXNORM,
    "hl7.org/fhir/sid/ndc": _NDC,
    "urn:oid:2.16.840.1.113883.6.69": _NDC,
    "2.16.840.1.113883.6.69": _NDC,
    "ndc": _NDC,
}


@lru_cache(maxsize=256)
def code_system(uri: str | None) -> str | None:
    """Which of our two code systems a URI means, in the spellings that EHRs use."""
    if uri is None:
        return None
    bare = uri.strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/")
    return _SYSTEMS.get(bare)


def readings_of(description: DrugDescription) -> tuple[list[Reading], list[str]]:
    """Every saying that names one of our drugs, strongest first, and what names another, quoted."""
    known = [reading for code in description.codes if (reading := _by_coded(code))]
    known.sort(key=lambda reading: (_STRONGEST.index(reading.by), not reading.strengths))
    coded = [reading for reading in known if reading.relevant]
    listed, foreign = _by_ingredients(description)
    foreign = [*(reading.said for reading in known if not reading.relevant), *foreign]
    readings = coded if listed is None else [*coded, listed]
    said_by_code = {products()[r.rxcui].name.lower() for r in known if r.rxcui}
    form = next((r.form for r in coded if r.form), None) or stated_form(description.form_text)
    for by, words in _words_of(description):
        if words.lower() in said_by_code:
            continue  # a code with its own name is one saying
        reading = _by_words(words, by, form)
        if reading is not None and reading.relevant:
            readings.append(reading)
        elif reading is not None or names_something(words):
            foreign.append(f'the {by} says "{_short(words)}"')
    return readings, foreign


def _words_of(description: DrugDescription) -> list[tuple[RecognisedBy, str]]:
    """The displays and the text, each wording once."""
    words: dict[str, RecognisedBy] = {}
    for coded in description.codes:
        if coded.display:
            words.setdefault(coded.display, RecognisedBy.DISPLAY)
    if description.text:
        words.setdefault(description.text, RecognisedBy.TEXT)
    return [(by, said) for said, by in words.items()]


_STRONGEST = list(RecognisedBy)


def _by_coded(coded: Coded) -> Reading | None:
    if coded.code is None:
        return None
    system = code_system(coded.system)
    if system == RXNORM:
        product = products().get(coded.code.strip())
        return by_code(product, RecognisedBy.RXNORM) if product else None
    if system == _NDC:
        try:
            rxcui = ndc_products().get(NdcCode.of(coded.code).value)
        except MalformedCode:
            return None
        product = products().get(rxcui) if rxcui else None
        return by_code(product, RecognisedBy.NDC) if product else None
    return None


def by_code(product: Product, by: RecognisedBy) -> Reading:
    """The reading of a concept that a code named."""
    return Reading(
        by=by,
        said=f"the code {product.rxcui} (RxNorm) means {product.name}"
        if by is RecognisedBy.RXNORM
        else f"the NDC means {product.name}",
        ingredients=product.ingredients,
        strengths=product.strengths,
        per_unit=product.per_unit,
        form=product.form,
        brand=product.brand,
        rxcui=product.rxcui,
    )


def _by_words(words: str, by: RecognisedBy, form: str | None = None) -> Reading | None:
    named = read_name(words, form)
    if named is None:
        return None
    said = f'the {by} says "{_short(words)}"'
    return Reading(
        by, said, named.ingredients, named.strengths, named.per_unit, named.form, named.brand
    )


def _short(words: str) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= _LONGEST_QUOTE else flat[:_LONGEST_QUOTE] + "..."


_LONGEST_QUOTE = 80


def _by_ingredients(description: DrugDescription) -> tuple[Reading | None, list[str]]:
    """The list of ingredients of a Medication as one reading, and a remark where it names only
    others. Others beside one of our drugs are its partners or the lactose of its tablet.
    """
    names: list[str] = []
    strengths: dict[str, Fraction] = {}
    units: set[str | None] = set()
    form = stated_form(description.form_text)
    others: list[str] = []
    for ingredient in description.ingredients:
        reading = _one_ingredient(ingredient)
        if reading is None:
            others += [words for words in _words_for(ingredient) if names_something(words)]
            continue
        names += [name for name in reading.ingredients if name not in names]
        if ingredient.strength_mg is not None and len(reading.ingredients) == 1:
            strengths[reading.ingredients[0]] = ingredient.strength_mg
            units.add(ingredient.per_unit or per_unit_of(form))
        elif reading.strengths:
            strengths.update(reading.strengths)
            units.add(reading.per_unit)
            form = form or reading.form
    if not names:
        return None, [f'the ingredient list says "{_short(words)}"' for words in others[:1]]
    if units == {None} and form is None:
        units = {_usual_unit(names, strengths)}
    per_unit = units.pop() if len(units) == 1 else None
    reading = Reading(
        by=RecognisedBy.INGREDIENT_STRENGTH,
        said=f"the ingredient list says {listing(names, strengths, per_unit)}",
        ingredients=tuple(names),
        strengths=strengths if per_unit else {},
        per_unit=per_unit if strengths else None,
        form=form,
    )
    return (reading, []) if reading.relevant else (None, [reading.said])


def _usual_unit(names: Sequence[str], strengths: Mapping[str, Fraction]) -> str | None:
    """What is counted in every product with these strengths ("0.5 mg" of clonazepam: tablets)."""
    marketed = products_of().get(frozenset(names), ())
    # A plain "1 mg" is never "1 mg/mL".
    units = {p.per_unit for p in marketed if p.strengths == strengths and p.per_unit != "mL"}
    return units.pop() if len(units) == 1 else None


def _one_ingredient(ingredient: IngredientAsWritten) -> Reading | None:
    for coded in ingredient.codes:
        reading = _by_coded(coded)
        if reading is not None:
            return reading
    for words in _words_for(ingredient):
        reading = _by_words(words, RecognisedBy.TEXT)
        if reading is not None:
            return reading
    return None


def _words_for(ingredient: IngredientAsWritten) -> list[str]:
    written = (*(coded.display for coded in ingredient.codes), ingredient.text)
    return [words for words in written if words]


def name_as_written(description: DrugDescription) -> str | None:
    """The drug as written, from what names one; None when nothing does."""
    written = (
        description.text,
        *(coded.display for coded in description.codes),
        *(ingredient.text for ingredient in description.ingredients),
        *(coded.display for ingredient in description.ingredients for coded in ingredient.codes),
    )
    named = next((words for words in written if words and names_something(words)), None)
    return None if named is None else named.strip()[:LONGEST_NAME]


def stated_form(words: str | None) -> str | None:
    """The form in words of its own, as in Medication.form."""
    return form_of(WORD.findall(folded(words))) if words else None


def listing(names: Sequence[str], strengths: Mapping[str, Fraction], per_unit: str | None) -> str:
    """Ingredients with their strengths: "oxycodone 5 mg / acetaminophen 325 mg"."""
    per = f"/{per_unit}" if per_unit in {"mL", "hour"} else ""
    return " / ".join(
        f"{name} {plain(strengths[name])} mg{per}" if name in strengths else name for name in names
    )
