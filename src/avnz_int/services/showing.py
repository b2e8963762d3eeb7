"""What people are shown of a row: views, with credentials masked or closed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from avnz_int.crypto import jwe
from avnz_int.model.enums import Status
from avnz_int.model.lifecycle import effective
from avnz_int.model.secret import MASK, Credentials, masked
from avnz_int.model.views.integrations import ClientView, PlatformView

if TYPE_CHECKING:
    from avnz_int.services.integrations import Definition


def looks_unreadable(row: Mapping[str, Any], known_keys: Collection[str]) -> bool:
    """Whether, without opening it, a row's credentials are seen to be lost: key unknown, or form broken."""
    value = row["credentials"]
    return value is not None and (row["credentialsKeyId"] not in known_keys or not jwe.well_formed(value))


def platform_view(row: Mapping[str, Any], *, credentials: Any, unreadable: bool) -> PlatformView:
    """The view of a row; `credentials` is what may be shown of them."""
    return PlatformView(
        id=row["id"],
        organization_id=row["organizationId"],
        provider=row["provider"],
        category=row["category"],
        name=row["name"],
        description=row["description"],
        environment=row["environment"],
        status=row["status"],
        credentials=credentials,
        key_id=row["credentialsKeyId"],
        unreadable=unreadable,
        settings=row["settings"],
        is_shared_with_clients=row["isSharedWithClients"],
        client_pricing=row["clientPricing"],
        last_tested_at=row["lastTestedAt"],
        last_test_result=row["lastTestResult"],
        error_message=row["errorMessage"],
        credentials_updated_at=row["credentialsUpdatedAt"],
        previous_credentials_expire_at=row["previousCredentialsExpireAt"],
        created_at=row["createdAt"],
        updated_at=row["updatedAt"],
        created_by=row["createdBy"],
        updated_by=row["updatedBy"],
    )


def listed_platform(row: Mapping[str, Any], known_keys: Collection[str]) -> PlatformView:
    """The view of a platform row whose credentials stay closed."""
    unreadable = looks_unreadable(row, known_keys)
    return platform_view(row, credentials=listed_credentials(row), unreadable=unreadable)


def client_view(row: Mapping[str, Any], *, credentials: Any, unreadable: bool) -> ClientView:
    """The view of a row of `db.clients`; `credentials` is what may be shown of them."""
    platform = row["platformStatus"]
    worth = effective(Status(row["status"]), Status(platform) if platform else None)
    return ClientView(
        id=row["id"],
        client_id=row["clientId"],
        client=row["client"],
        provider=row["provider"],
        category=row["category"],
        name=row["name"],
        description=row["description"],
        mode=row["mode"],
        environment=row["environment"],
        is_default=row["isDefault"],
        priority=row["priority"],
        status=row["status"],
        effective_status=worth.value,
        is_verified=row["isVerified"],
        credentials=credentials,
        key_id=row["credentialsKeyId"],
        unreadable=unreadable,
        platform_integration_id=row["platformIntegrationId"],
        settings=row["settings"],
        usage_this_month=row["usageThisMonth"],
        verified_at=row["verifiedAt"],
        verified_by=row["verifiedBy"],
        last_tested_at=row["lastTestedAt"],
        last_test_result=row["lastTestResult"],
        error_message=row["errorMessage"],
        credentials_updated_at=row["credentialsUpdatedAt"],
        previous_credentials_expire_at=row["previousCredentialsExpireAt"],
        created_at=row["createdAt"],
        updated_at=row["updatedAt"],
        created_by=row["createdBy"],
        updated_by=row["updatedBy"],
    )


def listed_client(row: Mapping[str, Any], known_keys: Collection[str]) -> ClientView:
    """The view of a row of `db.clients` whose credentials stay closed."""
    unreadable = looks_unreadable(row, known_keys)
    return client_view(row, credentials=listed_credentials(row), unreadable=unreadable)


def listed_credentials(row: Mapping[str, Any]) -> str | None:
    """What a listing shows, which never opens them."""
    return None if row["credentials"] is None else MASK


def shown_credentials(found: Definition, credentials: Credentials) -> dict[str, Any]:
    """What `show` shows: secrets masked, in the schema's order, unknown fields masked too."""
    order: Iterable[str] = found.credential_schema.get("properties", {})
    known = set(order)
    values = masked(credentials, {*found.secret_fields, *(set(credentials.reveal()) - known)})
    return {name: values[name] for name in [*order, *values] if name in values}
