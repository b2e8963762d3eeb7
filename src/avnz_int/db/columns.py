"""Kinds of columns, and the metadata of all tables: what `tables` is written in."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Text,
    event,
)

from avnz_int.db.types import Json, Sealed, TextArray, Timestamp

_CONDITION = "where"

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)
"""Every table of `tables`."""


def one_of(column: str, words: type[StrEnum], *, among: tuple[str, ...] | None = None) -> CheckConstraint:
    """A constraint: the column holds one of the words of an enum, or of those `among` them."""
    listed = ", ".join(f"'{word}'" for word in (among or tuple(words)))
    return CheckConstraint(f'"{column}" IN ({listed})', name=column)


def one_where(condition: str, name: str, *columns: str) -> Index:
    """A unique index over the rows that meet a condition.

    The condition is handed over when tables are made: SQLAlchemy's own `postgresql_where` loads that dialect,
    a tenth of what every command takes to start.
    """
    return Index(name, *columns, unique=True, info={_CONDITION: condition})


@event.listens_for(metadata, "before_create")
def _conditions(_: MetaData, connection: Connection, **__: Any) -> None:
    for table in metadata.tables.values():
        for index in table.indexes:
            if _CONDITION in index.info:
                options = index.dialect_options[connection.dialect.name]
                options["where"] = sqlalchemy.text(index.info[_CONDITION])


def text(
    name: str,
    *,
    key: bool = False,
    to: str | None = None,
    unique: bool = False,
    index: bool = False,
    required: bool = True,
    default: str | None = None,
) -> Column[Any]:
    """A text column; `to` names the column that it refers to, which then cannot be deleted."""
    return Column(
        name,
        Text,
        *([ForeignKey(to, ondelete="RESTRICT")] if to else ()),
        primary_key=key,
        unique=unique,
        index=index,
        nullable=not required,
        server_default=default,
    )


def texts(name: str) -> Column[Any]:
    """A column of lists of strings."""
    return Column(name, TextArray, nullable=False)


def number(
    name: str, *, key: bool = False, big: bool = False, required: bool = True, default: int | None = None
) -> Column[Any]:
    """A column of whole numbers, of 64 bits if `big`."""
    kind = BigInteger if big else Integer
    given = None if default is None else str(default)
    return Column(name, kind, primary_key=key, nullable=not required, server_default=given)


def time(name: str, *, required: bool = True) -> Column[Any]:
    """A time column."""
    return Column(name, Timestamp, nullable=not required)


def stamps() -> tuple[Column[Any], ...]:
    """When a row was made and last changed, and by whom."""
    return time("createdAt"), time("updatedAt"), text("createdBy"), text("updatedBy", required=False)


def json(name: str, *, required: bool = False) -> Column[Any]:
    """A JSON column."""
    return Column(name, Json, nullable=not required)


def sealed(name: str, *, required: bool = False) -> Column[Any]:
    """A column of sealed values; the id of their key stands beside it."""
    return Column(name, Sealed, nullable=not required)


def flag(name: str, *, default: bool) -> Column[Any]:
    """A boolean column."""
    given = sqlalchemy.true() if default else sqlalchemy.false()
    return Column(name, Boolean, nullable=False, server_default=given)
