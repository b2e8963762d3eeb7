"""Prices, metered usage and bills.

What was once charged must outlive the integration it was charged for: these tables name integrations,
accounts and price versions by their ids without foreign keys. Only the client stays as long as they do.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from avnz_int.db import columns
from avnz_int.db.columns import Row
from avnz_int.model.enums import LineKind, UsageStatus, UsageType


class PriceVersion(Row, table=True):
    """What using a platform integration costs all clients, or one, from a time on; never changed.

    `percentageFee` is a decimal in text, per cent of the amount; the other fees are minor units.
    """

    __tablename__ = "PriceVersion"
    __table_args__ = (
        CheckConstraint('"flatFee" >= 0 AND "monthlyMinimum" >= 0', name="fees"),
        Index(
            "PriceVersion_for_all",
            "platformIntegrationId",
            "currency",
            "effectiveAt",
            unique=True,
            postgresql_where=text('"clientId" IS NULL'),
            sqlite_where=text('"clientId" IS NULL'),
        ),
        Index(
            "PriceVersion_for_one",
            "platformIntegrationId",
            "clientId",
            "currency",
            "effectiveAt",
            unique=True,
            postgresql_where=text('"clientId" IS NOT NULL'),
            sqlite_where=text('"clientId" IS NOT NULL'),
        ),
    )

    id: str = columns.text(key=True)
    organizationId: str = columns.text(to="Organization.id")
    platformIntegrationId: str = columns.text()
    clientId: str | None = columns.text(to="Client.id", required=False)
    percentageFee: str = columns.text()
    flatFee: int = Field(sa_type=BigInteger)
    monthlyMinimum: int = Field(sa_type=BigInteger)
    currency: str = columns.text()
    effectiveAt: datetime = columns.time()
    createdAt: datetime = columns.time()
    createdBy: str = columns.text()


class ActivationPeriod(Row, table=True):
    """A time in which a client had a platform-mode integration active; open while `endedAt` is null."""

    __tablename__ = "ActivationPeriod"
    __table_args__ = (
        CheckConstraint('"endedAt" >= "startedAt"', name="order"),
        Index(
            "ActivationPeriod_one_open",
            "clientIntegrationId",
            unique=True,
            postgresql_where=text('"endedAt" IS NULL'),
            sqlite_where=text('"endedAt" IS NULL'),
        ),
        Index("ActivationPeriod_platform_idx", "platformIntegrationId", "clientId"),
    )

    id: str = columns.text(key=True)
    clientId: str = columns.text(to="Client.id", index=True)
    clientIntegrationId: str = columns.text()
    platformIntegrationId: str = columns.text()
    startedAt: datetime = columns.time()
    endedAt: datetime | None = columns.time(required=False)


class UsageRecord(Row, table=True):
    """A transaction as it was reported; append-only, once for each client, type and transaction id.

    `amount` is minor units. `billingMonth` (`2026-11`) is the month that bills it: a later one where its own
    was closed already. Own-mode usage has no platform integration and costs nothing.
    """

    __tablename__ = "UsageRecord"
    __table_args__ = (
        columns.one_of("type", UsageType),
        columns.one_of("status", UsageStatus),
        CheckConstraint('"amount" >= 0', name="amount"),
        Index("UsageRecord_month_idx", "billingMonth", "clientId"),
    )

    clientId: str = columns.text(key=True, to="Client.id")
    type: str = columns.text(key=True)
    transactionId: str = columns.text(key=True)
    clientIntegrationId: str = columns.text()
    platformIntegrationId: str | None = columns.text(required=False)
    merchantAccountId: str | None = columns.text(required=False)
    amount: int = Field(sa_type=BigInteger)
    currency: str = columns.text()
    occurredAt: datetime = columns.time()
    status: str = columns.text()
    refundOf: str | None = columns.text(required=False)
    priceVersionId: str | None = columns.text(required=False)
    billingMonth: str = columns.text()
    recordedAt: datetime = columns.time()


class BillingMonth(Row, table=True):
    """A month (`2026-11`) that was closed: its statements are final."""

    __tablename__ = "BillingMonth"

    month: str = columns.text(key=True)
    organizationId: str = columns.text(to="Organization.id")
    closedAt: datetime = columns.time()
    closedBy: str = columns.text()


class Statement(Row, table=True):
    """What one client owes for one platform integration, month and currency; never changed.

    `total` is minor units; `feeSettings` are the price versions it was made with.
    """

    __tablename__ = "Statement"
    __table_args__ = (UniqueConstraint("clientId", "platformIntegrationId", "month", "currency"),)

    id: str = columns.text(key=True)
    organizationId: str = columns.text(to="Organization.id")
    clientId: str = columns.text(to="Client.id")
    platformIntegrationId: str = columns.text()
    provider: str = columns.text()
    name: str = columns.text()
    month: str = columns.text(to="BillingMonth.month", index=True)
    currency: str = columns.text()
    total: int = Field(sa_type=BigInteger)
    feeSettings: dict[str, Any] = columns.json(required=True)
    closedAt: datetime = columns.time()
    closedBy: str = columns.text()


class StatementLine(Row, table=True):
    """A line of a statement; `amount` and `volume` are minor units, the amounts add up to its total."""

    __tablename__ = "StatementLine"
    __table_args__ = (columns.one_of("kind", LineKind),)

    statementId: str = columns.text(key=True, to="Statement.id")
    number: int = Field(primary_key=True)
    kind: str = columns.text()
    description: str = columns.text()
    month: str = columns.text()
    count: int = Field(sa_type=BigInteger)
    volume: int = Field(sa_type=BigInteger)
    amount: int = Field(sa_type=BigInteger)
    priceVersionId: str | None = columns.text(required=False)
