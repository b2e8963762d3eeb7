"""Queries over IntegrationDefinition: the definitions in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row

DEFINITION = tables.IntegrationDefinition


def by_provider(connection: Connection, provider: str) -> Row | None:
    """The definition of one provider."""
    return rows.first(connection, select(DEFINITION).where(DEFINITION.c.provider == provider))


def listing(
    connection: Connection, *, category: str | None = None, client_allowed: bool = False
) -> Sequence[Row]:
    """Definitions by category and provider."""
    statement = select(DEFINITION).order_by(DEFINITION.c.category, DEFINITION.c.provider)
    if category is not None:
        statement = statement.where(DEFINITION.c.category == category)
    if client_allowed:
        statement = statement.where(DEFINITION.c.isClientAllowed)
    return rows.every(connection, statement)


def settings_schemas(connection: Connection) -> dict[str, Any]:
    """Provider -> settings schema as it stands, for all providers in one query."""
    found = connection.execute(select(DEFINITION.c.provider, DEFINITION.c.settingsSchema))
    return {row.provider: row.settingsSchema for row in found}
