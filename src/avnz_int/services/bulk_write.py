"""Does what was planned for the records of an import, in a transaction that is open.

Own-mode client integrations that are new, of which there may be 100,000, are built row by row and inserted
together. All else goes through the services' own methods, each a part of the transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from avnz_int.db import bulk, rows
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.errors import AvnzError, ChangedMeanwhileError, ConflictError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, Mode, Status
from avnz_int.providers.contract import CheckReport
from avnz_int.services import chain, client_rows, integrations, sealing
from avnz_int.services.bulk_items import Deed, Item
from avnz_int.services.bulk_plan import Judge, replaced
from avnz_int.services.bulk_records import ClientRecord, PlatformRecord, TenantRecord
from avnz_int.services.clients import ClientIntegrations
from avnz_int.services.joined import Joined
from avnz_int.services.platform import PlatformIntegrations
from avnz_int.services.probe import Prober
from avnz_int.services.sharing import Sharing
from avnz_int.services.tenants import Tenants
from avnz_int.services.vault import Notify
from avnz_int.services.work import Work, Writing


class Doer:
    """Does what is planned.

    Args:
        work: opened the transactions.
        prober: knows what an audit event holds of a test.
        notify: told what the services tell.
        actor: who imports.
        judge: told what is refused after all.
    """

    def __init__(self, work: Work, prober: Prober, notify: Notify, actor: Actor, judge: Judge) -> None:
        self._work = work
        self._prober = prober
        self._notify = notify
        self._actor = actor
        self._judge = judge

    def run(self, work: Writing, items: Sequence[Item]) -> None:
        """Do all of them, in their order; one that fails is refused and leaves nothing behind.

        Raises:
            ChangedMeanwhileError: a definition was seeded since the items were judged by it.
        """
        if not self._judge.in_force.is_current(work.connection):
            raise ChangedMeanwhileError(
                "the definitions in force were changed meanwhile",
                hint="import again; --if-exists skip leaves what is there",
            )
        new: list[tuple[Item, ClientRecord]] = []
        for item in items:
            if item.error is not None or item.deed is Deed.SKIP:
                continue
            record = item.record
            own = isinstance(record, ClientRecord) and record.new.mode is Mode.OWN
            if own and item.deed is Deed.CREATE and item.tested_at is None:
                new.append((item, record))  # type: ignore[arg-type]  # just looked at
                continue
            self._add(work, new)
            new = []
            try:
                self._do(work, item)
            except AvnzError as exc:
                self._judge.refuse(item, exc)
        self._add(work, new)

    # --- one by one --------------------------------------------------------------------------

    def _do(self, work: Writing, item: Item) -> None:
        record = item.record
        # All that one record asks for stands or falls together.
        with work.within(Action.BULK_IMPORT):
            joined = Joined(self._work, work)
            if item.report is not None:
                require_same(item)
            if isinstance(record, TenantRecord):
                self._tenant(Tenants(joined), item, record)
            elif isinstance(record, PlatformRecord):
                self._platform(joined, item, record)
            elif record is not None:
                self._client(joined, item, record)

    def _tenant(self, tenants: Tenants, item: Item, record: TenantRecord) -> None:
        if item.deed is Deed.CREATE:
            tenants.add(self._actor, record.slug, name=record.name, under=record.parent)
        else:
            tenants.rename(self._actor, record.slug, name=record.name)

    def _platform(self, joined: Joined, item: Item, record: PlatformRecord) -> None:
        service = PlatformIntegrations(joined, self._told(item), self._notify)
        ref, tested = record.ref, item.report is not None
        if item.deed is Deed.CREATE:
            view = service.add(self._actor, record.new(), test=tested)
        elif item.row is not None:
            view = service.update(self._actor, ref, replaced(record.changes, item.row), test=tested)
        sharing = Sharing(joined, self._notify)
        if record.shared and record.pricing is not None:
            price = record.pricing.as_json()
            enrols = item.row is None or item.row["isDefaultForNewClients"] != record.default_for_new
            if not view.is_shared_with_clients or view.client_pricing != price or enrols:
                sharing.share(self._actor, ref, record.pricing, default_for_new=record.default_for_new)
        elif record.shared is False and view.is_shared_with_clients:
            sharing.unshare(self._actor, ref)
        if item.deed is Deed.CREATE and record.disabled and view.status != Status.INACTIVE:
            service.disable(self._actor, ref)

    def _client(self, joined: Joined, item: Item, record: ClientRecord) -> None:
        service = ClientIntegrations(joined, self._told(item), self._notify)
        tested = item.report is not None
        if item.deed is Deed.CREATE:
            view = service.add(self._actor, record.new, test=tested)
            if record.disabled:
                service.disable(self._actor, view.id)
        elif item.row is not None:
            wanted = replaced(record.changes, item.row)
            service.update(self._actor, item.row["id"], wanted, test=tested)

    def _told(self, item: Item) -> Prober:
        """What tells the services of the test that was made before the transaction."""

        def known(_: object) -> CheckReport:
            if item.report is None:
                raise RuntimeError("a connection test is due inside a transaction")
            return item.report

        return self._prober.answering(known)

    # --- together ----------------------------------------------------------------------------

    def _add(self, work: Writing, new: Sequence[tuple[Item, ClientRecord]]) -> None:
        if not new:
            return
        client_rows.insert(work, self._actor, self._rows(work, new))

    def _rows(self, work: Writing, new: Sequence[tuple[Item, ClientRecord]]) -> Iterator[dict[str, Any]]:
        owners = bulk.clients_by_slug(work.connection, {record.new.client for _, record in new})
        seals = sealing.Seals(work.connection, self._work.vault, CLIENT_TABLE, len(new))
        for item, record in new:
            owner = owners.get(record.new.client)
            if owner is None:
                # Its own line in this file was to make it, and was refused after all.
                self._judge.refuse(item, ConflictError(f"the client {record.new.client} was not made"))
                continue
            yield self._row(work, seals, item, record, owner)

    def _row(
        self, work: Writing, seals: sealing.Seals, item: Item, record: ClientRecord, owner: rows.Row
    ) -> dict[str, Any]:
        found, new, report = item.found, record.new, item.report
        if found is None or new.credentials is None:
            raise RuntimeError("an item is done before it was planned")
        row = client_rows.new_row(
            work,
            self._actor,
            new,
            owner=owner,
            found=found,
            name=item.name,
            accepted=bool(report and report.success),
        )
        if record.disabled:
            row["status"] = Status.INACTIVE.value
        row |= seals.columns(row, found, new.credentials)
        previous = client_rows.take_default(work, row, self._actor) if new.is_default else None
        target = Target(CLIENT_TABLE, row["id"], row["clientId"])
        facts = integrations.changes({}, row) | client_rows.moved_default(previous)
        if "settings" in facts:
            # Of a new row's audited columns only these can hold what the trail has another form for.
            facts["settings"] = chain.storable(facts["settings"])
        work.record(facts, action=Action.CLIENT_CREATE, target=target, storable=True)
        if report is not None:
            work.record(self._prober.facts(found, report), action=Action.CLIENT_TEST, target=target)
        return row


def require_same(item: Item) -> None:
    """Refuse a change of something else than it was tested with.

    Raises:
        ChangedMeanwhileError: somebody changed, added or deleted it during the test.
    """
    if item.tested_at != (None if item.row is None else item.row["updatedAt"]):
        raise ChangedMeanwhileError(f"{item.ref} was changed by somebody else meanwhile")


ACTIONS = {CLIENT_TABLE: Action.CLIENT_TEST, PLATFORM_TABLE: Action.PLATFORM_TEST}
