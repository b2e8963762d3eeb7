"""Seals every stored credential anew under the active data key: the long part of a rotation.

A batch is a transaction, and a row is written only where its old ciphertext still stands. Nothing is kept
outside the database, and no batch waits for a row while it holds others, so that it deadlocks with nobody.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from avnz_int.crypto import jwe
from avnz_int.crypto.cipher import Cipher, Place, destination_digest
from avnz_int.db import definitions, keys
from avnz_int.db.keys import Found, Fresh, SealedColumn
from avnz_int.definitions import schema
from avnz_int.errors import AvnzError, ChangedMeanwhileError, KeyMissingError, SealBrokenError
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work

BATCH = 1000
UNREADABLE = (SealBrokenError, KeyMissingError)
"""What a stored value that does not open raises."""

_RETRY_S = 0.02
_SEALS = 10_000
"""Reserved at once: the row of the key is what everybody waits for who seals."""
Marks = Mapping[str, tuple[str, ...]]
"""Provider -> its settings that decide where a secret is sent."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rotation is.

    Attributes:
        resealed: values sealed anew by this process and its workers.
        unreadable: values found that do not open.
        total: values on older keys when it began, others' share included.
    """

    resealed: int
    unreadable: int
    total: int


@dataclass(slots=True)
class _Tally:
    total: int
    others: Callable[[], int]
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
        self._seals: dict[str, int] = {}
        self._marks: tuple[object, Marks] = (None, {})

    def run(
        self,
        batch_size: int,
        on_batch: Callable[[Progress], None],
        others: Callable[[], int] = lambda: 0,
        start: str | None = None,
    ) -> int:
        """How many values were sealed anew; those that do not open, or that others hold for long, stay.

        Args:
            batch_size: rows of one transaction.
            on_batch: told after each batch.
            others: how many values workers of the same rotation have sealed anew so far.
            start: the id from which to go first (PostgreSQL), so that workers are not at the same rows.
        """
        tally = _Tally(self.remaining(), others)
        try:
            for sealed in keys.SEALED:
                self._column(sealed, batch_size, tally, on_batch, start)
        finally:
            self._give_back()
        return tally.resealed

    def remaining(self) -> int:
        """How many sealed values stand on older keys, by the ids beside them."""
        with self._work.database.read() as connection:
            active = self._vault.cipher(connection).active_kid
            return sum(count for key, count in keys.counts(connection).items() if key != active)

    def older(self, connection: Connection) -> tuple[int, int]:
        """How many sealed values on older keys open, and how many do not."""
        readable = unreadable = 0
        for opens in self._openable(connection):
            readable += opens
            unreadable += not opens
        return readable, unreadable

    def broken_on_active(self, connection: Connection) -> int:
        """How many values under the active key are seen, without opening them, to be no sealed values."""
        active = self._vault.cipher(connection).active_kid
        return sum(
            not jwe.well_formed(value)
            for sealed in keys.SEALED
            for value in keys.values_under(connection, sealed, active)
        )

    def any_readable(self, connection: Connection) -> bool:
        """Whether a value that opens is on an older key."""
        return any(self._openable(connection))

    def every(self, connection: Connection) -> tuple[int, int]:
        """How many sealed values open, whatever key they are on, and how many do not."""
        cipher = self._vault.cipher(connection)
        marks = self._destinations(connection)
        readable = unreadable = 0
        for sealed, found in walk(connection):
            opens = _opens(cipher, sealed, found, marks)
            readable += opens
            unreadable += not opens
        return readable, unreadable

    def _column(
        self,
        sealed: SealedColumn,
        batch_size: int,
        tally: _Tally,
        on_batch: Callable[[Progress], None],
        start: str | None,
    ) -> None:
        # Rows that somebody holds are left out and looked for again. To wait for one while holding others
        # would deadlock with whoever holds it and wants one of ours.
        lost: set[str] = set()
        patience_s = self._work.database.busy_timeout_ms / 1000
        before, deadline = (-1, -1), 0.0
        cursor: Any = start
        while True:
            while page := self._page(sealed, cursor, batch_size, lost):
                cursor = page.cursor
                tally.resealed += page.resealed
                together = tally.resealed + tally.others()
                on_batch(Progress(together, tally.unreadable + len(lost), tally.total))
            with self._work.database.read() as connection:
                active = self._vault.cipher(connection).active_kid
                held = keys.older_ids(connection, sealed, active) - lost
            if not held:
                break
            # As long as the number changes, another worker is at it.
            if (tally.resealed, len(held)) != before:
                before, deadline = (tally.resealed, len(held)), time.monotonic() + patience_s
            if time.monotonic() > deadline:
                self._notify(
                    f"{len(held)} rows of {sealed.table.name} are held by others and stay on an older key;"
                    " run avnz-int rotate-key --resume later"
                )
                break
            time.sleep(_RETRY_S)
            cursor = None
        tally.unreadable += len(lost)

    def _page(self, sealed: SealedColumn, cursor: Any, batch_size: int, lost: set[str]) -> _Page | None:
        """What became of the next rows that nobody holds; None if there are none."""
        while True:
            # Another process may make a new key amid a batch; then it is undone, and done with the new one.
            with contextlib.suppress(ChangedMeanwhileError):
                with self._work.database.write() as connection:
                    cipher = self._vault.cipher(connection)
                    active = cipher.active_kid
                    # From here to the commit nobody erases the key.
                    if not keys.require_active(connection, active):
                        continue
                    page = keys.on_older_keys(
                        connection, sealed, active, after=cursor, limit=batch_size, lock=True
                    )
                    if not page:
                        return None
                    if self._seals.get(active, 0) >= len(page):
                        marks = self._destinations(connection)
                        batch = _resealed(cipher, sealed, page, marks, lost)
                        done = keys.put_resealed(connection, sealed, active, batch)
                        self._seals[active] -= len(batch)
                        return _Page(page[-1].cursor, done)
                # While no row is held: who seals one holds the key's row first.
                self._reserve(active, max(batch_size, _SEALS))

    def _reserve(self, key_id: str, seals: int) -> None:
        with self._work.database.write() as connection:
            self._vault.count_seals(connection, key_id, seals)
        self._seals[key_id] = self._seals.get(key_id, 0) + seals

    def _give_back(self) -> None:
        left, self._seals = {key: seals for key, seals in self._seals.items() if seals}, {}
        if left:
            # Where it fails the count is too high, which is safe; the error that led here is the one to tell.
            with contextlib.suppress(AvnzError), self._work.database.write() as connection:
                for key_id, seals in left.items():
                    keys.give_back_seals(connection, key_id, seals)

    def _openable(self, connection: Connection) -> Iterator[bool]:
        cipher = self._vault.cipher(connection)
        marks = self._destinations(connection)
        for sealed in keys.SEALED:
            cursor: Any = None
            while page := keys.on_older_keys(
                connection, sealed, cipher.active_kid, after=cursor, limit=BATCH
            ):
                cursor = page[-1].cursor
                for found in page:
                    yield _opens(cipher, sealed, found, marks)

    def _destinations(self, connection: Connection) -> Marks:
        """Provider -> its settings that decide where a secret is sent; read anew once definitions change."""
        state = keys.definitions_state(connection)
        if self._marks[0] != state:
            self._marks = (state, marks_of(connection))
        return self._marks[1]


def marks_of(connection: Connection) -> Marks:
    """The marks of all providers; none where a schema is damaged, which the doctor tells of the definition.

    Values that were sealed with a destination do not open then: they stay as they are.
    """
    return {
        provider: schema.destination_fields(found) if schema.is_sound(found) else ()
        for provider, found in definitions.settings_schemas(connection).items()
    }


def walk(connection: Connection) -> Iterator[tuple[SealedColumn, Found]]:
    """Every sealed value, a page at a time."""
    for sealed in keys.SEALED:
        cursor: Any = None
        while page := keys.sealed_values(connection, sealed, after=cursor, limit=BATCH):
            cursor = page[-1].cursor
            for found in page:
                yield sealed, found


def _resealed(
    cipher: Cipher, sealed: SealedColumn, page: Sequence[Found], marks: Marks, lost: set[str]
) -> list[Fresh]:
    """What to write; the ids of those that do not open go to `lost`."""
    batch = []
    for found in page:
        try:
            batch.append(Fresh(found, cipher.reseal(found.value, place_of(sealed, found, marks))))
        except UNREADABLE:
            lost.add(found.id)
    return batch


def place_of(sealed: SealedColumn, found: Found, marks: Marks) -> Place:
    """Where a value stands, computed from its row as it is now.

    Raises:
        SealBrokenError: its settings are no object, so nobody can tell where it would be sent.
    """
    destination = _destination(found.settings, marks.get(found.provider, ()))
    if destination is None:
        raise SealBrokenError(f"{sealed.table.name} {found.id}: the settings are not an object")
    return Place(
        sealed.table.name,
        sealed.column,
        found.id,
        found.owner,
        found.provider,
        found.environment,
        destination,
    )


# Thousands of rows share a few settings.
@lru_cache(maxsize=1024)
def _destination(settings: str | None, fields: tuple[str, ...]) -> str | None:
    """The digest of a row's settings; None where they are not an object."""
    try:
        parsed = None if settings is None else json.loads(settings)
    except ValueError:
        return None
    return destination_digest(parsed, fields) if isinstance(parsed, Mapping | None) else None


def _opens(cipher: Cipher, sealed: SealedColumn, found: Found, marks: Marks) -> bool:
    try:
        cipher.open(found.value, place_of(sealed, found, marks))
    except UNREADABLE:
        return False
    return True
