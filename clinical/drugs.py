"""From a code, an ingredient or a name to a drug we know - or to what we could not recognise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache

from clinical.drug import tables
from clinical.drug.description import Coded, DrugDescription, IngredientAsWritten, RecognisedBy
from clinical.drug.forms import is_local, is_parenteral
from clinical.drug.names import NamedDrug, read_name
from clinical.drug.readings import (
    RXNORM,
    Reading,
    by_code,
    code_system,
    listing,
    name_as_written,
    readings_of,
    stated_form,
)
from clinical.drug.tables import Product, SiteTables, ingredients, products
from clinical.quantities import plain

__all__ = [
    "SEDATING",
    "Coded",
    "Drug",
    "DrugDescription",
    "IngredientAsWritten",
    "RecognisedBy",
    "Strength",
    "Unrecognised",
    "ingredients_of_class",
    "is_local",
    "is_rescue_naloxone",
    "is_systemic_opioid",
    "morphine_equivalent_factor",
    "named_ingredients",
    "patch_morphine_equivalent",
    "recognise",
    "sedating_ingredients",
    "strength_ingredient",
    "treats_opioid_use_disorder",
    "use_site_tables",
]


def use_site_tables(site: SiteTables | None) -> None:
    """Recognise drugs by a site's own tables over the shipped ones; None: by the shipped alone.

    The gate calls this once, before the first drug is recognised.
    """
    tables.use_site_tables(site)
    _read.cache_clear()
    _of_product.cache_clear()


@dataclass(frozen=True, slots=True)
class Strength:
    """mg of the (first listed) ingredient per one `per_unit`: "tablet", "mL", "patch", "film"."""

    mg: Fraction
    per_unit: str


@dataclass(frozen=True, slots=True)
class Drug:
    """A drug we know.

    `ingredients` are generic names, lower case, sorted. `classes` are the ids of
    `clinical/knowledge/ingredients.csv` ("benzodiazepine", "opioid", "opioid-antagonist", ...),
    of all ingredients together. `cns_active` are those ingredients that BEERS23 counts.
    `name` is what a person would call it. `rxcui` is the product's or the ingredient's.
    `warnings` hold sentences about conflicts (a code that says something else than the name);
    `disputed` are the ingredients that the other side of such a conflict names.
    """

    name: str
    ingredients: tuple[str, ...]
    classes: frozenset[str]
    cns_active: frozenset[str]
    recognised_by: RecognisedBy
    rxcui: str | None = None
    strength: Strength | None = None
    form: str | None = None
    warnings: tuple[str, ...] = ()
    disputed: tuple[str, ...] = ()

    def contains(self, ingredient: str) -> bool:
        """Whether the drug contains this ingredient (generic name, lower case)."""
        return ingredient in self.ingredients


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """Not one of the drugs we know.

    `named` is the drug as written when the record names one ("Lisinopril 10 MG Oral Tablet");
    None when nothing in the record identifies it, so that it may be anything.
    """

    named: str | None


def recognise(description: DrugDescription) -> Drug | Unrecognised:
    """The drug that a record describes (CLINICAL section 1).

    Codes, ingredients, displays and text are all read. Where they disagree the reading of
    concern is taken (clonazepam, then an opioid), of two strengths the higher, and a warning
    says both. A drug outside our tables is Unrecognised, with its name where it has one.
    """
    if _is_long(description):
        return _read.__wrapped__(description)
    return _read(description)


_MOST_CODES, _LONGEST_WORDS = 20, 400
"""Beyond them a description is no usual one, and is read without being kept."""


def _is_long(description: DrugDescription) -> bool:
    codes, words = list(description.codes), [description.text, description.form_text]
    for ingredient in description.ingredients:
        codes += ingredient.codes
        words.append(ingredient.text)
    if len(codes) + len(description.ingredients) > _MOST_CODES:
        return True
    for coded in codes:
        words += coded
    return max(map(len, filter(None, words)), default=0) > _LONGEST_WORDS


@lru_cache(maxsize=4096)
def _read(description: DrugDescription) -> Drug | Unrecognised:
    """Kept, for a population has few drugs and many records of each."""
    drug = _plainly_coded(description)
    if drug is not None:
        return drug
    readings, foreign = readings_of(description)
    if not readings:
        return Unrecognised(name_as_written(description))
    return _weigh(readings, foreign, description)


def _plainly_coded(description: DrugDescription) -> Drug | None:
    """The usual case, fast: one product code, and words that say the same or nothing."""
    if description.ingredients or len(description.codes) != 1:
        return None
    coded = description.codes[0]
    if coded.code is None or code_system(coded.system) != RXNORM:
        return None
    product = products().get(coded.code)
    if product is None or not product.strengths or product.form is None:
        return None
    for words in {coded.display, description.text}:
        if words is not None and words.lower() != product.name.lower():
            named = read_name(words)
            if named is None or not _says(named, product):
                return None
    return _of_product(coded.code)


def _says(named: NamedDrug, product: Product) -> bool:
    """Whether a name says this product, or the same without its strength."""
    if set(named.ingredients) != set(product.ingredients):
        return False
    if not named.strengths:
        return True
    return named.strengths == product.strengths and named.per_unit == product.per_unit


@cache
def _of_product(rxcui: str) -> Drug:
    reading = by_code(products()[rxcui], RecognisedBy.RXNORM)
    return _drug(reading, [reading], _strength(reading), reading.form, ())


# Weighing what was said.

_CONCERN = ("opioid", "benzodiazepine")


def _concern(names: Iterable[str]) -> int:
    """0 for clonazepam, then opioids, benzodiazepines, the rest (CLINICAL sections 1 and 3)."""
    held = set(names)
    if "clonazepam" in held:
        return 0
    classes = _classes(held)
    return next((i for i, c in enumerate(_CONCERN, start=1) if c in classes), len(_CONCERN) + 1)


def _weigh(
    readings: Sequence[Reading], foreign: Sequence[str], description: DrugDescription
) -> Drug:
    chosen = min(readings, key=lambda reading: _concern(reading.ingredients))
    agreeing = [reading for reading in readings if _agree(chosen, reading)]
    odd = [reading.said for reading in readings if reading not in agreeing] + list(foreign)
    taken = "/".join(sorted(set(chosen.ingredients)))
    warnings = [_sentence(f"{chosen.said}, but {said}; it is taken as {taken}") for said in odd]
    disputed = {n for r in readings if r not in agreeing for n in r.ingredients}
    strength, differing = _highest(agreeing)
    warnings += differing
    form = next((r.form for r in agreeing if r.form), None) or stated_form(description.form_text)
    drug = _drug(chosen, agreeing, strength, form, _few(warnings), one_product=not differing)
    return replace(drug, disputed=tuple(sorted(disputed - set(drug.ingredients))))


_MOST_WARNINGS = 10


def _few(warnings: Sequence[str]) -> tuple[str, ...]:
    unique = list(dict.fromkeys(warnings))
    if len(unique) <= _MOST_WARNINGS:
        return tuple(unique)
    more = len(unique) - _MOST_WARNINGS
    return (*unique[:_MOST_WARNINGS], f"And {more} more conflicts between its names and codes.")


def _agree(chosen: Reading, other: Reading) -> bool:
    """Whether two readings can be one drug: the same, or one of them merely named in part."""
    if other.exact and chosen.exact:
        return set(other.ingredients) == set(chosen.ingredients)
    if chosen.exact:
        return set(other.ingredients) <= set(chosen.ingredients)
    if other.exact:
        return set(other.ingredients) >= set(chosen.ingredients)
    return other.relevant <= chosen.relevant or other.relevant >= chosen.relevant


def _highest(agreeing: Sequence[Reading]) -> tuple[Strength | None, list[str]]:
    """The strength, the highest where several are said, and sentences where they differ."""
    said = [(s, r.said) for r in agreeing if (s := _strength(r)) is not None]
    if not said:
        return None, []
    first, first_said = said[0]
    best, best_said = first, first_said
    differing = []
    for strength, words in said[1:]:
        if strength.per_unit != first.per_unit:
            if {strength.per_unit, first.per_unit}.isdisjoint(_FLUID):
                continue
            if not {strength.per_unit, first.per_unit} <= _FLUID:
                differing.append(_sentence(f"{first_said}, but {words}; the strength is uncertain"))
        elif strength.mg != best.mg:
            higher = max(strength.mg, best.mg)
            differing.append(
                _sentence(f"{best_said}, but {words}; the higher, {plain(higher)} mg, is used")
            )
            if strength.mg > best.mg:
                best, best_said = strength, words
    return best, differing


_FLUID = frozenset({"mL", "vial", "spray", "puff", "actuation"})
"""Units in which one and the same fluid is counted, so that differing ones are no conflict."""


def _strength(reading: Reading) -> Strength | None:
    lead = _lead(reading.ingredients)
    mg = None if lead is None else reading.strengths.get(lead)
    return None if mg is None or reading.per_unit is None else Strength(mg, reading.per_unit)


def _lead(names: Iterable[str]) -> str | None:
    """The ingredient whose strength stands for the drug: the one of concern, if only one is."""
    known = ingredients()
    relevant = [name for name in dict.fromkeys(names) if known[name].classes]
    if not relevant:
        return None
    ranked = {name: (_concern([name]), not known[name].cns_active) for name in relevant}
    best = [name for name in relevant if ranked[name] == min(ranked.values())]
    return best[0] if len(best) == 1 else None


def _drug(
    chosen: Reading,
    agreeing: Sequence[Reading],
    strength: Strength | None,
    form: str | None,
    warnings: tuple[str, ...],
    *,
    one_product: bool = True,
) -> Drug:
    if chosen.exact:
        names: tuple[str, ...] = chosen.ingredients
    else:
        names = tuple(dict.fromkeys(name for r in agreeing for name in r.ingredients))
    known = ingredients()
    product = next((r for r in agreeing if r.exact), None)
    coded = product or next((r for r in agreeing if r.rxcui), None)
    rxcui = coded.rxcui if coded else None
    if not one_product and len(names) == 1:
        rxcui = known[names[0]].rxcui  # two products are said; only the ingredient is certain
    return Drug(
        name=_spoken(agreeing, names, strength, form),
        ingredients=tuple(sorted(names)),
        classes=_classes(names),
        cns_active=frozenset(name for name in names if known[name].cns_active),
        recognised_by=agreeing[0].by,
        rxcui=rxcui,
        strength=strength,
        form=form,
        warnings=warnings,
    )


def _classes(names: Iterable[str]) -> frozenset[str]:
    known = ingredients()
    return frozenset(c for name in names for c in known[name].classes)


def _spoken(
    agreeing: Sequence[Reading], names: Sequence[str], strength: Strength | None, form: str | None
) -> str:
    """The drug as a person would call it: "oxycodone 5 mg / acetaminophen 325 mg tablet"."""
    said = [r for r in agreeing if strength is not None and _strength(r) == strength]
    fullest = max(said, key=lambda r: len(r.strengths), default=None)
    if fullest is None:
        return " / ".join(names) + (f" {form}" if form else "")
    words = listing(names, fullest.strengths, fullest.per_unit)
    return f"{words} {form}" if form else words


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


# Questions about a drug that is known.


def is_systemic_opioid(drug: Drug) -> bool:
    """Whether it holds an opioid agonist or partial agonist, by whatever route (CLINICAL 3).

    Antagonists, peripherally acting antagonists, loperamide and dextromethorphan are none;
    a combination with naloxone or naltrexone stays one for its agonist. Where code and name
    disagree and one of them says an opioid, it counts as one.
    """
    return "opioid" in drug.classes or "opioid" in _classes(drug.disputed)


SEDATING = (
    "benzodiazepine",
    "z-drug",
    "barbiturate",
    "gabapentinoid",
    "muscle-relaxant",
    "sedating-antipsychotic",
    "sedating-antihistamine",
    "tricyclic",
    "orexin-antagonist",
    "other-sedative",
)
"""Drug classes that sedate beside clonazepam, in the order in which they are named (CLINICAL 4).

