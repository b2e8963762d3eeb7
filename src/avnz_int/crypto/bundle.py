"""An encrypted bundle: JSON Lines of JWEs (RFC 7516 §7.2.2, flattened), read and written in constant memory.

| line      | protected header                                        | plaintext                           |
|-----------|---------------------------------------------------------|-------------------------------------|
| first     | `alg` (how the key is locked), `enc` A256GCM, `typ`,    | the bundle's key: a JWK of `kty`    |
|           | `cty` jwk+json; `p2s`, `p2c` or `kid`, `epk`            | oct, `k`, `kid`                     |
| each other| `alg` dir, `enc` A256GCM, `kid`, `typ`, `seq` from 1,   | records as JSON Lines               |
|           | `last` (true on the last line alone)                    |                                     |

The key is derived or agreed once for a file and never used for another. Nonces are random; a file has far
fewer lines than the 2^32 that one key allows. Number and end of the lines are authenticated, so that a line
that is lost, moved, repeated or taken from another bundle is found, and so is a cut-off end.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from avnz_int.crypto import jwe
from avnz_int.crypto._locks import Lock, Opener
from avnz_int.errors import SealBrokenError
from avnz_int.model.json_writer import json_writer
from avnz_int.model.secret import Credentials, Secret

TYPE = "avnz-int-bundle"
_ENC = "A256GCM"
_json = json_writer(ascii_only=True)
_HINT = "take the file again from whoever made it"


def is_bundle(line: bytes) -> bool:
    """Whether a file that begins with this line is a bundle."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and {"protected", "ciphertext", "tag"} <= value.keys()


class Writer:
    """Writes one bundle.

    Args:
        lock: what locks its key.
        key_id: names the key within the bundle.
    """

    def __init__(self, lock: Lock, key_id: str) -> None:
        self._id = key_id
        key = os.urandom(32)
        self._key = AESGCM(key)
        self._sequence = 0
        # What is inside the first line is wrapped like any content: by a key of its own, which is locked.
        wrapping = os.urandom(32)
        how, wrapped = lock.wrap(Secret(wrapping))
        header = {**how, "enc": _ENC, "typ": TYPE, "cty": "jwk+json"}
        jwk = {"kty": "oct", "k": jwe.b64url(key), "kid": key_id}
        self.first = _sealed(AESGCM(wrapping), header, _json(jwk).encode(), wrapped)

    def seal(self, records: Sequence[tuple[Mapping[str, Any], Credentials | None]], *, last: bool) -> str:
        """A line of the bundle, without its end.

        Args:
            records: each with its credentials open; they take the place of what stands in the record.
            last: whether it is the bundle's last line.
        """
        self._sequence += 1
        header = {
            "alg": "dir",
            "enc": _ENC,
            "kid": self._id,
            "typ": TYPE,
            "seq": self._sequence,
            "last": last,
        }
        lines = (
            _json(record if credentials is None else {**record, "credentials": credentials.reveal()})
            for record, credentials in records
        )
        return _sealed(self._key, header, "".join(f"{line}\n" for line in lines).encode("ascii"))


class Reader:
    """Reads one bundle, line by line.

    Args:
        first: its first line.
        opener: what opens its key.

    Raises:
        SealBrokenError: it does not open, or is no bundle of this form.
        KeyMissingError: it is locked by another means.
    """

    def __init__(self, first: bytes, opener: Opener) -> None:
        header, protected, parts = _parsed(first)
        if "encrypted_key" not in parts or not isinstance(header["alg"], str):
            raise _broken("its first line is not of its form")
        wrapping = opener.unwrap(header, parts["encrypted_key"])
        try:
            jwk = json.loads(_opened(AESGCM(wrapping.reveal()), protected, parts))
            self._id: str = jwk["kid"]
            self._key = AESGCM(jwe.unb64url(jwk["k"]))
        except (ValueError, KeyError, TypeError):
            raise _broken("its first line holds no key") from None
        self._sequence = 0
        self._ended = False

    def open(self, line: bytes) -> bytes:
        """The records of the next line, as JSON Lines.

        Raises:
            SealBrokenError: altered, or not the line that follows.
        """
        header, protected, parts = _parsed(line)
        self._sequence += 1
        expected = {"alg": "dir", "kid": self._id, "seq": self._sequence}
        if self._ended or {name: header.get(name) for name in expected} != expected:
            raise _broken(f"line {self._sequence + 1} is not the one that follows")
        opened = _opened(self._key, protected, parts)
        self._ended = header.get("last") is True
        return opened

    def finish(self) -> None:
        """Refuse a bundle that ends before its last line.

        Raises:
            SealBrokenError: the end is missing.
        """
        if not self._ended:
            raise _broken("its end is missing")


def _sealed(key: AESGCM, header: Mapping[str, Any], plaintext: bytes, wrapped: bytes | None = None) -> str:
    protected = jwe.b64url(_json(header).encode("ascii"))
    iv = os.urandom(12)
    text = key.encrypt(iv, plaintext, protected.encode("ascii"))
    members = {"protected": protected}
    if wrapped is not None:
        members["encrypted_key"] = jwe.b64url(wrapped)
    members |= {"iv": jwe.b64url(iv), "ciphertext": jwe.b64url(text[:-16]), "tag": jwe.b64url(text[-16:])}
    return _json(members)


def _parsed(line: bytes) -> tuple[dict[str, Any], str, dict[str, bytes]]:
    """Header, protected member and the decoded others of a line, none of it verified."""
    try:
        members = json.loads(line, object_pairs_hook=jwe.unique_members)
        protected = members.pop("protected")
        header = json.loads(jwe.unb64url(protected), object_pairs_hook=jwe.unique_members)
        parts = {name: jwe.unb64url(text) for name, text in members.items()}
        fit = parts.keys() - {"encrypted_key"} == {"iv", "ciphertext", "tag"} and len(parts["iv"]) == 12
        fit = fit and len(parts["tag"]) == 16 and header["enc"] == _ENC and header["typ"] == TYPE
        if not fit or not {"zip", "crit"}.isdisjoint(header) or "alg" not in header:
            raise _broken("a line is not of its form")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _broken("a line is not of its form") from None
    return header, cast("str", protected), parts


def _opened(key: AESGCM, protected: str, parts: Mapping[str, bytes]) -> bytes:
    try:
        return key.decrypt(parts["iv"], parts["ciphertext"] + parts["tag"], protected.encode("ascii"))
    except InvalidTag:
        raise _broken("a line was altered, or is of another bundle") from None


def _broken(reason: str) -> SealBrokenError:
    return SealBrokenError(f"the bundle cannot be read: {reason}", hint=_HINT)
