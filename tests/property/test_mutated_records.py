"""Whatever a record holds: a dose that can be one, or a sentence - never an exception."""

import json
import random
from datetime import date
from typing import Any

import mutations
import pytest

from ehr.decode import encode, pretty
from taperguard.commands.dose import UnusableInput, dose_report

TODAY = date(2026, 11, 23)
POOL = mutations.pool()
LONGEST_SENTENCE = 600
LONGEST_QUOTE = 90
MOST_WARNINGS = 40


def no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def read_back(value: Any) -> Any:
    """The report as another program reads it: JSON without NaN or infinity."""
    return json.loads(pretty(value), parse_constant=no_constant)


def is_sentence(text: str, what: str) -> None:
    assert text.strip(), f"{what} is empty"
    assert len(text.splitlines()) == 1, f"{what} has several lines: {text!r}"
    assert len(text) <= LONGEST_SENTENCE, f"{what} is long: {text[:200]!r}"


def check_numbers(daily: dict[str, Any], *, on_that_day: bool) -> None:
    low, high, peak = daily["low"], daily["high"], daily["peak_day"]
    assert 0 <= low <= high <= peak <= 10**9
    if high == 0:
        assert on_that_day
        assert daily["working"].startswith("the order has nothing to take on ")
    assert isinstance(daily["as_needed"], bool)
    assert daily["why_not"] is None
    assert len(daily["working"].splitlines()) == 1
    assert not {"nan", "inf", "infinity"} & set(daily["working"].lower().split())


def check_report(report: dict[str, Any], long_texts: list[str], *, on_that_day: bool) -> None:
    daily, amount = report["daily_dose"], report["amount_per_day"]
    assert report["counts_as_current"] is (report["why_not_current"] is None)
    sentences = [*report.get("warnings", [])]
    if report["why_not_current"] is not None:
        sentences.append(report["why_not_current"])
    if daily is None:
        assert amount is not None
    else:
        sentences += daily["warnings"]
        if daily["status"] == "computed":
            check_numbers(daily, on_that_day=on_that_day)
            sentences.append(daily["working"][:LONGEST_SENTENCE])
        else:
            assert daily["status"] == "not-computable"
            assert [daily[k] for k in ("low", "high", "peak_day", "working")] == [None] * 4
            assert report["steps"] == []
            sentences.append(daily["why_not"])
    assert len(sentences) <= MOST_WARNINGS
    for sentence in sentences:
        is_sentence(sentence, "a sentence")
        assert not any(text in sentence for text in long_texts), sentence[:200]
    if amount is not None:
        assert amount["unit"]
        assert 0 <= amount["low"] <= amount["high"] <= 10**9
        assert amount["high"] > 0 or on_that_day
    for step in report["steps"]:
        assert 0 <= step["low"] <= step["high"] <= 10**9
        assert step["high"] > 0
        assert not step["from"] or not step["to"] or step["from"] <= step["to"]


def long_texts_of(body: Any) -> list[str]:
    """The beginning of each text that is too long to be quoted whole."""
    found = (holder[key] for holder, key in mutations.places(body))
    flat = (" ".join(text.split()) for text in found if isinstance(text, str))
    return [text[:LONGEST_QUOTE] for text in flat if len(text) >= LONGEST_QUOTE]


def judge(body: Any, *, on_that_day: bool) -> str:
    """What became of the record; raises where it breaks a promise."""
    if not isinstance(body, dict):
        return "refused"
    try:
        reports = dose_report(body, TODAY, on_that_day=on_that_day)
    except UnusableInput as refused:
        is_sentence(str(refused), "the refusal")
        return "refused"
    shown = read_back(reports)
    long_texts = long_texts_of(body)
    for report in shown if isinstance(shown, list) else [shown]:
        check_report(report, long_texts, on_that_day=on_that_day)
    first = shown[0] if isinstance(shown, list) else shown
    return "in its unit" if first["daily_dose"] is None else first["daily_dose"]["status"]


def run(count: int, seed: int) -> set[str]:
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    seen = set()
    for number in range(count):
        body = mutations.mutated(dice, dice.choice(POOL), POOL)
        try:
            seen.add(judge(body, on_that_day=dice.random() < 0.3))
        except Exception as error:
            told = encode(body).decode() if isinstance(body, dict) else repr(body)
            raise AssertionError(f"mutation {number} of seed {seed}: {told[:20_000]}") from error
    return seen


EVERY_END = {"refused", "computed", "not-computable", "in its unit"}


def test_the_records_themselves_keep_every_promise():
    for raw in POOL:
        judge(mutations.decode(raw), on_that_day=False)
        judge(mutations.decode(raw), on_that_day=True)


def test_two_thousand_mutated_records_are_read():
    assert run(2_000, seed=20261123) == EVERY_END


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_a_hundred_thousand_mutated_records_are_read(seed):
    assert run(5_000, seed=seed) == EVERY_END
