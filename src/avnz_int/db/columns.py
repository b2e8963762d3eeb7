"""Kinds of columns, and the base of all tables: what `tables` is written in."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import sqlalchemy
from sqlalchemy import CheckConstraint, MetaData, Text
from sqlmodel import Field, SQLModel

from avnz_int.db.types import Json, Sealed, Timestamp

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


class Row(SQLModel):
    """Base of all tables."""

    metadata = metadata


def one_of(column: str, words: type[StrEnum], *, among: tuple[str, ...] | None = None) -> CheckConstraint:
    """A constraint: the column holds one of the words of an enum, or of those `among` them."""
    listed = ", ".join(f"'{word}'" for word in (among or tuple(words)))
    return CheckConstraint(f'"{column}" IN ({listed})', name=column)


def text(
    *,
    key: bool = False,
    to: str | None = None,
    unique: bool = False,
    index: bool = False,
    required: bool = True,
    default: str | None = None,
) -> Any:
    """A text column; `to` names the column that it refers to, which then cannot be deleted."""
    given: dict[str, Any] = {
        "primary_key": key,
        "unique": unique,
        "index": index,
        "nullable": not required,
        "sa_type": Text,
    }
    if to:
        given |= {"foreign_key": to, "ondelete": "RESTRICT"}
    if default is not None:
        given |= {"default": default, "sa_column_kwargs": {"server_default": default}}
    elif not required:
        given["default"] = None
    return Field(**given)


def time(*, required: bool = True) -> Any:
    """A time column."""
    return Field(default=None, sa_type=Timestamp, nullable=not required)


def json(*, required: bool = False) -> Any:
    """A JSON column."""
    return Field(default=None, sa_type=Json, nullable=not required)


def sealed(*, required: bool = False) -> Any:
    """A column of sealed values; the id of their key stands beside it."""
    return Field(default=None, sa_type=Sealed, nullable=not required)


def flag(*, default: bool) -> Any:
    """A boolean column."""
    return Field(
        default=default,
        sa_column_kwargs={"server_default": sqlalchemy.true() if default else sqlalchemy.false()},
    )
