"""A site's policy file: TOML text in, the policy of the site and of each of its EHRs out.

What the file does not say stays as shipped. A value that cannot be used is refused with its line
and a sentence: a threshold that is half understood would be followed half.

    [checks.high-dose]
    high_dose_mg_per_day = 1.5

    [ehr.north.checks.dose-escalation]
    shadow = true
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from clinical.choices import Choice, Unusable, choices, switch
from clinical.findings import CheckId
from clinical.policy import CheckChoice, Policy, default_policy, exact_numbers
from clinical.quantities import MalformedQuantity, exact, plain
from clinical.rules import Number, rules, shared_numbers
from clinical.taper.pace import PercentSteps, pace

CHECKS, EHR = "checks", "ehr"
_SWITCHES = ("on", "shadow", "own_card")
_NOT_ABOVE = (
    ("high_dose_mg_per_day", "panic_maximum_mg_per_day"),
    ("panic_maximum_mg_per_day", "absolute_maximum_mg_per_day"),
    ("monitor_days", "settled_days"),
)
"""Pairs of numbers of which the first may not be above the second."""

Path = tuple[str, ...]


class MalformedPolicy(ValueError):
    """A policy file cannot be used. `line` is where (from 1), None where no line is to blame."""

    def __init__(self, line: int | None, reason: str) -> None:
        super().__init__(reason if line is None else f"line {line}: {reason}")
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Policies:
    """The policy of the site, and those of the EHRs that have their own."""

    site: Policy
    by_ehr: Mapping[str, Policy] = field(default_factory=dict)

    def of(self, ehr_id: str | None) -> Policy:
        """The policy where this EHR is used; the site's for one that has none of its own."""
        return self.site if ehr_id is None else self.by_ehr.get(ehr_id, self.site)


def parse_policy(text: str, ehr_ids: Collection[str] = ()) -> Policies:
    """The policies that a file states; `ehr_ids` are those of the registry. MalformedPolicy."""
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:  # also: a number or a nesting without end
        raise _not_toml(text, str(error)) from None
    reader = _Reader(text)
    of_ehrs = reader.table(document.pop(EHR, {}), (EHR,), "[ehr.ID]")
    site = reader.policy(document, default_policy(), ())
    by_ehr = {}
    for ehr_id, content in of_ehrs.items():
        at = (EHR, ehr_id)
        if ehr_id not in ehr_ids:
            why = f"no registered EHR has the id {ehr_id!r}{_near(ehr_id, ehr_ids)}"
            raise reader.bad(at, why)
        by_ehr[ehr_id] = reader.policy(reader.table(content, at, f"[ehr.{ehr_id}]"), site, at)
    return Policies(site, by_ehr)


@cache
def numbers_by_section() -> Mapping[str, Mapping[str, Number]]:
    """The numbers that a site may choose, by the table of the file in which they stand."""
    found = {f"{CHECKS}.{rule.check.value}": rule.numbers for rule in rules()}
    found |= shared_numbers()
    return {
        section: {number.id: number for number in numbers if number.least is not None}
        for section, numbers in found.items()
    }


@cache
def choices_by_section() -> Mapping[str, Mapping[str, Choice]]:
    """The other choices, by the table of the file in which they stand."""
    sections: dict[str, dict[str, Choice]] = {}
    for choice in choices():
        sections.setdefault(choice.section, {})[choice.id] = choice
    return sections


def sections() -> tuple[str, ...]:
    """The tables of the file beside those of checks and EHRs, in its order."""
    return tuple(dict.fromkeys((*shared_numbers(), *choices_by_section())))


class _Reader:
    """Reads the tables of one file; it knows the text, so that it can name a line."""

    def __init__(self, text: str) -> None:
        self._text = text

    def bad(self, path: Path, why: str) -> MalformedPolicy:
        return MalformedPolicy(_line_of(self._text, path), why)

    def table(self, content: object, path: Path, like: str) -> dict[str, Any]:
        if not isinstance(content, dict):
            raise self.bad(path, f"{path[-1]} has to be a table like {like}")
        return content

    def policy(self, document: Mapping[str, Any], base: Policy, at: Path) -> Policy:
        """What these tables make of the base."""
        said: dict[str, Path] = {}
        values: dict[str, Any] = {}
        checks = dict(base.checks)
        for name, content in document.items():
            path = (*at, name)
            if name == CHECKS:
                for key, own in self.table(content, path, "[checks.high-dose]").items():
                    check = self._check((*path, key), key)
                    table = self.table(own, (*path, key), f"[checks.{key}]")
                    checks[check] = self._switches(table, checks[check], (*path, key))
                    rest = {k: v for k, v in table.items() if k not in _SWITCHES}
                    self._values(rest, f"{CHECKS}.{key}", (*path, key), values, said)
            elif name in sections():
                table = self.table(content, path, f"[{name}]")
                self._values(table, name, path, values, said)
            else:
                tables = (CHECKS, *sections(), *(() if at else (EHR,)))
                raise self.bad(path, _unknown(name, tables))
        found = replace(base, checks=checks, **values)
        self._refuse_contradictions(found, said, at)
        return found

    def _check(self, path: Path, key: str) -> CheckId:
        try:
            return CheckId(key)
        except ValueError:
            ids = [check.value for check in CheckId]
            raise self.bad(path, f"there is no check {key!r}{_near(key, ids)}") from None

    def _switches(self, table: Mapping[str, Any], base: CheckChoice, at: Path) -> CheckChoice:
        found = {}
        for name in _SWITCHES:
            if name in table:
                found[name] = self._read((*at, name), switch, table[name])
        return replace(base, **found)

    def _values(
        self,
        table: Mapping[str, Any],
        section: str,
        at: Path,
        values: dict[str, Any],
        said: dict[str, Path],
    ) -> None:
        numbers = numbers_by_section().get(section, {})
        others = choices_by_section().get(section, {})
        for key, value in table.items():
            path = (*at, key)
            if key in numbers:
                number = numbers[key]
                values[key] = self._read(path, lambda it, of=number: _number(of, it), value)
            elif key in others:
                values[key] = self._read(path, others[key].read, value)
            else:
                switches = _SWITCHES if section.startswith(f"{CHECKS}.") else ()
                raise self.bad(path, _unknown(key, (*numbers, *others, *switches)))
            said[key] = path

    def _read(self, path: Path, read: Any, value: object) -> Any:
        try:
            return read(value)
        except Unusable as why:
            raise self.bad(path, f"{path[-1]} {why}") from None

    def _refuse_contradictions(self, policy: Policy, said: Mapping[str, Path], at: Path) -> None:
        for keys, why in _contradictions(policy):
            # The base has none, so one of the two is said here.
            path = next((said[key] for key in keys if key in said), at)
            raise self.bad(path, why)


