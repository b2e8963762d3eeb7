"""Data keys wrapped by master keys, which never enter the database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol, cast

from avnz_int.crypto import jwe
from avnz_int.crypto.cipher import KEY_BYTES, json_object, utf8
from avnz_int.errors import KeyMissingError, SealBrokenError
from avnz_int.model.json_writer import json_writer
from avnz_int.model.secret import Secret

_DATA_KEY_HINT = (
    "restore the DataKey row from a backup of this database; avnz-int doctor lists what depends on it"
)
_json = json_writer()


class Wrapper(Protocol):
    """What master keys do, wherever they live: wrap a data key, and unwrap it for the same `aad` only."""

    def wrap(self, plaintext: Secret[bytes], aad: bytes) -> dict[str, Any]:
        """The wrapped form, ready for a JSON column, under the active master key."""

    def unwrap(self, wrapped: object, aad: bytes) -> Secret[bytes]:
        """The plaintext.

        Raises:
            KeyMissingError: the master key it names is not there.
            SealBrokenError: altered, or made for another `aad`.
        """


def new_data_key() -> bytes:
    """32 random bytes."""
    return os.urandom(KEY_BYTES)


def wrap(
    master: Wrapper, *, key_id: str, organization_id: str, purpose: str, material: Secret[bytes]
) -> dict[str, Any]:
    """The data key as `DataKey.wrappedKey` holds it, bound to its id, organization and purpose."""
    jwk = {"kty": "oct", "k": jwe.b64url(material.reveal()), "kid": key_id}
    return master.wrap(Secret(_json(jwk).encode("ascii")), _key_aad(key_id, organization_id, purpose))


def unwrap(
    master: Wrapper, wrapped: object, *, key_id: str, organization_id: str, purpose: str
) -> Secret[bytes]:
    """The 32 bytes of a data key.

    Args:
        master: the master keys.
        wrapped: JSON text, or the mapping parsed from it.
        key_id: the id of its row.
        organization_id: as in its row.
        purpose: as in its row.

    Raises:
        KeyMissingError: the master key is not in the keyring; the message names both keys.
        SealBrokenError: altered, or wrapped as another key, for another organization or purpose.
    """
    try:
        opened = master.unwrap(wrapped, _key_aad(key_id, organization_id, purpose))
    except SealBrokenError as error:
        message = f"data key {key_id} does not open: {error.message}"
        raise SealBrokenError(message, hint=_DATA_KEY_HINT, details={"keyId": key_id}) from None
    except KeyMissingError as error:
        message = f"data key {key_id} cannot be opened: {error.message}"
        raise KeyMissingError(message, hint=error.hint, details=error.details) from None
    material = _jwk_material(opened.reveal(), key_id)
    if material is None:
        message = f"data key {key_id} does not open: what is inside is not its JSON Web Key"
        raise SealBrokenError(message, hint=_DATA_KEY_HINT, details={"keyId": key_id})
    return Secret(material)


def master_key_id(wrapped: object) -> str:
    """The id of the master key that wrapped this: a key of the keyring, or the ARN of a KMS key.

    Raises:
        SealBrokenError: it is neither form.
    """
    if isinstance(wrapped, Mapping) and isinstance(wrapped.get("kms"), str):
        return cast("str", wrapped["kms"])
    return jwe.read_kid(wrapped)


def _key_aad(key_id: str, organization_id: str, purpose: str) -> bytes:
    return utf8(_json(["avnz-int", 1, "DataKey", "wrappedKey", key_id, organization_id, purpose]))


def _jwk_material(plaintext: bytes, key_id: str) -> bytes | None:
    jwk = json_object(plaintext)
    if jwk is None or jwk.keys() != {"kty", "k", "kid"} or jwk["kty"] != "oct" or jwk["kid"] != key_id:
        return None
    try:
        material = jwe.unb64url(jwk["k"]) if isinstance(jwk["k"], str) else b""
    except ValueError:
        return None
    return material if len(material) == KEY_BYTES else None
