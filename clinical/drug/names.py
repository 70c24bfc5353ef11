"""Reading a drug's name as people and systems write it: which drug, how strong, in what form.

Names are matched as whole words, in any letter case; nothing is guessed from part of a word.
A strength is read only where it can mean one thing: an amount that may as well be a dose, or
that belongs to no single ingredient, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from clinical.drug.forms import FORM_WORDS, form_of, is_parenteral, per_unit_of
from clinical.drug.tables import WORD, Product, folded, names, products_of
from clinical.quantities import MalformedQuantity, exact

LONGEST_NAME = 400
"""Characters of a name that are read; what follows is no name of a drug."""


@dataclass(frozen=True, slots=True)
class NamedDrug:
    """What a name tells: `ingredients` in its own order, `strengths` in mg per one `per_unit`."""

    ingredients: tuple[str, ...]
    strengths: Mapping[str, Fraction]
    per_unit: str | None
    form: str | None
    brand: str | None


@dataclass(frozen=True, slots=True)
class _Amounts:
    """Amounts written together ("5-325 mg", "2 mg/mL"), in mg where `in_mg`."""

    values: tuple[Fraction | None, ...]
    per_unit: str | None
    in_mg: bool
    is_dose: bool
    before_form: bool


_NUMBER = r"(?:\d{1,9}(?:[.,]\d{1,9})?|[.,]\d{1,9})(?!\d)"
_UNIT = r"(?:milligrams?|micrograms?|grams?|mgs?|mcgs?|ug|gm?)(?![a-z])"
_VOLUME = r"(?:millilit(?:er|re)s?|mls?|cc)"
_TIME = r"(?:hours?|hrs?|h)"
_ITEM = rf"{_NUMBER}(?!\s*(?:{_VOLUME}|{_TIME}|%)(?![a-z]))(?:\s*{_UNIT})?"
_PER = (
    rf"\s*(?:/|\bper\b)\s*(?P<of>{_NUMBER})?\s*(?P<unit>{_VOLUME}|{_TIME}|actuat(?:ion)?s?|sprays?"
    r"|puffs?|tablets?|tabs?|capsules?|caps?|films?|lozenges?|patch(?:es)?|dose|days?|d|kg|min|mg|g)"
    r"(?![a-z])"
)
_TOKEN = re.compile(
    rf"(?P<amounts>(?<![\d.,]){_ITEM}(?:\s*[-/]\s*{_ITEM})*)(?:{_PER})?|(?P<word>[a-z]+|\d+)"
)
_PART = re.compile(rf"({_NUMBER})\s*({_UNIT})?")
_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}")
"""1,125 is 1125 in the US and 1.125 elsewhere."""

_SALTS = frozenset(
    (
        "hydrochloride hcl sulfate sulphate phosphate bitartrate tartrate maleate citrate "
        "sodium dipotassium potassium polistirex decanoate succinate acetate mesylate "
        "pamoate palmitate enacarbil napsylate hydrobromide methylbromide bromide hbr "
        "calcium terephthalate"
    ).split()
)
_DOSING = frozenset(
    (
        "take takes daily bid tid qid qd qod qhs hs qam qpm nightly every times twice "
        "once thrice bedtime needed prn morning evening night noon day days week weekly "
        "month hour hours hourly od bds tds mane nocte"
    ).split()
)
_PLAIN = (
    frozenset(
        (
            "a an and as at be by for from if in is it its mg mcg ug g gm ml mls cc hr "
            "actuat of on or per so that the this to with without no not none null nil na "
            "n x w c i see comments comment directed instructions instruction note notes "
            "text free order orders ordered prescribed prescription medication "
            "medications medicine medicines med meds drug drugs unknown unspecified other "
            "misc miscellaneous various non nonformulary formulary patient patients own "
            "home supply supplied sig use used using mouth po im iv sc subq orally dose "
            "doses dosage unit units pill pills form product substance qualifier value "
            "item name pending review reviewed continue continued previous current new "
            "same above below disorder generic brand usp strength size count bottle "
            "quantity refill refills tbd tba external list listed reported self "
            "historical documented entry entered please call pharmacy pharmacist doctor "
            "provider physician nurse administer administered apply give given inject "
            "place dissolve swallow half one two three four five six seven eight nine ten "
            "all resume start stop hold taper discontinue discontinued changed increase "
            "decrease until then after before food meal meals water pain painkiller "
            "painkillers sleep sleeping sleeper nerve nerves anxiety panic seizure seizures "
            "spasm spasms muscle relaxer relaxant cough narcotic narcotics opioid opioids "
            "opiate opiates benzo benzos benzodiazepine benzodiazepines sedative sedatives "
            "tranquilizer tranquilizers hypnotic little small big large pink white yellow "
            "blue green orange red round oval her his their my some something strong mild "
            "old"
        ).split()
    )
    | _SALTS
    | _DOSING
    | FORM_WORDS
)
"""Words that stand in many names and instructions and never name a drug by themselves.

