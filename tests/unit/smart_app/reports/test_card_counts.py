"""What became of cards, counted: each once, under each of its checks, and withheld where few."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace

import pytest
from shown_cards import DISPLAYS, HL7, OWN, of_patients, shown

from smart_app.reports.card_counts import (
    FIELDS,
    Counts,
    Line,
    counted,
    enough_patients,
    shareable,
)
from smart_app.reports.words import FEW, WITHHELD
from store.card_outcomes import IN_WORDS_ONLY
from store.feedback import Outcome

ACCEPTED, OVERRIDDEN = Outcome.ACCEPTED, Outcome.OVERRIDDEN


def count(*rows, months=("2026-10", "2026-11")) -> Counts:
    return counted(rows, months, DISPLAYS)


def numbers(line: Line) -> tuple:
    return tuple(getattr(line, name) for name in FIELDS)


def lines(counts: Counts, split: str) -> dict[str, tuple]:
    return {line.label: numbers(line) for line in counts.lines[split]}


def test_a_card_counts_once_in_total_and_under_each_check_that_it_spoke_for() -> None:
    """Two cards of two checks accepted, one of one check overridden, four not answered."""
    both = ("high-dose", "opioid-together")
    counts = count(
        shown(checks=both, outcome=ACCEPTED, cards=2),
        shown(outcome=OVERRIDDEN, reason=f"{OWN}|will-monitor"),
        shown(cards=4),
    )
    assert numbers(counts.total) == (7, 2, 1, 4)
    assert lines(counts, "check") == {
        "High dose": (7, 2, 1, 4),
        "Opioid together with clonazepam": (2, 2, 0, 0),
    }


def test_every_split_but_that_by_check_adds_up_to_the_total() -> None:
    counts = count(
        shown(month="2026-10", severity="critical", hook="order-select", user_role=None),
        shown(user_role="PractitionerRole", rules_version="2026.08", outcome=ACCEPTED, cards=2),
        shown(hook="patient-view", severity="information", outcome=OVERRIDDEN, cards=3),
    )
    for split in ("month", "severity", "hook", "role", "version"):
        parts = [numbers(line) for line in counts.lines[split]]
        assert tuple(map(sum, zip(*parts, strict=True))) == numbers(counts.total) == (6, 2, 3, 1)
    assert lines(counts, "role") == {
        "Practitioner": (3, 0, 3, 0),
        "Practitioner in a role": (2, 2, 0, 0),
        "Not known": (1, 0, 0, 1),
    }


def test_a_month_without_a_card_has_its_line() -> None:
    counts = count(shown(month="2026-11"), months=("2026-09", "2026-10", "2026-11"))
    assert [line.shown for line in counts.lines["month"]] == [0, 0, 1]


def test_a_card_that_spoke_for_no_check_is_counted_as_that() -> None:
    assert lines(count(shown(checks=())), "check") == {"No check": (1, 0, 0, 1)}


def test_reasons_are_told_by_our_words_and_never_by_those_of_the_ehr() -> None:
    """The most frequent first; a reason of an accepted card is none for an override."""
    overridden = [
        (f"{OWN}|will-monitor", 4),
        (f"{HL7}|risk-benefit-ratio", 3),
        ("https://ehr.example|Synthetic-Alder", 1),
        ("|will-monitor", 1),
        (IN_WORDS_ONLY, 5),
        (None, 6),
    ]
    rows = [shown(outcome=OVERRIDDEN, reason=reason, cards=n) for reason, n in overridden]
    counts = count(*rows, shown(outcome=ACCEPTED, reason=f"{OWN}|will-monitor"))
    assert [(one.label, one.cards) for one in counts.reasons] == [
        ("No reason given", 6),
        ("In words only", 5),
        ("Will monitor and review", 4),
        ("The benefit outweighs the risk for this patient", 3),
        ("A code of the EHR's own", 2),
    ]


@pytest.mark.parametrize("cards", [8, 40, 300])
def test_groups_that_name_only_enough_patients_tell_what_single_cards_tell(cards: int) -> None:
    """Number for number, also which of them have fewer than 11 patients behind, and the files."""
    chance = random.Random(cards)  # noqa: S311
    singly = [
        shown(
            patient=str(chance.randrange(30)),
            month=chance.choice(("2026-10", "2026-11")),
            checks=chance.choice(((), ("high-dose",), ("high-dose", "opioid-together"))),
            user_role=chance.choice(("Practitioner", None)),
            outcome=chance.choice((ACCEPTED, OVERRIDDEN, None)),
        )
        for _ in range(cards)
    ]
    alike = defaultdict(list)
    for one in singly:
        alike[replace(one, patients=frozenset())].append(*one.patients)
    groups = [
        replace(
            one, cards=len(patients), patients=frozenset(sorted(set(patients))[: enough_patients()])
        )
        for one, patients in alike.items()
    ]
    told, told_singly = count(*groups), count(*singly)
    assert told == told_singly
    assert few(told) == few(told_singly)
    assert shareable(told) == shareable(told_singly)


def few(counts: Counts) -> list[object]:
    """What has fewer than 11 patients behind it, in the order of the lines."""
    lines = [counts.total, *(line for split in counts.lines.values() for line in split)]
    return [*(line.few for line in lines), *(reason.few for reason in counts.reasons)]


# --- the form to pass on ------------------------------------------------------------------------


def test_a_number_under_11_is_withheld_and_so_is_the_one_that_would_give_it_away() -> None:
    """30 shown = 4 accepted + 12 overridden + 14 not answered: 4 alone would be 30 - 26."""
    counts = shareable(
        count(
            *of_patients(4, outcome=ACCEPTED),
            *of_patients(12, 10, outcome=OVERRIDDEN),
            *of_patients(14, 30),
        )
    )
    told = numbers(counts.total)
    assert told[0] == 30
    assert told[1] == FEW
    assert WITHHELD in told[2:]


def test_twelve_cards_of_one_patient_are_withheld_as_one_patient() -> None:
    counts = shareable(count(*of_patients(40), shown(checks=("pregnancy",), cards=12, patient="9")))
    (pregnancy,) = (one for one in counts.lines["check"] if one.key == "pregnancy")
    assert pregnancy.shown == WITHHELD
    assert counts.total.shown in (52, WITHHELD)


def test_large_numbers_stay_as_they_are() -> None:
    """Of each outcome 20 cards of 20 patients, all of one check, month and role."""
    rows = [
        *of_patients(20, outcome=ACCEPTED),
        *of_patients(20, 20, outcome=OVERRIDDEN, reason=IN_WORDS_ONLY),
        *of_patients(20, 40),
    ]
    whole = count(*rows, months=("2026-11",))
    assert shareable(whole) == whole


def test_few_cards_that_are_not_of_a_check_cannot_be_told_from_the_total() -> None:
    """50 cards, 47 of them of high-dose: the 3 others would be the difference."""
    rows = [*of_patients(47, outcome=ACCEPTED), *of_patients(3, 50, checks=("pregnancy",))]
    counts = shareable(count(*rows, months=("2026-11",)))
    (high,) = (one for one in counts.lines["check"] if one.key == "high-dose")
    assert WITHHELD in (high.shown, counts.total.shown)


def test_a_month_in_which_no_card_was_shown_says_so_and_costs_no_other_number() -> None:
    """Nobody stands behind it. 20 cards in November, none in October."""
    counts = shareable(count(*of_patients(20)))
    assert [line.shown for line in counts.lines["month"]] == [0, 20]


def test_that_nobody_accepted_is_a_small_number_too() -> None:
    """Of 20 cards none was accepted: it would be known of each of the 20."""
    counts = shareable(count(*of_patients(20, outcome=OVERRIDDEN)))
    assert counts.total.accepted == FEW
