"""A policy as the text of a policy file: every value with its meaning, unit, range and sources.

What is written here is read back to the same policy (`clinical/policy_file.py`).
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from clinical.choices import Choice, Link
from clinical.policy import Policy
from clinical.policy_file import CHECKS, choices_by_section, numbers_by_section, sections
from clinical.quantities import exact, plain
from clinical.rules import Number, Rule, rules

_WIDTH = 98

_HEAD = """\
# What a site may choose, as it is in force. The shipped file of this name is made by
# `taperguard policy` from the reviewed data that the code runs on.
#
# A site writes a file of its own, names it in TAPERGUARD_POLICY_FILE, and says in it only what
# is to differ from what is shipped. A value that cannot be used stops the start with file, line
# and reason. One EHR differs from the others by the same tables under its id of `ehrs.toml`:
#
#     [ehr.north.checks.high-dose]
#     high_dose_mg_per_day = 1.5
#
# Of a check: `on` makes it at all; `shadow` makes it and tells it in the account and the metrics
# only, on no card and no page; `own_card` lets a finding interrupt by itself, else it stands in
# the detail of another's card. What long-term use is (days, window and gap) is defined by the
# report and is no site's choice. The tablets of a pharmacy stand in `ehrs.toml`. Sources are
# named by their keys on /evidence.
"""


def policy_text(policy: Policy) -> str:
    """The whole policy as TOML with comments."""
    parts = [_HEAD, *(_check(rule, policy) for rule in rules())]
    for section in sections():
        lines = [f"[{section}]"]
        for number in numbers_by_section().get(section, {}).values():
            lines += _number(number, policy)
        for choice in choices_by_section().get(section, {}).values():
            lines += _choice(choice, policy)
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _check(rule: Rule, policy: Policy) -> str:
    chosen = policy.checks[rule.check]
    section = f"{CHECKS}.{rule.check.value}"
    lines = [
        *_comment(f"{rule.title}.", rule.sources),
        f"[{section}]",
        f"on = {_toml(chosen.on)}",
        f"shadow = {_toml(chosen.shadow)}",
        f"own_card = {_toml(chosen.own_card)}",
    ]
    for number in numbers_by_section()[section].values():
        lines += _number(number, policy)
    return "\n".join(lines) + "\n"


def _number(number: Number, policy: Policy) -> list[str]:
    least, most = exact(number.least), exact(number.most)
    words = f"{number.meaning} From {plain(least)} to {plain(most)} {number.unit}."
    return [
        *_comment(words, number.sources, number.note),
        f"{number.id} = {_toml(getattr(policy, number.id))}",
    ]


def _choice(choice: Choice, policy: Policy) -> list[str]:
    words = f"{choice.meaning} Allowed: {choice.allowed}."
    value = getattr(policy, choice.id)
    written = _toml(choice.nothing if value is None else value)
    return [*_comment(words, choice.sources, choice.note), f"{choice.id} = {written}"]


def _comment(words: str, sources: Iterable[str], note: str | None = None) -> list[str]:
    cited = ", ".join(sources)
    said = " ".join(filter(None, (words, note, f"Sources: {cited}." if cited else None)))
    return textwrap.wrap(
        said, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
    )


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Fraction():
            return plain(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Link():
            return f"{{ label = {_toml(value.label)}, url = {_toml(value.url)} }}"
        case frozenset():
            return _toml(tuple(sorted(value)))
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            raise AssertionError(f"no policy holds a {type(value).__name__}")