Kinds and purposes of the drugs that we look for are among them: "pain pill" may be an opioid, so
it must count as a drug that nothing identifies.
"""

_LOOSE = frozenset({None, "sublingual", "buccal"})
"""Forms that leave open what is counted: a film or a tablet."""

_PER_UNITS = (
    (("m", "cc"), "mL"),
    (("h",), "hour"),
    (("act", "spr"), "spray"),
    (("puff",), "puff"),
    (("tab",), "tablet"),
    (("cap",), "capsule"),
    (("film",), "film"),
    (("loz",), "lozenge"),
    (("patch",), "patch"),
)
_DOSES_PER = frozenset({"day", "days", "d", "kg", "min", "dose", "mg", "g"})


def _beginning(text: str) -> str:
    """The part that is read, cut between words so that no word is cut short."""
    return text if len(text) <= LONGEST_NAME else text[:LONGEST_NAME].rpartition(" ")[0]


def names_something(text: str | None) -> bool:
    """Whether the text holds a word that could be a drug's name.

    "See comments", "take one tablet as directed" and "12345" name nothing.
    """
    if not text:
        return False
    plain = folded(_beginning(text))
    if any(len(word) > 1 and word not in _PLAIN for word in WORD.findall(plain) if word.isalpha()):
        return True
    return any(c.isalpha() and not c.isascii() for c in plain)


def read_name(text: str, stated_form: str | None = None) -> NamedDrug | None:
    """The drug that a name tells, or None when no drug we know is among its words.

    `stated_form` is the form that the record states elsewhere: it tells what "clonazepam 1 mg"
    is counted in, where the name has no form of its own and such a product exists.
    """
    tokens = _tokens(folded(_beginning(text)))
    known = names()
    found: list[tuple[int, int, tuple[str, ...]]] = []
    brand: str | None = None
    brand_form: str | None = None
    at = 0
    while at < len(tokens):
        token = tokens[at]
        length = 1
        for name in known.get(token, ()) if isinstance(token, str) else ():
            if tuple(tokens[at : at + len(name.words)]) == name.words:
                length = len(name.words)
                found.append((at, at + length, name.ingredients))
                brand = brand or name.brand
                brand_form = brand_form or name.form
                break
        at += length
    if not found:
        return None
    words = [token for token in tokens if isinstance(token, str)]
    form = form_of(words)
    if brand_form is not None and _tells_more(brand_form, form):
        form = brand_form
    listed = _distinct(found)
    strengths, per_unit = _strengths(tokens, found, listed, form)
    if form is None and not strengths and stated_form is not None:
        strengths, per_unit = _strengths(tokens, found, listed, stated_form)
        if not _marketed(listed, strengths, per_unit, stated_form):
            strengths = {}
    if form in _LOOSE and strengths:
        form = _only(p.form for p in _marketed(listed, strengths, per_unit, form)) or form
    return NamedDrug(listed, strengths, per_unit if strengths else None, form, brand)


def _tells_more(brand_form: str, form: str | None) -> bool:
    """Whether the brand's one form says more than the words do ("Sublocade injection": depot)."""
    if brand_form == "depot injection" and is_parenteral(form):
        return True
    return form is None or form in brand_form


def _distinct(found: Sequence[tuple[int, int, tuple[str, ...]]]) -> tuple[str, ...]:
    """The ingredients in the order of their own names; a brand's order where it stands alone."""
    single = [several[0] for _, _, several in found if len(several) == 1]
    every = {name for _, _, several in found for name in several}
    ordered = dict.fromkeys(single) if every == set(single) else {}
    for _, _, several in found:
        ordered.update(dict.fromkeys(several))
    return tuple(ordered)


def _tokens(text: str) -> list[str | _Amounts]:
    tokens: list[str | _Amounts] = []
    for match in _TOKEN.finditer(text):
        if match["word"]:
            tokens.append(match["word"])
            continue
        amounts = _amounts(match, text)
        if amounts is None:
            tokens.extend(WORD.findall(match[0]))
        else:
            tokens.append(amounts)
    if any(isinstance(token, _Amounts) and token.in_mg for token in tokens):
        # "0.5 mg tablet, take 1/2": beside an amount in mg a bare number is no strength.
        return [token for token in tokens if isinstance(token, str) or token.in_mg]
    return tokens


