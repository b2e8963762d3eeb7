"""What a service gives back: frozen, masked, ready for `encode`; fields stand in reading order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from avnz_int.model.enums import (
    CheckCode,
    Environment,
    Outcome,
    TenantKind,
)


@dataclass(frozen=True, slots=True)
class DefinitionView:
    """IntegrationDefinition."""

    id: str
    provider: str
    category: str
    name: str
    description: str
    logo_url: str | None
    documentation_url: str | None
    is_org_only: bool
    is_client_allowed: bool
    is_platform_offered: bool
    credential_schema: dict[str, Any]
    settings_schema: dict[str, Any] | None
    required_compliance: list[str]
    status: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OfferView:
    """A definition as a client sees it: `platform` tells what the organization offers, None if nothing."""

    provider: str
    category: str
    name: str
    description: str
    documentation_url: str | None
    status: str
    modes: list[str]
    platform: PlatformOfferView | None
    credential_schema: dict[str, Any]
    settings_schema: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PlatformOfferView:
    """A shared platform integration as a client sees it, at the prices in force for that client.

    Attributes:
        client_pricing: the price in the primary currency.
        prices: the price in each currency, the primary one first.
    """

    name: str
    environment: str
    status: str
    client_pricing: dict[str, Any]
    prices: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What a seeding changed, as provider keys."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    deprecated: list[str] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether anything was (or would be) changed."""
        return bool(self.created or self.updated or self.deprecated)


@dataclass(frozen=True, slots=True)
class PlatformView:
    """PlatformIntegration with masked credentials.

    Attributes:
        credentials: `••••` in a listing, field -> masked value in `show`, None where they do not open.
    """

    id: str
    organization_id: str
    provider: str
    category: str
    name: str
    description: str | None
    environment: str
    status: str
    credentials: Any
    key_id: str | None
    unreadable: bool
    settings: dict[str, Any] | None
    is_shared_with_clients: bool
    client_pricing: dict[str, Any] | None
    last_tested_at: datetime | None
    last_test_result: str | None
    error_message: str | None
    credentials_updated_at: datetime
    previous_credentials_expire_at: datetime | None
    created_at: datetime
    updated_at: datetime
    created_by: str
    updated_by: str | None


@dataclass(frozen=True, slots=True)
class ClientView:
    """ClientIntegration with masked credentials.

    Attributes:
        client: the client's slug.
        effective_status: what it is worth today: in platform mode no more than the platform integration.
        credentials: as in PlatformView; None in platform mode.
    """

    id: str
    client_id: str
    client: str
    provider: str
    category: str
    name: str
    description: str | None
    mode: str
    environment: str
    is_default: bool
    priority: int
    status: str
    effective_status: str
    is_verified: bool
    credentials: Any
    key_id: str | None
    unreadable: bool
    platform_integration_id: str | None
    settings: dict[str, Any] | None
    usage_this_month: dict[str, Any] | None
    verified_at: datetime | None
    verified_by: str | None
    last_tested_at: datetime | None
    last_test_result: str | None
    error_message: str | None
    credentials_updated_at: datetime | None
    previous_credentials_expire_at: datetime | None
    created_at: datetime
    updated_at: datetime
    created_by: str
    updated_by: str | None


@dataclass(frozen=True, slots=True)
class CheckView:
    """One connection test. `latency` is in milliseconds; `success` is None where there is no test."""

    id: str
    provider: str
    environment: Environment
    success: bool | None
    outcome: Outcome
    code: CheckCode
    message: str
    latency: int | None
    tested_at: datetime


@dataclass(frozen=True, slots=True)
class TenantView:
    """An organization, client or company. `parent` is the slug of the tenant above."""

    id: str
    kind: TenantKind
    slug: str
    name: str
    parent: str | None
    status: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A tenant, what it uses, and the tenants below it."""

    tenant: TenantView
    platform: list[PlatformView] = field(default_factory=list)
    integrations: list[ClientView] = field(default_factory=list)
    children: list[TreeNode] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MerchantView:
    """MerchantAccount."""

    id: str
    organization_id: str
    client_id: str | None
    client: str | None
    client_integration_id: str | None
    platform_integration_id: str | None
    provider: str
    name: str
    environment: str
    currency: str | None
    status: str
    external_reference: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RotationView:
    """State of the data keys: counts are of sealed credential values."""

    active_key_id: str
    resealed: int
    pending: int
    unreadable: int
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A data key that a master key wrapped."""

    id: str
    purpose: str
    status: str


@dataclass(frozen=True, slots=True)
class MasterKeyView:
    """One master key, never its material; what a keyring does not tell of it is None."""

    id: str
    state: str
    created_at: datetime | None
    age_days: int | None
    fingerprint: str | None
    data_keys: list[KeyUse]


@dataclass(frozen=True, slots=True)
class KeyringView:
    """The master keys of a keyring, the active one first, then those that data keys need beside."""

    keyring: str
    keys: list[MasterKeyView]


@dataclass(frozen=True, slots=True)
class AuditView:
    """One audit event."""

    sequence: int
    occurred_at: datetime
    actor_id: str
    actor_role: str
    action: str
    target_type: str | None
    target_id: str | None
    client_id: str | None
    outcome: str
    changes: dict[str, Any] | None
    request_id: str
    id: str
    organization_id: str | None
    chain: str
    key_id: str
    previous_mac: str
    mac: str


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Result of checking the audit chains; `first_bad_sequence` is None when all is well."""

    valid: bool
    events: int
    first_bad_sequence: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class InitView:
    """What `init` found or made."""

    organization: str
    database: str
    keyring: str
    definitions: SeedReport
    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class WhoamiTokenView:
    """The access token in use."""

    name: str
    prefix: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class WhoamiView:
    """Where a command would act, and as whom; `client` is a client_admin's, `token` what proves it."""

    database: str
    schema: str | None
    keyring: str
    organization: str
    actor: str
    role: str
    client: str | None
    token: WhoamiTokenView | None
