"""A record of a file -> what the services take; every misfit named by its field, never by its value.

`_FIELDS` has the fields of each kind. Those without a type are read past: the database decides them, and they
stand there so that what an export or a listing wrote can be given back.
`status` counts where it is `inactive`: what somebody switched off is not switched on by moving it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avnz_int.definitions.loader import nearest
from avnz_int.errors import AvnzError, InvalidInputError
from avnz_int.model.enums import Environment, Mode, Status
from avnz_int.model.files import Kind
from avnz_int.model.inputs import NewClient
from avnz_int.model.names import shown_name
from avnz_int.model.pricing import Pricing
from avnz_int.model.secret import MASK, Credentials, Secret
from avnz_int.services.bulk_records import (
    ClientRecord,
    PlatformRecord,
    Record,
    TenantRecord,
    changes_of,
    not_one_of,
    require_environment,
)

_TEXT: tuple[type, ...] = (str,)
_TEXT_OR_NONE: tuple[type, ...] = (str, type(None))
_OBJECT_OR_NONE: tuple[type, ...] = (dict, type(None))
_NOUNS: Mapping[tuple[type, ...], str] = {
    _TEXT: "a string",
    _TEXT_OR_NONE: "a string or null",
    _OBJECT_OR_NONE: "an object or null",
    (bool,): "true or false",
    (int,): "a whole number",
}
_CREDENTIALS = (dict, str, type(None))
_READ_PAST = (
    *("id", "organizationId", "clientId", "category", "effectiveStatus", "isVerified", "keyId", "unreadable"),
    *(
        "platformIntegrationId",
        "usageThisMonth",
        "verifiedAt",
        "verifiedBy",
        "lastTestedAt",
        "lastTestResult",
    ),
    *("errorMessage", "credentialsUpdatedAt", "createdAt", "updatedAt", "createdBy", "updatedBy"),
)
_COMMON: dict[str, tuple[type, ...] | None] = {
    "kind": _TEXT,
    "provider": _TEXT,
    "name": _TEXT_OR_NONE,
    "description": _TEXT_OR_NONE,
    "environment": _TEXT_OR_NONE,
    "settings": _OBJECT_OR_NONE,
    "credentials": _CREDENTIALS,
    "status": _TEXT_OR_NONE,
    **dict.fromkeys(_READ_PAST),
}
_FIELDS: Mapping[Kind, dict[str, tuple[type, ...] | None]] = {
    Kind.TENANT: {
        "kind": _TEXT,
        "slug": _TEXT,
        "name": _TEXT_OR_NONE,
        "parent": _TEXT_OR_NONE,
        "level": _TEXT_OR_NONE,
        **dict.fromkeys(("id", "status", "createdAt", "updatedAt")),
    },
    Kind.PLATFORM: {
        **_COMMON,
        "isSharedWithClients": (bool,),
        "clientPricing": _OBJECT_OR_NONE,
        "isDefaultForNewClients": (bool,),
    },
    Kind.CLIENT: {
        **_COMMON,
        "client": _TEXT,
        "mode": _TEXT_OR_NONE,
        "isDefault": (bool,),
        "priority": (int,),
    },
}
_NEEDED: Mapping[Kind, tuple[str, ...]] = {
    Kind.TENANT: ("slug",),
    Kind.PLATFORM: ("provider",),
    Kind.CLIENT: ("client", "provider"),
}
_REF: Mapping[str | None, tuple[str, ...]] = {
    Kind.TENANT: ("slug",),
    Kind.PLATFORM: ("provider",),
    Kind.CLIENT: ("client", "provider", "name"),
    None: ("slug", "client", "provider", "name"),
}
"""What people call it by; where it says of no kind what it is, all that might be."""
_NAME_SHOWN = 64


def record_of(value: Any) -> Record:
    """The record that a JSON value is.

    Raises:
        InvalidInputError: it is no object, of no kind, or a field is unknown, missing or of another type.
    """
    if not isinstance(value, dict):
        raise InvalidInputError("a record is a JSON object", hint='write {"kind": "client", …}')
    kind = _kind(value)
    fields = _FIELDS[kind]
    for number, (name, part) in enumerate(value.items(), 1):
        wanted = fields.get(name, ())
        if wanted is not None and type(part) not in wanted:
            raise _misfit(kind, name, number, wanted)
    for name in _NEEDED[kind]:
        if name not in value:
            raise InvalidInputError(f"{name}: is missing", details={"field": name})
    return _MAKERS[kind](value)


def about(value: Any) -> tuple[str | None, str | None]:
    """Kind and REF of what may be no proper record, for a report: only what cannot be a secret."""
    if not isinstance(value, dict):
        return None, None
    kind = value.get("kind")
    kind = kind if isinstance(kind, str) and kind in set(Kind) else None
    parts = [value.get(name) for name in _REF[kind]]
    if kind == Kind.PLATFORM:
        parts = ["platform", *parts]
    named = [part[:_NAME_SHOWN] for part in parts if isinstance(part, str) and part]
    return kind, "/".join(named) or None


def _kind(value: dict[str, Any]) -> Kind:
    try:
        return Kind(value["kind"])
    except (KeyError, ValueError):
        raise not_one_of("kind", Kind) from None


def _misfit(kind: Kind, name: str, number: int, wanted: tuple[type, ...]) -> AvnzError:
    shown = name if wanted else shown_name(name, number)
    if wanted:
        noun = "an object, or masked" if wanted is _CREDENTIALS else _NOUNS[wanted]
        return InvalidInputError(f"{shown}: must be {noun}", details={"field": shown})
    near = nearest(name[:_NAME_SHOWN], [field for field, types in _FIELDS[kind].items() if types])
    hint = f"did you mean {near[0]}?" if near else f"a {kind} record has no such field"
    return InvalidInputError(f"{shown}: is not a field", hint=hint, details={"field": shown})


def _tenant(value: dict[str, Any]) -> Record:
    level = value.get("level")
    if level not in {None, "client", "company"}:
        raise InvalidInputError("level: must be one of client, company", details={"field": "level"})
    parent = value.get("parent")
    if level == "company" and parent is None:
        raise InvalidInputError("parent: a company needs its client's slug", details={"field": "parent"})
    return TenantRecord(value["slug"], value.get("name"), parent, level)


def _credentials(value: dict[str, Any]) -> Credentials | None:
    """Those that were given; None where there are none, or only their masks."""
    given = value.get("credentials")
    if given is None or given == MASK:
        return None
    if isinstance(given, str):
        raise InvalidInputError("credentials: must be an object, or masked", details={"field": "credentials"})
    if any(isinstance(part, str) and part.startswith(MASK) for part in given.values()):
        return None
    return Secret(given)


def _platform(value: dict[str, Any]) -> Record:
    credentials = _credentials(value)
    price = value.get("clientPricing")
    shared = value.get("isSharedWithClients")
    if shared and price is None:
        raise InvalidInputError(
            "clientPricing: is needed for what is shared with clients", details={"field": "clientPricing"}
        )
    return PlatformRecord(
        provider=value["provider"],
        name=value.get("name"),
        description=value.get("description"),
        settings=value.get("settings"),
        environment=require_environment(value.get("environment")) or Environment.PRODUCTION,
        credentials=credentials,
        changes=changes_of(value, credentials, of_client=False),
        shared=shared,
        default_for_new=value.get("isDefaultForNewClients"),
        pricing=None if price is None else _pricing(price),
        disabled=value.get("status") == Status.INACTIVE,
    )


def _pricing(value: dict[str, Any]) -> Pricing:
    whole = all(type(value.get(name)) is int for name in ("flatFee", "monthlyMinimum"))
    percent = value.get("percentageFee")
    if not whole or isinstance(percent, bool) or not isinstance(percent, int | float | str):
        raise InvalidInputError(
            "clientPricing: must hold percentageFee, and flatFee and monthlyMinimum in whole minor units",
            details={"field": "clientPricing"},
        )
    currency = value.get("currency", "USD")
    if not isinstance(currency, str):
        raise InvalidInputError(
            "clientPricing.currency: must be a string", details={"field": "clientPricing"}
        )
    return Pricing.of(str(percent), value["flatFee"], value["monthlyMinimum"], currency)


def _client(value: dict[str, Any]) -> Record:
    credentials = _credentials(value)
    mode = value.get("mode")
    if mode not in {None, Mode.OWN, Mode.PLATFORM}:
        raise not_one_of("mode", Mode)
    of_platform = mode == Mode.PLATFORM
    new = NewClient(
        client=value["client"],
        provider=value["provider"],
        name=value.get("name"),
        mode=Mode.PLATFORM if of_platform else Mode.OWN,
        credentials=credentials,
        description=value.get("description"),
        settings=value.get("settings"),
        environment=require_environment(value.get("environment")),
        is_default=value.get("isDefault", False),
        priority=value.get("priority", 0),
    )
    return ClientRecord(new, value, disabled=value.get("status") == Status.INACTIVE)


_MAKERS = {Kind.TENANT: _tenant, Kind.PLATFORM: _platform, Kind.CLIENT: _client}
