"""`db copy`: the whole database into an empty one, checked before it is committed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Table, select

from avnz_int.db import clients, copying, migrate, platform, rows, tenants
from avnz_int.db.engine import Database
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.errors import (
    AuditBrokenError,
    AvnzError,
    ConflictError,
    IntegrityError,
    KeyMissingError,
    NotInitializedError,
    SealBrokenError,
    UnavailableError,
    UnknownProviderError,
)
from avnz_int.model.actor import Actor, Target
from avnz_int.model.copies import CopyView
from avnz_int.model.enums import Action, AuditOutcome
from avnz_int.services import access, audit, integrations
from avnz_int.services.vault import Vault
from avnz_int.services.work import Reading, Work

_SAMPLE = 25
_SEALED: tuple[tuple[str, Table], ...] = (
    (PLATFORM_TABLE, platform.PLATFORM),
    (CLIENT_TABLE, clients.INTEGRATION),
)

OnRows = Callable[[int, int], None]
"""Told how many rows are written, and of how many."""


class Copying:
    """Copies the database (org_admin).

    Args:
        database: what is copied.
        work: over it.
        vault: opens a sample, and the audit keys.
    """

    def __init__(self, database: Database, work: Work, vault: Vault) -> None:
        self._database = database
        self._work = work
        self._vault = vault

    def copy(self, actor: Actor, url: str, on_rows: OnRows = lambda *_: None) -> CopyView:
        """What was copied: every row, as of one moment, in one transaction of the target.

        The copy is recorded in the source before that moment, so that both trails hold it. Before the target
        is committed its rows are counted, its trail is verified and a sample of its credentials opened. One
        that fails is recorded as that, too, and an SQLite file that was made for it is removed.

        Args:
            actor: who copies.
            url: of an empty or missing database, of either kind; a PostgreSQL one gets the same schema name.
            on_rows: told after each page.

        Raises:
            ConflictError: the target holds rows of ours, or foreign tables of our names.
            NotInitializedError, NotMigratedError: the source is not a database of this version.
            AuditBrokenError: the audit trail does not verify; nothing was copied.
            IntegrityError: a value is not what its column is for, or the copy does not open.
        """
        with self._work.reading(actor, Action.DATABASE_COPY, Target("Database")):
            access.require_admin(actor, Action.DATABASE_COPY)
        target = Database(url, self._database.schema, create=True)
        new = target.path if target.path is not None and not _exists(target.path) else None
        try:
            _require_empty(target)
            migrate.upgrade(target)
            self._record(actor, target)
            try:
                with self._database.read() as source, target.write() as empty:
                    return self._copied(source, target, empty, on_rows)
            except BaseException as exc:
                # An interrupt, too: the event before it says that there is a copy.
                self._record_failure(actor, target, exc)
                raise
        except BaseException:
            if new is not None:
                _remove(target, new)
            raise
        finally:
            target.close()

    def _record(self, actor: Actor, target: Database, reason: str | None = None) -> None:
        with self._work.writing(actor, Action.DATABASE_COPY, Target("Database")) as work:
            facts = {"to": target.shown}
            if reason is None:
                work.record(facts)
            else:
                work.record({**facts, "reason": reason}, outcome=AuditOutcome.FAILURE)

    def _record_failure(self, actor: Actor, target: Database, exc: BaseException) -> None:
        reason = exc.code if isinstance(exc, AvnzError) else type(exc).__name__
        # What stopped the copy is to be told, even where this cannot be written.
        with contextlib.suppress(AvnzError):
            self._record(actor, target, reason)

    def _copied(self, source: Connection, target: Database, empty: Connection, on_rows: OnRows) -> CopyView:
        wanted = copying.counts(source)
        if any(copying.counts(empty).values()):
            raise _not_empty(target, sorted(name for name, count in copying.counts(empty).items() if count))
        total, done = sum(wanted.values()), 0

        def told(count: int) -> None:
            nonlocal done
            done += count
            on_rows(done, total)

        copying.copy(source, empty, told)
        found = copying.counts(empty)
        wrong = sorted(name for name in wanted if wanted[name] != found[name])
        if wrong:
            raise IntegrityError(f"the copy has other counts of rows than the source: {', '.join(wrong)}")
        organization = tenants.organization(empty)
        if organization is None:
            raise NotInitializedError(f"{self._database.shown} holds no organization yet")
        # One that has opened nothing yet: the keys are among what was copied.
        vault = Vault(self._vault.source, lambda _: None)
        verdict = audit.verdict(Reading(empty, organization, None), vault)
        if not verdict.valid:
            raise AuditBrokenError(
                f"the audit trail does not verify: {verdict.reason}; nothing was copied",
                hint="avnz-int audit verify shows whether that is so in the source, too",
                details={"firstBadSequence": verdict.first_bad_sequence},
            )
        return CopyView(
            source=self._database.shown,
            target=target.shown,
            rows=found,
            events=verdict.events,
            opened=self._sampled(source, empty, vault),
        )

    def _sampled(self, source: Connection, copied: Connection, vault: Vault) -> int:
        """How many credentials were opened in the copy: some of each table, of those that open in the source.

        Args:
            source: what was copied.
            copied: the copy.
            vault: of the copy.

        Raises:
            IntegrityError: one does not open, although it does in the source.
        """
        opened = 0
        for name, table in _SEALED:
            held = select(table).where(table.c.credentials.is_not(None)).order_by(table.c.id).limit(_SAMPLE)
            for row in rows.every(source, held):
                if not _opens(self._vault, source, name, row):
                    continue
                there = rows.by_ids(copied, table, [row["id"]]).get(row["id"])
                if there is None or not _opens(vault, copied, name, there):
                    raise IntegrityError(f"{name} {row['id']} does not open in the copy; nothing was copied")
                opened += 1
        return opened


def _opens(vault: Vault, connection: Connection, table: str, row: rows.Row) -> bool:
    try:
        found = integrations.definition(connection, row["provider"])
        place = integrations.place(table, row, found)
        vault.cipher(connection).open(row["credentials"], place)
    except (SealBrokenError, KeyMissingError, UnavailableError, UnknownProviderError, ConflictError):
        return False
    return True


def _exists(path: Path) -> bool:
    """Whether there is a file; where that cannot be known, none may be removed."""
    try:
        return path.exists()
    except OSError:
        return True


def _remove(target: Database, path: Path) -> None:
    """Remove the file that was made for a copy that failed, unless somebody else filled it meanwhile."""
    with contextlib.suppress(AvnzError, OSError):
        if copying.filled(target):
            return
        target.close()
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
            path.with_name(name).unlink(missing_ok=True)


def _require_empty(target: Database) -> None:
    """Refuse a target whose tables hold rows: asked before it is migrated.

    Raises:
        ConflictError: one does.
    """
    held = copying.filled(target)
    if held:
        raise _not_empty(target, held)


def _not_empty(target: Database, held: list[str]) -> ConflictError:
    return ConflictError(
        f"{target.shown} is not empty: there are rows in {', '.join(held)}",
        hint="name a database that holds nothing of avnz-int yet",
        details={"tables": held},
    )