def _amounts(match: re.Match[str], text: str) -> _Amounts | None:
    """The amounts of one token; None for a lone number without a unit."""
    parts = _PART.findall(match["amounts"])
    units = [unit for _, unit in parts]
    in_mg = any(units)
    if not in_mg and len(parts) == 1:
        return None
    for i in reversed(range(len(units) - 1)):  # "5-325 mg": the unit that follows counts
        units[i] = units[i] or units[i + 1]
    per = match["unit"]
    divisor = _number(match["of"]) if match["of"] else Fraction(1)
    values = [
        _in_mg(number, unit or units[0]) for (number, _), unit in zip(parts, units, strict=True)
    ]
    usable = divisor is not None and divisor > 0
    following = WORD.search(text, match.end())
    return _Amounts(
        values=tuple(v / divisor if v and divisor and usable else None for v in values),
        per_unit=None if per is None or per in _DOSES_PER else _per_unit(per),
        in_mg=in_mg,
        is_dose=per in _DOSES_PER,
        before_form=following is not None and following[0] in FORM_WORDS,
    )


def _in_mg(number: str, unit: str) -> Fraction | None:
    value = _number(number)
    if value is None:
        return None
    if unit.startswith(("mc", "mic", "ug")):
        return value / 1000
    return value * 1000 if unit.startswith("g") else value


def _number(text: str) -> Fraction | None:
    if _THOUSANDS.fullmatch(text):
        return None
    try:
        return exact(text.replace(",", "."))
    except MalformedQuantity:
        return None


def _per_unit(word: str) -> str | None:
    for starts, unit in _PER_UNITS:
        if word.startswith(starts):
            return unit
    return None


def _strengths(
    tokens: Sequence[str | _Amounts],
    found: Sequence[tuple[int, int, tuple[str, ...]]],
    listed: tuple[str, ...],
    form: str | None,
) -> tuple[dict[str, Fraction], str | None]:
    """Mg of each ingredient per unit; nothing where the name can be read in two ways."""
    nothing: tuple[dict[str, Fraction], str | None] = ({}, None)
    amounts = [token for token in tokens if isinstance(token, _Amounts)]
    if not amounts or any(a.is_dose for a in amounts):
        return nothing
    dosing = any(isinstance(token, str) and token in _DOSING for token in tokens)
    if dosing and not all(a.before_form or a.per_unit for a in amounts):
        return nothing
    pers = {a.per_unit for a in amounts}
    per_unit = pers.pop() if len(pers) == 1 else _only(p for p in pers if p)
    values = _side_by_side(tokens, found, listed) or _in_order(amounts, listed)
    if values is None:
        return nothing
    written = per_unit or per_unit_of(form)
    marketed = _marketed(listed, values, written, form)
    if written is None:  # a plain "1 mg" is never "1 mg/mL"
        marketed = [product for product in marketed if product.per_unit != "mL"]
    if not all(a.in_mg for a in amounts) and not marketed:
        return nothing
    per_unit = written or (_only(p.per_unit for p in marketed) if form in _LOOSE else None)
    return (values, per_unit) if per_unit else nothing


def _side_by_side(
    tokens: Sequence[str | _Amounts],
    found: Sequence[tuple[int, int, tuple[str, ...]]],
    listed: tuple[str, ...],
) -> dict[str, Fraction] | None:
    """Each ingredient with the amount that follows its own name ("oxycodone 5 MG / ...")."""
    held: dict[str, set[Fraction]] = {name: set() for name in listed}
    for start, (_, end, ingredients) in enumerate(found):
        until = found[start + 1][0] if start + 1 < len(found) else len(tokens)
        for token in tokens[end:until]:
            if isinstance(token, _Amounts):
                if len(ingredients) != 1 or None in token.values:
                    return None
                held[ingredients[0]].update(v for v in token.values if v is not None)
            elif token.isalpha() and token not in _PLAIN and len(token) > 1:
                break
    if any(len(values) != 1 for values in held.values()):
        return None
    return {name: values.pop() for name, values in held.items()}


def _in_order(amounts: Sequence[_Amounts], listed: tuple[str, ...]) -> dict[str, Fraction] | None:
    """Amounts that follow all the names ("oxycodone-acetaminophen 5-325 mg")."""
    values = list(dict.fromkeys(amount.values for amount in amounts))
    if len(values) != 1 or len(values[0]) != len(listed):
        return None
    read = {n: v for n, v in zip(listed, values[0], strict=True) if v}
    if len(read) != len(listed):
        return None
    swapped = dict(zip(listed, reversed(list(read.values())), strict=True))
    if not _marketed(listed, read) and _marketed(listed, swapped):
        return swapped  # "hydrocodone-acetaminophen 325-5 mg" exists one way round only
    return read


def _marketed(
    listed: tuple[str, ...],
    strengths: Mapping[str, Fraction],
    per_unit: str | None = None,
    form: str | None = None,
) -> list[Product]:
    """The products that have just these strengths (and "sublingual", where that is known)."""
    route = form if form in _LOOSE else None
    return [
        product
        for product in products_of().get(frozenset(listed), ())
        if product.strengths == strengths
        and per_unit in {None, product.per_unit}
        and (route is None or (product.form or "").startswith(route))
    ]


def _only(values: Iterable[str | None]) -> str | None:
    """The one value, when there is just one and it is known."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None
