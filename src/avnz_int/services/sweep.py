"""`test --all`: many connection tests at once, each integration once, whatever one of them does.

Checks run on one event loop (those that block, in threads). The database is used by one thread of its own,
in batches: credentials are opened a little ahead of the checks, results are written while others still wait.
What was found before an interruption or a failure is kept.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from avnz_int import clock
from avnz_int.db import clients, definitions, platform, rows
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.errors import (
    AvnzError,
    ConflictError,
    DatabaseUnavailableError,
    KeyMissingError,
    SealBrokenError,
    UnknownProviderError,
)
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, AuditOutcome, CheckCode, Mode, Outcome, Role, TestResult
from avnz_int.model.filters import Filter, TestSelection
from avnz_int.model.views.integrations import CheckView
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.services import access, checking, integrations, refs, testing
from avnz_int.services.integrations import Definition
from avnz_int.services.probe import Prober
from avnz_int.services.testing import Opened
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work, Writing

BATCH = 100
"""How many are opened in one transaction."""
FLUSH_S = 0.5
"""How long a result waits at most until it is written, unless the database is slow."""
APART_S = 0.001
"""How far apart checks start: those that start together are answered together, and all at once find the loop
busy that stood idle until then; 1,000 checks, 50 at a time, took up to twice as long."""

OnResult = Callable[[CheckView], None]
Done = tuple[Opened, CheckReport]


@dataclass(frozen=True, slots=True)
class Chosen:
    """An integration to be tested: the row that has the credentials.

    Attributes:
        client: the slug of its client, None for one of the organization's own.
        ref: names it among all.
        found: None where the definition in force is damaged or gone: it cannot be tested.
    """

    table: str
    id: str
    client: str | None
    ref: str
    provider: str
    found: Definition | None


class Sweep:
    """Tests many stored integrations (org_admin; a client_admin the own client's own-mode ones)."""

    def __init__(self, work: Work, prober: Prober, notify: Notify) -> None:
        self._work = work
        self._prober = prober
        self.notify = notify

    def choose(self, actor: Actor, selection: TestSelection) -> list[Chosen]:
        """What would be tested, each once: a platform integration that many share is one.

        Raises:
            NotFoundError: no such client.
            ForbiddenError: the actor may not test.
            UsageError: credentials may not be sent to an endpoint that the operator set.
        """
        action = Action.PLATFORM_TEST if selection.platform_only else Action.CLIENT_TEST
        with self._work.reading(actor, action) as work:
            access.require(actor, action, Role.ORG_ADMIN, Role.CLIENT_ADMIN)
            if selection.platform_only:
                access.require_admin(actor, action)
            stored = integrations.sound(definitions.listing(work.connection))
            found = {row["provider"]: Definition.of(row) for row in stored}
            chosen = [
                _chosen(table, row, found.get(row["provider"]))
                for table, row in _candidates(work, actor, selection)
                if _is_due(row, selection.stale_s)
            ]
        for provider in {one.provider for one in chosen}:
            self._prober.endpoint(provider)
        return chosen

    def run(
        self,
        actor: Actor,
        chosen: Sequence[Chosen],
        *,
        concurrency: int = 8,
        per_host: int = 8,
        timeout_s: float | None = None,
        on_result: OnResult = lambda _: None,
    ) -> None:
        """Test all of them; those that were deleted meanwhile are left out.

        Args:
            actor: who chose them.
            chosen: from `choose`.
            concurrency: checks at once.
            per_host: checks at once of one host.
            timeout_s: the deadline of each check.
            on_result: called for each result once it is recorded, in any thread, one at a time.

        Raises:
            KeyboardInterrupt: after what was found is recorded.
            AvnzError: the database failed; what was found was recorded as far as possible, and told.
        """
        run = _Run(self, actor, on_result)
        try:
            registry.run_loop(run.main(chosen, concurrency, per_host, timeout_s))
        finally:
            run.finish()

    def open_batch(
        self, actor: Actor, batch: Sequence[Chosen], timeout_s: float | None
    ) -> tuple[list[tuple[Opened, CheckRequest]], list[CheckView]]:
        """Their credentials opened and recorded in one transaction; a view for each that does not open."""
        requests: list[tuple[Opened, CheckRequest]] = []
        unreadable: list[CheckView] = []
        with self._work.writing(actor, Action.CREDENTIALS_READ) as work:
            cipher = self._work.vault.cipher(work.connection)
            for one, row in _as_they_are(work, batch):
                access.require_tester(actor, row.get("clientId"), one.client)
                try:
                    # Raises where it is damaged, or not there.
                    found = one.found or integrations.definition(work.connection, one.provider)
                    opened = testing.open_with(work, cipher, one.table, row, found, asked=row)
                    requests.append((opened, opened.request(self._prober, timeout_s)))
                except (SealBrokenError, KeyMissingError, ConflictError, UnknownProviderError) as exc:
                    unreadable.append(_unreadable(work, one, row, exc.code, exc.message))
                except (AttributeError, TypeError, ValueError) as exc:
                    # Somebody wrote into the row what its column cannot hold.
                    words = f"the row of {one.ref} is broken ({type(exc).__name__}): nothing was sent"
                    unreadable.append(_unreadable(work, one, row, SealBrokenError.code, words))
        return requests, unreadable

    def record_batch(self, actor: Actor, done: Sequence[Done]) -> list[CheckView]:
        """The results, recorded in one transaction."""
        with self._work.writing(actor, Action.CLIENT_TEST) as work:
            access.require(actor, Action.CLIENT_TEST, Role.ORG_ADMIN, Role.CLIENT_ADMIN)
            return testing.record_all(work, self._prober, self.notify, done, actor)


class _Run:
    """One sweep. The lists belong to whoever writes: the loop `_done`, the database's thread the others."""

    def __init__(self, sweep: Sweep, actor: Actor, on_result: OnResult) -> None:
        self._sweep = sweep
        self._actor = actor
        self._on_result = on_result
        self._done: list[Done] = []
        self._waiting: list[Done] = []
        self._failed: list[Done] = []
        self._stopped: Exception | None = None
        self._unrecorded: Exception | None = None
        self._ready = 0
        self._wanted = asyncio.Event()
        self._database = ThreadPoolExecutor(1, thread_name_prefix="avnz-int-database")

    async def main(
        self, chosen: Sequence[Chosen], concurrency: int, per_host: int, timeout_s: float | None
    ) -> None:
        """Open, check and record until nothing is left, or the database fails."""
        slots, pace = asyncio.Semaphore(concurrency), asyncio.Lock()
        hosts: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))

        async def check(opened: Opened, request: CheckRequest) -> None:
            async with hosts[checking.host_of(request, opened.found)]:
                self._ready += 1
                async with slots:
                    self._ready -= 1
                    self._wanted.set()
                    async with pace:
                        await asyncio.sleep(APART_S)
                    report = await checking.report_of(request)
            self._done.append((opened, report))

        recording = asyncio.create_task(self._record_now_and_then())
        try:
            async with asyncio.TaskGroup() as checks:
                for start in range(0, len(chosen), BATCH):
                    # Those whose host is busy do not count: a slow host must not keep the others waiting.
                    while self._ready >= concurrency:
                        self._wanted.clear()
                        await self._wanted.wait()
                    batch = chosen[start : start + BATCH]
                    opening = self._database.submit(self._open, batch, timeout_s)
                    for opened, request in await asyncio.wrap_future(opening):
                        checks.create_task(check(opened, request))
                    await asyncio.sleep(0)
                    if self._stopped is not None:
                        break
        finally:
            recording.cancel()

    async def _record_now_and_then(self) -> None:
        """Give the database's thread what is done; it lives apart from the loop, which may be broken off."""
        busy: Future[None] | None = None
        while True:
            await asyncio.sleep(FLUSH_S)
            if self._done and (busy is None or busy.done()):
                done, self._done = self._done, []
                busy = self._database.submit(self._record, done)

    def finish(self) -> None:
        """Record what is not recorded yet, after the loop has ended.

        Raises:
            AvnzError: what failed first; every result was told all the same.
        """
        self._database.shutdown()
        self._record(self._done)
        lost = self._waiting + self._failed
        for opened, report in lost:
            self._tell(testing.view(opened.asked["id"], opened.row, report))
        if lost and isinstance(self._unrecorded, AvnzError):
            self._unrecorded.message = f"{len(lost)} results were not recorded: {self._unrecorded.message}"
        error = self._stopped or (self._unrecorded if lost else None)
        if error is not None:
            raise error

    def _open(self, batch: Sequence[Chosen], timeout_s: float | None) -> list[tuple[Opened, CheckRequest]]:
        try:
            requests, unreadable = self._sweep.open_batch(self._actor, batch, timeout_s)
        except Exception as exc:  # noqa: BLE001  # raised by `finish`: what is under way comes to its end
            self._stopped = exc
            return []
        for view in unreadable:
            self._tell(view)
        return requests

    def _record(self, done: Sequence[Done]) -> None:
        """Record these and those that had to wait; a row that fails loses its own result, no other's."""
        todo, self._waiting = [*self._waiting, *done], []
        if not todo:
            return
        try:
            views = self._sweep.record_batch(self._actor, todo)
        except DatabaseUnavailableError as exc:
            self._waiting, self._unrecorded = todo, exc
        except Exception as exc:  # noqa: BLE001  # raised by `finish`
            if len(todo) > 1:
                for one in todo:
                    self._record([one])
            else:
                self._failed += todo
                self._unrecorded = exc
        else:
            for (opened, report), view in zip(todo, views, strict=True):
                self._tell(view, *(f"{opened.ref}: {warning}" for warning in report.warnings))

    def _tell(self, view: CheckView, *warnings: str) -> None:
        try:
            self._on_result(view)
            for warning in warnings:
                self._sweep.notify(warning)
        except Exception as exc:  # noqa: BLE001  # raised by `finish`
            self._stopped = exc


