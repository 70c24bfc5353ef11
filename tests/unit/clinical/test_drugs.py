"""The drug tables hold what their rows say, and names are read as the tables read them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical.drug.forms import form_of
from clinical.drug.names import names_something, read_name
from clinical.drug.tables import Product, folded, ingredients, names, products
from clinical.drugs import Coded, Drug, DrugDescription, RecognisedBy, recognise
from clinical.knowledge import document, table

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@pytest.mark.parametrize(
    ("rxcui", "strengths", "per_unit", "form"),
    [
        # Read off the RxNorm names by hand.
        ("1049221", {"acetaminophen": "325", "oxycodone": "5"}, "tablet", "tablet"),
        ("1010604", {"buprenorphine": "8", "naloxone": "2"}, "film", "sublingual film"),
        ("351265", {"buprenorphine": "8"}, "tablet", "sublingual tablet"),
        ("1716071", {"buprenorphine": "0.45"}, "film", "buccal film"),
        ("904882", {"buprenorphine": "0.005"}, "hour", "transdermal patch"),
        ("1996184", {"buprenorphine": "200"}, "mL", "depot injection"),
        ("1655032", {"buprenorphine": "0.3"}, "mL", "cartridge"),
        ("1797650", {"buprenorphine": "74.2"}, "implant", "implant"),
        ("1725059", {"naloxone": "40"}, "mL", "nasal spray"),
        ("312289", {"naloxone": "0.5", "pentazocine": "50"}, "tablet", "tablet"),
        ("854886", {"zolpidem": "10"}, "tablet", "disintegrating tablet"),
        ("828692", {"zolpidem": "5"}, "spray", "oral spray"),
        ("433798", {"alprazolam": "0.5"}, "tablet", "extended-release tablet"),
        ("763028", {"lorazepam": "2"}, "mL", "cartridge"),
        ("856769", {"amitriptyline": "12.5", "chlordiazepoxide": "5"}, "tablet", "tablet"),
        ("1807452", {"diazepam": "5"}, "mL", "auto-injector"),
        ("387007", {"clonazepam": "0.1"}, "mL", "oral solution"),
    ],
)
def test_products_hold_the_strengths_of_their_names(
    rxcui: str, strengths: dict[str, str], per_unit: str, form: str
) -> None:
    product = products()[rxcui]
    assert dict(product.strengths) == {name: Fraction(mg) for name, mg in strengths.items()}
    assert (product.per_unit, product.form) == (per_unit, form)


def test_salts_of_one_ingredient_are_added_up() -> None:
    # aspirin 325 MG / oxycodone hydrochloride 4.5 MG / oxycodone terephthalate 0.38 MG
    (product,) = (p for p in products().values() if "terephthalate 0.38" in p.name)
    assert product.strengths["oxycodone"] == Fraction("4.88")


def test_a_pack_has_no_single_strength() -> None:
    packs = [p for p in products().values() if p.form == "pack"]
    assert packs
    assert not any(p.strengths for p in packs)


def test_every_ingredient_of_every_row_is_in_the_table_of_ingredients() -> None:
    for row in (*table("products.csv"), *table("names.csv")):
        assert set(row["ingredients"].split("|")) <= set(ingredients()), row
        for part in filter(None, row.get("strengths_mg", "").split("|")):
            assert part.split(":")[0] in row["ingredients"].split("|"), row


def test_no_code_and_no_name_stands_twice() -> None:
    by_product = [
        row["rxcui"] for name in ("products.csv", "clonazepam_products.csv") for row in table(name)
    ]
    by_ingredient = [row["rxcui"] for row in table("ingredients.csv") if row["rxcui"]]
    assert len(by_product) == len(set(by_product))
    assert len(by_ingredient) == len(set(by_ingredient))
    # Clonazepam stands in its own table and among the ingredients.
    assert set(by_product) & set(by_ingredient) == {"2598"}
    words = [name.words for held in names().values() for name in held]
    assert len(words) == len(set(words))


def test_every_ingredient_has_a_class_a_source_and_a_yes_or_no() -> None:
    for row in table("ingredients.csv"):
        assert row["classes"], row
        assert row["source"], row
        assert row["cns_active"] in {"yes", "no"}, row
        assert bool(row["mme_factor_cdc2022"]) == bool(row["mme_basis"]), row


def test_only_opioids_have_a_morphine_factor() -> None:
    with_factor = {i.name: i.mme_factor for i in ingredients().values() if i.mme_factor is not None}
    # CDC 2022, the whole table; buprenorphine has none.
    assert with_factor == {
        "codeine": Fraction("0.15"),
        "fentanyl": Fraction("2.4"),
        "hydrocodone": 1,
        "hydromorphone": 5,
        "methadone": Fraction("4.7"),
        "morphine": 1,
        "oxycodone": Fraction("1.5"),
        "oxymorphone": 3,
        "tapentadol": Fraction("0.4"),
        "tramadol": Fraction("0.2"),
    }


def test_every_table_of_this_part_names_its_sources_and_next_review() -> None:
    rows = document("tables.toml")["tables"]
    ours = ("ingredients.csv", "products.csv", "names.csv", "ndc.csv", "conditions.csv")
    for name in ours:
        assert rows[name]["sources"]
        assert rows[name]["next_review"] > rows[name]["authored_on"]
        assert rows[name]["reviewed_by"] == ""


def _only_the_table_knows(product: Product) -> bool:
    """Where the name alone is not enough: see `drug_names`."""
    return (
        product.form == "pack"
        or product.per_unit in {"vial", "puff", "actuation"}  # "100 MG Injection" is no piece
        or "terephthalate" in product.name  # two salts, two amounts
        or (product.form == "depot injection" and product.brand is None)
        or not product.strengths
    )


def test_the_words_of_a_product_say_the_same_as_its_row() -> None:
    """Two ways to one answer: the table was parsed from the names by another program."""
    compared = 0
    for product in products().values():
        named = read_name(product.name)
        assert named is not None, product.name
        assert set(named.ingredients) == set(product.ingredients), product.name
        if _only_the_table_knows(product):
            continue
        compared += 1
        assert dict(named.strengths) == dict(product.strengths), product.name
        assert (named.per_unit, named.form) == (product.per_unit, product.form), product.name
    assert compared > 1500


def test_a_coded_product_keeps_its_code_whatever_case_its_name_has() -> None:
    for product in products().values():
        if not product.strengths:
            continue
        for words in (product.name, product.name.upper(), product.name.title()):
            description = DrugDescription((Coded(RXNORM, product.rxcui, words),), words)
            drug = recognise(description)
            assert isinstance(drug, Drug)
            assert drug.rxcui == product.rxcui, words
            assert drug.warnings == (), words
            assert drug.recognised_by is RecognisedBy.RXNORM


def test_an_ndc_of_the_sites_own_table_is_recognised_in_each_of_its_spellings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clinical.drug.readings.ndc_products", lambda: {"00004006801": "206157"})
    for written in ("0004-0068-01", "00004-0068-01", "00004006801"):
        drug = recognise(
            DrugDescription((Coded("http://hl7.org/fhir/sid/ndc", written, "Package"),))
        )
        assert isinstance(drug, Drug)
        assert (drug.recognised_by, drug.rxcui) == (RecognisedBy.NDC, "206157")


@pytest.mark.parametrize(
    ("words", "form"),
    [
        ("tablet film coated", "tablet"),
        ("oral tablet extended release", "extended-release tablet"),
        ("24 hr xr cap", "extended-release capsule"),
        ("odt", "disintegrating tablet"),
        ("sl tabs", "sublingual tablet"),
        ("injection solution qualifier value", "injectable solution"),
        ("extended release injection", "depot injection"),
        ("nasal solution spray", "nasal spray"),
        ("tablet for oral suspension", "tablet for oral suspension"),
        ("powder for oral suspension", "powder for oral suspension"),
        ("tablet or capsule", None),
        ("something else", None),
    ],
)
def test_forms_are_read_from_the_words_of_systems_and_people(words: str, form: str | None) -> None:
    assert form_of(words.split()) == form


def test_folding_keeps_letters_and_drops_case_and_accents() -> None:
    assert folded("ClonazÉPAM 5 µg") == "clonazepam 5 ug"


PIECES = """clonazepam Klonopin oxycodone APAP mg 0.5 .5 1,000 / - mL per tablet BID 1/2 12 HR #30
( ) \u00e9 \uff15 \u00b5g [x] mg/mL""".split()
"""Pieces of names, among them an accent, a full-width digit and a micro sign."""


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(PIECES),
        max_size=12,
    ).map(" ".join)
    | st.text(max_size=60)
)
def test_no_text_at_all_breaks_the_reader(words: str) -> None:
    drug = recognise(DrugDescription((Coded(RXNORM, words, words),), words, form_text=words))
    if isinstance(drug, Drug):
        assert drug.strength is None or drug.strength.mg > 0
    else:
        assert (drug.named is not None) == names_something(words)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    st.sampled_from(["clonazepam", "Klonopin", "oxycodone", "buprenorphine"]),
    st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=4),
    st.booleans(),
)
def test_a_name_inside_a_longer_word_is_not_that_name(name: str, more: str, before: bool) -> None:
    word = more + name if before else name + more
    generics = {" ".join(n.words) for held in names().values() for n in held}
    if word.lower() not in generics:
        assert read_name(word) is None
