"""A prefetch without the records that no check looks at, told apart before they are decoded.

Of 40 KB a few records matter to an order, and to decode the others costs more than to judge it.
So a prefetch in the shapes that FHIR R4 gives it is glanced at, and what changes no word of an
answer is left out: drugs that no check looks at and nothing depends on, conditions that no check
knows, and all lists of the patient where nothing is ordered that a check judges. Whatever has
another shape is decoded whole, and read with all its tolerance (`ehr.read.supplied`,
`ehr.read.chart`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from ehr.decode import OtherShape, ShapeDecoder
from ehr.needs import CONDITIONS, NEEDS, PATIENT, Need
from ehr.read.concern import concern_no_check
from ehr.read.conditions import concerns_no_check
from ehr.read.drugs import names_a_foreign_drug
from ehr.read.json import reference_key
from ehr.read.medications import MEDICATION_RECORDS, priors_of
from ehr.read.supplied import BESIDE_MATCHES

Resource = dict[str, Any]


class _Link(msgspec.Struct, gc=False):
    relation: str


class _Search(msgspec.Struct, gc=False):
    mode: Literal["match", "include", "outcome"] | None = None


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


class _GlancedEntry(msgspec.Struct, gc=False):
    resource: _Glance
    search: _Search | None = None


class _GlancedList(msgspec.Struct, gc=False, rename="camel"):
    resource_type: Literal["Bundle"]
    total: int | None = None
    link: list[_Link] = []
    entry: list[_GlancedEntry] = []


class _UnreadEntry(msgspec.Struct, gc=False):
    resource: Raw


class _UnreadList(msgspec.Struct, gc=False):
    entry: list[_UnreadEntry] = []


if TYPE_CHECKING:

    class Glanced(msgspec.Struct):
        """The shape of a prefetch that holds what discovery asked for, and nothing else."""

    class Unread(msgspec.Struct):
        """The same prefetch with the records as they are written."""

else:

    def _shape(name: str, of_a_list: type) -> type[msgspec.Struct]:
        shapes = {need.key: Raw if need is PATIENT else of_a_list | None for need in NEEDS}
        fields = [(key, shape | UnsetType, UNSET) for key, shape in shapes.items()]
        return msgspec.defstruct(name, fields, gc=False, forbid_unknown_fields=True)

    Glanced, Unread = _shape("Glanced", _GlancedList), _shape("Unread", _UnreadList)

_LISTED = frozenset(need.resource_type for need in NEEDS if need is not PATIENT)
_decoded: ShapeDecoder[Any] = ShapeDecoder(Any)


def sifted(
    glanced: Glanced, unread: Callable[[], Unread], patient_id: str, drafts: Sequence[Resource]
) -> Resource:
    """The prefetch, decoded, that is read as the whole one would be.

    `unread` is asked only where something of it matters. Raises OtherShape (or NotJson) where only
    the whole prefetch tells.
    """
    lists: dict[Need, Sequence[_GlancedEntry]] = {}
    kept: Resource = {}
    for need in NEEDS:
        value = getattr(glanced, need.key)
        if isinstance(value, _GlancedList):
            lists[need] = _whole(value, need)
            kept[need.key] = {"resourceType": "Bundle", "entry": []}
        elif value is not UNSET:
            kept[need.key] = None if value is None else _decoded(value)
    sieve = _sieve(
        [entry.resource for them in lists.values() for entry in them], patient_id, drafts
    )
    written: Unread | None = None
    for need, entries in lists.items():
        for place, entry in enumerate(entries):
            if sieve.leaves_out(entry.resource):
                continue
            written = written or unread()
            raw = getattr(written, need.key).entry[place].resource
            search = None if entry.search is None else {"mode": entry.search.mode}
            kept[need.key]["entry"].append({"resource": _decoded(raw), "search": search})
    return kept


def _whole(listed: _GlancedList, need: Need) -> Sequence[_GlancedEntry]:
    """The entries of a list that is whole and holds what was asked for. Raises OtherShape."""
    if any(link.relation.strip() == "next" for link in listed.link):
        raise OtherShape("the list has another page")
    asked_for = 0
    for entry in listed.entry:
        if entry.search is None or entry.search.mode not in BESIDE_MATCHES:
            asked_for += 1
            if entry.resource.resource_type != need.resource_type:
                raise OtherShape("the list holds something else")
    if listed.total is not None and listed.total > asked_for:
        raise OtherShape("the list is not whole")
    return listed.entry


def _sieve(seen: Sequence[_Glance], patient_id: str, drafts: Sequence[Resource]) -> _Sieve:
    """What may be left out beside these records and drafts. Raises OtherShape."""
    named = [it for it in seen if it.id]
    keys = {(it.resource_type, it.id.strip()) for it in named if it.id}
    if len(keys) < len(named):
        raise OtherShape("of a record that is there twice the first counts, whatever it is")
    priors = [key for draft in drafts for key in priors_of(draft)]
    for it in seen:
        if not isinstance(it.prior_prescription, UnsetType):
            priors += priors_of({"priorPrescription": _decoded(it.prior_prescription)})
    return _Sieve(
        own=f"{PATIENT.resource_type}/{patient_id}",
        priors=frozenset(priors),
        nothing_matters=concern_no_check(drafts, keys),
    )


class _Sieve(NamedTuple):
    """What is left out of one prefetch: records of the patient that no check looks at."""

    own: str
    priors: frozenset[str]
    nothing_matters: bool

    def leaves_out(self, it: _Glance) -> bool:
        """Whether the record changes no word of the answer. Raises NotJson."""
        whose = None if it.subject is None else it.subject.reference
        if whose != self.own and reference_key(whose) != self.own:
            return False  # perhaps another patient's: that is told
        if self.nothing_matters:
            return it.resource_type in _LISTED
        if it.resource_type == CONDITIONS.resource_type:
            return not isinstance(it.code, UnsetType) and concerns_no_check(bytes(it.code))
        return it.resource_type in MEDICATION_RECORDS and self._says_nothing(it)

    def _says_nothing(self, it: _Glance) -> bool:
        """Whether it is of a drug that no check looks at, and nothing depends on it."""
        concept = it.medication_codeable_concept
        if (
            isinstance(concept, UnsetType)
            or it.prior_prescription is not UNSET
            or it.group_identifier is not UNSET
            or it.medication is not UNSET
            or it.medication_reference is not UNSET
            or it.code is not UNSET
            or it.ingredient is not UNSET
            or it.product is not UNSET
        ):
            return False
        if self.priors and f"{it.resource_type}/{(it.id or '').strip()}" in self.priors:
            return False
        written = bytes(concept)
        return written.startswith(b"{") and names_a_foreign_drug(written)
