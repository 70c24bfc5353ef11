"""The words of a dosage text as pieces that are understood, in order - the rest is unread.

At each place the longest phrase that anything here knows is taken. The words without a number in
them are `knowledge/sig_words.csv`, timings `knowledge/timing_codes.csv` and `timing_words`,
units `knowledge/dose_units.csv`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from clinical.dosing import sig_amounts, sig_spans
from clinical.dosing.one_look import one_look
from clinical.dosing.sig_tokens import Kind, Token
from clinical.dosing.timing_words import match_timing
from clinical.knowledge import table

_Found = tuple[Token | None, int]

_SIGNS = {
    "½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3", "µ": "u", "μ": "u",
    "\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{HYPHEN}": "-", "\N{MULTIPLICATION SIGN}": "x",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
}  # fmt: skip
_DOTTED = re.compile(r"\b(?:[a-z]\.)+[a-z]\b\.?(?![0-9])", re.ASCII)
_SHORTENED = re.compile(
    r"\b(po|sl|tabs?|caps?|tsp|tbsp|prn|q[ap]m|qhs|[bt]id|qid|max|hrs?|wks?|disp|qty|pt|mg|ml)\."
    r"(?![0-9])",
    re.ASCII,
)
_GLUED_DURATION = re.compile(r"(?<=[a-z])x(?=\s?[0-9]+\s?(?:d|wk|day|week|month)s?\b)", re.ASCII)
_ROMAN = re.compile(r"\b(i{1,3})\s+(?=(?:tab|cap)(?:let|sule)?s?\b)", re.ASCII)
_EXTRA_FIRST = re.compile(
    r"\b([0-9][0-9./]*|one|two|half)\s+(extra|additional|more)\s+(?=tab|cap|pill|mg|dose)", re.ASCII
)
_PART = r"(?:[0-9](?:/[0-9])?|[0-9]?\.[0-9]{1,2})"
_SCHEME = re.compile(
    rf"(?<![\w./-])({_PART})-({_PART})-({_PART})(?:-({_PART}))?(?![\w./-])(?:\s*(tab|cap|mg)[a-z]*)?",
    re.ASCII,
)
_PARTS_OF_DAY = ("in the morning", "at noon", "in the evening", "at bedtime")

_SKIPPED = re.compile(r"(?:\s|[:'\"*]|-+(?=\s))+")
# A point or a comma before a digit may be a decimal sign: it is never skipped (".5", ",5"), but
# right after a word ("qam,1 tab") a comma parts two doses.
_SEPARATOR = re.compile(
    r"(?:[,;](?:\s*(?:and\b|&))?|\.+)(?![0-9])|(?<=[a-z)]),|/(?=am\b|pm\b|qam|qpm|qhs)",
    re.ASCII,
)
_BRACKETS = re.compile(r"(?P<open>[(\[]\s*=?)|(?P<close>[)\]])|=", re.ASCII)
_SUPPLY = re.compile(
    # What the pharmacy hands over, and when: no dose.
    r"#\s*[0-9]{1,4}(?:\s*\([a-z -]{1,30}\))?(?!\S*[0-9])"
    r"|(?:disp(?:ense)?|qty|quantity|mitte)\s*[:#]?\s*#?\s*[0-9]{1,4}(?:\s*\([a-z -]{1,30}\))?"
    r"(?:\s*(?:tab(?:let)?|cap(?:sule)?|pill)s?(?:\(s\))?)?\b"
    r"|[0-9]{1,4}\s*(?:tab(?:let)?|cap(?:sule)?|pill)s?(?:\(s\))?\s*,?\s*[0-9]{1,2}\s*(?:refill|rf)s?"
    r"(?:\(s\))?"
    r"|(?:refills?|rf)\s*[:#]?\s*(?:x\s*)?[0-9]{1,2}\b|[0-9]{1,2}\s+(?:refill|rf)s?(?:\(s\))?"
    r"|\(?\s*(?:x\s*|for\s+(?:an?\s+)?)?[0-9]{1,3}[\s-]*days?[\s-]*supply\s*\)?"
    r"|(?:ok to fill|may fill|fill|do not fill|dnf|earliest fill date|next fill)"
    rf"(?:\s+(?:on or after|on|after|before|until))?\s*:?\s*{sig_spans.DATE}",
    re.ASCII,
)
_WATER = re.compile(
    r"with\s+(?:(?:an?|one|[0-9]{1,2})\s*)?(?:(?:full|large|small|whole|sips?|oz|ounces?)\s+)*"
    r"(?:glass(?:es)?\s+)?(?:of\s+)?(?:water|juice|milk)\b",
    re.ASCII,
)
_DIAGNOSIS = re.compile(
    r"(?:(?:dx|diagnosis|icd(?:-?10)?)\s*:?\s*)?\(?[a-z][0-9]{2}\.[0-9]{1,4}\)?(?![0-9a-z])",
    re.ASCII,
)
# "2 mg/day in 2 divided doses": the day's dose is already said.
_DIVIDED = re.compile(
    r"(?:given\s+)?(?:in\s+)?(?:(?:[2-6]|two|three|four)\s+"
    r"(?:(?:to|or|-)\s*(?:[2-6]|three|four)\s+)?)?(?:equally\s+)?divided(?:\s+doses?)?"
    r"(?:\s+(?:into\s+)?(?:bid|tid|qid|q12h|q8h|q6h|(?:twice|three times) (?:daily|a day)))?\b",
    re.ASCII,
)
_WORD = re.compile(r"[^\s,;()\[\]=]+|.", re.DOTALL)


def tokens_of(text: str) -> list[Token]:
    """The pieces of a text, in order; words without bearing on the dose are left out."""
    words = _plain_words(text)
    tokens: list[Token] = []
    at = 0
    while at < len(words):
        skipped = _SKIPPED.match(words, at)
        if skipped:
            at = skipped.end()
            continue
        token, at = _longest(words, at)
        if token is not None:
            tokens.append(token)
    return tokens


def _longest(words: str, at: int) -> _Found:
    found: _Found | None = None
    for read in _READERS if _seldom().match(words, at) else _OF_MOST_WORDS:
        one = read(words, at)
        if one is not None and (found is None or one[1] > found[1]):
            found = one
    if found is not None:
        return found
    word = _WORD.match(words, at)
    end = word.end() if word else at + 1
    return Token(Kind.UNREAD, words[at:end].rstrip(".:") or words[at:end]), end


def _plain_words(text: str) -> str:
    words = re.sub(r"[\r\n]+", " . ", text.strip().lower())
    for sign, plain in _SIGNS.items():
        words = words.replace(sign, plain)
    words = _DOTTED.sub(lambda dotted: dotted[0].replace(".", "") + " ", words)
    words = _SHORTENED.sub(r"\1 ", words)
    words = _GLUED_DURATION.sub(" x", words)
    words = re.sub(r"(?<![\w/])w/(?=\s?[a-z]{2})\s*", "with ", words)
    words = _ROMAN.sub(lambda roman: f"{len(roman[1])} ", words)
    words = _EXTRA_FIRST.sub(r"\2 \1 ", words)
    words = _SCHEME.sub(_scheme_in_words, words)
    return " ".join(words.split())


def _scheme_in_words(scheme: re.Match[str]) -> str:
    """Of "1-0-2 tab": 1 tab in the morning and 2 tab in the evening; a fourth is at bedtime."""
    *numbers, unit = scheme.groups()
    said = [
        f"{number} {unit or ''} {part}"
        for number, part in zip(numbers, _PARTS_OF_DAY, strict=True)
        if number and number.strip("0./")
    ]
    return " and ".join(said) or scheme.group()


# --- what is read at a place -------------------------------------------------------------------


def _separator(words: str, at: int) -> _Found | None:
    match = _SEPARATOR.match(words, at)
    return (Token(Kind.AND, words=match.group()[0]), match.end()) if match else None


def _bracket(words: str, at: int) -> _Found | None:
    match = _BRACKETS.match(words, at)
    if match is None:
        return None
    kind = Kind.OPEN if match["open"] else Kind.CLOSE if match["close"] else Kind.SAME
    return Token(kind, words=match.group()), match.end()


def _no_dose(words: str, at: int) -> _Found | None:
    ends = [m.end() for p in (_SUPPLY, _WATER, _DIAGNOSIS) if (m := p.match(words, at))]
    return (None, max(ends)) if ends else None


def _divided(words: str, at: int) -> _Found | None:
    match = _DIVIDED.match(words, at)
    return (Token(Kind.DIVIDED, match.group()), match.end()) if match else None


def _timing(words: str, at: int) -> _Found | None:
    phrase = match_timing(words, at)
    if phrase is None:
        return None
    return Token(Kind.TIMING, words[at : phrase.end], when=phrase), phrase.end


def _reason(words: str, at: int) -> _Found | None:
    match = _phrases()[0].match(words, at)
    return (None, match.end()) if match else None


def _phrase(words: str, at: int) -> _Found | None:
    _, pattern, kinds = _phrases()
    match = pattern.match(words, at)
    if match is None:
        return None
    kind = kinds[match.group()]
    return (Token(kind, match.group()) if kind else None), match.end()


def _drug(words: str, at: int) -> _Found | None:
    match = _drug_names().match(words, at)
    return (Token(Kind.DRUG, match.group()), match.end()) if match else None


_READERS: tuple[Callable[[str, int], _Found | None], ...] = (
    sig_amounts.limit,
    sig_amounts.lowering,
    sig_amounts.repeat,
    sig_spans.after,
    sig_spans.label,
    sig_spans.dates,
    sig_amounts.strength,
    sig_amounts.amount,
    _timing,
    sig_spans.duration,
    _phrase,
    _reason,
    _drug,
    _no_dose,
    _divided,
    _separator,
    _bracket,
    sig_amounts.number,
)
"""Where two phrases are equally long, the earlier reader's is taken."""

