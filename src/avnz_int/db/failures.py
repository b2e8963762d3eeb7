"""A driver's error -> one of ours, by its code: a server may speak any language.

Codes: SQLite's primary result codes (https://www.sqlite.org/rescode.html) and PostgreSQL's
SQLSTATEs (appendix A of its manual).
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError

from avnz_int.errors import (
    AvnzError,
    ConflictError,
    DatabaseUnavailableError,
    InvalidInputError,
    NotMigratedError,
)

_LOCKED = ("is locked by another process", "try again; if it stays so, find who holds it")
_READ_ONLY = ("is read-only", "make the file and its folder writable for this user")
_READ_ONLY_SERVER = ("is read-only", "connect to the primary server, with a user that may write")
_FULL = ("could not be written: the disk is full", "free some space, then try again")
_BROKEN_DISK = ("could not be read or written (disk I/O error)", "check the disk, then try again")
_CLOSED = ("cannot be opened", "check the path and its permissions")
_DAMAGED = ("is not an SQLite database, or it is damaged", "check the path, or restore a backup")
_NO_RIGHT = ("refuses its user this", "grant the user of the URL what our tables need")
_MEANINGS: Mapping[int | str, tuple[str, str]] = {
    5: _LOCKED,  # SQLITE_BUSY
    6: _LOCKED,  # SQLITE_LOCKED
    8: _READ_ONLY,  # SQLITE_READONLY
    10: _BROKEN_DISK,  # SQLITE_IOERR
    11: _DAMAGED,  # SQLITE_CORRUPT
    13: _FULL,  # SQLITE_FULL
    14: _CLOSED,  # SQLITE_CANTOPEN
    26: _DAMAGED,  # SQLITE_NOTADB
    "55P03": _LOCKED,  # lock_not_available: the lock timeout is over
    "40P01": _LOCKED,  # deadlock_detected
    "40001": _LOCKED,  # serialization_failure
    "25006": _READ_ONLY_SERVER,  # read_only_sql_transaction
    "53100": _FULL,  # disk_full
    "58030": _BROKEN_DISK,  # io_error
    "42501": _NO_RIGHT,  # insufficient_privilege
}
_NOT_THERE = {"42P01", "42703", "42P07", "3F000"}
"""SQLSTATEs of a table, column or schema that is missing, or of a table that is there and should not be."""


def translated(exc: DBAPIError, shown: str) -> AvnzError:
    """The error of ours for a driver's, without SQL and without values.

    Args:
        exc: as SQLAlchemy raises it.
        shown: the database's URL without its password.
    """
    if isinstance(exc, IntegrityError):
        return ConflictError(f"the database refuses this: {violated_constraint(exc)}")
    words = str(exc.orig).strip()
    reason = words.splitlines()[0] if words else type(exc.orig).__name__
    if isinstance(exc, DataError) and "NUL" in reason:  # psycopg itself, which has no code for it
        return InvalidInputError("a text holds a character that no database can keep (NUL)")
    code = _code(exc)
    if code is not None and code in _MEANINGS:
        meaning, hint = _MEANINGS[code]
        return DatabaseUnavailableError(f"{shown} {meaning}", hint=hint)
    # SQLite has no code for it, and no language but one.
    if code in _NOT_THERE or reason.startswith(("no such table", "no such column")):
        return NotMigratedError(f"{shown} lacks a table or column: {reason}", hint="run avnz-int db check")
    if isinstance(exc, OperationalError | InterfaceError):
        return DatabaseUnavailableError(
            f"cannot use the database {shown}: {reason}", hint="check that it runs, then try again"
        )
    return DatabaseUnavailableError(f"the database {shown} failed: {reason}")


def violated_constraint(exc: IntegrityError) -> str:
    """The name (PostgreSQL) or the columns (SQLite) of the constraint that refused a write."""
    diagnosis = getattr(exc.orig, "diag", None)
    if diagnosis is not None and diagnosis.constraint_name:
        return str(diagnosis.constraint_name)
    return str(exc.orig).partition("failed: ")[2] or "a foreign key"


def _code(exc: DBAPIError) -> int | str | None:
    """The driver's code: of PostgreSQL five characters, of SQLite a primary result code."""
    state: str | None = getattr(exc.orig, "sqlstate", None)
    if state is not None:
        return state
    number: int | None = getattr(exc.orig, "sqlite_errorcode", None)
    return None if number is None else number & 0xFF
