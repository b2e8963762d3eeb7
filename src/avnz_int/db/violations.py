"""Rows that break what the models demand, where the database itself no longer sees to it.

A CHECK that was dropped, altered or never validated lets such rows in; on SQLite so does a pragma.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Integer,
    Label,
    Table,
    literal_column,
    select,
    text,
)

from avnz_int.db import tables
from avnz_int.db.engine import Database
from avnz_int.db.types import Json, TextArray, Timestamp


def rows_against_models(connection: Connection, table_name: str) -> Iterator[tuple[str, str]]:
    """Constraint, or `column NOT NULL`, and the key of each row of a table that breaks it."""
    table = tables.metadata.tables[table_name]
    for column in table.columns:
        if not column.nullable:
            yield from _matching(connection, table, f"{column.name} NOT NULL", f'"{column.name}" IS NULL')
    checks = [one for one in table.constraints if isinstance(one, CheckConstraint)]
    for check in sorted(checks, key=lambda one: str(one.name)):
        yield from _matching(connection, table, f"CHECK {check.name}", f"NOT ({check.sqltext})")


def _matching(connection: Connection, table: Table, rule: str, condition: str) -> Iterator[tuple[str, str]]:
    for row in connection.execute(select(*table.primary_key).where(text(condition))):
        yield rule, "/".join(str(part) for part in row)


def foreign_values(connection: Connection, table_name: str) -> Iterator[tuple[str, str]]:
    """Column and key of each value that is not of its column's kind, which SQLite takes into any column."""
    table = tables.metadata.tables[table_name]
    odd = {column.name: _is_odd(column) for column in table.columns}
    wrong = {name: condition for name, condition in odd.items() if condition}
    if not wrong:
        return
    marked: list[Label[Any]] = [
        literal_column(f"({condition})").label(f"is{i}") for i, condition in enumerate(wrong.values())
    ]
    any_of = text(" OR ".join(wrong.values()))
    for row in connection.execute(select(*table.primary_key, *marked).where(any_of)):
        key = "/".join(str(part) for part in row[: -len(wrong)])
        for name, is_wrong in zip(wrong, row[-len(wrong) :], strict=True):
            if is_wrong:
                yield name, key


def _is_odd(column: Column[Any]) -> str | None:
    """In SQL, whether a value is not of its column's kind; None where any may be."""
    name, kind = f'"{column.name}"', column.type
    if isinstance(kind, Integer | Boolean):
        return f"typeof({name}) NOT IN ('integer', 'null')"
    if isinstance(kind, Timestamp):
        return f"({name} IS NOT NULL AND (julianday({name}) IS NULL OR {name} NOT LIKE '%T%'))"
    if isinstance(kind, Json):
        return f"({name} IS NOT NULL AND NOT json_valid({name}))"
    if isinstance(kind, TextArray):
        is_list = f"CASE WHEN json_valid({name}) THEN json_type({name}) = 'array' ELSE 0 END"
        return f"({name} IS NOT NULL AND NOT {is_list})"
    return None


def storage_damage(database: Database) -> list[str]:
    """The lines of SQLite's own check of its file and of the rows that refer to rows; none on PostgreSQL.

    `row 12 of ClientIntegration refers to a row of Client that is not there`. What SQLite's check says of a
    row that breaks a CHECK or NOT NULL names the table.

    Raises:
        DatabaseUnavailableError: it cannot be read, or is too damaged to be checked.
    """
    if not database.is_sqlite:
        return []
    with database.raw() as connection:
        found = connection.exec_driver_sql("PRAGMA integrity_check")
        lines = [str(line) for (line,) in found if line != "ok"]
        dangling = connection.exec_driver_sql("PRAGMA foreign_key_check")
        lines += [
            f"row {rowid} of {table} refers to a row of {parent} that is not there"
            for table, rowid, parent, _ in dangling
        ]
    return lines
