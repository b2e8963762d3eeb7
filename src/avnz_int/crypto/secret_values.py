"""Values that are kept in AWS Secrets Manager, for those who name one instead of writing it down."""

from __future__ import annotations

import json
import re

from avnz_int.crypto._aws import Address, RefusedError, Service
from avnz_int.errors import InvalidInputError, UnavailableError, UsageError
from avnz_int.model.secret import Secret

SCHEME = "aws-secretsmanager"
_EXAMPLE = f"{SCHEME}:prod/stripe#secretKey"
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z0-9]+)+")


class SecretValues:
    """Reads secrets, each once."""

    def __init__(self) -> None:
        self._read: dict[str, Secret[str]] = {}

    def get(self, name: str) -> Secret[str]:
        """The text of a secret, or of one key of it.

        Args:
            name: `<id or ARN>[?region=<region>][#<key>]`; with a key the secret is a JSON object, as the
                console of AWS makes them.

        Raises:
            InvalidInputError: there is no such secret or key, or the name cannot be read.
            UnavailableError: AWS cannot be reached, or does not permit it.
        """
        whole, has_key, key = name.partition("#")
        if whole not in self._read:
            self._read[whole] = Secret(_fetched(whole))
        return _part(self._read[whole], whole, key) if has_key else self._read[whole]


def _fetched(name: str) -> str:
    identity, has_region, region = name.partition("?region=")
    if has_region and not _REGION.fullmatch(region):
        raise InvalidInputError(f"{region!r} is not an AWS region", hint=f"write it as {_EXAMPLE}")
    try:
        address = Address.parse(f"{SCHEME}://{identity}", _EXAMPLE)
    except UsageError:
        raise InvalidInputError("names no secret of AWS", hint=f"write it as {_EXAMPLE}") from None
    what = f"the secret {identity}"
    service = Service("secretsmanager", region or address.effective_region, what)
    try:
        reply = service.call("GetSecretValue", SecretId=identity)
    except RefusedError as refusal:
        if refusal.code == "ResourceNotFoundException":
            raise InvalidInputError(
                f"{what} is not there, or has no value", hint="check its name, region and account"
            ) from None
        if refusal.code in {"InvalidRequestException", "InvalidParameterException", "ValidationException"}:
            raise InvalidInputError(
                f"{what} cannot be read: AWS answered {refusal.code}",
                hint="check its name, and that it is not scheduled for deletion",
            ) from None
        if refusal.code == "DecryptionFailure":
            raise UnavailableError(
                f"AWS cannot decrypt {what}", hint="check the KMS key that the secret names"
            ) from None
        raise service.unexpected(refusal) from None
    except UsageError as exc:
        if "region" not in exc.message:
            raise
        raise UsageError(exc.message, hint=f"add ?region=…, or set AWS_REGION: {_EXAMPLE}") from None
    text = reply.get("SecretString")
    if not isinstance(text, str):
        raise InvalidInputError(f"{what} is binary", hint="put the value there as the secret's string")
    return text


def _part(secret: Secret[str], name: str, key: str) -> Secret[str]:
    try:
        found = json.loads(secret.reveal())
    except (ValueError, RecursionError):
        found = None
    # Outside the handler: json's errors hold the text.
    if not isinstance(found, dict):
        raise InvalidInputError(
            f"the secret {name} is no JSON object, so it has no key {key!r}", hint="leave the #key out"
        )
    if key not in found:
        raise InvalidInputError(f"the secret {name} has no key {key!r}")
    value = found[key]
    return Secret(value if isinstance(value, str) else json.dumps(value))
