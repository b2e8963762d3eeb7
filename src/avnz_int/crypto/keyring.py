"""Master keys: a JWK Set (RFC 7517, section 5) of `oct` keys, of which the first is active.

They wrap data keys and do nothing else. A keyring is immutable: a change is a new one, which a key source
then puts in the place of the old. Key sources, services and `keyring show` call this.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from avnz_int import clock
from avnz_int.crypto import jwe
from avnz_int.crypto.wrapping import Wrapper
from avnz_int.errors import ConflictError, KeyMissingError, KeyringInvalidError
from avnz_int.model.secret import Secret

_KEY_BYTES = 32
_MEMBERS = frozenset({"kty", "k", "kid", "iat"})
_LATEST = 253402300799  # the last second that a datetime can hold
_INVALID_HINT = "restore the keyring from its backup: data keys wrapped by a lost master key never open again"
_MISSING_HINT = "use the keyring that belongs to this database, or restore it from its backup"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One master key.

    Attributes:
        kid: its id, in the header of what it wrapped.
        material: 32 bytes.
        issued_at: seconds since 1970 (`iat`).
    """

    kid: str
    material: Secret[bytes]
    issued_at: int


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What may be shown of a master key.

    Attributes:
        fingerprint: 16 hexadecimal digits; the same for the same key anywhere, and no way back to it. None of
            a key that is never seen.
    """

    key_id: str
    created_at: datetime
    fingerprint: str | None
    active: bool


class MasterKeys(Wrapper, Protocol):
    """The master keys of one place, of which one is active, and wraps."""

    @property
    def active_kid(self) -> str:
        """The id of the key that wraps."""

    @property
    def kids(self) -> Container[str]:
        """The ids of those that can unwrap."""

    def infos(self) -> tuple[KeyInfo, ...]:
        """Id, age and fingerprint of each that is known, the active one first."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Master keys, the active one first; never empty. Wraps and unwraps as `cipher.Wrapper` asks."""

    keys: tuple[MasterKey, ...]

    @classmethod
    def new(cls) -> Self:
        """A keyring of one new random key."""
        return cls((_new_key(),))

    @classmethod
    def from_json(cls, text: str, *, origin: str = "the keyring") -> Self:
        """The keyring that a JWK Set holds.

        Args:
            text: the JWK Set; of each key `kty`, `k`, `kid` and `iat`, and nothing else.
            origin: what messages call it, as a path.

        Raises:
            KeyringInvalidError: it does not parse, or breaks a rule; the message names rule and position.
        """
        return cls(_parse(text, origin))

    def to_json(self) -> str:
        """The JWK Set, for the place where the keyring lives and for no other."""
        keys = [
            {"kty": "oct", "k": jwe.b64url(key.material.reveal()), "kid": key.kid, "iat": key.issued_at}
            for key in self.keys
        ]
        return json.dumps({"keys": keys}, indent=2) + "\n"

    @property
    def active_kid(self) -> str:
        """The id of the key that wraps."""
        return self.keys[0].kid

    @property
    def kids(self) -> tuple[str, ...]:
        """All ids, the active one first."""
        return tuple(key.kid for key in self.keys)

    def with_new_key(self) -> Keyring:
        """The same keys behind a new random one, which is active."""
        return Keyring((_new_key(), *self.keys))

    def without(self, kid: str) -> Keyring:
        """The other keys.

        Raises:
            KeyMissingError: there is no such key.
            ConflictError: it is the active one.
        """
        self._find(kid)
        if kid == self.active_kid:
            raise ConflictError(
                f"master key {kid} is the active one", hint="make another first: avnz-int rotate-key --master"
            )
        return Keyring(tuple(key for key in self.keys if key.kid != kid))

    def infos(self) -> tuple[KeyInfo, ...]:
        """Id, age and fingerprint of each key, the active one first."""
        return tuple(
            KeyInfo(
                key_id=key.kid,
                created_at=datetime.fromtimestamp(key.issued_at, UTC),
                fingerprint=_fingerprint(key),
                active=key.kid == self.active_kid,
            )
            for key in self.keys
        )

    def wrap(self, plaintext: Secret[bytes], aad: bytes) -> dict[str, Any]:
        """A sealed value (see `jwe`) under the active master key, ready for a JSON column."""
        active = self.keys[0]
        text = jwe.seal(AESGCM(active.material.reveal()), active.kid, aad, plaintext.reveal())
        return dict(json.loads(text))

    def unwrap(self, wrapped: object, aad: bytes) -> Secret[bytes]:
        """What `wrap` was given.

        Raises:
            KeyMissingError: the master key it names is not in this keyring; the message names it.
            SealBrokenError: altered, or made for another `aad`.
        """
        if isinstance(wrapped, Mapping) and isinstance(wrapped.get("kms"), str):
            key_id = wrapped["kms"]
            raise KeyMissingError(
                f"the KMS key {key_id} wrapped it, which is no key of a keyring",
                hint="name the KMS key with --keyring: aws-kms://KEY",
                details={"masterKeyId": key_id},
            )
        return Secret(jwe.open_with(lambda kid: AESGCM(self._find(kid).material.reveal()), wrapped, aad))

    def _find(self, kid: str) -> MasterKey:
        for key in self.keys:
            if key.kid == kid:
                return key
        raise KeyMissingError(
            f"master key {kid} is not in the keyring", hint=_MISSING_HINT, details={"masterKeyId": kid}
        )


