"""Dose forms: from the words of a name to the form, and from the form to what is counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

_BASES = {
    "tablet": "tablet tablets tab tabs tbl tabl tablette tabletten caplet caplets wafer wafers odt"
    " tbdp tbcr tbec subl chew",
    "capsule": "capsule capsules cap caps cpcr cpdr cpep",
    "film": "film films strip strips",
    "solution": "solution soln sol liquid liqd elixir elix syrup syrp drops drop"
    " concentrate conc intensol",
    "suspension": "suspension susp",
    "patch": "patch patches transdermal ptch ptwk",
    "lozenge": "lozenge lozenges lollipop troche troches lozg",
    "suppository": "suppository suppositories supp",
    "spray": "spray sprays",
    "injection": "injection injections inj injectable vial vials ampule ampules ampoule ampoules",
    "syringe": "syringe syringes sosy",
    "cartridge": "cartridge cartridges soct",
    "auto-injector": "injector autoinjector soaj",
    "implant": "implant implants",
    "gel": "gel",
    "enema": "enema",
    "cream": "cream",
    "ointment": "ointment oint",
    "lotion": "lotion",
    "shampoo": "shampoo sham",
    "foam": "foam",
    "emulsion": "emulsion",
    "granules": "granules",
    "powder": "powder",
    "inhaler": "inhaler",
    "pack": "pack",
}
_MODS = {
    "extended-release": "er xr sr xl mr la retard tbcr cpcr",
    "delayed-release": "dr ec enteric delayed tbec cpdr cpep",
    "disintegrating": "odt disintegrating dispersible orodispersible dissolving wafer wafers tbdp",
    "chewable": "chewable chew",
    "effervescent": "effervescent",
    "sublingual": "sublingual sublingually sl subl",
    "buccal": "buccal",
    "nasal": "nasal intranasal",
    "mucosal": "mucosal",
    "oral": "oral",
    "rectal": "rectal",
    "topical": "topical",
    "ophthalmic": "ophthalmic ophth eye eyes",
    "otic": "otic ear ears",
    "depot": "depot",
}
_BASE_OF = {word: base for base, words in _BASES.items() for word in words.split()}
_MOD_OF = {word: mod for mod, words in _MODS.items() for word in words.split()}
_SLOW = frozenset({"extended", "sustained", "controlled", "modified", "prolonged"})
_HOURLY = {"pt": "patch", "tb": "tablet", "cp": "capsule"}
"""Short forms that some EHRs write with their hours: PT72, TB24, CP12."""
_TABLET_KINDS = (
    *("disintegrating", "extended-release", "delayed-release", "sublingual", "buccal"),
    *("chewable", "effervescent"),
)
_PLACES = ("ophthalmic", "otic")
_PARENTERAL = frozenset({"injection", "syringe", "cartridge", "auto-injector"})

FORM_WORDS = (
    frozenset(_BASE_OF) | frozenset(_MOD_OF) | _SLOW | {"release", "coated", "system", "cr"}
) - {"eye", "eyes", "ear", "ears"}
"""Words that tell of a form, so none of them is a drug's name.

