"""REF -> row: an id, a prefix of one, CLIENT/NAME, CLIENT/PROVIDER/NAME, platform/PROVIDER, or a bare name.

An actor finds only what it may know of: anything else is not found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection

from avnz_int.db import clients, platform, resolution, rows, tenants
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.errors import AmbiguousRefError, HiddenError, InvalidInputError, NotFoundError, UsageError
from avnz_int.model.actor import Actor
from avnz_int.model.filters import DefaultClient

_PREFIX = re.compile(r"[a-z][a-z0-9]{5,23}")
PLATFORM_WORD = "platform"
"""The first part of a REF to a platform integration; no tenant may have it as its slug."""

_CLIENT_HINT = "avnz-int client list shows what there is"
ANY_HINT = "name it by id, CLIENT/NAME, CLIENT/PROVIDER/NAME or platform/PROVIDER"


def is_prefix(text: str) -> bool:
    """Whether it may be the beginning of an id, of at least 6 characters."""
    return _PREFIX.fullmatch(text) is not None


def findable(text: str) -> bool:
    """Whether a database can be asked for it: it holds no NUL and no bytes that are no UTF-8."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def client(connection: Connection, actor: Actor, slug: str) -> rows.Row:
    """The client of this slug.

    Raises:
        NotFoundError: there is none, or it is not the actor's.
    """
    row = tenants.by_slug(connection, tenants.CLIENT, slug) if findable(slug) else None
    hint = "avnz-int tenant list shows the clients"
    if row is None:
        raise NotFoundError(f"no client {slug!r}", hint=hint)
    if actor.client_id is not None and row["id"] != actor.client_id:
        raise HiddenError(f"no client {slug!r}", hint=hint)
    return row


def client_or_own(connection: Connection, actor: Actor, slug: str | None) -> rows.Row | None:
    """The client of this slug; without one the actor's own, None for somebody of the organization.

    Raises:
        NotFoundError: there is none, or it is not the actor's.
    """
    if slug is not None:
        return client(connection, actor, slug)
    if actor.client_id is None:
        return None
    own = tenants.by_id(connection, tenants.CLIENT, actor.client_id)
    if own is None:
        raise NotFoundError("the client that this actor is of is not there")
    return own


def owner(connection: Connection, actor: Actor, slug: str | None, company: str | None) -> rows.Row:
    """`id` and `slug` of the client that is meant: of this slug, that of a company, or the actor's own.

    Raises:
        NotFoundError: no such client or company that the actor may know of, or it is not the client's.
        InvalidInputError: somebody of the organization named neither.
    """
    if company is None:
        row = client_or_own(connection, actor, slug)
        if row is None:
            raise InvalidInputError(
                "which client?", hint="give --client SLUG or --company SLUG, or set AVNZ_INT_CLIENT"
            )
        return row
    found = resolution.company(connection, company) if findable(company) else None
    message, hint = f"no company {company!r}", "avnz-int tenant list shows the companies"
    if found is None:
        raise NotFoundError(message, hint=hint)
    if actor.client_id not in {None, found["clientId"]}:
        raise HiddenError(message, hint=hint)
    if slug not in {None, found["client"]}:
        raise NotFoundError(f"{message} of the client {slug!r}", hint=hint)
    return {"id": found["clientId"], "slug": found["client"]}


def platform_integration(connection: Connection, ref: str) -> rows.Row:
    """The platform integration a REF names: platform/PROVIDER, PROVIDER, an id or a prefix of one.

    Raises:
        NotFoundError: none.
        AmbiguousRefError: several.
    """
    word, slash, provider = ref.partition("/")
    found: Sequence[rows.Row] = []
    if not findable(ref):
        pass
    elif slash:
        row = platform.by_provider(connection, provider) if word == PLATFORM_WORD else None
        found = [] if row is None else [row]
    else:
        found = _platform_bare(connection, ref)
    return _one(ref, found, PLATFORM_TABLE, "avnz-int platform list shows what there is")


def client_integration(
    connection: Connection, actor: Actor, ref: str, client_slug: str | None = None
) -> rows.Row:
    """The client integration a REF names, as a row of `db.clients`.

    Raises:
        NotFoundError: none that the actor may know of.
        AmbiguousRefError: several.
        UsageError: a bare name without a client.
    """
    owner, limit = _owner(connection, actor, client_slug)
    if "/" in ref:
        found = _client_path(connection, actor, ref)
    else:
        found = _client_bare(connection, actor, ref, owner, limit, hint=_CLIENT_HINT)
        if not found and owner is None and actor.client_id is None:
            raise NotFoundError(
                f"no integration {ref!r}",
                hint="give --client with a name, or write CLIENT/NAME, or an id of at least 6 characters",
            )
    if limit is not None:
        found = [row for row in found if row["clientId"] == limit]
    return _one(ref, found, CLIENT_TABLE, _CLIENT_HINT)


