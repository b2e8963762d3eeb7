"""The stored form of a secret: a JWE in flattened JSON serialization (RFC 7516 §7.2.2), `dir` and A256GCM.

    {"protected": …, "aad": …, "iv": …, "ciphertext": …, "tag": …}

| member     | base64url, without padding, of                                       |
|------------|----------------------------------------------------------------------|
| protected  | `{"alg":"dir","enc":"A256GCM","kid":<key id>}`                       |
| aad        | what the value is bound to; the reader computes it anew              |
| iv         | 12 random bytes                                                      |
| ciphertext | as long as the plaintext                                             |
| tag        | 16 bytes                                                             |

What GCM authenticates beside the ciphertext is ASCII(protected + "." + aad). There is no `encrypted_key`, no
`header`, no `unprotected`. The order of members is free, since jsonb keeps none; everything else is read
strictly: base64url in its one canonical form, no unknown and no duplicate member.
"""

from __future__ import annotations

import json
import os
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from avnz_int.errors import SealBrokenError

_IV_BYTES = 12
_MEMBERS = ("protected", "aad", "iv", "ciphertext", "tag")
_FORM = '{"protected":"%s","aad":"%s","iv":"%s","ciphertext":"%s","tag":"%s"}'
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")

# One pass over the text that seal() writes. 16 characters are 12 bytes; 22 are 16 bytes, and the last of them
# holds 2 bits, so that only A, Q, g and w are canonical there.
_OURS = re.compile(
    r'\{"protected":"([A-Za-z0-9_-]+)","aad":"([A-Za-z0-9_-]+)","iv":"([A-Za-z0-9_-]{16})"'
    r',"ciphertext":"([A-Za-z0-9_-]*)","tag":"([A-Za-z0-9_-]{21}[AQgw])"\}'
)
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
# The last character may carry bits that no byte uses. A decoder ignores them: two texts for the same bytes,
# and a flipped bit that still opens. The characters with those bits at zero, by the length modulo 4:
_LAST = {
    0: frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
    1: frozenset(),
    2: frozenset("AQgw"),
    3: frozenset("AEIMQUYcgkosw048"),
}
# A key id is printed in messages: no spaces, quotes or control characters of a forged header get there.
_KEY_ID = re.compile(r"[!#-\[\]-~]{1,256}")


class Sealed(NamedTuple):
    """The five members of a sealed value of proper form, as base64url text; nothing is verified yet."""

    protected: str
    aad: str
    iv: str
    ciphertext: str
    tag: str


