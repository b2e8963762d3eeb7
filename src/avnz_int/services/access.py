"""Who may do what; the same for every face.

| deed | org_admin | client_admin (own client) | auditor | service |
|---|---|---|---|---|
| platform integrations, sharing, tenants, keys, definitions: change | yes | no | no | no |
| platform integrations: read | yes | no | yes, credentials hidden | no |
| client integrations: change, test | yes | yes | no | no |
| client integrations: read | yes | yes | yes, credentials hidden | no |
| resolve, route, read accounts and pools | yes | yes | yes | yes |
| credentials in force: give to a command | yes | yes, never the platform's | no | yes, as its client |
| audit trail: read, export | yes | no | yes | no |
| access tokens: make, revoke | yes | no | no | no |
| access tokens: list | yes | no | yes | no |
| usage: record | yes | no | no | yes (of one client: its own) |
| usage, bills, payouts: read | yes | yes | yes | no |
| months: close | yes | no | no | no |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avnz_int.errors import ForbiddenError, HiddenError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, Role

CLIENTS_HINT = "avnz-int tenant list shows the clients"
READERS = (Role.ORG_ADMIN, Role.AUDITOR)
USERS = (Role.ORG_ADMIN, Role.CLIENT_ADMIN, Role.AUDITOR, Role.SERVICE)


def require(actor: Actor, action: Action, *roles: Role) -> None:
    """Refuse an actor that has none of the roles.

    Raises:
        ForbiddenError: it has not.
    """
    if actor.role not in roles:
        raise ForbiddenError(
            f"{actor.id} ({actor.role}) may not do {action}",
            hint=f"this needs the role {' or '.join(roles)}",
        )


def require_admin(actor: Actor, action: Action) -> None:
    """Refuse an actor that is no org_admin."""
    require(actor, action, Role.ORG_ADMIN)


def require_client(actor: Actor, action: Action, client: Mapping[str, Any], *, reading: bool = False) -> None:
    """Refuse an actor that may not act for (or, `reading`, look at) this client.

    Raises:
        HiddenError: a client_admin of another client, who may not learn that this one exists.
        ForbiddenError: a role that may not do this for any client.
    """
    if actor.client_id not in {None, client["id"]}:
        raise HiddenError(f"no client {client['slug']!r}", hint=CLIENTS_HINT)
    allowed = (Role.ORG_ADMIN, Role.CLIENT_ADMIN, *((Role.AUDITOR,) if reading else ()))
    require(actor, action, *allowed)


def require_user(actor: Actor, action: Action, client: Mapping[str, Any]) -> None:
    """Refuse an actor of another client: every role may use what a client has, a client's only its own.

    Raises:
        HiddenError: it is another's, who may not learn that this one exists.
    """
    if actor.client_id not in {None, client["id"]}:
        raise HiddenError(f"no client {client['slug']!r}", hint=CLIENTS_HINT)
    require(actor, action, *USERS)


def require_tester(actor: Actor, client_id: str | None, slug: str | None) -> None:
    """Refuse an actor that may not test what is this client's, or (None) the organization's own.

    Raises:
        HiddenError, ForbiddenError: as `require_client`, `require_admin`.
    """
    if client_id is None:
        require_admin(actor, Action.PLATFORM_TEST)
    else:
        require_client(actor, Action.CLIENT_TEST, {"id": client_id, "slug": slug})


def require_use(actor: Actor, action: Action, client: Mapping[str, Any] | None = None) -> None:
    """Refuse an actor that may not use credentials in force: a client's, or without one the platform's.

    Raises:
        HiddenError: an actor of another client.
        ForbiddenError: the role may not, or the platform's are asked for by an actor of a client.
    """
    if client is None:
        require(actor, action, Role.ORG_ADMIN, Role.SERVICE)
        if actor.client_id is not None:
            raise ForbiddenError(f"{actor.id} is of one client and may not use the platform's credentials")
        return
    if actor.client_id not in {None, client["id"]}:
        raise HiddenError(f"no client {client['slug']!r}", hint=CLIENTS_HINT)
    require(actor, action, Role.ORG_ADMIN, Role.CLIENT_ADMIN, Role.SERVICE)
