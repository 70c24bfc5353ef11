"""Sentences of the checks and the chart, as Markdown of a card."""

from __future__ import annotations

from collections.abc import Callable

from cds_hooks import markdown
from clinical.facts import PatientFacts
from clinical.plain_words import day, plain_words, sentence

__all__ = ["Words", "day", "sentence", "words_of"]

Words = Callable[[str], str]


def words_of(facts: PatientFacts) -> Words:
    """A sentence about this chart in plain words, without any markup of its own."""
    plainly = plain_words(facts)
    return lambda words: markdown.text(plainly(words))
