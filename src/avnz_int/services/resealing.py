"""Seals every stored credential anew under the active data key: the long part of a rotation.

A batch is a transaction, and a row is written only where its old ciphertext still stands. Nothing is kept
outside the database, and no batch waits for a row while it holds others, so that it deadlocks with nobody.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from avnz_int.crypto.cipher import Cipher, Place, destination_digest
from avnz_int.db import definitions, keys, rows
from avnz_int.db.keys import SealedColumn
from avnz_int.definitions import schema
from avnz_int.errors import ChangedMeanwhileError, KeyMissingError, SealBrokenError
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work

BATCH = 500
UNREADABLE = (SealBrokenError, KeyMissingError)
"""What a stored value that does not open raises."""

_RETRY_S = 0.02
_Marks = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rotation is: rows sealed anew, and rows it has found unreadable."""

    resealed: int
    unreadable: int


@dataclass(slots=True)
class _Tally:
    resealed: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class _Page:
    """`cursor` of its last row, and how many rows were sealed anew."""

    cursor: Any
    resealed: int


class Resealer:
    """Finds the sealed values on older keys, over every sealed column, and seals them anew."""

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._vault = work.vault
        self._notify = notify

    def run(self, batch_size: int, on_batch: Callable[[Progress], None]) -> int:
        """How many values were sealed anew; those that do not open, or that others hold for long, stay.

        Args:
            batch_size: rows of one transaction.
            on_batch: told after each batch.
        """
        tally = _Tally()
        for sealed in keys.SEALED:
            self._column(sealed, batch_size, tally, on_batch)
        return tally.resealed

    def older(self, connection: Connection) -> tuple[int, int]:
        """How many sealed values on older keys open, and how many do not."""
        readable = unreadable = 0
        for opens in self._openable(connection):
            readable += opens
            unreadable += not opens
        return readable, unreadable

    def any_readable(self, connection: Connection) -> bool:
        """Whether a value that opens is on an older key."""
        return any(self._openable(connection))

    def _column(
        self, sealed: SealedColumn, batch_size: int, tally: _Tally, on_batch: Callable[[Progress], None]
    ) -> None:
        # Rows that somebody holds are left out and looked for again. To wait for one while holding others
        # would deadlock with whoever holds it and wants one of ours.
        lost: set[str] = set()
        patience_s = self._work.database.busy_timeout_ms / 1000
        before, deadline = -1, 0.0
        while True:
            if tally.resealed != before:
                before, deadline = tally.resealed, time.monotonic() + patience_s
            cursor: Any = None
            while page := self._page(sealed, cursor, batch_size, lost):
                cursor = page.cursor
                tally.resealed += page.resealed
                on_batch(Progress(tally.resealed, tally.unreadable + len(lost)))
            with self._work.database.read() as connection:
                active = self._vault.cipher(connection).active_kid
                held = keys.ids_on_older_keys(connection, sealed, active) - lost
            if not held:
                break
            if time.monotonic() > deadline:
                self._notify(
                    f"{len(held)} rows of {sealed.table.name} are held by others and stay on an older key;"
                    " run avnz-int rotate-key --resume later"
                )
                break
            time.sleep(_RETRY_S)
        tally.unreadable += len(lost)

    def _page(self, sealed: SealedColumn, cursor: Any, batch_size: int, lost: set[str]) -> _Page | None:
        """What became of the next rows that nobody holds; None if there are none."""
        while True:
            # Another process may make a new key amid a batch; then it is undone, and done with the new one.
            with contextlib.suppress(ChangedMeanwhileError), self._work.database.write() as connection:
                cipher = self._vault.cipher(connection)
                page = keys.on_older_keys(
                    connection, sealed, cipher.active_kid, after=cursor, limit=batch_size, lock=True
                )
                if not page:
                    return None
                batch = _resealed(cipher, sealed, page, _destination_marks(connection), lost)
                done = 0
                if batch:
                    # Last, since it makes everybody wait who seals.
                    self._vault.count_seals(connection, cipher.active_kid, len(batch))
                    done = keys.put_resealed(connection, sealed, cipher.active_kid, batch)
                return _Page(page[-1]["cursor"], done)

    def _openable(self, connection: Connection) -> Iterator[bool]:
        cipher = self._vault.cipher(connection)
        marks = _destination_marks(connection)
        for sealed in keys.SEALED:
            cursor: Any = None
            while page := keys.on_older_keys(
                connection, sealed, cipher.active_kid, after=cursor, limit=BATCH
            ):
                cursor = page[-1]["cursor"]
                for row in page:
                    yield _opens(cipher, sealed, row, marks)


def _resealed(
    cipher: Cipher, sealed: SealedColumn, page: Sequence[rows.Row], marks: _Marks, lost: set[str]
) -> list[tuple[str, Any, str]]:
    """For `put_resealed`: (row id, value as it was read, new value); the ids of the others go to `lost`."""
    batch = []
    for row in page:
        try:
            batch.append((row["id"], row["value"], cipher.reseal(row["value"], _place(sealed, row, marks))))
        except UNREADABLE:
            lost.add(row["id"])
    return batch


def _destination_marks(connection: Connection) -> _Marks:
    stored = definitions.settings_schemas(connection)
    return {provider: schema.destination_fields(settings) for provider, settings in stored.items()}


def _place(sealed: SealedColumn, row: rows.Row, marks: _Marks) -> Place:
    if not isinstance(row["settings"], Mapping | None):
        raise SealBrokenError(f"{sealed.table.name} {row['id']}: the settings are not an object")
    return Place(
        table=sealed.table.name,
        column=sealed.column,
        row_id=row["id"],
        owner_id=row["owner"],
        provider=row["provider"],
        environment=row["environment"],
        destination=destination_digest(row["settings"], marks.get(row["provider"], ())),
    )


def _opens(cipher: Cipher, sealed: SealedColumn, row: rows.Row, marks: _Marks) -> bool:
    try:
        cipher.open(row["value"], _place(sealed, row, marks))
    except UNREADABLE:
        return False
    return True