"Eye drops" names no drug, and tells enough of one: it is none that a check looks for.
"""


def form_of(words: Sequence[str]) -> str | None:
    """The form that the words of a name tell: "disintegrating tablet", "oral solution".

    None when they tell none, or two that cannot be one.
    """
    mods = {_MOD_OF[word] for word in words if word in _MOD_OF}
    if "cr" in words or ("release" in words and not _SLOW.isdisjoint(words)):
        mods.add("extended-release")
    bases = {_BASE_OF[word] for word in words if word in _BASE_OF}
    for word, following in pairwise(words):
        if word in _HOURLY and following.isdigit():
            bases.add(_HOURLY[word])
            mods.add("extended-release")
    if "film" in bases and "coated" in words:
        bases.discard("film")
    if {"granules", "powder"} & bases:
        return _to_be_mixed(bases)
    if {"tablet", "suspension"} <= bases and "for" in words:
        return "tablet for oral suspension"
    if bases & _PARENTERAL:
        return _parenteral(bases, mods)
    if "spray" in bases:
        bases -= {"solution", "suspension"}
    if len(bases) != 1:
        return None if bases else _by_mods(mods)
    return _one(bases.pop(), mods)


def _by_mods(mods: set[str]) -> str | None:
    """What "8 mg SL" or "4 mg nasal" still tell."""
    if "depot" in mods:
        return "depot injection"
    if "nasal" in mods:
        return "nasal spray"
    if "sublingual" in mods:
        return "sublingual"
    return "buccal" if "buccal" in mods else None


def _to_be_mixed(bases: set[str]) -> str | None:
    mixed = "solution" if "solution" in bases else "suspension"
    dry = "granules" if "granules" in bases else "powder"
    return f"{dry} for oral {mixed}" if bases & {"solution", "suspension"} else None


def _parenteral(bases: set[str], mods: set[str]) -> str | None:
    if bases - _PARENTERAL - {"solution", "suspension"}:
        return None
    if mods & {"depot", "extended-release"}:
        return "depot injection"
    for base, form in (
        ("syringe", "prefilled syringe"),
        ("cartridge", "cartridge"),
        ("auto-injector", "auto-injector"),
        ("solution", "injectable solution"),
        ("suspension", "injectable suspension"),
    ):
        if base in bases:
            return form
    return "injection"


def _one(base: str, mods: set[str]) -> str:
    match base:
        case "tablet":
            kinds: Iterable[str] = (kind for kind in _TABLET_KINDS if kind in mods)
        case "capsule":
            kinds = (kind for kind in ("extended-release", "delayed-release") if kind in mods)
        case "film":
            kinds = (kind for kind in ("sublingual", "buccal", "oral") if kind in mods)
        case "gel":
            kinds = (kind for kind in ("rectal", "topical", "oral", *_PLACES) if kind in mods)
        case "spray":
            kinds = (kind for kind in ("nasal", "mucosal", "oral") if kind in mods)
        case "solution":
            if "nasal" in mods:
                return "nasal spray"
            kinds = [kind for kind in ("topical", *_PLACES) if kind in mods] or ["oral"]
        case "suspension":
            kinds = [kind for kind in ("extended-release", *_PLACES) if kind in mods] or ["oral"]
        case "emulsion":
            kinds = (kind for kind in ("topical", *_PLACES) if kind in mods)
        case "cream" | "ointment" | "lotion" | "shampoo" | "foam":
            kinds = [kind for kind in _PLACES if kind in mods] or ["topical"]
        case "patch":
            kinds = ["transdermal"]
        case _:
            kinds = ()
    return " ".join([*list(kinds)[:1], base])


_INTO_THE_BODY = ("inject", "syringe", "cartridge")


def is_parenteral(form: str | None) -> bool:
    """Whether the form is injected."""
    return form is not None and any(word in form for word in _INTO_THE_BODY)


_COUNTED = frozenset(
    {"tablet", "capsule", "film", "lozenge", "suppository", "implant", "spray", "packet"}
)


def per_unit_of(form: str | None) -> str | None:
    """What a strength "0.5 mg" of this form stands for one of: "tablet"; None where it may vary."""
    if form is None:
        return None
    if form.startswith("tablet"):
        return "tablet"
    if form.startswith(("granules", "powder")):
        return "packet"
    last = form.rsplit(" ", 1)[-1]
    return last if last in _COUNTED else None


_LOCAL = frozenset({"topical", *_PLACES})
_LOCAL_ROUTES = frozenset(
    "topical topically cutaneous ophthalmic conjunctival ocular eye eyes otic auricular ear ears"
    " scalp".split()
)
_FLUID = ("solution", "suspension", "emulsion", "gel")


def is_local(form: str | None, route: str | None) -> bool:
    """Whether it acts where it is put, on the skin, in the eye or the ear, and hardly beyond.

    By the form where that says it; else by the words of the order's route, unless the form is
    one for the whole body: a tablet, a patch, an injection.
    """
    words = (form or "").split()
    if not _LOCAL.isdisjoint(words):
        return True
    if words and (words[-1] not in _FLUID or is_parenteral(form) or "rectal" in words):
        return False
    said = (route or "").lower().replace("/", " ").replace(",", " ").split()
    return not _LOCAL_ROUTES.isdisjoint(said)
