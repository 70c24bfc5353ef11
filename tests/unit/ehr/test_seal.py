"""Sealing: only the right key opens, only in the right place, and not after one flipped bit."""

from __future__ import annotations

import base64

import pytest

from ehr.seal import CannotOpen, MalformedKey, Sealer, SealKey, new_secret, parse_keys

OLD = SealKey("2026-01", b"o" * 32)
NEW = SealKey("2026-11", b"n" * 32)
HASH = b"h" * 32
GOOD = base64.b64encode(b"g" * 32).decode()


def test_what_was_sealed_opens_again() -> None:
    sealer = Sealer([NEW], HASH)
    assert sealer.open(sealer.seal(b"3 mg/day", "outbox/1"), "outbox/1") == b"3 mg/day"


def test_the_same_value_never_seals_to_the_same_bytes() -> None:
    sealer = Sealer([NEW], HASH)
    assert len({sealer.seal(b"same", "here") for _ in range(50)}) == 50


def test_a_value_in_another_place_does_not_open() -> None:
    sealer = Sealer([NEW], HASH)
    with pytest.raises(CannotOpen, match="altered or belongs elsewhere"):
        sealer.open(sealer.seal(b"x", "outbox/1"), "outbox/2")


def test_no_bit_of_a_sealed_value_can_be_flipped() -> None:
    """Version, key id, nonce, ciphertext and tag: each bit is protected."""
    sealer = Sealer([NEW, OLD], HASH)
    sealed = sealer.seal(b"x", "here")
    for position in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[position // 8] ^= 1 << (position % 8)
        with pytest.raises(CannotOpen):
            sealer.open(bytes(altered), "here")


def test_no_beginning_of_a_sealed_value_opens() -> None:
    sealer = Sealer([NEW], HASH)
    sealed = sealer.seal(b"value", "here")
    for length in range(len(sealed)):
        with pytest.raises(CannotOpen):
            sealer.open(sealed[:length], "here")


def test_after_a_rotation_old_values_open_and_new_ones_use_the_new_key() -> None:
    before = Sealer([OLD], HASH)
    after = Sealer([NEW, OLD], HASH)
    assert after.open(before.seal(b"old", "here"), "here") == b"old"
    with pytest.raises(CannotOpen, match="not among the keys"):
        before.open(after.seal(b"new", "here"), "here")


def test_an_equal_id_with_another_key_does_not_open() -> None:
    one = Sealer([SealKey("k", b"1" * 32)], HASH)
    other = Sealer([SealKey("k", b"2" * 32)], HASH)
    with pytest.raises(CannotOpen):
        other.open(one.seal(b"x", "here"), "here")


def test_a_fingerprint_survives_a_rotation_and_hangs_on_its_own_key() -> None:
    before, after = Sealer([OLD], HASH), Sealer([NEW, OLD], HASH)
    assert before.fingerprint("patient", "1") == after.fingerprint("patient", "1")
    assert before.fingerprint("1") != Sealer([OLD], b"i" * 32).fingerprint("1")


def test_parts_of_a_fingerprint_do_not_run_together() -> None:
    sealer = Sealer([NEW], HASH)
    assert sealer.fingerprint("ab", "c") != sealer.fingerprint("a", "bc")


def test_keys_are_read_as_written_the_sealing_key_first() -> None:
    first, second = new_secret(), new_secret()
    assert [key.id for key in parse_keys(f"k2:{first}, k1:{second}\n")] == ["k2", "k1"]


@pytest.mark.parametrize(
    "text",
    ["", "geheim", "k1:", "k1:geheim", "k1:Z2VoZWlt", ":" + GOOD, "k 1:" + GOOD],
)
def test_a_malformed_key_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(MalformedKey) as caught:
        parse_keys(text)
    assert "geheim" not in str(caught.value)
    assert "Z2VoZWlt" not in str(caught.value)


def test_a_key_does_not_show_when_it_is_printed() -> None:
    assert "nnn" not in repr(NEW)
