"""A dosage rendered as text is read back; a word that is not known never leaves a dose."""

import time
import tomllib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical.daily_dose import DailyDose, NotComputable
from clinical.dosage import DosageLine
from clinical.dose_course import course_of
from clinical.dosing.sig import read_sig
from clinical.drugs import Strength
from clinical.quantities import plain

SEEDED = settings(
    derandomize=True,
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
HALF_MG = Strength(Fraction(1, 2), "tablet")
CORPUS = tomllib.loads(
    (Path(__file__).parents[1] / "spec" / "sigs.toml").read_text(encoding="utf-8")
)["group"]
READ = [row["sig"] for group in CORPUS for row in group["sigs"] if "mg" in row]


def dose_of(text: str) -> DailyDose | NotComputable:
    return course_of([DosageLine(text=text)], strength=HALF_MG).overall


# --- a dosage said in many ways -------------------------------------------------------------------

TABLETS = {
    Fraction(1, 4): ["1/4 tab", "¼ tablet", "a quarter of a tablet", "0.25 tab", ".25 tab"],
    Fraction(1, 2): ["1/2 tab", "½ tab", "half a tablet", "one-half tablet", "0.5 tablet"],
    Fraction(1): ["1 tab", "one tablet", "1 (one) tablet", "a tablet", "1tab", "1.0 tab"],
    Fraction(3, 2): ["1 1/2 tabs", "1½ tabs", "one and a half tablets", "1.5 tabs", "1-1/2 tabs"],
    Fraction(2): ["2 tabs", "two tablets", "2 (two) tablets", "2 x 0.5 mg tabs", "ii tabs"],
    Fraction(3): ["3 tabs", "three tablets", "three (3) tablets", "3 pills"],
}
TIMES = {
    Fraction(1, 7): ["once weekly", "once a week", "weekly", "on Mondays", "every 7 days"],
    Fraction(1, 2): ["every other day", "qod", "q.o.d.", "every 48 hours", "on alternate days"],
    Fraction(1): ["daily", "qd", "q.d.", "qhs", "at bedtime", "once a day", "every 24 hours"],
    Fraction(2): ["bid", "b.i.d.", "twice daily", "2 (two) times a day", "q12h", "qam and qhs"],
    Fraction(3): ["tid", "T.I.D.", "three times a day", "every 8 hours", "morning, noon and night"],
    Fraction(4): ["qid", "four times daily", "q6h", "every six hours", "4x/day"],
}
ROUTES = ["", "po ", "by mouth ", "orally ", "PO "]
VERBS = ["", "take ", "Take ", "give ", "Pt to take "]
ENDS = ["", ".", " for anxiety", " for panic attacks.", " as directed", ", swallow whole", " #60"]


@dataclass(frozen=True)
class Said:
    text: str
    tablets: Fraction
    per_day: Fraction


@st.composite
def doses(draw: st.DrawFn) -> Said:
    tablets, per_day = draw(st.sampled_from(list(TABLETS))), draw(st.sampled_from(list(TIMES)))
    amount, time_ = draw(st.sampled_from(TABLETS[tablets])), draw(st.sampled_from(TIMES[per_day]))
    if draw(st.booleans()):
        amount = f"{plain(tablets / 2)} mg"
    route = draw(st.sampled_from(ROUTES))
    return Said(f"{amount} {route}{time_}", tablets, per_day)


@SEEDED
@given(said=doses(), verb=st.sampled_from(VERBS), end=st.sampled_from(ENDS), loud=st.booleans())
def test_a_dose_is_read_back_however_it_is_said(
    said: Said, verb: str, end: str, loud: bool
) -> None:
    """So many tablets of 0.5 mg so many times a day."""
    text = f"{verb}{said.text}{end}"
    dose = dose_of(text.upper() if loud else text)
    assert isinstance(dose, DailyDose), (text, dose)
    assert dose.low == dose.high == said.tablets * said.per_day / 2
    assert (dose.unit, dose.as_needed) == ("mg", False)


@SEEDED
@given(
    said=doses(),
    needed=st.sampled_from(["prn", "as needed", "PRN anxiety", "if needed for sleep", "p.r.n."]),
)
def test_as_needed_it_is_from_none_to_the_same(said: Said, needed: str) -> None:
    dose = dose_of(f"{said.text} {needed}")
    assert isinstance(dose, DailyDose), (said.text, dose)
    assert (dose.low, dose.high) == (0, said.tablets * said.per_day / 2)


@SEEDED
@given(
    steps=st.lists(st.tuples(doses(), st.integers(1, 60)), min_size=2, max_size=6),
    then=st.sampled_from([", then ", " then ", "; then ", ", followed by ", ". Then "]),
    lasting=st.sampled_from(["for {} days", "x {} days", "x{}d", "for {} days"]),
    end=st.sampled_from(["", ", then stop", " then discontinue", ", then off."]),
)
def test_a_course_is_read_back_step_by_step(
    steps: list[tuple[Said, int]], then: str, lasting: str, end: str
) -> None:
    text = then.join(f"{said.text} {lasting.format(days)}" for said, days in steps) + end
    if len(text) > 900:
        return
    lines = read_sig(text).lines
    assert [line.timing.bounds.lasts_days for line in lines] == [(d, d) for _, d in steps], text
    overall = dose_of(text)
    assert isinstance(overall, DailyDose)
    doses = [said.tablets * said.per_day / 2 for said, _ in steps]
    assert overall.high in doses
    assert overall.peak_day >= max(doses)


# --- words that are not known ---------------------------------------------------------------------

STRANGE = [
    "not", "except", "unless", "double", "triple", "increase", "wean", "taper", "titrate", "less",
    "instead", "was", "previously", "while", "alternatively", "tabelt", "dialy", "lorazepam",
    "zolpidem", "%", "<", ">", "?", "٣", "approximately", "about", "minus", "missed", "split",
]  # fmt: skip


@SEEDED
@given(sig=st.sampled_from(READ), word=st.sampled_from(STRANGE), place=st.integers(0, 40))
def test_a_word_that_is_not_known_never_leaves_a_dose(sig: str, word: str, place: int) -> None:
    words = sig.split()
    words.insert(place % (len(words) + 1), word)
    text = " ".join(words)
    assert isinstance(dose_of(text), NotComputable), text


@SEEDED
@given(sig=st.sampled_from(READ), letters=st.text("bcfghjkvwz", min_size=6))
def test_letters_that_are_no_word_never_leave_a_dose(sig: str, letters: str) -> None:
    for text in (f"{letters} {sig}", f"{sig} {letters}"):
        assert isinstance(dose_of(text), NotComputable), text


WORDS = sorted({word for group in CORPUS for row in group["sigs"] for word in row["sig"].split()})


@SEEDED
@given(words=st.lists(st.sampled_from(WORDS), max_size=30), glue=st.sampled_from([" ", "", ", "]))
def test_the_words_of_all_sigs_in_any_order_have_an_answer(words: list[str], glue: str) -> None:
    overall = dose_of(glue.join(words))
    if isinstance(overall, NotComputable):
        assert overall.why
    else:
        assert 0 <= overall.low <= overall.high <= overall.peak_day


# --- hostile texts --------------------------------------------------------------------------------

REPEATED = [
    "1 ", "1-", "1/2 ", "half of a ", "a ", "one and a half ", "((1", "1 (1) ", "for ", "severe ",
    "anxiety, ", "and then ", "max daily dose ", "may repeat ", "1 tab am and ", "mon, ", "1 to ",
    " ", ".", "-", "٣ tab ", "week 1 ", "every 4 to 6 ", "decrease by ", "a.b.",
    "\N{MATHEMATICAL DOUBLE-STRUCK DIGIT ONE} tab bid ",
    "with a full glass of ", "no more than ", "1 tab x 7 days then ", "daily to ", "bid-", "x1 ",
    "1 x 0.5 mg ", "1 mg and ", "(", "in 2 divided ", "# 1 (", "once or ", "up to a max of ",
]  # fmt: skip


@pytest.mark.parametrize("piece", REPEATED)
def test_a_repeated_piece_is_answered_at_once(piece: str) -> None:
    """As long as a text may be; a second is far more than it takes on a busy machine."""
    text = (piece * 1000)[:1000]
    started = time.perf_counter()
    dose_of(text)
    assert time.perf_counter() - started < 1


def test_ten_thousand_words_are_not_read_at_all() -> None:
    started = time.perf_counter()
    overall = dose_of("1 tab bid " * 10_000)
    assert isinstance(overall, NotComputable)
    assert "too long" in overall.why
    assert time.perf_counter() - started < 0.1
