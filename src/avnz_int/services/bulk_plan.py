"""Judges the records of an import: by themselves, by the definitions in force, and by what is stored.

Nothing is written here. What the file itself makes first (a tenant, then its integrations) counts as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from avnz_int.db import bulk, clients, platform, rows, tenants
from avnz_int.db.claims import Claims
from avnz_int.db.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.errors import (
    AvnzError,
    ConflictError,
    ExistsError,
    ForbiddenError,
    HiddenError,
    HiddenProviderError,
    InvalidInputError,
    NotFoundError,
    SchemaViolationError,
)
from avnz_int.model import names
from avnz_int.model.actor import Actor, Target
from avnz_int.model.bulk import Given
from avnz_int.model.enums import Action, Mode
from avnz_int.model.files import IfExists, Kind
from avnz_int.model.inputs import Changes, Unset
from avnz_int.services import access, client_rows, integrations, refs
from avnz_int.services.bulk_items import Deed, Denial, InForce, Item
from avnz_int.services.bulk_parsing import about, record_of
from avnz_int.services.bulk_reading import refuse_twice
from avnz_int.services.bulk_records import ClientRecord, PlatformRecord, TenantRecord
from avnz_int.services.integrations import Definition
from avnz_int.services.saving import Saver, Snapshot, checked_priority
from avnz_int.services.tenants import checked_slug
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading

DENIALS = (ForbiddenError, HiddenError, HiddenProviderError)
_TENANTS_HINT = "avnz-int tenant list shows the tenants; a tenant stands in the file before what is its own"


class Judge:
    """Judges records one batch after another.

    Args:
        actor: who imports.
        if_exists: what becomes of what is there already.
        claims: what the file has named so far.
        saver: plans updates.
        notify: told of a beta provider.
    """

    def __init__(
        self, actor: Actor, if_exists: IfExists, claims: Claims, saver: Saver, notify: Notify
    ) -> None:
        self._actor = actor
        self._if_exists = if_exists
        self._claims = claims
        self._saver = saver
        self._notify = notify
        self._made_tenants: dict[str, str] = {}
        self._made_platform: dict[str, PlatformRecord] = {}
        self.in_force = InForce()
        self.denied: list[Denial] = []

    def read(self, batch: Sequence[Given]) -> list[Item]:
        """The items of a batch, those that are no proper record with their error."""
        return [self._read(one) for one in batch]

    def check(self, connection: Connection, items: Sequence[Item]) -> None:
        """Judge items by themselves and by the definitions in force."""
        self.in_force.load(connection)
        for item in items:
            if item.error is None:
                try:
                    self._check(connection, item)
                except AvnzError as exc:
                    self.refuse(item, exc)

    def plan(self, work: Reading, items: Sequence[Item]) -> None:
        """Decide what is to be done with each item that is not kept out."""
        wanted = [item for item in items if item.error is None]
        slugs = {item.record.new.client for item in wanted if isinstance(item.record, ClientRecord)}
        owners = bulk.clients_by_slug(work.connection, set(filter(refs.findable, slugs)))
        keys = [
            (owners[item.record.new.client]["id"], item.record.new.provider, item.name)
            for item in wanted
            if isinstance(item.record, ClientRecord) and item.record.new.client in owners
        ]
        there = bulk.integration_ids(work.connection, keys)
        for item in wanted:
            try:
                if isinstance(item.record, TenantRecord):
                    item.deed = self._tenant(work, item, item.record)
                elif isinstance(item.record, PlatformRecord):
                    item.deed = self._platform(work, item, item.record)
                elif item.record is not None:
                    item.deed = self._client(work, item, item.record, owners, there)
            except AvnzError as exc:
                self.refuse(item, exc)

    def forget_made(self) -> None:
        """What the file made is in the database now."""
        self._made_tenants.clear()
        self._made_platform.clear()

    def refuse(self, item: Item, exc: AvnzError) -> None:
        """Keep an item out; a denial is kept for the audit trail."""
        item.error = exc
        # What commands take as options are fields here.
        if isinstance(exc, SchemaViolationError) and item.found is not None:
            exc.hint = f"avnz-int definitions show {item.found.provider} lists the fields"
        elif exc.hint is not None and "--credential" in exc.hint:
            exc.hint = "write all of them into the record, under credentials"
        if isinstance(exc, DENIALS):
            action = _CREATES.get(item.kind or "", Action.BULK_IMPORT)
            self.denied.append(Denial(action, Target(_TABLES.get(item.kind or "", "Client")), exc))

    def _read(self, one: Given) -> Item:
        item = Item(one.line)
        if one.problem is not None:
            item.error = InvalidInputError(one.problem)
            return item
        try:
            item.record = record_of(one.value)
            item.kind, item.ref = item.record.kind.value, item.record.ref
        except AvnzError as exc:
            item.kind, item.ref = about(one.value)
            item.error = exc
        return item

    # --- by itself ---------------------------------------------------------------------------

    def _check(self, connection: Connection, item: Item) -> None:
        record = item.record
        if isinstance(record, TenantRecord):
            access.require_admin(self._actor, Action.TENANT_CREATE)
            checked_slug(record.slug)
            names.checked_name(record.slug if record.name is None else record.name)
            self._claim(item, "tenant", record.slug)
            return
        if record is None:
            return
        if isinstance(record, PlatformRecord):
            access.require_admin(self._actor, Action.PLATFORM_CREATE)
            provider, name, description = record.provider, record.name, record.description
            credentials, settings = record.credentials, record.settings
        else:
            new = record.new
            provider, name, description = new.provider, new.name, new.description
            credentials, settings = new.credentials, new.settings
            checked_priority(new.priority)
        found = item.found = self.in_force.of(connection, self._actor, provider, record.kind)
        item.name = names.checked_name(found.name if name is None else name)
        names.checked_text(description)
        integrations.require_valid(found, credentials=credentials, settings=dict(settings or {}))
        if isinstance(record, ClientRecord):
            if record.new.mode is Mode.PLATFORM and credentials is not None:
                raise InvalidInputError("platform mode uses the platform's credentials: give none")
            self._claim(item, "client", record.new.client, provider, item.name)
        else:
            self._claim(item, "platform", provider)

    def _claim(self, item: Item, *name: str) -> None:
        first = self._claims.holder(item.line, *name)
        if first != item.line:
            raise refuse_twice(first, item.ref or "it")

    # --- by what is there --------------------------------------------------------------------

    def _known(self, item: Item) -> Deed:
        """What becomes of an item that is there already."""
        if self._if_exists is IfExists.FAIL:
            raise ExistsError(
                f"{item.ref} is there already",
                hint="--if-exists skip leaves it, --if-exists update changes it",
            )
        return Deed.SKIP if self._if_exists is IfExists.SKIP else Deed.UPDATE

    def _tenant(self, work: Reading, item: Item, record: TenantRecord) -> Deed:
        parent = None if record.parent == work.organization["slug"] else record.parent
        found = tenants.any_by_slug(work.connection, record.slug)
        if found is not None:
            table, item.row = found
            self._require_same_place(work, table, item.row, parent, record.slug)
            deed = self._known(item)
            same = record.name is None or names.checked_name(record.name) == item.row["name"]
            return Deed.SKIP if same else deed
        if record.level == "client" and parent is not None:
            raise InvalidInputError("parent: a client stands under the organization: leave parent out")
        if parent is not None and self._made_tenants.get(parent) != "client":
            above = tenants.any_by_slug(work.connection, parent) if refs.findable(parent) else None
            if above is not None and above[0] is not tenants.CLIENT:
                raise InvalidInputError(f"parent: {parent!r} is no client: nothing stands under it")
            if above is None:
                raise NotFoundError(f"no client {parent!r}", hint=_TENANTS_HINT)
        self._made_tenants[record.slug] = "client" if parent is None else "company"
        return Deed.CREATE

    def _require_same_place(
        self, work: Reading, table: Any, row: rows.Row, parent: str | None, slug: str
    ) -> None:
        above: str | None = None
        if table is tenants.COMPANY:
            client = tenants.by_id(work.connection, tenants.CLIENT, row["clientId"])
            above = None if client is None else client["slug"]
        if table is tenants.ORGANIZATION or above != parent:
            raise ConflictError(
                f"{slug!r} is there, but elsewhere in the hierarchy", hint="a tenant cannot be moved"
            )

    def _platform(self, work: Reading, item: Item, record: PlatformRecord) -> Deed:
        found = _definition(item)
        item.row = platform.by_provider(work.connection, record.provider)
        if item.row is None:
            record.new()
            self._require_open(found)
            self._made_platform[record.provider] = record
            return Deed.CREATE
        deed = self._known(item)
        if deed is Deed.UPDATE:
            wanted = replaced(record.changes, item.row)
            item.change = self._saver.plan(Snapshot(PLATFORM_TABLE, item.row, found), wanted)
            offered = record.shared is not None and record.shared != item.row["isSharedWithClients"]
            priced = record.shared and _price(record) != item.row["clientPricing"]
            enrols = record.shared and record.default_for_new not in {
                None,
                item.row["isDefaultForNewClients"],
            }
            if not (item.change.values or item.change.replaces or offered or priced or enrols):
                return Deed.SKIP
        return deed

    def _client(
        self,
        work: Reading,
        item: Item,
        record: ClientRecord,
        owners: dict[str, rows.Row],
        there: dict[tuple[str, str, str], str],
    ) -> Deed:
        found, new = _definition(item), record.new
        owner = owners.get(new.client)
        if owner is None and self._made_tenants.get(new.client) != "client":
            # Whoever may know of one client only reads the same of another that is there.
            hint = _TENANTS_HINT if self._actor.client_id is None else access.CLIENTS_HINT
            raise NotFoundError(f"no client {new.client!r}", hint=hint)
        if owner is not None:
            access.require_client(self._actor, Action.CLIENT_CREATE, owner)
        row_id = None if owner is None else there.get((owner["id"], new.provider, item.name))
        if row_id is not None:
            return self._known_client(work, item, record, row_id)
        record.require_credentials()
        self._require_open(found)
        environment = new.environment.value if new.environment else "production"
        if new.mode is Mode.PLATFORM:
            made = self._made_platform.get(new.provider)
            if made is not None and made.shared:
                environment = made.environment.value
            else:
                environment = client_rows.shared(work, self._actor, found, new.environment)["environment"]
        if new.is_default:
            self._claim_default(item, new.client, found.category, environment)
        return Deed.CREATE

    def _known_client(self, work: Reading, item: Item, record: ClientRecord, row_id: str) -> Deed:
        found = _definition(item)
        deed = self._known(item)
        if deed is Deed.SKIP:
            return deed
        item.row = row = client_rows.reread(work, row_id)
        if row["mode"] != record.new.mode:
            raise ConflictError(
                f"{item.ref} is in {row['mode']} mode",
                hint="its mode cannot change: delete it and add it anew",
            )
        wanted = replaced(record.changes, row)
        item.change = self._saver.plan(Snapshot(CLIENT_TABLE, row, found), wanted)
        if wanted.is_default is True:
            environment = item.change.environment.value
            self._claim_default(item, record.new.client, found.category, environment)
        defaulted = not isinstance(wanted.is_default, Unset) and wanted.is_default != row["isDefault"]
        return deed if item.change.values or item.change.replaces or defaulted else Deed.SKIP

    def _claim_default(self, item: Item, client: str, category: str, environment: str) -> None:
        first = self._claims.holder(item.line, "default", client, category, environment)
        if first != item.line:
            raise InvalidInputError(
                f"isDefault: line {first} is the default of {client} for {category} in {environment} already",
                hint="one default for each client, category and environment",
                details={"field": "isDefault", "firstLine": first},
            )

    def _require_open(self, found: Definition) -> None:
        warning = integrations.require_open_for_new(found)
        if warning:
            self._notify(warning)


def replaced(wanted: Changes, row: rows.Row) -> Changes:
    """The changes with the settings replaced as a whole: a record says what they are, not what is new."""
    if isinstance(wanted.settings, Unset):
        return wanted
    gone = dict.fromkeys(integrations.settings_of(row["settings"]) or {})
    return replace(wanted, settings={**gone, **wanted.settings})


def _definition(item: Item) -> Definition:
    if item.found is None:
        raise RuntimeError("an item is planned before it was checked")
    return item.found


def _price(record: PlatformRecord) -> dict[str, Any] | None:
    return None if record.pricing is None else record.pricing.as_json()


_CREATES = {
    Kind.TENANT.value: Action.TENANT_CREATE,
    Kind.PLATFORM.value: Action.PLATFORM_CREATE,
    Kind.CLIENT.value: Action.CLIENT_CREATE,
}
_TABLES = {
    Kind.TENANT.value: clients.CLIENT.name,
    Kind.PLATFORM.value: PLATFORM_TABLE,
    Kind.CLIENT.value: CLIENT_TABLE,
}
