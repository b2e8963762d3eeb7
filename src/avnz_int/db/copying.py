"""Every row of every table from one database into another, of the same kind or not.

Between two SQLite files values pass as they stand. Otherwise each passes through its column's type: jsonb and
JSON text, `text[]` and JSON text, `timestamptz(3)` and RFC 3339 text, booleans and 0 or 1.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Table, func, insert, inspect, select, text
from sqlalchemy import column as untyped_column
from sqlalchemy import table as untyped

from avnz_int import clock
from avnz_int.db import tables
from avnz_int.db.engine import Database, current_revision
from avnz_int.db.types import Json, Sealed, TextArray, Timestamp
from avnz_int.errors import IntegrityError
from avnz_int.model.json_writer import json_writer

_PAGE = 500
_written = json_writer()
_MEMBERS = ("protected", "aad", "iv", "ciphertext", "tag")
"""The order of a sealed value's members as they are first written; jsonb keeps none."""

Page = Sequence[dict[str, Any]]
Convert = Callable[[Any], Any]


def ordered() -> list[Table]:
    """Every table, those that others refer to first."""
    return list(tables.metadata.sorted_tables)


def filled(database: Database) -> list[str]:
    """The names of our tables that hold a row; whatever migration the database is at."""
    schema = None if database.is_sqlite else database.schema
    with database.raw() as connection:
        if current_revision(connection, schema=schema) is None:
            return []
        there = set(inspect(connection).get_table_names(schema=schema))
        ours = [table.name for table in ordered() if table.name in there]
        found = [name for name in ours if connection.scalar(text(f'SELECT 1 FROM "{name}" LIMIT 1'))]  # noqa: S608  # our own names
        connection.rollback()
        return found


def counts(connection: Connection) -> dict[str, int]:
    """Table -> how many rows it has."""
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in ordered()
    }


def copy(source: Connection, target: Connection, on_rows: Callable[[int], None]) -> dict[str, int]:
    """Table -> how many rows were written; of any table a page at a time is in memory.

    Args:
        source: of a transaction that sees one moment.
        target: of a transaction over empty tables.
        on_rows: told of each page, how many rows it had.

    Raises:
        IntegrityError: a value is not what its column is for, so that the other kind has no form for it.
    """
    written = {}
    for table in ordered():
        written[table.name] = 0
        statement, read = _reader(source, target, table)
        # Closed where a page stops it: PostgreSQL holds a cursor open for it.
        with contextlib.closing(read):
            for page in read:
                target.execute(statement, page)
                written[table.name] += len(page)
                on_rows(len(page))
    return written


def _reader(source: Connection, target: Connection, table: Table) -> tuple[Any, Generator[Page, None, None]]:
    """The statement that writes, and the pages that it is given."""
    from_sqlite = source.dialect.name == "sqlite"
    to_sqlite = target.dialect.name == "sqlite"
    # Columns without a type: values as the driver has them.
    plain = untyped(table.name, *(untyped_column(c.name) for c in table.c))
    if from_sqlite and to_sqlite:
        return insert(plain), _pages(source, select(plain))
    chosen = select(plain) if from_sqlite else select(table)
    if from_sqlite:
        convert = {c.name: _FROM_TEXT[type(c.type)] for c in table.c if type(c.type) in _FROM_TEXT}
    else:
        convert = {c.name: _sealed_text for c in table.c if to_sqlite and isinstance(c.type, Sealed)}
    return insert(table), (_converted(table, page, convert) for page in _pages(source, chosen))


def _pages(connection: Connection, statement: Any) -> Generator[Page, None, None]:
    options = {"stream_results": True, "yield_per": _PAGE}
    with connection.execute(statement, execution_options=options) as result:
        for page in result.mappings().partitions():
            yield [dict(row) for row in page]


def _converted(table: Table, page: Page, convert: Mapping[str, Convert]) -> Page:
    for row in page:
        for name, change in convert.items():
            if row[name] is not None:
                try:
                    row[name] = change(row[name])
                except (TypeError, ValueError, RecursionError):
                    raise _unfit(table, row, name) from None
    return page


def _unfit(table: Table, row: Mapping[str, Any], name: str) -> IntegrityError:
    keys: list[Column[Any]] = list(table.primary_key)
    which = " ".join(str(row[column.name]) for column in keys)
    return IntegrityError(
        f"{table.name} {which}: {name} does not hold what it is for, so it cannot be copied",
        hint="somebody wrote it past avnz-int: mend or delete that row, then copy again",
        details={"table": table.name, "column": name, "id": which},
    )


def _time(stored: str) -> Any:
    return clock.parse_rfc3339(stored)


def _json(stored: str) -> Any:
    return json.loads(stored)


def _sealed(stored: str) -> Any:
    value = json.loads(stored)
    if not isinstance(value, dict):
        raise TypeError
    return value


def _list(stored: str) -> list[str]:
    value = json.loads(stored)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError
    return value


def _flag(stored: int) -> bool:
    if stored not in {0, 1}:
        raise ValueError
    return bool(stored)


def _sealed_text(stored: Any) -> str:
    if not isinstance(stored, dict):
        raise TypeError
    members = {name: stored[name] for name in _MEMBERS if name in stored}
    return _written(members | stored)


_FROM_TEXT: Mapping[type, Convert] = {
    Timestamp: _time,
    Json: _json,
    Sealed: _sealed,
    TextArray: _list,
    Boolean: _flag,
}
