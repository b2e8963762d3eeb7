"""What payment processing sees: accounts and the pools that order them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from avnz_int.db import columns
from avnz_int.db.columns import Row
from avnz_int.db.types import TextArray
from avnz_int.model.enums import (
    AccountStatus,
    Environment,
    PoolStrategy,
)


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


class AccountPool(Row, table=True):
    """Merchant accounts of one client (or, without one, of the platform) that take its transactions."""

    __tablename__ = "AccountPool"
    __table_args__ = (
        columns.one_of("environment", Environment),
        columns.one_of("strategy", PoolStrategy),
        UniqueConstraint("clientId", "name"),
        Index(
            "AccountPool_platform_name",
            "name",
            unique=True,
            postgresql_where=text('"clientId" IS NULL'),
            sqlite_where=text('"clientId" IS NULL'),
        ),
    )

    id: str = columns.text(key=True)
    organizationId: str = columns.text(to="Organization.id")
    clientId: str | None = columns.text(to="Client.id", required=False)
    name: str = columns.text()
    environment: str = columns.text(default="production")
    strategy: str = columns.text(default="priority")
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)


class AccountPoolMember(Row, table=True):
    """A merchant account in a pool; limits are minor units of `limitCurrency`, no currencies means all."""

    __tablename__ = "AccountPoolMember"
    __table_args__ = (
        UniqueConstraint("poolId", "merchantAccountId"),
        CheckConstraint('"priority" >= 0', name="priority"),
        CheckConstraint('"weight" >= 0', name="weight"),
        CheckConstraint('"transactionLimit" > 0', name="transactionLimit"),
        CheckConstraint('"monthlyLimit" > 0', name="monthlyLimit"),
        CheckConstraint(
            '"limitCurrency" IS NOT NULL OR ("transactionLimit" IS NULL AND "monthlyLimit" IS NULL)',
            name="limitCurrency",
        ),
    )

    id: str = columns.text(key=True)
    poolId: str = columns.text(to="AccountPool.id")
    merchantAccountId: str = columns.text(to="MerchantAccount.id", index=True)
    priority: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    weight: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    transactionLimit: int | None = Field(default=None, sa_type=BigInteger)
    monthlyLimit: int | None = Field(default=None, sa_type=BigInteger)
    limitCurrency: str | None = columns.text(required=False)
    currencies: list[str] = Field(sa_type=TextArray, nullable=False)
    createdAt: datetime = columns.time()
    updatedAt: datetime = columns.time()
    createdBy: str = columns.text()
    updatedBy: str | None = columns.text(required=False)
