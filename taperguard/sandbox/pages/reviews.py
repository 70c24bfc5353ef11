"""What services say of a chart that is opened: quiet lines, the rest one click away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..cds.cards import Card, Link
from ..cds.patient_view import Heard
from . import markdown
from .order_presenter import INDICATOR_WORDS

NO_ANSWER = "did not answer. The chart is here without it"


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """One card; with `faults` it is one that cannot be understood.

    `suggestions` are only named: an EHR accepts them where orders are written.
    """

    indicator: str
    word: str
    summary: str
    detail: Markup
    source_label: str
    source_url: str
    suggestions: list[str]
    links: tuple[Link, ...]
    faults: list[str]


@dataclass(frozen=True, slots=True)
class Reviews:
    """All that was said, what could not be asked, and who had nothing to say."""

    lines: list[ReviewLine]
    quiet: list[str]
    trouble: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether nobody was asked."""
        return not (self.lines or self.quiet or self.trouble)


def reviews(heard: Iterable[Heard]) -> Reviews:
    """The answers of all services, as the chart shows them."""
    found = Reviews([], [], [])
    for one in heard:
        if one.problem:
            found.trouble.append(f"{one.service} {NO_ANSWER}: {one.problem}.")
        elif not one.cards:
            found.quiet.append(f"{one.service} looked at this chart and has nothing to say.")
        found.lines.extend(_lines(one.service, one.cards))
    return found


def _lines(service: str, cards: Sequence[Card | list[str]]) -> Iterable[ReviewLine]:
    for card in cards:
        if isinstance(card, Card):
            yield ReviewLine(
                indicator=card.indicator,
                word=INDICATOR_WORDS[card.indicator],
                summary=card.summary,
                detail=markdown.render(card.detail),
                source_label=card.source_label,
                source_url=card.source_url,
                suggestions=[suggestion.label for suggestion in card.suggestions],
                links=card.links,
                faults=[],
            )
        else:
            words = f"{service} sent a card that this EHR cannot show"
            yield ReviewLine("error", "Cannot be read", words, Markup(), service, "", [], (), card)
