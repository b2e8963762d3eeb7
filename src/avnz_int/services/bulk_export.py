"""Bulk export: records out of the database, masked, or with credentials as an encrypted bundle."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from avnz_int import clock
from avnz_int.crypto import bundle
from avnz_int.crypto._locks import Lock
from avnz_int.crypto.cipher import Cipher
from avnz_int.db import bulk, platform, rows
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.db.types import parsed
from avnz_int.errors import KeyMissingError, SealBrokenError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.bulk import ExportReport, Progress, Selection
from avnz_int.model.enums import Action, AuditOutcome, Mode, Role
from avnz_int.model.files import Kind
from avnz_int.model.secret import MASK, Credentials
from avnz_int.services import access, integrations, refs
from avnz_int.services.bulk_items import InForce
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work, Writing

BATCH = 1000
"""How many records share a transaction."""
LINE = 500
"""How many share a line of a bundle, which with the largest credentials is not longer than a reader takes."""
MASKED = "masked"
Opened = tuple[Mapping[str, Any], Credentials | None]


class BulkExport:
    """Exports tenants and integrations.

    An org_admin exports all, a client_admin what is the own client's, an auditor what is masked.
    """

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._notify = notify

    def masked(self, actor: Actor, selection: Selection | None = None) -> Export:
        """Records whose credentials stay closed, to be iterated once: tenants, platform, clients.

        Raises:
            NotFoundError: no such client.
        """
        selection = selection or Selection()
        roles = (Role.ORG_ADMIN, Role.CLIENT_ADMIN, Role.AUDITOR)
        client_id = self._client(actor, selection, *roles)
        return Export(self._work, actor, selection, client_id)

    def sealed(self, actor: Actor, lock: Lock, selection: Selection | None = None) -> Bundle:
        """The lines of an encrypted bundle, to be iterated once; each opening of a row is recorded.

        Raises:
            NotFoundError: no such client.
        """
        selection = selection or Selection()
        client_id = self._client(actor, selection, Role.ORG_ADMIN, Role.CLIENT_ADMIN)
        writer = bundle.Writer(lock, clock.new_id())
        return Bundle(self._work, actor, selection, client_id, writer, lock, self._notify)

    def _client(self, actor: Actor, selection: Selection, *roles: Role) -> str | None:
        """The id of the client whose things are wanted; None: of all."""
        with self._work.reading(actor, Action.BULK_EXPORT) as work:
            access.require(actor, Action.BULK_EXPORT, *roles)
            if selection.client is None:
                return actor.client_id
            return str(refs.client(work.connection, actor, selection.client)["id"])


class _Counted:
    """What both kinds of export share: counts, and the event at the end."""

    def __init__(self, work: Work, actor: Actor, selection: Selection, client_id: str | None) -> None:
        self._work = work
        self._actor = actor
        self._selection = selection
        self._client_id = client_id
        self._counts = dict.fromkeys(Kind, 0)
        self._unreadable = 0
        self.on_batch: Callable[[Progress], None] = lambda _: None

    def wants(self, kind: Kind) -> bool:
        """Whether records of a kind are wanted, and the actor may have them."""
        if self._client_id is not None and kind is Kind.PLATFORM:
            return False
        return self._selection.wants(kind)

    def counted(self, mode: str) -> ExportReport:
        """How many were given so far."""
        return ExportReport(
            tenants=self._counts[Kind.TENANT],
            platform=self._counts[Kind.PLATFORM],
            clients=self._counts[Kind.CLIENT],
            unreadable=self._unreadable,
            mode=mode,
        )

    def tell(self) -> None:
        """Tell how far it is."""
        self.on_batch(Progress(sum(self._counts.values())))

    def record(self, facts: Mapping[str, Any], *, complete: bool) -> None:
        """Put the export in the audit trail."""
        target = None if self._client_id is None else Target("Client", self._client_id, self._client_id)
        with self._work.writing(self._actor, Action.BULK_EXPORT, target) as work:
            counts = {
                f"{kind}s" if kind is not Kind.PLATFORM else kind: n for kind, n in self._counts.items()
            }
            work.record(
                {**facts, **counts},
                outcome=AuditOutcome.SUCCESS if complete else AuditOutcome.FAILURE,
            )


class Export(_Counted):
    """The records of a masked export, read in one transaction; recorded when it ends or breaks off."""

    @property
    def report(self) -> ExportReport:
        """How many were given so far."""
        return self.counted(MASKED)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        complete = False
        try:
            with self._work.reading(self._actor, Action.BULK_EXPORT) as work:
                yield from self._records(work)
            complete = True
        finally:
            self.record({"mode": MASKED}, complete=complete)

    def _records(self, work: Reading) -> Iterator[dict[str, Any]]:
        if self.wants(Kind.TENANT):
            yield from self._of(Kind.TENANT, map(_tenant, bulk.tenant_rows(work.connection, self._client_id)))
        if self.wants(Kind.PLATFORM):
            yield from self._of(Kind.PLATFORM, map(_platform, bulk.platform_rows(work.connection)))
        if self.wants(Kind.CLIENT):
            found = bulk.client_rows(work.connection, self._client_id)
            yield from self._of(Kind.CLIENT, map(_client, found))

    def _of(self, kind: Kind, records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        while part := list(islice(records, BATCH)):
            self._counts[kind] += len(part)
            yield from part
            self.tell()


class Bundle(_Counted):
    """The lines of a bundle: the rows of a line are opened, and that is recorded, before it is given."""

    def __init__(
        self,
        work: Work,
        actor: Actor,
        selection: Selection,
        client_id: str | None,
        writer: bundle.Writer,
        lock: Lock,
        notify: Notify,
    ) -> None:
        super().__init__(work, actor, selection, client_id)
        self._writer = writer
        self._lock = lock
        self._notify = notify
        self._in_force = InForce()

    @property
    def report(self) -> ExportReport:
        """How many were given so far."""
        return self.counted(self._lock.mode)

    def __iter__(self) -> Iterator[str]:
        complete = False
        facts = {"mode": self._lock.mode}
        if self._lock.recipient is not None:
            facts["recipient"] = self._lock.recipient
        try:
            yield self._writer.first
            for part in self._parts():
                for start in range(0, len(part), LINE):
                    yield self._writer.seal(part[start : start + LINE], last=False)
                self.tell()
            yield self._writer.seal([], last=True)
            complete = True
        finally:
            self.record({**facts, "unreadable": self._unreadable}, complete=complete)

    def _parts(self) -> Iterator[list[Opened]]:
        if self.wants(Kind.TENANT):
            with self._work.reading(self._actor, Action.BULK_EXPORT) as work:
                records: Iterator[Opened] = (
                    (_tenant(row), None) for row in bulk.tenant_rows(work.connection, self._client_id)
                )
                while part := list(islice(records, BATCH)):
                    self._counts[Kind.TENANT] += len(part)
                    yield part
        if self.wants(Kind.PLATFORM):
            with self._work.writing(self._actor, Action.CREDENTIALS_READ) as writing:
                ids = bulk.platform_ids(writing.connection)
                there = rows.by_ids(writing.connection, platform.PLATFORM, ids)
                part = self._opened(writing, PLATFORM_TABLE, [there[one] for one in ids])
            self._counts[Kind.PLATFORM] += len(part)
            yield part
        after: tuple[str, str, str] | None = None
        while self.wants(Kind.CLIENT):
            with self._work.writing(self._actor, Action.CREDENTIALS_READ) as writing:
                page = bulk.client_page(writing.connection, self._client_id, after, BATCH)
                part = self._opened(writing, CLIENT_TABLE, page)
            if not page:
                return
            last = page[-1]
            after = last["clientId"], last["provider"], last["name"]
            self._counts[Kind.CLIENT] += len(part)
            yield part

    def _opened(self, work: Writing, table: str, found: Iterable[rows.Row]) -> list[Opened]:
        self._in_force.load(work.connection)
        cipher = self._work.vault.cipher(work.connection)
        return [self._open(work, cipher, table, row) for row in found]

    def _open(self, work: Writing, cipher: Cipher, table: str, row: rows.Row) -> Opened:
        columns = bulk.PLATFORM_COLUMNS if table == PLATFORM_TABLE else bulk.CLIENT_COLUMNS
        values = [row[name] for name in columns]
        record = _platform(values) if table == PLATFORM_TABLE else _client([row["client"], *values])
        if row["credentials"] is None:
            return record, None
        target = Target(table, row["id"], row.get("clientId"))
        try:
            definition = self._in_force.stored(work.connection, row["provider"])
            credentials = cipher.open(row["credentials"], integrations.place(table, row, definition))
        except (SealBrokenError, KeyMissingError) as exc:
            facts = {"purpose": "export", "reason": exc.code}
            work.record(facts, target=target, outcome=AuditOutcome.FAILURE)
            self._unreadable += 1
            self._notify(exc.message)
            return {**record, "credentials": None, "unreadable": True}, None
        work.record({"purpose": "export"}, target=target)
        return record, credentials


def columns(kinds: Collection[Kind]) -> list[str]:
    """The fields of records of these kinds (none: of all) in one order: what a table of them has."""
    none = [None]
    records = {
        Kind.TENANT: _tenant(dict.fromkeys(("level", "slug", "name", "parent"))),
        Kind.PLATFORM: _platform(none * len(bulk.PLATFORM_COLUMNS)),
        Kind.CLIENT: _client(none * (1 + len(bulk.CLIENT_COLUMNS))),
    }
    wanted = [record for kind, record in records.items() if not kinds or kind in kinds]
    return list(dict.fromkeys(name for record in wanted for name in record))


def _tenant(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": "tenant", **row}


def _platform(values: Any) -> dict[str, Any]:
    provider, name, description, environment, status, settings, key_id, *offer = values
    is_shared, is_default, pricing = offer
    return {
        "kind": "platform",
        "provider": provider,
        "name": name,
        "description": description,
        "environment": environment,
        "status": status,
        "settings": parsed(settings),
        "credentials": MASK,
        "keyId": key_id,
        "isSharedWithClients": is_shared,
        "isDefaultForNewClients": is_default,
        "clientPricing": parsed(pricing),
    }


def _client(values: Any) -> dict[str, Any]:
    client, provider, name, description, mode, environment, *more = values
    is_default, priority, status, settings, key_id = more
    return {
        "kind": "client",
        "client": client,
        "provider": provider,
        "name": name,
        "description": description,
        "mode": mode,
        "environment": environment,
        "isDefault": is_default,
        "priority": priority,
        "status": status,
        "settings": parsed(settings),
        "credentials": None if mode == Mode.PLATFORM else MASK,
        "keyId": key_id,
    }
