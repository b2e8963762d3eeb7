"""Queries of the doctor: rows that are not as the rest of the database says they should be.

Listings are streamed: a damage that reached every row is told in the same memory as one that reached a few.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, case, exists, false, func, or_, select

from avnz_int.db import merchants, prices, rows, tables, tokens
from avnz_int.db.rows import Row
from avnz_int.model.enums import Category, Mode, Status

CLIENT = tables.Client
INTEGRATION = tables.ClientIntegration
PLATFORM = tables.PlatformIntegration
DEFINITION = tables.IntegrationDefinition
TOKEN = tables.Token
ACCOUNT = merchants.ACCOUNT
PERIOD = prices.PERIOD

_I = INTEGRATION.c
_P = PLATFORM.c
_STREAM = {"stream_results": True, "yield_per": 1000}
_WORTH = case(
    (or_(_I.status != Status.ACTIVE.value, PLATFORM.c.id.is_(None)), _I.status), else_=PLATFORM.c.status
)
"""What a client integration is worth today, as `model.lifecycle.effective` has it."""
_LOOSE = and_(
    _I.category == Category.PAYMENT_GATEWAY.value,
    or_(
        ACCOUNT.c.id.is_(None),
        ACCOUNT.c.status.is_distinct_from(_WORTH),
        ACCOUNT.c.name.is_distinct_from(_I.name),
        ACCOUNT.c.environment.is_distinct_from(_I.environment),
        ACCOUNT.c.platformIntegrationId.is_distinct_from(_I.platformIntegrationId),
    ),
)
"""Whether the merchant account of a client integration is missing or differs."""


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


def platform_rows(connection: Connection) -> Iterator[Row]:
    """What the doctor looks at of each platform integration."""
    columns = (_P.id, _P.provider, _P.status, _P.errorMessage, _P.lastTestedAt)
    yield from streamed(connection, select(*columns).order_by(_P.provider))


def suspect_clients(connection: Connection, tested_since: datetime) -> Iterator[Row]:
    """Client integrations of which something is not as it should be, each with what it is, as flags.

    One pass over a table whose rows are a kilobyte each: a pass for each question took five times as long.
    `failing`: its last test failed. `untested`: in force and not tested since. `idle`: a default that is
    `worth` nothing today. `cut`: active, and what it uses of the platform's is not, or is shared no more.
    `loose`: its merchant account is missing (`accountId`) or differs. `open`: active in platform mode without
    an open activation period.
    """
    active = _I.status == Status.ACTIVE.value
    platform_mode = _I.mode == Mode.PLATFORM.value
    last = _I.lastTestedAt
    flags = {
        "failing": _I.status == Status.ERROR.value,
        "untested": active & (_I.mode == Mode.OWN.value) & or_(last.is_(None), last < tested_since),
        "idle": and_(_I.isDefault, _WORTH.is_distinct_from(Status.ACTIVE.value)),
        "cut": active
        & or_(PLATFORM.c.status != Status.ACTIVE.value, PLATFORM.c.isSharedWithClients.is_(False)),
        "loose": _LOOSE,
        "open": active & platform_mode & _I.platformIntegrationId.is_not(None) & PERIOD.c.id.is_(None),
    }
    statement = (
        _with_account(
            last,
            _I.errorMessage,
            PLATFORM.c.status.label("platformStatus"),
            PLATFORM.c.provider.label("platformProvider"),
            *(func.coalesce(flag, false()).label(name) for name, flag in flags.items()),
        )
        .outerjoin(
            PERIOD, platform_mode & (PERIOD.c.clientIntegrationId == _I.id) & PERIOD.c.endedAt.is_(None)
        )
        .where(or_(*flags.values()))
    )
    yield from streamed(connection, statement)


def _with_account(*more: ColumnElement[Any]) -> Select[Any]:
    """Client integrations with their merchant account and what they are worth."""
    gateway = _I.category == Category.PAYMENT_GATEWAY.value
    return (
        _clients(
            ACCOUNT.c.id.label("accountId"),
            ACCOUNT.c.status.label("accountStatus"),
            _WORTH.label("worth"),
            *more,
        )
        .outerjoin(PLATFORM, PLATFORM.c.id == _I.platformIntegrationId)
        .outerjoin(ACCOUNT, gateway & (ACCOUNT.c.clientIntegrationId == _I.id))
    )


def default_groups(connection: Connection) -> Iterator[Row]:
    """Each client, category and environment with integrations, in one pass.

    `defaults`, `active` and `pending` are how many integrations are so, `example` is the id of an active one.
    """
    group = (_I.clientId, _I.category, _I.environment)
    is_active = _I.status == Status.ACTIVE.value
    counted = {
        "defaults": _I.isDefault,
        "active": is_active,
        "pending": _I.status == Status.PENDING.value,
    }
    sums = (func.sum(case((what, 1), else_=0)).label(name) for name, what in counted.items())
    example = func.min(case((is_active, _I.id))).label("example")
    yield from streamed(connection, select(*group, *sums, example).group_by(*group))


def deprecated(connection: Connection) -> list[Row]:
    """Providers with a deprecated definition that integrations use, and how many do (`uses`)."""
    of_clients = select(func.count()).where(_I.provider == DEFINITION.c.provider).scalar_subquery()
    of_platform = select(func.count()).where(_P.provider == DEFINITION.c.provider).scalar_subquery()
    statement = select(DEFINITION.c.id, DEFINITION.c.provider, (of_clients + of_platform).label("uses"))
    found = rows.every(connection, statement.where(DEFINITION.c.status == "deprecated"))
    return [row for row in found if row["uses"]]


def client_accounts_out_of_step(connection: Connection, *, after: str, limit: int) -> list[str]:
    """The next ids of client integrations whose merchant account is missing or differs."""
    statement = _with_account().where(_LOOSE, _I.id > after).order_by(_I.id).limit(limit)
    return [row["id"] for row in rows.every(connection, statement)]


def platform_accounts_out_of_step(
    connection: Connection, *, after: str = "", limit: int | None = None
) -> Iterator[Row]:
    """Payment gateways of the platform whose merchant account is missing (`accountId`) or differs."""
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


def without_period(connection: Connection, *, after: str, limit: int) -> list[Row]:
    """Active platform-mode integrations whose activation period is not open."""
    is_open = exists().where(PERIOD.c.clientIntegrationId == _I.id, PERIOD.c.endedAt.is_(None))
    statement = _clients(_I.platformIntegrationId).where(
        _I.mode == Mode.PLATFORM.value,
        _I.status == Status.ACTIVE.value,
        _I.platformIntegrationId.is_not(None),
        _I.id > after,
        ~is_open,
    )
    return rows.every(connection, statement.order_by(_I.id).limit(limit))


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
    statement = select(TOKEN.c.id).where(TOKEN.c.role == role, *tokens.live(moment))
    return connection.scalar(statement.limit(1)) is not None
