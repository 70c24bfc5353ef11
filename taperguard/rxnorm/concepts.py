"""RxNorm's concepts and relations, as far as they can tell of a drug, held compactly.

A relation stands in RXNREL as `RXCUI1 <- RELA - RXCUI2`: a product (RXCUI2) consists_of a
component (RXCUI1), which has_ingredient an ingredient (RXCUI1). Each relation stands there in
both directions under two names; one of them is read.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from clinical.drug.site import TERM_TYPES
from taperguard.refusal import Refusal
from taperguard.rxnorm.release import CONCEPTS, RELATIONS, Release

DOSE_FORM = "DF"
_KEPT = {term.encode(): term for term in (*sorted(TERM_TYPES), DOSE_FORM)}
CLONAZEPAM = 2598


class Relation(IntEnum):
    """The relations that are followed, from the product to what it is made of."""

    HAS_INGREDIENT = 0
    CONSISTS_OF = 1
    TRADENAME_OF = 2
    CONTAINS = 3
    FORM_OF = 4
    HAS_PART = 5
    HAS_DOSE_FORM = 6


_RELATIONS = {
    **{relation.name.lower().encode(): relation for relation in Relation},
    b"has_parts": Relation.HAS_PART,
}


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept by its normalised name; `retired`: obsolete, or no longer to be prescribed."""

    term_type: str
    name: str
    retired: bool


@dataclass(slots=True)
class Terminology:
    """All concepts that may matter, and the relations between them."""

    concepts: dict[int, Concept]
    _from: array[int] = field(default_factory=lambda: array("I"))
    _to: array[int] = field(default_factory=lambda: array("I"))
    _how: array[int] = field(default_factory=lambda: array("B"))

    def relate(self, subject: int, relation: Relation, target: int) -> None:
        """Keep that `subject` has this relation to `target`."""
        self._from.append(subject)
        self._to.append(target)
        self._how.append(relation)

    def all_of(self, relation: Relation) -> Iterator[tuple[int, int]]:
        """Every (subject, target) of a relation."""
        for at, how in enumerate(self._how):
            if how == relation:
                yield self._from[at], self._to[at]

    def targets(self, relation: Relation) -> dict[int, list[int]]:
        """The targets of each subject, in the order of their codes."""
        found: dict[int, set[int]] = defaultdict(set)
        for subject, target in self.all_of(relation):
            found[subject].add(target)
        return {subject: sorted(targets) for subject, targets in found.items()}


def read(release: Release) -> Terminology:
    """Concepts and relations of a release. Raises Refusal, also for what is no RxNorm."""
    terminology = Terminology(_concepts(release))
    for row in release.rows(RELATIONS):
        relation = _RELATIONS.get(row[7])
        if relation is None or row[14] not in {b"N", b""}:
            continue
        target, subject = _code(row[0]), _code(row[4])
        if target in terminology.concepts and subject in terminology.concepts:
            terminology.relate(subject, relation, target)
    return terminology


def _concepts(release: Release) -> dict[int, Concept]:
    found: dict[int, Concept] = {}
    for row in release.rows(CONCEPTS):
        term_type = _KEPT.get(row[12])
        if term_type is None:
            continue
        rxcui = _code(row[0])
        try:
            concept = Concept(term_type, row[14].decode(), row[16] != b"N")
        except UnicodeDecodeError:
            raise Refusal(f"RXNCONSO.RRF: the name of {rxcui} is not UTF-8") from None
        before = found.get(rxcui)
        # A concept may have a former name beside its present one.
        if before is None or _preference(concept) < _preference(before):
            found[rxcui] = concept
    ours = found.get(CLONAZEPAM)
    if ours is None or ours.name.lower() != "clonazepam":
        raise Refusal("this is no full release of RxNorm: clonazepam (2598) is not in it")
    return found


def _preference(concept: Concept) -> tuple[bool, str, str]:
    return concept.retired, concept.term_type, concept.name


def _code(field: bytes) -> int:
    """A code as a number; 0, which no concept has, for what is none (a relation of atoms)."""
    return int(field) if field.isdigit() else 0
