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
    or_,
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

    Of several voids of a charge the first one counts, whatever integration was named with it. `over` tells
    that something of the charge had been refunded by then.
    """
    first, given = _back(UsageType.VOID, client_id), _back(UsageType.REFUND, client_id)
    c = USAGE.c

    def of(back: Any) -> ColumnElement[bool]:
        same = and_(back.c.clientId == c.clientId, back.c.refundOf == c.transactionId)
        return and_(same, back.c.currency == c.currency)

    joined = USAGE.join(first, of(first)).outerjoin(given, of(given))
    before = and_(given.c.first <= first.c.first, c.amount > literal_column("0"))
    over = func.coalesce(before, literal_column("false")).label("over")
    return _charges(connection, joined, first.c.first, (start, end), rates, client_id, over)


def _charges(
    connection: Connection,
    source: Any,
    time: Any,
    during: tuple[datetime, datetime],
    rates: Mapping[str, int],
    client_id: str | None,
    *which: Any,
) -> list[Row]:
    c = USAGE.c
    price, rate = usage.rates_table(connection, rates)
    return _counted(
        connection,
        source.outerjoin(price, price.c.key == c.priceVersionId),
        (_day(connection, time), c.clientId, c.currency, c.priceVersionId, *which),
        _approved(USAGE, UsageType.CHARGE),
        during,
        client_id,
        time,
        usage.sum_of(usage.fee_of(c.amount, rate)).label("percentage"),
    )


def refunds(connection: Connection, start: datetime, end: datetime, client_id: str | None) -> list[Row]:
    """Approved refunds and voids by `day`, client, currency and `type`: `count` and `volume`.

    `unmatched` tells that no approved charge that they name is recorded in their currency, `over` of a refund
    that all refunds of its charge are more than it was, or that the charge had been voided before. They are
    of the integration of their charge, whatever was named with them, as bills have it; what has no charge is
    of its own.
    """
    c, charge = USAGE.c, USAGE.alias("charge")
    joined = USAGE.outerjoin(charge, usage.charge_of(charge))
    given, void = _back(UsageType.REFUND, client_id), _back(UsageType.VOID, client_id)
    for back in (given, void):
        same = and_(
            back.c.clientId == c.clientId, back.c.refundOf == c.refundOf, back.c.currency == c.currency
        )
        joined = joined.outerjoin(back, and_(same, c.type == UsageType.REFUND.value))
    late = and_(void.c.first < c.occurredAt, c.amount > literal_column("0"))
    beyond = or_(given.c.amount > charge.c.amount, late)
    which = (
        _day(connection, c.occurredAt),
        c.clientId,
        c.currency,
        c.type,
        func.coalesce(charge.c.status != UsageStatus.APPROVED.value, literal_column("true")).label(
            "unmatched"
        ),
        func.coalesce(
            and_(charge.c.status == UsageStatus.APPROVED.value, beyond), literal_column("false")
        ).label("over"),
    )
    place = case((charge.c.clientId.is_(None), c.platformIntegrationId), else_=charge.c.platformIntegrationId)
    counted = and_(
        _approved(USAGE, UsageType.REFUND, anywhere=True) | _approved(USAGE, UsageType.VOID, anywhere=True),
        place.is_not(None),
    )
    return _counted(connection, joined, which, counted, (start, end), client_id)


def _back(kind: UsageType, client_id: str | None) -> Any:
    """Charges with approved voids, or refunds of more than nothing: `amount` of all, time of the `first`."""
    c = USAGE.c
    which = (c.clientId, c.refundOf, c.currency)
    statement = (
        select(*which, func.sum(c.amount).label("amount"), func.min(c.occurredAt).label("first"))
        .where(_approved(USAGE, kind, anywhere=True))
        .group_by(*which)
    )
    if kind is UsageType.REFUND:
        statement = statement.where(c.amount > literal_column("0"))
    if client_id is not None:
        statement = statement.where(c.clientId == client_id)
    return statement.subquery(f"back_{kind.value}")


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
