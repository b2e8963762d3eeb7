"""Sums of UsageRecord by day: what was settled, refunded and voided in platform mode."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    String,
    and_,
    case,
    cast,
    func,
    literal_column,
    select,
)

from avnz_int.db import rows, usage
from avnz_int.db.rows import Row
from avnz_int.db.usage import USAGE
from avnz_int.model.enums import UsageStatus, UsageType


def charges(
    connection: Connection, start: datetime, end: datetime, rates: Mapping[str, int], client_id: str | None
) -> list[Row]:
    """Approved charges, voided ones too, by `day`, client, currency and price version.

    `count`, `volume`, and `percentage`, the sum of the percentage fees of each; `rates` as `usage.charges`.
    """
    during = (start, end)
    return _charges(connection, USAGE, USAGE.c.occurredAt, during, rates, client_id)


def voided(
    connection: Connection, start: datetime, end: datetime, rates: Mapping[str, int], client_id: str | None
) -> list[Row]:
    """As `charges`, of the charges that were voided in this time, on the day of the void.

    Of several voids of a charge the first one counts, whatever integration was named with it.
    """
    void = (
        select(USAGE.c.clientId, USAGE.c.refundOf, func.min(USAGE.c.occurredAt).label("occurredAt"))
        .where(_approved(USAGE, UsageType.VOID, anywhere=True))
        .group_by(USAGE.c.clientId, USAGE.c.refundOf)
    )
    if client_id is not None:
        void = void.where(USAGE.c.clientId == client_id)
    first = void.subquery("void")
    c = USAGE.c
    joined = USAGE.join(first, and_(first.c.clientId == c.clientId, first.c.refundOf == c.transactionId))
    return _charges(connection, joined, first.c.occurredAt, (start, end), rates, client_id)


def _charges(
    connection: Connection,
    source: Any,
    time: Any,
    during: tuple[datetime, datetime],
    rates: Mapping[str, int],
    client_id: str | None,
) -> list[Row]:
    c = USAGE.c
    price, rate = usage.rates_table(connection, rates)
    return _counted(
        connection,
        source.outerjoin(price, price.c.key == c.priceVersionId),
        (_day(connection, time), c.clientId, c.currency, c.priceVersionId),
        _approved(USAGE, UsageType.CHARGE),
        during,
        client_id,
        time,
        usage.sum_of(usage.fee_of(c.amount, rate)).label("percentage"),
    )


def refunds(connection: Connection, start: datetime, end: datetime, client_id: str | None) -> list[Row]:
    """Approved refunds and voids by `day`, client, currency and `type`: `count` and `volume`.

    `unmatched` tells that their charge is not recorded, `over` that all refunds of it are more than it was.
    They are of the integration of their charge, whatever was named with them, as bills have it; what has no
    charge is of its own.
    """
    c, charge = USAGE.c, USAGE.alias("charge")
    given = (
        select(c.clientId, c.refundOf, func.sum(c.amount).label("amount"))
        .where(_approved(USAGE, UsageType.REFUND, anywhere=True))
        .group_by(c.clientId, c.refundOf)
        .subquery("given")
    )
    joined = USAGE.outerjoin(
        charge,
        and_(
            charge.c.clientId == c.clientId,
            charge.c.transactionId == c.refundOf,
            charge.c.type == UsageType.CHARGE.value,
        ),
    ).outerjoin(
        given,
        and_(
            given.c.clientId == c.clientId,
            given.c.refundOf == c.refundOf,
            c.type == UsageType.REFUND.value,
        ),
    )
    which = (
        _day(connection, c.occurredAt),
        c.clientId,
        c.currency,
        c.type,
        func.coalesce(charge.c.status != UsageStatus.APPROVED.value, literal_column("true")).label(
            "unmatched"
        ),
        func.coalesce(
            and_(charge.c.status == UsageStatus.APPROVED.value, given.c.amount > charge.c.amount),
            literal_column("false"),
        ).label("over"),
    )
    place = case((charge.c.clientId.is_(None), c.platformIntegrationId), else_=charge.c.platformIntegrationId)
    back = and_(
        _approved(USAGE, UsageType.REFUND, anywhere=True) | _approved(USAGE, UsageType.VOID, anywhere=True),
        place.is_not(None),
    )
    return _counted(connection, joined, which, back, (start, end), client_id)


def _approved(table: Any, kind: UsageType, *, anywhere: bool = False) -> ColumnElement[bool]:
    """Of this type, approved and in platform mode; `anywhere`: in own mode, too."""
    found = and_(table.c.type == kind.value, table.c.status == UsageStatus.APPROVED.value)
    return found if anywhere else and_(found, table.c.platformIntegrationId.is_not(None))


def _counted(
    connection: Connection,
    source: FromClause,
    which: tuple[Any, ...],
    condition: ColumnElement[bool],
    during: tuple[datetime, datetime],
    client_id: str | None,
    time: Any = USAGE.c.occurredAt,
    *more: Any,
) -> list[Row]:
    volume = usage.sum_of(USAGE.c.amount).label("volume")
    statement = (
        select(*which, func.count().label("count"), volume, *more)
        .select_from(source)
        .where(condition, time >= during[0], time < during[1])
        .group_by(*(getattr(part, "element", part) for part in which))
    )
    if time is USAGE.c.occurredAt:
        # A record is billed in its month or later: the index on billingMonth narrows the search.
        statement = statement.where(USAGE.c.billingMonth >= f"{during[0]:%Y-%m}")
    if client_id is not None:
        statement = statement.where(USAGE.c.clientId == client_id)
    return rows.every(connection, statement)


def _day(connection: Connection, time: Any) -> ColumnElement[str]:
    if connection.dialect.name == "sqlite":
        text = func.substr(cast(time, String), literal_column("1"), literal_column("10"), type_=String)
    else:
        utc = func.timezone(literal_column("'UTC'"), time)
        text = func.to_char(utc, literal_column("'YYYY-MM-DD'"), type_=String)
    return text.label("day")
