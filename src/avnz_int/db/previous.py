"""Queries over the credentials that were in force before: they are destroyed when their time is over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, null, select, update

from avnz_int.db.integrations import TABLES

COLUMNS = (
    *("previousCredentials", "previousCredentialsKeyId", "previousCredentialsExpireAt"),
    *("previousSettings", "previousEnvironment"),
)
"""All that a row holds of what was in force before."""


def count_expired(connection: Connection, moment: datetime) -> int:
    """How many rows still hold previous credentials whose time was over at `moment`."""
    return sum(
        connection.scalar(
            select(func.count()).select_from(table).where(table.c.previousCredentialsExpireAt <= moment)
        )
        or 0
        for table in TABLES
    )


def destroy_expired(connection: Connection, moment: datetime) -> int:
    """Take them away for good; how many rows had them."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what was there is written over with zeros
    done = 0
    for table in TABLES:
        statement = update(table).where(table.c.previousCredentialsExpireAt <= moment)
        done += connection.execute(statement.values(dict.fromkeys(COLUMNS, null()))).rowcount
    return done
