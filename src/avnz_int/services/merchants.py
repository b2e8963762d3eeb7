"""Keeps the MerchantAccount of every payment-gateway integration in step with it; reads accounts.

A client integration has one account, in platform mode one that names the platform integration too; a platform
integration has one of its own. Status follows what the integration is worth today. A deleted integration's
account stays, closed, for the transactions that name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from avnz_int import clock
from avnz_int.db import merchants, rows
from avnz_int.db.integrations import CLIENT_TABLE
from avnz_int.errors import AmbiguousRefError, HiddenError, NotFoundError
from avnz_int.model.actor import Actor
from avnz_int.model.enums import Action, Category, Role, Status
from avnz_int.model.lifecycle import effective
from avnz_int.model.views.integrations import MerchantView
from avnz_int.services import access, activation, refs
from avnz_int.services.work import Work


def follow_client(
    connection: Connection, row: Mapping[str, Any], organization_id: str, actor: Actor, moment: datetime
) -> None:
    """Make or update the account of a client integration, given as a row of `db.clients` as it now stands.

    Every change of such a row passes here, so its activation period follows too, whatever its category.
    """
    activation.follow(connection, row, moment)
    if row["category"] != Category.PAYMENT_GATEWAY:
        return
    platform = row["platformStatus"]
    worth = effective(Status(row["status"]), Status(platform) if platform else None)
    values = {
        "name": row["name"],
        "environment": row["environment"],
        "platformIntegrationId": row["platformIntegrationId"],
        "status": worth.value,
        "updatedAt": moment,
        "updatedBy": actor.id,
    }
    links = {"clientId": row["clientId"], "clientIntegrationId": row["id"]}
    _put(
        connection,
        merchants.of_client_integration(connection, row["id"]),
        values,
        links | {"organizationId": organization_id, "provider": row["provider"]},
        actor,
    )


def of_new_client(row: Mapping[str, Any], organization_id: str, actor: Actor) -> dict[str, Any] | None:
    """The account of an own-mode client integration that is just made, to be inserted with others."""
    if row["category"] != Category.PAYMENT_GATEWAY:
        return None
    return {
        "id": clock.new_id(),
        "organizationId": organization_id,
        "clientId": row["clientId"],
        "clientIntegrationId": row["id"],
        "platformIntegrationId": None,
        "provider": row["provider"],
        "name": row["name"],
        "environment": row["environment"],
        "status": row["status"],
        "createdAt": row["updatedAt"],
        "updatedAt": row["updatedAt"],
        "createdBy": actor.id,
        "updatedBy": None,
    }


def follow_platform(connection: Connection, row: Mapping[str, Any], actor: Actor, moment: datetime) -> None:
    """Make or update the platform's own account, and those of the clients that use the integration."""
    if row["category"] != Category.PAYMENT_GATEWAY:
        return
    values = {
        "name": row["name"],
        "environment": row["environment"],
        "status": row["status"],
        "updatedAt": moment,
        "updatedBy": actor.id,
    }
    links = {"platformIntegrationId": row["id"], "organizationId": row["organizationId"]}
    _put(
        connection,
        merchants.of_platform_integration(connection, row["id"]),
        values,
        links | {"provider": row["provider"]},
        actor,
    )
    merchants.follow_platform(connection, row["id"], Status(row["status"]), moment)


def close(connection: Connection, account: Mapping[str, Any] | None, actor: Actor, moment: datetime) -> None:
    """End the account of an integration that is about to be deleted."""
    if account is not None:
        merchants.close(connection, account["id"], moment, actor.id)


def _put(
    connection: Connection,
    account: Mapping[str, Any] | None,
    values: dict[str, Any],
    links: dict[str, Any],
    actor: Actor,
) -> None:
    if account is not None:
        rows.change(connection, merchants.ACCOUNT, account["id"], values)
        return
    made = {"id": clock.new_id(), "createdAt": values["updatedAt"], "createdBy": actor.id, "updatedBy": None}
    rows.add(connection, merchants.ACCOUNT, values | links | made)


class Merchants:
    """Reads merchant accounts."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def listing(self, actor: Actor, *, client: str | None = None) -> list[MerchantView]:
        """The accounts of all, or of one client; in every state."""
        with self._work.reading(actor, Action.MERCHANT_READ) as work:
            client_id = actor.client_id
            if client is not None:
                client_id = refs.client(work.connection, actor, client)["id"]
            access.require(
                actor, Action.MERCHANT_READ, Role.ORG_ADMIN, Role.CLIENT_ADMIN, Role.AUDITOR, Role.SERVICE
            )
            return [_view(row) for row in merchants.listing(work.connection, client_id)]

    def show(self, actor: Actor, ref: str) -> MerchantView:
        """One account, by its id, a prefix of one, or the REF of its integration.

        Raises:
            NotFoundError: none that the actor may know of.
            AmbiguousRefError: several.
        """
        with self._work.reading(actor, Action.MERCHANT_READ) as work:
            access.require(
                actor, Action.MERCHANT_READ, Role.ORG_ADMIN, Role.CLIENT_ADMIN, Role.AUDITOR, Role.SERVICE
            )
            return _view(found(work.connection, actor, ref))


def found(connection: Connection, actor: Actor, ref: str, client: str | None = None) -> rows.Row:
    """The account that its id, a prefix of one, or the REF of its integration names, as in `db.merchants`.

    Args:
        connection: an open transaction.
        actor: who finds only what is theirs.
        ref: with `client`, also the bare name of its integration.
        client: slug.

    Raises:
        NotFoundError: none that the actor may know of.
        AmbiguousRefError: several.
    """
    row = merchants.by_id(connection, ref) if refs.findable(ref) else None
    if row is not None:
        if actor.client_id not in {None, row["clientId"]}:
            raise HiddenError(f"no integration {ref!r}", hint=refs.ANY_HINT)
        return row
    prefixed = merchants.by_id_prefix(connection, ref, actor.client_id) if refs.is_prefix(ref) else []
    if len(prefixed) > 1:
        raise AmbiguousRefError(
            f"{ref!r} fits several merchant accounts",
            details={"candidates": [account["id"] for account in prefixed]},
        )
    # Of a path the client is told by the path, so that whose account it is can be told too.
    return (
        prefixed[0] if prefixed else _of_integration(connection, actor, ref, None if "/" in ref else client)
    )


def _of_integration(connection: Connection, actor: Actor, ref: str, client: str | None) -> rows.Row:
    table, integration = refs.integration(connection, actor, ref, client)
    if table == CLIENT_TABLE:
        account = merchants.of_client_integration(connection, integration["id"])
    else:
        account = merchants.of_platform_integration(connection, integration["id"])
    row = None if account is None else merchants.by_id(connection, account["id"])
    if row is None:
        raise NotFoundError(f"{ref!r} has no merchant account", hint="only payment gateways have one")
    return row


def _view(row: Mapping[str, Any]) -> MerchantView:
    return MerchantView(
        id=row["id"],
        organization_id=row["organizationId"],
        client_id=row["clientId"],
        client=row["client"],
        client_integration_id=row["clientIntegrationId"],
        platform_integration_id=row["platformIntegrationId"],
        provider=row["provider"],
        name=row["name"],
        environment=row["environment"],
        currency=row["currency"],
        status=row["status"],
        external_reference=row["externalReference"],
        created_at=row["createdAt"],
        updated_at=row["updatedAt"],
    )
