"""Completion of providers, their fields, refs and tenants: the seeds, and the bare database driver.

The one module that a TAB loads beside Typer and the command on its line: it imports no ORM. A database that
is not there, not ours, locked or damaged completes nothing and says nothing. So does one whose commands would
refuse who asks; a client_admin is offered the own client's things only.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer

_LIMIT = 200
_WAIT_MS = 200
_PLATFORM = "platform/"

# `substr`, not LIKE: it has no wildcards to escape, and keeps to upper and lower case on both databases.
# The last column is the id of the client whose it is.
_CLIENTS = 'SELECT "slug", "id" FROM "Client" WHERE substr("slug", 1, {length}) = {text}'
_TENANTS = (
    'SELECT "slug", "owner" FROM (SELECT "slug", NULL AS "owner" FROM "Organization"'
    ' UNION ALL SELECT "slug", "id" FROM "Client" UNION ALL SELECT "slug", "clientId" FROM "Company") AS t'
    ' WHERE substr("slug", 1, {length}) = {text}'
)
_PROVIDERS = (
    'SELECT "provider", NULL FROM "PlatformIntegration" WHERE substr("provider", 1, {length}) = {text}'
)
_COMPANIES = 'SELECT "slug", "clientId" FROM "Company" WHERE substr("slug", 1, {length}) = {text}'
_PROVIDER_OF_PLATFORM = (
    'SELECT "provider", NULL FROM "PlatformIntegration"'
    ' WHERE "provider" = {text} OR ({length} >= 6 AND substr("id", 1, {length}) = {text})'
)
_PROVIDER_OF_ID = (
    'SELECT "provider", "clientId" FROM "ClientIntegration"'
    ' WHERE {length} >= 6 AND substr("id", 1, {length}) = {text}'
)
_MERCHANTS = 'SELECT "id", "clientId" FROM "MerchantAccount" WHERE substr("id", 1, {length}) = {text}'
_INTEGRATIONS = (
    'SELECT c."slug", i."provider", i."name", c."id" FROM "ClientIntegration" i'
    ' JOIN "Client" c ON c."id" = i."clientId" WHERE substr(c."slug", 1, {length}) = {text}'
)
_OF_CLIENT = (
    'SELECT c."slug", i."provider", i."name", c."id" FROM "ClientIntegration" i'
    ' JOIN "Client" c ON c."id" = i."clientId" WHERE c."slug" = {text}'
)
_PRESENTED = (
    'SELECT "role", "clientId" FROM "Token" WHERE "hash" = {text} AND "revokedAt" IS NULL'
    ' AND ("expiresAt" IS NULL OR "expiresAt" > {now})'
)
_SEE_ALL = {"org_admin", "auditor"}
_Fetch = Callable[[str, str], list[Any]]


def providers(incomplete: str) -> list[str]:
    """Provider keys, from the seeds."""
    from avnz_int.definitions import loader  # noqa: PLC0415  # 5 ms

    with contextlib.suppress(Exception):
        return _fit(loader.provider_names(), incomplete)
    return []


def clients(ctx: typer.Context, incomplete: str) -> list[str]:
    """Slugs of clients."""
    return _column(ctx, _CLIENTS, incomplete)


def tenants(ctx: typer.Context, incomplete: str) -> list[str]:
    """Slugs of all tenants."""
    return _column(ctx, _TENANTS, incomplete)


def companies(ctx: typer.Context, incomplete: str) -> list[str]:
    """Slugs of companies."""
    return _column(ctx, _COMPANIES, incomplete)


def credentials(ctx: typer.Context, incomplete: str) -> list[str]:
    """KEY= of each credential of the provider on the line, or of the one that its REF is of."""
    return _fields(ctx, "credentialSchema", incomplete)


def settings(ctx: typer.Context, incomplete: str) -> list[str]:
    """KEY= of each setting, as `credentials`."""
    return _fields(ctx, "settingsSchema", incomplete)


def _fields(ctx: typer.Context, schema: str, incomplete: str) -> list[str]:
    # What stands behind `=` may be a secret: nothing is said of values.
    if "=" in incomplete:
        return []
    from avnz_int.definitions import loader  # noqa: PLC0415  # 5 ms

    with contextlib.suppress(Exception):
        # Behind an option without its value, arguments are parsed no more: they are left in `args`.
        named = str(ctx.params.get("ref") or ctx.params.get("provider") or ctx.args[0])
        provider = _provider_of(ctx, named) if "ref" in ctx.params else named
        if loader.is_provider(provider):
            seed = json.loads((loader.seeds_dir() / f"{provider}.json").read_bytes())
            return _fit([f"{name}=" for name in seed[schema]["properties"]], incomplete)
    return []


def _provider_of(ctx: typer.Context, ref: str) -> str:
    """The provider of the one integration that a REF names; empty if it is not clear."""
    if ctx.parent is not None and ctx.parent.info_name == "platform":
        found = [row[0] for row in _rows(ctx, _PROVIDER_OF_PLATFORM, ref.removeprefix(_PLATFORM))]
    else:
        given = ctx.params.get("client") or os.environ.get("AVNZ_INT_CLIENT") or ""
        client, slash, name = ref.partition("/")
        path = (client if slash else given, *(name or ref).rpartition("/")[::2])
        of_client = _rows(ctx, _OF_CLIENT, path[0])
        found = [row[1] for row in of_client if row[2] == path[2] and path[1] in {"", row[1]}]
        found = found or [row[0] for row in _rows(ctx, _PROVIDER_OF_ID, ref)]
    return found[0] if len(found) == 1 else ""


def failing(ctx: typer.Context, incomplete: str) -> list[str]:
    """What `merchant route --fail` takes: accounts, integrations and providers."""
    return _fit(
        [*merchants(ctx, incomplete), *client_refs(ctx, incomplete), *_column(ctx, _PROVIDERS, incomplete)],
        incomplete,
    )


def merchants(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of merchant accounts."""
    return _column(ctx, _MERCHANTS, incomplete)


