"""Connection tests of what an import is about to save, many at once and outside any transaction."""

from __future__ import annotations

from collections.abc import Sequence

from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.errors import AvnzError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.bulk import ImportOptions
from avnz_int.model.enums import AuditOutcome, Environment, Mode, Outcome
from avnz_int.providers.contract import CheckRequest
from avnz_int.services import checking
from avnz_int.services.bulk_items import Deed, Item
from avnz_int.services.bulk_plan import Judge
from avnz_int.services.bulk_records import ClientRecord, PlatformRecord
from avnz_int.services.bulk_write import ACTIONS
from avnz_int.services.integrations import Definition
from avnz_int.services.probe import Prober, refusal
from avnz_int.services.saving import Saver
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work


class Tester:
    """Tests planned items.

    Args:
        work: records what was refused.
        prober: makes requests.
        saver: opens stored credentials that new settings are tested with.
        notify: told of a provider without a test.
    """

    def __init__(self, work: Work, prober: Prober, saver: Saver, notify: Notify) -> None:
        self._work = work
        self._prober = prober
        self._saver = saver
        self._notify = notify

    def run(self, actor: Actor, items: Sequence[Item], options: ImportOptions, judge: Judge) -> None:
        """Test each item that sends something new to its provider; what may not be saved is refused."""
        wanted: list[tuple[Item, CheckRequest, Definition]] = []
        for item in items:
            if item.error is None:
                try:
                    request = self._request(actor, item, options.timeout_s)
                except AvnzError as exc:
                    judge.refuse(item, exc)
                    continue
                if request is not None and item.found is not None:
                    wanted.append((item, request, item.found))
        if wanted:
            reports = checking.run_all(
                [(request, found) for _, request, found in wanted], options.concurrency
            )
            for (item, *_), report in zip(wanted, reports, strict=True):
                item.report = report
            self._judge(actor, [item for item, *_ in wanted], judge)

    def _request(self, actor: Actor, item: Item, timeout_s: float | None) -> CheckRequest | None:
        record, found = item.record, item.found
        if found is None or not isinstance(record, PlatformRecord | ClientRecord):
            return None
        if item.deed is Deed.CREATE:
            new = record.new() if isinstance(record, PlatformRecord) else record.new
            if isinstance(record, ClientRecord) and record.new.mode is Mode.PLATFORM:
                return None
            credentials, settings = new.credentials, new.settings
            environment = new.environment or Environment.PRODUCTION
        elif item.deed is Deed.UPDATE and item.change is not None and item.change.wants_test:
            change = item.change
            item.tested_at = change.before.row["updatedAt"]
            credentials, settings, environment = change.credentials, change.settings, change.environment
            if credentials is None:
                credentials = self._saver.open(actor, change.before, purpose="update")
        else:
            return None
        if credentials is None:
            return None
        of_platform = isinstance(record, PlatformRecord)
        return self._prober.request(
            found, credentials, settings, environment, of_platform=of_platform, timeout_s=timeout_s
        )

    def _judge(self, actor: Actor, items: Sequence[Item], judge: Judge) -> None:
        refused: list[tuple[Item, AvnzError]] = []
        for item in items:
            report, found = item.report, item.found
            if report is None or found is None:
                continue
            self._prober.tell(report)
            error = refusal(report, found, _environment(item))
            if error is not None:
                refused.append((item, error))
            elif report.outcome is Outcome.UNSUPPORTED:
                self._notify(f"{report.message}; saved unverified")
        if refused:
            table = PLATFORM_TABLE if isinstance(refused[0][0].record, PlatformRecord) else CLIENT_TABLE
            with self._work.writing(actor, ACTIONS[table]) as work:
                for item, error in refused:
                    table = PLATFORM_TABLE if isinstance(item.record, PlatformRecord) else CLIENT_TABLE
                    row = item.row or {}
                    if item.found is not None and item.report is not None:
                        facts = self._prober.facts(item.found, item.report)
                        work.record(
                            {"provider": item.found.provider, **facts},
                            action=ACTIONS[table],
                            target=Target(table, row.get("id"), row.get("clientId")),
                            outcome=AuditOutcome.FAILURE,
                        )
                    judge.refuse(item, error)


def _environment(item: Item) -> Environment:
    if item.change is not None:
        return item.change.environment
    record = item.record
    if isinstance(record, PlatformRecord):
        return record.environment
    given = record.new.environment if isinstance(record, ClientRecord) else None
    return given or Environment.PRODUCTION
