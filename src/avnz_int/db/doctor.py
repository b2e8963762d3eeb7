"""Queries of the doctor: rows that are not as the rest of the database says they should be.

Listings are streamed: a damage that reached every row is told in the same memory as one that reached a few.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, case, exists, func, or_, select

from avnz_int.db import merchants, prices, rows, tables
from avnz_int.db.rows import Row
from avnz_int.model.enums import Category, Mode, Status

CLIENT = rows.table_of(tables.Client)
INTEGRATION = rows.table_of(tables.ClientIntegration)
PLATFORM = rows.table_of(tables.PlatformIntegration)
DEFINITION = rows.table_of(tables.IntegrationDefinition)
TOKEN = rows.table_of(tables.Token)
ACCOUNT = merchants.ACCOUNT
PERIOD = prices.PERIOD

_I = INTEGRATION.c
_P = PLATFORM.c
_STREAM = {"stream_results": True, "yield_per": 1000}
_WORTH = case(
    (or_(_I.status != Status.ACTIVE.value, PLATFORM.c.id.is_(None)), _I.status), else_=PLATFORM.c.status
)
"""What a client integration is worth today, as `model.lifecycle.effective` has it."""


def streamed(connection: Connection, statement: Select[Any]) -> Iterator[Row]:
    """The rows of a statement as mappings, a thousand at a time."""
    found = connection.execute(statement, execution_options=_STREAM)
    names = tuple(found.keys())
    for row in found:
        yield dict(zip(names, row, strict=True))


def _clients(*more: ColumnElement[Any]) -> Select[Any]:
    """Client integrations with their client's slug; one whose client is gone is there, too."""
    columns = (_I.id, _I.clientId, _I.provider, _I.name, _I.environment, _I.category, _I.status)
    return (
        select(*columns, func.coalesce(CLIENT.c.slug, _I.clientId).label("client"), *more)
        .select_from(INTEGRATION)
        .outerjoin(CLIENT, CLIENT.c.id == _I.clientId)
    )


def named(connection: Connection, table: Table, ids: Collection[str]) -> dict[str, Row]:
    """Id -> what names a row: `provider`, and of a client integration `client` and `name`."""
    if table is INTEGRATION:
        statement = _clients().where(_I.id.in_(ids))
    else:
        statement = select(_P.id, _P.provider).where(_P.id.in_(ids))
    return {row["id"]: row for row in rows.every(connection, statement)}


def failing(connection: Connection) -> Iterator[tuple[Table, Row]]:
    """The integrations whose status is `error`, with the last test's `errorMessage`; the platform's first."""
    statement = select(_P.id, _P.provider, _P.errorMessage).where(_P.status == Status.ERROR.value)
    for row in streamed(connection, statement.order_by(_P.provider)):
        yield PLATFORM, row
    of_clients = _clients(_I.errorMessage).where(_I.status == Status.ERROR.value).order_by(_I.id)
    for row in streamed(connection, of_clients):
        yield INTEGRATION, row


def stale(connection: Connection, before: datetime) -> Iterator[tuple[Table, Row]]:
    """Active integrations with credentials that were not tested since, or never."""
    statement = select(_P.id, _P.provider, _P.lastTestedAt).where(
        _P.status == Status.ACTIVE.value, _untested(PLATFORM, before)
    )
    for row in streamed(connection, statement.order_by(_P.provider)):
        yield PLATFORM, row
    of_clients = _clients(_I.lastTestedAt).where(
        _I.status == Status.ACTIVE.value, _I.mode == Mode.OWN.value, _untested(INTEGRATION, before)
    )
    for row in streamed(connection, of_clients.order_by(_I.id)):
        yield INTEGRATION, row


def _untested(table: Table, before: datetime) -> ColumnElement[bool]:
    last = table.c.lastTestedAt
    return or_(last.is_(None), last < before)


def count_pending(connection: Connection) -> int:
    """How many client integrations wait for their first test."""
    statement = select(func.count()).select_from(INTEGRATION).where(_I.status == Status.PENDING.value)
    return connection.scalar(statement) or 0


def idle_defaults(connection: Connection) -> Iterator[Row]:
    """Defaults that are worth nothing today, with their `worth`."""
    statement = (
        _clients(_WORTH.label("worth"))
        .outerjoin(PLATFORM, PLATFORM.c.id == _I.platformIntegrationId)
        .where(_I.isDefault, _WORTH.is_distinct_from(Status.ACTIVE.value))
        .order_by(_I.id)
    )
    yield from streamed(connection, statement)


def default_counts(connection: Connection) -> Iterator[Row]:
    """Client, category and environment with active integrations and not exactly one default.

    `defaults` is their number, `example` the id of an active integration.
    """
    group = (_I.clientId, _I.category, _I.environment)
    defaults = func.sum(case((_I.isDefault, 1), else_=0))
    active = func.sum(case((_I.status == Status.ACTIVE.value, 1), else_=0))
    example = func.min(case((_I.status == Status.ACTIVE.value, _I.id)))
    statement = (
        select(*group, defaults.label("defaults"), example.label("example"))
        .group_by(*group)
        .having(or_(defaults > 1, and_(defaults == 0, active > 0)))
        .order_by(*group)
    )
    yield from streamed(connection, statement)