_OF_MOST_WORDS = tuple(
    read for read in _READERS if read in {sig_amounts.amount, _timing, _phrase, sig_amounts.number}
)


@cache
def _seldom() -> re.Pattern[str]:
    """Where this does not match, no reader but those of most words finds anything."""
    here = (_SUPPLY, _WATER, _DIAGNOSIS, _DIVIDED, _SEPARATOR, _BRACKETS, _drug_names())
    return one_look((*sig_amounts.seldom(), *sig_spans.SELDOM, *here, _phrases()[0]))


@cache
def _phrases() -> tuple[re.Pattern[str], re.Pattern[str], dict[str, Kind | None]]:
    """What a text is for, as one pattern; every other phrase, with its kind (None: no bearing)."""
    rows = table("sig_words.csv")
    kinds: dict[str, Kind | None] = {
        row["words"]: None if row["kind"] == "no-bearing" else Kind(row["kind"])
        for row in rows
        if not row["kind"].startswith("reason")
    }
    of_kind = {kind: _any_of([r["words"] for r in rows if r["kind"] == kind])
               for kind in ("reason", "reason-adjective")}  # fmt: skip
    one = rf"(?:(?:{of_kind['reason-adjective']})\s+)*(?:{of_kind['reason']})(?![a-z0-9])"
    lead = (
        r"(?:(?:used |indicated )?for(?: the| your)?|due to|related to|associated with|"
        r"indications?:?|dx:?|diagnosis:?|reason:?)\s+"
    )
    between = r"\s*(?:,|/|&|(?:and/or|and|or)\b)\s*"
    reason = re.compile(rf"(?:{lead})?{one}(?:{between}(?:for\s+)?{one})*", re.ASCII)
    phrase = re.compile(rf"(?:{_any_of(list(kinds))})(?:(?<![a-z])|(?![a-z0-9]))", re.ASCII)
    return reason, phrase, kinds


@cache
def _drug_names() -> re.Pattern[str]:
    """What a sig calls the drug of this product: another drug's name stays unread."""
    names = [row["name"] for row in table("names.csv") if row["ingredients"] == "clonazepam"]
    form = r"(?:\s+odt|\s+oral)?"
    return re.compile(
        rf"(?:of\s+)?(?:{_any_of(['clonazepam', *names])}){form}(?![a-z0-9])", re.ASCII
    )


def _any_of(words: list[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
