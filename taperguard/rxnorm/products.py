"""From concepts and relations to rows of a table of products.

What a product is made of comes from the relations, how much of it from its components'
strengths; both are held against the product's own name and strength, and where they disagree
the strength is left out and told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType

from clinical.codes import MalformedCode, NdcCode
from clinical.drug.forms import per_unit_of
from clinical.drug.names import read_name
from clinical.drug.readings import stated_form
from clinical.drug.tables import WORD, Product, folded, names, shipped_ingredients
from clinical.quantities import MalformedQuantity, exact
from taperguard.rxnorm.concepts import DOSE_FORM, Concept, Relation, Terminology
from taperguard.rxnorm.release import ATTRIBUTES, Release

STRENGTH, AVAILABLE, NDC = b"RXN_STRENGTH", b"RXN_AVAILABLE_STRENGTH", b"NDC"
_MADE = frozenset({"SCD", "SBD"})
_PACKS = frozenset({"GPCK", "BPCK"})
_BRANDED = frozenset({"SBD", "SBDC", "SBDF", "SBDG", "BPCK", "BN"})
_PACKAGED = _MADE | _PACKS

_AMOUNT = re.compile(r"(\d*\.?\d+) (MG|MCG|UG|G|GM)(?:/(ML|HR|ACTUAT))?$", re.ASCII)
_IN_MG = {
    **dict.fromkeys(("G", "GM"), Fraction(1000)),
    **dict.fromkeys(("MCG", "UG"), Fraction(1, 1000)),
    "MG": Fraction(1),
}
_PER = {"ML": "mL", "HR": "hour"}


@dataclass(slots=True)
class Harvest:
    """What a release gave: rows and packages, and what a pharmacist should look at."""

    products: dict[str, Product] = field(default_factory=dict)
    ndc: dict[str, str] | None = None
    not_found: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    malformed_ndcs: int = 0
    disputed_ndcs: list[str] = field(default_factory=list)


def harvest(terminology: Terminology, release: Release, *, with_ndc: bool) -> Harvest:
    """Every concept with one of our ingredients, from one pass over the attributes."""
    maker = _Maker(terminology)
    found = Harvest(not_found=maker.not_found)
    strengths, available, packages = _attributes(release, maker, with_ndc=with_ndc)
    maker.strengths, maker.available = strengths, available
    for rxcui in sorted(maker.wanted):
        found.products[str(rxcui)] = maker.product(rxcui)
    for rxcui in maker.partners_of(found.products.values()):
        found.products[str(rxcui)] = maker.product(rxcui)
    found.doubtful = maker.doubtful
    if with_ndc:
        found.ndc = _settle(packages, found)
    return found


def _attributes(
    release: Release, maker: _Maker, *, with_ndc: bool
) -> tuple[dict[int, str], dict[int, str], dict[str, set[int]]]:
    components, wanted = maker.components(), maker.wanted
    packaged = {r for r in wanted if with_ndc and maker.concepts[r].term_type in _PACKAGED}
    strengths: dict[int, str] = {}
    available: dict[int, str] = {}
    packages: dict[str, set[int]] = defaultdict(set)
    for row in release.rows(ATTRIBUTES):
        attribute, value = row[8], row[10]
        if attribute not in {STRENGTH, AVAILABLE, NDC} or row[11] not in {b"N", b""}:
            continue
        rxcui = int(row[0]) if row[0].isdigit() else 0
        if attribute == STRENGTH and rxcui in components:
            strengths[rxcui] = value.decode("utf-8", "replace")
        elif attribute == AVAILABLE and rxcui in wanted:
            available[rxcui] = value.decode("utf-8", "replace")
        elif attribute == NDC and rxcui in packaged:
            packages[value.decode("utf-8", "replace")].add(rxcui)
    return strengths, available, packages


def _settle(packages: Mapping[str, set[int]], found: Harvest) -> dict[str, str]:
    """One product for each package: of several the branded one, unless they are two drugs."""
    settled: dict[str, str] = {}
    for written in sorted(packages):
        codes = sorted(packages[written])
        try:
            ndc = NdcCode.of(written).value
        except MalformedCode:
            found.malformed_ndcs += 1
            continue
        held = [found.products[str(code)] for code in codes]
        if len({(p.ingredients, tuple(sorted(p.strengths.items()))) for p in held}) > 1:
            found.disputed_ndcs.append(f"{ndc}: {', '.join(map(str, codes))}")
            continue
        branded = [product.rxcui for product in held if product.term_type in _BRANDED]
        settled[ndc] = (branded or [held[0].rxcui])[0]
    return settled


class _Maker:
    """Walks the relations. Ingredients are known by our generic names, partners by RxNorm's."""

    def __init__(self, terminology: Terminology) -> None:
        self.concepts = terminology.concepts
        targets = {relation: terminology.targets(relation) for relation in Relation}
        self._of = targets
        self._generic, self.not_found = _our_names(self.concepts)
        self._ours = {
            rxcui
            for rxcui, name in self._generic.items()
            if name in shipped_ingredients() and shipped_ingredients()[name].classes
        }
        self._made_of: dict[int, frozenset[int]] = {}
        self.strengths: Mapping[int, str] = {}
        self.available: Mapping[int, str] = {}
        self.doubtful: list[str] = []
        self._by_name: dict[int, tuple[str, ...]] = {}
        self.wanted = {rxcui for rxcui in self.concepts if self._is_wanted(rxcui)}
        self._depots = self._generics_of_depots()

    def _is_wanted(self, rxcui: int) -> bool:
        concept = self.concepts[rxcui]
        if concept.term_type == DOSE_FORM:
            return False
        made_of = self.made_of(rxcui)
        if made_of:
            return not self._ours.isdisjoint(made_of)
        if not concept.retired:
            return False
        # RxNorm takes the relations of an obsolete concept away; its name still says what it was.
        named = read_name(concept.name)
        if named is None or not any(shipped_ingredients()[n].classes for n in named.ingredients):
            return False
        self._by_name[rxcui] = named.ingredients
        return True

    def components(self) -> set[int]:
        """The components (SCDC) whose strengths are needed."""
        consists_of = self._of[Relation.CONSISTS_OF]
        found = {code for rxcui in self.wanted for code in consists_of.get(rxcui, ())}
        return found | {r for r in self.wanted if self.concepts[r].term_type == "SCDC"}

    def partners_of(self, products: Iterable[Product]) -> list[int]:
        """The codes of the other ingredients in combination with ours."""
        used = {name for product in products for name in product.ingredients}
        codes = {n: rxcui for rxcui, n in sorted(self._generic.items(), reverse=True)}
        return sorted(r for n, r in codes.items() if n in used and r not in self._ours)

    def made_of(self, rxcui: int, depth: int = 0) -> frozenset[int]:
        """The ingredients (IN) of a concept; empty where the relations do not lead to any."""
        if rxcui in self._made_of:
            return self._made_of[rxcui]
        concept = self.concepts[rxcui]
        if concept.term_type == "IN":
            found = frozenset({rxcui})
        elif depth > _DEEPEST:
            return frozenset()
        else:
            found = frozenset(
                ingredient
                for target in self._parts(rxcui, concept)
                for ingredient in self.made_of(target, depth + 1)
            )
        self._made_of[rxcui] = found
        return found

    def _parts(self, rxcui: int, concept: Concept) -> list[int]:
        for relation in _WAYS.get(concept.term_type, ()):
            parts = [
                target
                for target in self._of[relation].get(rxcui, ())
                # A brand may cover more than this product of it.
                if self.concepts[target].term_type not in {"BN", "SBDC", DOSE_FORM}
            ]
            if parts:
                return parts
        return []

    def product(self, rxcui: int) -> Product:
        """The concept as it will stand in the table."""
        concept = self.concepts[rxcui]
        generic = self._by_name.get(rxcui) or tuple(
            self._generic[code] for code in self.made_of(rxcui)
        )
        ingredients = _in_order(generic, concept.name)
        form = self._form(rxcui, concept)
        strengths, per_unit = self._strengths(rxcui, concept, form)
        return Product(
            rxcui=str(rxcui),
            term_type=concept.term_type,
            name=self._generic[rxcui] if concept.term_type == "IN" else concept.name,
            ingredients=ingredients,
            strengths=MappingProxyType(strengths),
            per_unit=per_unit,
            form=form,
            brand=self._brand(rxcui, concept),
            retired=concept.retired,
        )

    def _brand(self, rxcui: int, concept: Concept) -> str | None:
        if concept.term_type not in _BRANDED:
            return None
        if concept.term_type == "BN":
            return concept.name
        for code in self._of[Relation.HAS_INGREDIENT].get(rxcui, ()):
            if self.concepts[code].term_type == "BN":
                return self.concepts[code].name
        written = re.search(r"\[([^\[\]]+)\]\s*$", concept.name)
        return written[1] if written else None

    def _form(self, rxcui: int, concept: Concept) -> str | None:
        if concept.term_type in _PACKS:
            return "pack"
        if concept.term_type in {"IN", "PIN", "MIN", "BN", "SCDC", "SBDC", "SCDG", "SBDG"}:
            return None
        if rxcui in self._depots:
            return "depot injection"
        named = read_name(concept.name)
        if named is not None and named.form is not None:
            return named.form
        forms = (self.concepts[c].name for c in self._of[Relation.HAS_DOSE_FORM].get(rxcui, ()))
        return next(filter(None, map(stated_form, forms)), None)

    def _generics_of_depots(self) -> set[int]:
        """Generic products whose brand is a depot: the name of the generic does not say it."""
        return {
            code
            for rxcui in self.wanted
            if self.concepts[rxcui].term_type == "SBD"
            and (named := read_name(self.concepts[rxcui].name)) is not None
            and named.form == "depot injection"
            for code in self._of[Relation.TRADENAME_OF].get(rxcui, ())
        }

    def _strengths(
        self, rxcui: int, concept: Concept, form: str | None
    ) -> tuple[dict[str, Fraction], str | None]:
        nothing: tuple[dict[str, Fraction], str | None] = ({}, None)
        if concept.term_type not in _MADE:
            return nothing
        read = self._of_components(rxcui) if rxcui not in self._by_name else None
        named = read_name(concept.name)
        if read is None:
            # Obsolete, and without relations: what the name says is all there is.
            if named is None or not concept.retired or not named.strengths:
                return nothing
            return dict(named.strengths), named.per_unit
        strengths, per = read
        per_unit = _unit(per, form)
        if per_unit is None:
            return nothing
        if problem := self._disagreement(rxcui, concept, strengths, per_unit):
            self.doubtful.append(f"{rxcui} {concept.name}: {problem}; no strength is used")
            return nothing
        return strengths, per_unit

    def _of_components(self, rxcui: int) -> tuple[dict[str, Fraction], str | None] | None:
        """Mg of each ingredient, salts added up, and "ML", "HR" or nothing; None if not all."""
        strengths: dict[str, Fraction] = {}
        pers: set[str | None] = set()
        parts = self._parts(rxcui, self.concepts[rxcui])
        while parts and all(self.concepts[p].term_type in _MADE for p in parts):
            parts = self._parts(parts[0], self.concepts[parts[0]])  # by way of the generic product
        for code in parts:
            amount = _amount(self.strengths.get(code) or self.concepts[code].name)
            made_of = self.made_of(code)
            if amount is None or len(made_of) != 1:
                return None
            mg, per = amount
            name = self._generic[next(iter(made_of))]
            strengths[name] = strengths.get(name, Fraction(0)) + mg
            pers.add(per)
        return (strengths, pers.pop()) if len(pers) == 1 else None

    def _disagreement(
        self, rxcui: int, concept: Concept, strengths: Mapping[str, Fraction], per_unit: str
    ) -> str | None:
        named = read_name(concept.name)
        if named is not None and set(named.ingredients) == set(strengths) and named.strengths:
            said = {(name, mg) for name, mg in named.strengths.items()}
            if said != set(strengths.items()) and named.per_unit in {None, per_unit}:
                return "its name and its components have different strengths"
        written = [_amount(part.strip()) for part in self.available.get(rxcui, "").split(" / ")]
        amounts = [amount[0] for amount in written if amount is not None]
        if len(amounts) == len(written) and sum(amounts) != sum(strengths.values()):
            return "its available strength is not that of its components"
        return None


