"""Reference data, and the integrations of both levels."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from avnz_int.db import columns
from avnz_int.db.columns import Row
from avnz_int.db.types import TextArray
from avnz_int.model.enums import (
    Category,
    DefinitionStatus,
    Environment,
    Mode,
    Status,
    TestResult,
)


def _previous() -> tuple[CheckConstraint, ...]:
    """Replaced credentials stand beside their key, their end and their environment, or none does."""
    kept = '("previousCredentials" IS NULL) = '
    return (
        columns.one_of("previousEnvironment", Environment),
        CheckConstraint(f'{kept}("previousCredentialsKeyId" IS NULL)', name="previousSealed"),
        CheckConstraint(f'{kept}("previousCredentialsExpireAt" IS NULL)', name="previousExpiry"),
        CheckConstraint(f'{kept}("previousEnvironment" IS NULL)', name="previousPlace"),
    )


class IntegrationDefinition(Row, table=True):
    """Reference data of one provider, copied from its seed."""

    __tablename__ = "IntegrationDefinition"
    __table_args__ = (
        columns.one_of("category", Category),
        columns.one_of("status", DefinitionStatus),
        CheckConstraint('NOT ("isOrgOnly" AND "isClientAllowed")', name="audience"),
    )

    id: str = columns.text(key=True)
    provider: str = columns.text(unique=True)
    category: str = columns.text()
    name: str = columns.text()
    description: str = columns.text()
    logoUrl: str | None = columns.text(required=False)
    documentationUrl: str | None = columns.text(required=False)
    isOrgOnly: bool = columns.flag(default=False)
    isClientAllowed: bool = columns.flag(default=True)
    isPlatformOffered: bool = columns.flag(default=False)
    credentialSchema: dict[str, Any] = columns.json(required=True)
    settingsSchema: dict[str, Any] | None = columns.json()
    requiredCompliance: list[str] = Field(sa_type=TextArray, nullable=False)
    status: str = columns.text(default="active")
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()


class PlatformIntegration(Row, table=True):
    """The organization's credentials for one provider, perhaps shared with clients."""

    __tablename__ = "PlatformIntegration"
    __table_args__ = (
        UniqueConstraint("organizationId", "provider"),
        columns.one_of("category", Category),
        columns.one_of("environment", Environment),
        columns.one_of("status", Status, among=("active", "inactive", "error")),
        columns.one_of("lastTestResult", TestResult),
        CheckConstraint('NOT "isSharedWithClients" OR "clientPricing" IS NOT NULL', name="pricing"),
        CheckConstraint('NOT "isDefaultForNewClients" OR "isSharedWithClients"', name="newClients"),
        CheckConstraint('("credentials" IS NULL) = ("credentialsKeyId" IS NULL)', name="sealed"),
        *_previous(),
    )

    id: str = columns.text(key=True)
    organizationId: str = columns.text(to="Organization.id")
    provider: str = columns.text(to="IntegrationDefinition.provider")
    category: str = columns.text()
    name: str = columns.text()
    description: str | None = columns.text(required=False)
    credentials: Any = columns.sealed(required=True)
    credentialsKeyId: str | None = columns.text(to="DataKey.id", index=True, required=False)
    credentialsUpdatedAt: datetime = columns.time()
    credentialsFingerprints: dict[str, Any] | None = columns.json()
    previousCredentials: Any = columns.sealed()
    previousCredentialsKeyId: str | None = columns.text(to="DataKey.id", index=True, required=False)
    previousCredentialsExpireAt: datetime | None = columns.time(required=False)
    previousSettings: dict[str, Any] | None = columns.json()
    previousEnvironment: str | None = columns.text(required=False)
    settings: dict[str, Any] | None = columns.json()
    environment: str = columns.text(default="production")
    isSharedWithClients: bool = columns.flag(default=False)
    isDefaultForNewClients: bool = columns.flag(default=False)
    clientPricing: dict[str, Any] | None = columns.json()
    status: str = columns.text(default="active")
    lastTestedAt: datetime | None = columns.time(required=False)
    lastTestResult: str | None = columns.text(required=False)
    errorMessage: str | None = columns.text(required=False)
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)


class ClientIntegration(Row, table=True):
    """A client's integration: own credentials, or the platform's."""

    __tablename__ = "ClientIntegration"
    __table_args__ = (
        UniqueConstraint("clientId", "provider", "name"),
        columns.one_of("category", Category),
        columns.one_of("environment", Environment),
        columns.one_of("mode", Mode),
        columns.one_of("status", Status),
        columns.one_of("lastTestResult", TestResult),
        CheckConstraint('("mode" = \'own\') = ("credentials" IS NOT NULL)', name="own"),
        CheckConstraint('("mode" = \'platform\') = ("platformIntegrationId" IS NOT NULL)', name="platform"),
        CheckConstraint('("credentials" IS NULL) = ("credentialsKeyId" IS NULL)', name="sealed"),
        *_previous(),
        CheckConstraint('"isVerified" = ("verifiedAt" IS NOT NULL)', name="verified"),
        Index(
            "ClientIntegration_one_default",
            "clientId",
            "category",
            "environment",
            unique=True,
            postgresql_where=text('"isDefault"'),
            sqlite_where=text('"isDefault"'),
        ),
    )

    id: str = columns.text(key=True)
    clientId: str = columns.text(to="Client.id")
    provider: str = columns.text(to="IntegrationDefinition.provider")
    category: str = columns.text()
    name: str = columns.text()
    description: str | None = columns.text(required=False)
    mode: str = columns.text()
    credentials: Any = columns.sealed()
    credentialsKeyId: str | None = columns.text(to="DataKey.id", index=True, required=False)
    credentialsUpdatedAt: datetime | None = columns.time(required=False)
    credentialsFingerprints: dict[str, Any] | None = columns.json()
    previousCredentials: Any = columns.sealed()
    previousCredentialsKeyId: str | None = columns.text(to="DataKey.id", index=True, required=False)
    previousCredentialsExpireAt: datetime | None = columns.time(required=False)
    previousSettings: dict[str, Any] | None = columns.json()
    previousEnvironment: str | None = columns.text(required=False)
    platformIntegrationId: str | None = columns.text(to="PlatformIntegration.id", index=True, required=False)
    settings: dict[str, Any] | None = columns.json()
    environment: str = columns.text(default="production")
    usageThisMonth: dict[str, Any] | None = columns.json()
    isDefault: bool = columns.flag(default=False)
    priority: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    status: str = columns.text(default="pending")
    lastTestedAt: datetime | None = columns.time(required=False)
    lastTestResult: str | None = columns.text(required=False)
    errorMessage: str | None = columns.text(required=False)
    isVerified: bool = columns.flag(default=False)
    verifiedAt: datetime | None = columns.time(required=False)
    verifiedBy: str | None = columns.text(required=False)
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)