def b64url(raw: bytes) -> str:
    """Base64url without padding."""
    return b2a_base64(raw, newline=False).translate(_TO_URL, b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """The bytes of canonical base64url without padding.

    Raises:
        ValueError: any other character, padding, an impossible length, or unused bits that are not zero. The
            message holds nothing of the text.
    """
    if _BASE64URL.fullmatch(text) is None or not _canonical(text):
        raise ValueError("not canonical base64url")
    return _decode(text)


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object, for `json.loads(object_pairs_hook=…)`.

    Raises:
        ValueError: a member stands twice.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def valid_key_id(kid: object) -> bool:
    """Whether this can be a key id: 1 to 256 printable ASCII characters, no space, quote or backslash."""
    return isinstance(kid, str) and _KEY_ID.fullmatch(kid) is not None


def seal(key: AESGCM, kid: str, aad: bytes, plaintext: bytes) -> str:
    """The plaintext sealed under a fresh random nonce, as JSON text.

    Args:
        key: a 256-bit key; the caller keeps the object, since making one costs more than a seal.
        kid: the key's id, written into the protected header.
        aad: what the value is bound to; not empty.
        plaintext: any bytes.
    """
    if not aad:
        raise ValueError("a sealed value has a place")
    protected = _protected(kid)
    bound = b64url(aad)
    gcm_aad = f"{protected}.{bound}".encode("ascii")
    return _write(key, protected, bound, plaintext, iv=os.urandom(_IV_BYTES), gcm_aad=gcm_aad)


def open_(key: AESGCM, value: object, *, kid: str, aad: bytes) -> bytes:
    """The plaintext of a sealed value that was made by this key, under this id, for exactly this `aad`.

    Args:
        key: the key of `kid`.
        value: JSON text, or the mapping parsed from it.
        kid: the id that the header must name.
        aad: computed by the caller from where the value stands now.

    Raises:
        SealBrokenError: the form is broken, the header names another key, or anything was altered.
    """
    sealed = parse(value)
    if _kid(sealed.protected) != kid:
        raise SealBrokenError("the sealed value names another key")
    return _open(key, sealed, aad)


def open_with(find: Callable[[str], AESGCM], value: object, aad: bytes) -> bytes:
    """The plaintext, as `open_` gives it, with the key that `find` knows for the id in the header.

    Raises:
        SealBrokenError: the form is broken, or anything was altered. What `find` raises goes through.
    """
    sealed = parse(value)
    return _open(find(_kid(sealed.protected)), sealed, aad)


def reseal(find: Callable[[str], AESGCM], value: object, aad: bytes, key: AESGCM, kid: str) -> str:
    """The plaintext that `open_with` gives, sealed by another key for the same place, as `seal` does."""
    sealed = parse(value)
    plaintext = _open(find(_kid(sealed.protected)), sealed, aad)
    protected = _protected(kid)
    # What the value was bound to was just found to be `aad`.
    gcm_aad = f"{protected}.{sealed.aad}".encode("ascii")
    return _write(key, protected, sealed.aad, plaintext, iv=os.urandom(_IV_BYTES), gcm_aad=gcm_aad)


def read_kid(value: object) -> str:
    """The key id in the header of a sealed value of proper form; needs no key and verifies nothing.

    Raises:
        SealBrokenError: the form is broken.
    """
    return _kid(parse(value).protected)


def well_formed(value: object) -> bool:
    """Whether the form is that of a sealed value: what a listing can say without a key."""
    try:
        read_kid(value)
    except SealBrokenError:
        return False
    return True


def parse(value: object) -> Sealed:
    """The members of JSON text, or of the mapping parsed from it, once their form is found proper.

    Raises:
        SealBrokenError: the form is broken; the message says where, and holds nothing of the value.
    """
    match = _OURS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        match = _OURS.fullmatch(_normal_text(value))
        if match is None:
            raise SealBrokenError("the sealed value has a member that is not base64url of the right length")
    sealed = Sealed._make(match.groups())
    if not (_canonical(sealed.protected) and _canonical(sealed.aad) and _canonical(sealed.ciphertext)):
        raise SealBrokenError("the sealed value has a member that is not canonical base64url")
    return sealed


def _normal_text(value: object) -> str:
    """The text that seal() would have written, for text in another order or spacing, and for a mapping.

    A member that holds a quote cannot make up others: `_OURS` admits the 20 quotes of the form and no more.
    """
    if isinstance(value, str):
        value = _loads(value)
    if not isinstance(value, Mapping):
        raise SealBrokenError("the sealed value is not a JSON object")
    unknown = [name for name in value if name not in _MEMBERS]
    missing = [name for name in _MEMBERS if name not in value]
    if unknown or missing:
        words = ", ".join(f"no {name}" for name in missing) or "a member that does not belong there"
        raise SealBrokenError(f"the sealed value has {words}")
    members = tuple(value[name] for name in _MEMBERS)
    if not all(isinstance(member, str) for member in members):
        raise SealBrokenError("the sealed value has a member that is not text")
    return _FORM % members


def _loads(text: str) -> object:
    """The JSON value; `None` never stands for an error here, since a sealed value is an object."""
    try:
        return json.loads(text, object_pairs_hook=unique_members)
    except (ValueError, RecursionError):
        pass
    # Outside the handler: JSONDecodeError carries the whole text, and would ride along as the context.
    raise SealBrokenError("the sealed value is not JSON, or has a member twice")


def _write(key: AESGCM, protected: str, bound: str, plaintext: bytes, *, iv: bytes, gcm_aad: bytes) -> str:
    sealed = key.encrypt(iv, plaintext, gcm_aad)
    text = _FORM % (
        protected,
        bound,
        b2a_base64(iv, newline=False).decode("ascii"),
        b2a_base64(sealed[:-16], newline=False).decode("ascii"),
        b2a_base64(sealed[-16:], newline=False).decode("ascii"),
    )
    # The form itself has none of "+", "/", "=", so that one translation serves all members.
    return text.encode("ascii").translate(_TO_URL, b"=").decode("ascii")


def _open(key: AESGCM, sealed: Sealed, aad: bytes) -> bytes:
    if sealed.aad != b64url(aad):
        raise SealBrokenError("the sealed value was made for another place")
    return _decrypt(key, sealed, f"{sealed.protected}.{sealed.aad}".encode("ascii"))


def _decrypt(key: AESGCM, sealed: Sealed, gcm_aad: bytes) -> bytes:
    try:
        return key.decrypt(_decode(sealed.iv), _decode(sealed.ciphertext) + _decode(sealed.tag), gcm_aad)
    except InvalidTag:
        raise SealBrokenError("the sealed value was altered, or is of another key") from None


def _canonical(text: str) -> bool:
    return not text or text[-1] in _LAST[len(text) & 3]


def _decode(text: str) -> bytes:
    """The bytes of text that `_canonical` and its pattern have passed; surplus padding is ignored."""
    return a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"==")


@lru_cache(maxsize=1024)
def _protected(kid: str) -> str:
    if not valid_key_id(kid):
        raise ValueError("not a key id")
    return b64url(f'{{"alg":"dir","enc":"A256GCM","kid":"{kid}"}}'.encode("ascii"))


# Thousands of rows share a few headers. Failures raise, so that only proper headers are kept.
@lru_cache(maxsize=1024)
def _kid(protected: str) -> str:
    try:
        header = json.loads(_decode(protected).decode("utf-8"), object_pairs_hook=unique_members)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.keys() != {"alg", "enc", "kid"}:
        raise SealBrokenError("the sealed value's header does not have exactly alg, enc and kid")
    if header["alg"] != "dir" or header["enc"] != "A256GCM":
        raise SealBrokenError("the sealed value's header names another algorithm than dir with A256GCM")
    if not valid_key_id(header["kid"]):
        raise SealBrokenError("the sealed value's header names no proper key id")
    return cast("str", header["kid"])
