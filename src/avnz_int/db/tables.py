"""The tables, with the names of the specification's Prisma models (`"PlatformIntegration"."organizationId"`).

Invariants stand here as constraints, not only in code (README, "Storage"). SQLModel classes are used for
their tables: reading and writing go through SQLAlchemy Core, which costs a sixth of objects for many rows.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, CheckConstraint, Column, Index, MetaData, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from avnz_int.db.types import Json, Sealed, TextArray, Timestamp
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

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


class Row(SQLModel):
    """Base of all tables."""

    metadata = metadata


def _one_of(column: str, words: type[StrEnum], *, among: tuple[str, ...] | None = None) -> CheckConstraint:
    """`column` holds one of the words of an enum."""
    listed = ", ".join(f"'{word}'" for word in (among or tuple(words)))
    return CheckConstraint(f'"{column}" IN ({listed})', name=column)


def _time(name: str, *, required: bool = True) -> Any:
    return Field(default=None, sa_column=Column(name, Timestamp(), nullable=not required))


def _json(name: str, *, required: bool = False) -> Any:
    return Field(default=None, sa_column=Column(name, Json(), nullable=not required))


def _sealed(name: str) -> Any:
    return Field(default=None, sa_column=Column(name, Sealed(), nullable=True))


def _text(
    *,
    key: bool = False,
    to: str | None = None,
    unique: bool = False,
    index: bool = False,
    required: bool = True,
    default: str | None = None,
) -> Any:
    given: dict[str, Any] = {
        "primary_key": key,
        "unique": unique,
        "index": index,
        "nullable": not required,
        "sa_type": Text,
    }
    if to:
        given |= {"foreign_key": to, "ondelete": "RESTRICT"}
    if default is not None:
        given |= {"default": default, "sa_column_kwargs": {"server_default": default}}
    elif not required:
        given["default"] = None
    return Field(**given)


def _flag(*, default: bool) -> Any:
    return Field(
        default=default,
        sa_column_kwargs={"server_default": sqlalchemy.true() if default else sqlalchemy.false()},
    )


class Organization(Row, table=True):
    """The platform itself."""

    __tablename__ = "Organization"

    id: str = _text(key=True)
    slug: str = _text(unique=True)
    name: str = _text()
    createdAt: datetime = _time("createdAt")
    updatedAt: datetime = _time("updatedAt")
    createdBy: str = _text()
    updatedBy: str | None = _text(required=False)


class Client(Row, table=True):
    """An agency: a customer of the organization."""

    __tablename__ = "Client"
    __table_args__ = (_one_of("status", Status, among=("active", "inactive")),)

    id: str = _text(key=True)
    organizationId: str = _text(to="Organization.id")
    slug: str = _text(unique=True)
    name: str = _text()
    status: str = _text(default="active")
    createdAt: datetime = _time("createdAt")
    updatedAt: datetime = _time("updatedAt")
    createdBy: str = _text()
    updatedBy: str | None = _text(required=False)


class Company(Row, table=True):
    """A customer of a client; it inherits all configuration."""

    __tablename__ = "Company"
    __table_args__ = (_one_of("status", Status, among=("active", "inactive")),)

    id: str = _text(key=True)
    clientId: str = _text(to="Client.id")
    slug: str = _text(unique=True)
    name: str = _text()
    status: str = _text(default="active")
    createdAt: datetime = _time("createdAt")
    updatedAt: datetime = _time("updatedAt")
    createdBy: str = _text()
    updatedBy: str | None = _text(required=False)


class IntegrationDefinition(Row, table=True):
    """Reference data of one provider, copied from its seed."""

    __tablename__ = "IntegrationDefinition"
    __table_args__ = (
        _one_of("category", Category),
        _one_of("status", DefinitionStatus),
        CheckConstraint('NOT ("isOrgOnly" AND "isClientAllowed")', name="audience"),
    )

    id: str = _text(key=True)
    provider: str = _text(unique=True)
    category: str = _text()
    name: str = _text()
    description: str = _text()
    logoUrl: str | None = _text(required=False)
    documentationUrl: str | None = _text(required=False)
    isOrgOnly: bool = _flag(default=False)
    isClientAllowed: bool = _flag(default=True)
    isPlatformOffered: bool = _flag(default=False)
    credentialSchema: dict[str, Any] = _json("credentialSchema", required=True)
    settingsSchema: dict[str, Any] | None = _json("settingsSchema")
    requiredCompliance: list[str] = Field(sa_column=Column("requiredCompliance", TextArray(), nullable=False))
    status: str = _text(default="active")
    createdAt: datetime = _time("createdAt")
    updatedAt: datetime = _time("updatedAt")


class PlatformIntegration(Row, table=True):
    """The organization's credentials for one provider, perhaps shared with clients."""

    __tablename__ = "PlatformIntegration"
    __table_args__ = (
        UniqueConstraint("organizationId", "provider"),
        _one_of("category", Category),
        _one_of("environment", Environment),
        _one_of("status", Status, among=("active", "inactive", "error")),
        _one_of("lastTestResult", TestResult),
        CheckConstraint('NOT "isSharedWithClients" OR "clientPricing" IS NOT NULL', name="pricing"),
        CheckConstraint('("credentials" IS NULL) = ("credentialsKeyId" IS NULL)', name="sealed"),
    )

    id: str = _text(key=True)
    organizationId: str = _text(to="Organization.id")
    provider: str = _text(to="IntegrationDefinition.provider")
    category: str = _text()
    name: str = _text()
    description: str | None = _text(required=False)
    credentials: Any = Field(sa_column=Column("credentials", Sealed(), nullable=False))
    credentialsKeyId: str | None = _text(to="DataKey.id", index=True, required=False)
    credentialsUpdatedAt: datetime = _time("credentialsUpdatedAt")
    settings: dict[str, Any] | None = _json("settings")
    environment: str = _text(default="production")
    isSharedWithClients: bool = _flag(default=False)
    clientPricing: dict[str, Any] | None = _json("clientPricing")
    status: str = _text(default="active")
    lastTestedAt: datetime | None = _time("lastTestedAt", required=False)
    lastTestResult: str | None = _text(required=False)
    errorMessage: str | None = _text(required=False)
    createdAt: datetime = _time("createdAt")
    updatedAt: datetime = _time("updatedAt")
    createdBy: str = _text()
    updatedBy: str | None = _text(required=False)


