"""What payment processing sees: accounts and the pools that order them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Table, UniqueConstraint

from avnz_int.db import columns
from avnz_int.db.columns import metadata
from avnz_int.model.enums import (
    AccountStatus,
    Environment,
    PoolStrategy,
)

MerchantAccount = Table(
    "MerchantAccount",
    metadata,
    columns.text("id", key=True),
    columns.text("organizationId", to="Organization.id"),
    columns.text("clientId", to="Client.id", index=True, required=False),
    columns.text("clientIntegrationId", to="ClientIntegration.id", unique=True, required=False),
    columns.text("platformIntegrationId", to="PlatformIntegration.id", index=True, required=False),
    columns.text("provider", to="IntegrationDefinition.provider"),
    columns.text("name"),
    columns.text("environment", default="production"),
    columns.text("currency", required=False),
    columns.text("status", default="pending"),
    columns.text("externalReference", required=False),
    *columns.stamps(),
    columns.one_of("environment", Environment),
    columns.one_of("status", AccountStatus),
    CheckConstraint(
        '"status" = \'closed\' OR "clientIntegrationId" IS NOT NULL OR "platformIntegrationId" IS NOT NULL',
        name="integration",
    ),
    CheckConstraint('"clientIntegrationId" IS NULL OR "clientId" IS NOT NULL', name="client"),
    columns.one_where('"clientId" IS NULL', "MerchantAccount_platform_account", "platformIntegrationId"),
)
"""What payment processing sees of a payment-gateway integration; kept in step with it."""


AccountPool = Table(
    "AccountPool",
    metadata,
    columns.text("id", key=True),
    columns.text("organizationId", to="Organization.id"),
    columns.text("clientId", to="Client.id", required=False),
    columns.text("name"),
    columns.text("environment", default="production"),
    columns.text("strategy", default="priority"),
    *columns.stamps(),
    columns.one_of("environment", Environment),
    columns.one_of("strategy", PoolStrategy),
    UniqueConstraint("clientId", "name"),
    columns.one_where('"clientId" IS NULL', "AccountPool_platform_name", "name"),
)
"""Merchant accounts of one client (or, without one, of the platform) that take its transactions."""


AccountPoolMember = Table(
    "AccountPoolMember",
    metadata,
    columns.text("id", key=True),
    columns.text("poolId", to="AccountPool.id"),
    columns.text("merchantAccountId", to="MerchantAccount.id", index=True),
    columns.number("priority", default=0),
    columns.number("weight", default=1),
    columns.number("transactionLimit", big=True, required=False),
    columns.number("monthlyLimit", big=True, required=False),
    columns.text("limitCurrency", required=False),
    columns.texts("currencies"),
    *columns.stamps(),
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
"""A merchant account in a pool; limits are minor units of `limitCurrency`, no currencies means all."""
