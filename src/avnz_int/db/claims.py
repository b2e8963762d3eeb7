"""What an import has met so far, in a file of its own that the system removes: memory stays what it was.

It holds digests and line numbers only. SQLite keeps it in its page cache until that is full.
"""

from __future__ import annotations

import sqlite3
from hashlib import blake2b
from types import TracebackType
from typing import Self


class Claims:
    """Things by name, each with the line that claimed it first."""

    def __init__(self) -> None:
        # An empty name: a temporary database on disk, deleted when it is closed or the process ends.
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("CREATE TABLE claim (digest BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def holder(self, line: int, *name: str) -> int:
        """The line that claimed it first: this one, where nobody did before."""
        digest = blake2b(repr(name).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        statement = "INSERT INTO claim VALUES (?, ?) ON CONFLICT DO NOTHING"
        if self._connection.execute(statement, (digest, line)).rowcount:
            return line
        found = self._connection.execute("SELECT line FROM claim WHERE digest = ?", (digest,)).fetchone()
        return int(found[0])