Not opioids, which have a check of their own, and not SSRIs, SNRIs or antiepileptics as such.
"""


def sedating_ingredients(drug: Drug) -> dict[str, int]:
    """Its ingredients that sedate, each with the place of its class in `SEDATING`."""
    found = {}
    for name in drug.ingredients:
        places = [SEDATING.index(c) for c in ingredients()[name].classes if c in SEDATING]
        if places:
            found[name] = min(places)
    return found


def ingredients_of_class(drug: Drug, drug_class: str) -> tuple[str, ...]:
    """Its ingredients that belong to a class of `knowledge/ingredients.csv`."""
    return tuple(n for n in drug.ingredients if drug_class in ingredients()[n].classes)


def named_ingredients(drug: Drug, drug_class: str) -> str:
    """What to call the drug as a member of a class: all its ingredients, or the disputed ones."""
    if drug_class in drug.classes:
        return "/".join(drug.ingredients)
    return "/".join(n for n in drug.disputed if drug_class in ingredients()[n].classes)


def treats_opioid_use_disorder(drug: Drug, reasons: frozenset[str]) -> bool:
    """Whether this opioid is a treatment of opioid use disorder (CLINICAL 3).

    Buprenorphine under the tongue or as a depot, alone or with naloxone; not the patch, and
    not the buccal film for pain. Methadone, and buprenorphine of an unstated form, only with
    the condition or reason `opioid_use_disorder` in `reasons`.
    """
    opioids = {name for name in drug.ingredients if "opioid" in ingredients()[name].classes}
    has_reason = "opioid_use_disorder" in reasons
    if opioids == {"methadone"}:
        return has_reason
    if opioids != {"buprenorphine"}:
        return False
    if drug.contains("naloxone"):
        return True
    form = drug.form
    if form is None:
        return has_reason
    # Buprenorphine tablets are all for under the tongue; prefilled syringes of it are all depots.
    return form.startswith(("sublingual", "depot", "implant", "prefilled")) or form == "tablet"


def is_rescue_naloxone(drug: Drug) -> bool:
    """Naloxone or nalmefene alone, to spray or inject; inside a combination it is no rescue."""
    if not set(drug.ingredients) <= {"naloxone", "nalmefene"}:
        return False
    return drug.form is None or "spray" in drug.form or is_parenteral(drug.form)


def strength_ingredient(drug: Drug) -> str | None:
    """The ingredient that `drug.strength` is of: clonazepam, else the opioid, else the
    benzodiazepine, else the only CNS-active one; None where none of them stands out.
    """
    return _lead(drug.ingredients)


_NOT_SWALLOWED = (
    *("spray", "suppository", "patch", "implant", "topical", "buccal", "sublingual"),
    *("enema", "rectal", "inhaler"),
)
"""Forms (parts of their names) to which a factor for doses by mouth does not apply."""


def morphine_equivalent_factor(drug: Drug, ingredient: str) -> Fraction | None:
    """Oral morphine mg per mg of the ingredient by mouth (CDC22), or None.

    None where the table has no factor, and for a form that is not swallowed. A drug of unstated
    form is taken as swallowed: the caller knows the order's route. Fentanyl has a factor for
    patches only: `patch_morphine_equivalent`.
    """
    entry = ingredients().get(ingredient) if drug.contains(ingredient) else None
    if entry is None or entry.mme_basis != "mg oral":
        return None
    if drug.form and (
        is_parenteral(drug.form) or any(word in drug.form for word in _NOT_SWALLOWED)
    ):
        return None
    return entry.mme_factor


def patch_morphine_equivalent(drug: Drug) -> Fraction | None:
    """Oral morphine mg per day of one patch while it is worn (CDC22), or None.

    From the release in mcg per hour, which is the strength of a patch ("hour").
    """
    lead = _lead(drug.ingredients)
    entry = ingredients().get(lead) if lead else None
    if entry is None or entry.mme_factor is None or entry.mme_basis != "mcg/h transdermal":
        return None
    if drug.strength is None or drug.strength.per_unit != "hour":
        return None
    return drug.strength.mg * 1000 * entry.mme_factor
