"""`test --all`: many connection tests at once, each integration once, whatever one of them does.

Checks run on one event loop (those that block, in threads). The database is used by one thread of its own, in
batches: credentials are opened a batch ahead of the checks, results are written while others still wait. What
was found before an interruption is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from avnz_int import clock
from avnz_int.crypto.cipher import destination_digest
from avnz_int.db import clients, definitions, platform, rows
from avnz_int.errors import KeyMissingError, SealBrokenError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, AuditOutcome, CheckCode, Mode, Outcome, Role
from avnz_int.model.inputs import Filter, TestSelection
from avnz_int.model.views import CheckView
from avnz_int.providers import registry
from avnz_int.providers.contract import CheckReport, CheckRequest
from avnz_int.services import access, refs, testing
from avnz_int.services.integrations import CLIENT_TABLE, PLATFORM_TABLE, Definition
from avnz_int.services.probe import Prober
from avnz_int.services.testing import Opened
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work

BATCH = 100
FLUSH_S = 0.5
_END = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """An integration to be tested: the row that has the credentials."""

    table: str
    row: rows.Row
    found: Definition


class Sweep:
    """Tests many stored integrations (org_admin; a client_admin the own client's own-mode ones)."""

    def __init__(self, work: Work, prober: Prober, notify: Notify) -> None:
        self._work = work
        self._prober = prober
        self._notify = notify

    def choose(self, actor: Actor, selection: TestSelection) -> list[Chosen]:
        """What would be tested, each once: a platform integration that many share is one.

        Raises:
            NotFoundError: no such client.
            ForbiddenError: the actor may not test.
        """
        with self._work.reading(actor, Action.CLIENT_TEST) as work:
            access.require(actor, Action.CLIENT_TEST, Role.ORG_ADMIN, Role.CLIENT_ADMIN)
            if selection.platform_only:
                access.require_admin(actor, Action.PLATFORM_TEST)
            found = {row["provider"]: Definition.of(row) for row in definitions.listing(work.connection)}
            return [
                Chosen(table, row, found[row["provider"]])
                for table, row in _candidates(work, actor, selection)
                if _is_due(row, selection.stale_s)
            ]

    def run(
        self,
        actor: Actor,
        chosen: Sequence[Chosen],
        *,
        concurrency: int = 8,
        per_host: int = 8,
        timeout_s: float | None = None,
        on_result: Callable[[CheckView], None] = lambda _: None,
    ) -> None:
        """Test all of them; results go to `on_result` as they are recorded.

        Args:
            actor: who asks.
            chosen: from `choose`.
            concurrency: checks at once.
            per_host: checks at once of one host.
            timeout_s: the deadline of each check.
            on_result: called in this thread or the database's, one at a time.

        Raises:
            KeyboardInterrupt: after what was found is recorded.
        """
        run = _Run(self, actor, chosen, on_result, timeout_s)
        try:
            registry.run_loop(run.main(concurrency, per_host))
        finally:
            run.record_rest()

    def open_batch(
        self, actor: Actor, batch: Sequence[Chosen], timeout_s: float | None
    ) -> list[tuple[Opened, CheckRequest] | CheckView]:
        """Their credentials opened and recorded in one transaction; a view for each that does not open."""
        opened: list[tuple[Opened, CheckRequest] | CheckView] = []
        with self._work.writing(actor, Action.CREDENTIALS_READ) as work:
            for one in batch:
                try:
                    held = testing.open_row(
                        work, self._work.vault, one.table, one.row, one.found, asked=one.row
                    )
                except (SealBrokenError, KeyMissingError) as exc:
                    target = Target(one.table, one.row["id"], one.row.get("clientId"))
                    work.record(
                        {"purpose": "test", "reason": exc.code}, target=target, outcome=AuditOutcome.FAILURE
                    )
                    report = CheckReport(Outcome.UNREADABLE, CheckCode.UNREADABLE, exc.message)
                    opened.append(testing.view(one.row["id"], one.row, report))
                else:
                    opened.append((held, held.request(self._prober, timeout_s)))
        return opened

    def record_batch(self, actor: Actor, done: Sequence[tuple[Opened, CheckReport]]) -> list[CheckView]:
        """The results, recorded in one transaction."""
        with self._work.writing(actor, Action.CLIENT_TEST) as work:
            views = []
            for opened, report in done:
                self._prober.tell(report)
                views.append(testing.record(work, self._prober, self._notify, opened, report, actor))
            return views


class _Run:
    """One sweep: a queue of opened integrations between the database's thread and the checks."""

    def __init__(
        self,
        sweep: Sweep,
        actor: Actor,
        chosen: Sequence[Chosen],
        on_result: Callable[[CheckView], None],
        timeout_s: float | None,
    ) -> None:
        self._sweep = sweep
        self._actor = actor
        self._chosen = chosen
        self._on_result = on_result
        self._timeout_s = timeout_s
        self._done: list[tuple[Opened, CheckReport]] = []
        self._database = ThreadPoolExecutor(1, thread_name_prefix="avnz-int-database")

    async def main(self, concurrency: int, per_host: int) -> None:
        """Open, check and record until nothing is left."""
        queue: asyncio.Queue[tuple[Opened, CheckRequest] | None] = asyncio.Queue(2 * concurrency)
        hosts: dict[str, asyncio.Semaphore] = {}
        finished = asyncio.Event()

        async def check() -> None:
            while (item := await queue.get()) is not _END:
                opened, request = item
                host = hosts.setdefault(_host(opened, request), asyncio.Semaphore(per_host))
                async with host:
                    report = await registry.run_async(request)
                self._done.append((opened, report))

        async with _cancelled_at_end(self._record_now_and_then(finished)), asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(self._chosen))):
                group.create_task(check())
            async for item in self._opened():
                await queue.put(item)
            for _ in range(min(concurrency, len(self._chosen))):
                await queue.put(_END)

    async def _opened(self) -> AsyncIterator[tuple[Opened, CheckRequest]]:
        loop = asyncio.get_running_loop()
        for batch in _batches(self._chosen):
            opened = await loop.run_in_executor(
                self._database, self._sweep.open_batch, self._actor, batch, self._timeout_s
            )
            for item in opened:
                if isinstance(item, CheckView):
                    self._on_result(item)
                else:
                    yield item

    async def _record_now_and_then(self, finished: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        while not finished.is_set():
            await asyncio.sleep(FLUSH_S)
            done, self._done = self._done, []
            if done:
                # Not to be cut off half-way: a record that has begun is finished by the thread.
                await asyncio.shield(loop.run_in_executor(self._database, self._record, done))

    def record_rest(self) -> None:
        """Record what is not recorded yet, after the loop has ended."""
        self._database.shutdown(wait=True)
        done, self._done = self._done, []
        if done:
            self._record(done)

    def _record(self, done: Sequence[tuple[Opened, CheckReport]]) -> None:
        for view in self._sweep.record_batch(self._actor, done):
            self._on_result(view)


@asynccontextmanager
async def _cancelled_at_end(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _candidates(work: Reading, actor: Actor, selection: TestSelection) -> Iterator[tuple[str, rows.Row]]:
    limits = Filter(provider=selection.provider)
    client_id = actor.client_id
    if selection.client is not None:
        client_id = refs.client(work.connection, actor, selection.client)["id"]
    of_clients: Sequence[rows.Row] = ()
    if not selection.platform_only:
        of_clients = clients.listing(work.connection, limits, client_id=client_id)
    if actor.role is Role.ORG_ADMIN:
        used = {row["platformIntegrationId"] for row in of_clients}
        for row in platform.listing(work.connection, limits):
            if client_id is None or row["id"] in used:
                yield PLATFORM_TABLE, row
    for row in of_clients:
        if row["mode"] == Mode.OWN:
            yield CLIENT_TABLE, row


def _is_due(row: rows.Row, stale_s: float | None) -> bool:
    tested = row["lastTestedAt"]
    return stale_s is None or tested is None or tested <= clock.now() - timedelta(seconds=stale_s)


def _host(opened: Opened, request: CheckRequest) -> str:
    """What stands for the host that a check asks: where its definition and settings lead."""
    if request.endpoint is not None:
        return request.endpoint
    digest = destination_digest(opened.row["settings"], opened.found.destination_fields)
    return f"{request.provider} {request.environment} {digest}"


def _batches(chosen: Sequence[Chosen]) -> Iterator[Sequence[Chosen]]:
    for start in range(0, len(chosen), BATCH):
        yield chosen[start : start + BATCH]
