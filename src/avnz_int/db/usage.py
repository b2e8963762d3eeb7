"""Queries over UsageRecord: bulk insert and compare, and sums by month.

A fee is summed in the database, exactly: an amount times its price's millionths, half a unit rounded up, is
whole-number arithmetic that both databases do in 64 bits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    select,
    update,
)

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row
from avnz_int.db.types import Json
from avnz_int.model.enums import UsageStatus, UsageType

USAGE = tables.UsageRecord
INTEGRATION = tables.ClientIntegration
CLIENT = tables.Client
_IDS = 1000
COLUMNS = tuple(column.name for column in USAGE.c)
"""Of a record to insert, in this order; times are RFC 3339 in UTC with milliseconds."""
_LISTED = ", ".join(f'"{name}"' for name in COLUMNS)
_SQLITE_INSERT = (
    f'INSERT INTO "UsageRecord" ({_LISTED}) VALUES ({", ".join("?" * len(COLUMNS))}) '  # noqa: S608  # constants
    "ON CONFLICT DO NOTHING"
)
_CAST = {"amount": "bigint", "occurredAt": "timestamptz", "recordedAt": "timestamptz"}
# A column as one JSON array: the driver takes five times as long to make an array of PostgreSQL's own.
_COLUMN = "json_array_elements_text(%s::json)"
_POSTGRES_INSERT = (
    f'INSERT INTO "UsageRecord" ({_LISTED}) SELECT '  # noqa: S608  # constants
    + ", ".join(f'"{name}"::{_CAST.get(name, "text")}' for name in COLUMNS)
    + f" FROM ROWS FROM ({', '.join([_COLUMN] * len(COLUMNS))}) AS given ({_LISTED}) ON CONFLICT DO NOTHING"
)
_CONTENT = '"clientIntegrationId", "amount", "currency", %s, "status", "refundOf"'
_SQLITE_CONTENT = f"""
    SELECT "clientId", "type", "transactionId", {_CONTENT % '"occurredAt"'} FROM "UsageRecord"
    WHERE ("clientId", "type", "transactionId") IN (
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
        FROM json_each(?))"""  # noqa: S608  # constants
_TEXT_TIME = """to_char(timezone('UTC', "occurredAt"), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
_POSTGRES_CONTENT = f"""
    SELECT "clientId", "type", "transactionId", {_CONTENT % _TEXT_TIME} FROM "UsageRecord"
    JOIN ROWS FROM ({_COLUMN}, {_COLUMN}, {_COLUMN}) AS wanted (owner, kind, transaction)
      ON "clientId" = wanted.owner AND "type" = wanted.kind AND "transactionId" = wanted.transaction
    """  # noqa: S608  # constants

Key = tuple[str, str, str]
"""Client id, type, transaction id."""


def insert(connection: Connection, records: Sequence[tuple[Any, ...]]) -> int:
    """How many of the records were new and are there now; those whose key is there already stay out."""
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(_SQLITE_INSERT, list(records)).rowcount
    return connection.exec_driver_sql(_POSTGRES_INSERT, _as_json(records)).rowcount


def content(connection: Connection, keys: Sequence[Key]) -> dict[Key, tuple[Any, ...]]:
    """Key -> integration id, amount, currency, time as text, status, refundOf of those that are there."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql(_SQLITE_CONTENT, (json.dumps(keys),))
    else:
        found = connection.exec_driver_sql(_POSTGRES_CONTENT, _as_json(keys))
    return {(row[0], row[1], row[2]): tuple(row[3:]) for row in found}


def _as_json(records: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    """The columns of records, each as a JSON array."""
    return tuple(map(json.dumps, zip(*records, strict=True)))


def note_size(connection: Connection) -> None:
    """Let PostgreSQL count what was just recorded, which it would do by itself within minutes.

    Until then it takes the table for an empty one, and compares each record with each: 4,000 took 3 s to sum.
    """
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql('ANALYZE "UsageRecord"')


def integration_of_account(connection: Connection, client_id: str, account_id: str) -> Row | None:
    """The integration ids of a record that names an account, which may be closed by now."""
    c = USAGE.c
    statement = select(c.clientIntegrationId, c.platformIntegrationId).where(
        c.clientId == client_id, c.merchantAccountId == account_id
    )
    return rows.first(connection, statement.limit(1))


def first_month(connection: Connection) -> str | None:
    """The earliest month that bills a record of platform-mode usage."""
    statement = select(func.min(USAGE.c.billingMonth)).where(USAGE.c.platformIntegrationId.is_not(None))
    found: str | None = connection.scalar(statement)
    return found


def charges(
    connection: Connection,
    start: datetime,
    end: datetime,
    rates: Mapping[str, int],
    *,
    client_id: str | None = None,
    platform_id: str | None = None,
) -> list[Row]:
    """Settled platform-mode charges of a time that begins with a month, by client, platform, price version.

    A charge is settled if it was approved and no approved void names it. `percentage` is the sum of the
    percentage fees of each; None where the version's rate is not given.

    Args:
        connection: of the transaction.
        start: the first moment.
        end: the moment after the last.
        rates: price version -> its percentage in ten-thousandths of a per cent, as `model.pricing.rate_of`.
        client_id: only of this client.
        platform_id: only of this platform integration.
    """
    c = USAGE.c
    voids, unvoided = _voids()
    price, rate = rates_table(connection, rates)
    fee = fee_of(c.amount, rate)
    statement = (
        select(
            c.clientId,
            c.platformIntegrationId,
            c.currency,
            c.priceVersionId,
            func.count().label("count"),
            sum_of(c.amount).label("volume"),
            sum_of(fee).label("percentage"),
        )
        .select_from(USAGE.outerjoin(voids, _voided(voids)).outerjoin(price, price.c.key == c.priceVersionId))
        .where(
            c.type == UsageType.CHARGE.value,
            c.status == UsageStatus.APPROVED.value,
            c.platformIntegrationId.is_not(None),
            *_during(start, end),
            unvoided,
        )
        .group_by(c.clientId, c.platformIntegrationId, c.currency, c.priceVersionId)
        .order_by(c.clientId, c.platformIntegrationId, c.currency, c.priceVersionId)
    )
    for limited, value in ((c.clientId, client_id), (c.platformIntegrationId, platform_id)):
        if value is not None:
            statement = statement.where(limited == value)
    return rows.every(connection, statement)


def corrected(connection: Connection, month: str, start: datetime) -> list[Row]:
    """What of earlier months a month's records change: client, platform, currency, month, each once.

    These are charges that came after their month was closed, and charges that a void of this month names.
    """
    c = USAGE.c
    void = USAGE.alias("void")
    own = _month(connection)
    which = (c.clientId, c.platformIntegrationId, c.currency, own.label("month"))
    common = (
        c.type == UsageType.CHARGE.value,
        c.status == UsageStatus.APPROVED.value,
        c.platformIntegrationId.is_not(None),
        c.occurredAt < start,
    )
    late = select(*which).where(*common, c.billingMonth == month)
    voided = (
        select(*which)
        .select_from(
            USAGE.join(
                void,
                and_(
                    void.c.clientId == c.clientId,
                    void.c.refundOf == c.transactionId,
                    void.c.currency == c.currency,
                ),
            )
        )
        .where(
            *common,
            void.c.type == UsageType.VOID.value,
            void.c.status == UsageStatus.APPROVED.value,
            void.c.billingMonth == month,
        )
    )
    return rows.every(connection, late.union(voided))  # type: ignore[arg-type]  # a union is read as a select


def summary(
    connection: Connection,
    start: datetime,
    end: datetime,
    rates: Mapping[str, int],
    *,
    client_id: str | None = None,
    integration_id: str | None = None,
) -> list[Row]:
    """Usage of a time that begins with a month, by client, integration, month, currency and price version.

    A refund or void is of the integration of its charge, whatever it named, or of its own if there is none.
    """
    c, of = USAGE.c, USAGE.alias("of")
    voids, _ = _voids()
    price, rate = rates_table(connection, rates)
    charge = c.type == UsageType.CHARGE.value
    refund = and_(c.type == UsageType.REFUND.value, c.status == UsageStatus.APPROVED.value)
    approved = and_(charge, c.status == UsageStatus.APPROVED.value)
    settled = and_(approved, voids.c.refundOf.is_(None))
    fee = fee_of(c.amount, rate)

    def count(what: ColumnElement[bool]) -> ColumnElement[int]:
        return sum_of(case((what, 1), else_=0))

    def volume(what: ColumnElement[bool], value: Any = c.amount) -> ColumnElement[int]:
        return sum_of(case((what, value), else_=0))

    own = _month(connection)
    integration = func.coalesce(of.c.clientIntegrationId, c.clientIntegrationId)
    platform = case((of.c.clientId.is_(None), c.platformIntegrationId), else_=of.c.platformIntegrationId)
    place = (integration.label("clientIntegrationId"), platform.label("platformIntegrationId"))
    groups = (c.clientId, integration, platform, own, c.currency, c.priceVersionId)
    statement = (
        select(
            c.clientId,
            *place,
            own.label("month"),
            *groups[4:],
            count(settled).label("transactions"),
            count(approved).label("approved"),
            count(and_(charge, c.status != UsageStatus.APPROVED.value)).label("declined"),
            count(and_(approved, voids.c.refundOf.is_not(None))).label("voided"),
            count(refund).label("refunds"),
            volume(settled).label("volume"),
            volume(refund).label("refunded"),
            volume(settled, fee).label("percentage"),
        )
        .select_from(
            USAGE.outerjoin(voids, _voided(voids))
            .outerjoin(price, price.c.key == c.priceVersionId)
            .outerjoin(of, charge_of(of))
        )
        .where(*_during(start, end))
        .group_by(*groups)
        .order_by(*groups)
    )
    for limited, value in ((c.clientId, client_id), (integration, integration_id)):
        if value is not None:
            statement = statement.where(limited == value)
    return rows.every(connection, statement)


def caches(connection: Connection, ids: Iterable[str]) -> list[Row]:
    """`usageThisMonth` and the name of every integration that has one, and of those with these ids."""
    c = INTEGRATION.c
    columns = (c.id, c.clientId, c.provider, c.name, c.usageThisMonth, CLIENT.c.slug.label("client"))
    statement = select(*columns).join(CLIENT, CLIENT.c.id == c.clientId)
    found = rows.every(connection, statement.where(c.usageThisMonth.is_not(None)))
    others = sorted(set(ids) - {row["id"] for row in found})
    for start in range(0, len(others), _IDS):
        part = others[start : start + _IDS]
        found += rows.every(connection, statement.where(c.usageThisMonth.is_(None), c.id.in_(part)))
    return found


def put_caches(connection: Connection, caches: Mapping[str, Mapping[str, Any]]) -> None:
    """Set `usageThisMonth` of integrations by id; nothing else of them changes, not even `updatedAt`."""
    statement = (
        update(INTEGRATION)
        .where(INTEGRATION.c.id == bindparam("row"))
        .values(usageThisMonth=bindparam("usage", type_=INTEGRATION.c.usageThisMonth.type))
    )
    if caches:
        connection.execute(statement, [{"row": key, "usage": dict(value)} for key, value in caches.items()])


def _during(start: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    # A record is billed in its month or later, never before: the index on billingMonth narrows the search.
    c = USAGE.c
    return c.billingMonth >= f"{start:%Y-%m}", c.occurredAt >= start, c.occurredAt < end


def _month(connection: Connection) -> ColumnElement[str]:
    c = USAGE.c
    if connection.dialect.name == "sqlite":
        return func.substr(cast(c.occurredAt, String), literal_column("1"), literal_column("7"), type_=String)
    return func.to_char(func.timezone(literal_column("'UTC'"), c.occurredAt), literal_column("'YYYY-MM'"))


def _voids() -> tuple[Any, ColumnElement[bool]]:
    """The voided charges, as a table of client, transaction id and currency, and "it is none of them".

    To be outer-joined: SQLite then makes an index of it, PostgreSQL an anti-join; `NOT EXISTS` would search
    all voids of the client for each charge. So would SQLite here if they were limited to a client: it makes
    no index then (30,000 charges with 600 voids: 2.4 s instead of 0.1).
    """
    c = USAGE.c
    statement: Select[Any] = (
        select(c.clientId, c.refundOf, c.currency)
        .where(c.type == UsageType.VOID.value, c.status == UsageStatus.APPROVED.value)
        .distinct()
    )
    voids = statement.subquery("voids")
    return voids, voids.c.refundOf.is_(None)


def _voided(voids: Any) -> ColumnElement[bool]:
    c = USAGE.c
    return and_(
        c.type == UsageType.CHARGE.value,
        voids.c.clientId == c.clientId,
        voids.c.refundOf == c.transactionId,
        voids.c.currency == c.currency,
    )


def charge_of(charge: Any) -> ColumnElement[bool]:
    """Whether a record is a refund or void of this charge, which is an alias of `USAGE`: in its currency."""
    c, kind = USAGE.c, charge.c.type == UsageType.CHARGE.value
    same = and_(charge.c.clientId == c.clientId, charge.c.transactionId == c.refundOf)
    return and_(same, kind, charge.c.currency == c.currency)


def rates_table(connection: Connection, rates: Mapping[str, int]) -> tuple[Any, ColumnElement[int]]:
    """The rates as a table of `key` and `value`, and its value as a number."""
    given: Any
    if connection.dialect.name == "sqlite":
        table = func.json_each(json.dumps(dict(rates))).table_valued(
            "key", column("value", BigInteger), name="rates"
        )
        return table, table.c.value
    given = cast(literal(dict(rates), Json), Json)
    table = func.jsonb_each_text(given).table_valued("key", "value", name="rates")
    return table, cast(table.c.value, BigInteger)


def fee_of(amount: Any, rate: ColumnElement[int]) -> ColumnElement[int]:
    """The percentage fee of each record."""
    # As `model.pricing.percentage_fee_of`; at most 10^12 * 10^6, which 64 bits hold.
    half = literal_column("500000", BigInteger)
    fee: ColumnElement[int] = (amount * rate + half) // literal_column("1000000", BigInteger)
    return fee


def sum_of(value: Any) -> ColumnElement[int]:
    """A sum as a whole number: PostgreSQL's is a decimal."""
    return cast(func.sum(value), BigInteger)
