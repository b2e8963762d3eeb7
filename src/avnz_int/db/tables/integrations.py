"""Reference data, and the integrations of both levels."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Column, Table, UniqueConstraint

from avnz_int.db import columns
from avnz_int.db.columns import metadata
from avnz_int.model.enums import (
    Category,
    DefinitionStatus,
    Environment,
    Mode,
    Status,
    TestResult,
)


def _previous_columns() -> tuple[Column[Any], ...]:
    """Replaced credentials, and what they were in force with."""
    return (
        columns.sealed("previousCredentials"),
        columns.text("previousCredentialsKeyId", to="DataKey.id", index=True, required=False),
        columns.time("previousCredentialsExpireAt", required=False),
        columns.json("previousSettings"),
        columns.text("previousEnvironment", required=False),
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


IntegrationDefinition = Table(
    "IntegrationDefinition",
    metadata,
    columns.text("id", key=True),
    columns.text("provider", unique=True),
    columns.text("category"),
    columns.text("name"),
    columns.text("description"),
    columns.text("logoUrl", required=False),
    columns.text("documentationUrl", required=False),
    columns.flag("isOrgOnly", default=False),
    columns.flag("isClientAllowed", default=True),
    columns.flag("isPlatformOffered", default=False),
    columns.json("credentialSchema", required=True),
    columns.json("settingsSchema"),
    columns.texts("requiredCompliance"),
    columns.text("status", default="active"),
    columns.time("createdAt"),
    columns.time("updatedAt"),
    columns.one_of("category", Category),
    columns.one_of("status", DefinitionStatus),
    CheckConstraint('NOT ("isOrgOnly" AND "isClientAllowed")', name="audience"),
)
"""Reference data of one provider, copied from its seed."""


PlatformIntegration = Table(
    "PlatformIntegration",
    metadata,
    columns.text("id", key=True),
    columns.text("organizationId", to="Organization.id"),
    columns.text("provider", to="IntegrationDefinition.provider"),
    columns.text("category"),
    columns.text("name"),
    columns.text("description", required=False),
    columns.sealed("credentials", required=True),
    columns.text("credentialsKeyId", to="DataKey.id", index=True, required=False),
    columns.time("credentialsUpdatedAt"),
    columns.json("credentialsFingerprints"),
    *_previous_columns(),
    columns.json("settings"),
    columns.text("environment", default="production"),
    columns.flag("isSharedWithClients", default=False),
    columns.flag("isDefaultForNewClients", default=False),
    columns.json("clientPricing"),
    columns.text("status", default="active"),
    columns.time("lastTestedAt", required=False),
    columns.text("lastTestResult", required=False),
    columns.text("errorMessage", required=False),
    *columns.stamps(),
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
"""The organization's credentials for one provider, perhaps shared with clients."""


ClientIntegration = Table(
    "ClientIntegration",
    metadata,
    columns.text("id", key=True),
    columns.text("clientId", to="Client.id"),
    columns.text("provider", to="IntegrationDefinition.provider"),
    columns.text("category"),
    columns.text("name"),
    columns.text("description", required=False),
    columns.text("mode"),
    columns.sealed("credentials"),
    columns.text("credentialsKeyId", to="DataKey.id", index=True, required=False),
    columns.time("credentialsUpdatedAt", required=False),
    columns.json("credentialsFingerprints"),
    *_previous_columns(),
    columns.text("platformIntegrationId", to="PlatformIntegration.id", index=True, required=False),
    columns.json("settings"),
    columns.text("environment", default="production"),
    columns.json("usageThisMonth"),
    columns.flag("isDefault", default=False),
    columns.number("priority", default=0),
    columns.text("status", default="pending"),
    columns.time("lastTestedAt", required=False),
    columns.text("lastTestResult", required=False),
    columns.text("errorMessage", required=False),
    columns.flag("isVerified", default=False),
    columns.time("verifiedAt", required=False),
    columns.text("verifiedBy", required=False),
    *columns.stamps(),
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
    columns.one_where('"isDefault"', "ClientIntegration_one_default", "clientId", "category", "environment"),
)
"""A client's integration: own credentials, or the platform's."""
