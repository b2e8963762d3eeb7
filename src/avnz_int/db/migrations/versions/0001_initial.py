"""Tables of the first release."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from avnz_int.db.types import Json, Sealed, TextArray, Timestamp

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_CATEGORIES = (
    *("authentication", "payment_gateway", "email_transactional", "email_marketing", "sms", "voice"),
    *("push_notification", "ai_ml", "storage", "monitoring", "feature_flags", "webhook"),
)


def _stamps() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("createdAt", Timestamp(), nullable=False),
        sa.Column("updatedAt", Timestamp(), nullable=False),
        sa.Column("createdBy", sa.Text(), nullable=False),
        sa.Column("updatedBy", sa.Text(), nullable=True),
    )


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"{table}_{column}_fkey", ondelete="RESTRICT")


def _one_of(table: str, column: str, *words: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return sa.CheckConstraint(f'"{column}" IN ({listed})', name=f"{table}_{column}_check")


def _only_one(name: str, table: str, columns: list[str], *, where: str) -> None:
    predicate = sa.text(where)
    op.create_index(name, table, columns, unique=True, postgresql_where=predicate, sqlite_where=predicate)


def upgrade() -> None:
    _audit_head()
    _integration_definition()
    _organization()
    _client()
    _data_key()
    _audit_event()
    _company()
    _platform_integration()
    _client_integration()
    _merchant_account()


def _audit_head() -> None:
    op.create_table(
        "AuditHead",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name="AuditHead_pkey"),
        sa.CheckConstraint('"sequence" >= 0', name="AuditHead_sequence_check"),
    )


def _integration_definition() -> None:
    op.create_table(
        "IntegrationDefinition",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("logoUrl", sa.Text(), nullable=True),
        sa.Column("documentationUrl", sa.Text(), nullable=True),
        sa.Column("isOrgOnly", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("isClientAllowed", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("isPlatformOffered", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("credentialSchema", Json(), nullable=False),
        sa.Column("settingsSchema", Json(), nullable=True),
        sa.Column("requiredCompliance", TextArray(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="active"),
        sa.Column("createdAt", Timestamp(), nullable=False),
        sa.Column("updatedAt", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="IntegrationDefinition_pkey"),
        sa.UniqueConstraint("provider", name="IntegrationDefinition_provider_key"),
        _one_of("IntegrationDefinition", "category", *_CATEGORIES),
        _one_of("IntegrationDefinition", "status", "active", "beta", "deprecated"),
        sa.CheckConstraint(
            'NOT ("isOrgOnly" AND "isClientAllowed")', name="IntegrationDefinition_audience_check"
        ),
    )


def _organization() -> None:
    op.create_table(
        "Organization",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name="Organization_pkey"),
        sa.UniqueConstraint("slug", name="Organization_slug_key"),
    )


def _client() -> None:
    op.create_table(
        "Client",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organizationId", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="active"),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name="Client_pkey"),
        sa.UniqueConstraint("slug", name="Client_slug_key"),
        _refers("Client", "organizationId", "Organization.id"),
        _one_of("Client", "status", "active", "inactive"),
    )


def _data_key() -> None:
    op.create_table(
        "DataKey",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organizationId", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("wrappedKey", Json(), nullable=True),
        sa.Column("masterKeyId", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("sealCount", sa.BigInteger(), nullable=False),
        sa.Column("activatedAt", Timestamp(), nullable=False),
        sa.Column("retiredAt", Timestamp(), nullable=True),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name="DataKey_pkey"),
        _refers("DataKey", "organizationId", "Organization.id"),
        _one_of("DataKey", "purpose", "credentials", "audit", "fingerprint"),
        _one_of("DataKey", "status", "active", "decrypt_only", "retired"),
        sa.CheckConstraint(
            '("status" = \'retired\') = ("wrappedKey" IS NULL)', name="DataKey_material_check"
        ),
        sa.CheckConstraint('"sealCount" >= 0', name="DataKey_sealCount_check"),
    )
    _only_one("DataKey_one_active", "DataKey", ["organizationId", "purpose"], where="\"status\" = 'active'")


def _audit_event() -> None:
    op.create_table(
        "AuditEvent",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organizationId", sa.Text(), nullable=True),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("occurredAt", Timestamp(), nullable=False),
        sa.Column("actorId", sa.Text(), nullable=False),
        sa.Column("actorRole", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("targetType", sa.Text(), nullable=True),
        sa.Column("targetId", sa.Text(), nullable=True),
        sa.Column("clientId", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("changes", Json(), nullable=True),
        sa.Column("requestId", sa.Text(), nullable=False),
        sa.Column("keyId", sa.Text(), nullable=False),
        sa.Column("previousMac", sa.Text(), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="AuditEvent_pkey"),
        sa.UniqueConstraint("chain", "sequence", name="AuditEvent_chain_sequence_key"),
        _refers("AuditEvent", "organizationId", "Organization.id"),
        _refers("AuditEvent", "chain", "AuditHead.chain"),
        _refers("AuditEvent", "keyId", "DataKey.id"),
        _one_of("AuditEvent", "outcome", "success", "failure", "denied"),
        sa.CheckConstraint('"sequence" > 0', name="AuditEvent_sequence_check"),
    )
    op.create_index("AuditEvent_occurredAt_idx", "AuditEvent", ["occurredAt"])
    op.create_index("AuditEvent_target_idx", "AuditEvent", ["targetType", "targetId"])


def _company() -> None:
    op.create_table(
        "Company",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("clientId", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, server_default="active"),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name="Company_pkey"),
        sa.UniqueConstraint("slug", name="Company_slug_key"),
        _refers("Company", "clientId", "Client.id"),
        _one_of("Company", "status", "active", "inactive"),
    )


def _platform_integration() -> None:
    op.create_table(
        "PlatformIntegration",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organizationId", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("credentials", Sealed(), nullable=False),
        sa.Column("credentialsKeyId", sa.Text(), nullable=True),
        sa.Column("credentialsUpdatedAt", Timestamp(), nullable=False),
        sa.Column("settings", Json(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=False, server_default="production"),
        sa.Column("isSharedWithClients", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("clientPricing", Json(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False, server_default="active"),
        sa.Column("lastTestedAt", Timestamp(), nullable=True),
        sa.Column("lastTestResult", sa.Text(), nullable=True),
        sa.Column("errorMessage", sa.Text(), nullable=True),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name="PlatformIntegration_pkey"),
        sa.UniqueConstraint(
            "organizationId", "provider", name="PlatformIntegration_organizationId_provider_key"
        ),
        _refers("PlatformIntegration", "organizationId", "Organization.id"),
        _refers("PlatformIntegration", "provider", "IntegrationDefinition.provider"),
        _refers("PlatformIntegration", "credentialsKeyId", "DataKey.id"),
        _one_of("PlatformIntegration", "category", *_CATEGORIES),
        _one_of("PlatformIntegration", "environment", "sandbox", "production"),
        _one_of("PlatformIntegration", "status", "active", "inactive", "error"),
        _one_of("PlatformIntegration", "lastTestResult", "success", "failure"),
        sa.CheckConstraint(
            'NOT "isSharedWithClients" OR "clientPricing" IS NOT NULL',
            name="PlatformIntegration_pricing_check",
        ),
        sa.CheckConstraint(
            '("credentials" IS NULL) = ("credentialsKeyId" IS NULL)', name="PlatformIntegration_sealed_check"
        ),
    )
    op.create_index("PlatformIntegration_credentialsKeyId_idx", "PlatformIntegration", ["credentialsKeyId"])


def _client_integration() -> None:
    op.create_table(
        "ClientIntegration",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("clientId", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("credentials", Sealed(), nullable=True),
        sa.Column("credentialsKeyId", sa.Text(), nullable=True),
        sa.Column("credentialsUpdatedAt", Timestamp(), nullable=True),
        sa.Column("platformIntegrationId", sa.Text(), nullable=True),
        sa.Column("settings", Json(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=False, server_default="production"),
        sa.Column("usageThisMonth", Json(), nullable=True),
        sa.Column("isDefault", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("status", sa.Text(), nullable=False, server_default="pending"),
        sa.Column("lastTestedAt", Timestamp(), nullable=True),
        sa.Column("lastTestResult", sa.Text(), nullable=True),
        sa.Column("errorMessage", sa.Text(), nullable=True),
        sa.Column("isVerified", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("verifiedAt", Timestamp(), nullable=True),
        sa.Column("verifiedBy", sa.Text(), nullable=True),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name="ClientIntegration_pkey"),
        sa.UniqueConstraint(
            "clientId", "provider", "name", name="ClientIntegration_clientId_provider_name_key"
        ),
        _refers("ClientIntegration", "clientId", "Client.id"),
        _refers("ClientIntegration", "provider", "IntegrationDefinition.provider"),
        _refers("ClientIntegration", "credentialsKeyId", "DataKey.id"),
        _refers("ClientIntegration", "platformIntegrationId", "PlatformIntegration.id"),
        _one_of("ClientIntegration", "category", *_CATEGORIES),
        _one_of("ClientIntegration", "environment", "sandbox", "production"),
        _one_of("ClientIntegration", "mode", "own", "platform"),
        _one_of("ClientIntegration", "status", "pending", "active", "inactive", "error"),
        _one_of("ClientIntegration", "lastTestResult", "success", "failure"),
        sa.CheckConstraint(
            '("mode" = \'own\') = ("credentials" IS NOT NULL)', name="ClientIntegration_own_check"
        ),
        sa.CheckConstraint(
            '("mode" = \'platform\') = ("platformIntegrationId" IS NOT NULL)',
            name="ClientIntegration_platform_check",
        ),
        sa.CheckConstraint(
            '("credentials" IS NULL) = ("credentialsKeyId" IS NULL)', name="ClientIntegration_sealed_check"
        ),
        sa.CheckConstraint(
            '"isVerified" = ("verifiedAt" IS NOT NULL)', name="ClientIntegration_verified_check"
        ),
    )
    op.create_index("ClientIntegration_credentialsKeyId_idx", "ClientIntegration", ["credentialsKeyId"])
    _only_one(
        "ClientIntegration_one_default",
        "ClientIntegration",
        ["clientId", "category", "environment"],
        where='"isDefault"',
    )
    op.create_index(
        "ClientIntegration_platformIntegrationId_idx", "ClientIntegration", ["platformIntegrationId"]
    )


def _merchant_account() -> None:
    op.create_table(
        "MerchantAccount",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organizationId", sa.Text(), nullable=False),
        sa.Column("clientId", sa.Text(), nullable=True),
        sa.Column("clientIntegrationId", sa.Text(), nullable=True),
        sa.Column("platformIntegrationId", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False, server_default="production"),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False, server_default="pending"),
        sa.Column("externalReference", sa.Text(), nullable=True),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name="MerchantAccount_pkey"),
        sa.UniqueConstraint("clientIntegrationId", name="MerchantAccount_clientIntegrationId_key"),
        _refers("MerchantAccount", "organizationId", "Organization.id"),
        _refers("MerchantAccount", "clientId", "Client.id"),
        _refers("MerchantAccount", "clientIntegrationId", "ClientIntegration.id"),
        _refers("MerchantAccount", "platformIntegrationId", "PlatformIntegration.id"),
        _refers("MerchantAccount", "provider", "IntegrationDefinition.provider"),
        _one_of("MerchantAccount", "environment", "sandbox", "production"),
        _one_of("MerchantAccount", "status", "pending", "active", "inactive", "error", "closed"),
        sa.CheckConstraint(
            '"status" = \'closed\' OR "clientIntegrationId" IS NOT NULL OR "platformIntegrationId" IS NOT NULL',
            name="MerchantAccount_integration_check",
        ),
        sa.CheckConstraint(
            '"clientIntegrationId" IS NULL OR "clientId" IS NOT NULL', name="MerchantAccount_client_check"
        ),
    )
    op.create_index("MerchantAccount_clientId_idx", "MerchantAccount", ["clientId"])
    op.create_index("MerchantAccount_platformIntegrationId_idx", "MerchantAccount", ["platformIntegrationId"])
    _only_one(
        "MerchantAccount_platform_account",
        "MerchantAccount",
        ["platformIntegrationId"],
        where='"clientId" IS NULL',
    )
