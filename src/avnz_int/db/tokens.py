"""Queries over Token."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, or_, select, update

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row
from avnz_int.model.enums import Role

TOKEN = tables.Token
_CLIENT = tables.Client


def _with_client() -> Select[Any]:
    return select(TOKEN, _CLIENT.c.slug.label("client")).join(
        _CLIENT, _CLIENT.c.id == TOKEN.c.clientId, isouter=True
    )


def by_hash(connection: Connection, hashed: str) -> Row | None:
    """The token with this hash, and the slug of its client."""
    return rows.first(connection, _with_client().where(TOKEN.c.hash == hashed))


def listing(connection: Connection) -> Sequence[Row]:
    """All tokens with the slugs of their clients, oldest first."""
    return rows.every(connection, _with_client().order_by(TOKEN.c.createdAt, TOKEN.c.id))


def live_admins(connection: Connection, moment: datetime) -> int:
    """How many org_admin tokens are neither revoked nor expired."""
    statement = (
        select(func.count()).select_from(TOKEN).where(TOKEN.c.role == Role.ORG_ADMIN.value, *live(moment))
    )
    return connection.scalar(statement) or 0


def live_of_client(connection: Connection, client_id: str, moment: datetime) -> Sequence[Row]:
    """A client's tokens that are neither revoked nor expired."""
    statement = _with_client().where(TOKEN.c.clientId == client_id, *live(moment))
    return rows.every(connection, statement.order_by(TOKEN.c.createdAt, TOKEN.c.id))


def forget_client(connection: Connection, client_id: str) -> None:
    """Remove every token of a client that is about to be removed."""
    connection.execute(delete(TOKEN).where(TOKEN.c.clientId == client_id))


def used(connection: Connection, token_id: str, moment: datetime) -> None:
    """Note when a token was used last."""
    connection.execute(update(TOKEN).where(TOKEN.c.id == token_id).values(lastUsedAt=moment))


def live(moment: datetime) -> tuple[Any, ...]:
    """The conditions of a token that is neither revoked nor expired."""
    return (
        TOKEN.c.revokedAt.is_(None),
        or_(TOKEN.c.expiresAt.is_(None), TOKEN.c.expiresAt > moment),
    )