def _candidates(work: Reading, actor: Actor, selection: TestSelection) -> Iterator[tuple[str, rows.Row]]:
    limits = Filter(provider=selection.provider)
    client_id = actor.client_id
    if selection.client is not None:
        client_id = refs.client(work.connection, actor, selection.client)["id"]
    of_clients: Sequence[rows.Row] = ()
    if client_id is not None or not selection.platform_only:
        of_clients = clients.listing(work.connection, limits, client_id=client_id)
    if actor.role is Role.ORG_ADMIN:
        used = {row["platformIntegrationId"] for row in of_clients}
        for row in platform.listing(work.connection, limits):
            if client_id is None or row["id"] in used:
                yield PLATFORM_TABLE, row
    for row in of_clients:
        if row["mode"] == Mode.OWN and not selection.platform_only:
            yield CLIENT_TABLE, row


def _chosen(table: str, row: rows.Row, found: Definition | None) -> Chosen:
    provider = row["provider"]
    if table == PLATFORM_TABLE:
        return Chosen(table, row["id"], None, f"{refs.PLATFORM_WORD}/{provider}", provider, found)
    ref = f"{row['client']}/{provider}/{row['name']}"
    return Chosen(table, row["id"], row["client"], ref, provider, found)


def _is_due(row: rows.Row, stale_s: float | None) -> bool:
    tested = row["lastTestedAt"]
    # What was refused, or could not be asked, is known to work only once it is asked again.
    if stale_s is None or not isinstance(tested, datetime) or row["lastTestResult"] != TestResult.SUCCESS:
        return True
    return bool(tested <= clock.now() - timedelta(seconds=stale_s))


def _as_they_are(work: Writing, batch: Sequence[Chosen]) -> Iterator[tuple[Chosen, rows.Row]]:
    """The rows as they are now: much may have changed since they were chosen."""
    now: dict[str, rows.Row] = {}
    for table, columns in testing.TABLES.items():
        now |= rows.by_ids(work.connection, columns, [one.id for one in batch if one.table == table])
    for one in batch:
        row = now.get(one.id)
        if row is not None and row["credentials"] is not None:
            yield one, {**row, "client": one.client}


def _unreadable(work: Writing, one: Chosen, row: rows.Row, code: str, words: str) -> CheckView:
    target = Target(one.table, one.id, row.get("clientId"))
    work.record({"purpose": "test", "reason": code}, target=target, outcome=AuditOutcome.FAILURE)
    return testing.view(one.id, row, CheckReport(Outcome.UNREADABLE, CheckCode.UNREADABLE, words))