def _number(number: Number, value: object) -> int | Fraction:
    """The number as its field holds it. Raises Unusable."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unusable(f"has to be a number ({number.unit}), without quotation marks")
    try:
        found = exact(value)
    except MalformedQuantity as why:
        raise Unusable(f"cannot be used: {why}") from None
    assert number.least is not None  # noqa: S101  # nosec B101  those without are no choice
    assert number.most is not None  # noqa: S101  # nosec B101
    least, most = exact(number.least), exact(number.most)
    if not least <= found <= most:
        raise Unusable(f"is {value}; {plain(least)} to {plain(most)} {number.unit} can be chosen")
    if number.id in exact_numbers():
        return found
    if not isinstance(value, int):
        raise Unusable(f"is {value}; it has to be a whole number of {number.unit}")
    return value


def _contradictions(policy: Policy) -> list[tuple[tuple[str, ...], str]]:
    """What cannot hold together: the keys, the likely culprit first, and the sentence."""
    found: list[tuple[tuple[str, ...], str]] = []
    for lower, upper in _NOT_ABOVE:
        low, high = exact(getattr(policy, lower)), exact(getattr(policy, upper))
        if low > high:
            why = f"{lower} ({plain(low)}) may not be above {upper} ({plain(high)})"
            found.append(((upper, lower), why))
    usual, slow, second = (
        policy.recommended_pace,
        policy.recommended_slow_pace,
        policy.offered_pace,
    )
    if _share_a_day(slow) > _share_a_day(usual):
        why = f"recommended_slow_pace ({slow}) is faster than recommended_pace ({usual})"
        found.append((("recommended_slow_pace", "recommended_pace"), why))
    if second in {usual, slow}:
        why = f'offered_pace ({second}) is recommended already; "none" offers no second pace'
        found.append((("offered_pace", "recommended_pace", "recommended_slow_pace"), why))
    missing = [it for it in (usual, slow, second) if it and it not in policy.planner_paces]
    if missing:
        why = f"planner_paces lacks {missing[0]}, which is recommended or offered"
        keys = ("planner_paces", "recommended_pace", "recommended_slow_pace", "offered_pace")
        found.append((keys, why))
    return found


def _share_a_day(pace_id: str) -> Fraction:
    """How fast a percentage pace is."""
    steps = pace(pace_id).steps
    assert isinstance(steps, PercentSteps)  # noqa: S101  # nosec B101  no other is recommended
    return steps.cut / steps.interval_days


# --- lines and names -----------------------------------------------------------------------


def _unknown(key: str, here: Collection[str]) -> str:
    """What to say of a key that does not stand in this table."""
    places = {
        **{key: section for section, known in numbers_by_section().items() for key in known},
        **{key: section for section, known in choices_by_section().items() for key in known},
    }
    if key in places:
        return f"{key} stands under [{places[key]}]"
    near = difflib.get_close_matches(key, here, n=1)
    near = near or difflib.get_close_matches(key, places, n=1, cutoff=0.8)
    if not near:
        return f"{key!r} is no setting here"
    under = "" if near[0] in here else f" under [{places[near[0]]}]"
    return f"{key!r} is no setting here (did you mean {near[0]}{under}?)"


def _near(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _line_of(text: str, path: Path) -> int | None:
    """The line on which the value or table of this path begins.

    Found by reading the file line by line until the path is there: TOML may say it as a table, a
    dotted key or an inline table, over several lines.
    """
    lines = text.split("\n")
    before = 0
    for number in range(1, len(lines) + 1):
        try:
            found: Any = tomllib.loads("\n".join(lines[:number]))
        except ValueError:
            continue  # in the middle of a value that goes on
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            return before + 1
        before = number
    return None


def _not_toml(text: str, error: str) -> MalformedPolicy:
    """The parser's words for a person, and the line that it names."""
    words, _, place = error.partition(" (at ")
    named = re.search(r"line (\d+)", place)
    line = int(named[1]) if named else len(text.rstrip().split("\n"))
    if "overwrite" in words or "twice" in words or "mutate" in words:
        return MalformedPolicy(line, "this is said twice, here and further up")
    return MalformedPolicy(line, f"not TOML: {words[:1].lower()}{words[1:]}")
