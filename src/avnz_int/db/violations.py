"""Rows that break what the models demand, where the database itself no longer sees to it.

A CHECK that was dropped, altered or never validated lets such rows in; on SQLite so does a pragma.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import CheckConstraint, Connection, Table, select, text

from avnz_int.db import tables
from avnz_int.db.engine import Database


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
