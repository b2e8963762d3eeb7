"""The hierarchy: the organization, its clients, their companies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table

from avnz_int import clock
from avnz_int.db import clients, keys, platform, prices, rows, tenants
from avnz_int.db import tokens as token_rows
from avnz_int.errors import (
    ConflictError,
    ExistsError,
    HiddenError,
    InUseError,
    InvalidInputError,
    NotFoundError,
)
from avnz_int.model import names
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, Role, TenantKind
from avnz_int.model.filters import Filter
from avnz_int.model.views.integrations import ClientView
from avnz_int.model.views.tenants import TenantView, TreeNode
from avnz_int.services import access, enrolment, integrations, refs, showing
from avnz_int.services.prices import in_step
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_KINDS = {
    tenants.ORGANIZATION: TenantKind.ORGANIZATION,
    tenants.CLIENT: TenantKind.CLIENT,
    tenants.COMPANY: TenantKind.COMPANY,
}
_READERS = (Role.ORG_ADMIN, Role.CLIENT_ADMIN, Role.AUDITOR)


def checked_slug(slug: str) -> str:
    """A slug fit for a REF.

    Raises:
        InvalidInputError: not 1 to 63 of a-z, 0-9 and -, or a reserved word.
    """
    if not _SLUG.fullmatch(slug):
        raise InvalidInputError(
            f"{slug!r} is not a slug",
            hint="use 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends",
        )
    if slug == refs.PLATFORM_WORD:
        raise InvalidInputError(f"{slug!r} is reserved for platform integrations", hint="choose another slug")
    return slug


class Tenants:
    """Adds, shows, renames and removes tenants (role org_admin; others see what is theirs)."""

    def __init__(self, work: Work, notify: Notify = lambda _: None) -> None:
        self._work = work
        self._notify = notify

    def add(
        self,
        actor: Actor,
        slug: str,
        *,
        name: str | None = None,
        under: str | None = None,
        enrolled: bool = True,
    ) -> TenantView:
        """The new tenant: a client of the organization, or, under a client, a company.

        A new client uses what the organization shares with new clients by default, unless it is not to be
        `enrolled`.

        Raises:
            ExistsError: the slug is taken, by a tenant of whatever kind.
            NotFoundError: no tenant `under`.
        """
        checked_slug(slug)
        shown = names.checked_name(name or slug)
        with self._work.writing(actor, Action.TENANT_CREATE) as work:
            access.require_admin(actor, Action.TENANT_CREATE)
            parent: rows.Row = work.organization
            table, link = tenants.CLIENT, {"organizationId": parent["id"]}
            if under is not None and under != parent["slug"]:
                parent = _parent(work.connection, under)
                table, link = tenants.COMPANY, {"clientId": parent["id"]}
            _require_free(work.connection, slug)
            moment = clock.now()
            row: dict[str, Any] = {
                "id": clock.new_id(),
                "slug": slug,
                "name": shown,
                "status": "active",
                "createdAt": moment,
                "updatedAt": moment,
                "createdBy": actor.id,
                "updatedBy": None,
                **link,
            }
            rows.add(work.connection, table, row)
            work.record({"slug": [None, slug], "name": [None, shown]}, target=_target(table, row))
            told = enrolment.enrol(work, actor, row) if enrolled and table is tenants.CLIENT else []
        for notice in told:
            self._notify(notice)
        return _view(table, row, parent["slug"])

    def listing(self, actor: Actor) -> list[TenantView]:
        """The organization, then each client followed by its companies; a client_admin's own only."""
        with self._work.reading(actor, Action.TENANT_READ) as work:
            access.require(actor, Action.TENANT_READ, *_READERS)
            return [node.tenant for node in _flat(_tree(work, actor, {}))]

    def show(self, actor: Actor, slug: str) -> TenantView:
        """One tenant.

        Raises:
            NotFoundError: none that the actor may know of.
        """
        with self._work.reading(actor, Action.TENANT_READ) as work:
            table, row = _found(work.connection, actor, slug)
            return _view(table, row, _parent_slug(work.connection, table, row))

    def show_organization(self, actor: Actor) -> TenantView:
        """The organization, which every role may know."""
        with self._work.reading(actor, Action.TENANT_READ) as work:
            return _view(tenants.ORGANIZATION, work.organization, None)

    def rename(
        self, actor: Actor, slug: str, *, name: str | None = None, new_slug: str | None = None
    ) -> TenantView:
        """The tenant under its new name or slug.

        Raises:
            ExistsError: the new slug is taken.
        """
        with self._work.writing(actor, Action.TENANT_RENAME) as work:
            access.require_admin(actor, Action.TENANT_RENAME)
            table, row = _found(work.connection, actor, slug)
            work.target = _target(table, row)
            changed: dict[str, Any] = {}
            if name is not None and names.checked_name(name) != row["name"]:
                changed["name"] = names.checked_name(name)
            if new_slug is not None and new_slug != slug:
                _require_free(work.connection, checked_slug(new_slug))
                changed["slug"] = new_slug
            if changed:
                work.record({field: [row[field], value] for field, value in changed.items()})
                changed |= {
                    "updatedAt": integrations.next_moment(row["updatedAt"]),
                    "updatedBy": actor.id,
                }
                rows.change(work.connection, table, row["id"], changed)
            return _view(table, {**row, **changed}, _parent_slug(work.connection, table, row))

    def remove(self, actor: Actor, slug: str) -> TenantView:
        """The tenant that is gone now.

        Raises:
            InUseError: a client still has companies or integrations; `details["dependents"]` lists them.
            ConflictError: the organization, or a client whose payments are on record, cannot be removed.
        """
        with self._work.writing(actor, Action.TENANT_REMOVE) as work:
            access.require_admin(actor, Action.TENANT_REMOVE)
            table, row = _found(work.connection, actor, slug)
            work.target = _target(table, row)
            if table is tenants.ORGANIZATION:
                raise ConflictError("the organization cannot be removed", hint="it is the database's owner")
            if table is tenants.CLIENT:
                _require_unused(work.connection, row)
                prices.forget_client(work.connection, row["id"])
                token_rows.forget_client(work.connection, row["id"])
            view = _view(table, row, _parent_slug(work.connection, table, row))
            rows.remove(work.connection, table, row["id"])
            work.record({"slug": [slug, None], "name": [row["name"], None]})
            return view

    def tree(self, actor: Actor) -> TreeNode:
        """The organization with its platform integrations, clients, companies, and what each uses.

        A client_admin sees the own client, and nothing of the organization but its name.
        """
        with self._work.reading(actor, Action.TENANT_READ) as work:
            access.require(actor, Action.TENANT_READ, *_READERS)
            known = keys.readable_ids(work.connection)
            used: dict[str, list[ClientView]] = {}
            for row in clients.listing(work.connection, Filter(), client_id=actor.client_id):
                used.setdefault(row["clientId"], []).append(showing.listed_client(row, known))
            found = _tree(work, actor, used)
            if not actor.client_id:
                of_platform = in_step(work.connection, platform.listing(work.connection, Filter()))
                found.platform.extend(showing.listed_platform(row, known) for row in of_platform)
            return found