class ClientIntegration(Row, table=True):
    """A client's integration: own credentials, or the platform's."""

    __tablename__ = "ClientIntegration"
    __table_args__ = (
        UniqueConstraint("clientId", "provider", "name"),
        _one_of("category", Category),
        _one_of("environment", Environment),
        _one_of("mode", Mode),
        _one_of("status", Status),
        _one_of("lastTestResult", TestResult),
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

    id: str = _text(key=True)
    clientId: str = _text(to="Client.id")
    provider: str = _text(to="IntegrationDefinition.provider")
    category: str = _text()
    name: str = _text()
    description: str | None = _text(required=False)
    mode: str = _text()
    credentials: Any = _sealed("credentials")
    credentialsKeyId: str | None = _text(to="DataKey.id", index=True, required=False)
    credentialsUpdatedAt: datetime | None = _time("credentialsUpdatedAt", required=False)
    platformIntegrationId: str | None = _text(to="PlatformIntegration.id", index=True, required=False)
    settings: dict[str, Any] | None = _json("settings")
    environment: str = _text(default="production")
    usageThisMonth: dict[str, Any] | None = _json("usageThisMonth")
    isDefault: bool = _flag(default=False)
    priority: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    status: str = _text(default="pending")
    lastTestedAt: datetime | None = _time("lastTestedAt", required=False)
    lastTestResult: str | None = _text(required=False)
    errorMessage: str | None = _text(required=False)
    isVerified: bool = _flag(default=False)
    verifiedAt: datetime | None = _time("verifiedAt", required=False)
    verifiedBy: str | None = _text(required=False)
    createdAt: datetime = _time("createdAt")
    updatedAt: datetime = _time("updatedAt")
    createdBy: str = _text()
    updatedBy: str | None = _text(required=False)


class MerchantAccount(Row, table=True):
    """What payment processing sees of a payment-gateway integration; kept in step with it."""

    __tablename__ = "MerchantAccount"
    __table_args__ = (
        _one_of("environment", Environment),
        _one_of("status", AccountStatus),
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

    id: str = _text(key=True)
    organizationId: str = _text(to="Organization.id")
    clientId: str | None = _text(to="Client.id", index=True, required=False)
    clientIntegrationId: str | None = _text(to="ClientIntegration.id", unique=True, required=False)
    platformIntegrationId: str | None = _text(to="PlatformIntegration.id", index=True, required=False)
    provider: str = _text(to="IntegrationDefinition.provider")
    name: str = _text()
    environment: str = _text(default="production")
    currency: str | None = _text(required=False)
    status: str = _text(default="pending")
    externalReference: str | None = _text(required=False)
    createdAt: datetime = _time("createdAt")
    updatedAt: datetime = _time("updatedAt")
    createdBy: str = _text()
    updatedBy: str | None = _text(required=False)


class DataKey(Row, table=True):
    """A data key, wrapped by a master key of the keyring; `retired` ones have no material left."""

    __tablename__ = "DataKey"
    __table_args__ = (
        _one_of("purpose", KeyPurpose),
        _one_of("status", KeyStatus),
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

    id: str = _text(key=True)
    organizationId: str = _text(to="Organization.id")
    purpose: str = _text()
    wrappedKey: dict[str, Any] | None = _json("wrappedKey")
    masterKeyId: str = _text()
    status: str = _text()
    sealCount: int = Field(default=0, sa_type=BigInteger)
    activatedAt: datetime = _time("activatedAt")
    retiredAt: datetime | None = _time("retiredAt", required=False)
    createdAt: datetime = _time("createdAt")
    updatedAt: datetime = _time("updatedAt")
    createdBy: str = _text()
    updatedBy: str | None = _text(required=False)


class AuditHead(Row, table=True):
    """The end of one audit chain; every writing transaction locks it first."""

    __tablename__ = "AuditHead"
    __table_args__ = (CheckConstraint('"sequence" >= 0', name="sequence"),)

    chain: str = _text(key=True)
    sequence: int = Field(sa_type=BigInteger)
    mac: str = _text()


class AuditEvent(Row, table=True):
    """One recorded deed; append-only."""

    __tablename__ = "AuditEvent"
    __table_args__ = (
        UniqueConstraint("chain", "sequence"),
        _one_of("outcome", AuditOutcome),
        CheckConstraint('"sequence" > 0', name="sequence"),
        Index("AuditEvent_target_idx", "targetType", "targetId"),
        Index("AuditEvent_occurredAt_idx", "occurredAt"),
    )

    id: str = _text(key=True)
    organizationId: str | None = _text(to="Organization.id", required=False)
    chain: str = _text(to="AuditHead.chain")
    sequence: int = Field(sa_type=BigInteger)
    occurredAt: datetime = _time("occurredAt")
    actorId: str = _text()
    actorRole: str = _text()
    action: str = _text()
    targetType: str | None = _text(required=False)
    targetId: str | None = _text(required=False)
    clientId: str | None = _text(required=False)
    outcome: str = _text()
    changes: dict[str, Any] | None = _json("changes")
    requestId: str = _text()
    keyId: str = _text(to="DataKey.id")
    previousMac: str = _text()
    mac: str = _text()
