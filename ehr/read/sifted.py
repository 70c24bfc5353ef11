"""A prefetch without the records that no check looks at, told apart before they are decoded.

Of 40 KB a few records matter to an order, and to decode the others costs more than to judge it.
So a prefetch in the shapes that FHIR R4 gives it is glanced at, and what changes no word of an
answer is left out: drugs that no check looks at and nothing depends on, all medicines where only
such drugs are ordered, and conditions that no check knows. Whatever has another shape is decoded
whole, and read with all its tolerance (`ehr.read.supplied`, `ehr.read.chart`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ehr.decode import OtherShape, ShapeDecoder
from ehr.needs import CONDITIONS, NEEDS, PATIENT, Need
from ehr.read.conditions import concerns_no_check
from ehr.read.drugs import NAMES_A_DRUG_TOO, drug_of, is_foreign, names_a_foreign_drug
from ehr.read.json import reference_key
from ehr.read.medications import MEDICATION_RECORDS, is_tied, priors_of, source_of
from ehr.read.supplied import BESIDE_MATCHES

Resource = dict[str, Any]


class _Link(msgspec.Struct, gc=False):
    relation: str


class _Search(msgspec.Struct, gc=False):
    mode: Literal["match", "include", "outcome"] | None = None


class _Entry(msgspec.Struct, gc=False):
    resource: Raw
    search: _Search | None = None


class _Bundle(msgspec.Struct, gc=False, rename="camel"):
    resource_type: Literal["Bundle"]
    total: int | None = None
    link: list[_Link] = []
    entry: list[_Entry] = []


class _Reference(msgspec.Struct, gc=False):
    reference: str | None = None


class _Glance(msgspec.Struct, gc=False, rename="camel"):
    """What tells of a record whether it can be left out. Of most elements only that they are there
    counts.
    """

    resource_type: str
    id: str | None = None
    subject: _Reference | None = None
    medication_codeable_concept: Raw | UnsetType = UNSET
    code: Raw | UnsetType = UNSET
    prior_prescription: Raw | UnsetType = UNSET
    group_identifier: Raw | UnsetType = UNSET
    medication: Raw | UnsetType = UNSET
    medication_reference: Raw | UnsetType = UNSET
    ingredient: Raw | UnsetType = UNSET
    product: Raw | UnsetType = UNSET


if TYPE_CHECKING:

    class Prefetched(msgspec.Struct):
        """The shape of a prefetch that holds what discovery asked for, and nothing else."""

else:
    Prefetched = msgspec.defstruct(
        "Prefetched",
        [
            (need.key, (Raw if need is PATIENT else _Bundle | None) | UnsetType, UNSET)
            for need in NEEDS
        ],
        gc=False,
        forbid_unknown_fields=True,
    )

_glance_at: ShapeDecoder[_Glance] = ShapeDecoder(_Glance)
_decoded: ShapeDecoder[Any] = ShapeDecoder(Any)


class _Seen(NamedTuple):
    """One record of a list; `key` as "Type/id"."""

    need: Need
    entry: _Entry
    glance: _Glance
    key: str


def sifted(prefetched: Prefetched, patient_id: str, drafts: Sequence[Resource]) -> Resource:
    """The prefetch, decoded, that is read as the whole one would be.

    Raises OtherShape (or NotJson) where only the whole one tells.
    """
    kept: Resource = {}
    seen: list[_Seen] = []
    for need in NEEDS:
        value = getattr(prefetched, need.key)
        if value is UNSET:
            continue
        if isinstance(value, _Bundle):
            seen += _records(value, need)
            kept[need.key] = {"resourceType": "Bundle", "entry": []}
        else:
            kept[need.key] = None if value is None else _decoded(value)
    keys = {it.key for it in seen if it.glance.id}
    if len(keys) < sum(1 for it in seen if it.glance.id):
        raise OtherShape("of a record that is there twice the first counts, whatever it is")
    sieve = _Sieve(
        own=f"{PATIENT.resource_type}/{patient_id}",
        priors=frozenset(_priors(seen, drafts)),
        medicines_matter=not drafts or any(_touches_medicines(draft, keys) for draft in drafts),
    )
    for it in seen:
        if not sieve.leaves_out(it):
            search = None if it.entry.search is None else {"mode": it.entry.search.mode}
            entry = {"resource": _decoded(it.entry.resource), "search": search}
            kept[it.need.key]["entry"].append(entry)
    return kept


def _records(bundle: _Bundle, need: Need) -> Iterator[_Seen]:
    """The records of a list that is whole and holds what was asked for. Raises OtherShape."""
    if any(link.relation == "next" for link in bundle.link):
        raise OtherShape("the list has another page")
    asked_for = 0
    for entry in bundle.entry:
        glance = _glance_at(entry.resource)
        if entry.search is None or entry.search.mode not in BESIDE_MATCHES:
            asked_for += 1
            if glance.resource_type != need.resource_type:
                raise OtherShape("the list holds something else")
        yield _Seen(need, entry, glance, f"{glance.resource_type}/{(glance.id or '').strip()}")
    if bundle.total is not None and bundle.total > asked_for:
        raise OtherShape("the list is not whole")


def _priors(seen: Iterable[_Seen], drafts: Iterable[Resource]) -> Iterator[str]:
    """What orders name as their priors."""
    for draft in drafts:
        yield from priors_of(draft)
    for it in seen:
        if it.glance.prior_prescription is not UNSET:
            yield from priors_of(_decoded(it.entry.resource))


def _touches_medicines(draft: Resource, charted: set[str]) -> bool:
    """Whether it is, or may be, of a drug that a check looks at, or is tied to another order."""
    if draft.get("resourceType") not in MEDICATION_RECORDS:
        return False
    if is_tied(draft) or source_of(draft) in charted or not _REFERS.isdisjoint(draft):
        return True
    return not is_foreign(drug_of(draft, _nowhere))


_REFERS = frozenset(NAMES_A_DRUG_TOO)


def _nowhere(_reference: str) -> None:
    """Nothing is looked up."""


class _Sieve(NamedTuple):
    """What is left out of one prefetch: records of the patient that no check looks at."""

    own: str
    priors: frozenset[str]
    medicines_matter: bool

    def leaves_out(self, it: _Seen) -> bool:
        """Whether the record says surely nothing. Raises NotJson."""
        glance = it.glance
        whose = None if glance.subject is None else glance.subject.reference
        if whose != self.own and reference_key(whose) != self.own:
            return False  # perhaps another patient's: that is told
        if glance.resource_type == CONDITIONS.resource_type:
            code = glance.code
            return not isinstance(code, UnsetType) and concerns_no_check(bytes(code))
        if glance.resource_type not in MEDICATION_RECORDS:
            return False
        return not self.medicines_matter or self._says_nothing(it)

    def _says_nothing(self, it: _Seen) -> bool:
        """Whether it is of a drug that no check looks at, and nothing depends on it."""
        glance = it.glance
        concept = glance.medication_codeable_concept
        if (
            isinstance(concept, UnsetType)
            or it.key in self.priors
            or glance.prior_prescription is not UNSET
            or glance.group_identifier is not UNSET
            or glance.medication is not UNSET
            or glance.medication_reference is not UNSET
            or glance.code is not UNSET
            or glance.ingredient is not UNSET
            or glance.product is not UNSET
        ):
            return False
        written = bytes(concept)
        return written.startswith(b"{") and names_a_foreign_drug(written)
