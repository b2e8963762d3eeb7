"""A keyring in an AWS Secrets Manager secret: its string is the JWK Set.

Secrets Manager has no compare-and-swap of values, but one of labels: a new version is put under a label of
ours, and becomes the current one only if the version that was read still is. Whoever comes second reads
again and merges, so that no key of another operator is lost. The version before stays readable.
"""

from __future__ import annotations

import uuid
from typing import Any

from avnz_int.crypto._aws import Address, RefusedError, Service
from avnz_int.crypto.keyring import Keyring
from avnz_int.errors import (
    ChangedMeanwhileError,
    ConflictError,
    ExistsError,
    KeyMissingError,
    KeyringInvalidError,
    UnavailableError,
)

_CURRENT = "AWSCURRENT"
_PENDING = "avnz-int-pending"
_ATTEMPTS = 8
_EXAMPLE = "aws-secretsmanager://prod/avnz-int/keyring?region=eu-west-1"
_ABSENT = "ResourceNotFoundException"


class SecretKeySource:
    """A secret of AWS Secrets Manager, by name or ARN."""

    __slots__ = ("_service", "address")

    def __init__(self, url: str) -> None:
        """Name the secret; nothing is asked yet.

        Raises:
            UsageError: the URL is not of the form `aws-secretsmanager://<secret id>[?region=<region>]`.
        """
        self.address = Address.parse(url, _EXAMPLE)
        self._service = Service("secretsmanager", self.address.effective_region, self._what)

    def describe(self) -> str:
        """Its URL."""
        return str(self.address)

    def load(self) -> Keyring:
        """The keyring in the secret's current version.

        Raises:
            KeyMissingError: there is no such secret, it has no value, or it is scheduled for deletion.
            KeyringInvalidError: what it holds is no keyring.
            UnavailableError: AWS cannot be reached, or does not permit it.
        """
        return self._read()[1]

    def create(self, keyring: Keyring) -> None:
        """Make the secret, or give a first value to one that has none.

        Raises:
            ExistsError: it has a value; that stays as it is.
            KeyMissingError: it is scheduled for deletion, or absent and named by its ARN.
            UnavailableError: AWS cannot be reached, or does not permit it.
        """
        if self.address.id.startswith("arn:"):
            self._fill(keyring)
            return
        try:
            self._service.call(
                "CreateSecret",
                Name=self.address.id,
                Description="Master keys of avnz-int (JWK Set)",
                ClientRequestToken=str(uuid.uuid4()),
                SecretString=keyring.to_json(),
            )
        except RefusedError as refusal:
            if refusal.code != "ResourceExistsException":
                raise self._explained(refusal) from None
        else:
            return
        self._fill(keyring)

    def replace(self, old: Keyring, new: Keyring) -> None:
        """Make `new` the current version; what others changed meanwhile is kept beside it.

        Raises:
            KeyMissingError, KeyringInvalidError: as `load`.
            ChangedMeanwhileError: what others did cannot be merged, or they do not cease; theirs stands.
            UnavailableError: AWS cannot be reached, or does not permit it; the old one stands.
        """
        token = ""
        for _ in range(_ATTEMPTS):
            version, current = self._read()
            if version == token:
                # The answer to the move got lost on its way, and it was asked for again.
                return
            token = str(uuid.uuid4())
            self._put(token, self._merged(current, old, new))
            if self._move(token, version):
                return
        raise ChangedMeanwhileError(f"{self._what} is changed by others all the time")

    @property
    def _what(self) -> str:
        return f"the keyring in the secret {self.address.id}"

    def _read(self) -> tuple[str, Keyring]:
        """Id and content of the current version."""
        reply = self._call("GetSecretValue", VersionStage=_CURRENT)
        text = reply.get("SecretString")
        if text is None:
            raise KeyringInvalidError(
                f"{self._what} is binary", hint="put the JWK Set there as the secret's string"
            )
        return reply["VersionId"], Keyring.from_json(text, origin=self._what)

    def _fill(self, keyring: Keyring) -> None:
        """Give the first value: AWS makes the first version of a secret current, and no later one."""
        there = ExistsError(
            f"there is a value in the secret {self.address.id} already; it was not touched",
            hint="use it, or name another place with --keyring",
        )
        try:
            self._service.call("GetSecretValue", SecretId=self.address.id, VersionStage=_CURRENT)
        except RefusedError as refusal:
            if refusal.code != _ABSENT:
                raise self._explained(refusal) from None
        else:
            raise there
        # Somebody else may have been first meanwhile.
        if _CURRENT not in self._put(str(uuid.uuid4()), keyring).get("VersionStages", ()):
            raise there

    def _put(self, token: str, keyring: Keyring) -> dict[str, Any]:
        return self._call(
            "PutSecretValue",
            ClientRequestToken=token,
            SecretString=keyring.to_json(),
            VersionStages=[_PENDING],
        )

    def _move(self, version: str, former: str) -> bool:
        """Whether `version` became the current one; not where `former` no longer is."""
        try:
            self._service.call(
                "UpdateSecretVersionStage",
                SecretId=self.address.id,
                VersionStage=_CURRENT,
                MoveToVersionId=version,
                RemoveFromVersionId=former,
            )
        except RefusedError as refusal:
            if refusal.code == "InvalidParameterException":
                return False
            raise self._explained(refusal) from None
        return True

    def _merged(self, current: Keyring, old: Keyring, new: Keyring) -> Keyring:
        """`current` with the same difference as between `old` and `new`."""
        removed = set(old.kids) - set(new.kids)
        if current.active_kid in removed:
            raise ChangedMeanwhileError(f"{self._what} was changed: a key to be removed is active now")
        there = set(current.kids)
        added = [key for key in new.keys if key.kid not in {*old.kids, *there}]
        return Keyring((*added, *(key for key in current.keys if key.kid not in removed)))

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            return self._service.call(operation, SecretId=self.address.id, **parameters)
        except RefusedError as refusal:
            raise self._explained(refusal) from None

    def _explained(
        self, refusal: RefusedError
    ) -> KeyMissingError | KeyringInvalidError | ConflictError | UnavailableError:
        name = self.address.id
        if refusal.code == _ABSENT:
            return KeyMissingError(
                f"there is no keyring in the secret {name}: it is absent, or has no value",
                hint="check name, region and account, or name the right one with --keyring; "
                "for a new installation run avnz-int init",
            )
        if refusal.code == "InvalidRequestException" and "delet" in refusal.text.lower():
            return KeyMissingError(
                f"the secret {name}, which holds the keyring, is scheduled for deletion",
                hint=f"take it back at once: aws secretsmanager restore-secret --secret-id {name}",
            )
        if refusal.code == "DecryptionFailure":
            return UnavailableError(
                f"AWS cannot decrypt the secret {name}", hint="check the KMS key that the secret names"
            )
        return self._service.unexpected(refusal)
