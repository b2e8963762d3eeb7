"""Lists client integrations; apart from what changes them, which need not be loaded for it."""

from __future__ import annotations

from avnz_int.db import clients, keys
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, Role
from avnz_int.model.filters import Filter
from avnz_int.model.views.integrations import ClientView
from avnz_int.services import access, refs, showing
from avnz_int.services.work import Work


class ClientListing:
    """List client integrations (org_admin, client_admin of that client, auditor)."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def listing(
        self, actor: Actor, *, client: str | None = None, limits: Filter | None = None
    ) -> list[ClientView]:
        """Those of one client, or of all; opens nothing."""
        with self._work.reading(actor, Action.CLIENT_READ) as work:
            client_id = actor.client_id
            if client is not None:
                client_id = refs.client(work.connection, actor, client)["id"]
            access.require(actor, Action.CLIENT_READ, Role.ORG_ADMIN, Role.CLIENT_ADMIN, Role.AUDITOR)
            known = keys.readable_ids(work.connection)
            found = clients.listing(work.connection, limits or Filter(), client_id=client_id)
            return [showing.listed_client(row, known) for row in found]