def _tree(work: Reading, actor: Actor, used: Mapping[str, list[ClientView]]) -> TreeNode:
    """The tenants that an actor knows of; `used` has what clients use, by their ids."""
    below: dict[str, list[rows.Row]] = {}
    for company in tenants.companies(work.connection, actor.client_id):
        below.setdefault(company["clientId"], []).append(company)
    organization = work.organization
    nodes = []
    for client in tenants.clients(work.connection, actor.client_id):
        own = [
            TreeNode(_view(tenants.COMPANY, company, client["slug"]))
            for company in below.get(client["id"], [])
        ]
        view = _view(tenants.CLIENT, client, organization["slug"])
        nodes.append(TreeNode(view, integrations=used.get(client["id"], []), children=own))
    return TreeNode(_view(tenants.ORGANIZATION, organization, None), children=nodes)


def _flat(node: TreeNode) -> list[TreeNode]:
    return [node, *(below for child in node.children for below in _flat(child))]


def _found(connection: Connection, actor: Actor, slug: str) -> tuple[Table, rows.Row]:
    found = tenants.any_by_slug(connection, slug) if refs.findable(slug) else None
    hint = "avnz-int tenant list shows the tenants"
    if found is None:
        raise NotFoundError(f"no tenant {slug!r}", hint=hint)
    table, row = found
    if actor.client_id is not None:
        owner = {tenants.CLIENT: row["id"], tenants.COMPANY: row.get("clientId")}.get(table)
        if owner not in {actor.client_id, None}:
            raise HiddenError(f"no tenant {slug!r}", hint=hint)
    return table, row


