"""Whose keys an AWS check uses, and what of the machine's own configuration it may see."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import botocore.session
from botocore.loaders import create_loader

from avnz_int.errors import UsageError
from avnz_int.model.enums import CheckCode
from avnz_int.providers._replies import ended, token
from avnz_int.providers.contract import CheckRequest
from avnz_int.providers.endpoints import check_endpoint

# Reading a service's description is most of the time that a client takes; it is never changed.
_LOADER = create_loader()
_UNSET = (None, None, None, None)
_HOMES = {"cn-": "cn-north-1", "us-gov-": "us-gov-west-1", "eusc-": "eusc-de-east-1"}


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key, or an API key in its place."""

    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Given:
    """What the credentials of an integration hold; without keys, those of the machine are meant."""

    keys: Keys
    role: str
    external_id: str


def given(request: CheckRequest) -> Given:
    """The credentials, if they may be used this way.

    Raises:
        CheckEndedError: they cannot stand in a request, or would let a client act as this machine.
    """
    keys = Keys(
        *(
            token(request, name)
            for name in ("accessKeyId", "secretAccessKey", "sessionToken", "bedrockApiKey")
        )
    )
    role, external_id = token(request, "roleArn"), token(request, "externalId")
    if keys.access_key and keys.api_key:
        raise ended(
            CheckCode.INVALID_CONFIG, "bedrockApiKey and accessKeyId are both given: give one of them"
        )
    if keys == Keys() and not request.ambient_allowed:
        raise ended(
            CheckCode.INVALID_CONFIG,
            "accessKeyId and secretAccessKey are missing: the credentials of this machine are for platform "
            "integrations only",
        )
    if role and not external_id and not request.ambient_allowed:
        # Whoever knows the name of somebody else's role could have us assume it for them.
        raise ended(
            CheckCode.INVALID_CONFIG,
            "roleArn needs the externalId that avnz-int made for this client, in the role's trust policy",
        )
    return Given(keys, role, external_id)


def session_for(keys: Keys) -> botocore.session.Session:
    """A botocore session; with keys given, one that reads no profile, file or key of the machine."""
    alone = dict.fromkeys(("profile", "config_file", "credentials_file"), _UNSET)
    session = botocore.session.Session(session_vars=None if keys == Keys() else alone)
    session.register_component("data_loader", _LOADER)
    return session


def ambient(session: botocore.session.Session) -> Keys:
    """The credentials of this machine: environment, profile, container, instance.

    Raises:
        CheckEndedError: it has none, or they cannot be loaded.
    """
    try:
        found = session.get_credentials()
        frozen = None if found is None else found.get_frozen_credentials()
    except Exception as exc:  # noqa: BLE001  # files, processes and services of all kinds are behind it
        raise ended(
            CheckCode.INVALID_CONFIG,
            f"the AWS credentials of this machine cannot be loaded ({type(exc).__name__}): check its "
            "profile, or give accessKeyId and secretAccessKey",
        ) from None
    if frozen is None or not frozen.access_key or not frozen.secret_key:
        raise ended(
            CheckCode.INVALID_CONFIG,
            "no credentials are given, and this machine has none for AWS: give accessKeyId and "
            "secretAccessKey",
        )
    return Keys(frozen.access_key, frozen.secret_key, frozen.token or "")


def configured_url(session: botocore.session.Session, service: str, *, plain_http: bool) -> str | None:
    """The operator's address in place of a service's own: `AWS_ENDPOINT_URL` and its forms, or the profile's.

    Args:
        session: botocore's.
        service: botocore's name of the service.
        plain_http: whether it may be http to another machine. A signature is worth nothing to whoever reads
            it on the way; an API key is worth everything.

    Raises:
        CheckEndedError: it may not be used.
    """
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        return None
    name = session.get_service_model(service).service_id.replace(" ", "_").upper()
    url = (
        os.environ.get(f"AWS_ENDPOINT_URL_{name}")
        or os.environ.get("AWS_ENDPOINT_URL")
        or session.get_scoped_config().get("endpoint_url")
    )
    if not url:
        return None
    if not plain_http:
        try:
            check_endpoint(url, variable="AWS_ENDPOINT_URL")
        except UsageError as error:
            raise ended(CheckCode.INVALID_CONFIG, error.message) from None
    return str(url)


def host_of(url: str) -> str:
    """The host of an address, for messages."""
    try:
        return urlsplit(url).hostname or "no host"
    except ValueError:
        return "no host"


def home_region(region: str) -> str:
    """The region that no account of the same partition can switch off."""
    return next((home for start, home in _HOMES.items() if region.startswith(start)), "us-east-1")


def offered(session: botocore.session.Session, service: str, region: str) -> bool:
    """Whether the service is known to be in a region."""
    return any(
        region in session.get_available_regions(service, partition_name=partition)
        for partition in session.get_available_partitions()
    )
