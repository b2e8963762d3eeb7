"""Completion of providers, refs and clients: the seeds' file names, and the bare database driver.

The one module that a TAB loads beside Typer: it imports no ORM, and a database that cannot be read completes
nothing and says nothing.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from avnz_int import settings
from avnz_int.definitions import loader

_LIMIT = 200
_CLIENTS = 'SELECT "slug" FROM "Client" WHERE "slug" LIKE {p} ORDER BY 1 LIMIT {n}'
_TENANTS = (
    'SELECT "slug" FROM (SELECT "slug" FROM "Organization" UNION ALL SELECT "slug" FROM "Client"'
    ' UNION ALL SELECT "slug" FROM "Company") AS t WHERE "slug" LIKE {p} ORDER BY 1 LIMIT {n}'
)
_PLATFORM = 'SELECT "provider" FROM "PlatformIntegration" WHERE "provider" LIKE {p} ORDER BY 1 LIMIT {n}'
_PLATFORM_PATH = (
    'SELECT \'platform/\' || "provider" AS ref FROM "PlatformIntegration"'
    " WHERE 'platform/' || \"provider\" LIKE {p} ORDER BY 1 LIMIT {n}"
)
_REFS = (
    'SELECT c."slug" || \'/\' || i."name" AS ref FROM "ClientIntegration" i'
    ' JOIN "Client" c ON c."id" = i."clientId"'
    ' WHERE c."slug" LIKE {s} AND c."slug" || \'/\' || i."name" LIKE {p} ORDER BY 1 LIMIT {n}'
)
_MERCHANTS = 'SELECT "id" FROM "MerchantAccount" WHERE "id" LIKE {p} ORDER BY 1 LIMIT {n}'


def providers(incomplete: str) -> list[str]:
    """Provider keys, from the seeds."""
    with contextlib.suppress(Exception):
        return [name for name in loader.provider_names() if name.startswith(incomplete)]
    return []


def clients(incomplete: str) -> list[str]:
    """Slugs of clients."""
    return _found(_CLIENTS, incomplete)


def tenants(incomplete: str) -> list[str]:
    """Slugs of all tenants."""
    return _found(_TENANTS, incomplete)


def platform_refs(incomplete: str) -> list[str]:
    """Providers that the organization has an integration of."""
    return _found(_PLATFORM, incomplete)


def client_refs(incomplete: str) -> list[str]:
    """CLIENT/NAME."""
    return _found(_REFS, incomplete)


def refs(incomplete: str) -> list[str]:
    """platform/PROVIDER and CLIENT/NAME."""
    return _found(_PLATFORM_PATH, incomplete) + _found(_REFS, incomplete)


def merchants(incomplete: str) -> list[str]:
    """Ids of merchant accounts."""
    return _found(_MERCHANTS, incomplete)


def _found(query: str, incomplete: str) -> list[str]:
    # A TAB has nobody to tell of an error: no database, no tables, no driver complete to nothing.
    with contextlib.suppress(Exception):
        return [value for value in _rows(query, incomplete) if value.startswith(incomplete)]
    return []


def _rows(query: str, incomplete: str) -> Iterator[str]:
    prefix = _like(incomplete)
    slug = _like(incomplete.partition("/")[0])
    url = os.environ.get("AVNZ_INT_DATABASE_URL") or settings.default_database_url()
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///")).absolute()
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=0.2)
        with contextlib.closing(connection):
            sql = query.format(p=":p ESCAPE '\\'", s=":s ESCAPE '\\'", n=_LIMIT)
            yield from (row[0] for row in connection.execute(sql, {"p": prefix, "s": slug}))
        return
    import psycopg  # noqa: PLC0415  # 140 ms that only PostgreSQL's users pay

    conninfo = "postgresql://" + url.partition("://")[2]
    schema = os.environ.get("AVNZ_INT_SCHEMA") or "public"
    with psycopg.connect(conninfo, connect_timeout=2, options=f"-c search_path={schema}") as server:
        sql = query.format(p="%(p)s ESCAPE '\\'", s="%(s)s ESCAPE '\\'", n=_LIMIT)
        yield from (row[0] for row in server.execute(sql.encode(), {"p": prefix, "s": slug}))


def _like(prefix: str) -> str:
    escaped = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped + "%"