def integration(
    connection: Connection, actor: Actor, ref: str, client_slug: str | None = None
) -> tuple[str, rows.Row]:
    """The table and row of whichever integration a REF names (`test`, `usage`).

    Raises:
        NotFoundError: none that the actor may know of.
        AmbiguousRefError: several.
    """
    if ref.startswith(PLATFORM_WORD + "/"):
        if actor.client_id is not None:
            raise HiddenError(f"no integration {ref!r}", hint=ANY_HINT)
        return PLATFORM_TABLE, platform_integration(connection, ref)
    if "/" in ref:
        return CLIENT_TABLE, client_integration(connection, actor, ref, client_slug)
    owner, limit = _owner(connection, actor, client_slug)
    found = [(CLIENT_TABLE, row) for row in _client_bare(connection, actor, ref, owner, limit, hint=ANY_HINT)]
    if limit is None and actor.client_id is None and findable(ref):
        # Where bare names are a client's, a provider is none.
        found += [
            (PLATFORM_TABLE, row)
            for row in _platform_bare(connection, ref)
            if owner is None or row["id"].startswith(ref)
        ]
    exact = [pair for pair in found if pair[1]["id"] == ref]
    found = exact or found
    if len(found) > 1:
        raise _ambiguous(ref, [_path(table, row) for table, row in found])
    if not found:
        raise NotFoundError(f"no integration {ref!r}", hint=ANY_HINT)
    return found[0]


def _owner(connection: Connection, actor: Actor, client_slug: str | None) -> tuple[str | None, str | None]:
    """The id of the client whose bare names are meant, and of the one that everything must be of."""
    if client_slug is None:
        return None, None
    owner = client(connection, actor, str(client_slug))["id"]
    return owner, None if isinstance(client_slug, DefaultClient) else owner


def _platform_bare(connection: Connection, ref: str) -> list[rows.Row]:
    exact = platform.by_id(connection, ref)
    if exact is not None:
        return [exact]
    named = platform.by_provider(connection, ref)
    found = [] if named is None else [named]
    if is_prefix(ref):
        found += platform.by_id_prefix(connection, ref)
    return found


def _client_path(connection: Connection, actor: Actor, ref: str) -> list[rows.Row]:
    parts = ref.split("/")
    if len(parts) > 3 or not all(parts):
        raise UsageError(f"{ref!r} is no REF", hint="write CLIENT/NAME or CLIENT/PROVIDER/NAME")
    owner = client(connection, actor, parts[0])
    if not findable(ref):
        return []
    provider = parts[1] if len(parts) == 3 else None
    return list(clients.by_name(connection, owner["id"], parts[-1], provider))


def _client_bare(
    connection: Connection, actor: Actor, ref: str, owner: str | None, limit: str | None, *, hint: str
) -> list[rows.Row]:
    if not findable(ref):
        return []
    visible = limit or actor.client_id
    exact = clients.by_id(connection, ref)
    if exact is not None:
        if actor.client_id not in {None, exact["clientId"]}:
            raise HiddenError(f"no integration {ref!r}", hint=hint)
        return [exact] if visible in {None, exact["clientId"]} else []
    found: list[rows.Row] = []
    named = owner or actor.client_id
    if named is not None:
        found += clients.by_name(connection, named, ref)
    if is_prefix(ref):
        found += clients.by_id_prefix(connection, ref, visible)
    return found


def _one(ref: str, found: Sequence[rows.Row], table: str, hint: str) -> rows.Row:
    distinct = {row["id"]: row for row in found}
    if len(distinct) > 1:
        raise _ambiguous(ref, [_path(table, row) for row in distinct.values()])
    if not distinct:
        raise NotFoundError(f"no integration {ref!r}", hint=hint)
    return next(iter(distinct.values()))


def _path(table: str, row: rows.Row) -> str:
    if table == PLATFORM_TABLE:
        return f"{PLATFORM_WORD}/{row['provider']} ({row['id']})"
    return f"{row['client']}/{row['provider']}/{row['name']} ({row['id']})"


def _ambiguous(ref: str, candidates: list[str]) -> AmbiguousRefError:
    listed = sorted(set(candidates))
    return AmbiguousRefError(
        f"{ref!r} fits several integrations: {', '.join(listed)}",
        hint="write more of it",
        details={"candidates": listed},
    )
