"""The few statements that every query module is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Select, Table, bindparam, insert, select, update

Row = Mapping[str, Any]


def add(connection: Connection, table: Table, values: Row) -> None:
    """Insert one row."""
    connection.execute(insert(table).values(**values))


def add_all(connection: Connection, table: Table, values: Sequence[Row]) -> None:
    """Insert many rows of the same columns."""
    connection.execute(insert(table), list(values))


def change(connection: Connection, table: Table, row_id: str, values: Row) -> None:
    """Update one row by its id."""
    connection.execute(update(table).where(table.c.id == row_id).values(**values))


def change_all(connection: Connection, table: Table, changes: Sequence[tuple[str, Row]]) -> None:
    """Update rows given by id: one statement for all that set the same columns."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row_id, values in changes:
        alike[tuple(values)].append({"row": row_id, **values})
    for same in alike.values():
        connection.execute(update(table).where(table.c.id == bindparam("row")), same)


def by_ids(
    connection: Connection, table: Table, ids: Collection[str], *, lock: bool = False
) -> dict[str, Row]:
    """Id -> row of those that are there; `lock` keeps others from changing them until the end."""
    if not ids:
        return {}
    statement = select(table).where(table.c.id.in_(ids))
    found = every(connection, statement.with_for_update() if lock else statement)
    return {row["id"]: row for row in found}


def remove(connection: Connection, table: Table, row_id: str) -> None:
    """Delete one row by its id."""
    connection.execute(table.delete().where(table.c.id == row_id))


def first(connection: Connection, statement: Select[Any]) -> Row | None:
    """The first row as a mapping of column names, or None."""
    return cast("Row | None", connection.execute(statement).mappings().first())


def every(connection: Connection, statement: Select[Any]) -> list[Row]:
    """All rows as mappings of column names."""
    return cast("list[Row]", list(connection.execute(statement).mappings().all()))
