"""The tables, with the names of the specification's Prisma models (`"PlatformIntegration"."organizationId"`).

Invariants stand here as constraints, not only in code (README, "Storage"). SQLModel classes are used for
their tables: reading and writing go through SQLAlchemy Core, which costs a sixth of objects for many rows.
"""

from __future__ import annotations

from avnz_int.db.columns import Row
from avnz_int.db.tables.billing import (
    ActivationPeriod,
    BillingMonth,
    PriceVersion,
    Statement,
    StatementLine,
    UsageRecord,
)
from avnz_int.db.tables.integrations import ClientIntegration, IntegrationDefinition, PlatformIntegration
from avnz_int.db.tables.payments import AccountPool, AccountPoolMember, MerchantAccount
from avnz_int.db.tables.tenants import Client, Company, Organization, Token
from avnz_int.db.tables.trust import AuditEvent, AuditHead, DataKey

__all__ = [
    "AccountPool",
    "AccountPoolMember",
    "ActivationPeriod",
    "AuditEvent",
    "AuditHead",
    "BillingMonth",
    "Client",
    "ClientIntegration",
    "Company",
    "DataKey",
    "IntegrationDefinition",
    "MerchantAccount",
    "Organization",
    "PlatformIntegration",
    "PriceVersion",
    "Statement",
    "StatementLine",
    "Token",
    "UsageRecord",
    "metadata",
]

metadata = Row.metadata
"""Every table."""
