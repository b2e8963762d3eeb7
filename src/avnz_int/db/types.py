"""Column types that are a standard PostgreSQL type there and text on SQLite (contract, section 5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from avnz_int import clock
from avnz_int.model.json_writer import json_writer

_json = json_writer()


class Timestamp(TypeDecorator[datetime]):
    """An aware UTC time: `timestamptz(3)` on PostgreSQL, RFC 3339 text with milliseconds on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The dialect's own type."""
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import TIMESTAMP  # noqa: PLC0415  # SQLite pays nothing for it

            return TIMESTAMP(timezone=True, precision=3)  # type_descriptor() would lose the precision
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To the database; naive times are a defect."""
        if value is None or dialect.name == "postgresql":
            return value
        return clock.rfc3339(value)

    # Not `process_result_value`: around it SQLAlchemy puts a call of its own, for each value of each row.
    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """What makes a value from the database's: a time; on PostgreSQL the driver has made one."""
        return None if dialect.name == "postgresql" else _time


class _Jsonb(TypeDecorator[Any]):
    """`jsonb` on PostgreSQL, text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The dialect's own type."""
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415

            return dialect.type_descriptor(JSONB(none_as_null=True))
        return dialect.type_descriptor(Text())


class Json(_Jsonb):
    """A JSON value: `jsonb` on PostgreSQL, compact text on SQLite. None is SQL NULL."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """To the database."""
        if value is None or dialect.name == "postgresql":
            return value
        return _json(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """What makes a value from the database's: a JSON value; on PostgreSQL the driver has made one."""
        return None if dialect.name == "postgresql" else parsed


class Sealed(_Jsonb):
    """A sealed value: `jsonb` on PostgreSQL, text on SQLite; opaque here.

    Written as JSON text. Read as it comes, the text on SQLite and an object on PostgreSQL, because only the
    cipher may judge its form: a row with a broken one must still be readable, so that it can be named.
    Every column of this type is covered by key rotation (a test walks the metadata).
    """

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """To the database: JSON text, or the object as it was read."""
        if dialect.name == "postgresql" and isinstance(value, str):
            return json.loads(value)
        return value


class TextArray(TypeDecorator[list[str]]):
    """A list of strings: `text[]` on PostgreSQL, JSON text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The dialect's own type."""
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import ARRAY  # noqa: PLC0415

            return dialect.type_descriptor(ARRAY(Text()))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> Any:
        """To the database."""
        if value is None or dialect.name == "postgresql":
            return value
        return _json(list(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> list[str] | None:
        """From the database; foreign text is the only string of its list, so that it stays one."""
        if value is None or isinstance(value, list):
            return value
        found = parsed(value)
        fits = isinstance(found, list) and all(isinstance(one, str) for one in found)
        return found if fits else [str(value)]


# Foreign text comes as it is, so that its row can still be shown.


def _time(stored: Any) -> Any:
    try:
        return None if stored is None else clock.parse_rfc3339(stored)
    except (TypeError, ValueError):
        return stored


def parsed(stored: Any) -> Any:
    """A JSON value as either database gives it; foreign text as it is."""
    try:
        return None if stored is None else json.loads(stored)
    except (TypeError, ValueError):
        return stored
