"""What in a database is not as the migrations and models say: `db check`.

Alembic's own comparison sees neither a dropped CHECK nor a changed predicate of a partial index, so the
databases' own descriptions are compared: PostgreSQL's catalog with that of temporary tables made from the
models, SQLite's stored SQL with that of a fresh migration.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from sqlalchemy import Connection, create_engine, text

from avnz_int.db import migrate, tables
from avnz_int.db.engine import Database

Shape = dict[str, dict[str, str]]
"""Table -> part (`CHECK Client_status_check`, `column name`, …) -> its definition."""

_KINDS = {"c": "CHECK", "u": "unique", "p": "primary key", "f": "foreign key", "x": "exclusion"}
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\s+|[(),]|[^\s(),'"]+""")
_CONSTRAINT = re.compile(r'CONSTRAINT ("(?:[^"]|"")*"|\S+) (CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY)')
_UNNAMED = re.compile(r"(CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY)\b")
_WORDS = {"UNIQUE": "unique", "PRIMARY KEY": "primary key", "FOREIGN KEY": "foreign key", "CHECK": "CHECK"}


def differences(db: Database) -> list[str]:
    """A line for each table, column, constraint and index that is missing, changed or not ours.

    `ClientIntegration: CHECK ClientIntegration_own_check is missing`. Tables of others are not looked at.

    Raises:
        NotInitializedError: there is no database.
        NotMigratedError: its schema is older or newer than this program's.
        DatabaseUnavailableError: it cannot be used now.
    """
    # On PostgreSQL the models are made into tables beside ours, and undone again.
    with db.read() if db.is_sqlite else db.write() as connection:
        return differences_on(connection, None if db.is_sqlite else db.schema)


def differences_on(connection: Connection, schema: str | None) -> list[str]:
    """`differences` as a transaction sees them that is open already; schema None means SQLite."""
    if schema is None:
        return compare(sqlite_shape(connection), _migrated_shape())
    return compare(*_postgres_shapes(connection, schema))


def compare(found: Shape, wanted: Shape) -> list[str]:
    """The lines that tell how `found` differs from `wanted`."""
    lines = []
    for table, parts in wanted.items():
        if table not in found:
            lines.append(f"{table}: the table is missing")
            continue
        there = found[table]
        for part, definition in parts.items():
            if part not in there:
                lines.append(f"{table}: {part} is missing")
            elif there[part] != definition:
                lines.append(f"{table}: {part} is {there[part]}, should be {definition}")
        lines.extend(f"{table}: {part} is not avnz-int's" for part in there if part not in parts)
    return lines


@functools.cache
def _migrated_shape() -> Shape:
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            migrate.run(connection)
            return sqlite_shape(connection)
    finally:
        engine.dispose()


def sqlite_shape(connection: Connection) -> Shape:
    """Our tables as `sqlite_master` has them."""
    shape: Shape = {}
    rows = connection.execute(
        text("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    ).all()
    for kind, _name, table, sql in rows:
        if kind == "table" and table in tables.metadata.tables:
            shape[table] = dict(_sqlite_part(item) for item in _items(sql))
    for kind, name, table, sql in rows:
        if kind == "index" and table in shape:
            shape[table][f"index {name}"] = _squeezed(sql)
    return shape


def _items(sql: str) -> Iterator[str]:
    """What stands between the outer parentheses of a CREATE TABLE, cut at its commas."""
    depth, item = 0, ""
    for piece in _TOKEN.findall(sql):
        if piece == ")":
            depth -= 1
        if (depth == 0 and item) or (depth == 1 and piece == ","):
            yield item.strip()
            item = ""
        elif depth > 0:
            item += " " if piece.isspace() else piece
        if piece == "(":
            depth += 1


def _sqlite_part(item: str) -> tuple[str, str]:
    constraint = _CONSTRAINT.match(item)
    if constraint:
        return f"{_WORDS[constraint[2]]} {_unquoted(constraint[1])}", item[constraint.start(2) :]
    unnamed = _UNNAMED.match(item)
    if unnamed:
        return f"{_WORDS[unnamed[1]]} {item[unnamed.end() :].strip()}", item
    name = _TOKEN.findall(item)[0]
    return f"column {_unquoted(name)}", item[len(name) :].strip()


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _squeezed(sql: str) -> str:
    return "".join(" " if piece.isspace() else piece for piece in _TOKEN.findall(sql))


def _postgres_shapes(connection: Connection, schema: str) -> tuple[Shape, Shape]:
    """What is there, and what the models would make."""
    ours = connection.scalar(text("SELECT oid FROM pg_namespace WHERE nspname = :name"), {"name": schema})
    found = _postgres_shape(connection, ours)
    savepoint = connection.begin_nested()
    try:
        # First in the path: here tables are made, and names in definitions stay without a schema.
        connection.execute(text(f'SET LOCAL search_path TO pg_temp, "{schema}"'))
        tables.metadata.create_all(connection, checkfirst=False)
        wanted = _postgres_shape(connection, connection.scalar(text("SELECT pg_my_temp_schema()")))
    finally:
        savepoint.rollback()
    return found, wanted


_COLUMNS = """
    SELECT c.relname, a.attname,
           format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
           || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid, true), '')
           || CASE WHEN a.attgenerated <> '' THEN ' GENERATED' ELSE '' END
           || CASE WHEN a.attidentity <> '' THEN ' IDENTITY' ELSE '' END
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = :schema AND c.relkind IN ('r', 'p')
    ORDER BY c.relname, a.attnum
"""
# PostgreSQL 18 also lists NOT NULL here ('n'); the columns tell that on every version.
_CONSTRAINTS = """
    SELECT c.relname, k.contype, k.conname, pg_get_constraintdef(k.oid, true)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE c.relnamespace = :schema AND k.contype IN ('c', 'u', 'p', 'f', 'x')
    ORDER BY c.relname, k.conname
"""
_INDEXES = """
    SELECT c.relname, i.relname, pg_get_indexdef(x.indexrelid, 0, true)
           || CASE WHEN x.indisvalid THEN '' ELSE ' INVALID' END
    FROM pg_index x
    JOIN pg_class c ON c.oid = x.indrelid
    JOIN pg_class i ON i.oid = x.indexrelid
    WHERE c.relnamespace = :schema
      AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype <> 'f')
    ORDER BY c.relname, i.relname
"""


def _postgres_shape(connection: Connection, schema: int | None) -> Shape:
    """Our tables in a schema, given by its object id, as the catalog has them."""
    shape: Shape = {}
    name = {"schema": schema}
    for table, column, definition in connection.execute(text(_COLUMNS), name):
        shape.setdefault(table, {})[f"column {column}"] = definition
    for table, kind, constraint, definition in connection.execute(text(_CONSTRAINTS), name):
        shape[table][f"{_KINDS[kind]} {constraint}"] = definition
    for table, index, definition in connection.execute(text(_INDEXES), name):
        shape[table][f"index {index}"] = definition
    return {table: parts for table, parts in shape.items() if table in tables.metadata.tables}
