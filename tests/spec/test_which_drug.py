"""Which drug a record means (CLINICAL section 1). The answers are read off the words by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from clinical.drugs import (
    Coded,
    Drug,
    DrugDescription,
    IngredientAsWritten,
    RecognisedBy,
    Strength,
    Unrecognised,
    is_local,
    is_rescue_naloxone,
    is_systemic_opioid,
    morphine_equivalent_factor,
    patch_morphine_equivalent,
    recognise,
    strength_ingredient,
    treats_opioid_use_disorder,
)

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
OUD = frozenset({"opioid_use_disorder"})
NO_REASON: frozenset[str] = frozenset()


def coded(code: str, display: str | None = None, text: str | None = None) -> DrugDescription:
    return DrugDescription((Coded(RXNORM, code, display),), text)


def known(description: DrugDescription | str) -> Drug:
    if isinstance(description, str):
        description = DrugDescription(text=description)
    drug = recognise(description)
    assert isinstance(drug, Drug), f"not recognised: {description}"
    return drug


@pytest.mark.parametrize(
    ("code", "mg", "per_unit", "form"),
    [
        ("197527", "0.5", "tablet", "tablet"),
        ("197528", "1", "tablet", "tablet"),
        ("197529", "2", "tablet", "tablet"),
        ("349194", "0.125", "tablet", "disintegrating tablet"),
        ("349197", "2", "tablet", "disintegrating tablet"),
        ("206157", "0.5", "tablet", "tablet"),
        ("387007", "0.1", "mL", "oral solution"),
    ],
)
def test_a_product_code_of_clonazepam_tells_strength_and_form(
    code: str, mg: str, per_unit: str, form: str
) -> None:
    drug = known(coded(code))
    assert drug.ingredients == ("clonazepam",)
    assert drug.strength == Strength(Fraction(mg), per_unit)
    assert (drug.form, drug.rxcui, drug.recognised_by) == (form, code, RecognisedBy.RXNORM)
    assert drug.classes == {"benzodiazepine"}
    assert drug.cns_active == {"clonazepam"}
    assert drug.warnings == ()


@pytest.mark.parametrize("code", ["2598", "202585"])
def test_an_ingredient_or_brand_code_leaves_the_strength_to_the_words(code: str) -> None:
    assert known(coded(code)).strength is None
    drug = known(coded(code, "clonazepam", "clonazepam 1 mg tablet"))
    assert drug.recognised_by is RecognisedBy.RXNORM
    assert drug.strength == Strength(Fraction(1), "tablet")


@pytest.mark.parametrize(
    ("words", "mg", "per_unit", "form"),
    [
        ("clonazepam 0.5 mg tablet", "0.5", "tablet", "tablet"),
        ("clonazePAM 1 MG Oral Tablet", "1", "tablet", "tablet"),
        ("Klonopin 0.5mg tab", "0.5", "tablet", "tablet"),
        ("KLONOPIN .5 MG TABS", "0.5", "tablet", "tablet"),
        ("clonazepam ODT 0.125 mg", "0.125", "tablet", "disintegrating tablet"),
        (
            "Clonazepam 250 mcg orally disintegrating tablet",
            "0.25",
            "tablet",
            "disintegrating tablet",
        ),
        ("Rivotril 2 mg", "2", "tablet", None),
        ("Clonazépam 0,5 mg tablets", "0.5", "tablet", "tablet"),
        ("clonazepam 0.1 mg/mL oral solution", "0.1", "mL", "oral solution"),
        ("clonazepam 0.5 mg/5 mL oral suspension", "0.1", "mL", "oral suspension"),
        ("Rivotril drops 2.5 mg/ml", "2.5", "mL", "oral solution"),
        ("Klonopin (clonazepam) 0.5 mg tablet", "0.5", "tablet", "tablet"),
        ("clonazepam 0.5 mg tablet twice daily", "0.5", "tablet", "tablet"),
        ("clonazepam 0.5 mg tablet (Klonopin) - take 1/2 nightly", "0.5", "tablet", "tablet"),
        ("clonazePAM 0.5 MG PO TBDP", "0.5", "tablet", "disintegrating tablet"),
        ("clonazePAM 1 MG PO TABS", "1", "tablet", "tablet"),
    ],
)
def test_clonazepam_is_read_from_words(
    words: str, mg: str, per_unit: str, form: str | None
) -> None:
    """A name without a form ("Rivotril 2 mg") may be either kind of tablet: its form is open."""
    drug = known(words)
    assert drug.ingredients == ("clonazepam",)
    assert drug.strength == Strength(Fraction(mg), per_unit)
    assert drug.form == form
    assert drug.recognised_by is RecognisedBy.TEXT


@pytest.mark.parametrize(
    "words",
    [
        "clonazepam",
        "clonazepam 1 mg BID",  # the dose, perhaps
        "clonazepam 0.25-0.5 mg tablet",  # a range is no strength
        "clonazepam 1 mg (2 x 0.5 mg tablets)",  # which of the two?
        "clonazepam 1/2 mg",  # a half, or one of two
        "clonazepam 7 mg",  # no such product, so no strength
        "clonazepam 1,125 mg",  # a thousand or a decimal comma
        "clonazepam 0.01 mg/kg",
        "clonazepam 2 mg/day tablet",
    ],
)
def test_a_strength_that_may_mean_something_else_is_left_out(words: str) -> None:
    drug = known(words)
    assert drug.ingredients == ("clonazepam",)
    assert drug.strength is None


@pytest.mark.parametrize(
    ("words", "ingredient"),
    [
        ("clonidine 0.1 mg tablet", None),
        ("clozapine 25 mg", "clozapine"),
        ("clobazam 10 mg tablet", "clobazam"),
        ("lorazepam 1 mg", "lorazepam"),
        ("dorzolamide 2 % eye drops", None),
        ("7-aminoclonazepam", None),
        ("desmethylclonazepam", None),
        ("clonazepamide", None),
        ("hydroxyzine pamoate", "hydroxyzine"),
        ("Codeinum-free", None),
    ],
)
def test_a_part_of_a_word_is_never_a_drug(words: str, ingredient: str | None) -> None:
    drug = recognise(DrugDescription(text=words))
    if ingredient is None:
        assert drug == Unrecognised(words)
    else:
        assert isinstance(drug, Drug)
        assert drug.ingredients == (ingredient,)


@pytest.mark.parametrize(
    ("words", "ingredients", "strength_of", "mg"),
    [
        ("oxycodone-acetaminophen 5-325 mg tablet", "acetaminophen oxycodone", "oxycodone", "5"),
        ("acetaminophen-codeine 300-30 mg tablet", "acetaminophen codeine", "codeine", "30"),
        ("Percocet 10/325", "acetaminophen oxycodone", "oxycodone", "10"),
        (
            "hydrocodone 5 mg-acetaminophen 325 mg tablet",
            "acetaminophen hydrocodone",
            "hydrocodone",
            "5",
        ),
        ("Suboxone 8 mg-2 mg SL film", "buprenorphine naloxone", "buprenorphine", "8"),
        ("promethazine-codeine 6.25-10 mg/5 mL syrup", "codeine promethazine", "codeine", "2"),
        (
            "Acetaminophen 325 MG / oxyCODONE Hydrochloride 5 MG Oral Tablet",
            "acetaminophen oxycodone",
            "oxycodone",
            "5",
        ),
        ("Tylenol #3 300 mg-30 mg tablet", "acetaminophen codeine", "codeine", "30"),
    ],
)
def test_a_combination_gives_every_ingredient_and_the_strength_of_the_one_of_concern(
    words: str, ingredients: str, strength_of: str, mg: str
) -> None:
    drug = known(words)
    assert drug.ingredients == tuple(ingredients.split())
    assert drug.strength is not None
    assert (strength_ingredient(drug), drug.strength.mg) == (strength_of, Fraction(mg))


def test_a_code_and_a_text_with_different_strengths_give_the_higher_and_say_so() -> None:
    drug = known(coded("197527", "clonazepam 0.5 MG Oral Tablet", "clonazepam 1 mg tablet"))
    assert drug.strength == Strength(Fraction(1), "tablet")
    assert drug.recognised_by is RecognisedBy.RXNORM
    assert drug.rxcui == "2598"  # which product it is, nobody can say
    (warning,) = drug.warnings
    assert "0.5 MG" in warning
    assert "1 mg tablet" in warning
    assert "higher" in warning
    # The other way round, the code's strength is the higher one.
    assert known(coded("197528", None, "clonazepam 0.5 mg tablet")).strength == drug.strength


@pytest.mark.parametrize(
    ("code", "text", "taken"),
    [
        ("197591", "clonazepam 0.5 mg tablet", "clonazepam"),  # the code is diazepam 5 mg
        ("197527", "oxycodone 5 mg tablet", "clonazepam"),
        ("197591", "oxycodone 5 mg tablet", "oxycodone"),
        ("312940", "clonazepam", "clonazepam"),  # the code is sertraline 25 mg
    ],
)
def test_a_code_and_a_text_of_two_drugs_give_the_one_of_concern_and_say_so(
    code: str, text: str, taken: str
) -> None:
    drug = known(coded(code, None, text))
    assert drug.ingredients == (taken,)
    assert any(text in warning for warning in drug.warnings)


def test_a_code_of_clonazepam_with_the_name_of_a_stranger_is_clonazepam_with_a_warning() -> None:
    drug = known(coded("197527", None, "Lisinopril 10 MG Oral Tablet"))
    assert drug.ingredients == ("clonazepam",)
    assert "Lisinopril" in drug.warnings[0]


def test_two_codes_of_one_drug_give_the_higher_strength_and_one_warning() -> None:
    half = Coded(RXNORM, "197527", "clonazepam 0.5 MG Oral Tablet")
    one = Coded(RXNORM, "197528", "clonazepam 1 MG Oral Tablet")
    drug = known(DrugDescription((half, one)))
    assert drug.strength == Strength(Fraction(1), "tablet")
    assert len(drug.warnings) == 1


def test_a_generic_and_a_brand_code_of_one_strength_are_no_conflict() -> None:
    drug = known(DrugDescription((Coded(RXNORM, "197527", None), Coded(RXNORM, "206157", None))))
    assert (drug.rxcui, drug.warnings) == ("197527", ())


def test_a_tablet_code_with_the_words_of_a_solution_is_uncertain_and_says_so() -> None:
    drug = known(coded("197527", None, "clonazepam 0.1 mg/mL oral solution"))
    assert drug.strength == Strength(Fraction(1, 2), "tablet")
    assert "uncertain" in drug.warnings[0]


def test_words_that_name_nothing_beside_a_code_are_no_conflict() -> None:
    assert known(coded("197527", None, "take one tablet by mouth as directed")).warnings == ()


def test_an_unknown_code_leaves_recognition_to_the_display() -> None:
    drug = known(coded("1153378", "Clonazepam [Klonopin]"))
    assert drug.ingredients == ("clonazepam",)
    assert (drug.recognised_by, drug.rxcui) == (RecognisedBy.DISPLAY, None)


def test_a_code_of_another_system_is_not_taken_for_rxnorm() -> None:
    local = DrugDescription((Coded("urn:oid:1.2.3.4", "197527", None), Coded(None, "2598", None)))
    assert recognise(local) == Unrecognised(None)


@pytest.mark.parametrize(
    "system",
    [
        "http://www.nlm.nih.gov/research/umls/rxnorm/",
        "https://www.nlm.nih.gov/research/umls/rxnorm",
        "urn:oid:2.16.840.1.113883.6.88",
    ],
)
def test_rxnorm_is_known_by_its_other_uris(system: str) -> None:
    drug = recognise(DrugDescription((Coded(system, "197527", None),)))
    assert isinstance(drug, Drug)
    assert drug.rxcui == "197527"


@pytest.mark.parametrize(
    ("description", "named"),
    [
        (DrugDescription(text="Lisinopril 10 mg"), "Lisinopril 10 mg"),
        (coded("314076", "lisinopril 10 MG Oral Tablet"), "lisinopril 10 MG Oral Tablet"),
        (DrugDescription(text="Acetaminophen 325 mg tab"), "Acetaminophen 325 mg tab"),
        (
            DrugDescription(text="Little Pink Pill for water retention"),
            "Little Pink Pill for water retention",
        ),
        (DrugDescription(text="клоназепам"), "клоназепам"),
        (coded("99999999"), None),
        (DrugDescription(text="see comments"), None),
        (DrugDescription(text="pain pill"), None),  # it may be an opioid
        (DrugDescription(text="her little white sleeping tablets"), None),
        (DrugDescription(text="Continue all home medications"), None),
        (DrugDescription(text="take 1 tablet by mouth daily as directed"), None),
        (DrugDescription(text="12345"), None),
        (DrugDescription(text="   "), None),
        (DrugDescription(), None),
    ],
)
def test_what_we_do_not_know_keeps_its_name_or_is_nameless(
    description: DrugDescription, named: str | None
) -> None:
    assert recognise(description) == Unrecognised(named)


def test_an_ingredient_list_tells_drug_strength_and_unit() -> None:
    clonazepam = IngredientAsWritten((Coded(RXNORM, "2598", None),), None, Fraction(1, 10), "mL")
    drug = known(DrugDescription(ingredients=(clonazepam,), form_text="Oral solution"))
    assert drug.strength == Strength(Fraction(1, 10), "mL")
    assert drug.form == "oral solution"
    assert drug.recognised_by is RecognisedBy.INGREDIENT_STRENGTH


def test_an_ingredient_strength_without_denominator_counts_the_pieces_of_the_form() -> None:
    oxycodone = IngredientAsWritten((), "oxycodone hydrochloride", Fraction(5), None)
    paracetamol = IngredientAsWritten((), "Paracetamol", Fraction(325), None)
    drug = known(
        DrugDescription(ingredients=(oxycodone, paracetamol), form_text="Tablet dose form")
    )
    assert drug.ingredients == ("acetaminophen", "oxycodone")
    assert drug.strength == Strength(Fraction(5), "tablet")


def test_an_ingredient_list_that_says_more_than_the_code_is_a_warning() -> None:
    strong = IngredientAsWritten((Coded(RXNORM, "2598", None),), None, Fraction(2), "tablet")
    drug = known(DrugDescription((Coded(RXNORM, "197528", None),), ingredients=(strong,)))
    assert drug.strength == Strength(Fraction(2), "tablet")
    assert len(drug.warnings) == 1


@pytest.mark.parametrize(
    "words",
    [
        "codeine-guaifenesin 10-100 mg/5 mL liquid",
        "tramadol 50 mg tablet",
        "fentanyl 25 mcg/hr patch",
        "butorphanol nasal spray",
        "naloxone 0.5 MG / pentazocine 50 MG Oral Tablet",
        "Suboxone",
        "Embeda",
        "Oral Form Oxycodone (product)",
    ],
)
def test_opioids_count_in_every_route_and_combination(words: str) -> None:
    assert is_systemic_opioid(known(words))


@pytest.mark.parametrize(
    "words",
    ["naloxone", "naltrexone 50 mg", "Contrave", "Relistor", "Movantik", "Symproic", "alvimopan",
     "loperamide 2 mg", "dextromethorphan", "Lybalvi", "clonazepam 1 mg"],
)  # fmt: skip
def test_antagonists_and_peripheral_or_unlike_drugs_are_no_opioids(words: str) -> None:
    assert not is_systemic_opioid(known(words))


@pytest.mark.parametrize(
    ("words", "reasons", "expected"),
    [
        ("Suboxone 8-2 mg film", NO_REASON, True),
        ("buprenorphine 8 mg sublingual tablet", NO_REASON, True),
        ("Subutex", NO_REASON, True),
        ("Sublocade 300 mg/1.5 mL", NO_REASON, True),
        ("Brixadi weekly", NO_REASON, True),
        ("Bunavail", NO_REASON, True),
        ("Belbuca 300 mcg", OUD, False),
        ("Butrans 10 mcg/hr patch", OUD, False),
        ("buprenorphine 0.3 mg/mL injection", OUD, False),
        ("buprenorphine", NO_REASON, False),
        ("buprenorphine", OUD, True),
        ("methadone 10 mg tablet", NO_REASON, False),
        ("methadone 10 mg tablet", OUD, True),
        ("oxycodone 5 mg tablet", OUD, False),
        ("pentazocine-naloxone", OUD, False),
        ("clonazepam", OUD, False),
    ],
)
def test_which_opioid_treats_opioid_use_disorder(
    words: str, reasons: frozenset[str], expected: bool
) -> None:
    assert treats_opioid_use_disorder(known(words), reasons) is expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Narcan 4 mg nasal spray", True),
        ("naloxone 0.4 mg/mL injection", True),
        ("naloxone", True),
        ("Opvee", True),
        ("Zimhi", True),
        ("buprenorphine-naloxone", False),
        ("pentazocine-naloxone", False),
        ("naltrexone", False),
    ],
)
def test_only_naloxone_or_nalmefene_alone_is_a_rescue(words: str, expected: bool) -> None:
    assert is_rescue_naloxone(known(words)) is expected


def test_the_nasal_naloxone_that_the_card_offers_is_a_rescue() -> None:
    drug = known(coded("1725059"))
    assert drug.form == "nasal spray"
    assert is_rescue_naloxone(drug)


@pytest.mark.parametrize(
    ("words", "ingredient", "factor"),
    [
        ("oxycodone 5 mg tablet", "oxycodone", "1.5"),
        ("oxycodone-acetaminophen 5-325 mg", "oxycodone", "1.5"),
        ("codeine 30 mg tablet", "codeine", "0.15"),
        ("hydromorphone 2 mg tablet", "hydromorphone", "5"),
        ("methadone 10 mg tablet", "methadone", "4.7"),
        ("tramadol 50 mg tablet", "tramadol", "0.2"),
        ("oxycodone-acetaminophen 5-325 mg", "acetaminophen", None),
        ("oxycodone 5 mg tablet", "codeine", None),
        ("hydromorphone 2 mg/mL injection", "hydromorphone", None),
        ("fentanyl 25 mcg/hr patch", "fentanyl", None),
        ("buprenorphine 8 mg sublingual tablet", "buprenorphine", None),
        ("meperidine 50 mg tablet", "meperidine", None),
    ],
)
def test_morphine_factors_are_those_of_cdc_2022_and_absent_where_it_has_none(
    words: str, ingredient: str, factor: str | None
) -> None:
    expected = None if factor is None else Fraction(factor)
    assert morphine_equivalent_factor(known(words), ingredient) == expected


def test_a_fentanyl_patch_of_25_mcg_an_hour_is_60_mg_of_morphine_a_day() -> None:
    # 25 mcg/h x 2.4 = 60 (CDC22)
    assert patch_morphine_equivalent(known("fentanyl 25 mcg/hr patch")) == 60
    assert patch_morphine_equivalent(known("Butrans 10 mcg/hr patch")) is None
    assert patch_morphine_equivalent(known("fentanyl 0.1 MG Sublingual Tablet")) is None


@pytest.mark.parametrize(
    ("name", "classes", "counted"),
    [
        ("phenobarbital", {"barbiturate", "antiepileptic", "cyp3a4-inducer"}, True),
        ("butalbital", {"barbiturate"}, False),
        ("clobazam", {"benzodiazepine"}, True),
        ("gabapentin", {"antiepileptic", "gabapentinoid"}, True),
        ("zolpidem", {"z-drug"}, True),
        ("trazodone", {"other-sedative"}, False),
        ("hydroxyzine", {"sedating-antihistamine"}, False),
        ("suvorexant", {"orexin-antagonist"}, False),
        ("sertraline", {"ssri"}, True),
        ("cyclobenzaprine", {"muscle-relaxant"}, True),
        ("quetiapine", {"antipsychotic", "sedating-antipsychotic"}, True),
        ("aripiprazole", {"antipsychotic"}, True),
        ("buspirone", {"anxiolytic"}, False),
        ("clarithromycin", {"cyp3a4-inhibitor"}, False),
        ("fluvoxamine", {"ssri", "cyp3a4-inhibitor"}, True),
        ("lamotrigine", {"antiepileptic"}, True),
        ("amitriptyline", {"tricyclic"}, True),
        ("naltrexone", {"opioid-antagonist"}, False),
    ],
)
def test_classes_and_the_cns_active_count_follow_beers(
    name: str, classes: set[str], counted: bool
) -> None:
    drug = known(name)
    assert drug.classes == classes
    assert bool(drug.cns_active) is counted


def test_a_long_text_is_never_cut_inside_a_word() -> None:
    # The 400th character is the last of "clonazepam" in "clonazepamide".
    words = "x" * 389 + " clonazepamide"
    assert isinstance(recognise(DrugDescription(text=words)), Unrecognised)


@pytest.mark.parametrize(
    ("code", "words", "form"),
    [
        ("2598", "clonazepam 1 mg", None),
        ("93055", "clonazepam 1 mg", "tablet"),  # the code of Klonopin's tablets, of any strength
        (None, "clonazepam 1 mg", "Oral Tablet"),
    ],
)
def test_a_plain_amount_is_the_strength_of_the_pieces_that_have_it(
    code: str | None, words: str, form: str | None
) -> None:
    """Clonazepam is made with 1 mg in tablets, and with 1 mg/mL, which nobody writes as "1 mg"."""
    codes = (Coded(RXNORM, code, None),) if code else ()
    drug = known(DrugDescription(codes, words, form_text=form))
    assert drug.strength == Strength(Fraction(1), "tablet")
    assert drug.warnings == ()


def test_a_stated_form_does_not_make_a_strength_of_an_amount_that_is_not_made() -> None:
    assert known(DrugDescription(text="clonazepam 7 mg", form_text="Tablet")).strength is None
    assert known(DrugDescription(text="clonazepam 1 mg BID", form_text="Tablet")).strength is None


def test_other_ingredients_beside_ours_are_partners_and_no_conflict() -> None:
    oxycodone = IngredientAsWritten((Coded(RXNORM, "7804", None),), None, Fraction(5), "tablet")
    lactose = IngredientAsWritten((), "lactose")
    unread = IngredientAsWritten((Coded("urn:oid:1.2.3", "42", None),), None, Fraction(325))
    drug = known(DrugDescription(ingredients=(oxycodone, lactose, unread)))
    assert (drug.ingredients, drug.warnings) == (("oxycodone",), ())


def test_an_ingredient_list_of_another_drug_contradicts_the_code() -> None:
    lisinopril = IngredientAsWritten((), "lisinopril")
    drug = known(DrugDescription((Coded(RXNORM, "197527", None),), ingredients=(lisinopril,)))
    assert drug.ingredients == ("clonazepam",)
    assert "lisinopril" in drug.warnings[0]


@pytest.mark.parametrize(
    ("words", "drug_class"),
    [
        ("tetrazepam", "benzodiazepine"),
        ("ethyl loflazepate 2 mg", "benzodiazepine"),
        ("clonazolam", "benzodiazepine"),
        ("Paregoric 2 mg/5 mL", "opioid"),
        ("co-codamol 30/500", "opioid"),
        ("tilidine-naloxone", "opioid"),
        ("meclizine 25 mg", "sedating-antihistamine"),
        ("zuranolone", "other-sedative"),
    ],
)
def test_drugs_that_are_not_made_in_the_us_or_seldom_used_are_known_too(
    words: str, drug_class: str
) -> None:
    """A patient may bring them along; a benzodiazepine counts wherever it comes from."""
    drug = known(words)
    assert drug_class in drug.classes
    assert not drug.contains("clonazepam")


def test_a_pack_of_nasal_sprays_is_known_by_its_code() -> None:
    drug = known(coded("2272630"))  # Valtoco 5 MG Dose Kit
    assert (drug.ingredients, drug.form, drug.strength) == (("diazepam",), "pack", None)


def test_a_code_of_another_drug_beside_the_name_of_ours_is_a_conflict() -> None:
    # Our tables do not have the code: only its display tells what it means.
    codes = (Coded(RXNORM, "9999999", "lisinopril 10 MG Oral Tablet"),)
    drug = known(DrugDescription(codes, "clonazepam 1 mg tablet"))
    assert drug.ingredients == ("clonazepam",)
    assert "lisinopril" in drug.warnings[0]


@pytest.mark.parametrize(
    "written", ["0004006801", "000040068-01", "0004-0068", "4006801", "0004-00680-1", "ABC"]
)
def test_an_ndc_that_may_be_several_packages_or_none_is_not_guessed(written: str) -> None:
    """Ten digits without hyphens can be 4-4-2, 5-3-2 or 5-4-1: three different packages."""
    package = DrugDescription((Coded("http://hl7.org/fhir/sid/ndc", written, None),))
    assert recognise(package) == Unrecognised(None)


@pytest.mark.parametrize(
    ("words", "ingredients"),
    [
        ("Clarithromycin 500 MG Oral Tablet", ("clarithromycin",)),
        ("Cardizem CD 240 mg", ("diltiazem",)),
        ("rifampicin 300 mg", ("rifampin",)),
        ("St. John's Wort 300 mg capsule", ("st john's wort",)),
        ("St Johns wort", ("st john's wort",)),
        ("Paxlovid 300/100", ("nirmatrelvir", "ritonavir")),
        ("lopinavir 200 MG / ritonavir 50 MG Oral Tablet [Kaletra]", ("lopinavir", "ritonavir")),
    ],
)
def test_what_changes_the_breakdown_of_clonazepam_is_known_by_its_names(
    words: str, ingredients: tuple[str, ...]
) -> None:
    drug = known(words)
    assert drug.ingredients == ingredients
    assert drug.cns_active == frozenset()


def test_what_changes_the_breakdown_of_clonazepam_is_known_by_its_ingredients_code() -> None:
    assert known(coded("2551")).ingredients == ("ciprofloxacin",)


# --- Where it acts ------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "route", "local"),
    [
        ("ketoconazole 2 % topical cream", None, True),
        ("ketoconazole 2 % shampoo", None, True),
        ("erythromycin 5 MG/GM Ophthalmic Ointment", None, True),
        ("erythromycin eye ointment", None, True),
        ("ciprofloxacin 0.3 % otic solution", None, True),
        ("Restasis", None, True),  # cyclosporine for the eye; by mouth it has other brands
        ("doxepin 50 MG/ML Topical Cream", None, True),
        ("erythromycin 2 % gel", "Topical", True),
        ("ciprofloxacin 3 MG/ML solution", "Ophthalmic route", True),
        ("ciprofloxacin 0.3 % drops", "Otic", True),
        ("diazepam rectal gel", "Topical", False),  # taken up from the rectum
        ("asenapine 3.8 mg/24 h transdermal patch", "Topical", False),  # worn on the skin
        ("ketoconazole 200 mg tablet", "Topical", False),  # an odd route moves no tablet
        ("ketoconazole 200 mg tablet", None, False),
        ("diphenhydramine 2.5 MG/ML oral solution", "Oral", False),
        ("morphine 10 MG/ML injection", "Subcutaneous", False),
        ("clarithromycin", None, False),  # nothing says it: taken as for the whole body
    ],
)
def test_what_acts_on_skin_eye_or_ear_alone_is_told_by_form_or_route(
    words: str, route: str | None, local: bool
) -> None:
    assert is_local(known(words).form, route) is local


def test_eye_drops_name_no_drug_of_ours_and_are_not_unidentified() -> None:
    assert recognise(DrugDescription(text="eye drops")) == Unrecognised("eye drops")
