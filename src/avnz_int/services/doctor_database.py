"""The doctor on the database itself: its schema, the rows that break it, its file and who can read that."""

from __future__ import annotations

import contextlib
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from avnz_int.db import drift, tables, violations
from avnz_int.errors import AvnzError
from avnz_int.model.actor import Target
from avnz_int.model.doctor import Finding, Subject
from avnz_int.model.enums import Action
from avnz_int.services.doctor_check import Check, Look, Repair, command, integrity, mend

_SUFFIXES = ("", "-wal", "-shm", "-journal")
_CHECKED = command("db", "check")
_RESTORE = "restore the database from a backup; avnz-int db check and avnz-int doctor tell when it is whole"


def _files(look: Look) -> Iterator[Finding]:
    for path, mode in _exposed(look.database.path).items():
        yield mend(
            FILES.name,
            Subject("File", None, str(path)),
            f"{path} can be used by everybody on this machine (mode {mode:04o})",
            f"chmod 600 {shlex.quote(str(path))}",
            fixable=True,
        )


def _close(repair: Repair) -> int:
    exposed = _exposed(repair.work.database.path)
    if not exposed:
        return 0
    with repair.work.writing(repair.actor, Action.DOCTOR_FIX, Target("File")) as work:
        work.record({"check": FILES.name, "files": list(map(str, exposed))})
        # First the event, so that one that cannot be written stops the change.
        work.finish()
        for path in exposed:
            with contextlib.suppress(FileNotFoundError):
                path.chmod(0o600)
    return len(exposed)


def _exposed(database: Path | None) -> dict[Path, int]:
    """The mode of each file of the database that others can use."""
    found: dict[Path, int] = {}
    if database is None:
        return found
    for suffix in _SUFFIXES:
        path = database.with_name(database.name + suffix)
        # SQLite makes and removes the files beside it at any moment.
        with contextlib.suppress(FileNotFoundError):
            mode = path.stat().st_mode
            if stat.S_ISREG(mode) and mode & stat.S_IRWXO:
                found[path] = stat.S_IMODE(mode)
    return found


def _schema(look: Look) -> Iterator[Finding]:
    suspect = set()
    for line in drift.differences(look.database):
        table = line.partition(":")[0]
        suspect.add(table)
        unvalidated = " NOT VALID, should be" in line
        words = line.removeprefix(f"{table}: ").split()
        remedy = _CHECKED
        if unvalidated:
            remedy = f'in psql: ALTER TABLE "{table}" VALIDATE CONSTRAINT "{words[1]}"'
        yield mend(SCHEMA.name, Subject("Table", None, table), line, remedy)
    # What no constraint keeps out any more may be there already.
    suspect |= {table for table in tables.metadata.tables for line in _told(look) if _names(line, table)}
    for table in sorted(suspect & set(tables.metadata.tables)):
        try:
            with look.read() as connection:
                for rule, key in violations.rows_against_models(connection, table):
                    yield mend(
                        SCHEMA.name,
                        Subject(table, key, f"{table} {key}"),
                        f"{table} {key} breaks the constraint {rule}",
                        _RESTORE,
                    )
        except AvnzError:
            continue  # a column is missing, which was told above
    if look.database.is_sqlite:
        yield from _foreign(look)


def _foreign(look: Look) -> Iterator[Finding]:
    """Values that PostgreSQL would not have taken."""
    for table in sorted(tables.metadata.tables):
        # Of events the check of the trail tells, and there may be millions.
        if table == "AuditEvent":
            continue
        try:
            with look.read() as connection:
                for column, key in violations.foreign_values(connection, table):
                    subject = Subject(table, key, f"{table} {key}")
                    message = f"{table} {key}: {column} holds a value of a kind that does not belong there"
                    yield mend(SCHEMA.name, subject, message, _RESTORE)
        except AvnzError:
            continue


def _told(look: Look) -> list[str]:
    try:
        return look.storage.result()
    except AvnzError:
        return []  # told by the check of the file


def _names(line: str, table: str) -> bool:
    """Whether SQLite says that rows of a table break a CHECK or are NULL where they may not be."""
    return line.endswith(f"constraint failed in {table}") or line.startswith(f"NULL value in {table}.")


def _storage(look: Look) -> Iterator[Finding]:
    try:
        lines = look.storage.result()
    except AvnzError as exc:
        lines = [exc.message]
    for line in lines:
        if not any(_names(line, table) for table in tables.metadata.tables):
            yield integrity(STORAGE.name, None, f"the database is damaged: {line}", _RESTORE)


FILES = Check("files", _files, _close)
SCHEMA = Check("schema", _schema)
STORAGE = Check("storage", _storage)
