"""The few statements that every query module is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Select, Table, insert, update
from sqlmodel import SQLModel

Row = Mapping[str, Any]


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a SQLModel class."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]  # SQLModel sets it on table classes


def add(connection: Connection, table: Table, values: Row) -> None:
    """Insert one row."""
    connection.execute(insert(table).values(**values))


def add_all(connection: Connection, table: Table, values: Sequence[Row]) -> None:
    """Insert many rows of the same columns."""
    connection.execute(insert(table), list(values))


def change(connection: Connection, table: Table, row_id: str, values: Row) -> None:
    """Update one row by its id."""
    connection.execute(update(table).where(table.c.id == row_id).values(**values))


def remove(connection: Connection, table: Table, row_id: str) -> None:
    """Delete one row by its id."""
    connection.execute(table.delete().where(table.c.id == row_id))


def first(connection: Connection, statement: Select[Any]) -> Row | None:
    """The first row as a mapping of column names, or None."""
    return cast("Row | None", connection.execute(statement).mappings().first())


def every(connection: Connection, statement: Select[Any]) -> list[Row]:
    """All rows as mappings of column names."""
    return cast("list[Row]", list(connection.execute(statement).mappings()))
