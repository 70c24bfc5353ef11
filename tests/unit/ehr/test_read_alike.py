"""What is written alike is read once, and nothing else is taken for it."""

from decimal import Decimal

from ehr.read.alike import ReadOnce


def counting():
    """A reader that tells what it was given, and the list of what it read."""
    read: list[object] = []

    def reader(value):
        read.append(value)
        return repr(value)

    return ReadOnce(reader), read


def test_what_is_written_alike_is_read_once():
    reader, read = counting()
    assert reader({"code": "1", "display": "a"}) == reader({"code": "1", "display": "a"})
    assert len(read) == 1


def test_a_number_a_text_a_fraction_and_another_order_are_each_their_own():
    reader, read = counting()
    for value in ({"a": 1}, {"a": "1"}, {"a": Decimal("1.0")}, {"a": True}, {"a": 1, "b": 2},
                  {"b": 2, "a": 1}, [], {}, None, ""):  # fmt: skip
        reader(value)
    assert len(read) == 10


def test_what_is_long_is_read_each_time():
    reader, read = counting()
    long = {"text": "x" * 3000}
    assert reader(long) == reader(long)
    assert len(read) == 2


def test_what_is_no_json_is_read_as_it_is():
    reader, read = counting()
    odd = {"code": {1, 2} - {1, 2}, "of": object}
    reader(odd)
    assert read == [odd]
