"""Sealing of patient data at rest and in messages: AES-256-GCM with associated data.

A sealed value names the key that sealed it, so keys can be changed while old values still
open: the first key seals, every key opens. The associated data ("about") says what the value
is and where it belongs; a value that was moved elsewhere or altered by one bit does not open.

Layout: version (1 byte, 0x01), length of the key id (1 byte), key id (ASCII), nonce (12
bytes), ciphertext with its 16-byte tag. Version and key id are part of what GCM protects.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = 1
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


class MalformedKey(ValueError):
    """A key that cannot be used. The sentence never holds the key."""


class CannotOpen(Exception):
    """A sealed value that was altered, moved, or sealed with a key that is not here."""


@dataclass(frozen=True, slots=True)
class SealKey:
    """One AES-256 key and the id by which sealed values name it."""

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.id):
            raise MalformedKey("a key's id is 1 to 32 letters, digits, hyphens or underscores")
        if len(self.secret) != KEY_BYTES:
            raise MalformedKey(f"key {self.id!r} has to be {KEY_BYTES} bytes long")


def new_secret() -> str:
    """A fresh random key as base64."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def parse_secret(text: str) -> bytes:
    """The bytes of one base64 key. Raises MalformedKey."""
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedKey("a key has to be written in base64") from None
    if len(secret) != KEY_BYTES:
        raise MalformedKey(f"a key has to be {KEY_BYTES} bytes long before base64")
    return secret


def parse_keys(text: str) -> tuple[SealKey, ...]:
    """Keys written as "id:base64,id:base64", the sealing key first. Raises MalformedKey."""
    keys: list[SealKey] = []
    for entry in text.strip().split(","):
        key_id, colon, secret = entry.strip().partition(":")
        if not colon:
            raise MalformedKey('keys are written as "id:base64", separated by commas')
        keys.append(SealKey(key_id, parse_secret(secret)))
    if len({key.id for key in keys}) != len(keys):
        raise MalformedKey("two keys have the same id")
    return tuple(keys)


class Sealer:
    """Seals with the first key, opens with any of them, and fingerprints identifiers."""

    def __init__(self, keys: Sequence[SealKey], hash_key: bytes) -> None:
        if not keys:
            raise MalformedKey("at least one key is needed to seal")
        if len(hash_key) != KEY_BYTES:
            raise MalformedKey(f"the key for fingerprints has to be {KEY_BYTES} bytes long")
        self._current = keys[0]
        self._ciphers = {key.id: AESGCM(key.secret) for key in keys}
        self._hash_key = hash_key

    def seal(self, plain: bytes, about: str) -> bytes:
        """The value sealed with the current key, bound to what it is about."""
        header = bytes([_VERSION, len(self._current.id)]) + self._current.id.encode("ascii")
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self._current.id]
        return header + nonce + cipher.encrypt(nonce, plain, header + about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """The plain value. Raises CannotOpen when it was altered, moved or its key is gone."""
        sealed = bytes(sealed)
        if len(sealed) < 2 or sealed[0] != _VERSION:
            raise CannotOpen("this is not a sealed value of a version that is known here")
        body = 2 + sealed[1]
        header, nonce = sealed[:body], sealed[body : body + _NONCE_BYTES]
        cipher = self._ciphers.get(header[2:].decode("ascii", errors="replace"))
        if cipher is None:
            raise CannotOpen("the value was sealed with a key that is not among the keys here")
        try:
            return cipher.decrypt(nonce, sealed[body + _NONCE_BYTES :], header + about.encode())
        except (InvalidTag, ValueError):
            raise CannotOpen("the sealed value was altered or belongs elsewhere") from None

    def fingerprint(self, *parts: str) -> str:
        """A keyed hash (HMAC-SHA256, hex) by which equal identifiers are found again.

        Its key is not one of the sealing keys: a change of those keeps fingerprints equal.
        """
        # Identifiers come from outside: even half a surrogate pair has a fingerprint.
        encoded = [part.encode("utf-8", errors="surrogatepass") for part in parts]
        message = b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
        return hmac.new(self._hash_key, message, hashlib.sha256).hexdigest()