_DEEPEST = 6
_WAYS = {
    "SCD": (Relation.CONSISTS_OF,),
    "SBD": (Relation.CONSISTS_OF, Relation.TRADENAME_OF),
    "SCDC": (Relation.HAS_INGREDIENT,),
    "SBDC": (Relation.TRADENAME_OF,),
    "SCDF": (Relation.HAS_INGREDIENT,),
    "SCDG": (Relation.HAS_INGREDIENT,),
    "SBDF": (Relation.TRADENAME_OF,),
    "SBDG": (Relation.TRADENAME_OF,),
    "GPCK": (Relation.CONTAINS,),
    "BPCK": (Relation.CONTAINS, Relation.TRADENAME_OF),
    "BN": (Relation.TRADENAME_OF,),
    "PIN": (Relation.FORM_OF,),
    "MIN": (Relation.HAS_PART,),
}
"""By which relation each type leads to its ingredients, the closest first."""


def _our_names(concepts: Mapping[int, Concept]) -> tuple[dict[int, str], list[str]]:
    """Each ingredient (IN) by the name that we use, and those of ours that are not there.

    By our code where we have one, else by the name or a synonym; a partner by its own name.
    """
    by_code = {int(i.rxcui): i.name for i in shipped_ingredients().values() if i.rxcui}
    by_name = {
        " ".join(name.words): name.ingredients[0]
        for held in names().values()
        for name in held
        if len(name.ingredients) == 1 and name.brand is None
    }
    found: dict[int, str] = {}
    for rxcui, concept in concepts.items():
        if concept.term_type == "IN":
            own = folded(concept.name)
            ours = by_code.get(rxcui) or by_name.get(" ".join(WORD.findall(own)))
            found[rxcui] = ours or own
    return found, sorted(set(shipped_ingredients()) - set(found.values()))


def _in_order(ingredients: tuple[str, ...], name: str) -> tuple[str, ...]:
    """In the order in which the name has them."""
    text = folded(name)
    places = {i: text.find(i) for i in set(ingredients)}
    return tuple(sorted(places, key=lambda i: (places[i] < 0, places[i], i)))


def _amount(text: str) -> tuple[Fraction, str | None] | None:
    """The mg at the end of a text, and what they are in: "clonazepam 0.1 MG/ML"."""
    found = _AMOUNT.search(text)
    if found is None:
        return None
    try:
        number = exact(found[1])
    except MalformedQuantity:
        return None
    return (number * _IN_MG[found[2]], found[3]) if number else None


def _unit(per: str | None, form: str | None) -> str | None:
    """What a strength is counted in, for a product of this form."""
    if per in _PER:
        return _PER[per]
    if per == "ACTUAT":
        if form is not None and "spray" in form:
            return "spray"
        return "puff" if form == "inhaler" else "actuation"
    counted = per_unit_of(form)
    if counted is None and form is not None and "injection" in form:
        return "vial"
    return counted