def cut_off(connection: Connection) -> Iterator[Row]:
    """Active platform-mode integrations whose platform integration is not active, or not shared any more.

    `platformStatus`, `platformProvider` and `isSharedWithClients` are the platform integration's.
    """
    statement = (
        _clients(
            PLATFORM.c.status.label("platformStatus"),
            PLATFORM.c.provider.label("platformProvider"),
            PLATFORM.c.isSharedWithClients,
        )
        .join(PLATFORM, PLATFORM.c.id == _I.platformIntegrationId)
        .where(
            _I.status == Status.ACTIVE.value,
            or_(PLATFORM.c.status != Status.ACTIVE.value, PLATFORM.c.isSharedWithClients.is_(False)),
        )
        .order_by(_I.id)
    )
    yield from streamed(connection, statement)


def deprecated(connection: Connection) -> list[Row]:
    """Providers with a deprecated definition that integrations use, and how many do (`uses`)."""
    of_clients = select(func.count()).where(_I.provider == DEFINITION.c.provider).scalar_subquery()
    of_platform = select(func.count()).where(_P.provider == DEFINITION.c.provider).scalar_subquery()
    statement = select(DEFINITION.c.id, DEFINITION.c.provider, (of_clients + of_platform).label("uses"))
    found = rows.every(connection, statement.where(DEFINITION.c.status == "deprecated"))
    return [row for row in found if row["uses"]]


def client_accounts_out_of_step(
    connection: Connection, *, after: str = "", limit: int | None = None
) -> Iterator[Row]:
    """Payment-gateway integrations of clients whose merchant account is missing (`accountId`) or differs."""
    account = ACCOUNT.c
    statement = (
        _clients(
            account.id.label("accountId"),
            _WORTH.label("worth"),
            account.status.label("accountStatus"),
        )
        .outerjoin(PLATFORM, PLATFORM.c.id == _I.platformIntegrationId)
        .outerjoin(ACCOUNT, account.clientIntegrationId == _I.id)
        .where(
            _I.category == Category.PAYMENT_GATEWAY.value,
            _I.id > after,
            or_(
                account.id.is_(None),
                account.status.is_distinct_from(_WORTH),
                account.name.is_distinct_from(_I.name),
                account.environment.is_distinct_from(_I.environment),
                account.platformIntegrationId.is_distinct_from(_I.platformIntegrationId),
            ),
        )
        .order_by(_I.id)
    )
    yield from streamed(connection, statement.limit(limit))


def platform_accounts_out_of_step(
    connection: Connection, *, after: str = "", limit: int | None = None
) -> Iterator[Row]:
    """As `client_accounts_out_of_step`, of the platform's own integrations."""
    account = ACCOUNT.c
    own = and_(account.platformIntegrationId == _P.id, account.clientId.is_(None))
    statement = (
        select(
            _P.id,
            _P.provider,
            account.id.label("accountId"),
            _P.status.label("worth"),
            account.status.label("accountStatus"),
        )
        .select_from(PLATFORM)
        .outerjoin(ACCOUNT, own)
        .where(
            _P.category == Category.PAYMENT_GATEWAY.value,
            _P.id > after,
            or_(
                account.id.is_(None),
                account.status.is_distinct_from(_P.status),
                account.name.is_distinct_from(_P.name),
                account.environment.is_distinct_from(_P.environment),
            ),
        )
        .order_by(_P.id)
    )
    yield from streamed(connection, statement.limit(limit))


def without_period(connection: Connection, *, after: str = "", limit: int | None = None) -> Iterator[Row]:
    """Active platform-mode integrations whose activation period is not open."""
    is_open = exists().where(PERIOD.c.clientIntegrationId == _I.id, PERIOD.c.endedAt.is_(None))
    statement = _clients(_I.platformIntegrationId).where(
        _I.mode == Mode.PLATFORM.value,
        _I.status == Status.ACTIVE.value,
        _I.platformIntegrationId.is_not(None),
        _I.id > after,
        ~is_open,
    )
    yield from streamed(connection, statement.order_by(_I.id).limit(limit))


def idle_periods(connection: Connection, *, after: str = "", limit: int | None = None) -> Iterator[Row]:
    """Open activation periods of integrations that are gone or not active."""
    active = exists().where(
        _I.id == PERIOD.c.clientIntegrationId,
        _I.mode == Mode.PLATFORM.value,
        _I.status == Status.ACTIVE.value,
    )
    statement = select(PERIOD).where(PERIOD.c.endedAt.is_(None), PERIOD.c.id > after, ~active)
    yield from streamed(connection, statement.order_by(PERIOD.c.id).limit(limit))


def ending_tokens(connection: Connection, before: datetime) -> list[Row]:
    """Tokens that are not revoked and end before a time, or ended already."""
    columns = (TOKEN.c.id, TOKEN.c.name, TOKEN.c.role, TOKEN.c.expiresAt)
    statement = select(*columns).where(TOKEN.c.revokedAt.is_(None), TOKEN.c.expiresAt <= before)
    return rows.every(connection, statement.order_by(TOKEN.c.expiresAt, TOKEN.c.id))


def has_live_token(connection: Connection, role: str, moment: datetime) -> bool:
    """Whether a token of this role is neither revoked nor past its end."""
    live = or_(TOKEN.c.expiresAt.is_(None), TOKEN.c.expiresAt > moment)
    statement = select(TOKEN.c.id).where(TOKEN.c.role == role, TOKEN.c.revokedAt.is_(None), live)
    return connection.scalar(statement.limit(1)) is not None
