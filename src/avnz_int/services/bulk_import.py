"""Bulk import: records into the database, a batch a transaction, in constant memory."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from avnz_int.db.claims import Claims
from avnz_int.errors import AvnzError, ChangedMeanwhileError
from avnz_int.model.actor import Actor
from avnz_int.model.bulk import Given, ImportOptions, ImportReport, Problem, Progress, Records
from avnz_int.model.enums import Action, AuditOutcome, Role
from avnz_int.providers.contract import CheckReport
from avnz_int.services import access
from avnz_int.services.bulk_items import Deed, Item
from avnz_int.services.bulk_plan import Judge
from avnz_int.services.bulk_write import Doer
from avnz_int.services.probe import Prober
from avnz_int.services.saving import Saver
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work, Writing

if TYPE_CHECKING:
    from avnz_int.services.bulk_tests import Tester

MOST_ERRORS = 10_000
"""So many errors are told one by one; all are counted."""
OnBatch = Callable[[Progress], None]


class BulkImport:
    """Imports tenants and integrations (org_admin; a client_admin the own client's integrations)."""

    def __init__(self, work: Work, prober: Prober, notify: Notify) -> None:
        self._work = work
        self._prober = prober
        self._notify = notify

    def run(
        self,
        actor: Actor,
        records: Records,
        options: ImportOptions | None = None,
        *,
        on_batch: OnBatch = lambda _: None,
    ) -> ImportReport:
        """What became of each record; those that are bad are kept out and told by their line.

        Args:
            actor: who imports.
            records: reads the file; with `atomic` and `test` it is read twice.
            options: how.
            on_batch: told after each batch.

        Raises:
            SealBrokenError, KeyMissingError: a bundle does not open.
            AvnzError: the database failed; `details["imported"]` counts what was imported until then.
        """
        options = options or ImportOptions()
        with self._work.reading(actor, Action.BULK_IMPORT):
            access.require(actor, Action.BULK_IMPORT, Role.ORG_ADMIN, Role.CLIENT_ADMIN)
        with Claims() as claims:
            run = _Run(self._work, self._prober, self._notify, actor, options, claims, on_batch)
            try:
                return run.all(records)
            except AvnzError as exc:
                exc.details = {**exc.details, "imported": run.tally.counts()}
                raise


class Tally:
    """Counts what became of items."""

    def __init__(self) -> None:
        self._done = dict.fromkeys(Deed, 0)
        self.judged = 0
        """Those with nothing wrong, of which was not asked what is to be done."""
        self.failed = 0
        self.errors: list[Problem] = []

    def add(self, items: Iterable[Item]) -> None:
        """Count these."""
        for item in items:
            if item.error is None:
                if item.deed is None:
                    self.judged += 1
                else:
                    self._done[item.deed] += 1
                continue
            self.failed += 1
            if len(self.errors) < MOST_ERRORS:
                self.errors.append(_problem(item, item.error))

    @property
    def total(self) -> int:
        """All that were counted."""
        return sum(self._done.values()) + self.judged + self.failed

    def counts(self) -> dict[str, int]:
        """`created`, `updated`, `skipped`, `failed`."""
        return {
            "created": self._done[Deed.CREATE],
            "updated": self._done[Deed.UPDATE],
            "skipped": self._done[Deed.SKIP],
            "failed": self.failed,
        }

    def report(self, *, dry_run: bool) -> ImportReport:
        """All of it."""
        return ImportReport(**self.counts(), dry_run=dry_run, errors=self.errors)

    def undone(self) -> None:
        """What was created or updated is there no more."""
        self._done = dict.fromkeys(Deed, 0)


class _UndoError(Exception):
    """Ends a transaction that is not to be committed."""


class _Run:
    """One import."""

    def __init__(
        self,
        work: Work,
        prober: Prober,
        notify: Notify,
        actor: Actor,
        options: ImportOptions,
        claims: Claims,
        on_batch: OnBatch,
    ) -> None:
        self._work = work
        self._actor = actor
        self._options = options
        self._on_batch = on_batch
        self._notify = notify
        saver = Saver(work, prober, notify)
        self._judge = Judge(actor, options.if_exists, claims, saver, notify)
        self._tester: Tester | None = None
        if options.test:
            # An event loop and all that checks need: 40 ms that --no-test does not pay.
            from avnz_int.services.bulk_tests import Tester  # noqa: PLC0415

            self._tester = Tester(work, prober, saver, notify)
        self._doer = Doer(work, prober, notify, actor, self._judge)
        self.tally = Tally()

    def all(self, records: Records) -> ImportReport:
        options = self._options
        if options.dry_run or options.validate_only:
            for items in self._batches(records()):
                self._look(items)
            if options.validate_only:
                self._notify(
                    f"{self.tally.judged} of {self.tally.total} records are valid by themselves; "
                    "what is there already was not looked at, and nothing was changed"
                )
            return self.tally.report(dry_run=True)
        if options.atomic:
            self._atomically(records)
        else:
            try:
                for items in self._batches(records()):
                    self._import(items)
            except BaseException:
                self._broken_off()
                raise
            with self._work.writing(self._actor, Action.BULK_IMPORT) as work:
                self._summarise(work)
        return self.tally.report(dry_run=False)

    def _batches(self, given: Iterator[Given]) -> Iterator[list[Item]]:
        batch: list[Given] = []
        for one in given:
            batch.append(one)
            if len(batch) == self._options.batch_size:
                yield self._judge.read(batch)
                batch = []
        if batch:
            yield self._judge.read(batch)

    def _done(self, items: Sequence[Item]) -> None:
        self.tally.add(items)
        self._on_batch(Progress(self.tally.total, self.tally.failed))

    def _look(self, items: Sequence[Item]) -> None:
        """Judge them, and nothing else."""
        with self._work.reading(self._actor, Action.BULK_IMPORT) as work:
            self._judge.check(work.connection, items)
            if not self._options.validate_only:
                self._judge.plan(work, items)
        self._record_denials()
        self._done(items)

    def _import(self, items: Sequence[Item]) -> None:
        """Import a batch."""
        with self._work.reading(self._actor, Action.BULK_IMPORT) as reading:
            self._judge.check(reading.connection, items)
            if self._tester is not None:
                # Nothing is sent that could not be sealed afterwards.
                self._work.vault.cipher(reading.connection)
                self._judge.plan(reading, items)
        if self._tester is not None:
            self._tester.run(self._actor, items, self._options, self._judge)
            self._judge.forget_made()
        if any(item.error is None for item in items):
            with self._work.writing(self._actor, Action.BULK_IMPORT) as work:
                self._write(work, items)
        self._judge.forget_made()
        self._record_denials()
        self._done(items)

    def _write(self, work: Writing, items: Sequence[Item]) -> None:
        self._judge.plan(work, items)
        self._doer.run(work, items)

    def _atomically(self, records: Records) -> None:
        """All of them in one transaction, or none."""
        tested, digest = ({}, None) if self._tester is None else self._tested(records, self._tester)
        if not self.tally.failed:
            self.tally.undone()
            given = _begun(records())
            try:
                with self._work.writing(self._actor, Action.BULK_IMPORT) as work:
                    self._write_all(work, given, tested, digest)
            except _UndoError:
                pass
            except BaseException:
                self.tally.undone()
                raise
        self._record_denials()
        if self.tally.failed:
            self.tally.undone()
            with self._work.writing(self._actor, Action.BULK_IMPORT) as work:
                self._summarise(work)

    def _tested(self, records: Records, tester: Tester) -> tuple[dict[int, tuple[CheckReport, Any]], bytes]:
        """What the tests say of each line, and a digest of what was read; all is judged on the way."""
        found: dict[int, tuple[CheckReport, Any]] = {}
        alike: dict[CheckReport, CheckReport] = {}
        read = _Digest(records())
        for items in self._batches(iter(read)):
            with self._work.reading(self._actor, Action.BULK_IMPORT) as reading:
                self._judge.check(reading.connection, items)
                self._work.vault.cipher(reading.connection)
                self._judge.plan(reading, items)
            tester.run(self._actor, items, self._options, self._judge)
            for item in items:
                if item.report is not None:
                    report = replace(item.report, latency_ms=None, warnings=())
                    found[item.line] = alike.setdefault(report, report), item.tested_at
            self._done(items)
        self._judge.forget_made()
        return found, read.digest()

    def _write_all(
        self,
        work: Writing,
        given: Iterator[Given],
        tested: dict[int, tuple[CheckReport, Any]],
        digest: bytes | None,
    ) -> None:
        read = _Digest(given) if digest is not None else given
        for items in self._batches(iter(read)):
            for item in items:
                item.report, item.tested_at = tested.get(item.line, (None, None))
            self._judge.check(work.connection, items)
            self._write(work, items)
            work.finish()
            self._judge.forget_made()
            self._done(items)
        if isinstance(read, _Digest) and read.digest() != digest:
            raise ChangedMeanwhileError("the file was changed while it was imported; nothing was imported")
        if self.tally.failed:
            raise _UndoError
        self._summarise(work)

    def _broken_off(self) -> None:
        """Record what was imported until an error; that one is told, whether this can be recorded or not."""
        self._record_denials()
        with contextlib.suppress(AvnzError), self._work.writing(self._actor, Action.BULK_IMPORT) as work:
            self._summarise(work, failed=True)

    def _summarise(self, work: Writing, *, failed: bool = False) -> None:
        failed = failed or bool(self.tally.failed)
        work.record(
            self.tally.counts() | {"atomic": self._options.atomic},
            outcome=AuditOutcome.FAILURE if failed else AuditOutcome.SUCCESS,
        )

    def _record_denials(self) -> None:
        denied, self._judge.denied = self._judge.denied, []
        for one in denied:
            self._work.refused(self._actor, one.action, one.target, one.error)


def _begun(given: Iterator[Given]) -> Iterator[Given]:
    """The same, its first record read: a passphrase is asked for before anything is locked."""
    first = next(given, None)
    return given if first is None else itertools.chain((first,), given)


class _Digest:
    """Records, and a digest of those that were read."""

    def __init__(self, given: Iterator[Given]) -> None:
        self._given = given
        self._hash = blake2b(digest_size=32)

    def __iter__(self) -> Iterator[Given]:
        for one in self._given:
            self._hash.update(repr((one.line, one.value)).encode("utf-8", "surrogatepass"))
            yield one

    def digest(self) -> bytes:
        """Of all so far."""
        return self._hash.digest()


def _problem(item: Item, error: AvnzError) -> Problem:
    return Problem(
        line=item.line,
        kind=item.kind,
        ref=item.ref,
        code=error.code,
        message=error.message,
        hint=error.hint,
        details=error.details,
    )