def platform_refs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Providers that the organization has an integration of; platform/PROVIDER where it begins so."""
    if incomplete.startswith(_PLATFORM):
        return _platform_paths(ctx, incomplete)
    return _column(ctx, _PROVIDERS, incomplete)


def client_refs(ctx: typer.Context, incomplete: str) -> list[str]:
    """CLIENT/NAME, and with `--client` the names alone; CLIENT/PROVIDER/NAME where two have one name."""
    client = ctx.params.get("client") or os.environ.get("AVNZ_INT_CLIENT")
    if not client:
        return _fit(_paths(_rows(ctx, _INTEGRATIONS, incomplete.partition("/")[0]), incomplete), incomplete)
    # An integration of another client is not found with one.
    found = _rows(ctx, _OF_CLIENT, str(client))
    return _fit([*(name for _, _, name in _unambiguous(found)), *_paths(found, incomplete)], incomplete)


def refs(ctx: typer.Context, incomplete: str) -> list[str]:
    """platform/PROVIDER and what `client_refs` finds."""
    platform = _platform_paths(ctx, incomplete) if not ctx.params.get("client") else []
    return _fit([*platform, *client_refs(ctx, incomplete)], incomplete)


def _platform_paths(ctx: typer.Context, incomplete: str) -> list[str]:
    provider = incomplete.removeprefix(_PLATFORM) if incomplete.startswith(_PLATFORM) else ""
    return _fit([_PLATFORM + row[0] for row in _rows(ctx, _PROVIDERS, provider)], incomplete)


def _paths(found: list[Any], incomplete: str) -> list[str]:
    if incomplete.count("/") > 1:
        return [f"{client}/{provider}/{name}" for client, provider, name in found]
    single = {(client, name) for client, _, name in _unambiguous(found)}
    return [
        f"{client}/{name}" if (client, name) in single else f"{client}/{provider}/{name}"
        for client, provider, name in found
    ]


def _unambiguous(found: list[Any]) -> list[Any]:
    """Those whose client has no other of the same name."""
    times: dict[tuple[str, str], int] = {}
    for client, _, name in found:
        times[client, name] = times.get((client, name), 0) + 1
    return [row for row in found if times[row[0], row[2]] == 1]


def _column(ctx: typer.Context, query: str, incomplete: str) -> list[str]:
    return _fit([row[0] for row in _rows(ctx, query, incomplete)], incomplete)


def _fit(values: Iterable[str], incomplete: str) -> list[str]:
    """Those that begin so, in order; of very many the first and the last.

    A shell completes what all values that it is told begin with. Of values in order that is what the first
    and the last begin with, so that leaving out others misleads nobody.
    """
    # A name that somebody wrote into the database by hand may hold what would be two values to a shell.
    found = sorted({value for value in values if value.startswith(incomplete) and value.isprintable()})
    return found if len(found) <= _LIMIT else [*found[: _LIMIT - 1], found[-1]]


def _rows(ctx: typer.Context, query: str, text: str) -> list[Any]:
    # A TAB has nobody to tell of an error: no database, no tables, no driver complete to nothing.
    with contextlib.suppress(Exception):
        given = ctx.find_root().params.get("database_url")
        url = given or os.environ.get("AVNZ_INT_DATABASE_URL") or _default_url()
        with _sqlite(url) if url.startswith("sqlite:///") else _postgres(url) as fetch:
            return _visible(fetch, fetch(query, text), embedded=url.startswith("sqlite:///"))
    return []


def _visible(fetch: _Fetch, found: list[Any], *, embedded: bool) -> list[Any]:
    """Those of the rows that whoever asks may know of, without the owner."""
    given = os.environ.get("AVNZ_INT_TOKEN")
    if given is None:
        return [row[:-1] for row in found] if embedded else []
    from avnz_int.model import tokens  # noqa: PLC0415  # hashlib, which nobody without a token needs

    (role, client), *_ = fetch(_PRESENTED, tokens.hashed(given.strip()))
    return [row[:-1] for row in found if role in _SEE_ALL or (client and row[-1] == client)]


def _now() -> str:
    from avnz_int import clock  # noqa: PLC0415  # only where a database is asked

    return clock.rfc3339(clock.now())


def _default_url() -> str:
    from avnz_int import settings  # noqa: PLC0415  # 10 ms that whoever names a database does not pay

    return settings.default_database_url()


@contextlib.contextmanager
def _sqlite(url: str) -> Iterator[_Fetch]:
    import sqlite3  # noqa: PLC0415  # 4 ms that PostgreSQL's users do not pay

    # Only to read: a TAB must never make the file.
    path = quote(str(Path(url.removeprefix("sqlite:///")).absolute()))
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_WAIT_MS / 1000)
    with contextlib.closing(connection):

        def fetch(query: str, text: str) -> list[Any]:
            statement = query.format(text=":text", length="length(:text)", now=":now")
            return connection.execute(statement, {"text": text, "now": _now()}).fetchall()

        yield fetch


@contextlib.contextmanager
def _postgres(url: str) -> Iterator[_Fetch]:
    import psycopg  # noqa: PLC0415  # 140 ms that only PostgreSQL's users pay

    schema = os.environ.get("AVNZ_INT_SCHEMA") or "public"
    if not schema.isidentifier():
        raise ValueError("no schema")
    options = f'-c search_path="{schema}" -c statement_timeout={_WAIT_MS * 5}'
    address = "postgresql://" + url.partition("://")[2]
    with psycopg.connect(address, connect_timeout=2, options=options) as server:

        def fetch(query: str, text: str) -> list[Any]:
            words = {
                "text": "%(text)s::text",
                "length": "length(%(text)s::text)",
                "now": "%(now)s::timestamptz",
            }
            found = {"text": text, "now": _now()}
            return server.execute(query.format(**words).encode(), found).fetchall()

        yield fetch
