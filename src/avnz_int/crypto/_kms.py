"""Master keys in AWS KMS, which never leave it: it wraps and unwraps each data key on request.

A wrapped data key is bound by an encryption context to its id, organization and purpose; the context stands
in CloudTrail, and policies can ask for it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from avnz_int.crypto._aws import Address, RefusedError, Service
from avnz_int.crypto.keyring import KeyInfo, Keyring
from avnz_int.errors import (
    AvnzError,
    ConflictError,
    KeyMissingError,
    SealBrokenError,
    UnavailableError,
    UsageError,
)
from avnz_int.model.secret import Secret

_EXAMPLE = "aws-kms://alias/avnz-int?region=eu-west-1"
_CONTEXT = ("application", "version", "table", "column", "id", "organizationId", "purpose")
_MEMBERS = {"kms", "ciphertext", "context"}
_USABLE = "Enabled"
_FOREIGN_HINT = "name the keyring that wrapped it with --keyring; to change it: avnz-int keyring migrate --to"


class KmsIds:
    """The ids of KMS keys: every ARN of one. KMS alone knows which it will use for us."""

    def __contains__(self, key_id: object) -> bool:
        return isinstance(key_id, str) and key_id.startswith("arn:") and ":kms:" in key_id


@dataclass(frozen=True, slots=True)
class KmsKeys:
    """The KMS key that a keyring URL names, and whichever others wrapped data keys before it.

    Attributes:
        active_kid: the ARN of the key that wraps.
        created_at: when it was made.
    """

    active_kid: str
    created_at: datetime
    service: Service
    kids: KmsIds = KmsIds()  # noqa: RUF009  # it holds nothing

    def infos(self) -> tuple[KeyInfo, ...]:
        """The active key; KMS shows no key, so that there is nothing to make a fingerprint of."""
        return (KeyInfo(self.active_kid, self.created_at, None, active=True),)

    def wrap(self, plaintext: Secret[bytes], aad: bytes) -> dict[str, Any]:
        """`{"kms", "ciphertext", "context"}`: the key's ARN, standard base64, the encryption context.

        Raises:
            KeyMissingError: the key is absent, switched off or scheduled for deletion.
            UnavailableError: AWS cannot be reached, or does not permit it.
        """
        context = _context(aad)
        try:
            reply = self.service.call(
                "Encrypt",
                KeyId=self.active_kid,
                Plaintext=plaintext.reveal(),
                EncryptionContext=context,
            )
        except RefusedError as refusal:
            raise _explained(self.service, refusal, self.active_kid) from None
        return {
            "kms": reply["KeyId"],
            "ciphertext": base64.b64encode(reply["CiphertextBlob"]).decode("ascii"),
            "context": context,
        }

    def unwrap(self, wrapped: object, aad: bytes) -> Secret[bytes]:
        """What `wrap` was given.

        Raises:
            KeyMissingError: another kind of keyring wrapped it, or the key is absent, switched off or to
                be deleted.
            SealBrokenError: altered, or made for another `aad`.
            UnavailableError: AWS cannot be reached, or does not permit it.
        """
        key_id, blob = _parse(wrapped, _context(aad))
        try:
            reply = self.service.call(
                "Decrypt", KeyId=key_id, CiphertextBlob=blob, EncryptionContext=_context(aad)
            )
        except RefusedError as refusal:
            if refusal.code in {"InvalidCiphertextException", "IncorrectKeyException"}:
                raise SealBrokenError("the wrapped key was altered, or is of another key or place") from None
            raise _explained(self.service, refusal, key_id) from None
        return Secret(bytes(reply["Plaintext"]))


class KmsKeySource:
    """A key of AWS KMS: by id, ARN or alias."""

    __slots__ = ("_service", "address")

    def __init__(self, url: str) -> None:
        """Name the key; nothing is asked yet.

        Raises:
            UsageError: the URL is not of the form `aws-kms://<key id or alias>[?region=<region>]`.
        """
        self.address = Address.parse(url, _EXAMPLE)
        if self.address.id.startswith("/"):
            raise UsageError(f"{url!r} does not name a key of KMS", hint=f"write it as {_EXAMPLE}")
        self._service = Service("kms", self.address.effective_region, f"the KMS key {self.address.id}")

    def describe(self) -> str:
        """Its URL."""
        return str(self.address)

    def load(self) -> KmsKeys:
        """The key as KMS describes it now: of an alias, the one that it points at.

        Raises:
            KeyMissingError: there is no such key, or it is switched off or scheduled for deletion.
            UnavailableError: AWS cannot be reached, or does not permit it.
        """
        name = self.address.id
        try:
            found = self._service.call("DescribeKey", KeyId=name)["KeyMetadata"]
        except RefusedError as refusal:
            raise _explained(self._service, refusal, name) from None
        if found.get("KeyState", _USABLE) != _USABLE:
            raise _unusable(name, str(found["KeyState"]))
        made = found.get("CreationDate")
        return KmsKeys(found["Arn"], (made or datetime.fromtimestamp(0, UTC)).astimezone(UTC), self._service)

    def create(self, keyring: Keyring) -> NoReturn:  # noqa: ARG002  # of sources that keep one
        """Nothing: who may use a key is for its owner to say, in KMS.

        Raises:
            KeyMissingError: always; the hint says how to make one.
        """
        raise KeyMissingError(
            f"there is no KMS key {self.address.id} yet",
            hint="make a symmetric key and its alias: aws kms create-key, aws kms create-alias",
        )

    def replace(self, old: Keyring, new: Keyring) -> NoReturn:  # noqa: ARG002  # as above
        """Nothing: KMS keeps its own keys.

        Raises:
            ConflictError: always.
        """
        raise ConflictError(
            f"the KMS key {self.address.id} is kept by KMS",
            hint="point the alias at another key, then run avnz-int rotate-key --master",
        )


def _context(aad: bytes) -> dict[str, str]:
    """The encryption context that says the same as the JSON array `aad`."""
    parts = json.loads(aad)
    return {name: str(part) for name, part in zip(_CONTEXT, parts, strict=True)}


def _parse(wrapped: object, context: dict[str, str]) -> tuple[str, bytes]:
    if isinstance(wrapped, Mapping) and "kms" not in wrapped:
        raise KeyMissingError("a keyring wrapped it, not AWS KMS", hint=_FOREIGN_HINT)
    if not isinstance(wrapped, Mapping) or wrapped.keys() != _MEMBERS:
        raise SealBrokenError("the wrapped key does not have exactly the members kms, ciphertext and context")
    key_id, text = wrapped["kms"], wrapped["ciphertext"]
    if wrapped["context"] != context:
        raise SealBrokenError("the wrapped key was made for another place")
    try:
        if key_id in KmsIds() and isinstance(text, str):
            return str(key_id), base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise SealBrokenError("the wrapped key names no KMS key, or its ciphertext is not base64")


def _explained(service: Service, refusal: RefusedError, key_id: str) -> AvnzError:
    if refusal.code == "NotFoundException":
        return KeyMissingError(
            f"there is no KMS key {key_id}",
            hint="check key, alias, region and account, or name the right one with --keyring",
            details={"masterKeyId": key_id},
        )
    if refusal.code in {"DisabledException", "KMSInvalidStateException", "KeyUnavailableException"}:
        return _unusable(key_id, refusal.code)
    if refusal.code == "InvalidKeyUsageException":
        return UnavailableError(
            f"the KMS key {key_id} is not for encrypting", hint="name a symmetric key for ENCRYPT_DECRYPT"
        )
    return service.unexpected(refusal)


def _unusable(key_id: str, state: str) -> KeyMissingError:
    return KeyMissingError(
        f"the KMS key {key_id} cannot be used now ({state}): switched off, or scheduled for deletion",
        hint="aws kms enable-key, or aws kms cancel-key-deletion and then enable-key",
        details={"masterKeyId": key_id},
    )