def _parent(connection: Connection, slug: str) -> rows.Row:
    row = tenants.by_slug(connection, tenants.CLIENT, slug) if refs.findable(slug) else None
    if row is not None:
        return row
    if refs.findable(slug) and tenants.by_slug(connection, tenants.COMPANY, slug) is not None:
        raise InvalidInputError(
            f"{slug!r} is a company: nothing stands under it", hint="name a client with --under"
        )
    raise NotFoundError(f"no client {slug!r}", hint="avnz-int tenant list shows the tenants")


def _parent_slug(connection: Connection, table: Table, row: rows.Row) -> str | None:
    if table is tenants.ORGANIZATION:
        return None
    above = tenants.CLIENT if table is tenants.COMPANY else tenants.ORGANIZATION
    parent = tenants.by_id(
        connection, above, row["clientId" if table is tenants.COMPANY else "organizationId"]
    )
    return None if parent is None else str(parent["slug"])


def _require_free(connection: Connection, slug: str) -> None:
    if tenants.any_by_slug(connection, slug) is not None:
        raise ExistsError(f"the slug {slug!r} is taken", hint="slugs are unique over all tenants")


def _require_unused(connection: Connection, row: rows.Row) -> None:
    dependents = [
        {"id": company["id"], "ref": company["slug"]} for company in tenants.companies(connection, row["id"])
    ]
    dependents += [
        {"id": used["id"], "ref": f"{used['client']}/{used['provider']}/{used['name']}"}
        for used in clients.listing(connection, Filter(), client_id=row["id"])
    ]
    dependents += [
        {"id": token["id"], "ref": f"the token {token['name']}"}
        for token in token_rows.live_of_client(connection, row["id"], clock.now())
    ]
    if dependents:
        named = ", ".join(dependent["ref"] for dependent in dependents)
        raise InUseError(
            f"{row['slug']} still has {named}",
            hint="delete or revoke these first",
            details={"dependents": dependents},
        )
    if tenants.count(connection, tenants.MERCHANT, "clientId", row["id"]):
        raise ConflictError(
            f"{row['slug']} has closed merchant accounts, which transactions may name: it cannot be removed"
        )
    if tenants.count(connection, prices.USAGE, "clientId", row["id"]):
        raise ConflictError(f"{row['slug']} has usage on record: it cannot be removed")
    if tenants.count(connection, prices.PERIOD, "clientId", row["id"]):
        raise ConflictError(
            f"{row['slug']} has used the platform's integrations, which is on record: it cannot be removed"
        )


def _target(table: Table, row: Mapping[str, Any]) -> Target:
    client_id = {tenants.CLIENT: row["id"], tenants.COMPANY: row.get("clientId")}.get(table)
    return Target(table.name, row["id"], client_id)


def _view(table: Table, row: Mapping[str, Any], parent: str | None) -> TenantView:
    return TenantView(
        id=row["id"],
        kind=_KINDS[table],
        slug=row["slug"],
        name=row["name"],
        parent=parent,
        status=row.get("status"),
        created_at=row["createdAt"],
        updated_at=row["updatedAt"],
    )
