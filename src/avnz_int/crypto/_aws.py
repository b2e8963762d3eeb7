"""AWS as a place of keys: a client that is quick to give up, and its failures in our words.

botocore is loaded with the first call: who keeps the keyring in a file never pays for it.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from avnz_int.errors import UnavailableError, UsageError

# In a debug log botocore would write what it sends and gets: keyrings and data keys.
for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_ID = re.compile(r"[A-Za-z0-9/_+=.@:-]{1,512}")
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z0-9]+)+")
_DENIED = {"AccessDeniedException", "AccessDenied"}
_CREDENTIALS = {
    "ExpiredTokenException": "have expired",
    "ExpiredToken": "have expired",
    "IncompleteSignature": "are not whole",
    "InvalidClientTokenId": "are not known to AWS",
    "InvalidSignatureException": "were not accepted: a wrong secret key, or a clock that is wrong",
    "MissingAuthenticationToken": "are missing",
    "MissingAuthenticationTokenException": "are missing",
    "SignatureDoesNotMatch": "were not accepted: a wrong secret key, or a clock that is wrong",
    "UnrecognizedClientException": "are not known to AWS",
}
_CREDENTIALS_HINT = (
    "check the AWS credentials of this machine: environment, AWS_PROFILE, container or instance role"
)
_REGION_HINT = "add ?region=eu-west-1 (yours) to the keyring's URL, or set AWS_REGION or AWS_DEFAULT_REGION"


class RefusedError(Exception):
    """AWS said no, in a way that the caller knows to explain.

    Attributes:
        code: of AWS, as `ResourceNotFoundException`.
        text: AWS's own words.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Address:
    """What a keyring URL names: `<scheme>://<id>[?region=<region>]`."""

    scheme: str
    id: str
    region: str | None

    @classmethod
    def parse(cls, url: str, example: str) -> Address:
        """The parts of a URL, percent-decoded; the region of an ARN counts where none is given.

        Args:
            url: of one of our schemes.
            example: what a right one looks like, for the hint.

        Raises:
            UsageError: it is not of that form.
        """
        hint = f"write it as {example}"
        try:
            parts = urlsplit(url)
            query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else []
        except ValueError:
            raise UsageError("the keyring's URL cannot be read", hint=hint) from None
        identity = unquote(parts.netloc + parts.path)
        if not _ID.fullmatch(identity) or identity.endswith("/"):
            raise UsageError(f"{url!r} does not name a key or secret of AWS", hint=hint)
        if parts.fragment or [name for name, _ in query] not in ([], ["region"]):
            raise UsageError(f"{url!r} has a part other than ?region=", hint=hint)
        region = query[0][1] if query else None
        if region is not None and not _REGION.fullmatch(region):
            raise UsageError(f"{region!r} is not an AWS region", hint=hint)
        return cls(parts.scheme, identity, region)

    def __str__(self) -> str:
        end = f"?region={self.region}" if self.region else ""
        return f"{self.scheme}://{quote(self.id, safe='/:@+=')}{end}"

    @property
    def effective_region(self) -> str | None:
        """The region given, or the ARN's; None: the machine's own."""
        arn = self.id.split(":")
        return self.region or (arn[3] if arn[0] == "arn" and len(arn) > 3 and arn[3] else None)


@dataclass(slots=True)
class Service:
    """Calls one service of AWS with the credentials of this machine.

    Attributes:
        name: botocore's, as `kms`.
        what: what messages call the thing that is asked for.
    """

    name: str
    region: str | None
    what: str
    _client: Any = field(default=None, repr=False)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """What AWS answers.

        Args:
            operation: AWS's name of it, as `GetSecretValue`.
            parameters: as AWS names them.

        Raises:
            RefusedError: AWS said no, for a reason that is the operation's own.
            UnavailableError: not reachable, not permitted, or without usable credentials.
            UsageError: no region, or an address that keys must not be sent to.
        """
        from botocore.exceptions import (  # noqa: PLC0415
            BotoCoreError,
            ClientError,
            HTTPClientError,
            NoCredentialsError,
            NoRegionError,
        )

        try:
            if self._client is None:
                self._client = _connect(self.name, self.region)
            reply: dict[str, Any] = self._client._make_api_call(operation, parameters)  # noqa: SLF001  # the generated methods have other names
        except NoRegionError:
            raise UsageError(f"{self.what}: no AWS region is known", hint=_REGION_HINT) from None
        except NoCredentialsError:
            raise UnavailableError(
                f"{self.what} cannot be used: this machine has no AWS credentials", hint=_CREDENTIALS_HINT
            ) from None
        except ClientError as error:
            raise self._refusal(error, operation) from None
        except (HTTPClientError, BotoCoreError, ValueError) as error:
            raise UnavailableError(
                f"{self.what} cannot be reached ({type(error).__name__})",
                hint="check network, region, profile and AWS_ENDPOINT_URL, then repeat the command",
            ) from None
        return reply

    def unexpected(self, refusal: RefusedError) -> UnavailableError:
        """The error for a refusal that has no explanation of its own."""
        return UnavailableError(
            f"{self.what} cannot be used now: AWS answered {refusal.code}", hint="repeat the command later"
        )

    def _refusal(self, error: Any, operation: str) -> Exception:
        told = error.response.get("Error", {})
        code = str(told.get("Code", "")).rpartition("#")[2]
        if code in _DENIED:
            permission = f"{self.name}:{operation}"
            more = "" if self.name == "kms" else ", and kms:Decrypt where the secret has a KMS key of its own"
            return UnavailableError(
                f"{self.what}: AWS does not permit {permission}",
                hint=f"allow {permission} on it to the AWS identity of this machine{more}",
                details={"permission": permission},
            )
        if code in _CREDENTIALS:
            return UnavailableError(
                f"{self.what} cannot be used: the AWS credentials of this machine {_CREDENTIALS[code]}",
                hint=_CREDENTIALS_HINT,
            )
        return RefusedError(code, str(told.get("Message", "")))


def _connect(name: str, region: str | None) -> Any:
    import botocore.session  # noqa: PLC0415  # 100 ms that file keyrings do not pay
    from botocore.config import Config  # noqa: PLC0415

    # Others may wait for this process meanwhile: better an error soon than an answer late.
    config = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    client = botocore.session.Session().create_client(name, region_name=region, config=config)
    url = urlsplit(client.meta.endpoint_url)
    if url.scheme != "https" and not _loopback(url.hostname or ""):
        raise UsageError(
            "AWS_ENDPOINT_URL is http to another machine: keys would cross the network unencrypted",
            hint="give an https address, or http://127.0.0.1 for a mock on this machine",
        )
    return client


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
