"""A small release of RxNorm, in the Rich Release Format, for tests of its import.

Clonazepam's codes are real; everything else that a test adds is invented. `SmallRelease` is said
in drugs; its files come out as RxNorm writes them, every relation in both directions.
"""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

_INVERSE = {
    "has_ingredient": "ingredient_of",
    "consists_of": "constitutes",
    "tradename_of": "has_tradename",
    "contains": "contained_in",
    "form_of": "has_form",
    "has_part": "part_of",
    "has_dose_form": "dose_form_of",
}


@dataclass
class SmallRelease:
    """Rows of a release; `day` as RxNorm writes it in its version ("251103")."""

    day: str = "251103"
    conso: list[str] = field(default_factory=list)
    rel: list[str] = field(default_factory=list)
    sat: list[str] = field(default_factory=list)

    def concept(self, rxcui: int, tty: str, name: str, *, suppress: str = "N") -> int:
        """A concept with its normalised name (SAB=RXNORM)."""
        self.conso.append(
            f"{rxcui}|ENG||||||{rxcui}1|{rxcui}1|{rxcui}||RXNORM|{tty}|{rxcui}|{name}||{suppress}|4096|"
        )
        return rxcui

    def relate(self, subject: int, rela: str, *targets: int) -> None:
        """`subject` has the relation to each target; RXNREL has the target first."""
        for target in targets:
            self.rel += [
                f"{target}||CUI|RO|{subject}||CUI|{rela}|1||RXNORM|||||4096|",
                f"{subject}||CUI|RO|{target}||CUI|{_INVERSE[rela]}|2||RXNORM|||||4096|",
            ]

    def attribute(self, rxcui: int, name: str, value: str, *, sab: str = "RXNORM") -> None:
        """An attribute of a concept: a strength or an NDC."""
        self.sat.append(f"{rxcui}|||{rxcui}1|AUI|{rxcui}|||{name}|{sab}|{value}|N|4096|")

    def ingredient(self, rxcui: int, name: str) -> int:
        """An ingredient (IN)."""
        return self.concept(rxcui, "IN", name)

    def component(self, rxcui: int, ingredient: int, name: str, strength: str) -> int:
        """A component (SCDC): an ingredient with its strength."""
        self.concept(rxcui, "SCDC", f"{name} {strength}")
        self.relate(rxcui, "has_ingredient", ingredient)
        self.attribute(rxcui, "RXN_STRENGTH", strength)
        return rxcui

    def product(self, rxcui: int, name: str, form: int, *components: int) -> int:
        """A product (SCD) of components, in a dose form."""
        self.concept(rxcui, "SCD", name)
        self.relate(rxcui, "consists_of", *components)
        self.relate(rxcui, "has_dose_form", form)
        return rxcui

    def branded(self, rxcui: int, generic: int, name: str, brand: int) -> int:
        """A branded product (SBD) of a generic one."""
        self.concept(rxcui, "SBD", name)
        self.relate(rxcui, "tradename_of", generic)
        self.relate(rxcui, "has_ingredient", brand)
        return rxcui

    def write(self, folder: Path, *, how: str = "plain") -> Path:
        """The files in a folder (plain, gzip), or in an archive as it is downloaded (zip)."""
        folder.mkdir(parents=True, exist_ok=True)
        texts = {
            "RXNCONSO": self.conso,
            "RXNREL": self.rel,
            "RXNSAT": self.sat,
            "RXNSAB": [
                f"C1||RXNORM_20AA_{self.day}F|RXNORM|RxNorm|RXNORM|20AA_{self.day}F||||||||0|1"
                "||||ENG|UTF-8|Y|Y|RxNorm|RxNorm|"
            ],
        }
        archive = folder / "RxNorm_full.zip"
        for name, lines in texts.items():
            data = "".join(f"{line}\n" for line in lines).encode()
            if how == "plain":
                (folder / f"{name}.RRF").write_bytes(data)
            elif how == "gzip":
                (folder / f"{name}.RRF.gz").write_bytes(gzip.compress(data))
            else:
                with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
                    opened.writestr(f"rrf/{name}.RRF", data)
                    opened.writestr(f"prescribe/rrf/{name}.RRF", b"the prescribable part\n")
        return folder


TABLET, ODT, SOLUTION, SYRINGE, FILM = 317541, 316942, 316968, 721656, 9000005


def clonazepam(day: str = "251103") -> SmallRelease:
    """A release with clonazepam in its US tablets, Klonopin 0.5 mg and an NDC of it."""
    release = SmallRelease(day)
    for code, name in (
        (TABLET, "Oral Tablet"),
        (ODT, "Disintegrating Oral Tablet"),
        (SOLUTION, "Oral Solution"),
        (SYRINGE, "Prefilled Syringe"),
    ):
        release.concept(code, "DF", name)
    release.ingredient(2598, "clonazepam")
    release.concept(202585, "BN", "Klonopin")
    release.relate(202585, "tradename_of", 2598)
    for at, (strength, tablet, odt) in enumerate(
        (
            ("0.5 MG", 197527, 349198),
            ("1 MG", 197528, 349196),
            ("2 MG", 197529, 349197),
            ("0.125 MG", None, 349194),
            ("0.25 MG", None, 349195),
        )
    ):
        part = release.component(9000100 + at, 2598, "clonazepam", strength)
        if tablet:
            release.product(tablet, f"clonazepam {strength} Oral Tablet", TABLET, part)
        release.product(odt, f"clonazepam {strength} Disintegrating Oral Tablet", ODT, part)
    release.branded(206157, 197527, "clonazepam 0.5 MG Oral Tablet [Klonopin]", 202585)
    release.attribute(206157, "NDC", "00004006801")
    return release
