"""Account pools, price versions, metered usage and bills."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from avnz_int.db.types import Json, TextArray, Timestamp

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("PlatformIntegration") as batch:
        batch.add_column(
            sa.Column("isDefaultForNewClients", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch.create_check_constraint(
            "PlatformIntegration_newClients_check", 'NOT "isDefaultForNewClients" OR "isSharedWithClients"'
        )
    _billing_month()
    _account_pool()
    _activation_period()
    _price_version()
    _statement()
    _usage_record()
    _statement_line()
    _account_pool_member()
    _first_prices()
    _first_periods()


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"{table}_{column}_fkey", ondelete="RESTRICT")


def _only_one(name: str, table: str, columns: list[str], *, where: str) -> None:
    predicate = sa.text(where)
    op.create_index(name, table, columns, unique=True, postgresql_where=predicate, sqlite_where=predicate)


def _billing_month() -> None:
    op.create_table(
        "BillingMonth",
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("organizationId", sa.Text(), nullable=False),
        sa.Column("closedAt", Timestamp(), nullable=False),
        sa.Column("closedBy", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("month", name="BillingMonth_pkey"),
        _refers("BillingMonth", "organizationId", "Organization.id"),
    )


def _account_pool() -> None:
    op.create_table(
        "AccountPool",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organizationId", sa.Text(), nullable=False),
        sa.Column("clientId", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False, server_default="production"),
        sa.Column("strategy", sa.Text(), nullable=False, server_default="priority"),
        sa.Column("createdAt", Timestamp(), nullable=False),
        sa.Column("updatedAt", Timestamp(), nullable=False),
        sa.Column("createdBy", sa.Text(), nullable=False),
        sa.Column("updatedBy", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="AccountPool_pkey"),
        sa.CheckConstraint(
            "\"environment\" IN ('sandbox', 'production')", name="AccountPool_environment_check"
        ),
        sa.CheckConstraint("\"strategy\" IN ('priority', 'weighted')", name="AccountPool_strategy_check"),
        _refers("AccountPool", "clientId", "Client.id"),
        _refers("AccountPool", "organizationId", "Organization.id"),
        sa.UniqueConstraint("clientId", "name", name="AccountPool_clientId_name_key"),
    )
    _only_one("AccountPool_platform_name", "AccountPool", ["name"], where='"clientId" IS NULL')


def _activation_period() -> None:
    op.create_table(
        "ActivationPeriod",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("clientId", sa.Text(), nullable=False),
        sa.Column("clientIntegrationId", sa.Text(), nullable=False),
        sa.Column("platformIntegrationId", sa.Text(), nullable=False),
        sa.Column("startedAt", Timestamp(), nullable=False),
        sa.Column("endedAt", Timestamp(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="ActivationPeriod_pkey"),
        sa.CheckConstraint('"endedAt" >= "startedAt"', name="ActivationPeriod_order_check"),
        _refers("ActivationPeriod", "clientId", "Client.id"),
    )
    op.create_index("ActivationPeriod_clientId_idx", "ActivationPeriod", ["clientId"])
    _only_one(
        "ActivationPeriod_one_open", "ActivationPeriod", ["clientIntegrationId"], where='"endedAt" IS NULL'
    )
    op.create_index(
        "ActivationPeriod_platform_idx", "ActivationPeriod", ["platformIntegrationId", "clientId"]
    )


def _price_version() -> None:
    op.create_table(
        "PriceVersion",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organizationId", sa.Text(), nullable=False),
        sa.Column("platformIntegrationId", sa.Text(), nullable=False),
        sa.Column("clientId", sa.Text(), nullable=True),
        sa.Column("percentageFee", sa.Text(), nullable=False),
        sa.Column("flatFee", sa.BigInteger(), nullable=False),
        sa.Column("monthlyMinimum", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("effectiveAt", Timestamp(), nullable=False),
        sa.Column("createdAt", Timestamp(), nullable=False),
        sa.Column("createdBy", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="PriceVersion_pkey"),
        sa.CheckConstraint('"flatFee" >= 0 AND "monthlyMinimum" >= 0', name="PriceVersion_fees_check"),
        _refers("PriceVersion", "clientId", "Client.id"),
        _refers("PriceVersion", "organizationId", "Organization.id"),
    )
    _only_one(
        "PriceVersion_for_all",
        "PriceVersion",
        ["platformIntegrationId", "currency", "effectiveAt"],
        where='"clientId" IS NULL',
    )
    _only_one(
        "PriceVersion_for_one",
        "PriceVersion",
        ["platformIntegrationId", "clientId", "currency", "effectiveAt"],
        where='"clientId" IS NOT NULL',
    )


def _statement() -> None:
    op.create_table(
        "Statement",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organizationId", sa.Text(), nullable=False),
        sa.Column("clientId", sa.Text(), nullable=False),
        sa.Column("platformIntegrationId", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("feeSettings", Json(), nullable=False),
        sa.Column("closedAt", Timestamp(), nullable=False),
        sa.Column("closedBy", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="Statement_pkey"),
        _refers("Statement", "clientId", "Client.id"),
        _refers("Statement", "month", "BillingMonth.month"),
        _refers("Statement", "organizationId", "Organization.id"),
        sa.UniqueConstraint(
            "clientId",
            "platformIntegrationId",
            "month",
            "currency",
            name="Statement_clientId_platformIntegrationId_month_currency_key",
        ),
    )
    op.create_index("Statement_month_idx", "Statement", ["month"])


def _usage_record() -> None:
    op.create_table(
        "UsageRecord",
        sa.Column("clientId", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("transactionId", sa.Text(), nullable=False),
        sa.Column("clientIntegrationId", sa.Text(), nullable=False),
        sa.Column("platformIntegrationId", sa.Text(), nullable=True),
        sa.Column("merchantAccountId", sa.Text(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("occurredAt", Timestamp(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("refundOf", sa.Text(), nullable=True),
        sa.Column("priceVersionId", sa.Text(), nullable=True),
        sa.Column("billingMonth", sa.Text(), nullable=False),
        sa.Column("recordedAt", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("clientId", "type", "transactionId", name="UsageRecord_pkey"),
        sa.CheckConstraint('"amount" >= 0', name="UsageRecord_amount_check"),
        sa.CheckConstraint("\"status\" IN ('approved', 'declined')", name="UsageRecord_status_check"),
        sa.CheckConstraint("\"type\" IN ('charge', 'refund', 'void')", name="UsageRecord_type_check"),
        _refers("UsageRecord", "clientId", "Client.id"),
    )
    op.create_index("UsageRecord_month_idx", "UsageRecord", ["billingMonth", "clientId"])


def _statement_line() -> None:
    op.create_table(
        "StatementLine",
        sa.Column("statementId", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("priceVersionId", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("statementId", "number", name="StatementLine_pkey"),
        sa.CheckConstraint(
            "\"kind\" IN ('percentage', 'flat', 'minimum', 'correction')", name="StatementLine_kind_check"
        ),
        _refers("StatementLine", "statementId", "Statement.id"),
    )


def _account_pool_member() -> None:
    op.create_table(
        "AccountPoolMember",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("poolId", sa.Text(), nullable=False),
        sa.Column("merchantAccountId", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("weight", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("transactionLimit", sa.BigInteger(), nullable=True),
        sa.Column("monthlyLimit", sa.BigInteger(), nullable=True),
        sa.Column("limitCurrency", sa.Text(), nullable=True),
        sa.Column("currencies", TextArray(), nullable=False),
        sa.Column("createdAt", Timestamp(), nullable=False),
        sa.Column("updatedAt", Timestamp(), nullable=False),
        sa.Column("createdBy", sa.Text(), nullable=False),
        sa.Column("updatedBy", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="AccountPoolMember_pkey"),
        sa.CheckConstraint(
            '"limitCurrency" IS NOT NULL OR ("transactionLimit" IS NULL AND "monthlyLimit" IS NULL)',
            name="AccountPoolMember_limitCurrency_check",
        ),
        sa.CheckConstraint('"monthlyLimit" > 0', name="AccountPoolMember_monthlyLimit_check"),
        sa.CheckConstraint('"priority" >= 0', name="AccountPoolMember_priority_check"),
        sa.CheckConstraint('"transactionLimit" > 0', name="AccountPoolMember_transactionLimit_check"),
        sa.CheckConstraint('"weight" >= 0', name="AccountPoolMember_weight_check"),
        _refers("AccountPoolMember", "merchantAccountId", "MerchantAccount.id"),
        _refers("AccountPoolMember", "poolId", "AccountPool.id"),
        sa.UniqueConstraint(
            "poolId", "merchantAccountId", name="AccountPoolMember_poolId_merchantAccountId_key"
        ),
    )
    op.create_index("AccountPoolMember_merchantAccountId_idx", "AccountPoolMember", ["merchantAccountId"])


def _first_prices() -> None:
    """What is shared has had its price since it was made, as far as anybody knows."""
    platform = _table("PlatformIntegration", Json(), "clientPricing", "isSharedWithClients")
    price = sa.table(
        "PriceVersion",
        *(sa.column(name) for name in ("id", "organizationId", "platformIntegrationId", "percentageFee")),
        *(sa.column(name) for name in ("flatFee", "monthlyMinimum", "currency", "createdBy")),
        *(sa.column(name, Timestamp()) for name in ("effectiveAt", "createdAt")),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(platform).where(platform.c.isSharedWithClients)).mappings().all():
        pricing: dict[str, Any] = row["clientPricing"]
        connection.execute(
            sa.insert(price).values(
                id=row["id"],
                organizationId=row["organizationId"],
                platformIntegrationId=row["id"],
                percentageFee=json.dumps(pricing["percentageFee"]),
                flatFee=pricing["flatFee"],
                monthlyMinimum=pricing["monthlyMinimum"],
                currency=pricing.get("currency", "USD"),
                effectiveAt=row["createdAt"],
                createdAt=row["updatedAt"],
                createdBy=row["createdBy"],
            )
        )


def _first_periods() -> None:
    """Who uses the platform's credentials has done so since the integration was made."""
    client = _table("ClientIntegration", sa.Text(), "clientId", "platformIntegrationId", "mode", "status")
    period = sa.table(
        "ActivationPeriod",
        *(sa.column(name) for name in ("id", "clientId", "clientIntegrationId", "platformIntegrationId")),
        sa.column("startedAt", Timestamp()),
    )
    used = sa.select(
        client.c.id, client.c.clientId, client.c.id, client.c.platformIntegrationId, client.c.createdAt
    ).where(client.c.mode == "platform", client.c.status == "active")
    op.get_bind().execute(sa.insert(period).from_select([column.name for column in period.c], used))


def _table(name: str, kind: Any, *columns: str) -> sa.TableClause:
    return sa.table(
        name,
        *(sa.column(one) for one in ("id", "organizationId", "createdBy")),
        *(sa.column(one, Timestamp()) for one in ("createdAt", "updatedAt")),
        *(sa.column(one, kind) for one in columns),
    )
