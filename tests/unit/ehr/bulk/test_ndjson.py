"""A line of NDJSON is read or quarantined; none is dropped, none is quoted."""

from __future__ import annotations

import gzip
import hashlib
from decimal import Decimal
from pathlib import Path

import pytest

from ehr.bulk import ndjson
from ehr.bulk.ndjson import Line, Quarantined

GOOD = b'{"resourceType":"Patient","id":"p1"}'


def read(tmp_path: Path, content: bytes, kind: str | None = None) -> list[Line | Quarantined]:
    file = tmp_path / "x.ndjson"
    file.write_bytes(content)
    return list(ndjson.read(file, kind))


def test_numbers_keep_every_digit(tmp_path: Path) -> None:
    (line,) = read(tmp_path, b'{"resourceType":"X","id":"1","v":0.50,"w":10e-1,"n":3}\n')
    assert isinstance(line, Line)
    assert str(line.resource["v"]) == "0.50"
    assert line.resource["w"] == Decimal(1)
    assert line.resource["n"] == 3


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b'{"resourceType":"Patient","id":"p1"', "it is not valid JSON"),
        (b'{"resourceType":"Patient","id":"p1"} x', "it is not valid JSON"),
        (b"{'resourceType':'Patient','id':'p1'}", "it is not valid JSON"),
        (b'{"resourceType":"Patient","id":"p1","v":NaN}', "it is not valid JSON"),
        (b'{"resourceType":"Patient","id":"p1","v":Infinity}', "it is not valid JSON"),
        (b'{"resourceType":"Patient","id":"p1","v":01}', "it is not valid JSON"),
        (b'{"resourceType":"Patient","id":"\xff"}', "it is not valid JSON"),
        (b'{"resourceType":"Patient","id":"p1","v":1e400}', "a number is beyond"),
        (b'{"resourceType":"Patient","id":"p1","v":-1e400}', "a number is beyond"),
        (b'{"resourceType":"Patient","id":"p1","v":1e-400}', "a number is beyond"),
        (b'{"resourceType":"Patient","id":"p1","v":1' + b"0" * 310 + b"}", "a number is beyond"),
        (b'{"resourceType":"Patient","id":"p1","id":"p2"}', "a key stands twice"),
        (b'{"resourceType":"Patient","id":"p1","a":[{"b":1,"b":1}]}', "a key stands twice"),
        (b"null", "it is null"),
        (b"[]", "it is no JSON object"),
        (b'[{"resourceType":"Patient","id":"p1"}]', "it is no JSON object"),
        (b'"Patient"', "it is no JSON object"),
        (b'{"id":"p1"}', "it has no resourceType"),
        (b'{"resourceType":5,"id":"p1"}', "it has no resourceType"),
        (b'{"resourceType":"Patient"}', "it has no id"),
        (b'{"resourceType":"Patient","ID":"p1"}', "it has no id"),
        (b'{"resourceType":"Patient","id":7}', "it has no id"),
        (b'{"resourceType":"Patient","id":" "}', "it has no id"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "it is nested too deeply"),
    ],
)
def test_a_bad_line_is_quarantined_between_two_good_ones(
    tmp_path: Path, bad: bytes, why: str
) -> None:
    first, second, third = read(tmp_path, GOOD + b"\n" + bad + b"\n" + GOOD + b"\n")
    assert isinstance(first, Line)
    assert isinstance(third, Line)
    assert third.number == 3
    assert isinstance(second, Quarantined)
    assert second.number == 2
    assert second.sha256 == hashlib.sha256(bad).hexdigest()
    assert second.why.startswith(why)
    assert "p1" not in second.why


def test_another_type_than_the_file_s_is_quarantined(tmp_path: Path) -> None:
    (line,) = read(tmp_path, GOOD, kind="Condition")
    assert isinstance(line, Quarantined)
    assert line.why == "it is no Condition"


def test_blank_lines_and_windows_ends_and_a_byte_order_mark_are_nothing(tmp_path: Path) -> None:
    lines = read(tmp_path, b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n \n" + GOOD)
    assert [line.number for line in lines] == [1, 4]
    assert all(isinstance(line, Line) for line in lines)
    assert read(tmp_path, b"") == []


def test_a_line_that_is_too_long_does_not_take_the_next_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ndjson, "MOST_LINE_BYTES", 100)
    long = b'{"resourceType":"Patient","id":"' + b"x" * 3000 + b'"}'
    first, second = read(tmp_path, long + b"\n" + GOOD + b"\n")
    assert isinstance(first, Quarantined)
    assert first.why == "the line is too long"
    assert isinstance(second, Line)
    assert second.number == 2


def test_gzip_is_read_whatever_its_name(tmp_path: Path) -> None:
    lines = read(tmp_path, gzip.compress(GOOD + b"\n") + gzip.compress(GOOD + b"\n"))
    assert [type(line) for line in lines] == [Line, Line]


@pytest.mark.parametrize("cut", [12, 40])
def test_a_broken_gzip_is_said_where_it_breaks(tmp_path: Path, cut: int) -> None:
    whole = gzip.compress(b"".join(GOOD.replace(b"p1", b"%d" % n) + b"\n" for n in range(3)))
    last = read(tmp_path, whole[:cut])[-1]
    assert isinstance(last, Quarantined)
    assert "compressed file is broken here" in last.why
