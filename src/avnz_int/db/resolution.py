"""Queries for resolution: every candidate in one statement, its credentials left where they are."""

from __future__ import annotations

from sqlalchemy import Connection, and_, select

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row

CLIENT = tables.Client
COMPANY = tables.Company
INTEGRATION = tables.ClientIntegration
PLATFORM = tables.PlatformIntegration
ACCOUNT = tables.MerchantAccount


def client_candidates(connection: Connection, category: str, client_id: str | None = None) -> list[Row]:
    """The integrations of a category, of one client or of all, each with its `merchantAccountId`."""
    c = INTEGRATION.c
    statement = (
        select(
            *(c.id, c.clientId, c.provider, c.name, c.mode, c.environment, c.settings, c.isDefault),
            *(c.priority, c.status, c.isVerified, c.credentialsKeyId, c.platformIntegrationId),
            c.createdAt,
            ACCOUNT.c.id.label("merchantAccountId"),
            ACCOUNT.c.status.label("accountStatus"),
            ACCOUNT.c.currency.label("accountCurrency"),
        )
        .outerjoin(ACCOUNT, ACCOUNT.c.clientIntegrationId == c.id)
        .where(c.category == category)
    )
    if client_id is not None:
        statement = statement.where(c.clientId == client_id)
    return rows.every(connection, statement)


def platform_candidates(connection: Connection, category: str) -> list[Row]:
    """The organization's integrations of a category, the oldest first, each with its `merchantAccountId`."""
    c = PLATFORM.c
    statement = (
        select(
            *(c.id, c.provider, c.name, c.environment, c.settings, c.status, c.lastTestResult),
            *(c.credentialsKeyId, c.isSharedWithClients, c.createdAt),
            ACCOUNT.c.id.label("merchantAccountId"),
            ACCOUNT.c.status.label("accountStatus"),
            ACCOUNT.c.currency.label("accountCurrency"),
        )
        .outerjoin(ACCOUNT, and_(ACCOUNT.c.platformIntegrationId == c.id, ACCOUNT.c.clientId.is_(None)))
        .where(c.category == category)
        .order_by(c.createdAt, c.id)
    )
    return rows.every(connection, statement)


def company(connection: Connection, slug: str) -> Row | None:
    """A company, with the `client` (slug) that it is of."""
    statement = (
        select(*COMPANY.c, CLIENT.c.slug.label("client"))
        .join(CLIENT, CLIENT.c.id == COMPANY.c.clientId)
        .where(COMPANY.c.slug == slug)
    )
    return rows.first(connection, statement)


def client_slugs(connection: Connection, client_id: str | None = None) -> list[Row]:
    """`id` and `slug` of all clients by slug, or of one."""
    statement = select(CLIENT.c.id, CLIENT.c.slug).order_by(CLIENT.c.slug)
    if client_id is not None:
        statement = statement.where(CLIENT.c.id == client_id)
    return rows.every(connection, statement)
