"""Many rows at once: looked up by key, and streamed for an export."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Select, Table, Text, select, text, tuple_, type_coerce

from avnz_int.db import clients, definitions, platform, rows, tenants
from avnz_int.db.rows import Row
from avnz_int.db.types import Json
from avnz_int.model.json_writer import json_writer

_json = json_writer()
_FIND_SQLITE = text(
    'SELECT i."clientId", i."provider", i."name", i."id" FROM json_each(:keys) AS k'
    ' CROSS JOIN "ClientIntegration" AS i ON i."clientId" = json_extract(k.value, \'$[0]\')'
    " AND i.\"provider\" = json_extract(k.value, '$[1]') AND i.\"name\" = json_extract(k.value, '$[2]')"
)
_FIND_POSTGRES = text(
    'SELECT i."clientId", i."provider", i."name", i."id" FROM "ClientIntegration" AS i'
    " JOIN unnest(CAST(:clients AS text[]), CAST(:providers AS text[]), CAST(:names AS text[]))"
    ' AS k(client, provider, name) ON i."clientId" = k.client AND i."provider" = k.provider'
    ' AND i."name" = k.name'
)


def clients_by_slug(connection: Connection, slugs: Collection[str]) -> dict[str, Row]:
    """Slug -> client, of those that are there."""
    if not slugs:
        return {}
    found = rows.every(connection, select(tenants.CLIENT).where(tenants.CLIENT.c.slug.in_(slugs)))
    return {row["slug"]: row for row in found}


def integration_ids(
    connection: Connection, keys: Collection[tuple[str, str, str]]
) -> dict[tuple[str, str, str], str]:
    """(client id, provider, name) -> id, of those that are there."""
    if not keys:
        return {}
    wanted = list(keys)
    if connection.dialect.name == "sqlite":
        # A list of rows behind IN makes SQLite read the whole table.
        found = connection.execute(_FIND_SQLITE, {"keys": _json(wanted)})
    else:
        parts = dict(
            zip(("clients", "providers", "names"), map(list, zip(*wanted, strict=True)), strict=True)
        )
        found = connection.execute(_FIND_POSTGRES, parts)
    return {(client, provider, name): row_id for client, provider, name, row_id in found}


def definition_state(connection: Connection) -> dict[str, datetime]:
    """Provider -> when its definition was changed last: tells whether those read before are in force."""
    c = definitions.DEFINITION.c
    return {row.provider: row.updatedAt for row in connection.execute(select(c.provider, c.updatedAt))}


def tenant_rows(connection: Connection, client_id: str | None) -> Iterator[Mapping[str, Any]]:
    """`level`, `slug`, `name`, `parent` of clients, then of companies; of one client or of all."""
    client, company = tenants.CLIENT.c, tenants.COMPANY.c
    of_clients = select(client.slug, client.name).order_by(client.slug)
    of_companies = (
        select(company.slug, company.name, client.slug.label("parent"))
        .join(tenants.CLIENT, client.id == company.clientId)
        .order_by(company.slug)
    )
    if client_id is not None:
        of_clients = of_clients.where(client.id == client_id)
        of_companies = of_companies.where(company.clientId == client_id)
    for slug, name in _streamed(connection, of_clients):
        yield {"level": "client", "slug": slug, "name": name, "parent": None}
    for slug, name, parent in _streamed(connection, of_companies):
        yield {"level": "company", "slug": slug, "name": name, "parent": parent}


PLATFORM_COLUMNS = (
    *("provider", "name", "description", "environment", "status", "settings", "credentialsKeyId"),
    *("isSharedWithClients", "isDefaultForNewClients", "clientPricing"),
)
CLIENT_COLUMNS = (
    *("provider", "name", "description", "mode", "environment", "isDefault", "priority", "status"),
    *("settings", "credentialsKeyId"),
)


def platform_rows(connection: Connection) -> Iterator[Sequence[Any]]:
    """`PLATFORM_COLUMNS` of each platform integration."""
    c = platform.PLATFORM.c
    columns = _as_stored(connection, platform.PLATFORM, PLATFORM_COLUMNS)
    return _streamed(connection, select(*columns).order_by(c.provider))


def client_rows(connection: Connection, client_id: str | None) -> Iterator[Sequence[Any]]:
    """The client's slug, then `CLIENT_COLUMNS`, of each client integration; of one client or of all."""
    c = clients.INTEGRATION.c
    statement = (
        select(clients.CLIENT.c.slug, *_as_stored(connection, clients.INTEGRATION, CLIENT_COLUMNS))
        .join(clients.CLIENT, clients.CLIENT.c.id == c.clientId)
        .order_by(clients.CLIENT.c.slug, c.provider, c.name)
    )
    if client_id is not None:
        statement = statement.where(c.clientId == client_id)
    return _streamed(connection, statement)


def platform_ids(connection: Connection) -> list[str]:
    """The ids of all platform integrations, by provider."""
    c = platform.PLATFORM.c
    return list(connection.scalars(select(c.id).order_by(c.provider)))


def client_page(
    connection: Connection, client_id: str | None, after: tuple[str, str, str] | None, limit: int
) -> list[Row]:
    """The next rows of `db.clients` by client, provider and name.

    Args:
        connection: of the transaction.
        client_id: of one client; None: of all.
        after: the client id, provider and name of the last row seen.
        limit: rows of a page.
    """
    c = clients.INTEGRATION.c
    statement = (
        select(*clients.LISTED, clients.CLIENT.c.slug.label("client"))
        .join(clients.CLIENT, clients.CLIENT.c.id == c.clientId)
        .order_by(c.clientId, c.provider, c.name)
        .limit(limit)
    )
    if client_id is not None:
        statement = statement.where(c.clientId == client_id)
    if after is not None:
        statement = statement.where(tuple_(c.clientId, c.provider, c.name) > after)
    return rows.every(connection, statement)


def _as_stored(connection: Connection, table: Table, names: Sequence[str]) -> list[Any]:
    """Columns whose JSON stays text on SQLite: whoever needs the value parses it."""
    if connection.dialect.name != "sqlite":
        return [table.c[name] for name in names]
    return [
        type_coerce(table.c[name], Text) if isinstance(table.c[name].type, Json) else table.c[name]
        for name in names
    ]


def _streamed(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Any]]:
    result = connection.execute(statement, execution_options={"stream_results": True, "yield_per": 1000})
    for part in result.partitions():
        yield from cast("Sequence[Sequence[Any]]", part)
