"""Metered usage: recorded from files of any size, shown in sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, BinaryIO

from avnz_int import clock
from avnz_int.db import billing, usage
from avnz_int.errors import AvnzError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, Role, UsageType
from avnz_int.model.files import UsageFormat
from avnz_int.model.spans import Month
from avnz_int.model.usage import Entry, IntegrationUsage, LineError, LineRefusedError, RecordReport, UsageView
from avnz_int.services import access, client_rows, refs, usage_sums
from avnz_int.services.usage_lines import LineParser
from avnz_int.services.usage_places import Places
from avnz_int.services.usage_stream import lines
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work, Writing

BATCH = 10_000
"""Lines of a transaction: short enough for those who wait for its locks."""
_MANY = 1000
"""Lines of a run from which on the database is told that its table has grown."""
MOST_ERRORS = 1000
_TARGET = Target("UsageRecord")
_SKEW = timedelta(minutes=5)
_FIELDS = ("integration", "amount", "currency", "occurredAt", "status", "refundOf")


class Usage:
    """Records usage (org_admin, service) and shows it (org_admin, auditor, client_admin its own)."""

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._notify = notify

    def record(self, actor: Actor, stream: BinaryIO, form: UsageFormat) -> RecordReport:
        """What became of each line of a file; those that can be taken are, in transactions of a batch each.

        The same line again changes nothing, so that a run that broke off is simply repeated.
        """
        with self._work.reading(actor, Action.USAGE_RECORD, _TARGET):
            access.require(actor, Action.USAGE_RECORD, Role.ORG_ADMIN, Role.SERVICE)
        run = _Run(self._work, actor, form)
        try:
            for first, found in lines(stream):
                run.take(first, found)
            run.end()
        except AvnzError as exc:
            if run.report.recorded:
                exc.details["recorded"] = run.report.recorded
                self._notify(f"{run.report.recorded} lines were recorded before; repeating them is safe")
            raise
        if run.unknown:
            self._notify(f"fields that nobody knows were passed over: {', '.join(sorted(run.unknown))}")
        return run.report

    def listing(
        self,
        actor: Actor,
        *,
        client: str | None = None,
        month: str | None = None,
        integration: str | None = None,
    ) -> list[UsageView]:
        """Sums by client, integration and currency of a month; the running one if none is named."""
        with self._work.reading(actor, Action.USAGE_READ) as work:
            client_id = readable_client(work, actor, Action.USAGE_READ, client)
            found = None
            if integration is not None:
                found = client_rows.find(work, actor, Action.USAGE_READ, integration, client, reading=True)
                client_id = found["clientId"]
            when = Month.of(clock.now()) if month is None else Month.parse(month)
            return usage_sums.sums(work.connection, when, client_id, None if found is None else found["id"])

    def of_integration(
        self, actor: Actor, ref: str, *, client: str | None = None, month: str | None = None
    ) -> IntegrationUsage:
        """The usage stats of an integration in a month, with a billing estimate."""
        with self._work.reading(actor, Action.USAGE_READ) as work:
            row = client_rows.find(work, actor, Action.USAGE_READ, ref, client, reading=True)
            when = Month.of(clock.now()) if month is None else Month.parse(month)
            last = billing.last_closed(work.connection)
            currencies = usage_sums.with_estimate(work.connection, row, when)
            return IntegrationUsage(
                id=row["id"],
                client_id=row["clientId"],
                client=row["client"],
                provider=row["provider"],
                name=row["name"],
                mode=row["mode"],
                platform_integration_id=row["platformIntegrationId"],
                month=str(when),
                closed=last is not None and str(when) <= last,
                transactions=sum(part.transactions for part in currencies),
                currencies=currencies,
            )


class _Run:
    """One file on its way into the database."""

    def __init__(self, work: Work, actor: Actor, form: UsageFormat) -> None:
        self.report = RecordReport()
        self._work = work
        self._actor = actor
        self._parser = LineParser(form)
        self._batch: list[Entry] = []
        self._refused = 0  # of lines whose event is still to come
        self._places: Places | None = None
        self._known_at = -1
        self._touched: set[tuple[str, str]] = set()

    @property
    def unknown(self) -> set[str]:
        """Names of fields that were passed over."""
        return self._parser.unknown

    def take(self, first: int, found: Iterable[bytes | None]) -> None:
        """Some more lines; `first` is the number of the first of them."""
        parse, batch = self._parser.parse, self._batch
        for number, line in enumerate(found, first):
            try:
                entry = parse(number, line)
            except LineRefusedError as exc:
                self._reject(number, exc)
                continue
            if entry is not None:
                batch.append(entry)
        while len(batch) >= BATCH:
            self._record(batch[:BATCH])
            del batch[:BATCH]

    def end(self) -> None:
        """The last lines, and the caches of what was touched, in one transaction."""
        if self._batch or self._touched or self._refused:
            self._record(self._batch, last=True)
        self.report.errors.sort(key=lambda error: error.line)

    def _reject(self, number: int, exc: LineRefusedError) -> None:
        self.report.rejected += 1
        self._refused += 1
        self._tell(LineError(number, exc.code, exc.message))

    def _tell(self, error: LineError) -> None:
        if len(self.report.errors) < MOST_ERRORS:
            self.report.errors.append(error)

    def _record(self, batch: list[Entry], *, last: bool = False) -> None:
        before = replace(self.report, errors=[])
        with self._work.writing(self._actor, Action.USAGE_RECORD, _TARGET) as work:
            # Whatever changes clients, integrations, prices or months writes an event: no event, no change.
            if self._places is None or work.sequence != self._known_at:
                self._places = Places(work.connection, self._actor)
            records, kept = self._records(work, self._places, batch)
            charges = _charges(work, records)
            records, kept = self._in_one_currency(work, records, kept, charges)
            new = usage.insert(work.connection, records) if records else 0
            if new < len(records):
                self._compare(work, kept, records, len(records) - new)
            self._touched.update((record[0], record[3]) for record in records)
            # A void may have named another integration than its charge's.
            voided = {_charge_of(record) for record in records if record[1] == UsageType.VOID}
            self._touched.update((key[0], charges[key][0]) for key in voided & charges.keys())
            if last:
                if self.report.recorded + new + self.report.duplicates >= _MANY:
                    usage.note_size(work.connection)
                usage_sums.refresh_caches(work.connection, self._touched)
            rejected, self._refused = self._refused, 0
            work.record(
                {
                    "recorded": new,
                    "duplicates": self.report.duplicates - before.duplicates,
                    "conflicts": self.report.conflicts - before.conflicts,
                    "rejected": rejected,
                }
            )
            self._known_at = work.sequence
        self.report.recorded += new

    def _records(
        self, work: Writing, places: Places, batch: list[Entry]
    ) -> tuple[list[tuple[Any, ...]], list[Entry]]:
        moment = clock.now()
        now, latest = clock.rfc3339(moment), clock.rfc3339(moment + _SKEW)
        closed = billing.last_closed(work.connection) or ""
        reopened = str(Month.parse(closed).next) if closed else ""
        rated = places.rated
        records, kept = [], []
        for entry in batch:
            number, whose, kind, transaction, amount, currency, occurred, status, refund_of = entry
            try:
                there = rated(whose, currency)
                version = there.version_at(occurred)
            except LineRefusedError as exc:
                self._reject(number, exc)
                continue
            if occurred > latest:
                self._reject(number, LineRefusedError("future", "occurredAt has not come yet"))
                continue
            month = occurred[:7]
            client_id, integration_id, platform_id, account_id = there.place
            records.append(
                (
                    client_id,
                    kind,
                    transaction,
                    integration_id,
                    platform_id,
                    account_id,
                    amount,
                    currency,
                    occurred,
                    status,
                    refund_of,
                    version,
                    month if month > closed else reopened,
                    now,
                )
            )
            kept.append(entry)
        return records, kept

    def _in_one_currency(
        self,
        work: Writing,
        records: list[tuple[Any, ...]],
        kept: list[Entry],
        charges: Mapping[usage.Key, tuple[Any, ...]],
    ) -> tuple[list[tuple[Any, ...]], list[Entry]]:
        """Without refunds and voids in another currency than their charge, which was recorded before them.

        A line that is itself recorded, from before its charge came, stays: the same line changes nothing.
        """
        charge = UsageType.CHARGE.value
        known = {key: there[2] for key, there in charges.items()}
        wrong: dict[usage.Key, str] = {}
        for record in records:
            if record[1] == charge:
                known.setdefault((record[0], charge, record[2]), record[7])
            elif known.get(_charge_of(record), record[7]) != record[7]:
                wrong[record[0], record[1], record[2]] = known[_charge_of(record)]
        for key in usage.content(work.connection, list(wrong)) if wrong else ():
            del wrong[key]
        if not wrong:
            return records, kept
        taken = []
        for entry, record in zip(kept, records, strict=True):
            currency = wrong.get((record[0], record[1], record[2]))
            if currency in {None, record[7]}:
                taken.append((record, entry))
                continue
            what = f"the {record[1]} is in {record[7]}, its charge {record[10]} in {currency}"
            self._reject(entry.number, LineRefusedError("other_currency", what))
        return [record for record, _ in taken], [entry for _, entry in taken]

    def _compare(self, work: Writing, kept: list[Entry], records: list[tuple[Any, ...]], known: int) -> None:
        """Tell duplicates from conflicts, where `known` of the records were not new."""
        stored = usage.content(work.connection, [(record[0], record[1], record[2]) for record in records])
        conflicts = 0
        for entry, record in zip(kept, records, strict=True):
            there = stored[record[0], record[1], record[2]]
            given = (record[3], record[6], record[7], record[8], record[9], record[10])
            if there == given:
                continue
            differs = [name for name, one, other in zip(_FIELDS, there, given, strict=True) if one != other]
            if differs == ["integration"] and entry.whose[0] is None and entry.whose[2] is None:
                # Nothing of the line differs: the client's default was another one then.
                continue
            conflicts += 1
            what = f"{record[1]} {record[2]} is recorded with another {', '.join(differs)}"
            self._tell(LineError(entry.number, "conflict", what))
        self.report.conflicts += conflicts
        self.report.duplicates += known - conflicts


def _charges(work: Reading, records: list[tuple[Any, ...]]) -> dict[usage.Key, tuple[Any, ...]]:
    """The recorded charges that refunds and voids among the records name, as `usage.content` has them."""
    keys = [_charge_of(record) for record in records if record[1] != UsageType.CHARGE]
    return usage.content(work.connection, keys) if keys else {}


def _charge_of(record: tuple[Any, ...]) -> usage.Key:
    """The key of the charge that a refund or void names."""
    return record[0], UsageType.CHARGE.value, record[10]


def readable_client(work: Reading, actor: Actor, action: Action, slug: str | None) -> str | None:
    """The id of the client that a listing is limited to: the one named, or the actor's own; None for all.

    Raises:
        HiddenError: another client than the actor's own.
        ForbiddenError: a role that may not read this.
    """
    client_id = actor.client_id
    if slug is not None:
        row = refs.client(work.connection, actor, slug)
        access.require_client(actor, action, row, reading=True)
        client_id = row["id"]
    access.require(actor, action, Role.ORG_ADMIN, Role.CLIENT_ADMIN, Role.AUDITOR)
    return client_id