def _new_key() -> MasterKey:
    issued_at = int(clock.now().timestamp())
    return MasterKey(clock.new_id(), Secret(os.urandom(_KEY_BYTES)), issued_at)


def _fingerprint(key: MasterKey) -> str:
    # Not the RFC 7638 thumbprint, which for `oct` hashes the key itself and is not to be published (its
    # section 7): a MAC of fixed words under the key says as much and gives nothing to guess against.
    return hmac.digest(key.material.reveal(), b"avnz-int master key fingerprint 1", "sha256")[:8].hex()


def _parse(text: str, origin: str) -> tuple[MasterKey, ...]:
    document = _loads(text, origin)
    if (
        not isinstance(document, dict)
        or document.keys() != {"keys"}
        or not isinstance(document["keys"], list)
    ):
        raise _invalid(origin, 'is not a JWK Set: an object with "keys", a list, and nothing else')
    if not document["keys"]:
        raise _invalid(origin, "holds no key")
    keys = tuple(_parse_key(jwk, f"{origin}: key {n}") for n, jwk in enumerate(document["keys"], 1))
    if len({key.kid for key in keys}) != len(keys):
        raise _invalid(origin, "has two keys of the same kid")
    if len({key.material.reveal() for key in keys}) != len(keys):
        raise _invalid(origin, "has the same key twice under two names")
    return keys


def _parse_key(jwk: object, where: str) -> MasterKey:
    if not isinstance(jwk, dict) or jwk.keys() != _MEMBERS:
        raise _invalid(where, "does not have exactly the members kty, k, kid and iat")
    if jwk["kty"] != "oct":
        raise _invalid(where, 'is not of kty "oct"')
    if not jwe.valid_key_id(jwk["kid"]):
        raise _invalid(
            where, "has a kid that is not 1 to 256 printable ASCII characters without spaces and quotes"
        )
    issued_at = jwk["iat"]
    if type(issued_at) is not int or not 0 <= issued_at <= _LATEST:
        raise _invalid(where, "has an iat that is not whole seconds since 1970")
    try:
        material = jwe.unb64url(jwk["k"]) if isinstance(jwk["k"], str) else b""
    except ValueError:
        material = b""
    if len(material) != _KEY_BYTES:
        raise _invalid(where, "has a k that is not 32 bytes in base64url without padding")
    return MasterKey(jwk["kid"], Secret(material), issued_at)


def _loads(text: str, origin: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=jwe.unique_members)
    except (ValueError, RecursionError):
        pass
    # Outside the handler: JSONDecodeError carries the whole keyring, and would ride along as the context.
    raise _invalid(origin, "is not JSON, or has a member twice")


def _invalid(what: str, rule: str) -> KeyringInvalidError:
    return KeyringInvalidError(f"{what} {rule}", hint=_INVALID_HINT)
