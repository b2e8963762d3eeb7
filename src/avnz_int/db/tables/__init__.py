"""The tables, with the names of the specification's Prisma models (`"PlatformIntegration"."organizationId"`).

Invariants stand here as constraints, not only in code (README, "Storage"). They are
SQLAlchemy Core tables: objects cost six times as much for many rows, and their classes half of a start-up.
"""

from __future__ import annotations

from avnz_int.db.columns import metadata
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
