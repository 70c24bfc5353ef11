"""`taperguard knowledge import`: a release of RxNorm becomes the site's own drug tables.

The releases are small and invented, but for clonazepam's codes (`rxnorm_release`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from rxnorm_release import SYRINGE, TABLET, SmallRelease, clonazepam

from clinical.drugs import (
    Coded,
    Drug,
    DrugDescription,
    IngredientAsWritten,
    RecognisedBy,
    Strength,
    recognise,
)
from taperguard import wiring
from taperguard.cli import run
from taperguard.evidence_data import site_tables
from taperguard.refusal import Refusal
from taperguard.rxnorm import folder
from taperguard.settings import Settings

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"


@pytest.fixture(autouse=True)
def _shipped_tables_again() -> Iterator[None]:
    yield
    folder.adopt(None)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site's tables"


def imported(release: SmallRelease, tmp_path: Path, site: Path, *more: str) -> int:
    rrf = release.write(tmp_path / f"release {release.day}")
    return run(["knowledge", "import", "--rrf", str(rrf), "--out", str(site), *more])


def report(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def drug(code: str, system: str = RXNORM, text: str | None = None) -> Drug:
    found = recognise(DrugDescription((Coded(system, code, None),), text))
    assert isinstance(found, Drug), code
    return found


def with_percocet(release: SmallRelease, oxycodone: str = "5 MG") -> SmallRelease:
    """An opioid in combination, by every term type that a chart may hold."""
    release.ingredient(7804, "oxycodone")
    release.ingredient(9000161, "acetaminophen")
    release.concept(9000162, "PIN", "oxycodone hydrochloride")
    release.relate(9000162, "form_of", 7804)
    release.concept(9000163, "MIN", "acetaminophen / oxycodone")
    release.relate(9000163, "has_part", 9000161, 7804)
    one = release.component(9000164, 9000161, "acetaminophen", "325 MG")
    two = release.component(9000165, 7804, "oxycodone hydrochloride", oxycodone)
    name = f"acetaminophen 325 MG / oxycodone hydrochloride {oxycodone} Oral Tablet"
    release.product(9000166, name, TABLET, one, two)
    release.attribute(9000166, "RXN_AVAILABLE_STRENGTH", f"325 MG / {oxycodone}")
    release.concept(9000167, "BN", "Roxyflor")
    release.relate(9000167, "tradename_of", 9000161, 7804)
    release.branded(9000168, 9000166, f"{name} [Roxyflor]", 9000167)
    release.concept(9000169, "SCDF", "acetaminophen / oxycodone Oral Tablet")
    release.relate(9000169, "has_ingredient", 9000161, 7804)
    release.relate(9000169, "has_dose_form", TABLET)
    release.concept(9000170, "SBDF", "acetaminophen / oxycodone Oral Tablet [Roxyflor]")
    release.relate(9000170, "tradename_of", 9000169)
    release.relate(9000170, "has_ingredient", 9000167)
    release.concept(9000171, "GPCK", f"{{10 ({name}) }} Pack")
    release.relate(9000171, "contains", 9000166)
    release.concept(9000172, "BPCK", f"{{10 ({name}) }} Pack [Roxyflor]")
    release.relate(9000172, "tradename_of", 9000171)
    return release


@pytest.mark.parametrize("how", ["plain", "gzip", "zip"])
def test_a_release_is_read_as_files_gzipped_or_as_it_was_downloaded(
    how: str, tmp_path: Path, site: Path
) -> None:
    rrf = clonazepam().write(tmp_path / "download", how=how)
    assert run(["knowledge", "import", "--rrf", str(rrf), "--out", str(site), "--apply"]) == 0
    release = folder.adopt(site)
    assert release is not None
    assert (release.version, release.released_on.isoformat()) == ("20AA_251103F", "2025-11-03")
    found = drug("9000100")  # "clonazepam 0.5 MG", a component that only the release has
    assert found.ingredients == ("clonazepam",)
    assert drug("197527").strength == Strength(Fraction(1, 2), "tablet")
    assert drug("349194").form == "disintegrating tablet"


def test_every_term_type_is_recognised_by_all_its_ingredients(tmp_path: Path, site: Path) -> None:
    assert imported(with_percocet(clonazepam()), tmp_path, site, "--apply") == 0
    folder.adopt(site)
    for code, term_type, strength, form in (
        ("9000162", "PIN", None, None),
        ("9000163", "MIN", None, None),
        ("9000166", "SCD", "5", "tablet"),
        ("9000167", "BN", None, None),
        ("9000168", "SBD", "5", "tablet"),
        ("9000169", "SCDF", None, "tablet"),
        ("9000170", "SBDF", None, "tablet"),
        ("9000171", "GPCK", None, "pack"),
        ("9000172", "BPCK", None, "pack"),
    ):
        found = drug(code)
        both = ("acetaminophen", "oxycodone")
        assert found.ingredients == (("oxycodone",) if term_type == "PIN" else both), term_type
        expected = None if strength is None else Strength(Fraction(strength), "tablet")
        assert (found.strength, found.form) == (expected, form), term_type
        assert (found.rxcui, found.warnings) == (code, ()), term_type
    listed = (
        IngredientAsWritten((Coded(RXNORM, "7804", None),), None, Fraction(5), "tablet"),
        IngredientAsWritten((Coded(RXNORM, "9000161", None),), None, Fraction(325), "tablet"),
    )
    found_by_list = recognise(DrugDescription(ingredients=listed))
    assert isinstance(found_by_list, Drug)
    assert found_by_list.ingredients == ("acetaminophen", "oxycodone")


def test_ndcs_of_the_release_are_recognised_in_each_spelling(tmp_path: Path, site: Path) -> None:
    release = clonazepam()
    release.attribute(197528, "NDC", "0093-0833-01", sab="MTHSPL")  # of another source
    assert imported(release, tmp_path, site, "--ndc", "--apply") == 0
    folder.adopt(site)
    for written in ("0004-0068-01", "00004-0068-01", "00004006801"):
        found = drug(written, NDC)
        assert (found.recognised_by, found.rxcui) == (RecognisedBy.NDC, "206157")
    assert recognise(DrugDescription((Coded(NDC, "0093-0833-01", None),))).__class__ is not Drug


def test_an_ndc_of_two_different_drugs_is_left_out_and_told(
    tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = clonazepam()
    release.attribute(197528, "NDC", "00004006801")  # 1 mg, and 0.5 mg of Klonopin
    release.attribute(197529, "NDC", "too short")
    assert imported(release, tmp_path, site, "--ndc", "--format", "json") == 0
    said = report(capsys)
    assert said["rows"]["ndc_disputed"] == ["00004006801: 197528, 206157"]
    assert (said["ndcs"], said["malformed_ndcs"], said["applied"]) == (0, 1, False)


def test_an_import_without_apply_writes_nothing(tmp_path: Path, site: Path) -> None:
    assert imported(clonazepam(), tmp_path, site, "--ndc") == 0
    assert not site.exists()


def test_the_report_tells_what_a_later_release_changes(
    tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = with_percocet(clonazepam())
    first.attribute(197529, "NDC", "11111111111")
    assert imported(first, tmp_path, site, "--ndc", "--apply") == 0
    # Another strength and name; obsolete; gone; a new tablet, of which no taper is made.
    later = with_percocet(clonazepam("251201"), "10 MG")
    later.conso = [
        line.replace("||N|4096|", "||O|4096|") if line.startswith("349197|") else line
        for line in later.conso
        if not line.startswith(("9000171|", "9000172|"))
    ]
    later.product(9000181, "clonazepam 3 MG Oral Tablet", TABLET,
                  later.component(9000182, 2598, "clonazepam", "3 MG"))  # fmt: skip
    capsys.readouterr()
    assert imported(later, tmp_path, site, "--ndc", "--apply", "--format", "json") == 0
    rows = report(capsys)["rows"]
    assert rows["became_obsolete"] == ["349197 clonazepam 2 MG Disintegrating Oral Tablet"]
    assert [row.split()[0] for row in rows["removed"]] == ["9000171", "9000172"]
    assert (
        "9000165: oxycodone hydrochloride 5 MG -> oxycodone hydrochloride 10 MG" in rows["renamed"]
    )
    changed = "acetaminophen 325 mg / oxycodone {} mg per tablet"
    assert {row.split(": ")[1] for row in rows["strength_changed"]} == {
        f"{changed.format(5)} -> {changed.format(10)}"
    }
    assert {row.split()[0] for row in rows["added"]} == {"9000181", "9000182"}
    assert rows["ndc_removed"] == ["11111111111 197529"]
    assert [row.split()[0] for row in rows["clonazepam"]] == ["349197", "9000181"]
    # Old charts stay readable.
    folder.adopt(site)
    assert drug("349197").strength == Strength(Fraction(2), "tablet")
    assert drug("9000171").ingredients == ("acetaminophen", "oxycodone")
    assert drug("11111111111", NDC).rxcui == "197529"


def test_a_retired_product_no_longer_tells_what_an_amount_is_counted_in(
    tmp_path: Path, site: Path
) -> None:
    """Clonazepam 0.25 mg is an ODT in the US; were that retired, nothing of 0.25 mg is made."""
    release = clonazepam()
    release.conso = [
        line.replace("||N|4096|", "||O|4096|") if line.startswith("349195|") else line
        for line in release.conso
    ]
    text = DrugDescription(text="clonazepam 0.25 mg")
    before = recognise(text)
    assert isinstance(before, Drug)
    assert before.strength == Strength(Fraction(1, 4), "tablet")
    assert imported(release, tmp_path, site, "--apply") == 0
    folder.adopt(site)
    after = recognise(text)
    assert isinstance(after, Drug)
    assert after.strength is None


def test_an_obsolete_concept_without_relations_is_known_by_its_name(
    tmp_path: Path, site: Path
) -> None:
    release = clonazepam()
    release.concept(9000190, "SCD", "oxycodone hydrochloride 5 MG Oral Capsule", suppress="O")
    release.concept(9000191, "SCD", "lisinopril 5 MG Oral Capsule", suppress="O")
    assert imported(release, tmp_path, site, "--apply") == 0
    folder.adopt(site)
    assert drug("9000190").strength == Strength(Fraction(5), "capsule")
    assert not isinstance(recognise(DrugDescription((Coded(RXNORM, "9000191", None),))), Drug)


def test_salts_of_one_ingredient_are_added_up_and_partners_need_no_row_of_ours(
    tmp_path: Path, site: Path
) -> None:
    release = clonazepam()
    release.ingredient(7804, "oxycodone")
    release.ingredient(9000200, "florbium")  # invented: not among our ingredients
    parts = [
        release.component(9000201, 7804, "oxycodone hydrochloride", "4.5 MG"),
        release.component(9000202, 7804, "oxycodone terephthalate", "0.38 MG"),
        release.component(9000203, 9000200, "florbium", "20 MG"),
    ]
    name = (
        "florbium 20 MG / oxycodone hydrochloride 4.5 MG / oxycodone terephthalate 0.38 MG"
        " Oral Tablet"
    )
    release.product(9000204, name, TABLET, *parts)
    assert imported(release, tmp_path, site, "--apply") == 0
    folder.adopt(site)
    found = drug("9000204", text=name)
    assert found.ingredients == ("florbium", "oxycodone")
    assert found.strength == Strength(Fraction("4.88"), "tablet")  # 4.5 + 0.38
    assert found.classes == {"opioid"}
    assert found.warnings == ()
    # The partner alone is none of our drugs.
    assert not isinstance(recognise(DrugDescription((Coded(RXNORM, "9000200", None),))), Drug)


def test_a_generic_of_a_depot_is_a_depot_and_a_strength_per_ml_is_one(
    tmp_path: Path, site: Path
) -> None:
    release = clonazepam()
    release.ingredient(1819, "buprenorphine")
    release.concept(9000210, "BN", "Sublocade")
    part = release.component(9000211, 1819, "buprenorphine", "200 MG/ML")
    name = "0.5 ML buprenorphine 200 MG/ML Prefilled Syringe"
    release.product(9000212, name, SYRINGE, part)
    release.branded(9000213, 9000212, f"{name} [Sublocade]", 9000210)
    assert imported(release, tmp_path, site, "--apply") == 0
    folder.adopt(site)
    for code in ("9000212", "9000213"):
        assert drug(code).form == "depot injection"
        assert drug(code).strength == Strength(Fraction(200), "mL")


def test_a_strength_that_the_name_contradicts_is_left_out_and_told(
    tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = clonazepam()
    release.ingredient(7804, "oxycodone")
    part = release.component(9000220, 7804, "oxycodone", "50 MG")
    release.product(9000221, "oxycodone 5 MG Oral Tablet", TABLET, part)
    assert imported(release, tmp_path, site, "--apply", "--format", "json") == 0
    (doubt,) = report(capsys)["rows"]["doubtful"]
    assert doubt.startswith("9000221 ")
    folder.adopt(site)
    assert drug("9000221").strength is None


def test_two_imports_of_one_release_give_the_same_tables_byte_by_byte(
    tmp_path: Path, site: Path
) -> None:
    release = with_percocet(clonazepam())
    assert imported(release, tmp_path, site, "--ndc", "--apply") == 0
    first = {file.name: file.read_bytes() for file in site.iterdir()}
    release.conso.reverse()
    release.rel.reverse()
    release.sat.reverse()
    assert imported(release, tmp_path, site, "--ndc", "--apply") == 0
    assert {file.name: file.read_bytes() for file in site.iterdir()} == first


def test_the_tables_of_the_release_before_stay_until_the_next(tmp_path: Path, site: Path) -> None:
    for day in ("250901", "251001", "251103"):
        assert imported(clonazepam(day), tmp_path, site, "--apply") == 0
    assert sorted(file.name for file in site.iterdir()) == [
        *("products-2025-10-01.csv", "products-2025-11-03.csv"),
        *("release-before.toml", "release.toml"),
    ]
    # The way back.
    (site / "release-before.toml").replace(site / "release.toml")
    release = folder.adopt(site)
    assert release is not None
    assert release.released_on.isoformat() == "2025-10-01"


def test_an_import_without_ndcs_keeps_those_of_before(tmp_path: Path, site: Path) -> None:
    assert imported(clonazepam(), tmp_path, site, "--ndc", "--apply") == 0
    assert imported(clonazepam("251201"), tmp_path, site, "--apply") == 0
    folder.adopt(site)
    assert drug("00004006801", NDC).rxcui == "206157"


def _cut(lines: list[str]) -> None:
    lines[3] = lines[3][: len(lines[3]) // 2]


def _spoil(release: SmallRelease, what: str) -> None:
    match what:
        case "cut concept":
            _cut(release.conso)
        case "cut relation":
            _cut(release.rel)
        case "cut attribute":
            _cut(release.sat)
        case "no clonazepam":
            release.conso = [line for line in release.conso if not line.startswith("2598|")]
        case "no strength":
            release.rel = [line for line in release.rel if "consists_of" not in line]
        case "other sources":
            release.conso = [line.replace("|RXNORM|", "|MTHSPL|") for line in release.conso]
        case "backwards":
            turned = [line.split("|") for line in release.rel]
            for row in turned:
                row[0], row[4] = row[4], row[0]
            release.rel = ["|".join(row) for row in turned]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("cut concept", "RXNCONSO.RRF, line 4: the line is cut short"),
        ("cut relation", "RXNREL.RRF, line 4: the line is cut short"),
        ("cut attribute", "RXNSAT.RRF, line 4: the line is cut short"),
        ("no clonazepam", "clonazepam (2598) is not in it"),
        ("other sources", "clonazepam (2598) is not in it"),
        ("no strength", "no product of clonazepam was found"),
        ("backwards", "no product of clonazepam was found"),
    ],
)
def test_what_is_no_whole_release_is_refused_in_one_sentence_and_nothing_is_written(
    what: str, words: str, tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = clonazepam()
    _spoil(release, what)
    assert imported(release, tmp_path, site, "--ndc", "--apply") == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not site.exists()


@pytest.mark.parametrize("name", ["RXNCONSO", "RXNREL", "RXNSAT"])
def test_a_missing_file_is_refused(
    name: str, tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rrf = clonazepam().write(tmp_path / "r")
    (rrf / f"{name}.RRF").unlink()
    assert run(["knowledge", "import", "--rrf", str(rrf), "--out", str(site), "--apply"]) == 2
    assert f"no {name}.RRF" in capsys.readouterr().err
    assert not site.exists()


def test_a_damaged_archive_is_refused(
    tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rrf = clonazepam().write(tmp_path / "r", how="gzip")
    whole = (rrf / "RXNREL.RRF.gz").read_bytes()
    (rrf / "RXNREL.RRF.gz").write_bytes(whole[: len(whole) // 2])
    assert run(["knowledge", "import", "--rrf", str(rrf), "--out", str(site), "--apply"]) == 2
    assert "RXNREL.RRF cannot be read" in capsys.readouterr().err


def test_an_older_release_and_a_part_of_one_are_refused(
    tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported(with_percocet(clonazepam("251103")), tmp_path, site, "--apply") == 0
    before = {file.name: file.read_bytes() for file in site.iterdir()}
    assert imported(clonazepam("250901"), tmp_path, site, "--apply") == 2
    assert "older than that of 2025-11-03" in capsys.readouterr().err
    part = SmallRelease("251201")
    part.concept(TABLET, "DF", "Oral Tablet")
    part.ingredient(2598, "clonazepam")
    component = part.component(9000100, 2598, "clonazepam", "0.5 MG")
    part.product(197527, "clonazepam 0.5 MG Oral Tablet", TABLET, component)
    assert imported(part, tmp_path, site, "--apply") == 2
    assert "a part of a release" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in site.iterdir()} == before


def test_a_weekly_update_and_a_release_without_a_date_are_refused(
    tmp_path: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rrf = clonazepam().write(tmp_path / "r")
    sources = (rrf / "RXNSAB.RRF").read_text()
    (rrf / "RXNSAB.RRF").write_text(sources.replace("251103F", "251105W"))
    arguments = ["knowledge", "import", "--rrf", str(rrf), "--out", str(site)]
    assert run(arguments) == 2
    assert "weekly" in capsys.readouterr().err
    (rrf / "RXNSAB.RRF").unlink()
    assert run(arguments) == 2
    assert "--released-on" in capsys.readouterr().err
    assert run([*arguments, "--released-on", "2025-11-03"]) == 0
    (rrf / "Readme_Full_11032025.txt").touch()
    assert run(arguments) == 0


def test_an_import_that_is_killed_leaves_the_tables_of_before(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert imported(clonazepam(), tmp_path, site, "--ndc", "--apply") == 0
    put = folder._put
    done: list[Path] = []

    def dies_at_the_second(file: Path, text: str) -> None:
        if done:
            raise KeyboardInterrupt
        done.append(file)
        put(file, text)

    monkeypatch.setattr(folder, "_put", dies_at_the_second)
    assert imported(clonazepam("251201"), tmp_path, site, "--ndc", "--apply") == 130
    release = folder.adopt(site)
    assert release is not None
    assert release.released_on.isoformat() == "2025-11-03"
    assert drug("00004006801", NDC).rxcui == "206157"


GOOD = "197527,SCD,clonazepam 0.5 MG Oral Tablet,clonazepam,clonazepam:0.5,tablet,tablet,,active"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("197527,SCD,x,clonazepam,,,,,active,more", "10 values instead of 9"),
        ("0197527,SCD,x,clonazepam,,,,,active", "this is no RxNorm code"),
        ("9000001,XYZ,x,clonazepam,,,,,active", "no term type"),
        ("9000001,SCD,,clonazepam,,,,,active", "the name is missing"),
        ("9000001,SCD,x,unheardof,,,,,active", "is no ingredient"),
        ("9000001,SCD,x,clonazepam,clonazepam:0.5 mg,tablet,,,active", "cannot be read"),
        ("9000001,SCD,x,clonazepam,clonazepam:-1,tablet,,,active", "cannot be read"),
        ("9000001,SCD,x,clonazepam,clonazepam:0,tablet,,,active", "belongs to no ingredient"),
        ("9000001,SCD,x,clonazepam,diazepam:1,tablet,,,active", "belongs to no ingredient"),
        ("9000001,SCD,x,clonazepam,clonazepam:1,,,,active", "belong together"),
        ("9000001,SCD,x,clonazepam,,,,,perhaps", "the status has to be"),
        (GOOD, "stands there twice"),
        (GOOD.replace("0.5", "5").replace("197527", "197528"), "of which tapers are made"),
    ],
)
def test_a_bad_value_in_a_table_stops_with_file_line_and_reason(
    line: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "release.toml").write_text(
        '[release]\nversion = "20AA_251103F"\nproducts = "products.csv"\n'
        "released_on = 2025-11-03\nimported_on = 2025-11-10\n"
    )
    head = ",".join(folder.PRODUCT_COLUMNS)
    (tmp_path / "products.csv").write_text(f"# a comment\n{head}\n{GOOD}\n{line}\n")
    with pytest.raises(Refusal, match=rf"products\.csv, line 4: .*{reason}"):
        folder.adopt(tmp_path)


def test_a_folder_that_holds_no_tables_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"holds no release\.toml"):
        folder.adopt(tmp_path)
    (tmp_path / "release.toml").write_text('[release]\nproducts = "../../etc/passwd"\n')
    with pytest.raises(Refusal, match=r"not as the import writes it"):
        folder.adopt(tmp_path)


def test_a_house_is_built_with_the_sites_tables_and_evidence_names_them(
    tmp_path: Path, site: Path, make_settings: Callable[..., Settings]
) -> None:
    assert site_tables() is None
    assert imported(clonazepam(), tmp_path, site, "--apply") == 0
    wiring.build(make_settings(knowledge=site)).close()
    named = site_tables()
    assert named is not None
    assert (named["version"], named["released_on"]) == ("20AA_251103F", "2025-11-03")
    assert named["with_ndc"] is False
    wiring.build(make_settings()).close()
    assert site_tables() is None


def test_the_dose_command_reads_the_sites_tables(
    tmp_path: Path,
    site: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert imported(clonazepam(), tmp_path, site, "--ndc", "--apply") == 0
    order = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": NDC, "code": "0004-0068-01"}]},
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            }
        ],
    }
    (tmp_path / "order.json").write_text(json.dumps(order))
    monkeypatch.setenv("TAPERGUARD_KNOWLEDGE", str(site))
    capsys.readouterr()
    assert run(["dose", str(tmp_path / "order.json")]) == 0
    said = report(capsys)
    assert said["drug"]["rxcui"] == "206157"
    assert said["daily_dose"]["high"] == 1  # 2/day x 1 tablet x 0.5 mg
