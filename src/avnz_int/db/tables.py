"""The tables, with the names of the specification's Prisma models (`"PlatformIntegration"."organizationId"`).

Invariants stand here as constraints, not only in code (README, "Storage"). SQLModel classes are used for
their tables: reading and writing go through SQLAlchemy Core, which costs a sixth of objects for many rows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from avnz_int.db import columns
from avnz_int.db.columns import Row
from avnz_int.db.types import TextArray
from avnz_int.model.enums import (
    AccountStatus,
    AuditOutcome,
    Category,
    DefinitionStatus,
    Environment,
    KeyPurpose,
    KeyStatus,
    Mode,
    Status,
    TestResult,
)

metadata = Row.metadata
"""Every table below."""


class Organization(Row, table=True):
    """The platform itself."""

    __tablename__ = "Organization"

    id: str = columns.text(key=True)
    slug: str = columns.text(unique=True)
    name: str = columns.text()
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)


class Client(Row, table=True):
    """An agency: a customer of the organization."""

    __tablename__ = "Client"
    __table_args__ = (columns.one_of("status", Status, among=("active", "inactive")),)

    id: str = columns.text(key=True)
    organizationId: str = columns.text(to="Organization.id")
    slug: str = columns.text(unique=True)
    name: str = columns.text()
    status: str = columns.text(default="active")
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)


class Company(Row, table=True):
    """A customer of a client; it inherits all configuration."""

    __tablename__ = "Company"
    __table_args__ = (columns.one_of("status", Status, among=("active", "inactive")),)

    id: str = columns.text(key=True)
    clientId: str = columns.text(to="Client.id")
    slug: str = columns.text(unique=True)
    name: str = columns.text()
    status: str = columns.text(default="active")
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)


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
        CheckConstraint('("credentials" IS NULL) = ("credentialsKeyId" IS NULL)', name="sealed"),
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
    settings: dict[str, Any] | None = columns.json()
    environment: str = columns.text(default="production")
    isSharedWithClients: bool = columns.flag(default=False)
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


class MerchantAccount(Row, table=True):
    """What payment processing sees of a payment-gateway integration; kept in step with it."""

    __tablename__ = "MerchantAccount"
    __table_args__ = (
        columns.one_of("environment", Environment),
        columns.one_of("status", AccountStatus),
        CheckConstraint(
            '"status" = \'closed\' OR "clientIntegrationId" IS NOT NULL'
            ' OR "platformIntegrationId" IS NOT NULL',
            name="integration",
        ),
        CheckConstraint('"clientIntegrationId" IS NULL OR "clientId" IS NOT NULL', name="client"),
        Index(
            "MerchantAccount_platform_account",
            "platformIntegrationId",
            unique=True,
            postgresql_where=text('"clientId" IS NULL'),
            sqlite_where=text('"clientId" IS NULL'),
        ),
    )

    id: str = columns.text(key=True)
    organizationId: str = columns.text(to="Organization.id")
    clientId: str | None = columns.text(to="Client.id", index=True, required=False)
    clientIntegrationId: str | None = columns.text(to="ClientIntegration.id", unique=True, required=False)
    platformIntegrationId: str | None = columns.text(to="PlatformIntegration.id", index=True, required=False)
    provider: str = columns.text(to="IntegrationDefinition.provider")
    name: str = columns.text()
    environment: str = columns.text(default="production")
    currency: str | None = columns.text(required=False)
    status: str = columns.text(default="pending")
    externalReference: str | None = columns.text(required=False)
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)


class DataKey(Row, table=True):
    """A data key, wrapped by a master key of the keyring; `retired` ones have no material left."""

    __tablename__ = "DataKey"
    __table_args__ = (
        columns.one_of("purpose", KeyPurpose),
        columns.one_of("status", KeyStatus),
        CheckConstraint('("status" = \'retired\') = ("wrappedKey" IS NULL)', name="material"),
        CheckConstraint('"sealCount" >= 0', name="sealCount"),
        Index(
            "DataKey_one_active",
            "organizationId",
            "purpose",
            unique=True,
            postgresql_where=text("\"status\" = 'active'"),
            sqlite_where=text("\"status\" = 'active'"),
        ),
    )

    id: str = columns.text(key=True)
    organizationId: str = columns.text(to="Organization.id")
    purpose: str = columns.text()
    wrappedKey: dict[str, Any] | None = columns.json()
    masterKeyId: str = columns.text()
    status: str = columns.text()
    sealCount: int = Field(default=0, sa_type=BigInteger)
    activatedAt: datetime = columns.time()
    retiredAt: datetime | None = columns.time(required=False)
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)


class AuditHead(Row, table=True):
    """The end of one audit chain; every writing transaction locks it first."""

    __tablename__ = "AuditHead"
    __table_args__ = (CheckConstraint('"sequence" >= 0', name="sequence"),)

    chain: str = columns.text(key=True)
    sequence: int = Field(sa_type=BigInteger)
    mac: str = columns.text()


class AuditEvent(Row, table=True):
    """One recorded deed; append-only."""

    __tablename__ = "AuditEvent"
    __table_args__ = (
        UniqueConstraint("chain", "sequence"),
        columns.one_of("outcome", AuditOutcome),
        CheckConstraint('"sequence" > 0', name="sequence"),
        Index("AuditEvent_target_idx", "targetType", "targetId"),
        Index("AuditEvent_occurredAt_idx", "occurredAt"),
    )

    id: str = columns.text(key=True)
    organizationId: str | None = columns.text(to="Organization.id", required=False)
    chain: str = columns.text(to="AuditHead.chain")
    sequence: int = Field(sa_type=BigInteger)
    occurredAt: datetime = columns.time()
    actorId: str = columns.text()
    actorRole: str = columns.text()
    action: str = columns.text()
    targetType: str | None = columns.text(required=False)
    targetId: str | None = columns.text(required=False)
    clientId: str | None = columns.text(required=False)
    outcome: str = columns.text()
    changes: dict[str, Any] | None = columns.json()
    requestId: str = columns.text()
    keyId: str = columns.text(to="DataKey.id")
    previousMac: str = columns.text()
    mac: str = columns.text()
