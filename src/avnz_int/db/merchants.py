"""Queries over MerchantAccount."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, literal, select, update

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row
from avnz_int.model.enums import AccountStatus, Status

ACCOUNT = tables.MerchantAccount
CLIENT = tables.Client
INTEGRATION = tables.ClientIntegration


def _rows() -> Select[Any]:
    return select(*ACCOUNT.c, CLIENT.c.slug.label("client")).outerjoin(
        CLIENT, CLIENT.c.id == ACCOUNT.c.clientId
    )


def listing(connection: Connection, client_id: str | None = None) -> Sequence[Row]:
    """Accounts of all or of one client, the platform's own first."""
    statement = _rows().order_by(CLIENT.c.slug.is_not(None), CLIENT.c.slug, ACCOUNT.c.name, ACCOUNT.c.id)
    if client_id is not None:
        statement = statement.where(ACCOUNT.c.clientId == client_id)
    return rows.every(connection, statement)


def by_id(connection: Connection, row_id: str) -> Row | None:
    """One account."""
    return rows.first(connection, _rows().where(ACCOUNT.c.id == row_id))


def by_id_prefix(connection: Connection, prefix: str, client_id: str | None) -> Sequence[Row]:
    """Accounts whose id starts so."""
    statement = _rows().where(ACCOUNT.c.id.startswith(prefix, autoescape=True)).limit(10)
    if client_id is not None:
        statement = statement.where(ACCOUNT.c.clientId == client_id)
    return rows.every(connection, statement)


def of_client_integration(connection: Connection, integration_id: str) -> Row | None:
    """The account of a client integration."""
    return rows.first(connection, select(ACCOUNT).where(ACCOUNT.c.clientIntegrationId == integration_id))


def of_platform_integration(connection: Connection, platform_id: str) -> Row | None:
    """The platform's own account of a platform integration."""
    statement = select(ACCOUNT).where(
        ACCOUNT.c.platformIntegrationId == platform_id, ACCOUNT.c.clientId.is_(None)
    )
    return rows.first(connection, statement)


def follow_platform(connection: Connection, platform_id: str, status: Status, moment: datetime) -> None:
    """Give the accounts of all clients that use a platform integration the status they are worth now."""
    worth = (
        select(
            case(
                (INTEGRATION.c.status != Status.ACTIVE.value, INTEGRATION.c.status),
                else_=literal(status.value),
            )
        )
        .where(INTEGRATION.c.id == ACCOUNT.c.clientIntegrationId)
        .scalar_subquery()
    )
    connection.execute(
        update(ACCOUNT)
        .where(ACCOUNT.c.platformIntegrationId == platform_id, ACCOUNT.c.clientIntegrationId.is_not(None))
        .values(status=worth, updatedAt=moment)
    )


def close(connection: Connection, account_id: str, moment: datetime, actor_id: str) -> None:
    """End an account: it stays for the transactions that name it, without its integration."""
    rows.change(
        connection,
        ACCOUNT,
        account_id,
        {
            "status": AccountStatus.CLOSED.value,
            "clientIntegrationId": None,
            "platformIntegrationId": None,
            "updatedAt": moment,
            "updatedBy": actor_id,
        },
    )
