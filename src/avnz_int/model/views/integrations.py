"""Integrations of both levels, their tests and their merchant accounts.

`ClientView`, of which a listing has thousands, is not frozen: that is most of what making one takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from avnz_int.model.enums import CheckCode, Environment, Outcome


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


@dataclass(slots=True)
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
