"""What platform and client integrations share: definition, validation, place, views, audited changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.crypto.cipher import Place, destination_digest
from avnz_int.db import definitions as definition_rows
from avnz_int.db import rows
from avnz_int.db.integrations import CLIENT_TABLE
from avnz_int.definitions import schema
from avnz_int.definitions.loader import nearest
from avnz_int.errors import (
    ChangedMeanwhileError,
    ConflictError,
    ForbiddenError,
    HiddenProviderError,
    InvalidInputError,
    SchemaViolationError,
    SealBrokenError,
    UnknownProviderError,
)
from avnz_int.model.actor import Actor
from avnz_int.model.enums import DefinitionStatus, Role
from avnz_int.model.json_writer import json_writer
from avnz_int.model.secret import Credentials
from avnz_int.services import field_order

_written = json_writer(ascii_only=True, spaces=True)
MAX_CREDENTIALS_BYTES = 64 * 1024
AUDITED = (
    "provider",
    "category",
    "name",
    "description",
    "mode",
    "environment",
    "settings",
    "isDefault",
    "priority",
    "status",
    "isVerified",
    "lastTestResult",
    "errorMessage",
    "platformIntegrationId",
    "isSharedWithClients",
    "clientPricing",
    "credentialsKeyId",
    "previousCredentialsExpireAt",
)
"""The columns whose old and new values an audit event holds: none can hold a secret."""


@dataclass(frozen=True, slots=True)
class Definition:
    """The definition in force of one provider."""

    provider: str
    category: str
    name: str
    status: DefinitionStatus
    is_org_only: bool
    is_client_allowed: bool
    is_platform_offered: bool
    credential_schema: dict[str, Any]
    settings_schema: dict[str, Any] | None

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """Credential fields that nobody may be shown."""
        return schema.secret_fields(self.credential_schema)

    @property
    def destination_fields(self) -> tuple[str, ...]:
        """Settings that decide where the credentials are sent."""
        return schema.destination_fields(self.settings_schema)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Definition:
        """From a row of IntegrationDefinition.

        Raises:
            ConflictError: it is damaged.
        """
        if not _is_sound(row):
            raise damaged(row["provider"])
        return cls(
            provider=row["provider"],
            category=row["category"],
            name=row["name"],
            status=DefinitionStatus(row["status"]),
            is_org_only=row["isOrgOnly"],
            is_client_allowed=row["isClientAllowed"],
            is_platform_offered=row["isPlatformOffered"],
            credential_schema=field_order.restored(row["credentialSchema"]),
            settings_schema=field_order.restored_settings(row["settingsSchema"]),
        )


def damaged(provider: str) -> ConflictError:
    """What is said to whoever uses a definition that is."""
    return ConflictError(
        f"the definition of {provider} in the database is damaged",
        hint="avnz-int definitions seed puts that of its seed in its place",
    )


def _is_sound(row: Mapping[str, Any]) -> bool:
    settings = row["settingsSchema"]
    return schema.is_sound(row["credentialSchema"]) and (settings is None or schema.is_sound(settings))


def sound(found: Iterable[rows.Row]) -> Iterator[rows.Row]:
    """The rows of definitions without the damaged ones: these stop only who uses them."""
    return (row for row in found if _is_sound(row))


def definition(connection: Connection, provider: str) -> Definition:
    """The definition in force; raises as `definition_row` does."""
    return Definition.of(definition_row(connection, provider))


def definition_row(connection: Connection, provider: str) -> rows.Row:
    """The row of the definition in force.

    Raises:
        UnknownProviderError: there is none; the message has the nearest names.
    """
    row = _stored(connection, provider)
    if row is None:
        raise _unknown(connection, provider, client=False, error=UnknownProviderError)
    return row


def require_same(connection: Connection, found: Definition) -> None:
    """Refuse to go on where another definition is in force than was read before the test.

    Raises:
        ChangedMeanwhileError: another was seeded, which may send the credentials elsewhere.
    """
    if definition(connection, found.provider) != found:
        raise ChangedMeanwhileError(f"the definition of {found.provider} was changed meanwhile")


def client_definition_row(connection: Connection, actor: Actor, provider: str) -> rows.Row:
    """The row of the definition in force, if clients may use the provider.

    Raises:
        ForbiddenError: platform-only, said to an org_admin.
        UnknownProviderError: there is none, or (said to anybody else) it is platform-only.
    """
    row = _stored(connection, provider)
    hidden = actor.role is not Role.ORG_ADMIN
    if row is None:
        raise _unknown(connection, provider, client=hidden, error=UnknownProviderError)
    if not row["isClientAllowed"]:
        if hidden:
            raise _unknown(connection, provider, client=True, error=HiddenProviderError)
        raise ForbiddenError(
            f"{row['name']} ({provider}) is for the platform only: clients cannot configure it",
            hint="use avnz-int platform add, or see avnz-int definitions list --client-allowed",
        )
    return row


def _stored(connection: Connection, provider: str) -> rows.Row | None:
    # Some of what can be no key no database can be asked for: NUL, bytes that are no UTF-8.
    return definition_rows.by_provider(connection, provider) if provider.isidentifier() else None


def _unknown(
    connection: Connection, provider: str, *, client: bool, error: type[UnknownProviderError]
) -> UnknownProviderError:
    names = [row["provider"] for row in definition_rows.listing(connection, client_allowed=client)]
    near = nearest(provider, names)
    hint = f"did you mean {' or '.join(near)}?" if near else None
    return error(f"unknown provider {provider!r}", hint=hint, details={"nearest": near})


def require_open_for_new(found: Definition) -> str | None:
    """A warning for a beta provider, None for an active one.

    Raises:
        ConflictError: the definition is deprecated.
    """
    if found.status is DefinitionStatus.DEPRECATED:
        raise ConflictError(
            f"{found.name} is deprecated: no new integration can be made",
            hint="existing ones go on; avnz-int definitions list shows what is active",
        )
    return f"{found.name} is in beta" if found.status is DefinitionStatus.BETA else None


def require_valid(
    found: Definition, *, credentials: Credentials | None, settings: Mapping[str, Any] | None
) -> None:
    """Refuse credentials and settings that break the definition's schemas.

    Raises:
        SchemaViolationError: names every field and rule of both at once, never a secret's value.
        InvalidInputError: the credentials are larger than 64 KiB.
    """
    found_wrong: list[dict[str, str]] = []
    if credentials is not None:
        if _size(credentials) > MAX_CREDENTIALS_BYTES:
            raise InvalidInputError(f"the credentials are larger than {MAX_CREDENTIALS_BYTES // 1024} KiB")
        found_wrong += [v.as_dict() for v in schema.violations(found.credential_schema, credentials.reveal())]
    wrong_settings = schema.violations(found.settings_schema, dict(settings or {}))
    found_wrong += [v.as_dict() | {"field": f"settings.{v.field}".rstrip(".")} for v in wrong_settings]
    if found_wrong:
        raise SchemaViolationError(
            f"invalid fields for {found.provider}",
            found_wrong,
            hint=f"avnz-int definitions show {found.provider} lists the fields; give secrets with "
            "--credential FIELD=@file, FIELD=env:NAME or FIELD=-, settings with --setting FIELD=VALUE",
        )


def _size(credentials: Credentials) -> int:
    try:
        return len(_written(credentials.reveal()))
    except (TypeError, ValueError, RecursionError):
        pass
    # Outside the handler: json's errors may name the value.
    raise InvalidInputError("the credentials hold a value that JSON has no form for")


def place(table: str, row: Mapping[str, Any], found: Definition, *, column: str = "credentials") -> Place:
    """Where the credentials of a row stand, computed from the row as it is now.

    `previousCredentials` stand with the settings and environment that they were in force with.

    Raises:
        SealBrokenError: its settings are no object, so nobody can tell where they would be sent.
    """
    previous = column != "credentials"
    settings = row["previousSettings" if previous else "settings"]
    if not isinstance(settings, Mapping | None):
        raise SealBrokenError(f"{table} {row['id']}: the settings are not an object")
    owner = row["clientId"] if table == CLIENT_TABLE else row["organizationId"]
    return Place(
        table=table,
        column=column,
        row_id=row["id"],
        owner_id=owner,
        provider=row["provider"],
        environment=row["previousEnvironment" if previous else "environment"],
        destination=destination_digest(settings, found.destination_fields),
    )


def settings_of(stored: Any) -> Mapping[str, Any] | None:
    """The settings of a row; none where somebody else wrote what is no object."""
    return stored if isinstance(stored, Mapping) else None


def merged_settings(stored: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """The stored settings with the given ones over them; a given None takes one away."""
    merged = {**(settings_of(stored) or {}), **given}
    return {name: value for name, value in merged.items() if value is not None} or None


def moved_destinations(
    found: Definition, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> list[str]:
    """The settings whose change sends the credentials elsewhere."""
    before, after = settings_of(old) or {}, settings_of(new) or {}
    return [name for name in found.destination_fields if before.get(name) != after.get(name)]


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Field -> [old, new] of the audited columns that differ; replaced credentials are named, not shown."""
    found: dict[str, Any] = {
        name: [old.get(name), new[name]] for name in AUDITED if name in new and new[name] != old.get(name)
    }
    if "credentials" in new and new["credentials"] is not None:
        found["credentials"] = "replaced" if old.get("credentials") is not None else "set"
    return found


def next_moment(previous: datetime) -> datetime:
    """Now, but later than `previous`: two updates of a row never have the same `updatedAt`."""
    if not isinstance(previous, datetime):
        return clock.now()  # text that is no time, put there by somebody else
    return max(clock.now(), previous + timedelta(milliseconds=1))
