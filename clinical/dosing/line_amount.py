"""How much of the ingredient one intake means: units, strength, and one dose said several ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from clinical.daily_dose import NotComputable
from clinical.dosage import Amount, SaidAmount, SaidAs, UnitKind
from clinical.dosing.timing import span
from clinical.dosing.units import known_unit, shown
from clinical.drugs import Strength
from clinical.quantities import plain

SOLID_ORAL = frozenset({"tablet", "capsule", "pill", "film", "lozenge"})
"""Units of which one is one, whatever word a record uses for it."""

_PREFERENCE = list(SaidAs)


@dataclass(frozen=True, slots=True)
class Given:
    """An intake in the unit in which it is administered."""

    low: Fraction
    high: Fraction
    unit: str


@dataclass(frozen=True, slots=True)
class Scale:
    """So many of `unit`, as administered, make one of the dose's own unit (2 tablets per mg)."""

    unit: str
    per_one: Fraction


@dataclass(frozen=True, slots=True)
class Intake:
    """One intake: `low` to `high` in `unit` ("mg" where it could be said so), with its words.

    `scale` leads back to the administered unit, None where that is not known.
    """

    low: Fraction
    high: Fraction
    unit: str
    words: str
    scale: Scale | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoIntake:
    """Why an amount cannot be said in mg or in a unit; `given` where it is at least countable."""

    why: str
    given: Given | None = None


def intake_of(
    said: Sequence[SaidAmount], strength: Strength | None, weight_kg: Fraction | None
) -> Intake | NoIntake:
    """One dose from all its sayings: the ordered one, unless they differ: then all are bounds."""
    ordered = sorted(said, key=lambda s: _PREFERENCE.index(s.said_as))
    read = [(s, in_mg(s.amount, strength, weight_kg)) for s in ordered]
    intakes = [(s, i) for s, i in read if isinstance(i, Intake)]
    if not intakes:
        gaps = [gap for _, gap in read if isinstance(gap, NoIntake)]
        return gaps[0] if gaps else NoIntake("no dose is given")
    in_mass = [(s, i) for s, i in intakes if i.unit == "mg"]
    base_said, first = (in_mass or intakes)[0]
    base = first
    if base.scale is None or base.scale.unit == "mg":
        base = replace(base, scale=_counted(base, read) or base.scale)
    for other_said, other in intakes:
        if other is not first and other.unit == base.unit:
            base = _with_other(base, other, (base_said, other_said), strength)
    left_out = [gap.why for _, gap in read if isinstance(gap, NoIntake)]
    if left_out:
        note = f"another saying of the dose was left out: {left_out[0]}"
        base = replace(base, warnings=(*base.warnings, note))
    return base


def _counted(base: Intake, read: Sequence[tuple[SaidAmount, Intake | NoIntake]]) -> Scale | None:
    """The administered unit where another saying of the dose counts it ("650 mg = 2 capsules")."""
    for said, _ in read:
        unit = said.amount.unit
        if unit.kind in {UnitKind.COUNT, UnitKind.VOLUME} and base.high:
            return Scale(unit.name, said.amount.high * unit.factor / base.high)
    return None


def _with_other(
    base: Intake,
    other: Intake,
    pair: tuple[SaidAmount, SaidAmount],
    strength: Strength | None,
) -> Intake:
    """The base, checked against another saying of the same dose."""
    if (other.low, other.high) == (base.low, base.high):
        return base
    if pair[1].said_as is SaidAs.BESIDE and strength is not None and other.high == strength.mg:
        return base  # "2 tablets (0.5 mg)" of a 0.5 mg tablet names the strength
    return replace(
        base,
        low=min(base.low, other.low),
        high=max(base.high, other.high),
        warnings=(
            *base.warnings,
            f"the dose is given as {base.words} and as {other.words}; the higher counts",
        ),
    )


def beside_may_be_strength(said: Sequence[SaidAmount], strength: Strength | None) -> bool:
    """Whether "2 tablets (0.5 mg)" leaves open if 0.5 mg is one tablet or both."""
    return (
        strength is None
        and any(s.said_as is SaidAs.BESIDE and s.amount.unit.kind is UnitKind.MASS for s in said)
        and any(s.amount.unit.kind is UnitKind.COUNT and s.amount.high != 1 for s in said)
    )


def in_mg(
    amount: Amount, strength: Strength | None, weight_kg: Fraction | None = None
) -> Intake | NoIntake:
    """One amount in mg of the ingredient, or in its own unit when the strength is not known.

    "mg" is never multiplied by the strength. A dose without a unit is both readings (so many
    units of the product, so many mg) at once. CLINICAL 2.
    """
    unit = amount.unit
    low, high = amount.low * unit.factor, amount.high * unit.factor
    given = Given(low, high, unit.name)
    words = f"{span(low, high)} {unit.name}".strip()
    same = Scale(unit.name, Fraction(1))
    if unit.kind is UnitKind.MASS:
        return Intake(low, high, "mg", words, same)
    if unit.kind is UnitKind.MASS_PER_KG:
        if not weight_kg:
            return NoIntake("the dose is per kg and the patient's weight is not known")
        words = f"{words} x {plain(weight_kg)} kg"
        return Intake(low * weight_kg, high * weight_kg, "mg", words, Scale("mg", Fraction(1)))
    if unit.kind is UnitKind.UNSTATED:
        return _without_unit(low, high, strength)
    if strength is None or not strength.mg:
        if unit.kind is UnitKind.UNDEFINED:
            return NoIntake(f"a {unit.name} has no defined size", given)
        return Intake(low, high, unit.name, words, same)
    per_unit = known_unit(strength.per_unit)
    per_name = per_unit.name if per_unit else strength.per_unit
    counts = per_unit is not None and per_unit.kind is UnitKind.COUNT
    warnings: tuple[str, ...] = ()
    if unit.kind is UnitKind.EACH and (counts or per_name == unit.name):
        same = Scale(per_name, Fraction(1))
        words = f"{span(low, high)} {per_name}"
    elif per_name != unit.name:
        if unit.kind is UnitKind.UNDEFINED:
            return NoIntake(f"a {unit.name} has no defined size", given)
        if not {unit.name, per_name} <= SOLID_ORAL:
            return NoIntake(
                f"the dose is in {unit.name} and the product's strength is per {per_name}", given
            )
        if unit.name != "pill":
            warnings = (f"the dose is in {unit.name}s and the product is a {per_name}",)
    return Intake(
        low * strength.mg,
        high * strength.mg,
        "mg",
        f"{words} x {plain(strength.mg)} mg",
        Scale(same.unit, 1 / strength.mg),
        warnings,
    )


def _without_unit(low: Fraction, high: Fraction, strength: Strength | None) -> Intake | NoIntake:
    if strength is None:
        return NoIntake("the dose has no unit and the product's strength is not known")
    per = shown(strength.per_unit)
    said = span(low, high)
    return Intake(
        min(low, low * strength.mg),
        max(high, high * strength.mg),
        "mg",
        f"({said} {per} x {plain(strength.mg)} mg, or {said} mg)",
        None,
        (f"the dose has no unit: it may be {said} {per} or {said} mg",),
    )


def as_not_computable(gap: NoIntake, warnings: tuple[str, ...]) -> NotComputable:
    """The gap as a result."""
    return NotComputable(gap.why, warnings)
