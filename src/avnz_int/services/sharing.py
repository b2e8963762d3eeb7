"""Offering a platform integration to clients, with its price."""

from __future__ import annotations

from typing import Any

from avnz_int.db import clients, platform, rows
from avnz_int.errors import ConflictError
from avnz_int.model.actor import Actor, Target
from avnz_int.model.enums import Action, Status
from avnz_int.model.inputs import Filter
from avnz_int.model.pricing import Pricing
from avnz_int.model.views import ShareView
from avnz_int.services import access, integrations, refs
from avnz_int.services import merchants as accounts
from avnz_int.services.integrations import CLIENT_TABLE, PLATFORM_TABLE
from avnz_int.services.vault import Notify
from avnz_int.services.work import Reading, Work, Writing


class Sharing:
    """Shares platform integrations and ends the sharing (role org_admin)."""

    def __init__(self, work: Work, notify: Notify) -> None:
        self._work = work
        self._notify = notify

    def listing(self, actor: Actor) -> list[ShareView]:
        """What is shared, at which price, and who uses it; also what is shared no more but still used."""
        with self._work.reading(actor, Action.PLATFORM_READ) as work:
            access.require(actor, Action.PLATFORM_READ, *access.READERS)
            views = [_view(work, row) for row in platform.listing(work.connection, Filter())]
            return [view for view in views if view.is_shared_with_clients or view.clients]

    def show(self, actor: Actor, ref: str) -> ShareView:
        """One platform integration and the clients that use it."""
        with self._work.reading(actor, Action.PLATFORM_READ) as work:
            access.require(actor, Action.PLATFORM_READ, *access.READERS)
            return _view(work, refs.platform_integration(work.connection, ref))

    def share(self, actor: Actor, ref: str, pricing: Pricing) -> ShareView:
        """The integration, offered to every client at this price from now on.

        Raises:
            ConflictError: clients may not use the provider, or only with their own credentials.
        """
        with self._work.writing(actor, Action.PLATFORM_SHARE) as work:
            access.require_admin(actor, Action.PLATFORM_SHARE)
            row = self._found(work, ref)
            found = integrations.definition(work.connection, row["provider"])
            if not found.is_client_allowed or not found.is_platform_offered:
                whose = "own credentials only" if found.is_client_allowed else "for the platform only"
                raise ConflictError(
                    f"{found.name} cannot be shared with clients: it is {whose}",
                    hint="avnz-int definitions list shows isPlatformOffered",
                )
            row = self._change(
                work, row, {"isSharedWithClients": True, "clientPricing": pricing.as_json()}, actor
            )
            view = _view(work, row)
        if view.status is not Status.ACTIVE:
            self._notify(f"platform/{view.provider} is {view.status}: clients cannot use it yet")
        return view

    def unshare(self, actor: Actor, ref: str, *, revoke: bool = False) -> ShareView:
        """The integration, offered to nobody new; `revoke` also disables those who use it."""
        with self._work.writing(actor, Action.PLATFORM_SHARE) as work:
            access.require_admin(actor, Action.PLATFORM_SHARE)
            row = self._found(work, ref)
            if row["isSharedWithClients"]:
                row = self._change(work, row, {"isSharedWithClients": False}, actor)
            if revoke:
                for user in platform.dependents(work.connection, row["id"]):
                    self._revoke(work, user["id"], actor)
            return _view(work, row)

    def _found(self, work: Writing, ref: str) -> rows.Row:
        row = refs.platform_integration(work.connection, ref)
        work.target = Target(PLATFORM_TABLE, row["id"])
        return platform.by_id(work.connection, row["id"], lock=True) or row

    def _change(self, work: Writing, row: rows.Row, values: dict[str, Any], actor: Actor) -> rows.Row:
        changed = {
            **values,
            "updatedAt": integrations.next_moment(row["updatedAt"]),
            "updatedBy": actor.id,
        }
        rows.change(work.connection, platform.PLATFORM, row["id"], changed)
        work.record(integrations.changes(row, changed))
        return {**row, **changed}

    def _revoke(self, work: Writing, integration_id: str, actor: Actor) -> None:
        row = clients.by_id(work.connection, integration_id, lock=True)
        if row is None or row["status"] == Status.INACTIVE:
            return
        moment = integrations.next_moment(row["updatedAt"])
        changed = {"status": Status.INACTIVE.value, "updatedAt": moment, "updatedBy": actor.id}
        rows.change(work.connection, clients.INTEGRATION, row["id"], changed)
        work.record(
            integrations.changes(row, changed) | {"revoked": True},
            action=Action.CLIENT_DISABLE,
            target=Target(CLIENT_TABLE, row["id"], row["clientId"]),
        )
        after = {**row, **changed}
        accounts.follow_client(work.connection, after, work.organization["id"], actor, moment)


def _view(work: Reading, row: rows.Row) -> ShareView:
    users = platform.dependents(work.connection, row["id"])
    return ShareView(
        id=row["id"],
        provider=row["provider"],
        name=row["name"],
        environment=row["environment"],
        status=Status(row["status"]),
        is_shared_with_clients=row["isSharedWithClients"],
        client_pricing=row["clientPricing"],
        clients=[f"{user['client']}/{user['name']}" for user in users],
    )
