"""JSON in: digits stay as they are written, and nothing is deeper than a record ever is."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from ehr.decode import MOST_LEVELS, NotJson, decode


def arrays(levels: int, core: bytes = b"1") -> bytes:
    return b"[" * levels + core + b"]" * levels


def objects(levels: int, core: bytes = b"1") -> bytes:
    return b'{"a":' * levels + core + b"}" * levels


def mixed(levels: int) -> bytes:
    """Objects and arrays in turn: the outermost is an object, so the count is even."""
    return b'{"a":[' * (levels // 2) + b"1" + b"]}" * (levels // 2)


@pytest.mark.parametrize("of", [arrays, objects, mixed])
def test_as_many_levels_as_are_allowed_are_read(of) -> None:
    assert decode(of(MOST_LEVELS))


@pytest.mark.parametrize("of", [arrays, objects, mixed])
@pytest.mark.parametrize("levels", [MOST_LEVELS + 2, 500, 990, 5_000, 1_000_000])
def test_more_levels_are_refused_in_a_sentence(of, levels: int) -> None:
    """Also 500 and 990: the decoder by itself reads as much as is left of the stack."""
    with pytest.raises(NotJson, match="nested too deeply"):
        decode(of(levels))


def test_one_level_too_many_is_refused() -> None:
    with pytest.raises(NotJson, match="nested too deeply"):
        decode(arrays(MOST_LEVELS + 1))


def test_brackets_in_texts_are_no_levels() -> None:
    """Whether they pair or not: "[[[" in a note says nothing of the record's depth."""
    note = {"text": "[" * 500 + '{"' * 500, "more": ["]" * 500, "}{" * 300]}
    assert decode(json.dumps(note).encode()) == note


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 900, 5_000])
def test_depth_hidden_behind_texts_ends_at_the_decoder_s_own_limit(levels: int) -> None:
    """Each level is followed by a text "]": with it, none is deep. No error but NotJson."""
    hidden = b'["]",' * levels + b"1" + b',"["]' * levels
    try:
        decode(hidden)
    except NotJson as refused:
        assert str(refused) == "the JSON is nested too deeply"  # noqa: PT017  either is right


def test_many_records_side_by_side_are_not_deep() -> None:
    assert len(decode(b"[" + b",".join([b'{"a":[{}]}'] * 60_000) + b"]")) == 60_000


def test_a_fraction_keeps_its_digits() -> None:
    assert decode(b'{"value": 0.50}') == {"value": Decimal("0.50")}
    assert str(decode(b"0.50")) == "0.50"


@pytest.mark.parametrize("raw", [b"", b"NaN", b'{"a": Infinity}', b"\xff", b"{", b'{"a": 1,}'])
def test_what_is_no_json_is_refused_without_a_word_of_it(raw: bytes) -> None:
    with pytest.raises(NotJson, match=r"^the body is not valid JSON$"):
        decode(raw)


def test_as_many_levels_as_are_allowed_may_stand_beside_others():
    deep, one_more = (b"[" * levels + b"]" * levels for levels in (99, 100))
    beside = b"[" + b",".join([b"{}"] * 50) + b","
    decode(beside + deep + b"]")
    with pytest.raises(NotJson):
        decode(beside + one_more + b"]")
