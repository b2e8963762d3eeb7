"""Prices, metered usage and bills.

What was once charged must outlive the integration it was charged for: these tables name integrations,
accounts and price versions by their ids without foreign keys. Only the client stays as long as they do.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, Table, UniqueConstraint

from avnz_int.db import columns
from avnz_int.db.columns import metadata
from avnz_int.model.enums import LineKind, UsageStatus, UsageType

PriceVersion = Table(
    "PriceVersion",
    metadata,
    columns.text("id", key=True),
    columns.text("organizationId", to="Organization.id"),
    columns.text("platformIntegrationId"),
    columns.text("clientId", to="Client.id", required=False),
    columns.text("percentageFee"),
    columns.number("flatFee", big=True),
    columns.number("monthlyMinimum", big=True),
    columns.text("currency"),
    columns.time("effectiveAt"),
    columns.time("createdAt"),
    columns.text("createdBy"),
    CheckConstraint('"flatFee" >= 0 AND "monthlyMinimum" >= 0', name="fees"),
    columns.one_where(
        '"clientId" IS NULL', "PriceVersion_for_all", "platformIntegrationId", "currency", "effectiveAt"
    ),
    columns.one_where(
        '"clientId" IS NOT NULL',
        "PriceVersion_for_one",
        "platformIntegrationId",
        "clientId",
        "currency",
        "effectiveAt",
    ),
)
"""What using a platform integration costs all clients, or one, from a time on; never changed.

    `percentageFee` is a decimal in text, per cent of the amount; the other fees are minor units.
    """


ActivationPeriod = Table(
    "ActivationPeriod",
    metadata,
    columns.text("id", key=True),
    columns.text("clientId", to="Client.id", index=True),
    columns.text("clientIntegrationId"),
    columns.text("platformIntegrationId"),
    columns.time("startedAt"),
    columns.time("endedAt", required=False),
    CheckConstraint('"endedAt" >= "startedAt"', name="order"),
    columns.one_where('"endedAt" IS NULL', "ActivationPeriod_one_open", "clientIntegrationId"),
    Index("ActivationPeriod_platform_idx", "platformIntegrationId", "clientId"),
)
"""A time in which a client had a platform-mode integration active; open while `endedAt` is null."""


UsageRecord = Table(
    "UsageRecord",
    metadata,
    columns.text("clientId", key=True, to="Client.id"),
    columns.text("type", key=True),
    columns.text("transactionId", key=True),
    columns.text("clientIntegrationId"),
    columns.text("platformIntegrationId", required=False),
    columns.text("merchantAccountId", required=False),
    columns.number("amount", big=True),
    columns.text("currency"),
    columns.time("occurredAt"),
    columns.text("status"),
    columns.text("refundOf", required=False),
    columns.text("priceVersionId", required=False),
    columns.text("billingMonth"),
    columns.time("recordedAt"),
    columns.one_of("type", UsageType),
    columns.one_of("status", UsageStatus),
    CheckConstraint('"amount" >= 0', name="amount"),
    Index("UsageRecord_month_idx", "billingMonth", "clientId"),
)
"""A transaction as it was reported; append-only, once for each client, type and transaction id.

    `amount` is minor units. `billingMonth` (`2026-11`) is the month that bills it: a later one where its own
    was closed already. Own-mode usage has no platform integration and costs nothing.
    """


BillingMonth = Table(
    "BillingMonth",
    metadata,
    columns.text("month", key=True),
    columns.text("organizationId", to="Organization.id"),
    columns.time("closedAt"),
    columns.text("closedBy"),
)
"""A month (`2026-11`) that was closed: its statements are final."""


Statement = Table(
    "Statement",
    metadata,
    columns.text("id", key=True),
    columns.text("organizationId", to="Organization.id"),
    columns.text("clientId", to="Client.id"),
    columns.text("platformIntegrationId"),
    columns.text("provider"),
    columns.text("name"),
    columns.text("month", to="BillingMonth.month", index=True),
    columns.text("currency"),
    columns.number("total", big=True),
    columns.json("feeSettings", required=True),
    columns.time("closedAt"),
    columns.text("closedBy"),
    UniqueConstraint("clientId", "platformIntegrationId", "month", "currency"),
)
"""What one client owes for one platform integration, month and currency; never changed.

    `total` is minor units; `feeSettings` are the price versions it was made with.
    """


StatementLine = Table(
    "StatementLine",
    metadata,
    columns.text("statementId", key=True, to="Statement.id"),
    columns.number("number", key=True),
    columns.text("kind"),
    columns.text("description"),
    columns.text("month"),
    columns.number("count", big=True),
    columns.number("volume", big=True),
    columns.number("amount", big=True),
    columns.text("priceVersionId", required=False),
    columns.one_of("kind", LineKind),
)
"""A line of a statement; `amount` and `volume` are minor units, the amounts add up to its total."""
